"""How an answer ended, against what its case says: shared by all that replay."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from opengateway.domain.chat import FINISH_REASONS
from opengateway.domain.errors import ErrorClass, UpstreamError
from opengateway.domain.events import Event, Failure
from opengateway.kit.json import JsonObject, loads

_OTHER: Final = "other("
"""What a case says of a word that is none of OpenAI's five: `other(the vendor's word)`."""


def finish_fits(wanted: object, got: str | None) -> bool:
    """Whether `got` is what the case says. A word of the vendor's own is told as one of the five; a
    choice that called a tool ends with that, whatever the vendor calls it."""
    if wanted in FINISH_REASONS:
        return got == wanted or (wanted == "stop" and got == "tool_calls")
    return got is None or got in FINISH_REASONS


def failure_fits(expect: JsonObject, error: UpstreamError) -> bool:
    """Whether a failure is what the vendor said: an error in its stream, or a word that gives up."""
    told: Any = expect.get("stream_error")
    if told is not None:
        return error.detail.startswith(str(told.get("message") or ""))
    finish, code = expect.get("finish"), error.upstream_code or ""
    if finish == "content_filter" and error.error_class is ErrorClass.CONTENT_FILTER:
        return not expect.get("text")  # nothing was answered: told as a refusal
    if finish == f"{_OTHER}failed)":  # Responses
        return True
    return isinstance(finish, str) and bool(code) and finish == f"{_OTHER}{code})"


def failed_as_told(events: Sequence[Event], expect: JsonObject) -> bool | None:
    """Whether the last event is a failure that the case tells of; None where it is none."""
    last = events[-1] if events else None
    return failure_fits(expect, last.error) if isinstance(last, Failure) else None


def arguments_of(text: str) -> Any:
    """A call's arguments as a value; as text where a limit cut them off."""
    try:
        return loads(text)
    except ValueError:
        return text
