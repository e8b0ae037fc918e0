"""`usage` of this shape: read as the chat wire reads it, and written in its own words."""

from __future__ import annotations

from opengateway.domain.usage import Dimension, Usage
from opengateway.kit.json import JsonObject
from opengateway.wires.openai_chat.usage import usage_of

__all__ = ["usage_object", "usage_of"]


def usage_object(usage: Usage) -> JsonObject:
    """Totals include their parts, and all details are there: clients read them unasked."""
    return {
        "input_tokens": usage.input_tokens,
        "input_tokens_details": {
            "cached_tokens": usage.of(Dimension.CACHE_READ),
            "cache_write_tokens": usage.of(Dimension.CACHE_WRITE, Dimension.CACHE_WRITE_1H),
        },
        "output_tokens": usage.output_tokens,
        "output_tokens_details": {"reasoning_tokens": usage.of(Dimension.REASONING)},
        "total_tokens": usage.input_tokens + usage.output_tokens,
    }
