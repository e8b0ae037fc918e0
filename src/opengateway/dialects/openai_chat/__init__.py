"""OpenAI's chat completions as callers speak it: request in, errors and stream marks out."""

from typing import Final

from opengateway.dialects.openai_chat.decode import decode
from opengateway.dialects.openai_chat.dialect import (
    DONE,
    KEEP_ALIVE,
    OpenAIChatDialect,
    error_body,
    error_event,
)
from opengateway.dialects.openai_chat.render import ChatRendering
from opengateway.ports.dialect import ChatDialect

DIALECT: Final[ChatDialect] = OpenAIChatDialect()

__all__ = [
    "DIALECT",
    "DONE",
    "KEEP_ALIVE",
    "ChatRendering",
    "OpenAIChatDialect",
    "decode",
    "error_body",
    "error_event",
]
