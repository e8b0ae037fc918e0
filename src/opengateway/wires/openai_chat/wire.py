"""The wire itself: one object for every vendor that speaks it. What differs is in the profile."""

from __future__ import annotations

from collections.abc import Mapping

from opengateway.domain.catalog import Endpoint, Provider
from opengateway.domain.chat import ChatReply, ChatRequest, UpstreamCall
from opengateway.domain.errors import UpstreamError
from opengateway.wires.openai_chat.error import error_of_status
from opengateway.wires.openai_chat.plain import plain_reply
from opengateway.wires.openai_chat.reply import caller_reply
from opengateway.wires.openai_chat.request import upstream_call
from opengateway.wires.openai_chat.stream import OpenAIChatStream


class OpenAIChatWire:
    """OpenAI's Chat Completions. See `ports.provider.ChatWire`. Holds no state."""

    __slots__ = ()

    def request(
        self, chat: ChatRequest, endpoint: Endpoint, provider: Provider, team_id: str
    ) -> UpstreamCall:
        return upstream_call(chat, endpoint, provider, team_id)

    def reply(
        self, body: bytes, chat: ChatRequest, endpoint: Endpoint, provider: Provider, model_id: str
    ) -> ChatReply:
        plain = plain_reply(body, provider.profile, model_id)
        return caller_reply(body, provider, model_id) if plain is None else plain

    def stream(
        self, chat: ChatRequest, endpoint: Endpoint, provider: Provider, model_id: str
    ) -> OpenAIChatStream:
        return OpenAIChatStream(provider, model_id, include_usage=chat.include_usage)

    def error(
        self, status: int, headers: Mapping[str, str], body: bytes, provider: Provider
    ) -> UpstreamError:
        return error_of_status(status, headers, body, provider)
