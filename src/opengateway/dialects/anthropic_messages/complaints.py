"""What was wrong with a body, in Anthropic's way of naming places: `messages.0.content.1.text`."""

from __future__ import annotations

import re
from typing import Final

from opengateway.dialects.openai_chat.complaints import (
    INVALID_TYPE,
    INVALID_VALUE,
    MISSING,
    of_decode_error,
    too_deep,
)
from opengateway.domain.errors import InvalidRequest, NotFound
from opengateway.kit.json import ValidationError

__all__ = [
    "INVALID_TYPE",
    "INVALID_VALUE",
    "MISSING",
    "missing",
    "not_here",
    "of_decode_error",
    "of_validation_error",
    "too_deep",
    "wrong",
]

_MAX_QUOTED: Final = 200
_WHERE: Final = re.compile(r"(?:`key` in )?`\$(.*)`", re.DOTALL)
_INDEX: Final = re.compile(r"\[(\d+)\]")
_NUMBER: Final = re.compile(r"(?<=\.)\d+(?=\.|$)")
_FIELD: Final = re.compile(r"Object (missing required|contains unknown) field `(.*)`", re.DOTALL)
_WANTED: Final = {
    "model": "a model's id as a string",
    "messages": "a list of at least one message",
    "messages.#": "an object with 'role' and 'content'",
    "messages.#.role": "user or assistant",
    "messages.#.content": "a string or a list of blocks",
    "messages.#.content.#": "an object with 'type'",
    "max_tokens": "a whole number from 0",
    "system": "a string or a list of text blocks",
    "temperature": "a number from 0 to 1",
    "top_p": "a number from 0 to 1",
    "top_k": "a whole number from 0",
    "stop_sequences": "a list of strings",
    "thinking.type": "enabled, adaptive, between_tools or disabled",
    "thinking.budget_tokens": "a whole number from 1024, below 'max_tokens'",
    "tool_choice": "an object with 'type'",
    "tool_choice.type": "auto, any, tool or none",
    "output_config.effort": "low, medium, high, xhigh or max",
    "service_tier": "auto or standard_only",
}
"""What to send instead, by the member's place, with `#` for numbers."""


def wrong(code: str, param: str | None, message: str) -> InvalidRequest:
    return InvalidRequest(message, code=code, param=param)


def missing(param: str, what: str = "") -> InvalidRequest:
    wanted = what or _WANTED.get(_NUMBER.sub("#", param), "it")
    return wrong(MISSING, param, f"{param}: it is missing; send {wanted}")


def not_here(param: str, message: str) -> NotFound:
    """An id that is not of the caller's team, or of nobody: one answer for both (decision 29)."""
    return NotFound(f"{param}: {message}", code="not_found", param=param)


def of_validation_error(error: ValidationError, within: str = "") -> InvalidRequest:
    """A member has the wrong type or value, or is missing. `within` is the place of what was read."""
    what, place = _split(str(error))
    place = _joined(within, place)
    if (field := _FIELD.fullmatch(what)) is not None:
        name = _joined(place, field[2][:_MAX_QUOTED])
        if field[1] == "missing required":
            return missing(name)
        return wrong(INVALID_VALUE, name, f"{name}: it is not known here; leave it out")
    what = what.replace("`", "")[:_MAX_QUOTED]
    what = what[:1].lower() + what[1:]
    code = INVALID_TYPE if ", got " in what else INVALID_VALUE
    if not place:
        return wrong(code, None, f"the body has the wrong shape: {what}; send one JSON object")
    wanted = _WANTED.get(_NUMBER.sub("#", place), "another value, or leave it out")
    return wrong(code, place, f"{place}: {what}; send {wanted}")


def _joined(head: str, tail: str) -> str:
    return f"{head}.{tail}" if head and tail else head or tail


def _split(sentence: str) -> tuple[str, str]:
    """The decoder's sentence without its place, and the place as Anthropic writes it."""
    what, _, where = sentence.rpartition(" - at ")
    found = _WHERE.fullmatch(where)
    if found is None:
        return sentence, ""
    place = _INDEX.sub(r".\1", found[1].replace("[...]", ""))
    return what, place.removeprefix(".")[:_MAX_QUOTED]
