"""The output items of an answer, and the events that tell of them (reference: providers, A.5).

An item is opened before anything is said of it, its events share one id, and it is closed once.
A message or a thought is closed before the next item opens; calls may run side by side.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, Literal

from opengateway.domain.events import Annotation, ToolStart
from opengateway.kit.json import JsonObject, Raw, dumps, loads

Emit = Callable[[str, JsonObject], None]
"""Takes an event's type and its members but for `type` and `sequence_number`."""
ItemStatus = Literal["completed", "incomplete"]

_NOTES: Final = frozenset(("url_citation", "file_citation", "container_file_citation", "file_path"))
_DELTA_OF: Final = {
    "output_text": "response.output_text.delta",
    "refusal": "response.refusal.delta",
    "reasoning_text": "response.reasoning_text.delta",
    "summary_text": "response.reasoning_summary_text.delta",
}


class Part:
    """A part of an item, open. `member` holds its text."""

    __slots__ = ("block", "index", "kind", "logprobs", "notes", "pieces")

    def __init__(self, kind: str, index: int, block: int) -> None:
        self.kind = kind
        self.index = index
        self.block = block
        self.pieces: list[str] = []
        self.notes: list[JsonObject | Raw] = []
        self.logprobs: list[Any] = []

    @property
    def text(self) -> str:
        return "".join(self.pieces)

    def shown(self, text: str) -> JsonObject:
        if self.kind == "output_text":
            return {
                "type": self.kind,
                "text": text,
                "annotations": self.notes,
                "logprobs": self.logprobs,
            }
        return {"type": self.kind, "refusal" if self.kind == "refusal" else "text": text}


class Said:
    """A message or a thought: an item of parts, of which one is open."""

    __slots__ = (
        "_emit",
        "_part",
        "_shown",
        "block",
        "contents",
        "delta_head",
        "id",
        "index",
        "kind",
        "summaries",
    )

    def __init__(
        self,
        emit: Emit,
        kind: Literal["message", "reasoning"],
        index: int,
        identifier: str,
        block: int,
    ) -> None:
        self._emit = emit
        self.kind = kind
        self.index = index
        self.id = identifier
        self.block = block
        self._part: Part | None = None
        self.contents: list[JsonObject] = []
        self.summaries: list[JsonObject] = []
        self.delta_head = b""
        """The frame of the open part's deltas, up to its text."""
        self._shown: JsonObject = {}

    def open(self, phase: Raw | None = None) -> None:
        if self.kind == "message":
            self._shown = {"role": "assistant"}
            if phase is not None:
                self._shown["phase"] = phase
        self._emit(
            "response.output_item.added",
            {"output_index": self.index, "item": self._item("in_progress")},
        )

    def _item(self, status: str, encrypted: str | None = None) -> JsonObject:
        item: JsonObject = {"id": self.id, "type": self.kind, "status": status}
        if self.kind == "message":
            return item | self._shown | {"content": list(self.contents)}
        item["summary"] = list(self.summaries)
        if self.contents:
            item["content"] = list(self.contents)
        if encrypted is not None:
            item["encrypted_content"] = encrypted
        return item

    def part(self, kind: str, block: int) -> Part:
        """The open part if it is of that kind and block, else a new one."""
        part = self._part
        if part is not None:
            if part.kind == kind and (part.block == block or self.kind == "reasoning"):
                return part
            self.end_part()
        listed = self.summaries if kind == "summary_text" else self.contents
        part = self._part = Part(kind, len(listed), block)
        name = "response.content_part.added"
        if kind == "summary_text":
            name = "response.reasoning_summary_part.added"
        self._emit(name, {**self._place(part), "part": part.shown("")})
        event = _DELTA_OF[kind]
        place = dumps({"type": event, **self._place(part)})
        self.delta_head = b'event: %b\ndata: %b,"delta":' % (event.encode(), place[:-1])
        return part

    @property
    def open_part(self) -> Part | None:
        return self._part

    def _place(self, part: Part) -> JsonObject:
        name = "summary_index" if part.kind == "summary_text" else "content_index"
        return {"item_id": self.id, "output_index": self.index, name: part.index}

    def end_part(self) -> None:
        part = self._part
        if part is None:
            return
        self._part = None
        text, place = part.text, self._place(part)
        shown = part.shown(text)
        match part.kind:
            case "output_text":
                told = {**place, "text": text, "logprobs": part.logprobs}
                self._emit("response.output_text.done", told)
            case "refusal":
                self._emit("response.refusal.done", {**place, "refusal": text})
            case "reasoning_text":
                self._emit("response.reasoning_text.done", {**place, "text": text})
            case _:
                self._emit("response.reasoning_summary_text.done", {**place, "text": text})
                self._emit("response.reasoning_summary_part.done", {**place, "part": shown})
                self.summaries.append(shown)
                return
        self._emit("response.content_part.done", {**place, "part": shown})
        self.contents.append(shown)

    def note(self, note: Annotation) -> None:
        """A citation, of the text that is open."""
        part = self._part
        if part is None or part.kind != "output_text":
            return
        shown = annotation_of(note)
        if shown is None:
            return
        place = {**self._place(part), "annotation_index": len(part.notes), "annotation": shown}
        part.notes.append(shown)
        self._emit("response.output_text.annotation.added", place)

    def close(self, status: ItemStatus, encrypted: str | None = None) -> JsonObject:
        self.end_part()
        item = self._item(status, encrypted)
        self._emit("response.output_item.done", {"output_index": self.index, "item": item})
        return item


class Call:
    """A call of one of the caller's tools."""

    __slots__ = ("_emit", "_name", "_namespace", "delta_head", "id", "index", "pieces", "start")

    def __init__(
        self,
        emit: Emit,
        start: ToolStart,
        index: int,
        identifier: str,
        named: tuple[str, str] | None = None,
    ) -> None:
        """`named`: its group and its name there, where the caller grouped it."""
        self._emit = emit
        self._namespace, self._name = named or ("", start.name)
        self.start = start
        self.index = index
        self.id = identifier
        self.pieces: list[str] = []
        name = "custom_tool_call_input" if self.is_custom else "function_call_arguments"
        event = f"response.{name}.delta"
        place = dumps({"type": event, "item_id": identifier, "output_index": index})
        self.delta_head = b'event: %b\ndata: %b,"delta":' % (event.encode(), place[:-1])
        item = self._item("in_progress", "")
        emit("response.output_item.added", {"output_index": index, "item": item})

    @property
    def is_custom(self) -> bool:
        return self.start.kind == "custom"

    def _item(self, status: str, text: str) -> JsonObject:
        kind, member = ("function_call", "arguments")
        if self.is_custom:
            kind, member = ("custom_tool_call", "input")
        item: JsonObject = {
            "id": self.id,
            "type": kind,
            "status": status,
            "call_id": self.start.id,
            "name": self._name,
            member: text,
        }
        return {**item, "namespace": self._namespace} if self._namespace else item

    def close(self, status: ItemStatus) -> JsonObject:
        text = "".join(self.pieces)
        place: JsonObject = {"item_id": self.id, "output_index": self.index}
        if self.is_custom:
            self._emit("response.custom_tool_call_input.done", {**place, "input": text})
        else:
            told = {**place, "name": self._name, "arguments": text}
            self._emit("response.function_call_arguments.done", told)
        item = self._item(status, text)
        self._emit("response.output_item.done", {"output_index": self.index, "item": item})
        return item


def annotation_of(note: Annotation) -> JsonObject | Raw | None:
    """A citation in this shape's words; None for what it has none for."""
    raw = note.raw
    if raw is not None:
        told = loads(raw)
        if isinstance(told, dict) and told.get("type") in _NOTES:
            return raw
    if note.url is None:
        return None
    return {
        "type": "url_citation",
        "url": note.url,
        "title": note.title or "",
        "start_index": note.start or 0,
        "end_index": note.end or 0,
    }
