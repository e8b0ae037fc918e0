"""This wire for dialects of other shapes. See `ports.translation.CanonicalWire`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from opengateway.domain.canonical import CanonicalRequest
from opengateway.domain.catalog import Endpoint, Provider
from opengateway.domain.chat import UpstreamCall
from opengateway.domain.errors import UpstreamError
from opengateway.domain.events import Event
from opengateway.wires.openai_chat.canonical_request import chat_of
from opengateway.wires.openai_chat.canonical_stream import OpenAIChatParser, reply_events
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
        return upstream_call(chat, endpoint, provider, None)

    def reply(self, body: bytes, endpoint: Endpoint, provider: Provider) -> Sequence[Event]:
        return reply_events(body, provider)

    def parser(self, endpoint: Endpoint, provider: Provider) -> OpenAIChatParser:
        return OpenAIChatParser(provider)

    def error(
        self, status: int, headers: Mapping[str, str], body: bytes, provider: Provider
    ) -> UpstreamError:
        return error_of_status(status, headers, body, provider)
