"""The way into the canonical form: a checked request of this shape to a `CanonicalRequest`.

A wire of this very shape takes the members from `opaque` and `extra`, as they came; others read the
turns and the intents that are made of them here.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final, Literal

import msgspec

from opengateway.dialects.openai_responses.canonical_items import turns_of
from opengateway.dialects.openai_responses.decode import INSTRUCTIONS
from opengateway.dialects.openai_responses.namespaces import NAMESPACE
from opengateway.domain.canonical import (
    CacheIntent,
    CanonicalRequest,
    OutputFormat,
    ReasoningIntent,
    Role,
    Sampling,
    Text,
    Tool,
    ToolChoice,
    Turn,
)
from opengateway.domain.chat import ChatRequest
from opengateway.domain.pseudonym import pseudonym
from opengateway.kit.json import JsonObject, Raw, RawObject, dumps, loads, loads_raw_object
from opengateway.wires.openai_responses.answer import ORIGIN
from opengateway.wires.openai_responses.names import joined

_decode_list = msgspec.json.Decoder(list[Raw]).decode
_READ: Final = (
    "instructions",
    "include",
    "tools",
    "tool_choice",
    "parallel_tool_calls",
    "text",
    "reasoning",
    "max_output_tokens",
    "temperature",
    "top_p",
    "top_logprobs",
    "service_tier",
)
"""Members that are read into the form, and go back as they came."""
_NAMES_SOMEONE: Final = ("user", "prompt_cache_key", "safety_identifier")
_OURS: Final = ("model", "stream", "messages", "input", "verbosity", "client_metadata")
_FOR_THIS_SHAPE: Final = (
    "truncation",
    "previous_response_id",
    "max_tool_calls",
    "store",
    "background",
    "stream_options",
)
"""Members of which no other shape knows anything, and whose absence changes no answer."""


def canonical_request(chat: ChatRequest, team_id: str, *, with_turns: bool) -> CanonicalRequest:
    """Everything that was asked. Raises `InvalidRequest` with the member at fault."""
    fields = dict(chat.fields)
    items = _items(fields)
    opaque: RawObject = {"input": Raw(b"[" + b",".join(items) + b"]")}
    instructions = fields.get("instructions")
    opaque |= {name: fields[name] for name in _READ if name in fields}
    someone = {
        name: pseudonym(team_id, name, str(loads(fields[name])))
        for name in _NAMES_SOMEONE
        if name in fields
    }
    opaque |= {name: Raw(dumps(word)) for name, word in someone.items()}
    extra = {name: raw for name, raw in fields.items() if name not in opaque and name not in _OURS}
    turns: tuple[Turn, ...] = ()
    if with_turns:
        head = () if instructions is None else (_instructions(instructions),)
        turns = (*head, *turns_of(items))
        for name in _FOR_THIS_SHAPE:
            extra.pop(name, None)
        if "verbosity" in fields:
            extra["verbosity"] = fields["verbosity"]
    tools, server_tools = _tools(fields.get("tools"))
    text = _object(fields.get("text"))
    top_logprobs = _value(fields, "top_logprobs")
    return CanonicalRequest(
        turns=turns,
        stream=chat.stream,
        tools=tools,
        server_tools=server_tools,
        tool_choice=_tool_choice(_value(fields, "tool_choice")),
        parallel_tool_calls=_value(fields, "parallel_tool_calls"),
        output=_output(text),
        sampling=Sampling(
            temperature=_value(fields, "temperature"),
            top_p=_value(fields, "top_p"),
            logprobs=_wants_logprobs(fields),
            top_logprobs=top_logprobs or None,
        ),
        max_output_tokens=chat.facts.max_output_tokens,
        reasoning=_reasoning(_value(fields, "reasoning")),
        cache=CacheIntent(key=someone.get("prompt_cache_key")),
        service_tier=_value(fields, "service_tier"),
        user=someone.get("safety_identifier") or someone.get("user"),
        opaque=opaque,
        dialect=ORIGIN,
        extra=extra,
    )


def _items(fields: RawObject) -> list[bytes]:
    """The caller's items, without the instructions that stand before them."""
    listed = [bytes(raw) for raw in _decode_list(fields["messages"])]
    instructions = fields.get("instructions")
    if instructions is not None and listed[0] == INSTRUCTIONS + bytes(instructions) + b"}":
        del listed[0]
    return listed


def _instructions(raw: Raw) -> Turn:
    return Turn(Role.SYSTEM, (Text(text=loads(raw)),))


def _value(fields: RawObject, name: str) -> Any:
    raw = fields.get(name)
    return None if raw is None else loads(raw)


def _object(raw: Raw | None) -> RawObject:
    return {} if raw is None else loads_raw_object(raw)


def _wants_logprobs(fields: RawObject) -> bool:
    return "message.output_text.logprobs" in (_value(fields, "include") or ())


# --- tools -----------------------------------------------------------------------------------------
def _tools(raw: Raw | None) -> tuple[tuple[Tool, ...], tuple[Raw, ...]]:
    """The caller's tools, and the vendor's own."""
    made: list[Tool] = []
    unread: list[Raw] = []
    for one, group in _listed(raw):
        tool = loads_raw_object(one)
        kind: Literal["function", "custom"]
        match loads(tool["type"]):
            case "function":
                kind = "function"
            case "custom":
                kind = "custom"
            case _:
                unread.append(one)
                continue
        parameters = tool.get("parameters")
        has_schema = parameters is not None and bytes(parameters) != b"null"
        made.append(
            Tool(
                name=joined(group, loads(tool["name"])),
                description=_value(tool, "description"),
                parameters=parameters if has_schema else None,
                strict=_strict(tool, kind),
                kind=kind,
            )
        )
    return tuple(made), tuple(unread)


def _listed(raw: Raw | None) -> Iterator[tuple[Raw, str | None]]:
    """Each tool, and the name of the group that it stands in."""
    for one in _decode_list(raw) if raw is not None else ():
        tool = loads_raw_object(one)
        if loads(tool["type"]) != NAMESPACE:
            yield one, None
            continue
        for inner in _decode_list(tool["tools"]) if "tools" in tool else ():
            yield inner, loads(tool["name"])


def _strict(tool: RawObject, kind: str) -> bool | None:
    """Left out, this shape makes a schema strict where it can be. Other vendors would refuse what
    cannot: there it stays a wish."""
    return None if kind == "custom" else _value(tool, "strict")


def _tool_choice(choice: Any) -> ToolChoice | None:
    if choice is None:
        return None
    if isinstance(choice, str):
        return ToolChoice(choice)  # type: ignore[arg-type]  # checked when it was decoded
    kind = choice.get("type")
    if kind == "allowed_tools":
        names = tuple(tool["name"] for tool in choice["tools"] if tool.get("name"))
        return ToolChoice("allowed", names, required=choice["mode"] == "required")
    if kind == "custom":
        return ToolChoice("named", (choice["name"],), kind="custom")
    if kind == "function":
        return ToolChoice("named", (choice["name"],))
    return None  # a vendor's own tool: for a wire of this shape alone


# --- what the answer is to be like -----------------------------------------------------------------
def _output(text: RawObject) -> OutputFormat | None:
    form = _object(text.get("format"))
    if not form:
        return None
    kind = loads(form["type"])
    if kind == "text":
        return None
    if kind != "json_schema":
        return OutputFormat(kind)
    return OutputFormat(
        kind,
        name=loads(form["name"]),
        schema=form["schema"],
        strict=_value(form, "strict"),
        description=_value(form, "description"),
    )


def _reasoning(said: JsonObject | None) -> ReasoningIntent:
    if not said:
        return ReasoningIntent()
    return ReasoningIntent(
        effort=said.get("effort"),
        budget_tokens=said.get("max_tokens"),
        enabled=said.get("enabled"),
        exclude=bool(said.get("exclude")),
    )
