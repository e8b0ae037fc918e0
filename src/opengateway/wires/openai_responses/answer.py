"""The items of one answer as they come: what was opened, what was said, and what is still missing.

Vendors leave events out (reference: providers, E36 to E38): a delta without its item, an item that
is only ever told whole, a call that closes before it opened. An item's last word - its `done` event,
or its place in the final response - fills in what no delta told; it never says a thing twice.
"""

from __future__ import annotations

from typing import Any, Final, Literal, cast

from opengateway.domain.events import (
    Annotation,
    Aside,
    Event,
    ReasoningDelta,
    ReasoningSeal,
    RefusalDelta,
    ServerEventItem,
    TextDelta,
    ToolArguments,
    ToolEnd,
    ToolStart,
)
from opengateway.kit.json import JsonObject, Raw, dumps
from opengateway.wires.openai_chat.parts import call_id
from opengateway.wires.openai_responses.names import joined

ORIGIN: Final = "openai_responses"
"""Of what only this shape knows, and of its requests (`CanonicalRequest.dialect`)."""
MAX_ITEMS: Final = 10_000
CALLS: Final = {"function_call": "arguments", "custom_tool_call": "input"}
"""The items that are calls of the caller's tools, each with the member that holds what it gets."""
_TEXTS: Final = {"output_text": "text", "refusal": "refusal", "reasoning_text": "text"}

PartKey = tuple[str, int]


class BadItem(ValueError):
    """An item that cannot be read. Its text says why, in a few words."""


class Item:
    """One output item. `said` counts the characters that were handed on, by part."""

    __slots__ = ("blocks", "is_done", "kind", "number", "said", "slot", "summaries")

    def __init__(self, kind: str, number: int) -> None:
        self.kind = kind
        self.number = number
        """Of its first block."""
        self.blocks: dict[int, int] = {}
        """Of text, by part."""
        self.slot: int | None = None
        """Of a call that began."""
        self.said: dict[PartKey, int] = {}
        self.summaries = -1
        """The last part of the summary that was begun."""
        self.is_done = False


class Answer:
    """All items of one answer. `seals_as` is whose its encrypted reasoning is."""

    __slots__ = ("_blocks", "_items", "_messages", "_seals_as", "slots")

    def __init__(self, seals_as: str) -> None:
        self._seals_as = seals_as
        self._items: dict[int, Item] = {}
        self._blocks = 0
        self._messages = 0
        self.slots = 0

    # --- what begins -----------------------------------------------------------------------------
    def item(self, index: int, kind: str) -> Item:
        """The item at `index`, or a new one of that kind. Raises `BadItem`."""
        found = self._items.get(index)
        if found is None:
            if len(self._items) >= MAX_ITEMS:
                raise BadItem(f"more than {MAX_ITEMS} items")
            found = self._items[index] = Item(kind, self._new_block())
        return found

    def added(self, index: int, told: JsonObject, out: list[Event]) -> None:
        kind = _text(told, "type")
        item = self.item(index, kind)
        item.kind = kind
        if kind in CALLS:
            self._start_call(item, told, out)
        elif kind == "message":
            self._tell_phase(told, out)

    def _new_block(self) -> int:
        self._blocks += 1
        return self._blocks - 1

    def _start_call(self, item: Item, told: JsonObject, out: list[Event]) -> None:
        name = _text(told, "name")
        if item.slot is not None or not name:
            return
        name = joined(_text(told, "namespace"), name)
        item.slot = slot = self.slots
        self.slots += 1
        kind: Literal["function", "custom"] = "custom" if _is_custom(item.kind) else "function"
        identifier = _text(told, "call_id") or call_id(_text(told, "id"), 0, slot, name)
        out.append(ToolStart(slot, identifier, name, item.number, kind=kind))

    def _tell_phase(self, told: JsonObject, out: list[Event]) -> None:
        """A message begins. Its `phase` must come back unchanged: kept for callers of this shape."""
        phase = _text(told, "phase") or None
        if phase is not None or self._messages:
            out.append(Aside(ORIGIN, {"phase": Raw(dumps(phase))}))
        self._messages += 1

    def _block_of(self, item: Item, part: int) -> int:
        known = item.blocks.get(part)
        if known is None:
            known = item.blocks[part] = self._new_block() if item.blocks else item.number
        return known

    # --- what is said ----------------------------------------------------------------------------
    def text(self, index: int, part: int, text: str, logprobs: Any, out: list[Event]) -> None:
        item = self.item(index, "message")
        if not text:
            return
        self._count(item, ("output_text", part), text)
        if logprobs:
            out.append(Aside(ORIGIN, {"logprobs": Raw(dumps(logprobs))}))
        out.append(TextDelta(text, self._block_of(item, part)))

    def refuse(self, index: int, part: int, text: str, out: list[Event]) -> None:
        item = self.item(index, "message")
        if text:
            self._count(item, ("refusal", part), text)
            out.append(RefusalDelta(text))

    def think(self, index: int, part: int, text: str, out: list[Event]) -> None:
        item = self.item(index, "reasoning")
        if text:
            self._count(item, ("reasoning_text", part), text)
            out.append(ReasoningDelta(text, item.number))

    def summarise(self, index: int, part: int, text: str, out: list[Event]) -> None:
        item = self.item(index, "reasoning")
        if not text:
            return
        self._count(item, ("summary_text", part), text)
        if part > item.summaries:
            if item.summaries >= 0:
                out.append(Aside(ORIGIN, {"summary_part": Raw(b"true")}))
            item.summaries = part
        out.append(ReasoningDelta(text, item.number, summary=True))

    def arguments(self, index: int, text: str, out: list[Event]) -> None:
        """A piece of what a call gets. Of one that did not begin, it waits for the whole."""
        item = self._items.get(index)
        if item is not None and item.slot is not None and text and not item.is_done:
            self._count(item, ("arguments", 0), text)
            out.append(ToolArguments(item.slot, text))

    def note(self, told: JsonObject, out: list[Event]) -> None:
        """A citation."""
        url, title = told.get("url"), told.get("title")
        start, end = told.get("start_index"), told.get("end_index")
        out.append(
            Annotation(
                url=url if isinstance(url, str) and url else None,
                title=title if isinstance(title, str) else None,
                start=start if type(start) is int else None,
                end=end if type(end) is int else None,
                raw=Raw(dumps(told)),
            )
        )

    def _count(self, item: Item, key: PartKey, text: str) -> None:
        item.said[key] = item.said.get(key, 0) + len(text)

    # --- an item's last word ---------------------------------------------------------------------
    def rest(self, index: int, kind: str, part: int, text: object, out: list[Event]) -> None:
        """A part told whole: what no delta told of it. `kind` is the part's type."""
        if not isinstance(text, str):
            return
        owner = "message" if kind in ("output_text", "refusal") else "reasoning"
        missing = text[self.item(index, owner).said.get((kind, part), 0) :]
        match kind:
            case "output_text":
                self.text(index, part, missing, None, out)
            case "refusal":
                self.refuse(index, part, missing, out)
            case "reasoning_text":
                self.think(index, part, missing, out)
            case "summary_text":
                self.summarise(index, part, missing, out)

    def done(self, index: int, told: JsonObject, out: list[Event]) -> None:
        """The item told whole. Told again, it says nothing new."""
        kind = _text(told, "type")
        if not kind:
            raise BadItem("an item without a type")
        is_new = index not in self._items
        item = self.item(index, kind)
        if item.is_done:
            return
        item.kind = kind  # it knows best, whatever was said before
        if kind in CALLS:
            self._end_call(index, item, told, out)
        elif kind == "message":
            if is_new:
                self._tell_phase(told, out)
            self._rest_of(index, told, out)
        elif kind == "reasoning":
            self._rest_of(index, told, out)
            if encrypted := _text(told, "encrypted_content"):
                out.append(ReasoningSeal(self._seals_as, item.number, encrypted=encrypted))
        else:
            out.append(ServerEventItem(Raw(dumps(told)), ORIGIN))
        item.is_done = True

    def _rest_of(self, index: int, told: JsonObject, out: list[Event]) -> None:
        for at, part in enumerate(_objects(told.get("summary"))):
            self.rest(index, "summary_text", at, part.get("text"), out)
        noted = any(isinstance(event, Annotation) for event in out)
        for at, part in enumerate(_objects(told.get("content"))):
            kind = _text(part, "type")
            is_new = (kind, at) not in self.item(index, "message").said
            self.rest(index, kind, at, part.get(_TEXTS.get(kind, "text")), out)
            if is_new and not noted:
                for note in _objects(part.get("annotations")):
                    self.note(note, out)

    def _end_call(self, index: int, item: Item, told: JsonObject, out: list[Event]) -> None:
        self._start_call(item, told, out)
        if item.slot is None:
            raise BadItem("a call without a name")
        self.rest_of_call(index, told.get(CALLS[item.kind]), out)
        out.append(ToolEnd(item.slot))

    def rest_of_call(self, index: int, text: object, out: list[Event]) -> None:
        item = self._items.get(index)
        if item is not None and isinstance(text, str):
            self.arguments(index, text[item.said.get(("arguments", 0), 0) :], out)

    def missing(self, output: object, out: list[Event]) -> None:
        """The final response's items, where no event told any."""
        if not self._items:
            for index, told in enumerate(_objects(output)):
                self.done(index, told, out)


def _is_custom(kind: str) -> bool:
    return kind == "custom_tool_call"


def _text(members: JsonObject, name: str) -> str:
    value = members.get(name)
    return value if isinstance(value, str) else ""


def _objects(listed: object) -> list[JsonObject]:
    if not isinstance(listed, list):
        return []
    return cast("list[JsonObject]", [one for one in listed if isinstance(one, dict)])
