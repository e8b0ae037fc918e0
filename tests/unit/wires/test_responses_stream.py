from __future__ import annotations

import json
from typing import Any

import pytest

from openai_responses_lane import (
    ENDPOINT,
    TEXT,
    TOOLS,
    WIRE,
    Json,
    began,
    delta,
    ended,
    function_call,
    item,
    message,
    provider,
    response,
    sse,
    thought,
)
from opengateway.domain.errors import ErrorClass
from opengateway.domain.events import (
    Annotation,
    Aside,
    End,
    Event,
    Failure,
    Finish,
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
from opengateway.domain.usage import Dimension


def events(data: bytes) -> list[Event]:
    parser = WIRE.parser(ENDPOINT, provider())
    return [*parser.feed(data), *parser.end()]


def whole(**members: Any) -> list[Event]:
    return list(WIRE.reply(json.dumps(response(**members)).encode(), ENDPOINT, provider()))


def failure(found: list[Event]) -> Any:
    assert isinstance(found[-1], Failure), found
    return found[-1].error


def test_a_text_is_told_piece_by_piece() -> None:
    start, first, second, usage, finish, end = events(TEXT)
    assert start == Start("resp_up", 1_764_000_000)
    assert [first, second] == [TextDelta("Grüße, "), TextDelta("안녕 😀")]
    assert isinstance(usage, UsageReport)
    assert finish == Finish("stop", "completed")
    assert end == End()


def test_usage_is_disjoint() -> None:
    report = next(e for e in events(TEXT) if isinstance(e, UsageReport))
    assert report.usage.quantities == {
        Dimension.INPUT: 6,
        Dimension.CACHE_READ: 4,
        Dimension.OUTPUT: 5,
        Dimension.REASONING: 2,
    }


def test_a_thought_keeps_its_parts_and_its_secret() -> None:
    found = events(TOOLS)
    assert found[1:5] == [
        ReasoningDelta("First.", 0, summary=True),
        Aside("openai_responses", {"summary_part": found[2].delta["summary_part"]}),  # type: ignore[union-attr]
        ReasoningDelta("Second.", 0, summary=True),
        ReasoningSeal("openai", 0, encrypted="gAAA-secret"),
    ]


def test_calls_side_by_side_keep_their_arguments_apart() -> None:
    found = [e for e in events(TOOLS) if isinstance(e, ToolStart | ToolArguments | ToolEnd)]
    assert found == [
        ToolStart(0, "call_1", "f", 1),
        ToolStart(1, "call_2", "g", 2),
        ToolArguments(0, '{"x":'),
        ToolArguments(1, "{}"),
        ToolArguments(0, "1}"),
        ToolEnd(0),
        ToolEnd(1),
    ]
    assert Finish("tool_calls", "completed") in events(TOOLS)


@pytest.mark.parametrize("step", ["done", "final"])
def test_what_no_delta_told_is_told_by_the_last_word(step: str) -> None:
    items = [thought("s", "Hm."), message("Yes."), function_call('{"x":1}')]
    middle = [item("done", at, told) for at, told in enumerate(items)] if step == "done" else []
    found = events(sse(began(), *middle, ended(output=items)))
    assert [e.text for e in found if isinstance(e, TextDelta | ReasoningDelta)] == ["Hm.", "Yes."]
    assert [e.text for e in found if isinstance(e, ToolArguments)] == ['{"x":1}']
    assert isinstance(found[-1], End)


def test_a_text_without_its_item_is_a_text_and_not_told_twice() -> None:
    found = events(
        sse(began(), delta("output_text", 0, "Hi"), item("done", 0, message("Hi!")), ended())
    )
    assert [e.text for e in found if isinstance(e, TextDelta)] == ["Hi", "!"]


def test_a_call_that_closes_before_it_opened_is_whole() -> None:
    late = delta("function_call_arguments", 0, '{"x":')
    found = events(sse(began(), late, item("done", 0, function_call('{"x":1}')), ended()))
    assert [e.text for e in found if isinstance(e, ToolArguments)] == ['{"x":1}']


def test_an_item_that_opens_as_nothing_is_what_it_closes_as() -> None:
    found = events(
        sse(began(), item("added", 0, {"id": "fc"}), item("done", 0, function_call("{}")), ended())
    )
    assert [type(e) for e in found[1:4]] == [ToolStart, ToolArguments, ToolEnd]


def test_a_refusal_a_citation_and_a_vendors_own_item_are_handed_on() -> None:
    note = {"type": "url_citation", "url": "https://x.example", "title": "X", "start_index": 0}
    told = message("See X.")
    told["content"][0]["annotations"] = [note]
    search = {"type": "web_search_call", "id": "ws_1", "status": "completed"}
    refusal = {"type": "message", "content": [{"type": "refusal", "refusal": "No."}]}
    items = [search, told, refusal]
    found = whole(output=items)
    kinds = (ServerEventItem, TextDelta, Annotation, RefusalDelta)
    assert [type(e) for e in found if isinstance(e, kinds)] == list(kinds)


@pytest.mark.parametrize(
    ("reason", "finish"),
    [("max_output_tokens", "length"), ("content_filter", "content_filter"), (None, "length")],
)
def test_an_incomplete_answer_says_why(reason: str | None, finish: str) -> None:
    details = None if reason is None else {"reason": reason}
    found = events(
        sse(began(), delta("output_text", 0, "Hi"), ended("incomplete", incomplete_details=details))
    )
    assert [e.reason for e in found if isinstance(e, Finish)] == [finish]


@pytest.mark.parametrize(
    ("last", "error_class"),
    [
        (
            ended("failed", error={"code": "rate_limit_exceeded", "message": "Slow down."}),
            ErrorClass.RATE_LIMITED,
        ),
        (
            {"type": "error", "code": "server_error", "message": "Oops.", "param": None},
            ErrorClass.SERVER_ERROR,
        ),
        (
            {
                "type": "error",
                "error": {
                    "type": "invalid_request_error",
                    "code": "context_length_exceeded",
                    "message": "Too long.",
                },
            },
            ErrorClass.CONTEXT_EXCEEDED,
        ),
    ],
)
def test_trouble_within_the_stream_has_a_class(last: Json, error_class: ErrorClass) -> None:
    error = failure(events(sse(began(), delta("output_text", 0, "Hi"), last)))
    assert error.error_class is error_class
    assert error.detail


def test_a_failed_answer_tells_what_it_used() -> None:
    found = events(sse(began(), ended("failed", error={"code": "server_error", "message": "x"})))
    assert [type(e) for e in found] == [Start, UsageReport, Failure]


@pytest.mark.parametrize("tail", [b"", b"data: [DONE]\n\n", b'data: {"type":"response.new"}\n\n'])
def test_a_stream_without_its_last_event_is_cut(tail: bytes) -> None:
    cut = TEXT[: TEXT.index(b"event: response.completed")]
    assert failure(events(cut + tail)).error_class is ErrorClass.TRUNCATED


@pytest.mark.parametrize("status", ["queued", "in_progress"])
def test_an_answer_that_is_not_finished_is_no_answer(status: str) -> None:
    assert failure(whole(status=status)).error_class is ErrorClass.MALFORMED


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"{}",
        b'{"output": 7}',
        b'{"output":[{"type":"function_call"}]}',
        b"{" * 2000,
        b'{"error":{"message":"x","code":"server_error"}}',
    ],
)
def test_a_body_of_another_shape_is_a_failure(body: bytes) -> None:
    failure(list(WIRE.reply(body, ENDPOINT, provider())))


@pytest.mark.parametrize(
    "event",
    [
        b"data: nonsense\n\n",
        b"data: []\n\n",
        b'data: {"type":"response.output_item.added","item":7}\n\n',
        b'data: {"type":"response.output_item.done","output_index":0,"item":{"type":"function_call"}}\n\n',
    ],
)
def test_an_event_of_another_shape_is_malformed(event: bytes) -> None:
    assert failure(events(sse(began()) + event)).error_class is ErrorClass.MALFORMED


def test_more_items_than_can_be_meant_end_the_stream() -> None:
    many = b"".join(
        b'data: {"type":"response.output_text.delta","output_index":%d,"delta":"x"}\n\n' % n
        for n in range(10_001)
    )
    assert failure(events(many)).error_class is ErrorClass.MALFORMED


def test_a_phase_and_log_probabilities_are_kept_for_callers_of_this_shape() -> None:
    probable = [{"token": "Hi", "logprob": -0.1, "top_logprobs": [], "bytes": [72]}]
    found = events(
        sse(
            began(),
            item("added", 0, message(phase="commentary")),
            delta("output_text", 0, "Hi", logprobs=probable),
            ended(),
        )
    )
    asides = [e for e in found if isinstance(e, Aside)]
    assert [name for e in asides for name in e.delta] == ["phase", "logprobs"]
