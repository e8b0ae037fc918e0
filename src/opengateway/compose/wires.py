"""Every wire as a surface sees it: straight where it can be, translated where it must."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

from opengateway.dialects.anthropic_messages import (
    MessagesRendering,
    StraightMessagesWire,
    counted_texts,
    counting_call,
    decode_count,
    tokens_around,
)
from opengateway.dialects.openai_chat.render import ChatRendering
from opengateway.dialects.openai_responses.render import ResponsesRendering
from opengateway.domain.catalog import Wire
from opengateway.gateway.echoing import EchoingWire
from opengateway.gateway.token_count import CountingDialect
from opengateway.gateway.translation import Guard, TranslatedWire
from opengateway.kit.clock import Clock
from opengateway.kit.ids import NewId
from opengateway.ports.provider import ChatWire
from opengateway.providers.registry import CANONICAL, CHAT_TRANSLATED, STRAIGHT_CHAT
from opengateway.providers.two_surfaces import TwoSurfaces

MESSAGES_COUNTING: Final = CountingDialect(
    decode_count, counting_call, counted_texts, tokens_around, Wire.ANTHROPIC
)
"""`POST /v1/messages/count_tokens`."""


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
