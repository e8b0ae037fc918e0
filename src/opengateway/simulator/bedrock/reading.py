"""A Converse request as Messages have it, so that one generator and one cache serve both."""

from __future__ import annotations

from typing import Any

from opengateway.kit import json
from opengateway.simulator.bedrock.rules import schema_of

DEFAULT_TOKENS = 4096


def as_messages(body: dict[str, Any], model: str) -> dict[str, Any]:
    """The same request in the words of Messages. `body` was let through."""
    config = body.get("inferenceConfig") or {}
    fields = body.get("additionalModelRequestFields") or {}
    made: dict[str, Any] = {
        "model": model,
        "max_tokens": config.get("maxTokens", DEFAULT_TOKENS),
        "messages": [
            {"role": m["role"], "content": _blocks(m["content"])} for m in body["messages"]
        ],
    }
    for name, member in (
        ("temperature", "temperature"),
        ("topP", "top_p"),
        ("stopSequences", "stop_sequences"),
    ):
        if name in config:
            made[member] = config[name]
    for name in ("thinking", "top_k"):
        if name in fields:
            made[name] = fields[name]
    if body.get("system"):
        made["system"] = _blocks(body["system"])
    offered = body.get("toolConfig")
    if offered is not None:
        made["tools"] = _tools(offered["tools"])
        made["tool_choice"] = _choice(offered.get("toolChoice") or {"auto": {}})
    if (schema := schema_of(body)) is not None:
        made["output_config"] = {"format": {"type": "json_schema", "schema": schema}}
    return made


def user_text(messages: Any) -> str:
    """The newest text of the user's, as it came; empty for what is no conversation."""
    for message in reversed(messages) if isinstance(messages, list) else ():
        if not isinstance(message, dict) or message.get("role") != "user":
            continue
        content = message.get("content")
        blocks = content if isinstance(content, list) else []
        texts = [block.get("text") for block in blocks if isinstance(block, dict)]
        if found := "\n".join(text for text in texts if isinstance(text, str)):
            return found
    return ""


def _blocks(content: list[dict[str, Any]]) -> list[dict[str, Any]]:
    made: list[dict[str, Any]] = []
    for block in content:
        point = block.get("cachePoint")
        if point is None:
            made.append(_block(block))
        elif made:
            ttl = {"ttl": point["ttl"]} if "ttl" in point else {}
            made[-1]["cache_control"] = {"type": "ephemeral", **ttl}
    return made


def _block(block: dict[str, Any]) -> dict[str, Any]:
    match block:
        case {"text": text}:
            return {"type": "text", "text": text}
        case {"json": value}:
            return {"type": "text", "text": json.dumps(value).decode()}
        case {"image": {"format": kind, "source": source}}:
            data = source.get("bytes", "")
            media = {"type": "base64", "media_type": f"image/{kind}", "data": data}
            return {"type": "image", "source": media}
        case {"document": document}:
            data = document["source"].get("bytes", "")
            source = {"type": "base64", "media_type": "application/pdf", "data": data}
            return {"type": "document", "source": source}
        case {"toolUse": use}:
            return {
                "type": "tool_use",
                "id": use["toolUseId"],
                "name": use["name"],
                "input": use["input"],
            }
        case {"toolResult": result}:
            return {
                "type": "tool_result",
                "tool_use_id": result["toolUseId"],
                "content": [_block(part) for part in result["content"]],
                "is_error": result.get("status") == "error",
            }
        case {"reasoningContent": {"reasoningText": told}}:
            return {
                "type": "thinking",
                "thinking": told["text"],
                "signature": told.get("signature", ""),
            }
        case {"reasoningContent": {"redactedContent": sealed}}:
            return {"type": "redacted_thinking", "data": sealed}
        case _:
            return {"type": "text", "text": json.dumps(block).decode()}


def _tools(tools: list[dict[str, Any]]) -> list[dict[str, Any]]:
    made: list[dict[str, Any]] = []
    for tool in tools:
        if (spec := tool.get("toolSpec")) is not None:
            made.append({"name": spec["name"], "input_schema": spec["inputSchema"]["json"]})
        elif "cachePoint" in tool and made:
            made[-1]["cache_control"] = {"type": "ephemeral"}
    return made


def _choice(choice: dict[str, Any]) -> dict[str, Any]:
    if "tool" in choice:
        return {"type": "tool", "name": choice["tool"]["name"]}
    return {"type": "any" if "any" in choice else "auto"}
