"""From a stream, or a whole answer, to events.

`message-end` ends a stream: the `[DONE]` that may follow says nothing new. A plan that the model
makes before its calls is reasoning; citations ride along for callers who know them.
"""

from __future__ import annotations

from typing import Any, Final

from opengateway.domain.catalog import Provider
from opengateway.domain.chat import FinishReason
from opengateway.domain.errors import ErrorClass, UpstreamError
from opengateway.domain.events import (
    Aside,
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
)
from opengateway.kit.json import JsonObject, Raw, dumps, loads
from opengateway.kit.sse import Decoder, FrameTooLarge, ServerEvent
from opengateway.wires.cohere.error import error_in_answer
from opengateway.wires.cohere.usage import report_of
from opengateway.wires.openai_chat.delta_events import ORIGIN
from opengateway.wires.openai_chat.error import malformed, truncated

EVENT_LIMIT_BYTES: Final = 16 * 1024 * 1024
MAX_CALLS: Final = 1024
MAX_CITATIONS: Final = 10_000
_DONE: Final = b"[DONE]"
_FINISHES: Final[dict[str, FinishReason]] = {
    "COMPLETE": "stop",
    "STOP_SEQUENCE": "stop",
    "MAX_TOKENS": "length",
    "TOOL_CALL": "tool_calls",
    "ERROR_TOXIC": "content_filter",
    "ERROR_LIMIT": "length",
}
_FAILURES: Final = {
    "ERROR": ErrorClass.SERVER_ERROR,
    "TIMEOUT": ErrorClass.OVERLOADED,
    "USER_CANCEL": ErrorClass.ABORTED,
}


def whole_answer(body: bytes, provider: Provider) -> list[Event]:
    """A whole 2xx answer."""
    answer = _Answer(provider)
    events: list[Event] = []
    try:
        told = loads(body)
    except (ValueError, RecursionError):
        told = None
    message = told.get("message") if isinstance(told, dict) else None
    if not isinstance(told, dict) or not isinstance(message, dict):
        if isinstance(message, str):
            answer.fail(events, error_in_answer(told, provider, "in an answer with status 200"))
        else:
            answer.fail(events, malformed(provider, "gave an answer of another shape"))
        return events
    answer.take_whole(told, message, events)
    return events


class CohereStreamParser:
    """One stream. See `ports.translation.StreamParser`."""

    __slots__ = ("_answer", "_decoder")

    def __init__(self, provider: Provider) -> None:
        self._answer = _Answer(provider)
        self._decoder = Decoder(EVENT_LIMIT_BYTES)

    def feed(self, chunk: bytes) -> list[Event]:
        events: list[Event] = []
        answer = self._answer
        if answer.is_over:
            return events
        try:
            for event in self._decoder.feed(chunk):
                if not answer.is_over:
                    answer.take(event, events)
        except FrameTooLarge as error:
            answer.fail(events, malformed(answer.provider, f"sent {error}"))
        return events

    def end(self) -> list[Event]:
        events: list[Event] = []
        for event in self._decoder.end():  # one at most
            if not self._answer.is_over:
                self._answer.take(event, events)
        self._answer.fail(events, truncated(self._answer.provider))
        return events


class _Answer:
    """What was said so far."""

    __slots__ = ("_citations", "_kinds", "_open", "_slots", "is_over", "provider")

    def __init__(self, provider: Provider) -> None:
        self.provider = provider
        self.is_over = False
        self._kinds: dict[int, str] = {}
        """Of the content parts, by index: `text` or `thinking`."""
        self._slots = 0
        self._open: dict[int, int] = {}
        """The index of a call to its slot."""
        self._citations: list[Any] = []

    def fail(self, events: list[Event], error: UpstreamError) -> None:
        if not self.is_over:
            self.is_over = True
            events.append(Failure(error))

    # --- whole -----------------------------------------------------------------------------------
    def take_whole(self, told: JsonObject, message: JsonObject, events: list[Event]) -> None:
        events.append(Start(_string(told, "id")))
        self._think(_string(message, "tool_plan"), events)
        content = message.get("content")
        for part in content if isinstance(content, list) else ():
            if isinstance(part, dict):
                self._think(_string(part, "thinking"), events)
                self._say(_string(part, "text"), events)
        calls = message.get("tool_calls")
        for at, call in enumerate(calls if isinstance(calls, list) else ()):
            if not self._open_call(at, call, events):
                return
            self._close_call(at, events)
        cited = message.get("citations")
        self._citations = cited[:MAX_CITATIONS] if isinstance(cited, list) else []
        self._finish(_string(told, "finish_reason"), told.get("usage"), events, told)

    # --- streamed --------------------------------------------------------------------------------
    def take(self, event: ServerEvent, events: list[Event]) -> None:
        if not event.data.strip() or event.data.strip() == _DONE:
            return
        try:
            told = loads(event.data)
        except (ValueError, RecursionError):
            told = None
        if not isinstance(told, dict):
            self.fail(events, malformed(self.provider, "sent an event that is not an object"))
            return
        self._take_told(told.get("type") or event.event, told, events)

    def _take_told(self, kind: Any, told: JsonObject, events: list[Event]) -> None:
        delta = _object(told, "delta")
        message = _object(delta, "message")
        index = told.get("index")
        at = index if type(index) is int else 0
        match kind:
            case "message-start":
                events.append(Start(_string(told, "id")))
            case "content-start" | "content-delta":
                self._content(at, _object(message, "content"), events)
            case "tool-plan-delta":
                self._think(_string(message, "tool_plan"), events)
            case "tool-call-start":
                self._open_call(at, message.get("tool_calls"), events)
            case "tool-call-delta":
                self._argue(at, _object(_object(message, "tool_calls"), "function"), events)
            case "tool-call-end":
                self._close_call(at, events)
            case "citation-start":
                if len(self._citations) < MAX_CITATIONS:
                    self._citations.append(message.get("citations"))
            case "message-end":
                self._end(delta, events)
            case _ if isinstance(told.get("message"), str) or told.get("error"):
                self.fail(events, error_in_answer(told, self.provider, "within its answer"))
            case _:  # ends of parts and of citations, and what the vendor adds
                pass

    def _content(self, at: int, part: JsonObject, events: list[Event]) -> None:
        if kind := _string(part, "type"):
            self._kinds[at] = kind
            if len(self._kinds) > MAX_CITATIONS:
                self.fail(events, malformed(self.provider, "sent too many parts"))
                return
        self._think(_string(part, "thinking"), events)
        self._say(_string(part, "text"), events)

    def _end(self, delta: JsonObject, events: list[Event]) -> None:
        self._finish(_string(delta, "finish_reason"), delta.get("usage"), events, delta)

    # --- what both do ----------------------------------------------------------------------------
    def _say(self, text: str, events: list[Event]) -> None:
        if text:
            events.append(TextDelta(text))

    def _think(self, text: str, events: list[Event]) -> None:
        if text:
            events.append(ReasoningDelta(text))

    def _open_call(self, at: int, told: Any, events: list[Event]) -> bool:
        call = told if isinstance(told, dict) else {}
        function = _object(call, "function")
        name = _string(function, "name")
        if not name or self._slots >= MAX_CALLS:
            self.fail(events, malformed(self.provider, "made a call without a name, or too many"))
            return False
        slot = self._open[at] = self._slots
        self._slots += 1
        events.append(ToolStart(slot, _string(call, "id") or f"call_{slot}_{name}"[:64], name))
        self._argue(at, function, events)
        return True

    def _argue(self, at: int, function: JsonObject, events: list[Event]) -> None:
        slot, text = self._open.get(at), _string(function, "arguments")
        if slot is not None and text and text != "null":  # a call without arguments
            events.append(ToolArguments(slot, text))

    def _close_call(self, at: int, events: list[Event]) -> None:
        slot = self._open.pop(at, None)
        if slot is not None:
            events.append(ToolEnd(slot))

    def _finish(self, native: str, usage: Any, events: list[Event], told: JsonObject) -> None:
        for at in list(self._open):
            self._close_call(at, events)
        if self._citations:
            events.append(Aside(ORIGIN, {"citations": Raw(dumps(self._citations))}))
        if (report := report_of(usage)) is not None:
            events.append(report)
        if (failure := _FAILURES.get(native)) is not None:
            what = f"the provider {self.provider.id} gave up with the finish reason {native!r}"
            detail = _string(told, "error")
            self.fail(events, UpstreamError(failure, what, upstream_code=native, detail=detail))
            return
        if not native:
            self.fail(events, malformed(self.provider, "ended its answer without a finish reason"))
            return
        self.is_over = True
        events += (Finish(_FINISHES.get(native, "stop"), native), End())


def _object(members: JsonObject, name: str) -> JsonObject:
    value = members.get(name)
    return value if isinstance(value, dict) else {}


def _string(members: JsonObject, name: str) -> str:
    value = members.get(name)
    return value if isinstance(value, str) else ""
