"""A recorded Messages request as a canonical one, so that we can send it and compare.

No dialect speaks this shape yet: this reads as much of it as the recordings hold.
"""

from __future__ import annotations

import base64
from typing import Any, Final

from opengateway.domain.canonical import (
    CacheIntent,
    CacheMark,
    CanonicalRequest,
    Document,
    Image,
    Item,
    OutputFormat,
    Reasoning,
    ReasoningIntent,
    Role,
    Sampling,
    ServerItem,
    Text,
    Tool,
    ToolCall,
    ToolChoice,
    ToolResult,
    Turn,
)
from opengateway.domain.origins import ANTHROPIC
from opengateway.kit.json import JsonObject, Raw, RawObject, dumps
from opengateway.wires.anthropic.messages import DIALECT

_READ: Final = frozenset(
    (
        *("model", "messages", "system", "tools", "tool_choice", "max_tokens", "stream"),
        *("thinking", "output_config", "output_format", "cache_control"),
        *("temperature", "top_p", "top_k", "stop_sequences", "metadata", "service_tier"),
    )
)


def read_messages(body: JsonObject) -> CanonicalRequest:
    config = body.get("output_config") or {}
    form = config.get("format") or body.get("output_format")
    turns = [Turn(Role.SYSTEM, _items(body["system"]))] if body.get("system") else []
    turns += [Turn(Role(m["role"]), _items(m["content"])) for m in body["messages"]]
    tools = [tool for tool in body.get("tools", ()) if "input_schema" in tool]
    choice = body.get("tool_choice") or {}
    parallel = False if choice.get("disable_parallel_tool_use") else None
    return CanonicalRequest(
        turns=tuple(turns),
        stream=bool(body.get("stream")),
        tools=tuple(_tool(tool) for tool in tools),
        server_tools=tuple(_raw(t) for t in body.get("tools", ()) if "input_schema" not in t),
        tool_choice=_choice(choice),
        parallel_tool_calls=parallel,
        output=None if form is None else OutputFormat("json_schema", schema=_raw(form["schema"])),
        sampling=Sampling(
            temperature=body.get("temperature"),
            top_p=body.get("top_p"),
            top_k=body.get("top_k"),
            stop=tuple(body.get("stop_sequences") or ()),
        ),
        max_output_tokens=body["max_tokens"],
        reasoning=_reasoning(body.get("thinking"), config.get("effort")),
        cache=CacheIntent(automatic=_mark(body)),
        user=(body.get("metadata") or {}).get("user_id"),
        service_tier=body.get("service_tier"),
        dialect=DIALECT,
        extra={name: _raw(value) for name, value in body.items() if name not in _READ},
    )


def _raw(value: Any) -> Raw:
    return Raw(dumps(value))


def _rest(members: JsonObject, *known: str) -> RawObject:
    return {name: _raw(value) for name, value in members.items() if name not in known}


def _mark(members: JsonObject) -> CacheMark | None:
    control = members.get("cache_control")
    return None if control is None else CacheMark(control.get("ttl"))


def _tool(tool: JsonObject) -> Tool:
    read = ("name", "description", "input_schema", "strict", "cache_control")
    return Tool(
        name=tool["name"],
        description=tool.get("description"),
        parameters=_raw(tool["input_schema"]),
        strict=tool.get("strict"),
        cache=_mark(tool),
        extra=_rest(tool, *read),
    )


def _choice(choice: JsonObject) -> ToolChoice | None:
    match choice.get("type"):
        case "any":
            return ToolChoice("required")
        case "tool":
            return ToolChoice("named", (choice["name"],))
        case "auto" | "none" as mode:
            return ToolChoice(mode)
        case _:
            return None


def _reasoning(thinking: JsonObject | None, effort: str | None) -> ReasoningIntent:
    kind = (thinking or {}).get("type")
    return ReasoningIntent(
        effort=effort,
        budget_tokens=(thinking or {}).get("budget_tokens"),
        enabled=None if kind is None else kind != "disabled",
    )


def _items(content: str | list[JsonObject]) -> tuple[Item, ...]:
    if isinstance(content, str):
        return (Text(text=content),)
    return tuple(_item(block) for block in content)


def _item(block: JsonObject) -> Item:
    mark = _mark(block)
    match block["type"]:
        case "text":
            opaque = _rest(block, "type", "text", "cache_control")
            return Text(text=block["text"], cache=mark, opaque=opaque)
        case "thinking":
            text, signature = block["thinking"], block["signature"]
            return Reasoning(text=text, signature=signature, origin=ANTHROPIC)
        case "redacted_thinking":
            return Reasoning(encrypted=block["data"], origin=ANTHROPIC)
        case "tool_use":
            arguments = dumps(block["input"]).decode()
            return ToolCall(id=block["id"], name=block["name"], arguments=arguments, cache=mark)
        case "tool_result" if all(_is_plain(part) for part in _parts(block)):
            content: Any = _items(block.get("content") or [])
            is_error = bool(block.get("is_error"))
            call_id = block["tool_use_id"]
            return ToolResult(
                call_id=call_id, name=None, content=content, is_error=is_error, cache=mark
            )
        case "image":
            source = block["source"]
            data, media = source.get("data"), source.get("media_type")
            return Image(url=source.get("url"), data=data, media_type=media, cache=mark)
        case "document":
            return _document(block, mark)
        case _:
            return ServerItem(raw=_raw(block), origin=ANTHROPIC)


def _parts(block: JsonObject) -> list[JsonObject]:
    content = block.get("content")
    return content if isinstance(content, list) else []


def _is_plain(part: JsonObject) -> bool:
    return part["type"] in ("text", "image", "document")


def _document(block: JsonObject, mark: CacheMark | None) -> Document:
    source, name = block["source"], block.get("title")
    data, media = source.get("data"), source.get("media_type", "application/pdf")
    if source["type"] == "text":
        data = base64.b64encode(data.encode()).decode()
    return Document(
        url=source.get("url"),
        data=data,
        file_id=source.get("file_id"),
        media_type=media,
        name=name,
        cache=mark,
    )
