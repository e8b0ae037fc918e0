"""From Google's stream, or its whole answer, to events.

The wire has no end marker: a finish reason for every candidate, and then a clean end of the
connection, is the end (decision 22). What comes after a finish reason is still read: a model may say
STOP in a later chunk than its calls, or send usage after it (E23). Finishes are therefore told at
the end and not before: a stream that is cut never shows one.
"""

from __future__ import annotations

from typing import Any, Final

from opengateway.domain.catalog import Endpoint, Provider
from opengateway.domain.errors import ErrorClass, UpstreamError
from opengateway.domain.events import End, Event, Failure, Finish, Start, UsageReport
from opengateway.kit.json import JsonObject, loads
from opengateway.kit.sse import Decoder, FrameTooLarge
from opengateway.wires.gemini.calls import BadCall
from opengateway.wires.gemini.choice import Candidate
from opengateway.wires.gemini.error import error_in_answer
from opengateway.wires.gemini.finish import UNSPECIFIED, finish_of
from opengateway.wires.gemini.usage import UsageReader
from opengateway.wires.openai_chat.error import malformed, truncated

EVENT_LIMIT_BYTES: Final = 16 * 1024 * 1024
MAX_CANDIDATES: Final = 256
_SPACE: Final = b"\xef\xbb\xbf \t\r\n"


def whole_answer(body: bytes, endpoint: Endpoint, provider: Provider) -> list[Event]:
    """A whole 2xx answer: one response, or the array that a stream without `alt=sse` is."""
    answer = Answer(endpoint, provider)
    events: list[Event] = []
    _take_document(body, answer, events)
    answer.end(events, is_whole=True)
    return events


class GeminiStreamParser:
    """One stream. See `ports.translation.StreamParser`."""

    __slots__ = ("_answer", "_decoder", "_head", "_raw")

    def __init__(self, endpoint: Endpoint, provider: Provider) -> None:
        self._answer = Answer(endpoint, provider)
        self._decoder = Decoder(EVENT_LIMIT_BYTES)
        self._head: bytes | None = b""
        """What came until it was clear whether these are events; None afterwards."""
        self._raw: bytearray | None = None
        """A body that is plain JSON: an error, told with status 200."""

    def feed(self, chunk: bytes) -> list[Event]:
        events: list[Event] = []
        if self._head is not None:
            self._head += chunk
            begun = self._head.lstrip(_SPACE)
            if not begun and len(self._head) < 4096:
                return events
            chunk, self._head = self._head, None
            if begun[:1] in (b"{", b"["):
                self._raw, chunk = bytearray(), begun
        if self._raw is not None:
            self._take_raw(chunk, events)
            return events
        try:
            for event in self._decoder.feed(chunk):
                self._take(event.data, events)
        except FrameTooLarge as error:
            self._answer.fail(events, malformed(self._answer.provider, f"sent {error}"))
        return events

    def end(self) -> list[Event]:
        events: list[Event] = []
        if self._raw is not None:
            _take_document(bytes(self._raw), self._answer, events)
        else:
            for event in self._decoder.end():  # one at most
                self._take(event.data, events)
        self._answer.end(events, is_cut=self._decoder.buffered > 0)
        return events

    def _take(self, data: bytes, events: list[Event]) -> None:
        if self._answer.is_over or not data.strip():
            return
        _take_document(data, self._answer, events)

    def _take_raw(self, chunk: bytes, events: list[Event]) -> None:
        assert self._raw is not None, "asked for only where it is so"
        if len(self._raw) + len(chunk) > EVENT_LIMIT_BYTES:
            what = f"sent more than {EVENT_LIMIT_BYTES} bytes that are no events"
            self._answer.fail(events, malformed(self._answer.provider, what))
            return
        self._raw += chunk


def _take_document(text: bytes, answer: Answer, events: list[Event]) -> None:
    """JSON text of one response, or of an array of them."""
    try:
        document = loads(text)
    except (ValueError, RecursionError):
        answer.fail(events, malformed(answer.provider, "sent what is not JSON"))
        return
    if isinstance(document, list):
        for item in document:
            answer.take(item, text, events)
    else:
        answer.take(document, text, events)


class Answer:
    """What was said so far, in all candidates."""

    __slots__ = ("_candidates", "_id", "_reader", "_usage", "is_over", "provider")

    def __init__(self, endpoint: Endpoint, provider: Provider) -> None:
        self.provider = provider
        self.is_over = False
        self._id: str | None = None
        self._candidates: dict[int, Candidate] = {}
        self._usage: JsonObject | None = None
        self._reader = UsageReader(endpoint)

    def fail(self, events: list[Event], error: UpstreamError) -> None:
        if not self.is_over:
            self.is_over = True
            events.append(Failure(error))

    def take(self, response: Any, text: bytes, events: list[Event]) -> None:
        """A GenerateContentResponse, whole or a piece of one. `text` is what was decoded."""
        if self.is_over:
            return
        if not isinstance(response, dict):
            self.fail(events, malformed(self.provider, "sent what is not a response"))
            return
        if response.get("error"):
            where = "within its answer"
            self.fail(events, error_in_answer(response, text, self.provider, where))
            return
        if self._id is None:
            given = response.get("responseId")
            self._id = given if isinstance(given, str) else ""
            events.append(Start(self._id))
        try:
            self._take_candidates(response.get("candidates"), events)
        except BadCall as error:
            what = f"made {error}"
            self._fail_as(events, ErrorClass.TOOL_CALL_FAILED, what, None)
            return
        self._take_usage(response.get("usageMetadata"), events)
        feedback = response.get("promptFeedback")
        if isinstance(feedback, dict) and feedback.get("blockReason"):
            self._block(feedback, events)
        self._fail_where_it_went_wrong(events)

    def _take_candidates(self, candidates: Any, events: list[Event]) -> None:
        for told in candidates if isinstance(candidates, list) else ():
            if not isinstance(told, dict):
                continue
            index = told.get("index", 0)
            held = self._candidates.get(index) if isinstance(index, int) else None
            if held is None:
                if not isinstance(index, int) or not 0 <= index < MAX_CANDIDATES:
                    continue
                held = self._candidates[index] = Candidate(index)
            content = told.get("content")
            parts = content.get("parts") if isinstance(content, dict) else None
            for part in parts if isinstance(parts, list) else ():
                if isinstance(part, dict):
                    held.take(part, self._id or "", events)
            native = told.get("finishReason")
            if isinstance(native, str) and native and native != UNSPECIFIED:
                held.native = native
                message = told.get("finishMessage")
                held.message = message if isinstance(message, str) and message else None
            grounding = told.get("groundingMetadata")
            if isinstance(grounding, dict) and grounding:
                held.grounding = grounding

    def _take_usage(self, reported: Any, events: list[Event]) -> None:
        """Many chunks tell it; the last one counts, and each replaces what was told before."""
        if isinstance(reported, dict) and reported != self._usage:
            self._usage = reported
            usage = self._reader.read(reported)
            if usage is not None:
                events.append(UsageReport(usage))

    def _block(self, feedback: JsonObject, events: list[Event]) -> None:
        """The prompt was blocked: the request's fault, an error. After the answer has begun, the
        filter has ended it."""
        reason, message = str(feedback["blockReason"]), feedback.get("blockReasonMessage")
        if not self._candidates:
            error = UpstreamError(
                ErrorClass.CONTENT_FILTER,
                f"the provider {self.provider.id} blocked the prompt ({reason[:60]})",
                upstream_status=200,
                upstream_code=reason[:200],
                detail=message if isinstance(message, str) else reason,
            )
            self.fail(events, error)
            return
        for candidate in self._candidates.values():
            if candidate.native is None:
                is_known = self._finish_of(candidate, reason) == "content_filter"
                candidate.native = reason if is_known else "PROHIBITED_CONTENT"

    def _fail_where_it_went_wrong(self, events: list[Event]) -> None:
        for candidate in self._candidates.values():
            native = candidate.native
            if native is None:
                continue
            finish = self._finish_of(candidate, native)
            if isinstance(finish, ErrorClass):
                what = f"ended its answer with {native[:60]}"
                self._fail_as(events, finish, what, candidate)

    def _finish_of(self, candidate: Candidate, native: str) -> Any:
        profile = self.provider.profile
        return finish_of(native, profile, has_content=candidate.has_content)

    def _fail_as(
        self,
        events: list[Event],
        error_class: ErrorClass,
        what: str,
        candidate: Candidate | None,
    ) -> None:
        native = candidate.native if candidate is not None else None
        detail = (candidate.message if candidate is not None else None) or native or what
        message = f"the provider {self.provider.id} {what}"
        code = native[:200] if native else None
        self.fail(events, UpstreamError(error_class, message, upstream_code=code, detail=detail))

    def end(self, events: list[Event], *, is_cut: bool = False, is_whole: bool = False) -> None:
        """Nothing comes any more. `is_cut`: within an event. `is_whole`: it was no stream."""
        if self.is_over:
            return
        candidates = [self._candidates[index] for index in sorted(self._candidates)]
        if is_cut or not candidates or any(one.native is None for one in candidates):
            error = truncated(self.provider)
            if is_whole:
                error = malformed(self.provider, "sent an answer without an end")
            self.fail(events, error)
            return
        held: list[Event] = []
        try:
            for candidate in candidates:
                candidate.end(held)
                held.append(self._ending(candidate))
        except BadCall as error:
            self._fail_as(events, ErrorClass.TOOL_CALL_FAILED, f"made {error}", None)
            return
        self.is_over = True
        events += held
        events.append(End())

    def _ending(self, candidate: Candidate) -> Finish:
        native = candidate.native or ""
        reason = self._finish_of(candidate, native)
        if reason == "stop" and candidate.has_calls:
            reason = "tool_calls"
        message = candidate.message if reason == "content_filter" else None
        return Finish(reason, native, candidate.index, message)
