"""Events to one whole answer (reference: providers, A.3). Every required member is there."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from opengateway.dialects.openai_chat.pieces import annotation_object, image_object, server_item
from opengateway.domain.canonical import Reasoning
from opengateway.domain.chat import Meter
from opengateway.domain.events import (
    Annotation,
    Aside,
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
from opengateway.kit.ids import NewId
from opengateway.kit.json import JsonObject, Raw, dumps
from opengateway.wires.openai_chat.reasoning import details_of
from opengateway.wires.openai_chat.usage import usage_object


def whole_answer(
    events: Sequence[Event],
    meter: Meter,
    model_id: str,
    now_s: Callable[[], int],
    new_id: NewId,
) -> bytes:
    start = Start()
    choices: dict[int, _Message] = {}
    for event in events:
        if isinstance(event, Start):
            start = event
        elif (index := getattr(event, "choice", None)) is not None:
            if index not in choices:
                choices[index] = _Message()
            choices[index].take(event)
    answer: JsonObject = {
        "id": start.id or new_id("chatcmpl-"),
        "object": "chat.completion",
        "created": start.created if start.created is not None else now_s(),
        "model": model_id,
        "choices": [choices[index].choice(index) for index in sorted(choices)],
    }
    told = [event.told for event in events if isinstance(event, UsageReport) and event.told]
    if meter.usage is not None:
        answer["usage"] = usage_object(told[-1] if told else meter.usage)
    return dumps(answer)


class _Call:
    __slots__ = ("arguments", "extra", "start")

    def __init__(self, start: ToolStart) -> None:
        self.start = start
        self.arguments: list[str] = []
        self.extra: JsonObject = {}

    def shown(self) -> JsonObject:
        kind, text = self.start.kind, "".join(self.arguments)
        name = "input" if kind == "custom" else "arguments"
        return {
            "id": self.start.id,
            "type": kind,
            kind: {"name": self.start.name, name: text},
            **self.extra,
        }


class _Block:
    """A block of reasoning. A seal closes it."""

    __slots__ = ("pieces", "seal", "summary")

    def __init__(self) -> None:
        self.pieces: list[str] = []
        self.summary = False
        self.seal: ReasoningSeal | None = None

    def whole(self) -> Reasoning:
        text, seal = "".join(self.pieces), self.seal
        if seal is None:
            return Reasoning(text=text, summary=self.summary)
        return Reasoning(
            text=text,
            summary=self.summary,
            signature=seal.signature,
            encrypted=seal.encrypted,
            origin=seal.origin,
            call_id=seal.call_id,
        )


class _Message:
    """One choice as its events come."""

    __slots__ = (
        "_blocks",
        "_calls",
        "_finish",
        "_images",
        "_items",
        "_members",
        "_notes",
        "_open",
        "_refusal",
        "_text",
        "_unread",
    )

    def __init__(self) -> None:
        self._text: list[str] = []
        self._refusal: list[str] = []
        self._blocks: list[_Block] = []
        self._open: dict[int, _Block] = {}
        """The blocks that are not sealed, by number."""
        self._calls: dict[int, _Call] = {}
        self._images: list[JsonObject] = []
        self._notes: list[JsonObject | Raw] = []
        self._items: list[Raw] = []
        self._unread: JsonObject = {}
        self._members: JsonObject = {}
        self._finish: Finish | None = None

    def take(self, event: Event) -> None:
        match event:
            case TextDelta():
                self._text.append(event.text)
            case RefusalDelta():
                self._refusal.append(event.text)
            case ReasoningDelta():
                block = self._block(event.block)
                block.pieces.append(event.text)
                block.summary = event.summary
            case ReasoningSeal():
                self._block(event.block).seal = event
                del self._open[event.block]
            case ToolStart():
                self._calls[event.slot] = _Call(event)
            case ToolArguments():
                self._calls[event.slot].arguments.append(event.text)
            case Finish():
                self._finish = event
            case _:
                self._take_rare(event)

    def _take_rare(self, event: Event) -> None:
        match event:
            case ImageOut():
                self._images.append(image_object(event, len(self._images)))
            case Annotation():
                self._notes.append(annotation_object(event))
            case ServerEventItem():
                self._items.append(server_item(event))
            case Aside():
                if event.origin == "openai_chat":
                    self._unread |= event.delta
                    self._members |= event.members
            case _:
                pass

    def _block(self, number: int) -> _Block:
        block = self._open.get(number)
        if block is None:
            block = self._open[number] = _Block()
            self._blocks.append(block)
        return block

    def choice(self, index: int) -> JsonObject:
        assert self._finish is not None, "an answer that is whole has a finish for every choice"
        return {
            "index": index,
            "message": self._message(),
            "logprobs": None,
            **self._members,
            "finish_reason": self._finish.reason,
        }

    def _message(self) -> JsonObject:
        text, refusal = "".join(self._text), "".join(self._refusal)
        has_other = self._calls or refusal or self._images
        message: JsonObject = {
            "role": "assistant",
            "content": text if text or not has_other else None,
            "refusal": refusal or None,
            "annotations": self._notes,
        }
        blocks = [block.whole() for block in self._blocks]
        if any(block.text for block in blocks):
            message["reasoning_content"] = "".join(block.text for block in blocks)
        if blocks:
            message["reasoning_details"] = details_of(blocks)
        if self._calls:
            self._tie_signatures(blocks)
            message["tool_calls"] = [self._calls[slot].shown() for slot in sorted(self._calls)]
        if self._images:
            message["images"] = self._images
        if self._items:
            message["server_items"] = self._items
        return message | self._unread

    def _tie_signatures(self, blocks: list[Reasoning]) -> None:
        """Google's own clients look for the signature at the call that it belongs to."""
        by_id = {call.start.id: call for call in self._calls.values()}
        for block in blocks:
            call = by_id.get(block.call_id or "")
            if call is not None and block.origin == GOOGLE and block.signature:
                signature = {"thought_signature": block.signature}
                call.extra["extra_content"] = {GOOGLE: signature}
