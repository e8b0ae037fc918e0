"""How many tokens a conversation has: never charged, and never in the journal.

The provider itself is asked where it speaks the caller's dialect. Else the count is ours: exact
where the model's vocabulary is at hand, by the model's ratio of bytes where it is not. Which of the
three it was is told in a header.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Final

import msgspec

from opengateway.domain.catalog import Endpoint, Provider
from opengateway.domain.chat import ChatRequest, UpstreamCall
from opengateway.domain.errors import ErrorClass, UpstreamError
from opengateway.domain.principal import Principal
from opengateway.domain.routing import Candidate
from opengateway.gateway.counting import MAX_INPUT_BYTES
from opengateway.gateway.pricing import input_estimate
from opengateway.gateway.resolve import plan_chat
from opengateway.gateway.services import GatewayServices
from opengateway.kit.json import loads
from opengateway.ports.transport import UpstreamRequest

HEADER: Final = "x-opengateway-token-count"
ASKED_AT_ONCE: Final = 32
"""Counts that wait for a provider; what comes meanwhile is counted here."""
PATIENCE_S: Final = 10.0
_ANSWER_BYTES: Final = 64 * 1024
_CALLERS: Final = frozenset((ErrorClass.BAD_REQUEST, ErrorClass.CONTEXT_EXCEEDED))
"""What a provider says that is the caller's to mend. All else is a reason to count ourselves."""


class Means(StrEnum):
    """How a count was made: the header's value."""

    PROVIDER = "provider"
    EXACT = "exact"
    ESTIMATED = "estimated"


class CountingDialect(msgspec.Struct, frozen=True):
    """What a dialect gives for counting.

    `decode` checks a request; `call` makes the one for a provider that `counts`; `texts` and `around`
    are what our own count is of, and what the format adds; `told` is the answer's body.
    """

    decode: Callable[[bytes, Mapping[str, str]], ChatRequest]
    call: Callable[[ChatRequest, Endpoint, Provider, str], UpstreamCall]
    texts: Callable[[ChatRequest], list[str]]
    around: Callable[[ChatRequest], int]
    counts: Callable[[Provider], bool]
    told: Callable[[int], bytes]


class TokenCounting:
    """Counts for the callers of one dialect. One object serves all requests."""

    __slots__ = ("_asking", "_dialect", "_services")

    def __init__(self, services: GatewayServices, dialect: CountingDialect) -> None:
        self._services = services
        self._dialect = dialect
        self._asking = 0

    async def count(
        self, body: bytes, headers: Mapping[str, str], principal: Principal
    ) -> tuple[int, Means]:
        """Raises what decoding and the choice of an endpoint raise, and `UpstreamError` for what a
        provider says that is the caller's to mend."""
        services = self._services
        chat = self._dialect.decode(body, headers)
        plan = plan_chat(chat, principal, services.snapshots.current())
        for candidate in plan.candidates:
            if self._dialect.counts(candidate.provider) and self._asking < ASKED_AT_ONCE:
                told = await self._asked(chat, candidate, principal.team_id)
                if told is not None:
                    return told, Means.PROVIDER
                break
        endpoint = plan.candidates[0].endpoint
        exact = await self._counted(chat, endpoint)
        if exact is not None:
            return exact, Means.EXACT
        return max(1, input_estimate(chat, endpoint)), Means.ESTIMATED

    def body(self, tokens: int) -> bytes:
        return self._dialect.told(tokens)

    async def _counted(self, chat: ChatRequest, endpoint: Endpoint) -> int | None:
        """Exact for text: what an image or a file comes to is the vendor's affair."""
        counter, facts = self._services.tokens, chat.facts
        if counter is None or not endpoint.token_encoding or chat.input_bytes > MAX_INPUT_BYTES:
            return None
        if facts.modalities != {"text"}:
            return None
        dialect = self._dialect
        counts = await counter.count_exact(lambda: [dialect.texts(chat)], endpoint.token_encoding)
        return None if counts is None else counts[0] + dialect.around(chat)

    async def _asked(self, chat: ChatRequest, candidate: Candidate, team_id: str) -> int | None:
        """None where the provider does not answer, or not so: nobody is the worse for it."""
        provider, services = candidate.provider, self._services
        call = self._dialect.call(chat, candidate.endpoint, provider, team_id)
        request = UpstreamRequest(
            services.base_urls.get(provider.id, provider.base_url) + call.path,
            call.body,
            {"content-type": "application/json", **provider.headers, **call.headers},
            services.credentials.get((provider.id, candidate.credential or "")),
            services.snapshots.current().routing.connect_s,
        )
        self._asking += 1
        try:
            async with asyncio.timeout(PATIENCE_S):
                response = await services.transport.send(request)
                try:
                    answer = await response.read(_ANSWER_BYTES)
                except BaseException:
                    response.abort()
                    raise
                await response.release()
        except (UpstreamError, TimeoutError):
            return None
        finally:
            self._asking -= 1
        if response.status >= 300:
            wire = services.wires[provider.wire]
            error = wire.error(response.status, response.headers, answer, provider)
            if error.error_class in _CALLERS:
                raise error
            return None
        return _told(answer)


def _told(answer: bytes) -> int | None:
    try:
        told = loads(answer)
    except (ValueError, RecursionError):
        return None
    count = told.get("input_tokens") if isinstance(told, dict) else None
    return count if isinstance(count, int) and not isinstance(count, bool) and count >= 0 else None
