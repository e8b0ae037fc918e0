"""A Responses request as the generator reads it: by way of the chat request that says the same."""

from __future__ import annotations

from typing import Any

from opengateway.simulator.reading import last_user_text
from opengateway.simulator.responses.rules import as_tools_and_format


def as_chat(body: dict[str, Any]) -> dict[str, Any]:
    """The chat request that asks for the same answer."""
    messages = [message for item in body["input"] if (message := _message(item))]
    if (instructions := body.get("instructions")) is not None:
        messages.insert(0, {"role": "system", "content": instructions})
    made = {"model": body["model"], "messages": messages, **as_tools_and_format(body)}
    for name, value in (
        ("tool_choice", _choice(body.get("tool_choice"))),
        ("parallel_tool_calls", body.get("parallel_tool_calls")),
        ("max_completion_tokens", body.get("max_output_tokens")),
        ("reasoning_effort", (body.get("reasoning") or {}).get("effort")),
        ("stream_options", {"include_usage": True}),
    ):
        if value is not None:
            made[name] = value
    return made


def user_text(given: Any) -> str:
    """The newest text of the user's, as it came; empty for what is no conversation."""
    if isinstance(given, str):
        return given
    items = given if isinstance(given, list) else []
    return last_user_text(
        [message for item in items if isinstance(item, dict) and (message := _message(item))]
    )


def _message(item: dict[str, Any]) -> dict[str, Any] | None:
    match item.get("type", "message"):
        case "message":
            return {"role": item.get("role"), "content": _content(item.get("content"))}
        case "function_call" | "custom_tool_call" as kind:
            member = "arguments" if kind == "function_call" else "input"
            holder = "function" if kind == "function_call" else "custom"
            said = {"name": item["name"], member: item[member]}
            call = {"id": item["call_id"], "type": holder, holder: said}
            return {"role": "assistant", "content": None, "tool_calls": [call]}
        case "function_call_output" | "custom_tool_call_output":
            content = _content(item.get("output"))
            return {"role": "tool", "tool_call_id": item.get("call_id"), "content": content}
        case _:
            return None


def _content(content: Any) -> Any:
    if not isinstance(content, list):
        return content
    parts: list[dict[str, Any]] = []
    for part in content:
        match part.get("type"):
            case "input_text" | "output_text":
                parts.append({"type": "text", "text": part.get("text") or ""})
            case "input_image":
                url = {"url": part.get("image_url") or ""}
                parts.append({"type": "image_url", "image_url": url})
            case "input_file":
                parts.append({"type": "file", "file": {}})
            case _:
                parts.append({"type": "text", "text": part.get("refusal") or ""})
    return parts


def _choice(choice: Any) -> Any:
    if not isinstance(choice, dict):
        return choice
    if choice["type"] == "allowed_tools":
        return {"type": "allowed_tools", "allowed_tools": {**choice}}
    return {"type": choice["type"], choice["type"]: {"name": choice["name"]}}
