"""Answers of Google's wire, streamed and whole, as events."""

from __future__ import annotations

import json
from typing import Any

import pytest

from gemini_wire import (
    GOOGLE,
    WIRE,
    bent,
    candidate,
    endpoint,
    failure,
    function,
    of,
    replied,
    response,
    sse,
    streamed,
    text,
)
from opengateway.domain.errors import ErrorClass
from opengateway.domain.events import (
    Annotation,
    End,
    Finish,
    ImageOut,
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


def test_a_stream_gives_its_text_then_its_finish_and_its_end_when_it_closes() -> None:
    parser = WIRE.parser(endpoint(), GOOGLE)
    events = parser.feed(sse(response(text("Hel")), response(text("lo"), finish="STOP")))
    assert [type(e) for e in events] == [Start, TextDelta, UsageReport, TextDelta]
    assert events[0] == Start("resp-1")
    assert parser.end() == [Finish("stop", "STOP"), End()]
    assert parser.end() == []
    assert parser.feed(sse(response(text("more")))) == []


def test_a_whole_answer_gives_the_events_of_its_stream() -> None:
    parts = (text("Think.", thought=True), text("Hi"), function("f", {"a": 1}, sealed="S"))
    assert replied(response(*parts, finish="STOP")) == streamed(response(*parts, finish="STOP"))


def test_thoughts_and_text_are_blocks_in_turn() -> None:
    events = streamed(
        response(text("a", thought=True)),
        response(text("b", thought=True)),
        response(text("c"), text("d")),
        response(text("e", thought=True), finish="STOP"),
    )
    said = [
        (type(e).__name__, e.text, e.block)
        for e in events
        if isinstance(e, (TextDelta, ReasoningDelta))
    ]
    assert said == [
        ("ReasoningDelta", "a", 0),
        ("ReasoningDelta", "b", 0),
        ("TextDelta", "c", 1),
        ("TextDelta", "d", 1),
        ("ReasoningDelta", "e", 2),
    ]


def test_e17_a_signature_is_bound_to_its_call_and_comes_before_it() -> None:
    events = streamed(
        response(
            function("f", {"city": "Seoul"}, sealed="SIG+/=", id="c1"), function("g", id="c2")
        ),
        response(text(""), finish="STOP"),
    )
    assert of(events, ReasoningSeal) == [ReasoningSeal("google", 0, 0, "SIG+/=", call_id="c1")]
    assert of(events, ToolStart) == [ToolStart(0, "c1", "f", 1), ToolStart(1, "c2", "g", 2)]
    assert events.index(of(events, ReasoningSeal)[0]) < events.index(of(events, ToolStart)[0])


def test_a_signature_of_a_text_or_of_nothing_is_a_block_of_its_own() -> None:
    events = streamed(
        response(text("4", thoughtSignature="A")),
        response(text("", thoughtSignature="B")),
        response({"thoughtSignature": "C"}, finish="STOP"),
    )
    seals = [(s.signature, s.block, s.call_id) for s in of(events, ReasoningSeal)]
    assert seals == [("A", 1, None), ("B", 2, None), ("C", 3, None)]


def test_a_signature_of_a_thought_closes_the_block_of_that_thought() -> None:
    events = streamed(
        response(text("hm", thought=True, thoughtSignature="A")),
        response(text("so", thought=True), finish="STOP"),
    )
    assert of(events, ReasoningSeal) == [ReasoningSeal("google", 0, 0, "A")]
    assert [d.block for d in of(events, ReasoningDelta)] == [0, 1]


def test_e1_parallel_calls_have_slots_of_their_own_and_whole_arguments() -> None:
    events = streamed(
        response(function("f", {"x": [1, 2.5, "é"]}), function("f", {"x": [1, 2.5, "é"]})),
        response(function("g", None), finish="STOP"),
    )
    starts = of(events, ToolStart)
    assert [(s.slot, s.name) for s in starts] == [(0, "f"), (1, "f"), (2, "g")]
    assert [a.text for a in of(events, ToolArguments)] == ['{"x":[1,2.5,"é"]}'] * 2 + ["{}"]
    assert [e.slot for e in of(events, ToolEnd)] == [0, 1, 2]


def test_e3_calls_without_an_id_get_one_that_is_theirs_and_the_same_each_time() -> None:
    chunks = [response(function("f", {}), function("f", {})), response(finish="STOP")]
    first, again = ([s.id for s in of(streamed(*chunks), ToolStart)] for _ in range(2))
    assert first == again
    assert len(set(first)) == 2
    assert all(i.startswith("call_") and len(i) == 29 for i in first)
    other = response(function("f", {}), finish="STOP", responseId="resp-2")
    assert of(streamed(other), ToolStart)[0].id not in first


def test_an_id_that_came_twice_is_made_anew() -> None:
    events = streamed(response(function("f", id="x"), function("g", id="x"), finish="STOP"))
    assert len({s.id for s in of(events, ToolStart)}) == 2


def test_e23_stop_in_a_later_chunk_than_the_call_is_a_tool_call_all_the_same() -> None:
    events = streamed(
        response(function("f", {})), response(text("")), response(text(""), finish="STOP")
    )
    assert of(events, Finish) == [Finish("tool_calls", "STOP")]


def test_e23_what_comes_after_a_finish_reason_is_still_read() -> None:
    events = streamed(
        response(text("a"), finish="STOP"),
        response(function("f", {})),
        {"usageMetadata": {"promptTokenCount": 20, "candidatesTokenCount": 1}},
    )
    assert of(events, Finish) == [Finish("tool_calls", "STOP")]
    assert of(events, UsageReport)[-1].usage.input_tokens == 20
    assert events[-1] == End()


@pytest.mark.parametrize(
    "native",
    [
        "MALFORMED_FUNCTION_CALL",
        "UNEXPECTED_TOOL_CALL",
        "TOO_MANY_TOOL_CALLS",
        "MISSING_THOUGHT_SIGNATURE",
        "MALFORMED_RESPONSE",
    ],
)
def test_e24_a_failed_call_is_never_a_stop(native: str) -> None:
    answer = response(text("so "), finish=native, finishMessage="print(default_api.f(")
    for events in (streamed(answer), replied(answer)):
        error = failure(events)
        assert error.error_class is ErrorClass.TOOL_CALL_FAILED
        assert error.upstream_code == native
        assert error.detail == "print(default_api.f("
        assert not of(events, Finish)
        assert of(events, UsageReport)


@pytest.mark.parametrize(
    ("native", "reason"),
    [
        ("STOP", "stop"),
        ("MAX_TOKENS", "length"),
        ("SAFETY", "content_filter"),
        ("RECITATION", "content_filter"),
        ("BLOCKLIST", "content_filter"),
        ("PROHIBITED_CONTENT", "content_filter"),
        ("SPII", "content_filter"),
        ("IMAGE_SAFETY", "content_filter"),
        ("LANGUAGE", "content_filter"),
        ("SOMETHING_NEW", "stop"),
    ],
)
def test_each_finish_reason_has_its_word(native: str, reason: str) -> None:
    events = replied(response(text("x"), finish=native))
    assert of(events, Finish)[0].reason == reason
    assert of(events, Finish)[0].native == native


def test_calls_that_were_cut_or_filtered_stay_so() -> None:
    for native, reason in (("MAX_TOKENS", "length"), ("SAFETY", "content_filter")):
        events = replied(response(function("f", {}), finish=native))
        assert of(events, Finish)[0].reason == reason


def test_trouble_without_a_name_of_its_own_is_trouble() -> None:
    assert failure(replied(response(finish="OTHER"))).error_class is ErrorClass.SERVER_ERROR
    assert failure(replied(response(finish="NEWS"))).error_class is ErrorClass.MALFORMED


def test_a_profile_may_say_what_a_word_means() -> None:
    vendor = bent(finish_map={"OTHER": "stop", "STOP": "error:overloaded"})
    assert of(replied(response(finish="OTHER"), vendor=vendor), Finish)[0].reason == "stop"
    error = failure(replied(response(finish="STOP"), vendor=vendor))
    assert error.error_class is ErrorClass.OVERLOADED


def test_a_filtered_answer_says_why() -> None:
    answer = response(finish="SAFETY", finishMessage="Blocked for safety.")
    assert of(replied(answer), Finish)[0].message == "Blocked for safety."
    answer = response(
        function("f"), finish="STOP", finishMessage="Model generated function call(s)."
    )
    assert of(replied(answer), Finish)[0].message is None


def test_a_blocked_prompt_is_the_requests_fault() -> None:
    body = {
        "promptFeedback": {"blockReason": "PROHIBITED_CONTENT", "blockReasonMessage": "no"},
        "usageMetadata": {"promptTokenCount": 8},
    }
    for events in (replied(body), streamed(body)):
        error = failure(events)
        assert error.error_class is ErrorClass.CONTENT_FILTER
        assert (error.upstream_code, error.detail) == ("PROHIBITED_CONTENT", "no")


@pytest.mark.parametrize(
    ("reason", "native"), [("SAFETY", "SAFETY"), ("JAILBREAK", "PROHIBITED_CONTENT")]
)
def test_a_block_after_the_answer_has_begun_ends_it(reason: str, native: str) -> None:
    events = streamed(response(text("a")), {"promptFeedback": {"blockReason": reason}})
    assert of(events, Finish) == [Finish("content_filter", native)]


@pytest.mark.parametrize("events", [[], [response(text("a"))], [{"usageMetadata": {}}]])
def test_e5_a_stream_that_closes_without_a_finish_reason_was_cut(events: list[Any]) -> None:
    assert failure(streamed(*events)).error_class is ErrorClass.TRUNCATED


def test_a_stream_whose_candidates_did_not_all_finish_was_cut() -> None:
    both = {"candidates": [candidate(text("a"), finish="STOP"), candidate(text("b"), index=1)]}
    assert failure(streamed(both)).error_class is ErrorClass.TRUNCATED
    later = {"candidates": [candidate(finish="MAX_TOKENS", index=1)]}
    finishes = of(streamed(both, later), Finish)
    assert [(f.choice, f.reason) for f in finishes] == [(0, "stop"), (1, "length")]


def test_a_stream_that_is_cut_within_what_follows_its_finish_was_cut() -> None:
    data = sse(response(text("a"), finish="STOP")) + b'data: {"usage'
    assert failure(streamed(data)).error_class is ErrorClass.TRUNCATED


def test_an_unspecified_finish_reason_says_nothing() -> None:
    answer = response(text("a"), finish="FINISH_REASON_UNSPECIFIED")
    assert failure(streamed(answer)).error_class is ErrorClass.TRUNCATED


def test_e11_an_error_within_a_stream_is_told_as_what_it_is() -> None:
    error = {"error": {"code": 503, "message": "The model is overloaded.", "status": "UNAVAILABLE"}}
    for told in (error, [error]):
        found = failure(streamed(response(text("a")), told))
        assert found.error_class is ErrorClass.OVERLOADED
        assert (found.upstream_status, found.detail) == (503, "The model is overloaded.")


def test_e12_an_error_with_status_200_and_no_events_is_told_as_what_it_is() -> None:
    error = {"error": {"code": 429, "message": "slow down", "status": "RESOURCE_EXHAUSTED"}}
    body = json.dumps([error], indent=2).encode()
    parser = WIRE.parser(endpoint(), GOOGLE)
    events = [e for at in range(len(body)) for e in parser.feed(body[at : at + 1])]
    assert events == []
    assert failure(parser.end()).error_class is ErrorClass.RATE_LIMITED
    assert failure(replied(body)).error_class is ErrorClass.RATE_LIMITED


def test_the_array_that_a_stream_without_sse_is_can_be_read() -> None:
    body = json.dumps([response(text("a")), response(text("b"), finish="STOP")]).encode()
    for events in (streamed(body), replied(body)):
        assert "".join(d.text for d in of(events, TextDelta)) == "ab"
        assert events[-1] == End()


@pytest.mark.parametrize(
    "body", [b"", b"null", b"[]", b"{}", b"<html>", b'"x"', b"[1]", b"{" * 9999]
)
def test_what_is_no_answer_is_malformed(body: bytes) -> None:
    assert failure(replied(body)).error_class is ErrorClass.MALFORMED


def test_images_come_out_and_other_things_ride_along_unread() -> None:
    code = {
        "executableCode": {"language": "PYTHON", "code": "1+1", "id": "e"},
        "thoughtSignature": "S",
    }
    result = {"codeExecutionResult": {"outcome": "OUTCOME_OK", "output": "2\n"}}
    picture = {"inlineData": {"mimeType": "image/png", "data": "iVBO"}}
    sound = {"inlineData": {"mimeType": "audio/wav", "data": "UklG"}}
    events = replied(response(code, result, picture, sound, finish="STOP"))
    assert of(events, ImageOut) == [ImageOut("iVBO", "image/png")]
    raws = [json.loads(bytes(item.raw)) for item in of(events, ServerEventItem)]
    assert raws == [code, result, sound]


def test_grounding_becomes_citations_counted_in_characters() -> None:
    said = "한국의 수도는 서울이다. End."
    passage = "서울이다."
    start = len(said[: said.index(passage)].encode())
    grounding = {
        "groundingChunks": [
            {"web": {"uri": "https://a.example", "title": "A"}},
            {"web": {"uri": "https://b.example"}},
            {"retrievedContext": {"uri": "gs://c", "title": "C"}},
            {"web": {}},
        ],
        "groundingSupports": [
            {
                "segment": {
                    "startIndex": start,
                    "endIndex": start + len(passage.encode()),
                    "text": passage,
                },
                "groundingChunkIndices": [0, 3, 7, "x"],
            },
            {
                "segment": {"startIndex": 0, "endIndex": 3, "text": "End."},
                "groundingChunkIndices": [1],
            },
            {"segment": {"endIndex": 9999}, "groundingChunkIndices": [1]},
        ],
    }
    events = streamed(
        response(text(said[:5])),
        response(text(said[5:]), finish="STOP", groundingMetadata=grounding),
    )
    at, end = said.index(passage), said.index(passage) + len(passage)
    assert of(events, Annotation) == [
        Annotation("https://a.example", "A", at, end),
        Annotation("https://b.example", None, said.index("End."), len(said)),
        Annotation("https://b.example"),
        Annotation("gs://c", "C"),
    ]
    assert [type(e) for e in events[-2:]] == [Finish, End]


@pytest.mark.parametrize(
    "noise",
    [
        {"candidates": 5},
        {
            "candidates": [
                None,
                "x",
                {"index": "a"},
                {"index": -1},
                {"index": 1 << 70},
                {"content": []},
            ]
        },
        {
            "candidates": [
                {"content": {"parts": [None, 1, {}, {"text": None}, {"functionCall": {}}]}}
            ]
        },
        {"usageMetadata": [1], "promptFeedback": {"blockReason": ""}},
    ],
)
def test_noise_between_does_no_harm(noise: Any) -> None:
    events = streamed(response(text("a")), noise, response(text("b"), finish="STOP"))
    assert "".join(d.text for d in of(events, TextDelta)) == "ab"
    assert events[-1] == End()
