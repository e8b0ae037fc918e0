"""From a Responses stream, or a whole response, to events.

`response.completed`, `response.incomplete` and `response.failed` alone end a stream (decision 22);
`[DONE]`, which some vendors add, does not. Event types that nobody knows are passed over: the vendor
adds some every few months, and an item's last word says again what they said.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

from opengateway.domain.catalog import Provider
from opengateway.domain.chat import FinishReason
from opengateway.domain.errors import ErrorClass, UpstreamError
from opengateway.domain.events import Aside, End, Event, Failure, Finish, Start, UsageReport
from opengateway.kit.json import JsonObject, Raw, ValidationError, dumps, loads
from opengateway.kit.sse import Decoder, FrameTooLarge, ServerEvent
from opengateway.wires.openai_chat.error import error_in_answer, malformed, truncated
from opengateway.wires.openai_responses.answer import ORIGIN, Answer, BadItem
from opengateway.wires.openai_responses.usage import usage_of

EVENT_LIMIT_BYTES: Final = 64 * 1024 * 1024
_UNFINISHED: Final = frozenset(("queued", "in_progress"))
_REASONS: Final[dict[str, FinishReason]] = {
    "max_output_tokens": "length",
    "max_tokens": "length",
    "content_filter": "content_filter",
}
_SHOWN: Final = ("moderation",)
"""Members of a response beside its items that callers of this shape may ask for."""


class _Tap(msgspec.Struct):
    """What most events are: a piece of one part, and nothing else of it."""

    type: str = ""
    output_index: int = -1
    content_index: int = 0
    summary_index: int = 0
    delta: str = ""
    logprobs: Any = None


_tap = msgspec.json.Decoder(_Tap).decode


def whole_answer(body: bytes, provider: Provider) -> list[Event]:
    """A whole 2xx answer."""
    response = _Response(provider)
    events: list[Event] = []
    try:
        told = loads(body)
    except (ValueError, RecursionError):
        told = None
    if not isinstance(told, dict):
        response.fail(events, malformed(provider, "gave an answer of another shape"))
    elif not isinstance(told.get("output"), list):
        if told.get("error"):
            said = error_in_answer(told, provider, "in an answer with status 200")
        else:
            said = malformed(provider, "gave an answer of another shape")
        response.fail(events, said)
    else:
        response.start(told, events)
        response.end_with(told, events)
    return events


class ResponsesParser:
    """One stream. See `ports.translation.StreamParser`."""

    __slots__ = ("_decoder", "_response")

    def __init__(self, provider: Provider) -> None:
        self._response = _Response(provider)
        self._decoder = Decoder(EVENT_LIMIT_BYTES)

    def feed(self, chunk: bytes) -> list[Event]:
        events: list[Event] = []
        response = self._response
        if response.is_over:
            return events
        try:
            for event in self._decoder.feed(chunk):
                if not response.is_over:
                    self._take(event, events)
        except FrameTooLarge as error:
            response.fail(events, malformed(response.provider, f"sent {error}"))
        return events

    def end(self) -> list[Event]:
        events: list[Event] = []
        for event in self._decoder.end():  # one at most
            if not self._response.is_over:
                self._take(event, events)
        self._response.fail(events, truncated(self._response.provider))
        return events

    def _take(self, event: ServerEvent, events: list[Event]) -> None:
        response = self._response
        if event.data.startswith(b"[DONE]"):
            return  # some vendors end every stream with it; it says nothing of this one
        try:
            tapped = _tap(event.data)
        except ValidationError:  # not a delta as they are, or none
            tapped = None
        except (ValueError, RecursionError):
            if event.data.strip():
                said = malformed(response.provider, "sent an event that is not JSON")
                response.fail(events, said)
            return
        try:
            if tapped is None or not response.pass_on(tapped, events):
                response.take(event, events)
        except BadItem as error:
            response.fail(events, malformed(response.provider, f"sent {error}"))


class _Response:
    """One response, streamed or whole."""

    __slots__ = ("_answer", "_has_started", "is_over", "provider")

    def __init__(self, provider: Provider) -> None:
        self.provider = provider
        self.is_over = False
        self._answer = Answer(provider.profile.seals_as)
        self._has_started = False

    def fail(self, events: list[Event], error: UpstreamError) -> None:
        if not self.is_over:
            self.is_over = True
            events.append(Failure(error))

    def start(self, told: object, events: list[Event]) -> None:
        if self._has_started or not isinstance(told, dict):
            return
        self._has_started = True
        identifier, created = told.get("id"), told.get("created_at")
        events.append(
            Start(
                identifier if isinstance(identifier, str) else "",
                _moment(created),
            )
        )

    def pass_on(self, event: _Tap, events: list[Event]) -> bool:
        """The fast path: True when it was no more than a piece of a part."""
        answer, index = self._answer, event.output_index
        match event.type:
            case "response.output_text.delta":
                answer.text(index, event.content_index, event.delta, event.logprobs, events)
            case "response.function_call_arguments.delta" | "response.custom_tool_call_input.delta":
                answer.arguments(index, event.delta, events)
            case "response.reasoning_text.delta":
                answer.think(index, event.content_index, event.delta, events)
            case "response.reasoning_summary_text.delta":
                answer.summarise(index, event.summary_index, event.delta, events)
            case "response.refusal.delta":
                answer.refuse(index, event.content_index, event.delta, events)
            case _:
                return False
        return True

    def take(self, event: ServerEvent, events: list[Event]) -> None:
        """An event of any kind. Raises `BadItem`."""
        try:
            told = loads(event.data)
        except (ValueError, RecursionError):
            told = None
        if not isinstance(told, dict):
            self.fail(events, malformed(self.provider, "sent an event that is not an object"))
            return
        kind = told.get("type") or event.event
        match kind:
            case "response.created" | "response.in_progress" | "response.queued":
                self.start(told.get("response"), events)
            case "response.completed" | "response.incomplete" | "response.failed":
                final = told.get("response")
                self.end_with(final if isinstance(final, dict) else {}, events, kind)
            case "response.output_item.added" | "response.output_item.done":
                self._take_item(kind, told, events)
            case "error":
                self.fail(events, error_in_answer(told, self.provider, "within its answer"))
            case _ if isinstance(told.get("error"), dict):
                self.fail(events, error_in_answer(told, self.provider, "within its answer"))
            case _:
                self._take_part(kind, told, events)

    def _take_item(self, kind: str, told: JsonObject, events: list[Event]) -> None:
        item, index = told.get("item"), _index(told, "output_index", -1)
        if not isinstance(item, dict):
            raise BadItem("an item that is not an object")
        if kind.endswith("added"):
            self._answer.added(index, item, events)
        else:
            self._answer.done(index, item, events)

    def _take_part(self, kind: object, told: JsonObject, events: list[Event]) -> None:
        """A part's last word, and what is said of parts. Others are passed over."""
        answer, index = self._answer, _index(told, "output_index", -1)
        part = _index(told, "content_index", 0)
        match kind:
            case "response.output_text.done":
                answer.rest(index, "output_text", part, told.get("text"), events)
            case "response.refusal.done":
                answer.rest(index, "refusal", part, told.get("refusal"), events)
            case "response.reasoning_text.done":
                answer.rest(index, "reasoning_text", part, told.get("text"), events)
            case "response.reasoning_summary_text.done":
                part = _index(told, "summary_index", 0)
                answer.rest(index, "summary_text", part, told.get("text"), events)
            case "response.function_call_arguments.done":
                answer.rest_of_call(index, told.get("arguments"), events)
            case "response.custom_tool_call_input.done":
                answer.rest_of_call(index, told.get("input"), events)
            case "response.output_text.annotation.added":
                if isinstance(note := told.get("annotation"), dict):
                    answer.note(note, events)
            case _:
                pass

    def end_with(self, told: JsonObject, events: list[Event], kind: str = "") -> None:
        """The final response. Raises nothing."""
        self.start(told, events)
        status = _text(told, "status") or kind.removeprefix("response.")
        if status in ("failed", "cancelled") or told.get("error"):
            self._tell_usage(told, events)
            self.fail(events, self._failure(told, status))
            return
        if status in _UNFINISHED:
            self.fail(events, malformed(self.provider, f"answered with the status {status!r}"))
            return
        try:
            self._answer.missing(told.get("output"), events)
        except BadItem as error:
            self.fail(events, malformed(self.provider, f"sent {error}"))
            return
        self._tell_usage(told, events)
        shown = {name: Raw(dumps(told[name])) for name in _SHOWN if told.get(name) is not None}
        if shown:
            events.append(Aside(ORIGIN, members=shown))
        details = told.get("incomplete_details")
        why = _text(details, "reason") if isinstance(details, dict) else ""
        reason: FinishReason = _REASONS.get(why, "length") if status == "incomplete" else "stop"
        if reason == "stop" and self._answer.slots:
            reason = "tool_calls"
        self.is_over = True
        events += (Finish(reason, why or status), End())

    def _tell_usage(self, told: JsonObject, events: list[Event]) -> None:
        reported = told.get("usage")
        if isinstance(reported, dict):
            usage = usage_of(reported, self.provider.profile)
            if usage is not None:
                events.append(UsageReport(usage))

    def _failure(self, told: JsonObject, status: str) -> UpstreamError:
        if told.get("error"):
            return error_in_answer(told, self.provider, "within its answer")
        what = f"the provider {self.provider.id} ended its answer as {status[:40]!r}"
        return UpstreamError(ErrorClass.SERVER_ERROR, what, upstream_code=status[:200] or None)


def _index(told: JsonObject, name: str, default: int) -> int:
    value = told.get(name)
    return value if type(value) is int else default


def _moment(value: object) -> int | None:
    """Unix seconds, which some vendors give with a fraction."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < 2**53:
        return None
    return int(value)


def _text(members: JsonObject, name: str) -> str:
    value = members.get(name)
    return value if isinstance(value, str) else ""
