"""Every wire as a surface sees it: straight where it can be, translated where it must."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from types import MappingProxyType
from typing import Final

from opengateway.dialects import openai_responses
from opengateway.dialects.anthropic_messages import (
    MessagesRendering,
    StraightMessagesWire,
    counted_texts,
    counting_call,
    decode_count,
    tokens_around,
)
from opengateway.dialects.openai_chat.render import ChatRendering
from opengateway.dialects.openai_responses import ResponsesRendering
from opengateway.domain.catalog import Endpoint, Provider, Wire
from opengateway.domain.chat import ChatRequest, UpstreamCall
from opengateway.gateway.counting import input_texts
from opengateway.gateway.counting import tokens_around as message_tokens
from opengateway.gateway.echoing import EchoingWire
from opengateway.gateway.token_count import CountingDialect
from opengateway.gateway.translation import Guard, TranslatedWire
from opengateway.kit.clock import Clock
from opengateway.kit.ids import NewId
from opengateway.kit.json import dumps
from opengateway.ports.provider import ChatWire
from opengateway.providers.registry import CANONICAL, CHAT_TRANSLATED, STRAIGHT_CHAT
from opengateway.providers.two_surfaces import TwoSurfaces
from opengateway.wires.openai_responses.request import counting_of

_OPENAI: Final = (Wire.OPENAI, Wire.OPENAI_RESPONSES)

MESSAGES_COUNTING: Final = CountingDialect(
    decode_count,
    counting_call,
    counted_texts,
    tokens_around,
    lambda provider: provider.wire is Wire.ANTHROPIC,
    lambda tokens: dumps({"input_tokens": tokens}),
)
"""`POST /v1/messages/count_tokens`."""


def responses_counting(clock: Clock, *, keeps: bool = False) -> CountingDialect:
    """`POST /v1/responses/input_tokens`. `keeps`: what a request names was put in its place."""
    rendering = ResponsesRendering(_seconds(clock), with_turns=False)
    wire = EchoingWire(CANONICAL[Wire.OPENAI_RESPONSES], rendering)

    def call(
        chat: ChatRequest, endpoint: Endpoint, provider: Provider, team_id: str
    ) -> UpstreamCall:
        return counting_of(wire.request(chat, endpoint, provider, team_id))

    return CountingDialect(
        partial(openai_responses.decode_count, keeps=keeps),
        call,
        input_texts,
        message_tokens,
        lambda provider: provider.profile.responses == "sealed" and provider.wire in _OPENAI,
        lambda tokens: dumps({"object": "response.input_tokens", "input_tokens": tokens}),
    )


def chat_wires(clock: Clock, new_id: NewId) -> Mapping[Wire, ChatWire]:
    rendering = ChatRendering(_seconds(clock), new_id)
    wires: dict[Wire, ChatWire] = {
        wire: TranslatedWire(canonical, rendering) for wire, canonical in CANONICAL.items()
    }
    wires |= STRAIGHT_CHAT
    wires[Wire.OPENAI] = TwoSurfaces(
        wires[Wire.OPENAI], wires[Wire.OPENAI_RESPONSES], prefers_responses=False
    )
    return MappingProxyType(wires)


def responses_wires(clock: Clock, new_id: NewId) -> Mapping[Wire, ChatWire]:
    """For callers of `POST /v1/responses`."""
    rendering = ResponsesRendering(_seconds(clock), new_id)
    wires: dict[Wire, ChatWire] = {
        wire: EchoingWire(canonical, rendering) for wire, canonical in CANONICAL.items()
    }
    own = ResponsesRendering(_seconds(clock), new_id, with_turns=False)
    wires[Wire.OPENAI_RESPONSES] = EchoingWire(CANONICAL[Wire.OPENAI_RESPONSES], own)
    wires[Wire.OPENAI] = TwoSurfaces(
        EchoingWire(CHAT_TRANSLATED, rendering),
        wires[Wire.OPENAI_RESPONSES],
        prefers_responses=True,
    )
    return MappingProxyType(wires)


def messages_wires(new_id: NewId) -> Mapping[Wire, ChatWire]:
    """For callers of `POST /v1/messages`."""
    rendering = MessagesRendering(new_id)
    wires: dict[Wire, ChatWire] = {
        wire: EchoingWire(canonical, rendering) for wire, canonical in CANONICAL.items()
    }
    wires[Wire.ANTHROPIC] = StraightMessagesWire(CANONICAL[Wire.ANTHROPIC], Guard)
    wires[Wire.OPENAI] = TwoSurfaces(
        EchoingWire(CHAT_TRANSLATED, rendering),
        wires[Wire.OPENAI_RESPONSES],
        prefers_responses=False,
    )
    return MappingProxyType(wires)


def _seconds(clock: Clock) -> Callable[[], int]:
    return lambda: clock.now_ns() // 1_000_000_000
