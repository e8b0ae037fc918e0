"""The way to providers over aiohttp: serves proxies, and is what the own client is compared with."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Final

import aiohttp
from aiohttp.abc import AbstractStreamWriter
from yarl import URL

from opengateway import __version__
from opengateway.domain.errors import ErrorClass, UpstreamError
from opengateway.infra.aiohttp_connector import Attempt, Connector, Handler, current_attempt
from opengateway.infra.outbound import (
    AllowAddress,
    OutboundLimits,
    Target,
    authorization,
    send_authorized,
    target_of,
)
from opengateway.ports.transport import UpstreamRequest, UpstreamResponse

_USER_AGENT: Final = f"opengateway/{__version__}"
_NETWORK_ERRORS: Final = (aiohttp.ClientError, OSError, TimeoutError)
_LARGE_BYTES: Final = 1024 * 1024
_PIECE_BYTES: Final = 256 * 1024
_BODILESS: Final = frozenset((204, 304))
_SWITCHING_PROTOCOLS: Final = 101


class _LargeBody(aiohttp.Payload):
    """Written in pieces, each after the one before left: nothing is copied whole."""

    def __init__(self, body: bytes) -> None:
        super().__init__(memoryview(body))
        self._size = len(body)

    def decode(self, encoding: str = "utf-8", errors: str = "strict") -> str:
        return bytes(self._value).decode(encoding, errors)

    async def write(self, writer: AbstractStreamWriter) -> None:
        for at in range(0, len(self._value), _PIECE_BYTES):
            await writer.write(self._value[at : at + _PIECE_BYTES])


class AiohttpTransport:
    """Implements `ports.transport.UpstreamTransport`. Make it within a running loop.

    `proxy` is used for every host but loopback ones (the bundled simulator). Then names are
    resolved by the proxy, and `allow_address` sees the proxy's own address. Without
    `allow_address` whatever the zone configures is allowed: no URL ever comes from a caller.
    """

    def __init__(
        self,
        *,
        proxy: str | None = None,
        ca_file: Path | None = None,
        allow_address: AllowAddress | None = None,
        limits: OutboundLimits | None = None,
    ) -> None:
        self._limits = limits or OutboundLimits()
        self._proxy = proxy
        self._allow = allow_address
        self._session = aiohttp.ClientSession(
            connector=Connector(self._limits, ca_file, allow_address),
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            trust_env=False,
            read_bufsize=self._limits.buffer_bytes,
            max_line_size=self._limits.header_bytes,
            max_field_size=self._limits.header_bytes,
            max_headers=self._limits.headers,
        )

    async def send(self, request: UpstreamRequest) -> UpstreamResponse:
        if request.credential is not None and request.credential.authorizer is not None:
            return await send_authorized(self.send, request)
        target = target_of(request.url)
        headers = _headers(request, target)
        if (
            self._allow is not None
            and target.literal is not None
            and not self._allow(target.literal, target.literal)
        ):
            raise UpstreamError(
                ErrorClass.CONNECT, "the provider's address is not allowed by the outbound rules"
            )
        response = await self._send_once(request, target, headers, Attempt(fresh_only=False))
        if response is None:
            attempt = Attempt(fresh_only=True)
            response = await self._send_once(request, target, headers, attempt)
            assert response is not None, "a fresh connection is never replayed"
        return response

    async def _send_once(
        self,
        request: UpstreamRequest,
        target: Target,
        headers: Mapping[str, str],
        attempt: Attempt,
    ) -> AiohttpResponse | None:
        """None when a kept connection was found closed: nothing was lost by sending again.

        Raises `UpstreamError`.
        """
        body = request.body
        token = current_attempt.set(attempt)
        try:
            response = await self._session.request(
                request.method,
                # What is signed is signed as it is written: an escape undone is another address.
                URL(request.url, encoded=True) if request.unique else request.url,
                data=body if len(body) <= _LARGE_BYTES else _LargeBody(body),
                headers=headers,
                allow_redirects=False,
                proxy=None if target.is_loopback else self._proxy,
                timeout=_timeout(request.connect_timeout_s),
            )
        except _NETWORK_ERRORS as error:
            attempt.abort()
            if attempt.may_be_replayed:
                return None
            # What was not HTTP is quoted by aiohttp, and may hold the key that was sent.
            quotes = isinstance(error, aiohttp.ClientResponseError)
            raise _not_answered(error, attempt) from (None if quotes else error)
        except BaseException:
            attempt.abort()
            raise
        finally:
            current_attempt.reset(token)
        assert attempt.handler is not None
        answer = AiohttpResponse(response, attempt.handler, self._limits)
        if response.status == _SWITCHING_PROTOCOLS:
            answer.abort()
            raise UpstreamError(ErrorClass.MALFORMED, "the provider switched protocols unasked")
        return answer

    async def aclose(self) -> None:
        await self._session.close()


class AiohttpResponse:
    """Implements `ports.transport.UpstreamResponse`."""

    __slots__ = (
        "_content",
        "_handler",
        "_limits",
        "_response",
        "_until_close",
        "headers",
        "status",
    )

    def __init__(
        self, response: aiohttp.ClientResponse, handler: Handler, limits: OutboundLimits
    ) -> None:
        self.status: int = response.status
        self.headers: Mapping[str, str] = {
            name.lower(): value for name, value in response.headers.items()
        }
        self._response = response
        self._content = response.content
        self._handler = handler
        self._limits = limits
        self._until_close = (
            "content-length" not in self.headers
            and "transfer-encoding" not in self.headers
            and response.status not in _BODILESS
        )

    async def read(self, limit_bytes: int) -> bytes:
        parts: list[bytes] = []
        size = 0
        while part := await self.chunk():
            size += len(part)
            if size > limit_bytes:
                self.abort()
                raise UpstreamError(
                    ErrorClass.MALFORMED,
                    f"the provider's answer is larger than {limit_bytes} bytes",
                    upstream_status=self.status,
                )
            parts.append(part)
        return parts[0] if len(parts) == 1 else b"".join(parts)

    async def chunk(self) -> bytes:
        try:
            data = await self._content.readany()
        except _NETWORK_ERRORS as error:
            self.abort()
            raise self._broken(error) from error
        except BaseException:
            self.abort()
            raise
        if not data:
            lost_by = self._handler.lost_by if self._until_close else None
            broken_by = self._content.exception() or lost_by
            if broken_by is not None:
                self.abort()
                raise self._broken(broken_by)
        return data

    async def pump(self, sink: Callable[[bytes], bool]) -> bool:
        while data := await self.chunk():
            if not sink(data):
                return False
        return True

    def _broken(self, error: BaseException) -> UpstreamError:
        return UpstreamError(
            ErrorClass.ABORTED,
            "the provider's connection broke while it answered",
            upstream_status=self.status,
            detail=_describe(error),
        )

    async def release(self) -> None:
        # aiohttp puts a connection back at the very moment when its answer is complete.
        if self._response.connection is None:
            return
        try:
            async with asyncio.timeout(self._limits.drain_s):
                rest = self._limits.drain_bytes
                while rest > 0 and (data := await self._content.readany()):
                    rest -= len(data)
        except _NETWORK_ERRORS:
            pass
        except BaseException:
            self.abort()
            raise
        self.abort()

    def abort(self) -> None:
        """Without effect once the answer is complete: the connection is another's by then."""
        connection = self._response.connection
        if connection is not None and connection.transport is not None:
            connection.transport.abort()
        self._response.close()


@lru_cache(maxsize=256)
def _timeout(connect_s: float) -> aiohttp.ClientTimeout:
    """Waiting for a free connection, names, TCP and TLS together. Other clocks are not ours."""
    return aiohttp.ClientTimeout(total=None, connect=connect_s, sock_connect=connect_s)


def _headers(request: UpstreamRequest, target: Target) -> dict[str, str]:
    headers = {name.lower(): value for name, value in request.headers.items()}
    headers["accept-encoding"] = "identity"
    headers.setdefault("user-agent", _USER_AGENT)
    if request.credential is not None:
        name, value = authorization(request.credential, target)
        headers[name] = value
    return headers


def _not_answered(error: BaseException, attempt: Attempt) -> UpstreamError:
    if attempt.handler is None:
        return UpstreamError(
            ErrorClass.CONNECT, "the provider could not be reached", detail=_describe(error)
        )
    if isinstance(error, aiohttp.ClientResponseError):
        return UpstreamError(
            ErrorClass.MALFORMED, "the provider's answer is not HTTP", detail=_describe(error)
        )
    return UpstreamError(
        ErrorClass.ABORTED,
        "the provider's connection broke before it answered",
        detail=_describe(error),
    )


def _describe(error: BaseException) -> str:
    """What happened, for the record. Never a URL: a proxy's holds a password; nor what came."""
    name = type(error).__name__
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        return f"{name}: {error.certificate_error}"
    if isinstance(error, OSError) and error.strerror:
        return f"{name}: {error.strerror}"
    if isinstance(error, aiohttp.ClientPayloadError):
        return f"{name}: {error}"
    return name
