"""From a body to a `ChatRequest`: every member checked, every byte kept.

`fields` are the members as they came, under the names that the gateway's readers know: the items
stand as `messages`, with the instructions before them, and `verbosity` beside `text`. The way back
to a vendor of the same shape is `canonical`, which takes them from there.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final, cast

import msgspec

from opengateway.dialects.openai_chat.depth import MAX_DEPTH, depth_of, has_too_many_values
from opengateway.dialects.openai_chat.extras import (
    strictness,
    targets,
    timeouts,
    who,
    wishes,
    without_going_on,
)
from opengateway.dialects.openai_chat.shapes import OUR_MEMBERS
from opengateway.dialects.openai_chat.tools import check_name
from opengateway.dialects.openai_responses import complaints as bad
from opengateway.dialects.openai_responses.items import MAX_ITEMS, Counted, count_item, read_item
from opengateway.dialects.openai_responses.namespaces import NAMESPACE
from opengateway.dialects.openai_responses.shapes import (
    CUSTOM_OR_FUNCTION,
    Params,
    Tool,
    ToolChoice,
)
from opengateway.domain.chat import ChatFacts, ChatRequest
from opengateway.domain.errors import NotImplementedYet
from opengateway.kit.json import (
    DecodeError,
    Raw,
    RawObject,
    ValidationError,
    dumps,
    loads_raw_object,
)

if TYPE_CHECKING:
    from opengateway.dialects.openai_chat.shapes import Params as ChatParams

INSTRUCTIONS: Final = b'{"role":"system","content":'
"""What opens the conversation that the gateway's readers see, where there are instructions."""

_params = msgspec.json.Decoder(Params).decode
_NULL: Final = b"null"


def decode(
    body: bytes,
    headers: Mapping[str, str],
    *,
    takes_all: bool = False,
    keeps: bool = False,
) -> ChatRequest:
    """Check a request to `POST /v1/responses` and take our extras out of it.

    `headers` have lower-case names. Raises `InvalidRequest`, `NotFound` for ids that name nothing
    here, and `NotImplementedYet`; `param` is the member's path. `takes_all`: tools that vendors run
    and ids pass, as no caller's may; for comparing with recordings. `keeps`: the answer is
    kept unless `store` is false, and what `previous_response_id` names stands at the head of
    `input` already; the id is only shown again.
    """
    fields, params = _parse(body)
    _refuse_what_is_not_served(params, takes_all=takes_all, keeps=keeps)
    items = _items(params, fields)
    counted = Counted()
    for at, raw in enumerate(items):
        where = f"input[{at}]"
        item = read_item(raw, where, takes_all=takes_all)
        count_item(item, where, counted, takes_all=takes_all)
    has_vendor_tools = _check_tools(params, takes_all=takes_all)
    _check_choice(params.tool_choice)
    _check_format(params)
    ours = cast("ChatParams", params)  # its members that are ours have the same names and types
    model, fallbacks = targets(ours)
    session_id, user = who(ours, headers)
    first_token_s, deadline_s = timeouts(params.extra, headers)
    without_going_on(params.extra)
    for name in OUR_MEMBERS:
        fields.pop(name, None)
    fields["store"] = Raw(b"true" if keeps and params.store is not False else b"false")
    fields["messages"] = _conversation(items, fields)
    if params.text is not None and params.text.verbosity is not None:
        fields["verbosity"] = Raw(dumps(params.text.verbosity))
    return ChatRequest(
        model=model,
        stream=bool(params.stream),
        include_usage=True,
        fields=fields,
        facts=_facts(params, counted, has_vendor_tools),
        input_bytes=len(body),
        fallbacks=fallbacks,
        preferences=wishes(params.provider),
        session_id=session_id,
        user=user,
        debug_routing=params.debug is not None and bool(params.debug.routing),
        first_token_timeout_s=first_token_s,
        deadline_s=deadline_s,
        strict_parameters=strictness(params.extra, headers),
    )


def decode_count(
    body: bytes, headers: Mapping[str, str], *, takes_all: bool = False, keeps: bool = False
) -> ChatRequest:
    """The same for `POST /v1/responses/input_tokens`, which asks for no answer."""
    return msgspec.structs.replace(
        decode(body, headers, takes_all=takes_all, keeps=keeps), stream=False
    )


def _parse(body: bytes) -> tuple[RawObject, Params]:
    if not body:
        raise bad.wrong(
            "invalid_json", None, "the body is empty; send a JSON object with 'model' and 'input'"
        )
    if has_too_many_values(body):
        raise bad.wrong(
            bad.INVALID_VALUE, None, "the body holds too many values; send fewer or longer ones"
        )
    try:
        body.decode()  # what nobody decodes is checked for JSON's grammar only, not for UTF-8
        if depth_of(body) > MAX_DEPTH:
            raise bad.too_deep()
        fields = {n: raw for n, raw in loads_raw_object(body).items() if bytes(raw) != _NULL}
        return fields, _params(body)
    except ValidationError as error:
        raise bad.of_validation_error(error) from None
    except (DecodeError, UnicodeDecodeError) as error:
        raise bad.of_decode_error(error) from None
    except RecursionError:
        raise bad.too_deep() from None


def _refuse_what_is_not_served(params: Params, *, takes_all: bool, keeps: bool) -> None:
    if params.background:
        raise NotImplementedYet(
            "'background' is not served yet; leave it out and wait for the answer, or stream it",
            param="background",
        )
    if params.conversation is not None and not takes_all:
        raise bad.not_here(
            "conversation",
            "'conversation' names none that is kept here; send the items themselves in 'input'",
        )
    if params.prompt is not None and not takes_all:
        raise bad.not_here(
            "prompt", "'prompt' names no template that is kept here; send its text in 'input'"
        )
    if params.previous_response_id is not None and not (takes_all or keeps):
        raise bad.not_here(
            "previous_response_id",
            f"'previous_response_id' {params.previous_response_id[:80]!r} names no response that "
            "is kept here; send the whole conversation in 'input'",
        )
    if params.stream_options is not None and not params.stream:
        raise bad.wrong(
            bad.INVALID_VALUE,
            "stream_options",
            "'stream_options' is only allowed with 'stream': true; set it or leave the options out",
        )


def _items(params: Params, fields: RawObject) -> list[Raw]:
    given = params.input
    if given is None:
        raise bad.missing("input", "a string, or a list of items")
    if isinstance(given, str):
        return [Raw(b'{"role":"user","content":%b}' % bytes(fields["input"]))]
    if not given:
        raise bad.wrong(bad.INVALID_VALUE, "input", "'input' is empty; send at least one item")
    if len(given) > MAX_ITEMS:
        raise bad.wrong(bad.INVALID_VALUE, "input", f"'input' holds more than {MAX_ITEMS} items")
    return given


def _conversation(items: list[Raw], fields: RawObject) -> Raw:
    """All that is said to the model, for readers that count and compare."""
    listed = [bytes(item) for item in items]
    if (instructions := fields.get("instructions")) is not None:
        listed.insert(0, INSTRUCTIONS + bytes(instructions) + b"}")
    return Raw(b"[" + b",".join(listed) + b"]")


def _check_tools(params: Params, *, takes_all: bool) -> bool:
    """Whether there are tools that a vendor runs. Raises `InvalidRequest`."""
    has_vendor_tools = False
    for at, tool in enumerate(params.tools or ()):
        if tool.type in CUSTOM_OR_FUNCTION:
            if tool.name is None:
                raise bad.missing(f"tools[{at}].name", "the tool's name")
            check_name(tool.name, f"tools[{at}].name")
        elif tool.type == NAMESPACE:
            _check_namespace(tool, f"tools[{at}]")
        elif takes_all:
            has_vendor_tools = True
        else:
            raise bad.wrong(
                bad.UNSUPPORTED,
                f"tools[{at}].type",
                f"'tools[{at}].type' is {tool.type[:80]!r}, a tool that is not served here; send "
                "functions and custom tools, and run it yourself",
            )
    return has_vendor_tools


def _check_namespace(group: Tool, where: str) -> None:
    if group.name is None:
        raise bad.missing(f"{where}.name", "the namespace's name")
    check_name(group.name, f"{where}.name")
    for at, tool in enumerate(group.tools or ()):
        inner = f"{where}.tools[{at}]"
        if tool.type not in CUSTOM_OR_FUNCTION:
            raise bad.wrong(
                bad.UNSUPPORTED,
                f"{inner}.type",
                f"'{inner}.type' is {tool.type[:80]!r}; a namespace holds functions and custom"
                " tools",
            )
        if tool.name is None:
            raise bad.missing(f"{inner}.name", "the tool's name")
        check_name(tool.name, f"{inner}.name")


def _check_choice(choice: str | ToolChoice | None) -> None:
    if not isinstance(choice, ToolChoice):
        return
    if choice.type == "allowed_tools":
        if choice.mode is None:
            raise bad.missing("tool_choice.mode", "'auto' or 'required'")
        if not choice.tools:
            raise bad.missing("tool_choice.tools", "the tools that may be called")
        for at, tool in enumerate(choice.tools):
            if tool.type in CUSTOM_OR_FUNCTION and tool.name is None:
                raise bad.missing(f"tool_choice.tools[{at}].name", "the tool's name")
    elif choice.type in CUSTOM_OR_FUNCTION and choice.name is None:
        raise bad.missing("tool_choice.name", "the tool's name")


def _check_format(params: Params) -> None:
    form = params.text.format if params.text is not None else None
    if form is None or form.type != "json_schema":
        return
    if form.name is None:
        raise bad.missing("text.format.name", "a name for the schema")
    check_name(form.name, "text.format.name")
    if form.schema is None:
        raise bad.missing("text.format.schema", "the JSON Schema of the answer")


def _facts(params: Params, counted: Counted, has_vendor_tools: bool) -> ChatFacts:
    form = params.text.format if params.text is not None else None
    return ChatFacts(
        max_output_tokens=params.max_output_tokens,
        temperature=params.temperature,
        reasoning_effort=params.reasoning.effort if params.reasoning is not None else None,
        tool_choice=choice_word(params.tool_choice),
        response_format=form.type if form is not None else None,
        modalities=frozenset(counted.modalities),
        has_tools=bool(params.tools),
        has_reasoning=counted.thoughts > 0,
        images=counted.images,
        image_bytes=counted.image_bytes,
        has_open_media=counted.has_open_media,
        cache_lifetimes=frozenset(counted.lifetimes),
        has_vendor_tools=has_vendor_tools,
    )


def choice_word(choice: str | ToolChoice | None) -> str | None:
    """`none`, `auto`, `required`, `named`, `allowed`, or None."""
    if isinstance(choice, ToolChoice):
        return "allowed" if choice.type == "allowed_tools" else "named"
    return choice
