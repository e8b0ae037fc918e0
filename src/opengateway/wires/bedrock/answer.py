"""What was said so far: content blocks to events, for streams and whole answers alike.

A block is known by its first piece: text and reasoning have no start of their own. Blocks of the
service's own tools are put together and handed on unread.
"""

from __future__ import annotations

from collections.abc import Iterable
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
from opengateway.domain.model_rules import ModelRule
from opengateway.domain.origins import AMAZON
from opengateway.kit.json import JsonObject, Raw, dumps, loads
from opengateway.wires.anthropic.tools import ANSWER_TOOL
from opengateway.wires.bedrock.messages import unsealed

MAX_BLOCKS: Final = 10_000
HELD_BYTES: Final = 16 * 1024 * 1024
"""Of blocks that are handed on whole."""
_SERVER: Final = "server_tool_use"

Kind = Literal["text", "thinking", "call", "json", "server"]


class BadBlock(ValueError):
    """A block that cannot be put together. Its text says why, in a few words."""


class Block:
    """One content block, open."""

    __slots__ = ("has_arguments", "held", "kind", "number", "pieces", "signature", "slot")

    def __init__(self, kind: Kind, number: int) -> None:
        self.kind: Kind = kind
        self.number = number
        self.slot = 0
        self.held: JsonObject = {}
        """A block handed on whole."""
        self.pieces: list[str] = []
        self.has_arguments = False
        self.signature: str | None = None


class Answer:
    """The blocks of one answer."""

    __slots__ = ("_held", "_ids", "_numbers", "_open", "_origin", "is_json", "slots")

    def __init__(self, rule: ModelRule) -> None:
        self.slots = 0
        """Tool calls so far."""
        self.is_json = False
        """Whether the answer came as the call of the tool that stands for it."""
        self._origin = rule.family or AMAZON
        self._open: dict[int, Block] = {}
        self._numbers = 0
        self._held = 0
        self._ids: set[str] = set()

    def start(self, index: int, start: object, out: list[Event]) -> None:
        """`contentBlockStart`. Raises `BadBlock`."""
        self.stop(index, out)
        if not isinstance(start, dict):
            return
        use, result = start.get("toolUse"), start.get("toolResult")
        if isinstance(use, dict):
            self._call(index, use, out)
        elif isinstance(result, dict):
            self._server(index, {"toolResult": result})

    def delta(self, index: int, delta: object, out: list[Event]) -> None:
        """`contentBlockDelta`. Raises `BadBlock`."""
        if not isinstance(delta, dict):
            raise BadBlock("a delta that is not an object")
        if (text := delta.get("text")) is not None:
            self._text(self._for(index, "text", out), _string(text), out)
        elif isinstance(use := delta.get("toolUse"), dict):
            self.arguments(index, _string(use.get("input")), out)
        elif isinstance(thought := delta.get("reasoningContent"), dict):
            self._think(self._for(index, "thinking", out), thought, out)
        elif isinstance(note := delta.get("citation"), dict):
            _cite((note,), out)
        elif delta.get("toolResult") is not None:
            self._grow_result(index, delta["toolResult"], out)

    def whole(self, index: int, block: object, out: list[Event]) -> None:
        """A block of a whole answer. Raises `BadBlock`."""
        if not isinstance(block, dict):
            raise BadBlock("a block that is not an object")
        if (text := block.get("text")) is not None:
            self._text(self._new(index, "text"), _string(text), out)
        elif isinstance(cited := block.get("citationsContent"), dict):
            made = self._new(index, "text")
            for part in _objects(cited.get("content")):
                self._text(made, _string(part.get("text")), out)
            _cite(_objects(cited.get("citations")), out)
        elif isinstance(use := block.get("toolUse"), dict):
            self._call(index, use, out)
            if isinstance(given := use.get("input"), dict) and use.get("type") != _SERVER:
                self.arguments(index, dumps(given).decode(), out)
        elif isinstance(thought := block.get("reasoningContent"), dict):
            made = self._new(index, "thinking")
            told = thought.get("reasoningText")
            self._think(made, told if isinstance(told, dict) else thought, out)
        elif block:
            self._server(index, block)
        self.stop(index, out)

    # --- blocks --------------------------------------------------------------------------------
    def _new(self, index: int, kind: Kind) -> Block:
        if self._numbers >= MAX_BLOCKS:
            raise BadBlock(f"more than {MAX_BLOCKS} blocks")
        block = self._open[index] = Block(kind, self._numbers)
        self._numbers += 1
        return block

    def _for(self, index: int, kind: Kind, out: list[Event]) -> Block:
        block = self._open.get(index)
        if block is not None and block.kind == kind:
            return block
        self.stop(index, out)
        return self._new(index, kind)

    def _text(self, block: Block, text: str, out: list[Event]) -> None:
        if text:
            out.append(TextDelta(text, block.number))

    def _think(self, block: Block, thought: JsonObject, out: list[Event]) -> None:
        if text := _string(thought.get("text")):
            out.append(ReasoningDelta(text, block.number))
        if signature := _string(thought.get("signature")):
            self._hold(len(signature))
            block.signature = (block.signature or "") + signature
        if sealed := _string(thought.get("redactedContent")):
            plain = unsealed(sealed)
            if plain is not None:
                out.append(ReasoningSeal(self._origin, block.number, encrypted=plain))

    def _call(self, index: int, use: JsonObject, out: list[Event]) -> None:
        if use.get("type") == _SERVER:
            self._server(index, {"toolUse": use})
            return
        name = _string(use.get("name"))
        if not name:
            raise BadBlock("a call without a name")
        block = self._new(index, "json" if name == ANSWER_TOOL else "call")
        if block.kind == "json":
            self.is_json = True
            return
        block.slot = self.slots
        self.slots += 1
        identifier = _string(use.get("toolUseId"))
        if not identifier or identifier in self._ids:
            seed = f"{identifier}\0{block.slot}\0{name}".encode("utf-8", "replace")
            identifier = f"tooluse_{blake2b(seed, digest_size=12).hexdigest()}"
        self._ids.add(identifier)
        out.append(ToolStart(block.slot, identifier, name, block.number))

    def arguments(self, index: int, piece: str, out: list[Event]) -> None:
        """A piece of a call's arguments. Raises `BadBlock`."""
        block = self._open.get(index)
        if block is None or block.kind not in ("call", "json", "server"):
            raise BadBlock("arguments outside a call")
        if not piece:
            return
        block.has_arguments = True
        if block.kind == "call":
            out.append(ToolArguments(block.slot, piece))
        elif block.kind == "json":
            self._text(block, piece, out)
        else:
            self._hold(len(piece))
            block.pieces.append(piece)

    def _server(self, index: int, block: JsonObject) -> None:
        self._hold(len(dumps(block)))
        self._new(index, "server").held = block

    def _grow_result(self, index: int, told: Any, out: list[Event]) -> None:
        """What a tool of the service's own gave, in a block that may have had no start."""
        block = self._open.get(index)
        if block is None or block.kind != "server":
            self.stop(index, out)
            self._server(index, {"toolResult": {}})
            block = self._open[index]
        self._hold(len(dumps(told)))
        result = block.held.setdefault("toolResult", {})
        content = result.setdefault("content", [])
        content += told if isinstance(told, list) else [told]

    def _hold(self, size: int) -> None:
        self._held += size
        if self._held > HELD_BYTES:
            raise BadBlock(f"more than {HELD_BYTES} bytes of blocks")

    def stop(self, index: int, out: list[Event]) -> None:
        """A block that never began is passed over."""
        block = self._open.pop(index, None)
        if block is None:
            return
        match block.kind:
            case "thinking":
                if block.signature is not None:
                    seal = ReasoningSeal(self._origin, block.number, signature=block.signature)
                    out.append(seal)
            case "call":
                out.append(ToolEnd(block.slot))
            case "json":
                if not block.has_arguments:
                    self._text(block, "{}", out)
            case "server":
                out.append(ServerEventItem(Raw(dumps(_with_input(block))), AMAZON))
            case "text":
                pass

    def stop_all(self, out: list[Event]) -> None:
        for index in sorted(self._open):
            self.stop(index, out)


def _with_input(block: Block) -> JsonObject:
    """A block of the service's own tool with the input that came in pieces."""
    if not block.pieces or not isinstance(use := block.held.get("toolUse"), dict):
        return block.held
    text = "".join(block.pieces)
    try:
        given: Any = loads(text)
    except (ValueError, RecursionError):
        given = text
    return {"toolUse": {**use, "input": given}}


def _string(value: object) -> str:
    return value if isinstance(value, str) else ""


def _objects(listed: object) -> list[JsonObject]:
    return [one for one in listed if isinstance(one, dict)] if isinstance(listed, list) else []


def _cite(notes: Iterable[JsonObject], out: list[Event]) -> None:
    """Citations that name an address; those that name a place in a document have no form here."""
    for note in notes:
        location = note.get("location")
        web = location.get("web") if isinstance(location, dict) else None
        url = _string(web.get("url")) if isinstance(web, dict) else ""
        if url:
            out.append(Annotation(url=url, title=_string(note.get("title")) or None))
