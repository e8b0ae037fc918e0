"""Usage in this dialect's words: four kinds of input, none of which holds another (E32)."""

from __future__ import annotations

from typing import Final

from opengateway.domain.chat import ChatRequest, Meter
from opengateway.domain.usage import Dimension, Usage
from opengateway.kit.json import JsonObject

_BYTES_PER_TOKEN: Final = 4
_TOKENS_PER_IMAGE: Final = 1400
"""A megapixel (Anthropic: width x height / 750)."""

WHOLE_USAGE: Final[JsonObject] = {
    "output_tokens_details": None,
    "server_tool_use": None,
    "service_tier": "standard",
    "inference_geo": None,
}
"""What the vendor's document wants in each whole answer, where there is nothing to say."""


def usage_object(usage: Usage) -> JsonObject:
    hour, minutes = usage.of(Dimension.CACHE_WRITE_1H), usage.of(Dimension.CACHE_WRITE)
    shown: JsonObject = {
        "input_tokens": usage.of(Dimension.INPUT, Dimension.AUDIO_INPUT),
        "cache_creation_input_tokens": hour + minutes,
        "cache_read_input_tokens": usage.of(Dimension.CACHE_READ),
        "cache_creation": {
            "ephemeral_5m_input_tokens": minutes,
            "ephemeral_1h_input_tokens": hour,
        },
        "output_tokens": usage.output_tokens,
    }
    if thought := usage.of(Dimension.REASONING):
        shown["output_tokens_details"] = {"thinking_tokens": thought}
    return shown


def estimated_input(chat: ChatRequest) -> Usage:
    """What the input may come to, where the provider tells it at the end only. Never 0 (E33)."""
    facts = chat.facts
    text = max(0, chat.input_bytes - facts.image_bytes)
    tokens = text // _BYTES_PER_TOKEN + facts.images * _TOKENS_PER_IMAGE
    return Usage({Dimension.INPUT: max(1, tokens)}, estimated=True)


def estimated_usage(chat: ChatRequest, told: Usage | None, characters: int) -> Usage:
    """Of a whole answer whose provider told nothing of it."""
    quantities = dict((told or estimated_input(chat)).quantities)
    quantities[Dimension.OUTPUT] = max(1, characters // _BYTES_PER_TOKEN)
    return Usage(quantities, estimated=True)


def usage_of(chat: ChatRequest, meter: Meter) -> Usage:
    return meter.usage or estimated_usage(chat, meter.input_usage, meter.characters)
