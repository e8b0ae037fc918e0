"""What was said so far: content blocks to events, for streams and whole answers alike.

Blocks of Anthropic's own tools, and blocks that nobody knows yet, are put together and handed on
unread. A call's arguments that never came are its `input` as it began, or `{}`.
"""

from __future__ import annotations

from hashlib import blake2b
from typing import Any, Final, Literal

from opengateway.domain.events import (
    Annotation,
    Event,
    ReasoningDelta,
    ReasoningSeal,
    ServerEventItem,
    TextDelta,
    ToolArguments,
    ToolEnd,
    ToolStart,
)
from opengateway.domain.origins import ANTHROPIC
from opengateway.kit.json import JsonObject, Raw, dumps, loads
from opengateway.wires.anthropic.tools import ANSWER_TOOL

MAX_BLOCKS: Final = 10_000
MAX_NOTES: Final = 10_000
HELD_BYTES: Final = 16 * 1024 * 1024
"""Of blocks that are handed on whole."""

Kind = Literal["text", "thinking", "call", "json", "server", "silent"]


class BadBlock(ValueError):
    """A block that cannot be put together. Its text says why, in a few words."""


class Block:
    """One content block, open."""

    __slots__ = ("began", "held", "kind", "notes", "number", "pieces", "signature", "slot")

    def __init__(self, kind: Kind, number: int, began: int = 0) -> None:
        self.kind: Kind = kind
        self.number = number
        self.began = began
        """Where its text begins within the whole text, in characters."""
        self.slot = 0
        self.held: JsonObject = {}
        """A block handed on whole; of a call, its `input` as it began."""
        self.pieces: list[str] | None = None
        """Arguments that came; None where none did."""
        self.signature: str | None = None
        self.notes: list[JsonObject] = []


class Answer:
    """The blocks of one answer."""

    __slots__ = (
        "_held",
        "_ids",
        "_notes",
        "_numbers",
        "_open",
        "_seed",
        "characters",
        "is_json",
        "slots",
    )

    def __init__(self) -> None:
        self.characters = 0
        """Of text so far."""
        self.slots = 0
        """Tool calls so far."""
        self.is_json = False
        """Whether the answer came as the call of the tool that stands for it."""
        self._open: dict[int, Block] = {}
        self._numbers = 0
        self._held = 0
        self._notes = 0
        self._ids: set[str] = set()
        self._seed = ""

    def name(self, message_id: str) -> None:
        self._seed = message_id

    def at(self, index: int) -> Block | None:
        return self._open.get(index)

    # --- a block begins ------------------------------------------------------------------------
    def open(self, index: int, told: JsonObject, out: list[Event]) -> None:
        """Raises `BadBlock`."""
        if index in self._open:
            self.close(index, out)
        kind = told.get("type")
        if kind == "text":
            block = self._new(index, "text")
            self.text(block, _string(told, "text"), out)
            cited = told.get("citations")
            for note in cited if isinstance(cited, list) else ():
                self.cite(block, note)
        elif kind == "thinking":
            block = self._new(index, "thinking")
            self.think(block, _string(told, "thinking"), out)
            block.signature = _string(told, "signature") or None
        elif kind == "redacted_thinking":
            block = self._new(index, "silent")
            if data := _string(told, "data"):
                out.append(ReasoningSeal(ANTHROPIC, block.number, encrypted=data))
        elif kind == "tool_use":
            self._call(index, told, out)
        elif isinstance(kind, str) and kind:
            self._new(index, "server").held = told
            self._hold(len(dumps(told)))
        else:
            raise BadBlock("a block without a type")

    def _new(self, index: int, kind: Kind) -> Block:
        if self._numbers >= MAX_BLOCKS:
            raise BadBlock(f"more than {MAX_BLOCKS} blocks")
        block = self._open[index] = Block(kind, self._numbers, self.characters)
        self._numbers += 1
        return block

    def _call(self, index: int, told: JsonObject, out: list[Event]) -> None:
        name = _string(told, "name")
        if not name:
            raise BadBlock("a call without a name")
        given = told.get("input")
        block = self._new(index, "json" if name == ANSWER_TOOL else "call")
        block.held = given if isinstance(given, dict) else {}
        if block.kind == "json":
            self.is_json = True
            return
        block.slot = self.slots
        self.slots += 1
        identifier = _string(told, "id")
        if not identifier or identifier in self._ids:
            seed = "\0".join((self._seed, str(block.slot), name)).encode("utf-8", "replace")
            identifier = f"toolu_{blake2b(seed, digest_size=12).hexdigest()}"
        self._ids.add(identifier)
        out.append(ToolStart(block.slot, identifier, name, block.number))

    # --- a block goes on -----------------------------------------------------------------------
    def for_text(self, index: int) -> Block:
        """The open block of text at `index`, or a new one: a delta says what it is itself."""
        return self._for(index, "text")

    def for_thought(self, index: int) -> Block:
        return self._for(index, "thinking")

    def _for(self, index: int, kind: Kind) -> Block:
        block = self._open.get(index)
        return block if block is not None and block.kind == kind else self._new(index, kind)

    def text(self, block: Block, text: str, out: list[Event]) -> None:
        if text:
            self.characters += len(text)
            out.append(TextDelta(text, block.number))

    def think(self, block: Block, text: str, out: list[Event]) -> None:
        if text:
            out.append(ReasoningDelta(text, block.number, digest=True))

    def arguments(self, index: int, piece: str, out: list[Event]) -> None:
        """A piece of a call's arguments, or of the input of a vendor's own tool."""
        block = self._open.get(index)
        if block is None or block.kind not in ("call", "json", "server"):
            raise BadBlock("arguments outside a call")
        if not piece:
            return
        if block.kind == "call":
            block.pieces = []  # seen; not kept
            out.append(ToolArguments(block.slot, piece))
            return
        block.pieces = block.pieces or []
        if block.kind == "json":
            block.pieces = []
            self.text(block, piece, out)
            return
        self._hold(len(piece))
        block.pieces.append(piece)

    def cite(self, block: Block, note: object) -> None:
        if isinstance(note, dict):
            self._notes += 1
            if self._notes <= MAX_NOTES:
                block.notes.append(note)

    def grow(self, index: int, delta: JsonObject) -> None:
        """A delta of a kind that nobody knows: its texts go on the members of the same name."""
        block = self._open.get(index)
        if block is None or block.kind != "server":
            return
        for name, value in delta.items():
            if name == "type" or not isinstance(value, str):
                continue
            self._hold(len(value))
            so_far = block.held.get(name)
            block.held[name] = so_far + value if isinstance(so_far, str) else value

    def _hold(self, size: int) -> None:
        self._held += size
        if self._held > HELD_BYTES:
            raise BadBlock(f"more than {HELD_BYTES} bytes of blocks")

    # --- a block ends --------------------------------------------------------------------------
    def close(self, index: int, out: list[Event]) -> None:
        """Raises `BadBlock`. A block that never began is passed over."""
        block = self._open.pop(index, None)
        if block is None:
            return
        match block.kind:
            case "text":
                self._cite_all(block, out)
            case "thinking":
                if block.signature is not None:
                    out.append(ReasoningSeal(ANTHROPIC, block.number, signature=block.signature))
            case "call":
                if block.pieces is None:
                    out.append(ToolArguments(block.slot, dumps(block.held).decode()))
                out.append(ToolEnd(block.slot))
            case "json":
                if block.pieces is None:
                    self.text(block, dumps(block.held).decode(), out)
            case "server":
                out.append(ServerEventItem(Raw(dumps(_whole(block))), ANTHROPIC))
            case "silent":
                pass

    def close_all(self, out: list[Event]) -> None:
        for index in sorted(self._open):
            self.close(index, out)

    def _cite_all(self, block: Block, out: list[Event]) -> None:
        """Citations of pages are of their block's text; others are handed on as they are."""
        for note in block.notes:
            raw = Raw(dumps(note))
            url, title = note.get("url"), note.get("title")
            if isinstance(url, str) and url:
                told = title if isinstance(title, str) else None
                out.append(Annotation(url, told, block.began, self.characters, raw))
            else:
                out.append(Annotation(raw=raw))


def _whole(block: Block) -> JsonObject:
    """A block of a vendor's own tool with the input that came in pieces."""
    if not block.pieces:
        return block.held
    text = "".join(block.pieces)
    try:
        given: Any = loads(text)
    except (ValueError, RecursionError):
        given = text
    return {**block.held, "input": given}


def _string(members: JsonObject, name: str) -> str:
    value = members.get(name)
    return value if isinstance(value, str) else ""
