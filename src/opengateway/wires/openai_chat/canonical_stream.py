"""A vendor's stream to events: this wire's half of the translation lane.

What a vendor bends is mended by the same `chunks` and `choice` as in the straight lane.
"""

from __future__ import annotations

from collections.abc import Sequence

from opengateway.domain.catalog import Provider
from opengateway.domain.chat import FinishReason
from opengateway.domain.errors import ErrorClass, UpstreamError
from opengateway.domain.events import (
    End,
    Event,
    Failure,
    Finish,
    ReasoningDelta,
    Start,
    TextDelta,
    ToolArguments,
    ToolEnd,
    ToolStart,
    UsageReport,
)
from opengateway.domain.usage import Usage
from opengateway.kit.json import JsonObject, RawObject, ValidationError, loads_raw_object
from opengateway.kit.sse import ServerEvent
from opengateway.wires.openai_chat.choice import Choice, usable_choices
from opengateway.wires.openai_chat.chunks import ChunkReader
from opengateway.wires.openai_chat.delta_events import DeltaEvents
from opengateway.wires.openai_chat.error import malformed
from opengateway.wires.openai_chat.parts import created_of
from opengateway.wires.openai_chat.reply import read_reply
from opengateway.wires.openai_chat.tap import TappedChunk, tap_chunk


class OpenAIChatParser(ChunkReader[Event]):
    """One stream. See `ports.translation.StreamParser`."""

    __slots__ = ("_events", "_told")

    def __init__(self, provider: Provider) -> None:
        super().__init__(provider)
        self._events = DeltaEvents()
        self._told: Usage | None = None
        """The usage that was reported."""

    def feed(self, chunk: bytes) -> Sequence[Event]:
        return self._and_trouble(self._read(chunk)) if not self._is_over() else ()

    def end(self) -> Sequence[Event]:
        return self._and_trouble(self._read_end()) if not self._is_over() else ()

    def _and_trouble(self, events: list[Event]) -> list[Event]:
        if not self.done:
            self._tell_usage(events)
        if self.error is not None:
            events.append(Failure(self.error))
        return events

    def _tell_usage(self, out: list[Event]) -> None:
        usage = self.meter.usage
        if usage is not None and usage is not self._told:
            self._told = usage
            out.append(UsageReport(usage))

    def _take(self, event: ServerEvent, out: list[Event]) -> None:
        if self._named and event.event != "error":
            try:
                chunk = tap_chunk(event.data)
            except ValidationError:
                pass  # more than a look is needed
            else:
                if self._pass_on(chunk, out):
                    return
        self._take_slowly(event, loads_raw_object(event.data), out)

    def _pass_on(self, chunk: TappedChunk, out: list[Event]) -> bool:
        """The fast path: True when the chunk was no more than text or arguments."""
        if len(chunk.choices) != 1:
            return False
        choice = chunk.choices[0]
        if not self._text_of(choice):
            return False
        delta, index = choice.delta, choice.index
        if delta.tool_calls:
            call = delta.tool_calls[0]
            out.append(ToolArguments(call.index, call.function.arguments, index))
            return True
        if thought := delta.reasoning_content or delta.reasoning:
            out.append(ReasoningDelta(thought, self._events.block(index, "reasoning"), index))
        if delta.content:
            out.append(TextDelta(delta.content, self._events.block(index, "text"), index))
        return True

    def _begin(self, chunk: RawObject, out: list[Event]) -> None:
        out.append(Start(self.meter.upstream_id or "", created_of(chunk)))

    def _emit(self, chunk: RawObject, choices: list[JsonObject], out: list[Event]) -> None:
        for choice in choices:
            out.extend(self._events.of(choice, choice["delta"]))

    def _hold_ending(self, choice: Choice, out: list[Event]) -> None:
        out.append(_finish(choice))

    def _finish_choice(self, choice: Choice, held: RawObject, out: list[Event]) -> None:
        out.extend(ToolEnd(slot, choice.index) for slot in range(choice.call_count))
        out.append(_finish(choice))

    def _finish_usage(self, out: list[Event]) -> None:
        self._tell_usage(out)
        out.append(End())


def _finish(choice: Choice) -> Finish:
    reason = choice.finish
    assert not isinstance(reason, ErrorClass), "a failed choice sets the error at once"
    return Finish(_reason(reason), choice.native_said or choice.native or "", choice.index)


def reply_events(body: bytes, provider: Provider) -> list[Event]:
    """A whole 2xx answer as events. Raises nothing."""
    try:
        mapper = read_reply(body, provider)
    except UpstreamError as error:
        return [Failure(error)]
    made: list[Event] = [Start(mapper.meter.upstream_id or "", created_of(mapper.answer))]
    events = DeltaEvents()
    for choice in mapper.choices:
        index, message = choice["index"], choice["message"]
        calls = usable_choices(message.get("tool_calls") or None)
        if calls is None:
            return [Failure(malformed(provider, "sent calls of tools that are none"))]
        for slot, call in enumerate(calls):
            call["index"] = slot
        made.extend(events.of(choice, message))
        starts = [e for e in made if isinstance(e, ToolStart) and e.choice == index]
        made.extend(ToolEnd(start.slot, index) for start in starts)
        native = choice.get("native_finish_reason") or mapper.native.get(index) or ""
        made.append(Finish(_reason(choice["finish_reason"]), native, index))
    if mapper.meter.usage is not None:
        made.append(UsageReport(mapper.meter.usage))
    made.append(End())
    return made


def _reason(word: str) -> FinishReason:
    """`finish_of` gives one of the five."""
    return word  # type: ignore[return-value]
