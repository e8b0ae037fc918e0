"""One candidate of an answer: its parts as events."""

from __future__ import annotations

from typing import Any, Final

from opengateway.domain.events import (
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
from opengateway.domain.origins import GOOGLE
from opengateway.kit.json import JsonObject, Raw, dumps
from opengateway.wires.gemini.calls import BadCall, OpenCall, call_id
from opengateway.wires.gemini.grounding import annotations_of

KEPT_CHARACTERS: Final = 256 * 1024
"""Of the text, for the places of citations: what is longer gets citations without places."""
_TEXT: Final = 1
_THOUGHT: Final = 2


class Candidate:
    """Blocks are numbered as they begin; a signature without thoughts is a block of its own."""

    __slots__ = (
        "_block",
        "_blocks",
        "_call",
        "_ids",
        "_kind",
        "_slots",
        "_text",
        "_text_length",
        "grounding",
        "has_content",
        "index",
        "message",
        "native",
    )

    def __init__(self, index: int) -> None:
        self.index = index
        self.native: str | None = None
        """Its finish reason, once it was told."""
        self.message: str | None = None
        self.has_content = False
        self.grounding: JsonObject | None = None
        self._blocks = 0
        self._block = 0
        self._kind = 0
        self._slots = 0
        self._ids: set[str] = set()
        self._call: OpenCall | None = None
        self._text: list[str] = []
        self._text_length = 0

    def take(self, part: JsonObject, response_id: str, out: list[Event]) -> None:
        """The events of a part, in order. Raises `BadCall`."""
        text, signature = part.get("text"), part.get("thoughtSignature")
        if not isinstance(signature, str) or not signature:
            signature = None
        if isinstance(text, str):
            if part.get("thought") is True:
                self._take_thought(text, signature, out)
            else:
                self._take_text(text, signature, out)
            return
        call = part.get("functionCall")
        if isinstance(call, dict):
            self._take_call(call, signature, response_id, out)
            return
        image = part.get("inlineData")
        if isinstance(image, dict) and _is_image(image):
            self._seal(signature, None, out)
            self.has_content = True
            out.append(ImageOut(image["data"], image["mimeType"], self.index))
        elif part.keys() - {"thought", "thoughtSignature"}:
            self._kind = 0
            out.append(ServerEventItem(Raw(dumps(part)), GOOGLE, self.index))
        else:
            self._seal(signature, None, out)

    def _begin(self, kind: int) -> int:
        """The block that goes on, or a new one. Text and thoughts in turn are blocks in turn."""
        if self._kind != kind:
            self._kind = kind
            self._block = self._blocks
            self._blocks += 1
        return self._block

    def _take_text(self, text: str, signature: str | None, out: list[Event]) -> None:
        if text:
            self._close_call(out)
            self.has_content = True
            out.append(TextDelta(text, self._begin(_TEXT), self.index))
            self._text_length += len(text)
            if self._text_length <= KEPT_CHARACTERS:
                self._text.append(text)
        self._seal(signature, None, out)

    def _take_thought(self, text: str, signature: str | None, out: list[Event]) -> None:
        if text:
            self._close_call(out)
            self.has_content = True
            out.append(ReasoningDelta(text, self._begin(_THOUGHT), self.index, digest=True))
        if signature is not None:
            block = self._begin(_THOUGHT)
            self._kind = 0
            out.append(ReasoningSeal(GOOGLE, block, self.index, signature))

    def _seal(self, signature: str | None, call: str | None, out: list[Event]) -> None:
        """A signature of what is not thought: it stands for thoughts that are not shown."""
        if signature is None:
            return
        self._kind = 0
        block = self._blocks
        self._blocks += 1
        out.append(ReasoningSeal(GOOGLE, block, self.index, signature, call_id=call))

    # --- calls ---------------------------------------------------------------------------------
    def _take_call(
        self, call: JsonObject, signature: str | None, response_id: str, out: list[Event]
    ) -> None:
        name, given = _string(call, "name"), _string(call, "id")
        held = self._call
        if held is not None and (
            not name or (name == held.name and (given == held.id or not given))
        ):
            self._go_on(held, call, out)
            return
        self._close_call(out)
        if not name:
            if call.keys() & {"args", "partialArgs", "id"}:
                raise BadCall("a call without a name")
            return  # the empty one that ends a call whose last piece said so already
        arguments = call.get("args")
        if arguments is not None and not isinstance(arguments, dict):
            raise BadCall("arguments that are no object")
        whole = "" if not arguments else dumps(arguments).decode()
        slot = self._slots
        self._slots += 1
        if not given or given in self._ids:
            given = call_id(response_id, self.index, slot, name, whole)
        self._ids.add(given)
        self._seal(signature, given, out)
        self._kind = 0
        self._blocks += 1
        self.has_content = True
        out.append(ToolStart(slot, given, name, self._blocks - 1, self.index))
        if call.get("willContinue") is True or "partialArgs" in call:
            self._call = OpenCall(slot, name, given, arguments or {})
            self._go_on(self._call, call, out)
            return
        out.append(ToolArguments(slot, whole or "{}", self.index))
        out.append(ToolEnd(slot, self.index))

    def _go_on(self, held: OpenCall, call: JsonObject, out: list[Event]) -> None:
        held.take(call.get("partialArgs"))
        if call.get("willContinue") is not True:
            self._close_call(out)

    def _close_call(self, out: list[Event]) -> None:
        if (held := self._call) is not None:
            self._call = None
            out.append(ToolArguments(held.slot, held.arguments(), self.index))
            out.append(ToolEnd(held.slot, self.index))

    # --- the end -------------------------------------------------------------------------------
    def end(self, out: list[Event]) -> None:
        """What was held back. Raises `BadCall`."""
        self._close_call(out)
        if self.grounding is not None:
            text = "".join(self._text) if self._text_length <= KEPT_CHARACTERS else None
            out += annotations_of(self.grounding, text, self.index)

    @property
    def has_calls(self) -> bool:
        return self._slots > 0


def _is_image(data: JsonObject) -> bool:
    kind = data.get("mimeType")
    return isinstance(kind, str) and kind.startswith("image/") and isinstance(data.get("data"), str)


def _string(members: JsonObject, name: str) -> str:
    value: Any = members.get(name)
    return value if isinstance(value, str) else ""
