"""A recorded Converse request as a canonical one, so that we can send it and compare.

No dialect speaks this shape: this reads as much of it as the recordings hold.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

from opengateway.domain.canonical import (
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
from opengateway.domain.origins import AMAZON, ANTHROPIC
from opengateway.kit.json import JsonObject, Raw, dumps
from opengateway.wires.bedrock.messages import unsealed
from opengateway.wires.bedrock.tools import DIALECT

_MEDIA: Final = {"pdf": "application/pdf", "txt": "text/plain", "md": "text/markdown"}
_READ: Final = frozenset(
    ("messages", "system", "inferenceConfig", "toolConfig", "outputConfig", "serviceTier")
)
_FIELDS: Final = "additionalModelRequestFields"


def read_converse(body: JsonObject, *, stream: bool) -> CanonicalRequest:
    turns = [Turn(Role.SYSTEM, _items(body["system"]))] if body.get("system") else []
    turns += [Turn(Role(m["role"]), _items(m["content"])) for m in body["messages"]]
    config, given = body.get("inferenceConfig") or {}, dict(body.get(_FIELDS) or {})
    offered = body.get("toolConfig") or {}
    reasoning = _reasoning(given)
    extra = {name: _raw(value) for name, value in body.items() if name not in (*_READ, _FIELDS)}
    if given:
        extra[_FIELDS] = _raw(given)
    return CanonicalRequest(
        turns=tuple(turns),
        stream=stream,
        tools=_tools(offered.get("tools") or ()),
        server_tools=tuple(_raw(t) for t in offered.get("tools") or () if "systemTool" in t),
        tool_choice=_choice(offered.get("toolChoice")),
        output=_output(body.get("outputConfig")),
        sampling=Sampling(
            temperature=config.get("temperature"),
            top_p=config.get("topP"),
            stop=tuple(config.get("stopSequences") or ()),
        ),
        max_output_tokens=config.get("maxTokens"),
        reasoning=reasoning,
        service_tier=(body.get("serviceTier") or {}).get("type"),
        dialect=DIALECT,
        extra=extra,
    )


def _raw(value: Any) -> Raw:
    return Raw(dumps(value))


def _reasoning(fields: JsonObject) -> ReasoningIntent:
    """What is said of thinking among the model's own fields; taken out of them."""
    effort = fields.pop("reasoning_effort", None)
    if (config := fields.pop("reasoningConfig", None)) is not None:
        effort = config.get("maxReasoningEffort")
    thinking = fields.pop("thinking", None)
    if thinking is None:
        return ReasoningIntent(effort=effort)
    return ReasoningIntent(
        budget_tokens=thinking.get("budget_tokens"), enabled=thinking["type"] != "disabled"
    )


def _output(config: JsonObject | None) -> OutputFormat | None:
    if config is None:
        return None
    schema = config["textFormat"]["structure"]["jsonSchema"]
    return OutputFormat(
        "json_schema",
        name=schema.get("name"),
        schema=Raw(schema["schema"].encode()),
        description=schema.get("description"),
    )


def _tools(told: Any) -> tuple[Tool, ...]:
    tools: list[Tool] = []
    for block in told:
        if "cachePoint" in block and tools:
            mark = CacheMark(block["cachePoint"].get("ttl"))
            last = tools.pop()
            tools.append(
                Tool(last.name, last.description, last.parameters, last.strict, cache=mark)
            )
        elif (spec := block.get("toolSpec")) is not None:
            schema = _raw(spec["inputSchema"]["json"])
            tools.append(Tool(spec["name"], spec.get("description"), schema, spec.get("strict")))
    return tuple(tools)


def _choice(choice: JsonObject | None) -> ToolChoice | None:
    if choice is None:
        return None
    if "tool" in choice:
        return ToolChoice("named", (choice["tool"]["name"],))
    return ToolChoice("required" if "any" in choice else "auto")


def _items(blocks: list[JsonObject]) -> tuple[Item, ...]:
    items: list[Item] = []
    for block in blocks:
        if "cachePoint" in block and items:
            mark = CacheMark(block["cachePoint"].get("ttl"))
            items[-1] = msgspec.structs.replace(items[-1], cache=mark)
        else:
            items.append(_item(block))
    return tuple(items)


def _item(block: JsonObject) -> Item:
    match block:
        case {"text": text}:
            return Text(text=text)
        case {"toolUse": {"type": "server_tool_use"}} | {"toolResult": {"type": _}}:
            return ServerItem(raw=_raw(block), origin=AMAZON)
        case {"toolUse": use}:
            arguments = dumps(use["input"]).decode()
            return ToolCall(id=use["toolUseId"], name=use["name"], arguments=arguments)
        case {"toolResult": result}:
            content: Any = tuple(_part(part) for part in result["content"])
            is_error = result.get("status") == "error"
            return ToolResult(
                call_id=result["toolUseId"], name=None, content=content, is_error=is_error
            )
        case {"reasoningContent": {"reasoningText": told}}:
            signature = told.get("signature")
            return Reasoning(text=told["text"], signature=signature, origin=ANTHROPIC)
        case {"reasoningContent": {"redactedContent": sealed}}:
            return Reasoning(encrypted=unsealed(sealed), origin=ANTHROPIC)
        case _:
            return _part(block)


def _part(block: JsonObject) -> Text | Image | Document:
    match block:
        case {"text": text}:
            return Text(text=text)
        case {"json": value}:
            return Text(text=dumps(value).decode())
        case {"image": {"format": kind, "source": source}}:
            url = (source.get("s3Location") or {}).get("uri")
            return Image(url=url, data=source.get("bytes"), media_type=f"image/{kind}")
        case {"document": {"format": kind, "source": source} as document}:
            return Document(
                url=(source.get("s3Location") or {}).get("uri"),
                data=source.get("bytes"),
                media_type=_MEDIA[kind],
                name=document.get("name"),
            )
        case _:
            raise ValueError(f"a block that is not read: {sorted(block)}")
