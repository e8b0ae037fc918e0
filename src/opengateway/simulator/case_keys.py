"""What makes two requests the same, on each wire, and what an event of a recording is."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

import msgspec

from opengateway.simulator.rendering import FrameKind

_REASONING = frozenset(("reasoning", "reasoning_content", "reasoning_details", "thinking_blocks"))
_THOUGHTS = frozenset(("thinking", "redacted_thinking"))


@dataclass(frozen=True, slots=True)
class CaseKeys:
    """How one wire's requests are told apart.

    `member` holds the conversation; `messages` gives its normal form, `others` those of the
    members that must be equal too, and `rest` names those that only choose among equals.
    """

    member: str
    messages: Callable[[dict[str, Any]], Any]
    others: Callable[[dict[str, Any]], Any]
    rest: tuple[str, ...]

    def key(self, body: dict[str, Any]) -> bytes:
        asked = {
            "model": body.get("model"),
            "action": body.get("action") or "",
            "messages": self.messages(body),
            "others": self.others(body),
            "stream": bool(body.get("stream")),
        }
        return _digest(asked)

    def messages_key(self, body: dict[str, Any]) -> bytes:
        return _digest(self.messages(body))

    def rest_key(self, body: dict[str, Any]) -> bytes:
        return _digest({n: body.get(n) for n in self.rest if body.get(n) is not None})


def _digest(value: Any) -> bytes:
    encoded = msgspec.json.encode(value, order="sorted")
    return blake2b(encoded, digest_size=16).digest()


# --- OpenAI -----------------------------------------------------------------------------------------


def classify_chat(data: bytes) -> FrameKind:
    """The kind of an event with this data."""
    tight = data.replace(b": ", b":")
    if data == b"[DONE]":
        return "done"
    if b'"finish_reason":"' in tight:
        return "finish"
    if b'"choices":[]' in tight and b'"usage"' in data:
        return "usage"
    return "content"


def chat_messages(body: dict[str, Any]) -> list[Any]:
    """One spelling for messages that say the same."""
    messages = body.get("messages")
    return [_normal(message) for message in messages] if isinstance(messages, list) else []


def _normal(message: Any) -> Any:
    """A single text part is a string; developer is system; reasoning and the index of a call do not
    count; a member that is null is not there.
    """
    if not isinstance(message, dict):
        return message
    kept = {k: v for k, v in message.items() if v is not None and k not in _REASONING}
    if kept.get("role") == "developer":
        kept["role"] = "system"
    if kept.get("role") == "tool":
        kept.pop("name", None)  # Mistral wants the tool's name there
    if kept.get("role") == "assistant":
        kept.pop("prefix", None)
    content = kept.get("content")
    if isinstance(content, list):
        kept["content"] = content = _normal_parts(content)
    if calls := kept.pop("tool_calls", None):
        kept["tool_calls"] = [_normal_call(call) for call in calls]
        if content == "":
            del kept["content"]
    return kept


def _normal_parts(parts: list[Any]) -> Any:
    kept = [p for p in parts if not (isinstance(p, dict) and p.get("type") == "thinking")]
    if len(kept) == 1 and isinstance(kept[0], dict) and set(kept[0]) == {"type", "text"}:
        return kept[0]["text"]
    return kept


def _normal_call(call: Any) -> Any:
    if not isinstance(call, dict):
        return call
    return {"type": "function"} | {k: v for k, v in call.items() if k != "index"}


CHAT = CaseKeys(
    member="messages",
    messages=chat_messages,
    others=lambda body: body.get("tools") or None,
    # The members that a gateway neither adds nor renames, and that tell cases apart.
    rest=("response_format", "tool_choice", "n", "temperature", "reasoning_effort", "stop"),
)

COHERE = CaseKeys(
    member="messages",
    messages=chat_messages,
    others=lambda body: body.get("tools") or None,
    rest=("tool_choice", "temperature", "response_format", "thinking"),
)


# --- Anthropic --------------------------------------------------------------------------------------


def classify_anthropic(data: bytes) -> FrameKind:
    """The kind of an event with this data."""
    found = re.match(rb'\{\s*"type"\s*:\s*"(\w+)"', data)
    match found[1] if found else b"":
        case b"message_start":
            return "open"
        case b"message_delta":
            return "finish"
        case b"message_stop":
            return "done"
        case b"ping" | b"error":
            return "other"
    return "content"


def _blocks(content: Any) -> Any:
    """Content as blocks, without marks of the cache, thoughts, nulls and defaults."""
    if isinstance(content, str):
        return [{"type": "text", "text": content}]
    if not isinstance(content, list):
        return content
    return [_block(b) for b in content if not (isinstance(b, dict) and b.get("type") in _THOUGHTS)]


def _block(block: Any) -> Any:
    if not isinstance(block, dict):
        return block
    kept = {k: v for k, v in block.items() if v is not None and k != "cache_control"}
    if kept.get("is_error") is False:
        del kept["is_error"]
    if kept.get("type") == "tool_result" and "content" in kept:
        kept["content"] = _blocks(kept["content"])
    return kept


def _anthropic_messages(body: dict[str, Any]) -> list[Any]:
    """Neighbours of one role are one message, as the vendor takes them."""
    joined: list[Any] = []
    for message in body.get("messages") or ():
        if not isinstance(message, dict):
            joined.append(message)
            continue
        role, blocks = message.get("role"), _blocks(message.get("content"))
        last = joined[-1] if joined else None
        if (
            isinstance(last, list)
            and last[0] == role
            and isinstance(last[1], list)
            and isinstance(blocks, list)
        ):
            last[1].extend(blocks)
        else:
            joined.append([role, blocks])
    return joined


def _anthropic_tool(tool: Any) -> Any:
    kept = _block(tool)
    if isinstance(kept, dict) and kept.get("type") == "custom":
        del kept["type"]
    if isinstance(kept, dict) and not kept.get("description"):
        kept.pop("description", None)
    return kept


ANTHROPIC = CaseKeys(
    member="messages",
    messages=_anthropic_messages,
    others=lambda body: [
        [_anthropic_tool(tool) for tool in body.get("tools") or ()],
        _blocks(body.get("system") or []),
    ],
    rest=(
        "tool_choice", "output_config", "output_format", "thinking", "stop_sequences", "temperature",
        "container", "context_management", "max_tokens",
    ),
)  # fmt: skip


# --- Gemini -----------------------------------------------------------------------------------------

_FREE = frozenset(("args", "response", "properties", "labels"))
_UNSIGNED = frozenset(("thoughtSignature", "thought", "id", "videoMetadata"))


def classify_gemini(data: bytes) -> FrameKind:
    """The kind of an event with this data."""
    return "finish" if b'"finishReason"' in data else "content"


def camel(name: str) -> str:
    """`max_output_tokens` as `maxOutputTokens`; Google's JSON takes both."""
    head, *tail = name.split("_")
    return head + "".join(part[:1].upper() + part[1:] for part in tail) if head else name


def camel_keys(value: Any) -> Any:
    """The same value with camel-case names, except of names that the caller chose."""
    if isinstance(value, list):
        return [camel_keys(each) for each in value]
    if not isinstance(value, dict):
        return value
    made = {}
    for name, inner in value.items():
        spelt = camel(name)
        free = spelt in _FREE or spelt.endswith("Schema")
        made[spelt] = inner if free else camel_keys(inner)
    return made


def _gemini_part(part: Any) -> Any:
    if not isinstance(part, dict):
        return part
    kept = {k: v for k, v in part.items() if v is not None and k not in _UNSIGNED}
    for name in ("functionCall", "functionResponse", "executableCode", "codeExecutionResult"):
        if isinstance(inner := kept.get(name), dict):
            kept[name] = {k: v for k, v in inner.items() if v and k != "id"}
    if isinstance(blob := kept.get("inlineData"), dict) and isinstance(blob.get("data"), str):
        data = blob["data"].translate(_STANDARD).rstrip("=")
        kept["inlineData"] = blob | {"data": data}
    return kept


_STANDARD = str.maketrans("-_", "+/")


def _gemini_parts(content: Any) -> list[Any]:
    parts = content.get("parts") if isinstance(content, dict) else None
    if not isinstance(parts, list):
        return [parts]
    return [
        _gemini_part(part) for part in parts if not (isinstance(part, dict) and part.get("thought"))
    ]


def _gemini_contents(body: dict[str, Any]) -> list[Any]:
    contents = camel_keys(body.get("contents"))
    made = []
    for content in contents if isinstance(contents, list) else ():
        role = content.get("role") if isinstance(content, dict) else None
        made.append([role or "user", _gemini_parts(content)])
    return made


def _gemini_tools(body: dict[str, Any]) -> list[Any]:
    tools = camel_keys(body.get("tools")) or []
    made: list[Any] = []
    for tool in tools if isinstance(tools, list) else [tools]:
        declared = tool.get("functionDeclarations") if isinstance(tool, dict) else None
        if not isinstance(declared, list):
            made.append(tool)
            continue
        made += [_declaration(each) for each in declared]
    return made


def _declaration(declared: Any) -> Any:
    if not isinstance(declared, dict):
        return declared
    schema = declared.get("parametersJsonSchema") or declared.get("parameters") or {}
    names = sorted(schema.get("properties") or ()) if isinstance(schema, dict) else []
    return [declared.get("name"), declared.get("description") or "", names]


GEMINI = CaseKeys(
    member="contents",
    messages=_gemini_contents,
    others=lambda body: [
        _gemini_tools(body),
        _gemini_parts(camel_keys(body.get("systemInstruction") or body.get("system_instruction"))),
    ],
    rest=("generationConfig", "toolConfig", "cachedContent", "safetySettings", "labels"),
)


# --- Bedrock ----------------------------------------------------------------------------------------


def _converse_block(block: Any) -> Any:
    if not isinstance(block, dict):
        return block
    result = block.get("toolResult")
    if isinstance(result, dict):
        kept = {k: v for k, v in result.items() if (k, v) != ("status", "success")}
        parts = result.get("content")
        if isinstance(parts, list):
            kept["content"] = [_converse_part(part) for part in parts]
        return {"toolResult": kept}
    return block


def _converse_part(part: Any) -> Any:
    """What a result holds is the same as JSON and as that JSON's text."""
    if isinstance(part, dict) and "json" in part:
        return {"text": msgspec.json.encode(part["json"]).decode()}
    return part


def _converse_blocks(content: Any) -> Any:
    """Without cache points and thoughts."""
    if not isinstance(content, list):
        return content
    unsaid = ("cachePoint", "reasoningContent")
    return [
        _converse_block(block)
        for block in content
        if not (isinstance(block, dict) and any(name in block for name in unsaid))
    ]


def _converse_messages(body: dict[str, Any]) -> list[Any]:
    messages = body.get("messages")
    return [
        [message.get("role"), _converse_blocks(message.get("content"))]
        if isinstance(message, dict)
        else message
        for message in (messages if isinstance(messages, list) else ())
    ]


def _converse_tools(body: dict[str, Any]) -> Any:
    config = body.get("toolConfig")
    return _converse_blocks(config.get("tools") or []) if isinstance(config, dict) else []


CONVERSE = CaseKeys(
    member="messages",
    messages=_converse_messages,
    others=lambda body: [_converse_tools(body), _converse_blocks(body.get("system") or [])],
    rest=("inferenceConfig", "additionalModelRequestFields", "outputConfig"),
)
