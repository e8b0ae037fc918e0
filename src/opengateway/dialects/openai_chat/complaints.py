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

_WHERE: Final = re.compile(r"(?:`key` in )?`\$(.*)`", re.DOTALL)
_INDEX: Final = re.compile(r"\[\d+\]")
_FIELD: Final = re.compile(r"Object (missing required|contains unknown) field `(.*)`", re.DOTALL)

_WANTED: Final = {
    "model": "a model's id as a string",
    "messages": "a list of at least one message",
    "messages[]": "an object with 'role' and 'content'",
    "messages[].role": "developer, system, user, assistant or tool",
    "messages[].content": "a string or a list of parts",
    "messages[].content[]": "an object with 'type'",
    "temperature": "a number from 0 to 2",
    "top_p": "a number from 0 to 1",
    "frequency_penalty": "a number from -2 to 2",
    "presence_penalty": "a number from -2 to 2",
    "logit_bias": "an object of token ids, each with a number from -100 to 100",
    "top_logprobs": "a whole number from 0 to 20",
    "n": "a whole number from 1 to 128",
    "stop": "a string or a list of at most 4 strings",
    "max_tokens": "a whole number from 1",
    "max_completion_tokens": "a whole number from 1",
    "response_format.type": "text, json_object or json_schema",
    "tool_choice": "none, auto, required, or an object that names a tool",
    "tool_choice.type": "function, custom or allowed_tools",
    "reasoning_effort": "none, minimal, low, medium, high, xhigh or max",
    "verbosity": "low, medium or high",
    "metadata": "at most 16 texts of at most 512 characters, under names of at most 64",
    "functions": "a list of 1 to 128 functions; better, 'tools'",
    "function_call": "none, auto, or an object with a name; better, 'tool_choice'",
    "extra.on_stream_failure": "'error' or 'continue'",
    "provider.data_collection": "'allow' or 'deny'",
    "provider.sort": "'price', 'throughput' or 'latency', or an object with 'by'",
    "provider.sort.by": "'price', 'throughput' or 'latency'",
    "provider.quantizations[]": "int4, int8, fp4, fp6, fp8, fp16, bf16, fp32 or unknown",
    "provider.preferred_max_latency": "seconds above 0, or an object of p50, p75, p90, p99",
    "provider.preferred_min_throughput": "tokens a second, or an object of p50, p75, p90, p99",
    "extra.deadline_ms": "whole milliseconds from 1 to 600000",
    "extra.first_token_timeout_ms": "whole milliseconds from 1 to 600000",
}
"""What to send instead, by the member's path without indexes."""


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
    what = (
        "it is not UTF-8"
        if isinstance(error, UnicodeDecodeError)
        else str(error).removeprefix("JSON is malformed: ")
    )
    return wrong(
        INVALID_JSON,
        None,
        f"the body is not valid JSON ({_lower(_cut(what))}); send one JSON object encoded in UTF-8",
    )


def of_validation_error(error: ValidationError) -> InvalidRequest:
    """JSON, but a member has the wrong type or value, is missing, or is not known."""
    what, path = _split(str(error))
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
    wanted = _WANTED.get(_INDEX.sub("[]", path), "another value, or leave it out")
    return wrong(code, path, f"{path!r} is wrong: {what}; send {wanted}")


def _split(sentence: str) -> tuple[str, str]:
    """The decoder's sentence without its place, and the place as OpenAI writes it.

    "Expected `int` <= 5 - at `$.messages[0].x`" gives `messages[0].x`. What comes last counts: the
    caller's own words may stand before it.
    """
    what, _, where = sentence.rpartition(" - at ")
    found = _WHERE.fullmatch(where)
    if found is None:
        return sentence, ""
    return what, _cut(found[1].replace("[...]", "").removeprefix("."))


def _lower(text: str) -> str:
    return text[:1].lower() + text[1:]


def _cut(text: str) -> str:
    return text if len(text) <= _MAX_QUOTED else text[: _MAX_QUOTED - 1] + "…"
