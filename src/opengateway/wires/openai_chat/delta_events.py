"""Mended deltas and messages to events: what `choice` and `reply` made right, in canonical form."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from opengateway.domain.events import (
    Annotation,
    Aside,
    Event,
    ImageOut,
    ReasoningDelta,
    ReasoningSeal,
    RefusalDelta,
    TextDelta,
    ToolArguments,
    ToolStart,
)
from opengateway.domain.origins import GOOGLE
from opengateway.kit.json import JsonObject, Raw, dumps
from opengateway.wires.openai_chat.parts import arguments_text, call_id, is_custom
from opengateway.wires.openai_chat.reasoning import origin_of

ORIGIN: Final = "openai_chat"
_UNREAD_OF_DELTA: Final = ("audio", "content_parts")
_DATA: Final = "data:"


class DeltaEvents:
    """The state that events need beyond a choice's own: blocks are numbered over all choices."""

    __slots__ = ("_blocks", "_current", "_named", "_sealed")

    def __init__(self) -> None:
        self._blocks = 0
        self._current: dict[int, tuple[str, int]] = {}
        """By choice: the kind of block that its last delta was of, and the block."""
        self._sealed: set[tuple[int, str]] = set()
        """Calls whose signature was told, by choice and id."""
        self._named: dict[int, str] = {}
        """By choice: the call of the deprecated kind, if it made one."""

    def block(self, choice: int, kind: str) -> int:
        """The block that a delta of this kind goes on with, or a new one."""
        current = self._current.get(choice)
        if current is None or current[0] != kind:
            current = self._current[choice] = (kind, self._blocks)
            self._blocks += 1
        return current[1]

    def of(self, choice: JsonObject, delta: JsonObject) -> Iterable[Event]:
        """In the order in which a model thinks, speaks and calls."""
        index = choice["index"]
        yield from self._reasoning(index, delta)
        if isinstance(text := delta.get("content"), str) and text:
            yield TextDelta(text, self.block(index, "text"), index)
        if isinstance(refusal := delta.get("refusal"), str) and refusal:
            yield RefusalDelta(refusal, index)
        for call in _objects(delta.get("tool_calls")):
            yield from self._call(index, call)
        if isinstance(old := delta.get("function_call"), dict):
            yield from self._old_call(index, old)
        yield from self._rest(choice, delta)

    def _rest(self, choice: JsonObject, delta: JsonObject) -> Iterable[Event]:
        index = choice["index"]
        for image in _objects(delta.get("images")):
            yield from _image(index, image)
        for note in _objects(delta.get("annotations")):
            yield Annotation(raw=Raw(dumps(note)), choice=index)
        unread = {n: Raw(dumps(delta[n])) for n in _UNREAD_OF_DELTA if delta.get(n)}
        logprobs = choice.get("logprobs")
        members = {"logprobs": Raw(dumps(logprobs))} if logprobs else {}
        if unread or members:
            yield Aside(ORIGIN, unread, members, index, has_content="audio" in unread)

    # --- reasoning -------------------------------------------------------------------------------
    def _reasoning(self, index: int, delta: JsonObject) -> Iterable[Event]:
        """By its typed blocks where they say what is shown, else as one text."""
        text = delta.get("reasoning_content")
        text = text if isinstance(text, str) else ""
        details = list(_objects(delta.get("reasoning_details")))
        by_details = text in ("", "".join(map(_text_of, details)))
        if not by_details:
            yield ReasoningDelta(text, self.block(index, "reasoning"), index)
        for detail in details:
            kind = f"reasoning {detail.get('index')}" if by_details else "reasoning"
            if by_details and (said := _text_of(detail)):
                summary = detail.get("type") == "reasoning.summary"
                yield ReasoningDelta(said, self.block(index, kind), index, summary)
            yield from self._seal(index, detail, kind)

    def _seal(self, index: int, detail: JsonObject, kind: str) -> Iterable[Event]:
        signature, data = detail.get("signature"), detail.get("data")
        signature = signature if isinstance(signature, str) else None
        data = data if isinstance(data, str) else None
        if signature is None and data is None:
            return
        if data is not None and not detail.get("text") and not detail.get("summary"):
            kind = f"encrypted {detail.get('index')} {detail.get('id')}"
        origin = origin_of(detail.get("format")) or ""
        bound = None
        if origin == GOOGLE:
            if signature is None:
                signature, data = data, None
            bound = detail.get("id") if isinstance(detail.get("id"), str) else None
            if bound is not None:
                self._sealed.add((index, bound))
        block = self.block(index, kind)
        del self._current[index]  # a seal closes its block
        yield ReasoningSeal(origin, block, index, signature, data, bound)

    # --- tool calls ------------------------------------------------------------------------------
    def _call(self, index: int, call: JsonObject) -> Iterable[Event]:
        """One fragment, or a whole call: `index` and, when it begins, `id` are there."""
        slot, identifier = call["index"], call.get("id")
        custom = is_custom(call)
        said: JsonObject = call["custom"] if custom else call.get("function") or {}
        if identifier:
            block = self.block(index, f"call {slot}")
            name = str(said.get("name") or "")
            kind = "custom" if custom else "function"
            yield ToolStart(slot, identifier, name, block, index, kind)  # type: ignore[arg-type]
        if text := said.get("input" if custom else "arguments"):
            yield ToolArguments(slot, text, index)
        google = (call.get("extra_content") or {}).get(GOOGLE) or {}
        signature = google.get("thought_signature")
        if signature and identifier and (index, identifier) not in self._sealed:
            block = self.block(index, f"seal {slot}")
            yield ReasoningSeal(GOOGLE, block, index, signature, call_id=identifier)

    def _old_call(self, index: int, old: JsonObject) -> Iterable[Event]:
        """`function_call`, the deprecated form: at most one a choice, in pieces or whole."""
        if index not in self._named:
            name = str(old.get("name") or "")
            self._named[index] = name
            identifier = call_id(None, index, 0, name)
            yield ToolStart(0, identifier, name, self.block(index, "call 0"), index)
        if text := arguments_text(old.get("arguments")):
            yield ToolArguments(0, text, index)


def _image(index: int, image: JsonObject) -> Iterable[Event]:
    source = image.get("image_url")
    url = source.get("url") if isinstance(source, dict) else source
    if not isinstance(url, str):
        return
    head, comma, data = url.partition(",")
    if comma and head.startswith(_DATA) and head.endswith(";base64"):
        yield ImageOut(data, head[len(_DATA) : -len(";base64")], index)
    else:  # an address, which the caller can read as well as we
        yield Aside(ORIGIN, {"images": Raw(dumps([image]))}, choice=index, has_content=True)


def _text_of(detail: JsonObject) -> str:
    text = detail.get("text") or detail.get("summary")
    return text if isinstance(text, str) else ""


def _objects(listed: Any) -> Iterable[JsonObject]:
    return (one for one in listed if isinstance(one, dict)) if isinstance(listed, list) else ()
