"""A conversation to input items: the caller's own as they came, others made from turns.

No item goes out with an id: an id names what a vendor keeps, and nothing is kept there for us
(decision 29). Encrypted reasoning goes back to whoever made it, and to nobody else.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from hashlib import blake2b
from typing import Any, Final

from opengateway.domain.canonical import (
    Audio,
    Document,
    Image,
    Item,
    Reasoning,
    Refusal,
    Role,
    ServerItem,
    Text,
    ToolCall,
    ToolResult,
    Turn,
    Video,
)
from opengateway.domain.errors import InvalidRequest
from opengateway.kit.json import JsonObject, Raw, dumps, loads, loads_raw_object
from opengateway.wires.openai_responses.answer import CALLS
from opengateway.wires.openai_responses.seals import seal_in

_MAX_CALL_ID: Final = 64
_NULL: Final = b"null"


class Conversation:
    """Items in the making. `dropped` names what is left out.

    `keeps_text`: the vendor takes reasoning back as plain text; else only what it encrypted.
    """

    def __init__(self, vendor: str, seals_as: str, dropped: list[str], *, keeps_text: bool) -> None:
        self._vendor = vendor
        self._seals_as = seals_as
        self._dropped = dropped
        self._keeps_text = keeps_text
        self._custom: set[str] = set()
        """Calls of custom tools: their results have a type of their own."""

    # --- of this shape already ---------------------------------------------------------------------
    def own(self, items: Iterable[Raw]) -> list[Raw]:
        """A caller's items of this shape: every byte stays but for ids, and others' secrets."""
        kept = (self._own(item) for item in items)
        return [item for item in kept if item is not None]

    def _own(self, raw: Raw) -> Raw | None:
        item = loads_raw_object(raw)
        changed = item.pop("id", None) is not None
        is_thought = bytes(item.get("type", _NULL)) == b'"reasoning"'
        if "encrypted_content" in item and bytes(item["encrypted_content"]) != _NULL:
            seal = seal_in(str(loads(item["encrypted_content"])))
            if seal.origin == self._seals_as and seal.encrypted is not None:
                shown = Raw(dumps(seal.encrypted))
                changed |= bytes(shown) != bytes(item["encrypted_content"])
                item["encrypted_content"] = shown
                return Raw(dumps(item)) if changed else raw
            del item["encrypted_content"]
            changed = True
            if not is_thought:
                self._drop("input[].encrypted_content")
                return None
        if is_thought and not self._keeps_text:
            return None  # without its secret it means nothing to the vendor
        return Raw(dumps(item)) if changed else raw

    # --- of another shape --------------------------------------------------------------------------
    def made(self, turns: Sequence[Turn]) -> list[JsonObject]:
        for turn in turns:
            self._custom |= {
                i.id for i in turn.items if isinstance(i, ToolCall) and i.kind == "custom"
            }
        return [item for turn in turns for item in self._turn(turn)]

    def _turn(self, turn: Turn) -> Iterable[JsonObject]:
        said: list[JsonObject] = []
        if turn.name is not None:
            self._drop("messages[].name")
        is_answer = turn.role is Role.ASSISTANT
        role = Role.USER if turn.role is Role.TOOL else turn.role
        for item in turn.items:
            part = self._part(item, is_answer=is_answer)
            if part is not None:
                said.append(part)
                continue
            yield from _message(role, said)
            said = []
            yield from self._item(item)
        yield from _message(role, said)

    def _item(self, item: Item) -> Iterable[JsonObject]:
        match item:
            case ToolCall():
                custom = item.kind == "custom"
                kind = "custom_tool_call" if custom else "function_call"
                yield {
                    "type": kind,
                    "call_id": _call_id(item.id),
                    "name": item.name,
                    CALLS[kind]: item.arguments,
                }
            case ToolResult():
                yield self._result(item)
            case Reasoning():
                yield from self._thought(item)
            case ServerItem():
                self._drop("messages[].server_items")
            case _:
                pass

    def _result(self, item: ToolResult) -> JsonObject:
        custom = item.call_id in self._custom
        output: str | list[JsonObject | None]
        if all(isinstance(part, Text) for part in item.content):
            output = "".join(part.text for part in item.content if isinstance(part, Text))
        else:
            output = [self._part(part, is_answer=False) for part in item.content]
        return {
            "type": "custom_tool_call_output" if custom else "function_call_output",
            "call_id": _call_id(item.call_id),
            "output": output,
        }

    def _thought(self, item: Reasoning) -> Iterable[JsonObject]:
        summary = [{"type": "summary_text", "text": item.text}] if item.text else []
        if item.encrypted is not None and item.origin == self._seals_as:
            yield {"type": "reasoning", "summary": summary, "encrypted_content": item.encrypted}
        elif self._keeps_text and item.text:
            content = [{"type": "reasoning_text", "text": item.text}]
            yield {"type": "reasoning", "summary": [], "content": content}
        # Whatever else was thought means nothing to this vendor; leaving it out changes no answer.

    def _part(self, item: Item, *, is_answer: bool) -> JsonObject | None:
        """A part of a message; None for what is an item of its own. Raises `InvalidRequest`."""
        match item:
            case Text():
                if is_answer:
                    return {"type": "output_text", "text": item.text, "annotations": []}
                return {"type": "input_text", "text": item.text}
            case Refusal():
                return {"type": "refusal", "refusal": item.text}
            case Image():
                if is_answer:
                    self._drop("messages[].images")
                    return {"type": "output_text", "text": "", "annotations": []}
                return {
                    "type": "input_image",
                    "image_url": item.url or f"data:{item.media_type};base64,{item.data or ''}",
                    "detail": item.detail or "auto",
                }
            case Document():
                return _file(item)
            case Audio() | Video():
                kind = "sounds" if isinstance(item, Audio) else "videos"
                raise InvalidRequest(
                    f"messages: {self._vendor} takes no {kind} with this request; leave them out or"
                    " choose another model",
                    param="messages",
                )
            case _:
                return None

    def _drop(self, member: str) -> None:
        if member not in self._dropped:
            self._dropped.append(member)


def _message(role: Role, parts: list[JsonObject]) -> Iterable[JsonObject]:
    """One message of those parts; a string where that says the same."""
    if not parts:
        return
    content: Any = parts
    if len(parts) == 1 and parts[0]["type"] in ("input_text", "output_text"):
        content = parts[0]["text"]
    yield {"type": "message", "role": role.value, "content": content}


def _file(item: Document) -> JsonObject:
    made: JsonObject = {"type": "input_file"}
    if item.file_id is not None:
        made["file_id"] = item.file_id
    elif item.url is not None:
        made["file_url"] = item.url
    else:
        made["filename"] = item.name or "document.pdf"
        made["file_data"] = f"data:{item.media_type};base64,{item.data or ''}"
    return made


def _call_id(identifier: str) -> str:
    """Another vendor's id may be longer than this one takes; the same id gives the same digest."""
    if 0 < len(identifier) <= _MAX_CALL_ID:
        return identifier
    return f"call_{blake2b(identifier.encode('utf-8', 'replace'), digest_size=16).hexdigest()}"
