"""What was wrong with a body, in OpenAI's words: `param` as a path, a code, and what to do."""

from __future__ import annotations

import re
from typing import Final

from opengateway.dialects.openai_chat.complaints import (
    INVALID_TYPE,
    INVALID_VALUE,
    MISSING,
    UNSUPPORTED,
    missing,
    of_decode_error,
    too_deep,
    wrong,
)
from opengateway.domain.errors import InvalidRequest, NotFound
from opengateway.kit.json import ValidationError

__all__ = [
    "INVALID_TYPE",
    "INVALID_VALUE",
    "MISSING",
    "UNSUPPORTED",
    "missing",
    "not_here",
    "of_decode_error",
    "of_validation_error",
    "too_deep",
    "wrong",
]

_MAX_QUOTED: Final = 200
_WHERE: Final = re.compile(r"(?:`key` in )?`\$(.*)`", re.DOTALL)
_INDEX: Final = re.compile(r"\[\d+\]")
_FIELD: Final = re.compile(r"Object (missing required|contains unknown) field `(.*)`", re.DOTALL)

_WANTED: Final = {
    "model": "a model's id as a string",
    "input": "a string, or a list of items",
    "input[].role": "user, assistant, system or developer",
    "input[].content": "a string or a list of parts",
    "input[].content[]": "an object with 'type'",
    "input[].call_id": "the id of the call, of 1 to 128 characters",
    "input[].output": "a string or a list of parts",
    "instructions": "a string",
    "temperature": "a number from 0 to 2",
    "top_p": "a number from 0 to 1",
    "top_logprobs": "a whole number from 0 to 20",
    "max_output_tokens": "a whole number from 1",
    "tool_choice": "none, auto, required, or an object that names a tool",
    "text.format.type": "text, json_object or json_schema",
    "text.verbosity": "low, medium or high",
    "reasoning.effort": "none, minimal, low, medium, high, xhigh or max",
    "reasoning.summary": "auto, concise or detailed",
    "truncation": "auto or disabled",
    "metadata": "at most 16 texts of at most 512 characters, under names of at most 64",
}
"""What to send instead, by the member's path without indexes."""


def not_here(param: str, message: str) -> NotFound:
    """An id that is not of the caller's team, or of nobody: one answer for both (decision 29)."""
    return NotFound(message, code="not_found", param=param)


def of_validation_error(error: ValidationError, within: str = "") -> InvalidRequest:
    """A member has the wrong type or value, or is missing. `within` is the path of what was read."""
    what, path = _split(str(error))
    path = _joined(within, path)
    if (field := _FIELD.fullmatch(what)) is not None:
        name = _joined(path, field[2][:_MAX_QUOTED])
        if field[1] == "missing required":
            return missing(name, _WANTED.get(_INDEX.sub("[]", name), "it"))
        return wrong(UNSUPPORTED, name, f"{name!r} is not known here; leave it out")
    what = what.replace("`", "")[:_MAX_QUOTED]
    what = what[:1].lower() + what[1:]
    code = INVALID_TYPE if ", got " in what else INVALID_VALUE
    if not path:
        return wrong(code, None, f"the body has the wrong shape: {what}; send one JSON object")
    wanted = _WANTED.get(_INDEX.sub("[]", path), "another value, or leave it out")
    return wrong(code, path, f"{path!r} is wrong: {what}; send {wanted}")


def _joined(head: str, tail: str) -> str:
    return f"{head}.{tail}" if head and tail and not tail.startswith("[") else head + tail


def _split(sentence: str) -> tuple[str, str]:
    """The decoder's sentence without its place, and the place as OpenAI writes it."""
    what, _, where = sentence.rpartition(" - at ")
    found = _WHERE.fullmatch(where)
    if found is None:
        return sentence, ""
    return what, found[1].replace("[...]", "").removeprefix(".")[:_MAX_QUOTED]
