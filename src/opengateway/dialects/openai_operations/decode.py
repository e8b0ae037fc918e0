"""What all operations' requests have in common: the body as JSON, and what is ours in it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeVar, cast

import msgspec

from opengateway.dialects.openai_chat import complaints as bad
from opengateway.dialects.openai_chat.depth import MAX_DEPTH, depth_of
from opengateway.dialects.openai_chat.extras import (
    strictness,
    targets,
    timeouts,
    who,
    wishes,
    without_going_on,
)
from opengateway.dialects.openai_chat.shapes import OUR_MEMBERS
from opengateway.dialects.openai_operations.shapes import MAX_DOCUMENTS, MAX_INPUTS, Ours
from opengateway.domain.catalog import ModelKind
from opengateway.domain.chat import ChatFacts, ChatRequest, Upload
from opengateway.domain.errors import InvalidRequest
from opengateway.domain.operations import Demand
from opengateway.kit.json import DecodeError, RawObject, ValidationError, loads_raw_object

if TYPE_CHECKING:
    from opengateway.dialects.openai_chat.shapes import Params as ChatParams

Read = TypeVar("Read", bound=Ours)

NO_OUTPUT: Final = ChatFacts(max_output_tokens=1, modalities=frozenset())
"""What the input is, the model's kind says already."""
_MAX_VALUES: Final = 4_000_000
"""Commas and brackets of a body: each token of an input is a value."""
_PLACE: Final = re.compile(r"(?:`key` in )?`\$(.*)`", re.DOTALL)
_MISSING: Final = re.compile(r"Object missing required field `(.*)`", re.DOTALL)
_WANTED: Final = {
    "model": "a model's id as a string",
    "input": f"a string, or a list of 1 to {MAX_INPUTS} of them",
    "prompt": "a string that is not empty, or a list of them",
    "query": "a string that is not empty",
    "documents": f"a list of 1 to {MAX_DOCUMENTS} strings",
    "top_n": "a whole number from 1",
    "encoding_format": "'float' or 'base64'",
    "dimensions": "a whole number from 1",
    "n": "a whole number within the operation's range",
    "size": "'auto', or a width and a height such as '1024x1024'",
    "response_format": "one of the operation's formats",
    "voice": "a voice's name as a string",
    "speed": "a number from 0.25 to 4",
    "max_tokens": "a whole number from 0",
    "logprobs": "a whole number from 0 to 5",
    "best_of": "a whole number from 0 to 20",
    "temperature": "a number within the operation's range",
}


def read_json(body: bytes, kind: type[Read], needs: str) -> tuple[RawObject, Read]:
    """The members as bytes and as types. `needs` is what the body must have, in words.

    Raises `InvalidRequest`.
    """
    if not body:
        raise bad.wrong(
            bad.INVALID_JSON, None, f"the body is empty; send a JSON object with {needs}"
        )
    if body.count(b",") + body.count(b"[") + body.count(b"{") > _MAX_VALUES:
        raise bad.wrong(
            bad.INVALID_VALUE, None, "the body holds too many values; send several requests"
        )
    try:
        body.decode()  # what nobody decodes is checked for JSON's grammar only, not for UTF-8
        if depth_of(body) > MAX_DEPTH:
            raise bad.too_deep()
        return loads_raw_object(body), msgspec.json.decode(body, type=kind)
    except ValidationError as error:
        raise of_validation_error(error) from None
    except (DecodeError, UnicodeDecodeError) as error:
        raise bad.of_decode_error(error) from None
    except RecursionError:
        raise bad.too_deep() from None


def of_validation_error(error: ValidationError) -> InvalidRequest:
    """A member of the wrong type or value, or a missing one."""
    what, _, where = str(error).rpartition(" - at ")
    found = _PLACE.fullmatch(where)
    path = ""
    if found is None:
        what = str(error)
    else:
        path = found[1].replace("[...]", "").removeprefix(".")[:200]
    missing = _MISSING.fullmatch(what)
    if missing is not None:
        name = f"{path}.{missing[1]}" if path else missing[1]
        return bad.missing(name, _WANTED.get(name, "it"))
    told = what.replace("`", "")[:200]
    told = told[:1].lower() + told[1:]
    code = bad.INVALID_TYPE if ", got " in told else bad.INVALID_VALUE
    if not path:
        return bad.wrong(code, None, f"the body has the wrong shape: {told}; send one JSON object")
    wanted = _WANTED.get(path, "another value, or leave it out")
    return bad.wrong(code, path, f"{path!r} is wrong: {told}; send {wanted}")


def request_of(
    params: Ours,
    fields: RawObject,
    headers: Mapping[str, str],
    demand: Demand,
    kinds: tuple[ModelKind, ...],
    *,
    input_bytes: int,
    facts: ChatFacts = NO_OUTPUT,
    include_usage: bool = False,
    upload: Upload | None = None,
) -> ChatRequest:
    """The request as the pipeline takes it; our own members are taken out of `fields`.

    `input_bytes` is the longest input's size, which must fit the model's context.
    """
    ours = cast("ChatParams", params)  # its members that are ours have the same names and types
    model, fallbacks = targets(ours)
    session_id, user = who(ours, headers)
    first_token_s, deadline_s = timeouts(params.extra, headers)
    without_going_on(params.extra)
    for name in OUR_MEMBERS:
        fields.pop(name, None)
    return ChatRequest(
        model=model,
        stream=bool(params.stream),
        include_usage=include_usage,
        fields=fields,
        facts=facts,
        input_bytes=input_bytes,
        fallbacks=fallbacks,
        preferences=wishes(params.provider),
        session_id=session_id,
        user=user,
        debug_routing=params.debug is not None and bool(params.debug.routing),
        first_token_timeout_s=first_token_s,
        deadline_s=deadline_s,
        strict_parameters=strictness(params.extra, headers),
        demand=demand,
        kinds=kinds,
        upload=upload,
    )


def refuse_stream(params: Ours, what: str) -> None:
    """For operations that answer at once. Raises `InvalidRequest`."""
    if params.stream:
        raise bad.wrong(
            bad.UNSUPPORTED, "stream", f"{what} are not streamed here; leave 'stream' out"
        )


class Inputs(NamedTuple):
    """What an input holds: the bytes of its texts, its tokens, the longest of either, how many."""

    text_bytes: int
    tokens: int
    longest: int
    number: int


def texts_or_tokens(value: Any, name: str, *, may_be_empty: bool = False) -> Inputs:
    """A string, or a list of strings, of tokens, or of lists of tokens. Raises `InvalidRequest`."""
    items = [value] if isinstance(value, str) else value
    if all(type(item) is int for item in items):
        items = [items]
    kinds = {type(item) for item in items}
    if len(kinds) > 1 or not kinds <= {str, list}:
        raise bad.wrong(
            bad.INVALID_TYPE,
            name,
            f"{name!r} must be a string, or a list of strings, of tokens, or of lists of tokens,"
            " and all of one kind",
        )
    text_bytes = tokens = longest = 0
    for at, item in enumerate(items):
        if not item and not may_be_empty:
            raise bad.wrong(
                bad.INVALID_VALUE, f"{name}[{at}]", f"'{name}[{at}]' is empty; leave it out"
            )
        if isinstance(item, str):
            size = len(item.encode())
            text_bytes += size
        else:
            if not all(type(token) is int and 0 <= token < 1 << 31 for token in item):
                raise bad.wrong(
                    bad.INVALID_TYPE,
                    f"{name}[{at}]",
                    f"'{name}[{at}]' must hold tokens: whole numbers from 0",
                )
            size = len(item)
            tokens += size
        longest = max(longest, size)
    return Inputs(text_bytes, tokens, longest, len(items))
