"""Testing a provider's credential from control: one real request, as a gateway would send it."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import Final

from opengateway.compose.credentials import bound, of_vault
from opengateway.compose.listening import SIMULATOR_URL
from opengateway.compose.references import References
from opengateway.compose.wires import chat_wires
from opengateway.compose.zone import Zone
from opengateway.dialects import openai_chat
from opengateway.domain.catalog import Endpoint, Provider, Wire
from opengateway.domain.errors import CallerError, ErrorClass, InvalidRequest, UpstreamError
from opengateway.domain.vault import ProviderSecret
from opengateway.gateway.concealing import conceal
from opengateway.infra.outbound import OutboundLimits
from opengateway.infra.transports import new_transport
from opengateway.kit.clock import Clock
from opengateway.kit.ids import NewId
from opengateway.kit.json import dumps
from opengateway.ports.provider_probe import ProbeResult
from opengateway.ports.transport import Credential, UpstreamRequest, UpstreamTransport

_WITHIN_S: Final = 30.0
_REPLY_BYTES: Final = 1024 * 1024
_LIMITS: Final = OutboundLimits(connections=4, connections_per_origin=2)
_OUTPUT_TOKENS: Final = 16
_LEAST_ERROR: Final = 400


class Prober:
    """Implements `ports.provider_probe.ProviderProbe`."""

    def __init__(self, zone: Zone, clock: Clock, new_id: NewId) -> None:
        self._zone = zone
        self._clock = clock
        self._wires = chat_wires(clock, new_id)
        self._references = References(zone.path.parent, os.environ)

    async def __call__(
        self,
        provider: Provider,
        endpoint: Endpoint | None,
        name: str,
        secret: ProviderSecret | None,
    ) -> ProbeResult:
        """Raises `InvalidRequest` where nothing can be asked."""
        if endpoint is None and provider.wire is not Wire.OPENAI:
            raise InvalidRequest(
                f"{provider.id!r} serves no chat model here, and its wire has no list of models;"
                " add a model first",
                param="model",
            )
        outbound = self._zone.outbound
        transport = new_transport(
            proxy=outbound.proxy,
            ca_file=Path(outbound.ca_file) if outbound.ca_file else None,
            limits=_LIMITS,
        )
        began = self._clock.monotonic()
        status: int | None = None
        error: UpstreamError | None = None
        tokens = 0
        credential = self._credential(provider, name, secret, transport)
        try:
            async with asyncio.timeout(_WITHIN_S):
                status, tokens = await self._asked(provider, endpoint, credential, transport)
        except UpstreamError as found:
            error = found
        except TimeoutError:
            error = UpstreamError(ErrorClass.TIMEOUT_FIRST_TOKEN, "no answer within 30 seconds")
        finally:
            await transport.aclose()
        if error is not None:
            conceal(error, credential)
            status = error.upstream_status
        return ProbeResult(
            ok=error is None,
            status=status,
            took_ms=int((self._clock.monotonic() - began) * 1e3),
            model=endpoint.upstream_model if endpoint is not None else "",
            error=None if error is None else error.error_class.value,
            message="" if error is None else (error.detail or error.message)[:500],
            tokens=tokens,
        )

    def _credential(
        self,
        provider: Provider,
        name: str,
        secret: ProviderSecret | None,
        transport: UpstreamTransport,
    ) -> Credential | None:
        if secret is not None:
            given = of_vault(secret)
        else:
            known = self._zone.secrets.get(provider.id, {}).get(name)
            if known is None:
                return None  # a provider that needs none
            given = known
        return bound(provider, name, given, self._references, transport, self._clock)

    async def _asked(
        self,
        provider: Provider,
        endpoint: Endpoint | None,
        credential: Credential | None,
        transport: UpstreamTransport,
    ) -> tuple[int, int]:
        """Status and tokens. Raises `UpstreamError`, `InvalidRequest`."""
        base = os.environ.get(SIMULATOR_URL, "") if provider.bundled else provider.base_url
        headers = {"content-type": "application/json", "accept": "application/json"}
        wire = self._wires[provider.wire]
        if endpoint is None:
            url, body, method = f"{base}/models", b"", "GET"
            headers = {"accept": "application/json", **provider.headers}
        else:
            chat = openai_chat.DIALECT.decode(_question(endpoint), {})
            try:
                call = wire.request(chat, endpoint, provider, "probe")
            except CallerError as error:
                raise InvalidRequest(error.message, param="model") from None
            url, body, method = (endpoint.base_url or base) + call.path, call.body, "POST"
            headers = {**headers, **provider.headers, **call.headers}
        connect_s = self._zone.routing.connect_s
        request = UpstreamRequest(url, body, headers, credential, connect_s, method)
        response = await transport.send(request)
        try:
            raw = await response.read(_REPLY_BYTES)
        finally:
            await response.release()
        if response.status >= _LEAST_ERROR:
            raise wire.error(response.status, response.headers, raw, provider)
        if endpoint is None:
            return response.status, 0
        reply = wire.reply(raw, chat, endpoint, provider, endpoint.upstream_model)
        usage = reply.meter.usage
        return response.status, sum(usage.quantities.values()) if usage is not None else 0


def _question(endpoint: Endpoint) -> bytes:
    """As little as can be asked. What thinks first needs room for it."""
    tokens = 1024 if endpoint.reasoning else _OUTPUT_TOKENS
    return dumps(
        {
            "model": endpoint.upstream_model,
            "messages": [{"role": "user", "content": "Say hi."}],
            "max_tokens": tokens,
        }
    )
