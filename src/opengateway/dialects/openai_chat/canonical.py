"""The way into the canonical form: a checked chat request to a `CanonicalRequest`.

Types were checked when the request was decoded; what OpenAI does not know was not, and is checked
here where it is read.
"""

from __future__ import annotations

from typing import Any, Final, Literal, cast

from opengateway.dialects.openai_chat.canonical_messages import turns_of
from opengateway.dialects.openai_chat.canonical_parts import cache_mark, decode_list, mark_in
from opengateway.dialects.openai_chat.complaints import INVALID_TYPE, wrong
from opengateway.domain.canonical import (
    CacheIntent,
    CanonicalRequest,
    OutputFormat,
    ReasoningIntent,
    Sampling,
    Tool,
    ToolChoice,
)
from opengateway.domain.chat import ChatRequest
from opengateway.domain.pseudonym import pseudonym
from opengateway.kit.json import JsonObject, Raw, RawObject, dumps, loads, loads_raw_object

DIALECT: Final = "openai_chat"

_NULL: Final = b"null"
_EFFORTS: Final = frozenset(("none", "minimal", "low", "medium", "high", "xhigh", "max"))
_SAMPLING: Final = (
    "temperature",
    "top_p",
    "top_k",
    "frequency_penalty",
    "presence_penalty",
    "seed",
    "stop",
    "n",
    "logprobs",
    "top_logprobs",
)


def canonical_request(chat: ChatRequest, team_id: str) -> CanonicalRequest:
    """Everything that was asked. Raises `InvalidRequest` with the member at fault."""
    fields = {name: raw for name, raw in chat.fields.items() if bytes(raw) != _NULL}
    for name in ("model", "stream"):
        fields.pop(name, None)
    turns = turns_of(fields.pop("messages"))
    tools, server_tools = _tools(fields)
    opaque: RawObject = {}
    user = _names_of_someone(fields, team_id, opaque)
    for name in ("reasoning", "cache_control"):
        if name in fields:
            opaque[name] = fields[name]
    return CanonicalRequest(
        turns=turns,
        stream=chat.stream,
        tools=tools,
        server_tools=server_tools,
        tool_choice=_tool_choice(fields),
        parallel_tool_calls=_taken(fields, "parallel_tool_calls"),
        output=_output(fields),
        sampling=_sampling(fields),
        max_output_tokens=_max_tokens(fields),
        reasoning=_reasoning(fields),
        cache=_cache(fields, team_id),
        service_tier=_taken(fields, "service_tier"),
        user=user,
        opaque=opaque,
        dialect=DIALECT,
        extra=fields,
    )


def _taken(fields: RawObject, name: str) -> Any:
    """A member's value, taken out of what is left; None where it is absent."""
    raw = fields.pop(name, None)
    return None if raw is None else loads(raw)


# --- tools -----------------------------------------------------------------------------------------
def _tools(fields: RawObject) -> tuple[tuple[Tool, ...], tuple[Raw, ...]]:
    """The caller's tools, and the vendor's own. `functions` is the old name of the first."""
    made: list[Tool] = []
    unread: list[Raw] = []
    for raw in _raw_list(fields.pop("tools", None)):
        tool = loads_raw_object(raw)
        kind = _kind_of(tool)
        if kind is None:
            unread.append(raw)
        else:
            tool.pop("type", None)
            made.append(_tool(kind, loads_raw_object(tool.pop(kind)), tool))
    made += [
        _tool("function", loads_raw_object(raw), {})
        for raw in _raw_list(fields.pop("functions", None))
    ]
    return tuple(made), tuple(unread)


def _kind_of(tool: RawObject) -> Literal["function", "custom"] | None:
    if "function" in tool and bytes(tool["function"]) != _NULL:
        return "function"
    if "custom" in tool and bytes(tool["custom"]) != _NULL:
        return "custom"
    return None


def _tool(kind: Literal["function", "custom"], said: RawObject, outer: RawObject) -> Tool:
    name, description = loads(said.pop("name")), _taken(said, "description")
    parameters, strict = said.pop("parameters", None), _taken(said, "strict")
    mark = mark_in(outer) or mark_in(said)
    extra = dict(outer)
    if said:
        extra[kind] = Raw(dumps(said))
    return Tool(
        name=name,
        description=description,
        parameters=None if parameters is None or bytes(parameters) == _NULL else parameters,
        strict=strict,
        cache=mark,
        kind=kind,
        extra=extra,
    )


def _raw_list(raw: Raw | None) -> list[Raw]:
    return [] if raw is None else decode_list(raw)


def _tool_choice(fields: RawObject) -> ToolChoice | None:
    """The six forms, and the two of the deprecated `function_call`."""
    old, choice = _taken(fields, "function_call"), _taken(fields, "tool_choice")
    if choice is None:
        choice = {"function": old} if isinstance(old, dict) else old
    if choice is None:
        return None
    if isinstance(choice, str):
        mode = "required" if choice == "any" else choice
        return ToolChoice(cast("Literal['auto', 'none', 'required']", mode))
    if choice.get("type") == "allowed_tools":
        allowed = choice["allowed_tools"]
        names = tuple(name for name in map(_name_of, allowed["tools"]) if name)
        return ToolChoice("allowed", names, required=allowed["mode"] == "required")
    if choice.get("type") == "custom":
        return ToolChoice("named", (choice["custom"]["name"],), kind="custom")
    return ToolChoice("named", (choice["function"]["name"],))


def _name_of(tool: JsonObject) -> str | None:
    for kind in ("function", "custom"):
        said = tool.get(kind)
        if isinstance(said, dict) and isinstance(said.get("name"), str):
            return str(said["name"])
    name = tool.get("name")
    return name if isinstance(name, str) else None


# --- what the answer is to be like -----------------------------------------------------------------
def _output(fields: RawObject) -> OutputFormat | None:
    raw = fields.pop("response_format", None)
    if raw is None:
        return None
    form = loads_raw_object(raw)
    kind = loads(form["type"])
    if kind != "json_schema":
        return OutputFormat(kind)
    said = loads_raw_object(form["json_schema"])
    return OutputFormat(
        kind,
        name=loads(said["name"]),
        schema=said.get("schema"),
        strict=_taken(said, "strict"),
        description=_taken(said, "description"),
    )


def _sampling(fields: RawObject) -> Sampling:
    said = {name: _taken(fields, name) for name in _SAMPLING if name in fields}
    if not said:
        return Sampling()
    top_k = said.get("top_k")
    if top_k is not None and type(top_k) is not int:
        raise wrong(INVALID_TYPE, "top_k", "'top_k' is wrong: send a whole number")
    stop = said.pop("stop", ())
    return Sampling(stop=(stop,) if isinstance(stop, str) else tuple(stop), **said)


def _max_tokens(fields: RawObject) -> int | None:
    old, new = _taken(fields, "max_tokens"), _taken(fields, "max_completion_tokens")
    return old if new is None else new  # type: ignore[no-any-return]


def _reasoning(fields: RawObject) -> ReasoningIntent:
    """`reasoning_effort`, and the members of `reasoning` that say more."""
    effort = None
    if "reasoning_effort" in fields and loads(fields["reasoning_effort"]) in _EFFORTS:
        effort = _taken(fields, "reasoning_effort")  # else a vendor's own word, left as it is
    said = _taken(fields, "reasoning")
    if said is None:
        return ReasoningIntent(effort=effort)
    if not isinstance(said, dict):
        raise wrong(INVALID_TYPE, "reasoning", "'reasoning' is wrong: send an object")
    budget, asked = said.get("max_tokens"), said.get("effort")
    if budget is not None and (type(budget) is not int or budget < 0):
        raise wrong(
            INVALID_TYPE, "reasoning.max_tokens", "'reasoning.max_tokens' must be a whole number"
        )
    if asked is not None and asked not in _EFFORTS:
        raise wrong(
            INVALID_TYPE,
            "reasoning.effort",
            "'reasoning.effort' must be none, minimal, low, medium, high, xhigh or max",
        )
    for name in ("enabled", "exclude"):
        if not isinstance(said.get(name), bool | None):
            raise wrong(
                INVALID_TYPE, f"reasoning.{name}", f"'reasoning.{name}' must be true or false"
            )
    return ReasoningIntent(
        effort=effort or asked,
        budget_tokens=budget,
        enabled=said.get("enabled"),
        exclude=bool(said.get("exclude")),
    )


# --- names and caches ------------------------------------------------------------------------------
def _names_of_someone(fields: RawObject, team_id: str, opaque: RawObject) -> str | None:
    """The end user under a pseudonym. `safety_identifier` goes beside it, under its own."""
    user, safe = _taken(fields, "user"), _taken(fields, "safety_identifier")
    hidden = None
    if safe is not None:
        hidden = pseudonym(team_id, "safety_identifier", safe)
        opaque["safety_identifier"] = Raw(dumps(hidden))
    return hidden if user is None else pseudonym(team_id, "user", user)


def _cache(fields: RawObject, team_id: str) -> CacheIntent:
    key = _taken(fields, "prompt_cache_key")
    raw = fields.pop("cache_control", None)
    return CacheIntent(
        key=None if key is None else pseudonym(team_id, "prompt_cache_key", key),
        automatic=None if raw is None else cache_mark(raw, "cache_control"),
    )
