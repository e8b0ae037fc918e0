"""How this dialect shows errors and marks the end of a stream."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from opengateway.dialects.openai_chat.decode import decode
from opengateway.domain.chat import ChatRequest
from opengateway.domain.errors import ShownError
from opengateway.kit.json import JsonObject, dumps

DONE: Final = b"data: [DONE]\n\n"
"""The mark of a whole stream. Never sent after an error."""

KEEP_ALIVE: Final = b": opengateway processing\n"
"""A comment. One newline: with two, openai-python <= 2.37 dispatches an empty event."""


def error_body(error: ShownError) -> bytes:
    """The error envelope. Its first four members are OpenAI's, and always there."""
    return dumps({"error": _error(error)})


def error_event(error: ShownError) -> bytes:
    """Trouble after the stream began: one whole event. Close after it, without `DONE`."""
    return b"data: " + error_body(error) + b"\n\n"


def _error(error: ShownError) -> JsonObject:
    shown: JsonObject = {
        "message": error.message,
        "type": error.type,
        "param": error.param,
        "code": error.code,
        "request_id": error.request_id,
    }
    if (lack := error.unavailability) is not None:
        shown["availability"] = {
            "retryable": error.should_retry,
            "retry_after": error.retry_after_s,
            "requested_models": lack.requested,
            "affected_providers": lack.providers,
            "excluded_by": lack.excluded_by,
            "fallback_models": lack.alternatives,
            "constraint": {"field": error.param, "detail": error.message},
        }
    if error.previous:
        shown["metadata"] = {
            "previous_errors": [
                {"provider": provider, "code": code, "status": status}
                for provider, code, status in error.previous
            ]
        }
    return shown


class OpenAIChatDialect:
    """The dialect as the pipeline takes it (`ports.dialect.ChatDialect`). Holds nothing."""

    __slots__ = ()

    name: Final = "openai_chat"
    end_marker: Final = DONE
    keep_alive: Final = KEEP_ALIVE

    def decode(self, body: bytes, headers: Mapping[str, str]) -> ChatRequest:
        return decode(body, headers)

    def shown(self, error: ShownError) -> ShownError:
        return error

    def error_body(self, error: ShownError) -> bytes:
        return error_body(error)

    def error_event(self, error: ShownError) -> bytes:
        return error_event(error)
