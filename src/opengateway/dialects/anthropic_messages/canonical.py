"""The way into the canonical form: a checked Messages request to a `CanonicalRequest`."""

from __future__ import annotations

from typing import Any, Final

from opengateway.dialects.anthropic_messages.betas import BETA_HEADER
from opengateway.dialects.anthropic_messages.canonical_turns import decode_list, mark_of, turns_of
from opengateway.dialects.anthropic_messages.complaints import INVALID_VALUE, wrong
from opengateway.dialects.anthropic_messages.names import named_in
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
from opengateway.kit.json import Raw, RawObject, loads, loads_raw_object

DIALECT: Final = "anthropic_messages"
SCHEMA_NAME: Final = "answer"
"""Other vendors want a name for a schema; this dialect has none."""
_NULL: Final = b"null"
_TIERS: Final = {"standard_only": "default"}
_OF_TOOL: Final = frozenset(
    ("name", "type", "description", "input_schema", "strict", "cache_control")
)


def canonical_request(chat: ChatRequest, team_id: str) -> CanonicalRequest:
    """Everything that was asked. Raises `InvalidRequest` with the member at fault."""
    fields = {name: raw for name, raw in chat.fields.items() if bytes(raw) != _NULL}
    for name in ("model", "stream"):
        fields.pop(name, None)
    most = _taken(fields, "max_tokens")
    if most == 0:
        raise wrong(
            INVALID_VALUE,
            "max_tokens",
            "max_tokens: 0 fills a cache of Anthropic's own and gives no answer; send 1 or more",
        )
    turns = turns_of(fields.pop("system", None), fields.pop("messages"))
    tools, server_tools = _tools(fields.pop("tools", None))
    choice, parallel = _tool_choice(_taken(fields, "tool_choice"))
    config = loads_raw_object(fields.pop("output_config", Raw(b"{}")))
    tier = _taken(fields, "service_tier")
    mark = mark_of(fields)
    fields.pop("cache_control", None)
    return CanonicalRequest(
        turns=turns,
        stream=chat.stream,
        tools=tools,
        server_tools=server_tools,
        tool_choice=choice,
        parallel_tool_calls=parallel,
        output=_output(fields.pop("output_format", None) or config.get("format")),
        sampling=Sampling(
            temperature=_taken(fields, "temperature"),
            top_p=_taken(fields, "top_p"),
            top_k=_taken(fields, "top_k"),
            stop=tuple(_taken(fields, "stop_sequences") or ()),
        ),
        max_output_tokens=most,
        reasoning=_reasoning(_taken(fields, "thinking"), _taken(config, "effort")),
        cache=CacheIntent(automatic=mark),
        service_tier=_TIERS.get(tier, tier),
        user=hidden_user(_taken(fields, "metadata"), team_id),
        betas=tuple(filter(None, chat.headers.get(BETA_HEADER, "").split(","))),
        dialect=DIALECT,
        extra=fields,
    )


def hidden_user(metadata: Any, team_id: str) -> str | None:
    """The end user under a pseudonym, without the session that may stand beside the name."""
    told = metadata.get("user_id") if isinstance(metadata, dict) else None
    return pseudonym(team_id, "user", named_in(told)[0]) if isinstance(told, str) else None


def _taken(fields: RawObject, name: str) -> Any:
    """A member's value, taken out of what is left; None where it is absent."""
    raw = fields.pop(name, None)
    return None if raw is None else loads(raw)


def _tools(raw: Raw | None) -> tuple[tuple[Tool, ...], tuple[Raw, ...]]:
    """The caller's tools, and the vendor's own."""
    made: list[Tool] = []
    unread: list[Raw] = []
    for one in decode_list(raw) if raw is not None else ():
        tool = {name: value for name, value in loads_raw_object(one).items()}
        if loads(tool.get("type", Raw(_NULL))) not in (None, "custom"):
            unread.append(one)
            continue
        made.append(
            Tool(
                name=loads(tool["name"]),
                description=loads(tool.get("description", Raw(_NULL))),
                parameters=tool["input_schema"],
                strict=loads(tool.get("strict", Raw(_NULL))),
                cache=mark_of(tool),
                extra={name: value for name, value in tool.items() if name not in _OF_TOOL},
            )
        )
    return tuple(made), tuple(unread)


def _tool_choice(choice: Any) -> tuple[ToolChoice | None, bool | None]:
    """The choice, and whether calls may be made side by side."""
    if choice is None:
        return None, None
    parallel = False if choice.get("disable_parallel_tool_use") else None
    match choice["type"]:
        case "any":
            return ToolChoice("required"), parallel
        case "tool":
            return ToolChoice("named", (choice["name"],)), parallel
        case word:
            return ToolChoice(word), parallel


def _output(raw: Raw | None) -> OutputFormat | None:
    if raw is None or bytes(raw) == _NULL:
        return None
    schema = loads_raw_object(raw)["schema"]
    return OutputFormat("json_schema", name=SCHEMA_NAME, schema=schema)


def _reasoning(thinking: Any, effort: str | None) -> ReasoningIntent:
    said = thinking or {}
    kind = said.get("type")
    return ReasoningIntent(
        effort=effort if kind != "disabled" else None,
        budget_tokens=said.get("budget_tokens") if kind == "enabled" else None,
        enabled=None if kind in (None, "between_tools") else kind != "disabled",
        exclude=said.get("display") == "omitted",
    )
