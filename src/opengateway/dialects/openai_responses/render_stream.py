"""Events to a stream of this shape: the whole grammar, numbered from 0, one terminal event.

The terminal event is made with `End` only, and holds the whole response: a stream that breaks never
shows one that ended well. It is not among the frames: it leaves once the record is safe. Most events are a piece of text: its frame is put together from bytes
that were made when its part was opened.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Literal

from opengateway.dialects.openai_responses.namespaces import names_in
from opengateway.dialects.openai_responses.output import Call, ItemStatus, Said
from opengateway.dialects.openai_responses.skeleton import Skeleton, wants_summary
from opengateway.domain.chat import ChatRequest
from opengateway.domain.errors import ShownError
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
    ToolEnd,
    ToolStart,
    UsageReport,
)
from opengateway.domain.usage import Usage
from opengateway.kit.ids import NewId
from opengateway.kit.json import JsonObject, Raw, dumps, loads, loads_raw_object
from opengateway.wires.openai_responses.answer import ORIGIN
from opengateway.wires.openai_responses.seals import Seal, carried

_INCOMPLETE: Final = {"length": "max_output_tokens", "content_filter": "content_filter"}
_NO_LOGPROBS: Final = b',"logprobs":[]'


class ResponseRenderer:
    """One answer. See `ports.translation.StreamRenderer`."""

    def __init__(
        self, chat: ChatRequest, model_id: str, now_s: Callable[[], int], new_id: NewId
    ) -> None:
        self._skeleton = Skeleton(chat, model_id)
        self._namespaces = names_in(chat.fields.get("tools"))
        self._wants_summary = wants_summary(chat.fields)
        self._now_s = now_s
        self.id = new_id("resp_")
        self._suffix = self.id.removeprefix("resp_")
        self._created_at = 0
        self._number = 0
        """Of the next event."""
        self._frames: list[bytes] = []
        self._output: list[JsonObject | Raw | None] = []
        """Items by index; None while one is open."""
        self._said: Said | None = None
        self._calls: dict[int, Call] = {}
        self._phase: Raw | None = None
        self._logprobs: Raw | None = None
        self._members: JsonObject = {}
        self._usage: Usage | None = None
        self._finish: Finish | None = None
        self.final: JsonObject | None = None
        """The whole response, once it ended."""
        self.ending = b""
        """The terminal event, once it ended: it leaves when the record is safe."""

    def render(self, event: Event) -> bytes:
        if isinstance(event, TextDelta):
            if event.choice:
                return b""
            said = self._message()
            part = said.part("output_text", event.block)
            part.pieces.append(event.text)
            return self._delta(said.delta_head, event.text, self._take_logprobs(part.logprobs))
        if isinstance(event, ToolArguments):
            call = self._calls.get(event.slot) if not event.choice else None
            if call is None:
                return b""
            call.pieces.append(event.text)
            return self._delta(call.delta_head, event.text)
        if isinstance(event, ReasoningDelta):
            return self._think(event) if not event.choice else b""
        if getattr(event, "choice", 0):
            return b""  # this shape has one choice
        self._render_rest(event)
        return self._flushed()

    def _render_rest(self, event: Event) -> None:
        match event:
            case RefusalDelta():
                said = self._message()
                part = said.part("refusal", -1)
                part.pieces.append(event.text)
                self._frames.append(self._delta(said.delta_head, event.text))
            case ReasoningSeal():
                self._seal(event)
            case ToolStart():
                self._close_said()
                identifier = self._item_id("ctc" if event.kind == "custom" else "fc")
                self._calls[event.slot] = Call(
                    self._emit, event, self._place(), identifier, self._namespaces.get(event.name)
                )
            case ToolEnd():
                self._end_call(event.slot, "completed")
            case UsageReport():
                self._usage = event.told or event.usage
            case Finish():
                self._finish = event
            case End():
                self._end()
            case _:
                self._render_rare(event)

    def _render_rare(self, event: Event) -> None:
        match event:
            case Start():
                self._start()
            case ImageOut():
                self._image(event)
            case Annotation():
                if self._said is not None:
                    self._said.note(event)
            case ServerEventItem():
                if event.origin == ORIGIN:
                    self._unread(event.raw)
            case Aside():
                self._aside(event)
            case _:  # a ping; a failure, which `broken` tells
                pass

    # --- frames ----------------------------------------------------------------------------------
    def _emit(self, name: str, members: JsonObject) -> None:
        self._frames.append(self._frame(name, members))
        self._number += 1

    def _frame(self, name: str, members: JsonObject) -> bytes:
        told = dumps({"type": name, **members, "sequence_number": self._number})
        return b"event: %b\ndata: %b\n\n" % (name.encode(), told)

    def _delta(self, head: bytes, text: str, rest: bytes = b"") -> bytes:
        """A delta's frame, after whatever had to be opened for it."""
        frame = b'%b%b%b,"sequence_number":%d}\n\n' % (head, dumps(text), rest, self._number)
        self._number += 1
        if self._frames:
            self._frames.append(frame)
            return self._flushed()
        return frame

    def _flushed(self) -> bytes:
        frames = b"".join(self._frames)
        self._frames.clear()
        return frames

    def _take_logprobs(self, kept: list[object]) -> bytes:
        if self._logprobs is None:
            return _NO_LOGPROBS
        raw, self._logprobs = self._logprobs, None
        listed = loads(raw)
        if isinstance(listed, list):
            kept.extend(listed)
        return b',"logprobs":%b' % bytes(raw)

    # --- items -----------------------------------------------------------------------------------
    def _start(self) -> None:
        self._created_at = self._now_s()
        for name in ("response.created", "response.in_progress"):
            self._emit(name, {"response": self._response("in_progress", [])})

    def _place(self) -> int:
        self._output.append(None)
        return len(self._output) - 1

    def _item_id(self, prefix: str) -> str:
        """Made of the response's: who has an item's id finds the response that holds it."""
        return f"{prefix}_{self._suffix}{len(self._output):04x}"

    def _message(self) -> Said:
        return self._opened("message", -1)

    def _opened(self, kind: Literal["message", "reasoning"], block: int) -> Said:
        said = self._said
        if said is not None and said.kind == kind and block in (said.block, -1):
            return said
        self._close_said()
        identifier = self._item_id("msg" if kind == "message" else "rs")
        said = self._said = Said(self._emit, kind, self._place(), identifier, block)
        phase, self._phase = self._phase, None
        said.open(phase)
        return said

    def _think(self, event: ReasoningDelta) -> bytes:
        said = self._opened("reasoning", event.block)
        is_summary = event.summary or event.digest or self._wants_summary
        kind = "summary_text" if is_summary else "reasoning_text"
        part = said.part(kind, event.block)
        part.pieces.append(event.text)
        return self._delta(said.delta_head, event.text)

    def _seal(self, event: ReasoningSeal) -> None:
        said = self._opened("reasoning", event.block)
        content = carried(Seal(event.origin, event.signature, event.encrypted, event.call_id))
        self._output[said.index] = said.close("completed", content)
        self._said = None

    def _close_said(self, status: ItemStatus = "completed") -> None:
        said = self._said
        if said is not None:
            self._said = None
            self._output[said.index] = said.close(status)

    def _end_call(self, slot: int, status: ItemStatus) -> None:
        call = self._calls.pop(slot, None)
        if call is not None:
            self._output[call.index] = call.close(status)

    def _image(self, event: ImageOut) -> None:
        self._close_said()
        item = {"id": self._item_id("ig"), "type": "image_generation_call", "status": "completed"}
        self._whole_item(Raw(dumps({**item, "result": event.data})))

    def _unread(self, raw: Raw) -> None:
        """An item of a vendor's own tool, under an id of ours."""
        item = loads_raw_object(raw)
        self._close_said()
        item["id"] = Raw(dumps(self._item_id("itm")))
        self._whole_item(Raw(dumps(item)))

    def _whole_item(self, item: Raw) -> None:
        """An item that is told at once, opened and closed."""
        self._close_said()
        index = self._place()
        for name in ("response.output_item.added", "response.output_item.done"):
            self._emit(name, {"output_index": index, "item": item})
        self._output[index] = item

    def _aside(self, event: Aside) -> None:
        """What only this shape knows."""
        if event.origin != ORIGIN:
            return
        self._members |= event.members
        self._logprobs = event.delta.get("logprobs", self._logprobs)
        if "phase" in event.delta:
            if self._said is not None and self._said.kind == "message":
                self._close_said()  # another message begins
            phase = event.delta["phase"]
            self._phase = None if bytes(phase) == b"null" else phase
        if "summary_part" in event.delta and self._said is not None:
            self._said.end_part()

    # --- the end ---------------------------------------------------------------------------------
    def _response(
        self,
        status: Literal["in_progress", "completed", "incomplete", "failed"],
        output: list[JsonObject | Raw],
        *,
        incomplete: str | None = None,
        error: JsonObject | None = None,
    ) -> JsonObject:
        return self._skeleton.response(
            self.id,
            self._created_at,
            status,
            output,
            usage=self._usage,
            completed_at=self._now_s() if status == "completed" else None,
            incomplete=incomplete,
            error=error,
        )

    def _whole_output(self) -> list[JsonObject | Raw]:
        return [item for item in self._output if item is not None]

    def _end(self) -> None:
        why = _INCOMPLETE.get(self._finish.reason) if self._finish is not None else None
        self._close_said("completed" if why is None else "incomplete")
        for slot in list(self._calls):
            self._end_call(slot, "completed" if why is None else "incomplete")
        status: Literal["completed", "incomplete"] = "completed" if why is None else "incomplete"
        final = self._response(status, self._whole_output(), incomplete=why) | self._members
        self.final = final
        self.ending = self._frame(f"response.{status}", {"response": final})

    def broken(self, error: ShownError) -> bytes:
        """The last event of a stream that broke: the response, failed, with what came of it."""
        if not self._number:
            self._start()
        self._close_said("incomplete")
        for slot in list(self._calls):
            self._end_call(slot, "incomplete")
        told: JsonObject = {"code": _code_of(error), "message": error.message}
        failed = self._response("failed", self._whole_output(), error=told)
        self._emit("response.failed", {"response": failed, "error_type": error.code})
        self.ending = b""
        return self._flushed()


def _code_of(error: ShownError) -> str:
    """One of the codes that OpenAI's document knows; ours stands beside, as `error_type`."""
    if error.status == 429:
        return "rate_limit_exceeded"
    return "invalid_prompt" if 400 <= error.status < 500 else "server_error"
