"""What was wrong with a body, in OpenAI's words: `param` as a path, a code, and what to do."""

from __future__ import annotations

import re
from typing import Final

from opengateway.dialects.openai_chat.depth import MAX_DEPTH
from opengateway.dialects.openai_chat.shapes import NOT_SERVED_YET
from opengateway.domain.errors import InvalidRequest
from opengateway.kit.json import DecodeError, ValidationError

INVALID_JSON: Final = "invalid_json"
INVALID_TYPE: Final = "invalid_type"
INVALID_VALUE: Final = "invalid_value"
MISSING: Final = "missing_required_parameter"
UNSUPPORTED: Final = "unsupported_parameter"
TOO_DEEP: Final = "too_deep"

_MAX_QUOTED: Final = 200
"""Characters of the caller's own words that a message repeats."""

# The decoder's own sentence, then where: "Expected `int` <= 5 - at `$.messages[0].x`".
_SENTENCE: Final = re.compile(r"(?P<what>.*?)(?: - at `(?:key in )?\$(?P<path>.*)`)?", re.DOTALL)
_FIELD: Final = re.compile(r"Object (missing required|contains unknown) field `(.*)`", re.DOTALL)


def wrong(code: str, param: str | None, message: str) -> InvalidRequest:
    """An error that names its member."""
    return InvalidRequest(message, code=code, param=param)


def missing(param: str, what: str) -> InvalidRequest:
    return wrong(MISSING, param, f"{param!r} is missing; send {what}")


def too_deep() -> InvalidRequest:
    return wrong(
        TOO_DEEP, None, f"the body is nested deeper than {MAX_DEPTH} levels; send it flatter"
    )


def of_decode_error(error: DecodeError | UnicodeDecodeError) -> InvalidRequest:
    """The body is no JSON at all."""
    what = "it is not UTF-8" if isinstance(error, UnicodeDecodeError) else _lower(str(error))
    return wrong(
        INVALID_JSON,
        None,
        f"the body is not valid JSON ({_cut(what)}); send one JSON object encoded in UTF-8",
    )


def of_validation_error(error: ValidationError) -> InvalidRequest:
    """JSON, but a member has the wrong type or value, is missing, or is not known."""
    found = _SENTENCE.fullmatch(str(error))
    what, path = (found["what"], found["path"] or "") if found else (str(error), "")
    path = _cut(path.replace("[...]", "").removeprefix("."))
    if (field := _FIELD.fullmatch(what)) is not None:
        name = f"{path}.{_cut(field[2])}" if path else _cut(field[2])
        if field[1] == "missing required":
            return wrong(MISSING, name, f"{name!r} is missing; add it")
        if name in NOT_SERVED_YET:
            return wrong(
                UNSUPPORTED, name, f"{name!r} is not served yet; leave it out for the time being"
            )
        return wrong(UNSUPPORTED, name, f"{name!r} is not known here; leave it out")
    what = _lower(_cut(what.replace("`", "")))
    # "Expected `int`, got `str`" is another type; "Expected `int` >= 1" and "Invalid enum value"
    # are the right type with a wrong value.
    code = INVALID_TYPE if ", got " in what else INVALID_VALUE
    if not path:
        return wrong(code, None, f"the body has the wrong shape: {what}; send one JSON object")
    return wrong(code, path, f"{path!r} is wrong: {what}; send a valid value or leave it out")


def _lower(text: str) -> str:
    return text[:1].lower() + text[1:]


def _cut(text: str) -> str:
    return text if len(text) <= _MAX_QUOTED else text[: _MAX_QUOTED - 1] + "…"
