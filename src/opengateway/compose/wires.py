"""Every wire as the chat pipeline sees it: straight where it can be, translated where it must."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from opengateway.dialects.openai_chat.render import ChatRendering
from opengateway.domain.catalog import Wire
from opengateway.gateway.translation import TranslatedWire
from opengateway.kit.clock import Clock
from opengateway.kit.ids import NewId
from opengateway.ports.provider import ChatWire
from opengateway.providers.registry import CANONICAL, STRAIGHT_CHAT


def chat_wires(clock: Clock, new_id: NewId) -> Mapping[Wire, ChatWire]:
    rendering = ChatRendering(lambda: clock.now_ns() // 1_000_000_000, new_id)
    translated = {
        wire: TranslatedWire(canonical, rendering) for wire, canonical in CANONICAL.items()
    }
    return MappingProxyType({**translated, **STRAIGHT_CHAT})
