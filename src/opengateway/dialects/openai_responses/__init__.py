"""OpenAI's Responses as callers speak it: items in, items and events out.

decode      a body to a `ChatRequest`           (shapes, items, complaints)
canonical   a `ChatRequest` to the canonical form   (canonical_items)
render      events to a stream or a response    (render_stream, output, skeleton)
dialect     errors, and what the pipeline asks of a dialect
"""

from typing import Final

from opengateway.dialects.openai_responses.decode import decode, decode_count
from opengateway.dialects.openai_responses.dialect import OpenAIResponsesDialect
from opengateway.dialects.openai_responses.render import ResponsesRendering
from opengateway.ports.dialect import ChatDialect

DIALECT: Final[ChatDialect] = OpenAIResponsesDialect()
KEEPING: Final[ChatDialect] = OpenAIResponsesDialect(keeps=True)
"""For teams whose responses are kept: what a request names was put in its place already."""

__all__ = [
    "DIALECT",
    "KEEPING",
    "OpenAIResponsesDialect",
    "ResponsesRendering",
    "decode",
    "decode_count",
]
