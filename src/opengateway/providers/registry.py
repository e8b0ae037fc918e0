"""The wires that providers are made of. Explicit: nothing registers itself on import.

A vendor that speaks one of them is data (`catalog/providers.toml`, or the zone file). One that
composes or wraps a wire gets a module beside this one, and a line here.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from opengateway.domain.catalog import Wire
from opengateway.ports.provider import ChatWire
from opengateway.ports.translation import CanonicalWire
from opengateway.providers.envelopes import ClaudeOnBedrock, ClaudeOnVertex
from opengateway.wires.anthropic.wire import AnthropicWire
from opengateway.wires.bedrock.wire import BedrockWire
from opengateway.wires.cohere import CohereWire
from opengateway.wires.gemini.wire import GeminiWire
from opengateway.wires.openai_chat import OpenAIChatCanonicalWire, OpenAIChatWire
from opengateway.wires.openai_responses import OpenAIResponsesWire

STRAIGHT_CHAT: Mapping[Wire, ChatWire] = MappingProxyType({Wire.OPENAI: OpenAIChatWire()})
"""Wires of the dialect that chat callers speak: their bytes go on, and nothing is translated."""

CANONICAL: Mapping[Wire, CanonicalWire] = MappingProxyType(
    {
        Wire.ANTHROPIC: AnthropicWire(),
        Wire.GEMINI: GeminiWire(),
        Wire.OPENAI_RESPONSES: OpenAIResponsesWire(),
        Wire.BEDROCK: BedrockWire(),
        Wire.ANTHROPIC_BEDROCK: ClaudeOnBedrock(),
        Wire.ANTHROPIC_VERTEX: ClaudeOnVertex(),
        Wire.COHERE: CohereWire(),
    }
)
"""Wires that are reached through the canonical form."""

CHAT_TRANSLATED: CanonicalWire = OpenAIChatCanonicalWire()
"""Chat completions for callers of another dialect, through the canonical form too."""
