"""Events to content blocks, one after the other (E34).

Events of several blocks may come mixed. Here a block is begun, gets its deltas and is closed before
the next begins; indices count from 0. A call stays open until it is whole: what is said meanwhile
waits, in its order. Text and thought that are interrupted go on in a block of their own.
"""

from __future__ import annotations

from typing import Final, Literal, TypeAlias

from opengateway.dialects.anthropic_messages.seals import carried
from opengateway.domain.events import (
    Annotation,
    Event,
    ImageOut,
    ReasoningDelta,
    ReasoningSeal,
    ServerEventItem,
    TextDelta,
    ToolArguments,
    ToolEnd,
    ToolStart,
)
from opengateway.domain.origins import ANTHROPIC
from opengateway.kit.json import JsonObject, loads

Step: TypeAlias = tuple[Literal["start", "delta", "stop"], int, JsonObject]
"""What happens to the block of that index: begun as it is, told more, or closed."""
_CITED: Final = frozenset(
    (
        "char_location",
        "page_location",
        "content_block_location",
        "web_search_result_location",
        "search_result_location",
    )
)


class _Waiting:
    """A call that began while another was open."""

    __slots__ = ("is_whole", "pieces", "start")

    def __init__(self, start: ToolStart) -> None:
        self.start = start
        self.pieces: list[str] = []
        self.is_whole = False


class Sequence:
    """One answer's blocks. Takes what `gateway.translation.Guard` lets through."""

    __slots__ = ("_key", "_later", "_named", "_summary", "index", "kind")

    def __init__(self) -> None:
        self.index = -1
        """Of the block that was begun last."""
        self.kind: str | None = None
        """Of the open block: text, thinking or tool_use."""
        self._key = -1
        """The open block's number, or its call's slot, as events have it."""
        self._summary = False
        self._later: list[Event | _Waiting] = []
        self._named: dict[int, _Waiting] = {}
        """The waiting calls by slot."""

    def goes_on(self, event: TextDelta) -> bool:
        """Whether the text belongs to the open block."""
        return self.kind == "text" and self._key == event.block

    def take(self, event: Event, out: list[Step]) -> None:
        if self.kind != "tool_use":
            self._show(event, out)
            return
        match event:
            case ToolArguments() if event.slot == self._key:
                self._delta({"type": "input_json_delta", "partial_json": event.text}, out)
            case ToolArguments():
                if (waiting := self._named.get(event.slot)) is not None:
                    waiting.pieces.append(event.text)
            case ToolEnd() if event.slot == self._key:
                self.close(out)
                self._go_on(out)
            case ToolEnd():
                if (waiting := self._named.get(event.slot)) is not None:
                    waiting.is_whole = True
            case ToolStart():
                waiting = self._named[event.slot] = _Waiting(event)
                self._later.append(waiting)
            case _:
                self._later.append(event)

    def close(self, out: list[Step]) -> None:
        if self.kind is not None:
            out.append(("stop", self.index, {}))
            self.kind = None

    def _go_on(self, out: list[Step]) -> None:
        """With what waited, up to a call that is not whole yet."""
        later, self._later = self._later, []
        for at, one in enumerate(later):
            if not isinstance(one, _Waiting):
                self._show(one, out)
                continue
            del self._named[one.start.slot]
            self._show(one.start, out)
            if one.pieces:
                told = "".join(one.pieces)
                self._delta({"type": "input_json_delta", "partial_json": told}, out)
            if not one.is_whole:
                self._later = later[at + 1 :]
                return
            self.close(out)

    # --- no call is open -------------------------------------------------------------------------
    def _show(self, event: Event, out: list[Step]) -> None:
        match event:
            case TextDelta():
                if not self.goes_on(event):
                    self._begin("text", event.block, {"type": "text", "text": ""}, out)
                self._delta({"type": "text_delta", "text": event.text}, out)
            case ReasoningDelta():
                if self.kind != "thinking" or self._key != event.block:
                    thought = {"type": "thinking", "thinking": "", "signature": ""}
                    self._begin("thinking", event.block, thought, out)
                self._summary = event.summary
                self._delta({"type": "thinking_delta", "thinking": event.text}, out)
            case ReasoningSeal():
                self._seal(event, out)
            case ToolStart():
                call = {"type": "tool_use", "id": event.id, "name": event.name, "input": {}}
                self._begin("tool_use", event.slot, call, out)
            case ImageOut():
                source = {"type": "base64", "media_type": event.media_type, "data": event.data}
                self._whole({"type": "image", "source": source}, out)
            case ServerEventItem() if event.origin == ANTHROPIC:
                block = loads(event.raw)
                if isinstance(block, dict):
                    self._whole(block, out)
            case Annotation():
                if self.kind == "text":
                    self._delta({"type": "citations_delta", "citation": citation(event)}, out)
            case _:
                pass

    def _seal(self, seal: ReasoningSeal, out: list[Step]) -> None:
        is_own = seal.origin == ANTHROPIC and seal.call_id is None
        is_open = self.kind == "thinking" and self._key == seal.block
        if is_own and seal.encrypted is not None:
            self._whole({"type": "redacted_thinking", "data": seal.encrypted}, out)
            return
        word = seal.signature if is_own else carried(seal, summary=is_open and self._summary)
        if not is_open and not is_own:
            self._whole({"type": "redacted_thinking", "data": word or ""}, out)
            return
        if not is_open:
            block = {"type": "thinking", "thinking": "", "signature": ""}
            self._begin("thinking", seal.block, block, out)
        self._delta({"type": "signature_delta", "signature": word or ""}, out)
        self.close(out)

    def _begin(self, kind: str, key: int, block: JsonObject, out: list[Step]) -> None:
        self.close(out)
        self.index += 1
        self.kind, self._key, self._summary = kind, key, False
        out.append(("start", self.index, block))

    def _whole(self, block: JsonObject, out: list[Step]) -> None:
        self._begin("whole", -1, block, out)
        self.close(out)

    def _delta(self, delta: JsonObject, out: list[Step]) -> None:
        out.append(("delta", self.index, delta))


def citation(note: Annotation) -> JsonObject:
    """In the vendor's own words where it is the vendor's, else as a page that was found."""
    raw = loads(note.raw) if note.raw is not None else None
    if isinstance(raw, dict) and raw.get("type") in _CITED:
        return raw
    told = raw.get("url_citation") if isinstance(raw, dict) else None
    told = told if isinstance(told, dict) else {}
    return {
        "type": "web_search_result_location",
        "url": note.url or told.get("url") or "",
        "title": note.title or told.get("title"),
        "encrypted_index": "",
        "cited_text": "",
    }
