"""Anthropic's events, streamed and whole, to ours (the reference's B.2, E7, E11, E16, E18, E29 on)."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest

from anthropic_wire import (
    BUDGETED,
    PING,
    PROVIDER,
    STOP,
    WIRE,
    asked,
    began,
    call,
    calls_of,
    closed,
    delta,
    ended,
    failure_of,
    finish_of,
    message,
    of,
    opened,
    raw,
    replied,
    sse,
    streamed,
    text_of,
    usage_of,
)
from opengateway.checks.replay_messages import anthropic_endpoint
from opengateway.domain.canonical import OutputFormat
from opengateway.domain.errors import ErrorClass
from opengateway.domain.events import (
    Annotation,
    End,
    Event,
    Failure,
    Finish,
    Ping,
    ReasoningDelta,
    ReasoningSeal,
    ServerEventItem,
    Start,
    TextDelta,
    ToolArguments,
    ToolEnd,
    ToolStart,
    UsageReport,
)
from opengateway.domain.usage import Dimension, Usage

D = Dimension
TEXT = (opened(0), delta(0, "text", text="Hi"), closed(0))


def test_a_stream_of_text_becomes_these_events_and_no_others() -> None:
    events = streamed(began(), PING, *TEXT, ended(), STOP)
    assert events == [
        Start("msg_1", usage=Usage({D.INPUT: 10})),
        Ping(),
        TextDelta("Hi", 0),
        UsageReport(Usage({D.INPUT: 10, D.OUTPUT: 5})),
        Finish("stop", "end_turn"),
        End(),
    ]


def test_a_whole_answer_is_the_same_events() -> None:
    blocks = (
        {"type": "thinking", "thinking": "hm", "signature": "s=="},
        {"type": "redacted_thinking", "data": "xyz"},
        {"type": "text", "text": "Hi"},
        {"type": "tool_use", "id": "t1", "name": "f", "input": {"x": 1}},
        {"type": "server_tool_use", "id": "s1", "name": "web_search", "input": {"query": "q"}},
    )
    whole = replied(message(*blocks, stop_reason="tool_use"))
    parts = (
        opened(0, "thinking"),
        delta(0, "thinking", thinking="hm"),
        delta(0, "signature", signature="s=="),
        closed(0),
        opened(1, "redacted_thinking", data="xyz"),
        closed(1),
        opened(2),
        delta(2, "text", text="Hi"),
        closed(2),
        opened(3, "tool_use", id="t1", name="f", input={}),
        delta(3, "input_json", partial_json='{"x":1}'),
        closed(3),
        opened(4, "server_tool_use", id="s1", name="web_search", input={}),
        delta(4, "input_json", partial_json='{"query":"q"}'),
        closed(4),
    )
    assert whole == streamed(began(), *parts, ended("tool_use"), STOP)
    assert of(whole, ReasoningDelta) == [ReasoningDelta("hm", 0, digest=True)]


def test_e16_e18_each_block_of_thought_is_sealed_by_its_own_signature_or_data() -> None:
    events = streamed(
        began(),
        opened(0, "thinking"), delta(0, "signature", signature="empty=="), closed(0),
        opened(1, "redacted_thinking", data="Enc=="), closed(1),
        opened(2, "thinking"), delta(2, "thinking", thinking="a "),
        delta(2, "thinking", thinking="b"), delta(2, "signature", signature="two=="), closed(2),
        opened(3, "tool_use", id="t", name="f", input={}), closed(3),
        ended("tool_use"), STOP,
    )  # fmt: skip
    assert of(events, ReasoningSeal) == [
        ReasoningSeal("anthropic", 0, signature="empty=="),
        ReasoningSeal("anthropic", 1, encrypted="Enc=="),
        ReasoningSeal("anthropic", 2, signature="two=="),
    ]
    assert [(e.text, e.block) for e in of(events, ReasoningDelta)] == [("a ", 2), ("b", 2)]
    seal = events.index(ReasoningSeal("anthropic", 2, signature="two=="))
    assert seal < events.index(ToolStart(0, "t", "f", 3))


def test_e1_parallel_calls_have_their_own_slots_and_pieces() -> None:
    events = streamed(
        began(),
        *TEXT,
        opened(1, "tool_use", id="a", name="f", input={}),
        delta(1, "input_json", partial_json=""),
        delta(1, "input_json", partial_json='{"x": '),
        delta(1, "input_json", partial_json="1}"),
        closed(1),
        opened(2, "tool_use", id="b", name="g", input={}),
        closed(2),
        opened(3, "tool_use", id="b", name="h", input={"y": 2}),
        closed(3),
        ended("tool_use"),
        STOP,
    )
    first, second, third = calls_of(events)
    assert first == ("a", "f", '{"x": 1}')
    assert second == ("b", "g", "{}")
    assert third[1:] == ("h", '{"y":2}')
    assert third[0] not in ("", "b")
    assert [e.slot for e in of(events, ToolEnd)] == [0, 1, 2]
    assert ToolArguments(0, "") not in events
    assert finish_of(events).reason == "tool_calls"


@pytest.mark.parametrize(
    ("native", "reason"),
    [
        ("end_turn", "stop"),
        ("stop_sequence", "stop"),
        ("pause_turn", "stop"),
        ("of_tomorrow", "stop"),
        ("max_tokens", "length"),
        ("model_context_window_exceeded", "length"),
        ("refusal", "content_filter"),
    ],
)
def test_each_stop_reason_has_its_finish(native: str, reason: str) -> None:
    for events in (
        streamed(began(), *TEXT, ended(native), STOP),
        replied(message({"type": "text", "text": "Hi"}, stop_reason=native)),
    ):
        assert finish_of(events) == Finish(reason, native)  # type: ignore[arg-type]
        assert isinstance(events[-1], End)


def test_a_refusal_says_why() -> None:
    details = {"type": "refusal", "category": "cyber", "explanation": "No."}
    events = streamed(began(), *TEXT, ended("refusal", stop_details=details), STOP)
    assert finish_of(events) == Finish("content_filter", "refusal", message="No.", category="cyber")
    whole = replied(message(stop_reason="refusal", stop_details=details))
    assert finish_of(whole).message == "No."
    assert finish_of(replied(message(stop_reason="end_turn", stop_details=details))).message is None


# --- ends that are none ----------------------------------------------------------------------------
def test_e7_without_message_stop_a_stream_is_cut_and_shows_no_finish() -> None:
    events = streamed(began(), *TEXT, ended())
    assert failure_of(events).error_class is ErrorClass.TRUNCATED
    assert not of(events, Finish)
    assert usage_of(events).output_tokens == 5


def test_e5_message_stop_without_a_stop_reason_is_no_end() -> None:
    events = streamed(began(), *TEXT, ended(None), STOP)
    assert failure_of(events).error_class is ErrorClass.MALFORMED
    assert not of(events, Finish | End)  # type: ignore[arg-type]


def test_nothing_comes_after_the_end() -> None:
    data = sse(began(), *TEXT, ended(), STOP)
    parser = WIRE.parser(anthropic_endpoint(BUDGETED), PROVIDER)
    assert isinstance(parser.feed(data)[-1], End)
    assert parser.feed(sse(began(), *TEXT, ended(), STOP)) == []
    assert parser.end() == []
    assert streamed(data, began(), {"type": "error", "error": {"type": "x", "message": "m"}}) == (
        streamed(data)
    )


@pytest.mark.parametrize(
    ("kind", "error_class"),
    [
        ("overloaded_error", ErrorClass.OVERLOADED),
        ("api_error", ErrorClass.SERVER_ERROR),
        ("rate_limit_error", ErrorClass.RATE_LIMITED),
        ("authentication_error", ErrorClass.AUTH),
        ("permission_error", ErrorClass.AUTH),
        ("not_found_error", ErrorClass.MODEL_GONE),
        ("invalid_request_error", ErrorClass.BAD_REQUEST),
        ("timeout_error", ErrorClass.SERVER_ERROR),
    ],
)
def test_e11_an_error_within_the_stream_is_a_failure(kind: str, error_class: ErrorClass) -> None:
    told = {"type": "error", "error": {"type": kind, "message": "m"}, "request_id": "req_1"}
    events = streamed(began(), *TEXT, told, ended(), STOP)
    error = failure_of(events)
    assert (error.error_class, error.upstream_code) == (error_class, kind)
    assert error.detail == "m (request_id: req_1)"
    assert not of(events, Finish)


def test_e12_an_error_as_a_whole_answer_is_a_failure() -> None:
    told = {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}
    assert failure_of(replied(told)).error_class is ErrorClass.OVERLOADED


@pytest.mark.parametrize(
    "body",
    [b"", b"null", b"[]", b"{", b'{"content": 1}', b'{"content": [1]}', b'{"content": [{}]}',
     b'{"content": [{"type": "tool_use"}]}', b'{"content": []}', b"\xff", b"[" * 100_000],
)  # fmt: skip
def test_e13_what_is_no_answer_is_a_failure_and_never_an_empty_success(body: bytes) -> None:
    assert failure_of(replied(body)).error_class is ErrorClass.MALFORMED


@pytest.mark.parametrize(
    "broken",
    [
        "data: {",
        "data: []",
        "data: 7",
        began(),
        {"type": "message_start"},
        {"type": "content_block_start", "index": 1},
        {"type": "content_block_start", "content_block": {"type": "text"}},
        {"type": "content_block_start", "index": True, "content_block": {"type": "text"}},
        {"type": "content_block_start", "index": 1, "content_block": {"text": "x"}},
        opened(1, "tool_use", id="x"),
        delta(7, "input_json", partial_json="{}"),
        delta(0, "input_json", partial_json="{}"),
    ],
)
def test_what_breaks_the_shape_is_a_failure(broken: Any) -> None:
    events = streamed(began(), opened(0), broken, ended(), STOP)
    assert failure_of(events).error_class is ErrorClass.MALFORMED


def test_an_event_larger_than_the_bound_is_a_failure() -> None:
    parser = WIRE.parser(anthropic_endpoint(BUDGETED), PROVIDER)
    (failure,) = parser.feed(b"data: " + b"x" * (17 * 1024 * 1024))
    assert isinstance(failure, Failure)
    assert parser.feed(sse(STOP)) == []


def test_blocks_without_end_are_bounded() -> None:
    events = streamed(began(), *(opened(n) for n in range(10_001)))
    assert "more than 10000 blocks" in str(failure_of(events))
    piece = "x" * (1 << 20)
    pieces = (delta(0, "input_json", partial_json=piece) for _ in range(17))
    grown = streamed(began(), opened(0, "server_tool_use", id="s", name="n"), *pieces)
    assert "bytes of blocks" in str(failure_of(grown))


# --- what the vendor adds every few months ---------------------------------------------------------
def test_events_and_deltas_that_nobody_knows_are_passed_over() -> None:
    odd = (
        {"type": "of_tomorrow", "index": "x", "delta": 7},
        ": comment",
        "event: x\ndata: ",
        delta(0, "shade", text="no"),
        closed(9),
        'data: {"type":null}',
    )
    plain = streamed(began(), *TEXT, ended(), STOP)
    assert streamed(began(), opened(0), *odd, *TEXT[1:], ended(), STOP) == plain


def test_blocks_of_its_own_tools_are_put_together_and_handed_on_unread() -> None:
    result = {"type": "web_search_tool_result", "tool_use_id": "s", "content": [{"url": "u"}]}
    start = {"type": "content_block_start", "index": 2, "content_block": result}
    events = streamed(
        began(),
        opened(0, "server_tool_use", id="s", name="web_search", input={}),
        delta(0, "input_json", partial_json='{"query"'),
        delta(0, "input_json", partial_json=': "x"}'), closed(0),
        opened(1, "compaction", content=None),
        delta(1, "compaction", content="in "), delta(1, "compaction", content="short"), closed(1),
        start, closed(2),
        opened(3), delta(3, "text", text="so"), closed(3),
        ended(), STOP,
    )  # fmt: skip
    items = of(events, ServerEventItem)
    assert {item.origin for item in items} == {"anthropic"}
    assert [json.loads(bytes(item.raw)) for item in items] == [
        {"type": "server_tool_use", "id": "s", "name": "web_search", "input": {"query": "x"}},
        {"type": "compaction", "content": "in short"},
        result,
    ]
    assert calls_of(events) == []
    assert finish_of(events).reason == "stop"


def test_citations_of_pages_know_their_place_in_the_text() -> None:
    page = {
        "type": "web_search_result_location",
        "url": "https://x.example",
        "title": "X",
        "cited_text": "c",
        "encrypted_index": "e",
    }
    place = {"type": "page_location", "document_index": 0, "start_page_number": 1}
    events = streamed(
        began(),
        opened(0), delta(0, "text", text="Grüße: "), closed(0),
        opened(1, citations=[]), delta(1, "text", text="so"),
        delta(1, "citations", citation=page), delta(1, "citations", citation=place), closed(1),
        ended(), STOP,
    )  # fmt: skip
    first, second = of(events, Annotation)
    assert (first.url, first.title, first.start, first.end) == ("https://x.example", "X", 7, 9)
    assert first.raw is not None
    assert json.loads(bytes(first.raw)) == page
    assert second.url is None
    assert second.raw is not None
    blocks = (
        {"type": "text", "text": "Grüße: "},
        {"type": "text", "text": "so", "citations": [page, place]},
    )
    assert of(replied(message(*blocks)), Annotation) == [first, second]


def test_e34_a_delta_says_itself_what_it_is_of() -> None:
    events = streamed(
        began(),
        delta(0, "text", text="a"),
        opened(1, "thinking"),
        delta(1, "text", text="b"),
        opened(2),
        delta(2, "thinking", thinking="c"),
        delta(2, "text", text=None),
        ended(),
        STOP,
    )
    assert text_of(events) == "ab"
    assert [e.text for e in of(events, ReasoningDelta)] == ["c"]


def test_a_block_that_was_never_closed_is_closed_by_the_next_or_by_the_end() -> None:
    events = streamed(
        began(),
        opened(0, "thinking"), delta(0, "signature", signature="s"),
        opened(0, "tool_use", id="t", name="f", input={}),
        delta(0, "input_json", partial_json="{}"),
        ended("tool_use"), STOP,
    )  # fmt: skip
    kinds = [type(e) for e in events]
    assert kinds.index(ReasoningSeal) < kinds.index(ToolStart) < kinds.index(ToolEnd)
    assert isinstance(events[-1], End)


def test_the_tool_that_stands_for_the_answer_is_the_answers_text() -> None:
    body = call(
        asked(output=OutputFormat("json_schema", schema=raw({"type": "object"}))),
        "claude-3-haiku-20240307",
    ).body
    name = json.loads(body)["tools"][0]["name"]
    events = streamed(
        began(),
        opened(0, "tool_use", id="t", name=name, input={}),
        delta(0, "input_json", partial_json='{"a":'),
        delta(0, "input_json", partial_json="1}"),
        closed(0),
        ended("tool_use"),
        STOP,
    )
    assert text_of(events) == '{"a":1}'
    assert finish_of(events).reason == "stop"
    whole = replied(
        message(
            {"type": "tool_use", "id": "t", "name": name, "input": {"a": 1}}, stop_reason="tool_use"
        )
    )
    assert text_of(whole) == '{"a":1}'
    assert not of(whole, ToolStart)
    cut = {"type": "tool_use", "id": "t", "name": name, "input": {}}
    assert finish_of(replied(message(cut, stop_reason="max_tokens"))).reason == "length"


# --- usage -----------------------------------------------------------------------------------------
SPLIT = {"ephemeral_5m_input_tokens": 30, "ephemeral_1h_input_tokens": 70}
WRITTEN = {
    "cache_read_input_tokens": 1000,
    "cache_creation_input_tokens": 100,
    "cache_creation": SPLIT,
}


def test_e29_e32_the_four_kinds_of_input_are_apart_and_nothing_is_counted_twice() -> None:
    usage = {
        "input_tokens": 10,
        "output_tokens": 50,
        **WRITTEN,
        "output_tokens_details": {"thinking_tokens": 20},
    }
    counted = usage_of(replied(message({"type": "text", "text": "x"}, usage=usage)))
    assert counted.quantities == {
        D.INPUT: 10, D.CACHE_READ: 1000, D.CACHE_WRITE: 30, D.CACHE_WRITE_1H: 70,
        D.OUTPUT: 30, D.REASONING: 20,
    }  # fmt: skip
    assert (counted.input_tokens, counted.output_tokens) == (1110, 50)
    assert not counted.estimated


def test_e31_a_stream_keeps_what_its_start_said_of_the_cache() -> None:
    events = streamed(
        began(**WRITTEN), *TEXT, ended(usage={"output_tokens": 7, "input_tokens": None}), STOP
    )
    (start,) = of(events, Start)
    assert start.usage == Usage(
        {D.INPUT: 10, D.CACHE_READ: 1000, D.CACHE_WRITE: 30, D.CACHE_WRITE_1H: 70}
    )
    assert usage_of(events).quantities == {**start.usage.quantities, D.OUTPUT: 7}


def test_e33_what_the_end_restates_holds_and_a_null_says_nothing() -> None:
    told = {
        "input_tokens": 25,
        "output_tokens": 7,
        "cache_read_input_tokens": 0,
        "cache_creation_input_tokens": None,
    }
    events = streamed(began(**WRITTEN), *TEXT, ended(usage=told), STOP)
    assert usage_of(events).quantities == {
        D.INPUT: 25, D.CACHE_WRITE: 30, D.CACHE_WRITE_1H: 70, D.OUTPUT: 7
    }  # fmt: skip


@pytest.mark.parametrize(
    ("usage", "five", "hour"),
    [
        ({"cache_creation_input_tokens": 100}, 100, 0),
        ({"cache_creation": SPLIT}, 30, 70),
        ({"cache_creation_input_tokens": 120, "cache_creation": SPLIT}, 50, 70),
        ({"cache_creation_input_tokens": 60, "cache_creation": SPLIT}, 0, 60),
        ({"cache_creation_input_tokens": 100, "cache_creation": None}, 100, 0),
    ],
)
def test_e30_writes_to_the_cache_are_split_by_lifetime_and_never_lost(
    usage: dict[str, Any], five: int, hour: int
) -> None:
    told = {"input_tokens": 1, "output_tokens": 1, **usage}
    counted = usage_of(replied(message({"type": "text", "text": "x"}, usage=told)))
    assert counted.of(D.CACHE_WRITE) == five
    assert counted.of(D.CACHE_WRITE_1H) == hour


def test_the_pass_that_compacted_is_billed_too() -> None:
    passes = [
        {
            "type": "compaction",
            "input_tokens": 100,
            "output_tokens": 40,
            "cache_read_input_tokens": 900,
        },
        {"type": "message", "input_tokens": 10, "output_tokens": 5},
        None,
    ]
    usage = {"input_tokens": 10, "output_tokens": 5, "iterations": passes}
    counted = usage_of(replied(message({"type": "text", "text": "x"}, usage=usage)))
    assert counted.quantities == {D.INPUT: 110, D.CACHE_READ: 900, D.OUTPUT: 45}


@pytest.mark.parametrize("odd", [-1, True, "7", 1e300, None, [], 1 << 60])
def test_a_count_that_is_none_is_not_counted(odd: Any) -> None:
    told = {
        "input_tokens": odd,
        "output_tokens": 3,
        "cache_creation": odd,
        "output_tokens_details": odd,
        "iterations": odd,
    }
    events: list[Event] = replied(message({"type": "text", "text": "x"}, usage=told))
    assert usage_of(events).quantities == {D.OUTPUT: 3}


def test_a_vendors_own_finish_can_be_a_failure() -> None:
    profile = msgspec.structs.replace(PROVIDER.profile, finish_map={"boom": "error:overloaded"})
    vendor = msgspec.structs.replace(PROVIDER, profile=profile)
    body = json.dumps(message({"type": "text", "text": "x"}, stop_reason="boom")).encode()
    events = WIRE.reply(body, anthropic_endpoint(BUDGETED), vendor)
    assert failure_of(events).error_class is ErrorClass.OVERLOADED
