"""How this dialect shows errors and marks the end of a stream (reference: providers, A.8 and C.1)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from opengateway.dialects.anthropic_messages.decode import decode
from opengateway.domain.chat import ChatRequest
from opengateway.domain.errors import ShownError
from opengateway.kit.json import JsonObject, dumps

END: Final = b'event: message_stop\ndata: {"type":"message_stop"}\n\n'
"""The mark of a whole stream. Never sent after an error."""
KEEP_ALIVE: Final = b'event: ping\ndata: {"type":"ping"}\n\n'
OVERLOADED: Final = 529
_TYPES: Final = {
    400: "invalid_request_error",
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    503: "overloaded_error",
    504: "timeout_error",
    OVERLOADED: "overloaded_error",
}
_TOO_LONG: Final = "prompt is too long"
"""The vendor's own words: clients make the conversation shorter when they read them."""
_TOO_LONG_CODES: Final = frozenset(("context_length_exceeded", "context_exceeded"))


def as_shown_here(error: ShownError) -> ShownError:
    """The same error with this dialect's status, type and wording.

    No capacity is 529 here and not 503; a provider's own answer is shown with its own status.
    """
    status, message = error.status, error.message
    if error.body:
        return replace(error, type=_TYPES.get(status, "invalid_request_error"))
    if status == 503 and error.should_retry:
        status = OVERLOADED
    if error.code in _TOO_LONG_CODES and _TOO_LONG not in message.lower():
        message = f"{_TOO_LONG}: {message}"
    return replace(error, status=status, type=_type_of(status), message=message)


def _type_of(status: int) -> str:
    return _TYPES.get(status, "invalid_request_error" if 400 <= status < 500 else "api_error")


def error_body(error: ShownError) -> bytes:
    """The error envelope. `code` and `param` are ours, beside what the vendor tells."""
    return error.body or dumps(_envelope(error))


def error_event(error: ShownError) -> bytes:
    """Trouble after the stream began: one whole event. Close after it, without the end."""
    return b"event: error\ndata: %b\n\n" % dumps(_envelope(error))


def _envelope(error: ShownError) -> JsonObject:
    shown = as_shown_here(replace(error, body=b""))
    told: JsonObject = {"type": shown.type, "message": shown.message, "code": shown.code}
    if shown.param is not None:
        told["param"] = shown.param
    return {"type": "error", "error": told, "request_id": shown.request_id}


class AnthropicMessagesDialect:
    """The dialect as the pipeline takes it (`ports.dialect.ChatDialect`). Holds nothing."""

    __slots__ = ()

    name: Final = "anthropic_messages"
    end_marker: Final = END
    keep_alive: Final = KEEP_ALIVE

    def decode(self, body: bytes, headers: Mapping[str, str]) -> ChatRequest:
        return decode(body, headers)

    def shown(self, error: ShownError) -> ShownError:
        return as_shown_here(error)

    def error_body(self, error: ShownError) -> bytes:
        return error_body(error)

    def error_event(self, error: ShownError) -> bytes:
        return error_event(error)
