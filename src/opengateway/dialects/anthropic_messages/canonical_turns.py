"""Messages to turns: blocks in their order, results before what else their message says."""

from __future__ import annotations

import base64
from typing import Any, Final

import msgspec

from opengateway.dialects.anthropic_messages.seals import is_carried, reasoning_of
from opengateway.domain.canonical import (
    CacheMark,
    Document,
    Image,
    Item,
    Reasoning,
    Role,
    ServerItem,
    Text,
    ToolCall,
    ToolResult,
    Turn,
)
from opengateway.domain.origins import ANTHROPIC
from opengateway.kit.json import JsonObject, Raw, RawObject, dumps, loads, loads_raw_object

_NULL: Final = b"null"
_ATTRIBUTION: Final = "x-anthropic-billing-header:"
_ROLES: Final = {"user": Role.USER, "assistant": Role.ASSISTANT, "system": Role.SYSTEM}
decode_list = msgspec.json.Decoder(list[Raw]).decode


def turns_of(system: Raw | None, messages: Raw) -> tuple[Turn, ...]:
    """One turn a message; a message with results is two: the results', and the rest's."""
    reader = _Reader()
    turns = []
    if system is not None:
        items = tuple(item for item in reader.items(system) if not _is_attribution(item))
        turns += [Turn(Role.SYSTEM, items)] if items else []
    for raw in decode_list(messages):
        message = loads_raw_object(raw)
        role = _ROLES[loads(message["role"])]
        items = reader.items(message["content"])
        if role is Role.USER:
            results = tuple(item for item in items if isinstance(item, ToolResult))
            if results:
                turns.append(Turn(Role.TOOL, results))
                items = tuple(item for item in items if not isinstance(item, ToolResult))
        elif role is Role.ASSISTANT:
            items = _bound(items)
        if items:
            turns.append(Turn(role, items))
    return tuple(turns)


def _is_attribution(item: Item) -> bool:
    """Claude Code's note to its own vendor, which changes with each conversation: for all others it
    would be an instruction, and no prefix would ever be found in their caches."""
    return isinstance(item, Text) and item.text.startswith(_ATTRIBUTION)


def mark_of(members: RawObject) -> CacheMark | None:
    raw = members.get("cache_control")
    said = loads(raw) if raw is not None else None
    return CacheMark(said.get("ttl")) if isinstance(said, dict) else None


def _bound(items: tuple[Item, ...]) -> tuple[Item, ...]:
    """A seal that belongs to a call stands right before it, wherever it was kept."""
    seals = {i.call_id: i for i in items if isinstance(i, Reasoning) and i.call_id is not None}
    if not seals:
        return items
    made: list[Item] = []
    for item in items:
        if isinstance(item, Reasoning) and item.call_id is not None:
            continue
        if isinstance(item, ToolCall) and item.id in seals:
            made.append(seals[item.id])
        made.append(item)
    return tuple(made)


class _Reader:
    """Blocks to items. Keeps the names of the calls that went by."""

    __slots__ = ("_names",)

    def __init__(self) -> None:
        self._names: dict[str, str] = {}

    def items(self, content: Raw) -> tuple[Item, ...]:
        if bytes(content).startswith(b'"'):
            text = loads(content)
            return (Text(text=text),) if text else ()
        return tuple(self._item(raw) for raw in decode_list(content))

    def _item(self, raw: Raw) -> Item:
        members = {n: v for n, v in loads_raw_object(raw).items() if bytes(v) != _NULL}
        mark = mark_of(members)
        match loads(members["type"]):
            case "text":
                opaque = {n: v for n, v in members.items() if n not in _OF_TEXT}
                return Text(text=loads(members["text"]), cache=mark, opaque=opaque)
            case "thinking":
                return _thinking(members)
            case "redacted_thinking":
                data = loads(members["data"])
                if is_carried(data):
                    return reasoning_of("", data)
                return Reasoning(encrypted=data, origin=ANTHROPIC)
            case "tool_use":
                return self._call(members, mark)
            case "tool_result":
                return self._result(members, mark)
            case "image":
                return _image(loads(members["source"]), mark)
            case "document" if (document := _document(members, mark)) is not None:
                return document
            case _:
                return ServerItem(raw=raw, origin=ANTHROPIC, cache=mark)

    def _call(self, members: RawObject, mark: CacheMark | None) -> ToolCall:
        identifier, name = loads(members["id"]), loads(members["name"])
        self._names[identifier] = name
        arguments = bytes(members["input"]).decode()
        return ToolCall(id=identifier, name=name, arguments=arguments, cache=mark)

    def _result(self, members: RawObject, mark: CacheMark | None) -> ToolResult:
        call_id = loads(members["tool_use_id"])
        content: list[Any] = []
        for item in self.items(members["content"]) if "content" in members else ():
            if isinstance(item, ServerItem):  # a search's result, a tool's name: as its JSON
                content.append(Text(text=bytes(item.raw).decode(), cache=item.cache))
            elif isinstance(item, Text | Image | Document):
                content.append(item)
        return ToolResult(
            call_id=call_id,
            name=self._names.get(call_id),
            content=tuple(content),
            is_error="is_error" in members and loads(members["is_error"]),
            cache=mark,
        )


_OF_TEXT: Final = frozenset(("type", "text", "cache_control"))


def _thinking(members: RawObject) -> Reasoning:
    text = loads(members["thinking"])
    signature = loads(members["signature"]) if "signature" in members else None
    if not signature:
        return Reasoning(text=text)
    if is_carried(signature):
        return reasoning_of(text, signature)
    return Reasoning(text=text, signature=signature, origin=ANTHROPIC)


def _image(source: JsonObject, mark: CacheMark | None) -> Image:
    return Image(
        url=source.get("url"),
        data=source.get("data"),
        media_type=source.get("media_type"),
        cache=mark,
    )


def _document(members: RawObject, mark: CacheMark | None) -> Document | None:
    """None for one that is made of blocks."""
    source = loads(members["source"])
    title = loads(members["title"]) if "title" in members else None
    kind, data = source.get("type"), source.get("data")
    if kind == "content":
        return None
    if kind == "text":
        data = base64.b64encode(data.encode()).decode()
    usual = "text/plain" if kind == "text" else "application/pdf"
    return Document(
        url=source.get("url"),
        data=data,
        file_id=source.get("file_id"),
        media_type=source.get("media_type") or usual,
        name=title if isinstance(title, str) else None,
        cache=mark,
        opaque={n: v for n, v in members.items() if n in ("citations", "context")},
    )


def raw_of(value: Any) -> Raw:
    return Raw(dumps(value))
