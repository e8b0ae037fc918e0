"""The join of a wire and a dialect: what is shown, what is counted, and how an answer ends."""

from __future__ import annotations

import json
from collections.abc import Sequence

import pytest

from canonical_lane import RENDERING, counted, deltas
from openai_chat_wire import MODEL_ID, chat, endpoint, provider
from opengateway.domain.canonical import CanonicalRequest
from opengateway.domain.catalog import Endpoint, Provider
from opengateway.domain.chat import UpstreamCall
from opengateway.domain.errors import ErrorClass, UpstreamError
from opengateway.domain.events import (
    End,
    Event,
    Failure,
    Finish,
    Ping,
    ReasoningDelta,
    ReasoningSeal,
    Start,
    TextDelta,
    ToolArguments,
    ToolEnd,
    ToolStart,
    UsageReport,
)
from opengateway.domain.usage import Dimension, Usage
from opengateway.gateway.translation import MAX_CALLS, Guard, TranslatedStream, TranslatedWire
from opengateway.wires.openai_chat import OpenAIChatCanonicalWire

USAGE = Usage({Dimension.INPUT: 3, Dimension.OUTPUT: 2})
ASKED = chat(stream=True, stream_options={"include_usage": True})


class Scripted(OpenAIChatCanonicalWire):
    """A wire whose vendor says what the test says: one batch of events a chunk."""

    def __init__(self, *batches: Sequence[Event]) -> None:
        self.batches = list(batches)

    def parser(self, endpoint: Endpoint, provider: Provider) -> Scripted:  # type: ignore[override]
        return self

    def feed(self, chunk: bytes) -> Sequence[Event]:
        return self.batches.pop(0)

    def end(self) -> Sequence[Event]:
        return ()

    def reply(self, body: bytes, endpoint: Endpoint, provider: Provider) -> Sequence[Event]:
        return [event for batch in self.batches for event in batch]

    def request(
        self, request: CanonicalRequest, endpoint: Endpoint, provider: Provider
    ) -> UpstreamCall:
        return UpstreamCall("/x", b"%d" % len(request.turns))


def played(*batches: Sequence[Event]) -> tuple[list[bytes], TranslatedStream]:
    """The frames of each batch, and of the end; and the stream."""
    wire = TranslatedWire(Scripted(*batches), RENDERING)
    stream = wire.stream(ASKED, endpoint(), provider(), MODEL_ID)
    frames = [stream.feed(b"x") for _ in batches]
    return [*frames, stream.end()], stream


def test_a_whole_answer_is_shown_counted_and_ended() -> None:
    frames, stream = played(
        [Start("up-1", 5), Ping()],
        [ReasoningDelta("hm"), TextDelta("Hi", 1)],
        [ToolStart(0, "c1", "f"), ToolArguments(0, '{"a":1}'), ToolEnd(0)],
        [UsageReport(USAGE), Finish("stop", "end_turn"), End()],
    )
    assert frames[0] == b""
    assert b'"finish_reason":"tool_calls"' in frames[3]
    assert (stream.done, stream.error, stream.ignored) == (True, None, 0)
    assert counted(stream.meter) == {
        "usage": dict(USAGE.quantities),
        "characters": 2 + 2 + 7,
        "finish_reason": "tool_calls",
        "native_finish_reason": "end_turn",
        "upstream_id": "up-1",
        "has_content": True,
    }


def test_a_finish_waits_for_the_end_and_the_last_one_counts() -> None:
    frames, stream = played(
        [Start(), TextDelta("a"), Finish("stop", "STOP")],
        [TextDelta("b"), Finish("length", "MAX")],
        [End()],
    )
    assert b'"finish_reason":"' not in frames[0] + frames[1]
    assert stream.meter.finish_reason == "length"
    assert frames[2].count(b'"finish_reason":"length"') == 1


def test_a_cut_stream_shows_no_finish_and_is_truncated() -> None:
    frames, stream = played([Start(), TextDelta("a"), Finish("stop", "STOP")])
    assert b'"finish_reason":"' not in b"".join(frames)
    assert stream.error is not None
    assert stream.error.error_class is ErrorClass.TRUNCATED
    assert stream.meter.finish_reason is None


def test_an_end_without_a_finish_is_a_cut_stream() -> None:
    _, stream = played(
        [Start(), TextDelta("a"), TextDelta("b", choice=1), Finish("stop", ""), End()]
    )
    assert stream.error is not None
    assert stream.error.error_class is ErrorClass.TRUNCATED


def test_an_end_without_anything_is_no_answer() -> None:
    _, stream = played([Start(), End()])
    assert stream.error is not None
    assert stream.error.error_class is ErrorClass.MALFORMED


@pytest.mark.parametrize("last", [End(), Failure(UpstreamError(ErrorClass.OVERLOADED, "busy"))])
def test_nothing_is_shown_after_the_terminal_event(last: Event) -> None:
    late: list[Event] = [TextDelta("late"), Finish("length", "x"), End(), UsageReport(USAGE)]
    frames, stream = played([Start(), TextDelta("a"), Finish("stop", "s"), last, *late], [])
    assert stream.ignored == len(late)
    assert b"late" not in b"".join(frames)
    assert (stream.meter.characters, stream.meter.usage) == (1, None)
    assert stream.done is not (stream.error is not None)


def test_a_failure_leaves_what_came_before_it() -> None:
    error = UpstreamError(ErrorClass.OVERLOADED, "busy")
    frames, stream = played([Start(), TextDelta("a"), UsageReport(USAGE), Failure(error)])
    assert [delta["content"] for delta in deltas(frames[0])] == ["a"]
    assert stream.error is error
    assert stream.meter.usage is USAGE


def test_calls_are_closed_before_the_finish_and_an_empty_one_has_an_object() -> None:
    frames, stream = played(
        [
            Start(),
            ToolStart(0, "a", "f"),
            ToolStart(1, "b", "g"),
            ToolArguments(1, "{}"),
            ToolStart(2, "c", "h", kind="custom"),
            ToolEnd(0),
            ToolArguments(0, "late"),
            ToolArguments(7, "nobody's"),
            ToolEnd(0),
        ],
        [Finish("stop", "s"), End()],
    )
    answer = b"".join(frames)
    assert answer.count(b'"function":{"arguments":"{}"}') == 2
    assert b"late" not in answer
    assert stream.ignored == 3
    assert stream.meter.characters == 4


@pytest.mark.parametrize("reason", ["length", "content_filter"])
def test_a_cut_or_filtered_answer_keeps_its_reason_though_calls_were_made(reason: str) -> None:
    events: list[Event] = [Start(), ToolStart(0, "a", "f"), Finish(reason, reason), End()]  # type: ignore[arg-type]
    _, stream = played(events)
    assert stream.meter.finish_reason == reason


def test_every_choice_ends_for_itself_and_the_first_is_metered() -> None:
    frames, stream = played(
        [Start(), TextDelta("b", choice=1), Finish("length", "L", 1)],
        [TextDelta("a"), Finish("stop", "S"), End()],
    )
    assert frames[1].count(b'"finish_reason":"') == 2
    assert (stream.meter.finish_reason, stream.meter.native_finish_reason) == ("stop", "S")


def test_content_without_a_start_is_started_and_a_second_start_is_ignored() -> None:
    guard = Guard("vendor")
    kept = guard.take([TextDelta("a"), Start("late"), Finish("stop", ""), End()])
    assert [type(event) for event in kept] == [Start, TextDelta, Finish, End]
    assert guard.ignored == 1
    assert guard.meter.native_finish_reason is None


def test_usage_told_with_the_start_counts_until_a_report_replaces_it() -> None:
    guard = Guard("vendor")
    guard.take([Start(usage=Usage({Dimension.INPUT: 1}))])
    assert guard.meter.input_usage == Usage({Dimension.INPUT: 1})
    assert guard.meter.usage is None, "a word on the input is no word on the output"
    guard.take([UsageReport(USAGE)])
    assert guard.meter.usage is USAGE


def test_a_seal_alone_is_content_and_empty_deltas_are_not() -> None:
    guard = Guard("vendor")
    assert guard.take([Start(), TextDelta(""), ReasoningDelta("")]) == [Start()]
    assert not guard.meter.has_content
    guard.take([ReasoningSeal("anthropic", signature="s")])
    assert guard.meter.has_content


def test_why_it_was_refused_is_told_as_a_refusal() -> None:
    frames, stream = played(
        [Start(), Finish("content_filter", "SAFETY", message="Not that."), End()]
    )
    shown = deltas(frames[0])
    assert "".join(delta.get("refusal", "") for delta in shown) == "Not that."
    assert stream.meter.characters == 9


def test_more_calls_than_anybody_makes_are_malformed() -> None:
    guard = Guard("vendor")
    guard.take([Start(), *(ToolStart(n, f"c{n}", "f") for n in range(MAX_CALLS + 1))])
    assert guard.error is not None
    assert guard.error.error_class is ErrorClass.MALFORMED


def test_a_whole_reply_is_the_same_events_at_once() -> None:
    events: list[Event] = [
        Start("up"),
        TextDelta("Hi"),
        UsageReport(USAGE),
        Finish("stop", "s"),
        End(),
    ]
    wire = TranslatedWire(Scripted(events), RENDERING)
    reply = wire.reply(b"", chat(), endpoint(), provider(), MODEL_ID)
    assert json.loads(reply.body)["choices"][0]["message"]["content"] == "Hi"
    assert reply.meter.usage is USAGE
    assert wire.request(chat(), endpoint(), provider(), "team").body == b"1"


def test_a_whole_reply_that_failed_or_never_ended_is_raised() -> None:
    error = UpstreamError(ErrorClass.OVERLOADED, "busy")
    endings: list[tuple[list[Event], ErrorClass]] = [
        ([Start(), Failure(error)], ErrorClass.OVERLOADED),
        ([Start(), TextDelta("Hi")], ErrorClass.TRUNCATED),
    ]
    for events, expected in endings:
        wire = TranslatedWire(Scripted(events), RENDERING)
        with pytest.raises(UpstreamError) as raised:
            wire.reply(b"", chat(), endpoint(), provider(), MODEL_ID)
        assert raised.value.error_class is expected
