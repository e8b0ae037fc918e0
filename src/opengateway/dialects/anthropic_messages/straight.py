"""The straight lane: the caller's dialect is the vendor's. Bytes pass, and the meter reads along."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from opengateway.dialects.anthropic_messages.straight_request import straight_call
from opengateway.dialects.anthropic_messages.straight_stream import StraightStream
from opengateway.domain.catalog import Endpoint, Provider
from opengateway.domain.chat import ChatReply, ChatRequest, UpstreamCall
from opengateway.domain.errors import UpstreamError
from opengateway.kit.json import Raw, dumps, loads, loads_raw_object
from opengateway.ports.translation import CanonicalWire, EventGuard


class StraightMessagesWire:
    """Implements `ports.provider.ChatWire`. Holds no state.

    `wire` reads answers and errors; `new_guard` makes what counts an answer, by the provider's id.
    """

    __slots__ = ("_new_guard", "_wire")

    def __init__(self, wire: CanonicalWire, new_guard: Callable[[str], EventGuard]) -> None:
        self._wire = wire
        self._new_guard = new_guard

    def request(
        self, chat: ChatRequest, endpoint: Endpoint, provider: Provider, team_id: str
    ) -> UpstreamCall:
        return straight_call(chat, endpoint, provider, team_id)

    def reply(
        self, body: bytes, chat: ChatRequest, endpoint: Endpoint, provider: Provider, model_id: str
    ) -> ChatReply:
        guard = self._new_guard(provider.id)
        guard.take(self._wire.reply(body, endpoint, provider))
        guard.close()
        if guard.error is not None:
            raise guard.error
        members = loads_raw_object(body)
        members["model"] = Raw(dumps(model_id))
        return ChatReply(dumps(members), guard.meter)

    def stream(
        self, chat: ChatRequest, endpoint: Endpoint, provider: Provider, model_id: str
    ) -> StraightStream:
        parser = self._wire.parser(endpoint, provider)
        return StraightStream(parser, self._new_guard(provider.id), model_id)

    def error(
        self, status: int, headers: Mapping[str, str], body: bytes, provider: Provider
    ) -> UpstreamError:
        """With the vendor's own words: clients of this dialect mend themselves by them."""
        error = self._wire.error(status, headers, body, provider)
        if 400 <= status < 500 and _is_error(body):
            error.body = body
        return error


def _is_error(body: bytes) -> bool:
    try:
        document = loads(body)
    except (ValueError, RecursionError):
        return False
    return (
        isinstance(document, dict)
        and document.get("type") == "error"
        and isinstance(document.get("error"), dict)
    )
