"""This wire for dialects of other shapes. See `ports.translation.CanonicalWire`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import msgspec

from opengateway.domain.canonical import CanonicalRequest
from opengateway.domain.catalog import Endpoint, Provider
from opengateway.domain.chat import ChatRequest, UpstreamCall
from opengateway.domain.errors import UpstreamError
from opengateway.domain.events import Event
from opengateway.wires.openai_chat.canonical_request import chat_of
from opengateway.wires.openai_chat.canonical_stream import OpenAIChatParser, reply_events
from opengateway.wires.openai_chat.delta_events import ORIGIN
from opengateway.wires.openai_chat.error import error_of_status
from opengateway.wires.openai_chat.request import reasoning_member, upstream_call


class OpenAIChatCanonicalWire:
    """OpenAI's Chat Completions, from and to the canonical form. Holds no state."""

    __slots__ = ()

    def request(
        self, request: CanonicalRequest, endpoint: Endpoint, provider: Provider
    ) -> UpstreamCall:
        # As the straight lane does from here on, so that a vendor's rules stand once.
        keeps_blocks = reasoning_member(endpoint, provider) == "keep"
        chat = chat_of(request, keeps_blocks=keeps_blocks)
        call = upstream_call(chat, endpoint, provider, None)
        left_out = _left_out(request, chat)
        if not left_out:
            return call
        return msgspec.structs.replace(call, dropped=(*call.dropped, *left_out))

    def reply(self, body: bytes, endpoint: Endpoint, provider: Provider) -> Sequence[Event]:
        return reply_events(body, provider)

    def parser(self, endpoint: Endpoint, provider: Provider) -> OpenAIChatParser:
        return OpenAIChatParser(provider)

    def error(
        self, status: int, headers: Mapping[str, str], body: bytes, provider: Provider
    ) -> UpstreamError:
        return error_of_status(status, headers, body, provider)


_ABOUT_THE_LOG: Final = frozenset(("metadata", "stream_options", "store", "background"))
_EMPTY: Final = frozenset((b"null", b"false", b"[]", b"{}", b'""'))


def _left_out(request: CanonicalRequest, chat: ChatRequest) -> tuple[str, ...]:
    """What another shape has and this one has no place for: the caller is told of it."""
    if request.dialect == ORIGIN:
        return ()
    tools = ("tools",) if request.server_tools else ()
    return tools + tuple(
        name
        for name, raw in request.extra.items()
        if name not in chat.fields and name not in _ABOUT_THE_LOG and bytes(raw) not in _EMPTY
    )
