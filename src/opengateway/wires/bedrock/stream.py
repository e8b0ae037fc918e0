"""From ConverseStream's events, or a whole answer, to events.

`messageStop` alone ends an answer (reference: providers, E6). Usage comes after it, in `metadata`, and
is waited for until the stream ends; an answer whose usage never comes is whole all the same. A stream
that ends within a frame was cut.
"""

from __future__ import annotations

from typing import Any, Final

from opengateway.domain.catalog import Endpoint, Provider
from opengateway.domain.errors import ErrorClass, UpstreamError
from opengateway.domain.events import End, Event, Failure, Finish, Start, UsageReport
from opengateway.kit.event_stream import Decoder, Message
from opengateway.kit.json import JsonObject, loads
from opengateway.wires.bedrock.answer import Answer, BadBlock
from opengateway.wires.bedrock.error import error_in_stream
from opengateway.wires.bedrock.model import rule_of
from opengateway.wires.bedrock.usage import usage_of
from opengateway.wires.openai_chat.error import malformed, truncated
from opengateway.wires.openai_chat.signals import finish_of

EVENT_LIMIT_BYTES: Final = 16 * 1024 * 1024


def whole_answer(body: bytes, endpoint: Endpoint, provider: Provider) -> list[Event]:
    """A whole 2xx answer."""
    message = _Message(endpoint, provider)
    events: list[Event] = []
    try:
        answer: Any = loads(body)
    except (ValueError, RecursionError):
        answer = None
    output = answer.get("output") if isinstance(answer, dict) else None
    said = output.get("message") if isinstance(output, dict) else None
    content = said.get("content") if isinstance(said, dict) else None
    if not isinstance(content, list):
        message.fail(events, malformed(provider, "gave an answer of another shape"))
        return events
    events.append(Start())
    try:
        for index, block in enumerate(content):
            message.answer.whole(index, block, events)
    except BadBlock as error:
        message.fail(events, malformed(provider, f"sent {error}"))
        return events
    message.stop(answer, events)
    message.report(answer, events)
    message.end(events)
    return events


class ConverseStreamParser:
    """One stream. See `ports.translation.StreamParser`."""

    __slots__ = ("_decoder", "_message")

    def __init__(self, endpoint: Endpoint, provider: Provider) -> None:
        self._message = _Message(endpoint, provider)
        self._decoder = Decoder(EVENT_LIMIT_BYTES)

    def feed(self, chunk: bytes) -> list[Event]:
        events: list[Event] = []
        message = self._message
        if message.is_over:
            return events
        frames, fault = self._decoder.take(chunk)
        for frame in frames:
            if not message.is_over:
                message.take(frame, events)
        if fault is not None:
            message.fail(events, malformed(message.provider, f"sent {fault}"))
        return events

    def end(self) -> list[Event]:
        events: list[Event] = []
        if not self._decoder.buffered:  # within a frame it is a cut, whatever came before
            self._message.end(events)
        self._message.fail(events, truncated(self._message.provider))
        return events


class _Message:
    """The message around the blocks: its start, its end and its usage."""

    __slots__ = ("_finish", "answer", "is_over", "provider")

    def __init__(self, endpoint: Endpoint, provider: Provider) -> None:
        self.provider = provider
        self.answer = Answer(rule_of(endpoint, provider))
        self.is_over = False
        self._finish: Finish | None = None

    def fail(self, events: list[Event], error: UpstreamError) -> None:
        if not self.is_over:
            self.is_over = True
            events.append(Failure(error))

    def take(self, frame: Message, events: list[Event]) -> None:
        if frame.text(":message-type") in ("exception", "error"):
            self.fail(events, error_in_stream(frame, self.provider))
            return
        try:
            told = loads(frame.payload)
        except (ValueError, RecursionError):
            told = None
        if not isinstance(told, dict):
            self.fail(events, malformed(self.provider, "sent an event that is not JSON"))
            return
        try:
            self._take(frame.text(":event-type"), told, events)
        except BadBlock as error:
            self.fail(events, malformed(self.provider, f"sent {error}"))

    def _take(self, kind: str, told: JsonObject, events: list[Event]) -> None:
        match kind:
            case "contentBlockDelta":
                self.answer.delta(_index(told), told.get("delta"), events)
            case "contentBlockStart":
                self.answer.start(_index(told), told.get("start"), events)
            case "contentBlockStop":
                self.answer.stop(_index(told), events)
            case "messageStart":
                events.append(Start())
            case "messageStop":
                self.stop(told, events)
            case "metadata":
                self.report(told, events)
                self.end(events)
            case _:  # one that nobody knows yet
                pass

    def stop(self, told: JsonObject, events: list[Event]) -> None:
        """The answer's end, but for its usage."""
        self.answer.stop_all(events)
        native = told.get("stopReason")
        if not isinstance(native, str) or not native:
            self.fail(events, malformed(self.provider, "ended its answer without a stop reason"))
            return
        reason: Any = finish_of(native, self.answer.slots > 0, self.provider.profile)
        if isinstance(reason, ErrorClass):
            what = f"the provider {self.provider.id} gave up with the stop reason {native[:60]!r}"
            self.fail(events, UpstreamError(reason, what, upstream_code=native[:200]))
            return
        if reason == "tool_calls" and not self.answer.slots:
            reason = "stop"  # the call that stood for the answer, or one of the service's own
        self._finish = Finish(reason, native)

    def report(self, told: JsonObject, events: list[Event]) -> None:
        if not self.is_over and (usage := usage_of(told.get("usage"))) is not None:
            events.append(UsageReport(usage))

    def end(self, events: list[Event]) -> None:
        """Nothing comes any more; an end if the answer was whole."""
        if not self.is_over and self._finish is not None:
            self.is_over = True
            events += (self._finish, End())


def _index(told: JsonObject) -> int:
    index = told.get("contentBlockIndex")
    if isinstance(index, bool) or not isinstance(index, int):
        raise BadBlock("a block without an index")
    return index
