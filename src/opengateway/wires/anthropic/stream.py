"""From Anthropic's stream, or its whole answer, to events.

`message_stop` alone ends a stream (reference: providers, E7). The finish reason comes before it and
is held until then: a stream that is cut never shows one. Event types and blocks that nobody knows
are passed over or handed on unread: the vendor adds some every few months.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

from opengateway.domain.catalog import Provider
from opengateway.domain.errors import ErrorClass, UpstreamError
from opengateway.domain.events import (
    End,
    Event,
    Failure,
    Finish,
    Ping,
    ReasoningDelta,
    Start,
    TextDelta,
    UsageReport,
)
from opengateway.kit.json import JsonObject, ValidationError, loads
from opengateway.kit.sse import Decoder, FrameTooLarge, ServerEvent
from opengateway.wires.anthropic.answer import Answer, BadBlock
from opengateway.wires.anthropic.error import error_in_answer
from opengateway.wires.anthropic.usage import input_of, merged, usage_of
from opengateway.wires.openai_chat.error import malformed, truncated
from opengateway.wires.openai_chat.signals import finish_of

EVENT_LIMIT_BYTES: Final = 16 * 1024 * 1024


class _Delta(msgspec.Struct):
    """What most deltas have, and nothing else of them."""

    type: str = ""
    text: str = ""
    thinking: str = ""
    partial_json: str = ""


class _Tap(msgspec.Struct):
    """What most events are: a delta of a block."""

    type: str = ""
    index: int = -1
    delta: _Delta | None = None


_tap = msgspec.json.Decoder(_Tap).decode


def whole_answer(body: bytes, provider: Provider) -> list[Event]:
    """A whole 2xx answer."""
    message = _Message(provider)
    events: list[Event] = []
    try:
        answer = loads(body)
    except (ValueError, RecursionError):
        answer = None
    if isinstance(answer, dict) and (answer.get("type") == "error" or answer.get("error")):
        message.fail(events, error_in_answer(answer, provider, "in an answer with status 200"))
    elif not isinstance(answer, dict) or not isinstance(answer.get("content"), list):
        message.fail(events, malformed(provider, "gave an answer of another shape"))
    else:
        message.take_whole(answer, events)
    return events


class AnthropicStreamParser:
    """One stream. See `ports.translation.StreamParser`."""

    __slots__ = ("_answer", "_decoder", "_message")

    def __init__(self, provider: Provider) -> None:
        self._message = _Message(provider)
        self._answer = self._message.answer
        self._decoder = Decoder(EVENT_LIMIT_BYTES)

    @property
    def is_over(self) -> bool:
        """The answer has ended, well or not: what follows is passed over."""
        return self._message.is_over

    def feed(self, chunk: bytes) -> list[Event]:
        events: list[Event] = []
        message = self._message
        if message.is_over:
            return events
        try:
            for event in self._decoder.feed(chunk):
                if not message.is_over:
                    self._take(event, events)
        except FrameTooLarge as error:
            message.fail(events, malformed(message.provider, f"sent {error}"))
        return events

    def end(self) -> list[Event]:
        events: list[Event] = []
        for event in self._decoder.end():  # one at most
            if not self._message.is_over:
                self._take(event, events)
        self._message.fail(events, truncated(self._message.provider))
        return events

    def _take(self, event: ServerEvent, events: list[Event]) -> None:
        try:
            tapped = _tap(event.data)
        except ValidationError:  # not a delta as they are, or none
            tapped = None
        except (ValueError, RecursionError):
            if event.data.strip():
                said = malformed(self._message.provider, "sent an event that is not JSON")
                self._message.fail(events, said)
            return
        try:
            if tapped is None or not self._pass_on(tapped, events):
                self._message.take(event, events)
        except BadBlock as error:
            self._message.fail(events, malformed(self._message.provider, f"sent {error}"))

    def _pass_on(self, tapped: _Tap, events: list[Event]) -> bool:
        """The fast path: True when it was no more than text, thought or arguments."""
        delta = tapped.delta
        if tapped.type != "content_block_delta" or delta is None:
            return False
        block = self._answer.at(tapped.index)
        if block is None:
            return False
        kind = delta.type
        if kind == "text_delta" and block.kind == "text":
            if text := delta.text:
                self._answer.characters += len(text)
                events.append(TextDelta(text, block.number))
            return True
        if kind == "input_json_delta":
            self._answer.arguments(tapped.index, delta.partial_json, events)
            return True
        if kind == "thinking_delta" and block.kind == "thinking":
            if delta.thinking:
                events.append(ReasoningDelta(delta.thinking, block.number, digest=True))
            return True
        return False


class _Message:
    """The message around the blocks: its start, its usage and its end."""

    __slots__ = ("_details", "_has_started", "_native", "_usage", "answer", "is_over", "provider")

    def __init__(self, provider: Provider) -> None:
        self.provider = provider
        self.answer = Answer()
        self.is_over = False
        self._has_started = False
        self._native: str | None = None
        self._details: JsonObject = {}
        self._usage: JsonObject = {}

    def fail(self, events: list[Event], error: UpstreamError) -> None:
        if not self.is_over:
            self.is_over = True
            events.append(Failure(error))

    def take_whole(self, answer: JsonObject, events: list[Event]) -> None:
        self._usage = merged({}, answer.get("usage"))
        self._start(answer, events)
        try:
            for index, block in enumerate(answer["content"]):
                if not isinstance(block, dict):
                    raise BadBlock("a block that is not an object")
                self.answer.open(index, block, events)
                self.answer.close(index, events)
        except BadBlock as error:
            self.fail(events, malformed(self.provider, f"sent {error}"))
            return
        self._end_with(answer)
        self._report(events)
        self._stop(events)

    def take(self, event: ServerEvent, events: list[Event]) -> None:
        """An event of any kind. Raises `BadBlock`."""
        try:
            told = loads(event.data)
        except (ValueError, RecursionError):
            told = None
        if not isinstance(told, dict):
            self.fail(events, malformed(self.provider, "sent an event that is not an object"))
            return
        kind = told.get("type") or event.event
        match kind:
            case "content_block_start" | "content_block_delta" | "content_block_stop":
                self._take_block(kind, told, events)
            case "message_start":
                self._message_start(told, events)
            case "message_delta":
                self._end_with(told.get("delta"))
                if isinstance(told.get("usage"), dict):
                    self._usage = merged(self._usage, told["usage"])
                    self._report(events)
            case "message_stop":
                self._stop(events)
            case "ping":
                events.append(Ping())
            case _ if kind == "error" or told.get("error"):
                self.fail(events, error_in_answer(told, self.provider, "within its answer"))
            case _:
                pass

    def _take_block(self, kind: str, told: JsonObject, events: list[Event]) -> None:
        index = told.get("index")
        if isinstance(index, bool) or not isinstance(index, int):
            raise BadBlock("a block without an index")
        if kind == "content_block_stop":
            self.answer.close(index, events)
        elif kind == "content_block_start":
            block = told.get("content_block")
            if not isinstance(block, dict):
                raise BadBlock("a block that is not an object")
            self.answer.open(index, block, events)
        elif isinstance(delta := told.get("delta"), dict):
            self._delta(index, delta, events)

    def _message_start(self, told: JsonObject, events: list[Event]) -> None:
        if self._has_started:
            raise BadBlock("a second message_start")
        message = told.get("message")
        if not isinstance(message, dict):
            raise BadBlock("a message_start without a message")
        self._usage = merged({}, message.get("usage"))
        self._start(message, events)

    def _start(self, message: JsonObject, events: list[Event]) -> None:
        self._has_started = True
        identifier = message.get("id")
        identifier = identifier if isinstance(identifier, str) else ""
        self.answer.name(identifier)
        events.append(Start(identifier, usage=input_of(self._usage)))

    def _delta(self, index: int, delta: JsonObject, events: list[Event]) -> None:
        """A delta that the fast path left: rare, odd, or of a block that never began."""
        answer = self.answer
        match delta.get("type"):
            case "text_delta":
                answer.text(answer.for_text(index), _string(delta, "text"), events)
            case "thinking_delta":
                answer.think(answer.for_thought(index), _string(delta, "thinking"), events)
            case "signature_delta":
                if signature := _string(delta, "signature"):
                    answer.for_thought(index).signature = signature
            case "input_json_delta":
                answer.arguments(index, _string(delta, "partial_json"), events)
            case "citations_delta":
                answer.cite(answer.for_text(index), delta.get("citation"))
            case _:
                answer.grow(index, delta)

    def _end_with(self, delta: object) -> None:
        if not isinstance(delta, dict):
            return
        if native := _string(delta, "stop_reason"):
            self._native = native
        details = delta.get("stop_details")
        if isinstance(details, dict):
            self._details = details

    def _report(self, events: list[Event]) -> None:
        if (usage := usage_of(self._usage)) is not None:
            events.append(UsageReport(usage))

    def _stop(self, events: list[Event]) -> None:
        self.answer.close_all(events)
        native = self._native
        if native is None:
            self.fail(events, malformed(self.provider, "ended its answer without a stop reason"))
            return
        reason: Any = finish_of(native, self.answer.slots > 0, self.provider.profile)
        if isinstance(reason, ErrorClass):
            what = f"the provider {self.provider.id} gave up with the stop reason {native[:60]!r}"
            self.fail(events, UpstreamError(reason, what, upstream_code=native[:200]))
            return
        if reason == "tool_calls" and not self.answer.slots and self.answer.is_json:
            reason = "stop"
        message = category = None
        if reason == "content_filter":
            message = _string(self._details, "explanation") or None
            category = _string(self._details, "category") or None
        self.is_over = True
        events += (Finish(reason, native, message=message, category=category), End())


def _string(members: JsonObject, name: str) -> str:
    value = members.get(name)
    return value if isinstance(value, str) else ""
