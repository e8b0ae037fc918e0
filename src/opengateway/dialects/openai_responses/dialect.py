"""How this dialect shows errors. Its streams have no end marker of their own: the last event is it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from opengateway.dialects.openai_chat.dialect import KEEP_ALIVE, error_body
from opengateway.dialects.openai_responses.decode import decode
from opengateway.domain.chat import ChatRequest
from opengateway.domain.errors import ShownError
from opengateway.kit.json import dumps

AFTER_ALL: Final = 2**31 - 1
"""The number of an event that stands behind all others, whose count nobody knows here."""


class OpenAIResponsesDialect:
    """The dialect as the pipeline takes it (`ports.dialect.ChatDialect`). Holds no state.

    `keeps`: for teams whose responses are kept. See `decode`.
    """

    __slots__ = ("_keeps",)

    name: Final = "openai_responses"
    end_marker: Final = b""
    keep_alive: Final = KEEP_ALIVE

    def __init__(self, *, keeps: bool = False) -> None:
        self._keeps = keeps

    def decode(self, body: bytes, headers: Mapping[str, str]) -> ChatRequest:
        return decode(body, headers, keeps=self._keeps)

    def shown(self, error: ShownError) -> ShownError:
        return error

    def error_body(self, error: ShownError) -> bytes:
        return error_body(error)

    def error_event(self, error: ShownError) -> bytes:
        """Trouble after the stream began, where its renderer cannot tell it (`broken`)."""
        told = {
            "type": "error",
            "code": error.code,
            "message": error.message,
            "param": error.param,
            "sequence_number": AFTER_ALL,
        }
        return b"event: error\ndata: %b\n\n" % dumps(told)
