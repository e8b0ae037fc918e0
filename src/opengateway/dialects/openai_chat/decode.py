"""From a body to a `ChatRequest`: every member checked, every byte kept.

Two looks at the bytes, both in C: the members undecoded, which go upstream, and the whole as plain
values of bounded depth, which are checked against `shapes.Params`. Of a repeated name both keep the
last, so that what was checked is what is sent.
"""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from types import NoneType
from typing import Final

import msgspec

from opengateway.dialects.openai_chat import complaints as bad
from opengateway.dialects.openai_chat.costs import (
    MARKS,
    Counted,
    marked_lifetimes,
    runs_tools,
    tool_lifetimes,
)
from opengateway.dialects.openai_chat.depth import (
    LARGE_BYTES,
    MAX_DEPTH,
    depth_of,
    has_too_many_values,
    loads_shallow,
)
from opengateway.dialects.openai_chat.extras import strictness, targets, timeouts, who, wishes
from opengateway.dialects.openai_chat.foreign_ids import check_members
from opengateway.dialects.openai_chat.messages import TEXT_ONLY, check_messages
from opengateway.dialects.openai_chat.shapes import (
    OUR_MEMBERS,
    JsonObjectFormat,
    JsonSchemaFormat,
    Params,
    TextFormat,
)
from opengateway.dialects.openai_chat.tools import (
    check_name,
    check_tools,
    function_call_word,
    tool_choice_word,
)
from opengateway.domain.chat import ChatFacts, ChatRequest
from opengateway.kit.json import (
    DecodeError,
    JsonObject,
    RawObject,
    ValidationError,
    loads_raw_object,
)

_params = msgspec.json.Decoder(Params).decode
_raw_messages = msgspec.json.Decoder(list[RawObject]).decode

_REASONING_MEMBERS: Final = frozenset(
    ("reasoning", "reasoning_content", "reasoning_details", "thinking_blocks")
)
_FORMATS: Final[Mapping[type, str | None]] = {
    NoneType: None,
    TextFormat: "text",
    JsonObjectFormat: "json_object",
    JsonSchemaFormat: "json_schema",
}
_ALWAYS: Final = frozenset(("role", "content"))
_NO_MARKS: Final[frozenset[str]] = frozenset()


def decode(body: bytes, headers: Mapping[str, str]) -> ChatRequest:
    """Check a request to `POST /v1/chat/completions` and take our extras out of it.

    `headers` have lower-case names. Raises `InvalidRequest`, and `NotFound` for ids of what a vendor
    keeps: `param` is the member's path (`messages[0].content`) or the header's name, `code` one of
    `complaints`.
    """
    fields, params, names = _parse(body)
    check_members(fields)
    _check_relations(params)
    has_tool_call_index, counted, has_developer = check_messages(params.messages)
    facts = _facts(params, names, has_developer, has_tool_call_index, counted, fields)
    model, fallbacks = targets(params)
    session_id, user = who(params, headers)
    first_token_s, deadline_s = timeouts(params.extra, headers)
    for name in OUR_MEMBERS:
        fields.pop(name, None)
    options = params.stream_options
    return ChatRequest(
        model=model,
        stream=bool(params.stream),
        include_usage=options is not None and bool(options.include_usage),
        fields=fields,
        facts=facts,
        input_bytes=len(body),
        fallbacks=fallbacks,
        preferences=wishes(params.provider),
        session_id=session_id,
        user=user,
        debug_routing=params.debug is not None and bool(params.debug.routing),
        goes_on=params.extra is not None and params.extra.on_stream_failure == "continue",
        first_token_timeout_s=first_token_s,
        deadline_s=deadline_s,
        strict_parameters=strictness(params.extra, headers),
    )


def _parse(body: bytes) -> tuple[RawObject, Params, frozenset[str]]:
    """The members as bytes and as types, and the names of all messages' members."""
    if not body:
        raise bad.wrong(
            bad.INVALID_JSON,
            None,
            "the body is empty; send a JSON object with 'model' and 'messages'",
        )
    if has_too_many_values(body):
        raise bad.wrong(
            bad.INVALID_VALUE, None, "the body holds too many values; send fewer or longer ones"
        )
    try:
        fields = loads_raw_object(body)
        plain = _plain(body)
        if plain is None:
            return _parse_unusual(body, fields)
        params = msgspec.convert(plain, Params)
        return fields, params, frozenset().union(*plain["messages"])
    except ValidationError as error:
        raise bad.of_validation_error(error) from None
    except (DecodeError, UnicodeDecodeError) as error:
        raise bad.of_decode_error(error) from None
    except RecursionError:
        raise bad.too_deep() from None


def _plain(body: bytes) -> JsonObject | None:
    """The body as plain values; None where that would cost too much, or is deeper than usual."""
    if len(body) > LARGE_BYTES:
        return None
    try:
        return loads_shallow(body)
    except ValidationError:  # also a number out of range, perhaps where nobody minds
        return None


def _parse_unusual(body: bytes, fields: RawObject) -> tuple[RawObject, Params, frozenset[str]]:
    """The same for large bodies and deep ones, without making a value of every bracket."""
    body.decode()  # what nobody decodes is checked for JSON's grammar only, not for UTF-8
    if depth_of(body) > MAX_DEPTH:
        raise bad.too_deep()
    params = _params(body)
    return fields, params, frozenset().union(*_raw_messages(fields["messages"]))


def _check_relations(params: Params) -> None:
    """What no single member's type can say."""
    if params.stream_options is not None and not params.stream:
        raise bad.wrong(
            bad.INVALID_VALUE,
            "stream_options",
            "'stream_options' is only allowed with 'stream': true; set it or leave the options out",
        )
    if params.top_logprobs is not None and not params.logprobs:
        raise bad.wrong(
            bad.INVALID_VALUE,
            "top_logprobs",
            "'top_logprobs' needs 'logprobs': true; set it or leave 'top_logprobs' out",
        )
    if (
        params.max_tokens is not None
        and params.max_completion_tokens is not None
        and params.max_tokens != params.max_completion_tokens
    ):
        raise bad.wrong(
            bad.INVALID_VALUE,
            "max_tokens",
            "'max_tokens' and 'max_completion_tokens' differ; send 'max_completion_tokens' alone",
        )
    form = params.response_format
    if isinstance(form, JsonSchemaFormat):
        check_name(form.json_schema.name, "response_format.json_schema.name")
    check_tools(params.tools, params.functions)


def _facts(
    params: Params,
    names: frozenset[str],
    has_developer_role: bool,
    has_tool_call_index: bool,
    counted: Counted | None,
    fields: RawObject,
) -> ChatFacts:
    choice = tool_choice_word(params.tool_choice)
    if choice is None:
        choice = function_call_word(params.function_call)
    stop = params.stop
    form = params.response_format
    return ChatFacts(
        n=params.n or 1,
        max_output_tokens=params.max_completion_tokens or params.max_tokens,
        temperature=params.temperature,
        stop_count=0 if stop is None else 1 if isinstance(stop, str) else len(stop),
        reasoning_effort=params.reasoning_effort,
        tool_choice=choice,
        response_format=_FORMATS[type(form)],
        modalities=TEXT_ONLY | counted.modalities if counted is not None else TEXT_ONLY,
        has_tools=bool(params.tools or params.functions),
        has_developer_role=has_developer_role,
        has_reasoning=not names.isdisjoint(_REASONING_MEMBERS),
        has_tool_call_index=has_tool_call_index,
        message_members=names - _ALWAYS,
        images=counted.images if counted is not None else 0,
        image_bytes=counted.image_bytes if counted is not None else 0,
        audio_bytes=counted.audio_bytes if counted is not None else 0,
        has_open_media=counted is not None and counted.has_open_media,
        cache_lifetimes=_lifetimes(params, names, counted, fields),
        has_vendor_tools=runs_tools(params.tools),
    )


def _lifetimes(
    params: Params, names: frozenset[str], counted: Counted | None, fields: RawObject
) -> frozenset[str]:
    """Of all cache marks: on parts, messages, tools, and on the request itself."""
    found: AbstractSet[str] = counted.lifetimes if counted is not None else _NO_MARKS
    if params.tools or params.functions:
        found = found | tool_lifetimes(params.tools, params.functions)
    if not names.isdisjoint(MARKS):
        found = found | marked_lifetimes(_raw_messages(fields["messages"]))
    if "cache_control" in fields:
        found = found | marked_lifetimes((fields,))
    return frozenset(found) if found else _NO_MARKS
