"""What the tests of the Messages surface share: its lanes, requests to it, and what they give."""

from __future__ import annotations

import json
from typing import Any

from anthropic_wire import PROVIDER
from opengateway.checks.replay import endpoint_for
from opengateway.compose.wires import messages_wires
from opengateway.dialects.anthropic_messages import MessagesRendering, decode
from opengateway.dialects.anthropic_messages.dialect import END
from opengateway.domain.catalog import Endpoint, Provider, Wire
from opengateway.domain.chat import ChatRequest, UpstreamCall
from opengateway.gateway.echoing import EchoingStream, EchoingWire
from opengateway.ports.provider import ChatStream, ChatWire
from opengateway.providers.registry import CANONICAL, CHAT_TRANSLATED

MODEL_ID = "acme/model"
TEAM = "team_1"
RENDERING = MessagesRendering(lambda prefix: f"{prefix}made")
WIRES = messages_wires(lambda prefix: f"{prefix}made")
STRAIGHT = WIRES[Wire.ANTHROPIC]
TRANSLATED = EchoingWire(CANONICAL[Wire.ANTHROPIC], RENDERING)
"""The same wire by way of events."""
OPENAI = EchoingWire(CHAT_TRANSLATED, RENDERING)
Json = dict[str, Any]


def body(**members: Any) -> Json:
    return {
        "model": MODEL_ID,
        "max_tokens": 1000,
        "messages": [{"role": "user", "content": "Hello"}],
        **members,
    }


def chat(headers: dict[str, str] | None = None, **members: Any) -> ChatRequest:
    return decode(json.dumps(body(**members)).encode(), headers or {})


def endpoint(provider: Provider = PROVIDER, model: str = "claude-sonnet-4-5") -> Endpoint:
    return endpoint_for(provider, model)


def call(
    wire: ChatWire, request: ChatRequest, provider: Provider = PROVIDER, model: str = "upstream"
) -> UpstreamCall:
    return wire.request(request, endpoint(provider, model), provider, TEAM)


def sent(
    wire: ChatWire, request: ChatRequest, provider: Provider = PROVIDER, model: str = "upstream"
) -> Json:
    told: Json = json.loads(call(wire, request, provider, model).body)
    return told


def begun(wire: ChatWire, provider: Provider = PROVIDER, **members: Any) -> ChatStream:
    return wire.stream(chat(stream=True, **members), endpoint(provider), provider, MODEL_ID)


def ending(stream: ChatStream) -> bytes:
    """What the relay sends after the record, of a stream that ended well."""
    if not stream.done:
        return b""
    return stream.ending if isinstance(stream, EchoingStream) else END
