"""Turns to messages: `system`, `user`, `assistant` and `tool`, in their order.

An assistant's plan before its calls is reasoning elsewhere, and its `tool_plan` here. Thoughts go
back as they came, in content parts of type `thinking`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from opengateway.domain.canonical import (
    Document,
    Image,
    Item,
    Reasoning,
    Refusal,
    Role,
    Text,
    ToolCall,
    ToolResult,
    Turn,
)
from opengateway.domain.errors import InvalidRequest
from opengateway.domain.origins import COHERE
from opengateway.kit.json import JsonObject, loads
from opengateway.wires.cohere.tools import refused

_ROLES: Final = {
    Role.SYSTEM: "system",
    Role.DEVELOPER: "system",
    Role.USER: "user",
    Role.TOOL: "user",
}


def messages_of(turns: Sequence[Turn], vendor: str, dropped: list[str]) -> list[JsonObject]:
    """Raises `InvalidRequest` for what has no place here."""
    messages: list[JsonObject] = []
    for turn in turns:
        if turn.name is not None:
            dropped.append("messages[].name")
        for item in turn.items:
            if isinstance(item, ToolResult):
                messages.append(_result(item, vendor))
        rest = [item for item in turn.items if not isinstance(item, ToolResult)]
        if turn.role is Role.ASSISTANT:
            if (said := _assistant(rest, dropped)) is not None:
                messages.append(said)
        elif rest:
            content = _content(rest, vendor, is_user=turn.role in (Role.USER, Role.TOOL))
            messages.append({"role": _ROLES[turn.role], "content": content})
    if not messages:
        raise InvalidRequest(
            "messages: there is nothing in them; send one with a text", param="messages"
        )
    return messages


def _result(result: ToolResult, vendor: str) -> JsonObject:
    if not all(isinstance(item, Text) for item in result.content):
        raise refused("messages", vendor, "anything but text as the result of a tool")
    text = "".join(item.text for item in result.content if isinstance(item, Text))
    return {"role": "tool", "tool_call_id": result.call_id, "content": text}


def _content(items: Sequence[Item], vendor: str, *, is_user: bool) -> str | list[JsonObject]:
    """A string where one will do."""
    if len(items) == 1 and isinstance(items[0], Text):
        return items[0].text
    return [_part(item, vendor, is_user=is_user) for item in items]


def _part(item: Item, vendor: str, *, is_user: bool) -> JsonObject:
    match item:
        case Text():
            return {"type": "text", "text": item.text}
        case Image() if is_user:
            url = item.url or f"data:{item.media_type or 'image/png'};base64,{item.data or ''}"
            image: JsonObject = {"url": url}
            if item.detail is not None:
                image["detail"] = item.detail
            return {"type": "image_url", "image_url": image}
        case Document():
            raise refused("messages", vendor, "files; send their text")
        case _:
            raise refused("messages", vendor, "anything but text and images")


def _assistant(items: Sequence[Item], dropped: list[str]) -> JsonObject | None:
    """None where nothing is left of it."""
    calls = [item for item in items if isinstance(item, ToolCall)]
    parts: list[JsonObject] = []
    plan = ""
    for item in items:
        match item:
            case Text() | Refusal() if item.text:
                parts.append({"type": "text", "text": item.text})
            case Reasoning() if item.text and item.origin in (None, COHERE):
                if calls:
                    plan += item.text
                else:
                    parts.append({"type": "thinking", "thinking": item.text})
            case Reasoning() if item.text:
                dropped.append("messages[].reasoning")
            case Text() | Refusal() | Reasoning() | ToolCall():
                pass
            case _:
                dropped.append("messages[].content")
    message: JsonObject = {"role": "assistant"}
    if len(parts) == 1 and parts[0]["type"] == "text":
        message["content"] = parts[0]["text"]
    elif parts:
        message["content"] = parts
    if plan:
        message["tool_plan"] = plan
    if calls:
        message["tool_calls"] = [_call(call) for call in calls]
    return message if len(message) > 1 else None


def _call(call: ToolCall) -> JsonObject:
    return {
        "id": call.id,
        "type": "function",
        "function": {"name": call.name, "arguments": _arguments(call.arguments)},
    }


def _arguments(text: str) -> str:
    """An object, as it came; what is none is put in one."""
    try:
        given = loads(text) if text.strip() else {}
    except (ValueError, RecursionError):
        given = None
    return text if isinstance(given, dict) and text.strip() else "{}"
