"""Events to the chunks of a stream (reference: providers, A.4).

Id, created, model and object are the same on every chunk, the role comes once per choice, tool
calls are numbered from 0 and their arguments are strings, empty deltas stay away. Finishes and
usage leave with `End` only.

Most events are a piece of text: its chunk is put together from bytes that were made before.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from opengateway.dialects.openai_chat.pieces import annotation_object, image_object, server_item
from opengateway.domain.events import (
    Annotation,
    Aside,
    End,
    Event,
    Finish,
    ImageOut,
    ReasoningDelta,
    ReasoningSeal,
    RefusalDelta,
    ServerEventItem,
    Start,
    TextDelta,
    ToolArguments,
    ToolStart,
    UsageReport,
)
from opengateway.domain.origins import GOOGLE
from opengateway.domain.usage import Usage
from opengateway.kit.ids import NewId
from opengateway.kit.json import JsonObject, dumps
from opengateway.wires.openai_chat.reasoning import SUMMARY, TEXT, seal_entry
from opengateway.wires.openai_chat.usage import usage_object

_ROLE: Final = b'"role":"assistant",'
_ROLE_ALONE: Final = b'"role":"assistant","content":"",'


class _Choice:
    """What was shown of one choice."""

    __slots__ = (
        "blocks",
        "calls",
        "custom",
        "finish",
        "has_begun",
        "head",
        "images",
        "thoughts",
        "waiting",
    )

    def __init__(self, head: bytes) -> None:
        self.head = head
        """A chunk up to the members of the delta."""
        self.has_begun = False
        self.finish: Finish | None = None
        self.blocks: dict[int, tuple[int, str, bytes]] = {}
        """Of reasoning, still open, by block: number among these, kind, and a piece's start."""
        self.thoughts = 0
        """Blocks of reasoning so far."""
        self.calls: dict[str, int] = {}
        """Slots by the call's id."""
        self.custom: set[int] = set()
        """Slots of custom tools."""
        self.images = 0
        self.waiting: dict[str, bytes] = {}
        """What belongs to a call that did not begin yet, by its id."""


class ChunkRenderer:
    """One stream. See `ports.translation.StreamRenderer`."""

    __slots__ = (
        "_choices",
        "_head",
        "_include_usage",
        "_model",
        "_new_id",
        "_now_s",
        "_tail",
        "_usage",
        "_usage_end",
    )

    def __init__(
        self, model_id: str, now_s: Callable[[], int], new_id: NewId, *, include_usage: bool
    ) -> None:
        self._model = dumps(model_id)
        self._now_s = now_s
        self._new_id = new_id
        self._include_usage = include_usage
        self._usage: Usage | None = None
        self._usage_end = b',"usage":null}\n\n' if include_usage else b"}\n\n"
        self._tail = b'},"logprobs":null,"finish_reason":null}]' + self._usage_end
        self._head = b""
        self._choices: dict[int, _Choice] = {}

    def render(self, event: Event) -> bytes:
        if isinstance(event, TextDelta):
            choice = self._choices.get(event.choice) or self._open(event.choice)
            start = choice.head if choice.has_begun else self._begin(choice, _ROLE)
            return b'%b"content":%b%b' % (start, dumps(event.text), self._tail)
        if isinstance(event, ToolArguments):
            return self._arguments(event)
        if isinstance(event, ReasoningDelta):
            return self._reasoning(event)
        return self._other(event)

    def _other(self, event: Event) -> bytes:
        match event:
            case Start():
                self._start(event)
                self._usage = event.usage
            case RefusalDelta():
                return self._delta(event.choice, b'"refusal":%b' % dumps(event.text))
            case ReasoningSeal():
                return self._seal(event)
            case ToolStart():
                return self._tool(event)
            case ImageOut():
                choice = self._choices.get(event.choice) or self._open(event.choice)
                image = image_object(event, choice.images)
                choice.images += 1
                return self._delta(event.choice, b'"images":[%b]' % dumps(image))
            case Annotation():
                shown = dumps(annotation_object(event))
                return self._delta(event.choice, b'"annotations":[%b]' % shown)
            case ServerEventItem():
                return self._delta(event.choice, b'"server_items":[%b]' % dumps(server_item(event)))
            case Aside():
                return self._aside(event)
            case UsageReport():
                self._usage = event.told or event.usage
            case Finish():
                choice = self._choices.get(event.choice) or self._open(event.choice)
                choice.finish = event
            case End():
                return self._end()
            case _:  # a call's end, a ping, a failure: nothing to show
                pass
        return b""

    # --- the parts of a chunk ------------------------------------------------------------------

    def _start(self, event: Start) -> None:
        created = event.created if event.created is not None else self._now_s()
        self._head = (
            b'data: {"id":%b,"object":"chat.completion.chunk","created":%d,"model":%b,"choices":['
            % (dumps(event.id or self._new_id("chatcmpl-")), created, self._model)
        )

    def _open(self, index: int) -> _Choice:
        if not self._head:
            self._start(Start())
        choice = _Choice(b'%b{"index":%d,"delta":{' % (self._head, index))
        self._choices[index] = choice
        return choice

    def _begin(self, choice: _Choice, role: bytes) -> bytes:
        choice.has_begun = True
        return choice.head + role

    def _delta(self, index: int, members: bytes, role: bytes = _ROLE_ALONE) -> bytes:
        choice = self._choices.get(index) or self._open(index)
        start = choice.head if choice.has_begun else self._begin(choice, role)
        return b"%b%b%b" % (start, members, self._tail)

    # --- reasoning -----------------------------------------------------------------------------

    def _reasoning(self, event: ReasoningDelta) -> bytes:
        choice = self._choices.get(event.choice) or self._open(event.choice)
        known = choice.blocks.get(event.block)
        if known is None:
            kind = SUMMARY if event.summary else TEXT
            name = kind.removeprefix("reasoning.")
            number = choice.thoughts
            choice.thoughts += 1
            piece = f',"reasoning_details":[{{"type":"{kind}","index":{number},"{name}":'.encode()
            known = choice.blocks[event.block] = (number, kind, piece)
        start = choice.head if choice.has_begun else self._begin(choice, _ROLE_ALONE)
        text = dumps(event.text)
        return b'%b"reasoning_content":%b%b%b}]%b' % (start, text, known[2], text, self._tail)

    def _seal(self, event: ReasoningSeal) -> bytes:
        choice = self._choices.get(event.choice) or self._open(event.choice)
        begun = choice.blocks.pop(event.block, None)
        if begun is None:
            number, kind = choice.thoughts, None
            choice.thoughts += 1
        else:
            number, kind, _ = begun
        members = b'"reasoning_details":[%b]' % dumps(seal_entry(event, number, kind))
        if event.call_id is not None and event.origin == GOOGLE and event.signature:
            kept = b'"extra_content":{"google":{"thought_signature":%b}}' % dumps(event.signature)
            slot = choice.calls.get(event.call_id)
            if slot is None:
                choice.waiting[event.call_id] = kept
            else:
                members += b',"tool_calls":[{"index":%d,"function":{"arguments":""},%b}]' % (
                    slot,
                    kept,
                )
        return self._delta(event.choice, members)

    # --- tool calls ----------------------------------------------------------------------------

    def _tool(self, event: ToolStart) -> bytes:
        choice = self._choices.get(event.choice) or self._open(event.choice)
        choice.calls[event.id] = event.slot
        said: JsonObject = {"name": event.name, "arguments": ""}
        if event.kind == "custom":
            choice.custom.add(event.slot)
            said = {"name": event.name, "input": ""}
        call = b'"tool_calls":[{"index":%d,"id":%b,"type":"%b","%b":%b' % (
            event.slot,
            dumps(event.id),
            event.kind.encode(),
            event.kind.encode(),
            dumps(said),
        )
        kept = choice.waiting.pop(event.id, None)
        call += b"}]" if kept is None else b",%b}]" % kept
        return self._delta(event.choice, call, _ROLE)

    def _arguments(self, event: ToolArguments) -> bytes:
        choice = self._choices.get(event.choice) or self._open(event.choice)
        start = choice.head if choice.has_begun else self._begin(choice, _ROLE)
        said = (
            b'"custom":{"input":%b}'
            if event.slot in choice.custom
            else b'"function":{"arguments":%b}'
        ) % dumps(event.text)
        return b'%b"tool_calls":[{"index":%d,%b}]%b' % (start, event.slot, said, self._tail)

    # --- the rest ------------------------------------------------------------------------------

    def _aside(self, event: Aside) -> bytes:
        if event.origin != "openai_chat":
            return b""
        choice = self._choices.get(event.choice) or self._open(event.choice)
        delta: JsonObject = dict(event.delta)
        if not choice.has_begun:
            choice.has_begun = True
            delta = {"role": "assistant", "content": "", **delta}
        members = {"logprobs": None, **event.members, "finish_reason": None}
        shown = dumps({"index": event.choice, "delta": delta, **members})
        return b"%b%b]%b" % (self._head, shown, self._usage_end)

    def _end(self) -> bytes:
        out: list[bytes] = []
        for index in sorted(self._choices):
            choice = self._choices[index]
            if choice.finish is None:
                continue
            if not choice.has_begun:
                out.append(self._delta(index, b'"role":"assistant","content":""', b""))
            out.append(
                b'%b},"logprobs":null,"finish_reason":%b}]%b'
                % (choice.head, dumps(choice.finish.reason), self._usage_end)
            )
        if self._include_usage and self._usage is not None:
            usage = dumps(usage_object(self._usage))
            out.append(b'%b],"usage":%b}\n\n' % (self._head, usage))
        return b"".join(out)
