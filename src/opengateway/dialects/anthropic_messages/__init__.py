"""Anthropic's Messages as callers speak it.

decode      a body to a `ChatRequest`                  (shapes, blocks, complaints, names, betas)
canonical   a `ChatRequest` to the canonical form      (canonical_turns, seals)
render      events to a stream or a message            (sequence, stops, usage)
straight    to and from a vendor of the same dialect   (straight_request, straight_stream)
dialect     errors, and what the pipeline asks of a dialect
"""

from typing import Final

from opengateway.dialects.anthropic_messages.decode import decode, decode_count
from opengateway.dialects.anthropic_messages.dialect import AnthropicMessagesDialect
from opengateway.dialects.anthropic_messages.render import MessagesRendering
from opengateway.dialects.anthropic_messages.straight import StraightMessagesWire
from opengateway.dialects.anthropic_messages.straight_request import counting_call
from opengateway.dialects.anthropic_messages.texts import counted_texts, tokens_around
from opengateway.ports.dialect import ChatDialect

DIALECT: Final[ChatDialect] = AnthropicMessagesDialect()

__all__ = [
    "DIALECT",
    "AnthropicMessagesDialect",
    "MessagesRendering",
    "StraightMessagesWire",
    "counted_texts",
    "counting_call",
    "decode",
    "decode_count",
    "tokens_around",
]
