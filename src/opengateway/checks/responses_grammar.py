"""The grammar of a Responses stream as a state machine, and the response that a client puts together.

Every rule is one that an official client leans on: numbers that count up from 0, an item opened
before anything is said of it, one id for all its events, parts opened and closed within it, texts
that are the sum of their deltas, one terminal event, and it is last and says again what came.
"""

from __future__ import annotations

from typing import Any, Final

from opengateway.kit.json import JsonObject, loads
from opengateway.kit.sse import Decoder

TERMINAL: Final = ("response.completed", "response.incomplete", "response.failed", "error")
_LIMIT_BYTES: Final = 64 * 1024 * 1024
_PARTS: Final = {
    "response.output_text": ("content_index", "text"),
    "response.refusal": ("content_index", "refusal"),
    "response.reasoning_text": ("content_index", "text"),
    "response.reasoning_summary_text": ("summary_index", "text"),
}
_CALLS: Final = {
    "response.function_call_arguments": "arguments",
    "response.custom_tool_call_input": "input",
}

PartKey = tuple[str, int]


class _Item:
    def __init__(self, identifier: str, kind: str) -> None:
        self.id = identifier
        self.kind = kind
        self.open_part: PartKey | None = None
        self.texts: dict[PartKey, str] = {}
        self.is_done = False
        self.has_arguments_done = False


class Grammar:
    """Takes events one by one; `faults` says in words what is not as it must be."""

    def __init__(self) -> None:
        self.faults: list[str] = []
        self.final: JsonObject | None = None
        self.events = 0
        self._items: dict[int, _Item] = {}
        self._done: dict[int, JsonObject] = {}
        self._response_id = ""
        self._is_over = False

    def _check(self, is_right: bool, fault: str) -> None:
        if not is_right and len(self.faults) < 100:
            self.faults.append(fault)

    def take(self, name: str, told: JsonObject) -> None:
        kind = told.get("type", "")
        self._check(not self._is_over, f"{kind} after the end")
        self._check(name == kind, f"the event is called {name!r} and is {kind!r}")
        if kind != "error":
            self._check(told.get("sequence_number") == self.events, f"{kind}: wrong number")
        self.events += 1
        if kind in TERMINAL:
            self._end(kind, told)
        elif kind in ("response.created", "response.in_progress"):
            self._begin(kind, told)
        elif kind.startswith("response.output_item."):
            self._item(kind, told)
        elif kind in ("response.content_part.added", "response.content_part.done"):
            self._part(kind, told, "content_index")
        elif kind.startswith("response.reasoning_summary_part."):
            self._part(kind, told, "summary_index")
        elif kind == "response.output_text.annotation.added":
            self._owner(told, kind)
        else:
            self._text(kind, told)

    def _begin(self, kind: str, told: JsonObject) -> None:
        response = told["response"]
        wanted = 0 if kind == "response.created" else 1
        self._check(self.events == wanted + 1, f"{kind} is event {self.events - 1}")
        self._check(response["status"] == "in_progress", f"{kind}: status {response['status']}")
        self._check(response["output"] == [], f"{kind}: has output")
        self._check(self._response_id in ("", response["id"]), f"{kind}: another id")
        self._response_id = response["id"]

    def _item(self, kind: str, told: JsonObject) -> None:
        index, item = told["output_index"], told["item"]
        if kind.endswith("added"):
            self._check(index == len(self._items), f"item {index} opened out of order")
            self._check(index not in self._items, f"item {index} opened twice")
            is_said = item["type"] in ("message", "reasoning")
            others = [i for i in self._items.values() if not i.is_done]
            quiet = all(i.kind not in ("message", "reasoning") for i in others)
            self._check(quiet, f"item {index} opened within another")
            if is_said:
                self._check(not item.get("content"), f"item {index} opened with content")
            self._items[index] = _Item(item["id"], item["type"])
            return
        known = self._items.get(index)
        if known is None or known.is_done:
            self._check(False, f"item {index} closed and not open")
            return
        known.is_done = True
        self._done[index] = item
        self._check(item["id"] == known.id, f"item {index} closed under another id")
        self._check(known.open_part is None, f"item {index} closed with an open part")
        if known.kind in ("function_call", "custom_tool_call"):
            self._check(known.has_arguments_done, f"call {index} closed without its arguments")
        said = {key: text for key, text in _texts_of(item) if text}
        told_texts = {key: text for key, text in known.texts.items() if text}
        self._check(said == told_texts, f"item {index} does not say what its deltas said")

    def _owner(self, told: JsonObject, kind: str) -> _Item | None:
        index = told["output_index"]
        item = self._items.get(index)
        if item is None:
            self._check(False, f"{kind} of item {index}, which never opened")
            return None
        self._check(not item.is_done, f"{kind} of item {index}, which is closed")
        self._check(told["item_id"] == item.id, f"{kind} names another id")
        return item

    def _part(self, kind: str, told: JsonObject, place: str) -> None:
        item = self._owner(told, kind)
        if item is None:
            return
        key = (_kind_of(told["part"]), told[place])
        if kind.endswith("added"):
            self._check(item.open_part is None, f"{kind} within another part")
            self._check(key not in item.texts, f"{kind}: part {key} opened twice")
            item.open_part = key
            item.texts[key] = ""
            return
        self._check(item.open_part == key, f"{kind}: part {key} is not open")
        self._check(_text_of(told["part"]) == item.texts.get(key), f"{kind}: another text")
        item.open_part = None

    def _text(self, kind: str, told: JsonObject) -> None:
        name, _, step = kind.rpartition(".")
        if name not in _PARTS and name not in _CALLS:
            self._check(False, f"{kind} is not known")
            return
        item = self._owner(told, kind)
        if item is None:
            return
        if name in _CALLS:
            key, member = ("arguments", 0), _CALLS[name]
            item.texts.setdefault(key, "")
            item.has_arguments_done |= step == "done"
        else:
            place, member = _PARTS[name]
            key = (_part_kind(name), told[place])
            self._check(item.open_part == key, f"{kind}: part {key} is not open")
        if step == "delta":
            item.texts[key] = item.texts.get(key, "") + told["delta"]
        else:
            self._check(told[member] == item.texts.get(key), f"{kind}: not what was said")

    def _end(self, kind: str, told: JsonObject) -> None:
        self._is_over = True
        if kind == "error":
            return
        response = told["response"]
        self.final = response
        self._check(f"response.{response['status']}" == kind, f"{kind}: {response['status']}")
        self._check(response["id"] == self._response_id, f"{kind}: another id")
        self._check(all(i.is_done for i in self._items.values()), f"{kind} with open items")
        output = [self._done[index] for index in sorted(self._done)]
        self._check(response["output"] == output, f"{kind}: the output is not what was said")

    @property
    def ended_well(self) -> bool:
        return self.final is not None and self.final["status"] in ("completed", "incomplete")


def read_stream(frames: bytes) -> Grammar:
    """Every event of whole frames through the machine."""
    grammar = Grammar()
    decoder = Decoder(_LIMIT_BYTES)
    for event in [*decoder.feed(frames), *decoder.end()]:
        grammar.take(event.event, loads(event.data))
    if decoder.buffered:
        grammar.faults.append("the last frame is not whole")
    return grammar


def _part_kind(name: str) -> str:
    kind = name.removeprefix("response.")
    return "summary_text" if kind == "reasoning_summary_text" else kind


def _kind_of(part: JsonObject) -> str:
    return str(part["type"])


def _text_of(part: JsonObject) -> Any:
    return part.get("refusal") if part["type"] == "refusal" else part.get("text")


def _texts_of(item: JsonObject) -> list[tuple[PartKey, str]]:
    match item["type"]:
        case "function_call":
            return [(("arguments", 0), item["arguments"])]
        case "custom_tool_call":
            return [(("arguments", 0), item["input"])]
        case "message" | "reasoning":
            parts = [*enumerate(item.get("content") or ()), *enumerate(item.get("summary") or ())]
            return [((_kind_of(part), at), _text_of(part)) for at, part in parts]
        case _:
            return []
