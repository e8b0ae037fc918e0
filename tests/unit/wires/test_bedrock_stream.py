"""Bedrock's answers, streamed and whole: every block, every ending, every kind of trouble."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from anthropic_wire import calls_of, failure_of, finish_of, of, text_of, usage_of
from bedrock_wire import (
    BEGAN,
    CLAUDE,
    NOVA,
    PROVIDER,
    WIRE,
    delta,
    ended,
    event,
    exception,
    replied,
    started,
    stopped,
    streamed,
)
from opengateway.checks.replay_converse import bedrock_endpoint
from opengateway.domain.errors import ErrorClass
from opengateway.domain.events import (
    Annotation,
    End,
    Event,
    ReasoningDelta,
    ReasoningSeal,
    ServerEventItem,
    TextDelta,
    ToolEnd,
)
from opengateway.domain.model_rules import ModelRule
from opengateway.domain.usage import Dimension
from opengateway.kit.event_stream import encode
from opengateway.wires.bedrock.answer import Answer

SEALED = base64.b64encode(b"secret").decode()


def test_text_has_no_start_and_ends_with_its_usage() -> None:
    events = streamed(
        BEGAN, delta(text="Hel"), delta(text=""), delta(text="lo"), stopped(), ended()
    )
    assert text_of(events) == "Hello"
    assert (finish_of(events).reason, finish_of(events).native) == ("stop", "end_turn")
    assert isinstance(events[-1], End)
    assert usage_of(events).quantities == {Dimension.INPUT: 10, Dimension.OUTPUT: 5}


def test_cached_input_is_no_part_of_input_and_an_hour_is_told_apart() -> None:
    details = [{"ttl": "1h", "inputTokens": 30}, {"ttl": "5m", "inputTokens": 10}]
    events = streamed(
        BEGAN,
        delta(text="x"),
        ended(cacheReadInputTokens=7, cacheWriteInputTokens=40, cacheDetails=details),
    )
    assert usage_of(events).quantities == {
        Dimension.INPUT: 10,
        Dimension.CACHE_READ: 7,
        Dimension.CACHE_WRITE: 10,
        Dimension.CACHE_WRITE_1H: 30,
        Dimension.OUTPUT: 5,
    }


@pytest.mark.parametrize(
    "usage",
    [{"inputTokens": -1}, {"outputTokens": "5"}, {"inputTokens": True, "outputTokens": None}],
)
def test_counts_that_are_none_are_not_counted(usage: dict[str, Any]) -> None:
    events = streamed(BEGAN, delta(text="x"), ended(**usage))
    assert all(count >= 0 for count in usage_of(events).quantities.values())
    assert isinstance(events[-1], End)


def test_calls_come_in_order_with_ids_of_their_own_and_whole_arguments() -> None:
    events = streamed(
        BEGAN,
        started(1, toolUseId="a", name="f"),
        delta(1, toolUse={"input": '{"x":'}),
        delta(1, toolUse={"input": "1}"}),
        stopped(1),
        started(2, toolUseId="a", name="g"),
        stopped(2),
        ended("tool_use"),
    )
    (first, second) = calls_of(events)
    assert first == ("a", "f", '{"x":1}')
    assert second[0].startswith("tooluse_")
    assert second[1:] == ("g", "")
    assert len(of(events, ToolEnd)) == 2
    assert finish_of(events).reason == "tool_calls"


def test_thoughts_keep_their_signature_and_sealed_ones_their_content() -> None:
    events = streamed(
        BEGAN,
        delta(reasoningContent={"text": "hm"}),
        delta(reasoningContent={"signature": "s1"}),
        delta(reasoningContent={"signature": "s2"}),
        stopped(),
        delta(1, reasoningContent={"redactedContent": SEALED}),
        stopped(1),
        delta(2, text="x"),
        ended(),
    )
    assert [e.text for e in of(events, ReasoningDelta)] == ["hm"]
    assert of(events, ReasoningSeal) == [
        ReasoningSeal("anthropic", 0, signature="s1s2"),
        ReasoningSeal("anthropic", 1, encrypted="secret"),
    ]
    whole = replied(
        {"reasoningContent": {"reasoningText": {"text": "hm", "signature": "s"}}},
        {"reasoningContent": {"redactedContent": SEALED}},
        {"text": "x"},
    )
    assert [s.signature or s.encrypted for s in of(whole, ReasoningSeal)] == ["s", "secret"]


def test_a_seal_is_its_maker_s() -> None:
    thought = {"reasoningContent": {"reasoningText": {"text": "hm", "signature": "s"}}}
    (seal,) = of(replied(thought, {"text": "x"}, model=NOVA), ReasoningSeal)
    assert seal.origin == "amazon"


def test_blocks_of_the_service_s_own_tools_are_handed_on_unread() -> None:
    use = {"toolUseId": "s", "name": "nova_code_interpreter", "type": "server_tool_use"}
    events = streamed(
        BEGAN,
        started(0, **use),
        delta(0, toolUse={"input": '{"a":1}'}),
        stopped(0),
        delta(1, toolResult=[{"json": {"out": 1}}]),
        stopped(1),
        delta(2, text="x"),
        ended(),
        model=NOVA,
    )
    blocks = [json.loads(bytes(item.raw)) for item in of(events, ServerEventItem)]
    assert blocks == [
        {"toolUse": {**use, "input": {"a": 1}}},
        {"toolResult": {"content": [{"json": {"out": 1}}]}},
    ]
    assert not calls_of(events)


def test_the_call_that_stands_for_the_answer_is_its_text() -> None:
    name = "opengateway_json_answer"
    events = streamed(
        BEGAN,
        started(0, toolUseId="a", name=name),
        delta(0, toolUse={"input": '{"a":1}'}),
        stopped(0),
        ended("tool_use"),
    )
    assert (text_of(events), finish_of(events).reason) == ('{"a":1}', "stop")
    use = {"toolUseId": "a", "name": name, "input": {"a": 1}}
    whole = replied({"toolUse": use}, reason="tool_use")
    assert (text_of(whole), finish_of(whole).reason) == ('{"a":1}', "stop")


@pytest.mark.parametrize(
    ("native", "reason"),
    [
        ("end_turn", "stop"),
        ("stop_sequence", "stop"),
        ("max_tokens", "length"),
        ("model_context_window_exceeded", "length"),
        ("guardrail_intervened", "content_filter"),
        ("content_filtered", "content_filter"),
        ("one_of_tomorrow", "stop"),
    ],
)
def test_each_stop_reason_has_a_finish(native: str, reason: str) -> None:
    assert finish_of(streamed(BEGAN, delta(text="x"), ended(native))).reason == reason
    assert finish_of(replied({"text": "x"}, reason=native)).reason == reason


@pytest.mark.parametrize(
    ("native", "error_class"),
    [
        ("malformed_model_output", ErrorClass.SERVER_ERROR),
        ("malformed_tool_use", ErrorClass.TOOL_CALL_FAILED),
    ],
)
def test_a_model_that_gave_up_is_a_failure(native: str, error_class: ErrorClass) -> None:
    error = failure_of(streamed(BEGAN, delta(text="x"), ended(native)))
    assert (error.error_class, error.upstream_code) == (error_class, native)


# --- endings ----------------------------------------------------------------------------------------
def test_an_answer_whose_usage_never_comes_is_whole() -> None:
    events = streamed(BEGAN, delta(text="x"), event("messageStop", stopReason="end_turn"))
    assert isinstance(events[-1], End)


def test_a_stream_that_ends_within_a_frame_was_cut_even_behind_the_stop() -> None:
    stop = event("messageStop", stopReason="end_turn")
    error = failure_of(streamed(BEGAN, delta(text="x"), stop, event("metadata", usage={})[:-1]))
    assert error.error_class is ErrorClass.TRUNCATED


@pytest.mark.parametrize(
    "frames",
    [
        (),
        (BEGAN,),
        (BEGAN, delta(text="x")),
        (BEGAN, delta(text="x"), stopped()),
        (BEGAN, event("metadata", usage={})),
    ],
)
def test_without_its_stop_a_stream_was_cut(frames: tuple[bytes, ...]) -> None:
    assert failure_of(streamed(*frames)).error_class is ErrorClass.TRUNCATED


@pytest.mark.parametrize(
    "bad",
    [
        b"\xff" * 40,
        b"data: {}\n\n" * 3,
        encode({":event-type": "contentBlockDelta", ":message-type": "event"}, b"{"),
        encode({":event-type": "contentBlockDelta", ":message-type": "event"}, b"[]"),
        event("contentBlockDelta", delta={"text": "x"}),
        event("contentBlockDelta", contentBlockIndex=True, delta={"text": "x"}),
        event("contentBlockDelta", contentBlockIndex=0, delta=1),
        delta(3, toolUse={"input": "x"}),
        started(0, toolUseId="a"),
        event("messageStop"),
    ],
)
def test_what_is_no_stream_is_malformed(bad: bytes) -> None:
    error = failure_of(streamed(BEGAN, delta(text="x"), bad, ended()))
    assert error.error_class is ErrorClass.MALFORMED


def test_events_that_nobody_knows_are_passed_over() -> None:
    events = streamed(BEGAN, event("tomorrow", a=1), delta(text="x"), delta(9, tomorrow=1), ended())
    assert text_of(events) == "x"
    assert isinstance(events[-1], End)


@pytest.mark.parametrize(
    "body",
    [b"", b"{}", b"[]", b"null", b'{"output":{"message":{}}}', b'{"output":{"message":{"content":[1]}}}',
     b'{"output":{"message":{"content":[{"text":"x"}]}}}'],
)  # fmt: skip
def test_a_whole_answer_of_another_shape_is_malformed(body: bytes) -> None:
    error = failure_of(list(WIRE.reply(body, bedrock_endpoint(CLAUDE), PROVIDER)))
    assert error.error_class is ErrorClass.MALFORMED


# --- trouble ----------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("name", "payload", "error_class"),
    [
        ("throttlingException", {}, ErrorClass.RATE_LIMITED),
        ("serviceUnavailableException", {}, ErrorClass.OVERLOADED),
        ("internalServerException", {}, ErrorClass.SERVER_ERROR),
        ("modelTimeoutException", {}, ErrorClass.SERVER_ERROR),
        ("modelStreamErrorException", {"originalStatusCode": 503}, ErrorClass.SERVER_ERROR),
        ("validationException", {}, ErrorClass.BAD_REQUEST),
        ("exceptionOfTomorrow", {}, ErrorClass.SERVER_ERROR),
    ],
)
def test_an_exception_within_a_stream_is_a_failure_of_its_class(
    name: str, payload: dict[str, Any], error_class: ErrorClass
) -> None:
    error = failure_of(streamed(BEGAN, delta(text="x"), exception(name, "told", **payload)))
    assert (error.error_class, error.detail) == (error_class, "told")
    assert error.upstream_code == name


def test_an_error_in_place_of_an_event_is_read_from_its_headers() -> None:
    headers = {":message-type": "error", ":error-code": "InternalError", ":error-message": "oh"}
    error = failure_of(streamed(BEGAN, encode(headers, b"")))
    assert (error.error_class, error.detail) == (ErrorClass.SERVER_ERROR, "oh")


CODES: list[tuple[int, str, str, ErrorClass]] = [
    (400, "ValidationException", "Input is too long for requested model.", ErrorClass.CONTEXT_EXCEEDED),
    (400, "ValidationException", "prompt is too long: 1 tokens > 0 maximum", ErrorClass.CONTEXT_EXCEEDED),
    (400, "ValidationException", "The provided model identifier is invalid.", ErrorClass.MODEL_GONE),
    (400, "ValidationException", "Invocation of model ID x with on-demand throughput isn’t supported.",
     ErrorClass.MODEL_GONE),
    (400, "ValidationException", "The text field is blank.", ErrorClass.BAD_REQUEST),
    (400, "ValidationException", "Output blocked by content filtering policy", ErrorClass.CONTENT_FILTER),
    (400, "ServiceQuotaExceededException", "Too much.", ErrorClass.QUOTA),
    (403, "AccessDeniedException", "You don't have access to the model.", ErrorClass.AUTH),
    (403, "ExpiredTokenException", "The security token is expired", ErrorClass.AUTH),
    (403, "UnrecognizedClientException", "The security token is invalid.", ErrorClass.AUTH),
    (404, "ResourceNotFoundException", "Could not resolve the model.", ErrorClass.MODEL_GONE),
    (404, "ResourceNotFoundException", "This model version has reached the end of its life.",
     ErrorClass.MODEL_GONE),
    (408, "ModelTimeoutException", "Too slow.", ErrorClass.SERVER_ERROR),
    (424, "ModelErrorException", "Failed.", ErrorClass.SERVER_ERROR),
    (429, "ThrottlingException", "Too many tokens, please wait.", ErrorClass.RATE_LIMITED),
    (429, "ModelNotReadyException", "Not ready.", ErrorClass.OVERLOADED),
    (500, "InternalServerException", "Oh.", ErrorClass.SERVER_ERROR),
    (503, "ServiceUnavailableException", "At capacity.", ErrorClass.OVERLOADED),
    (400, "", "what", ErrorClass.BAD_REQUEST),
    (502, "", "what", ErrorClass.SERVER_ERROR),
    (429, "", "what", ErrorClass.RATE_LIMITED),
]  # fmt: skip


@pytest.mark.parametrize(("status", "name", "message", "error_class"), CODES)
def test_each_documented_error_has_its_class(
    status: int, name: str, message: str, error_class: ErrorClass
) -> None:
    headers = {"x-amzn-errortype": f"{name}:http://internal.amazon.com/coral/"} if name else {}
    for member in ("message", "Message"):
        body = json.dumps({member: message}).encode()
        error = WIRE.error(status, headers, body, PROVIDER)
        assert error.error_class is error_class
        assert (error.upstream_status, error.upstream_code) == (status, name or None)
        assert error.detail == message


def test_an_error_that_is_no_json_or_names_itself_in_its_body_is_read_too() -> None:
    typed = b'{"__type": "com.amazon.coral#ThrottlingException", "message": "x"}'
    assert WIRE.error(400, {}, typed, PROVIDER).error_class is ErrorClass.RATE_LIMITED
    page = WIRE.error(503, {}, b"<html>", PROVIDER)
    assert (page.error_class, page.detail) == (ErrorClass.OVERLOADED, "")
    assert WIRE.error(500, {}, b"[1]", PROVIDER).error_class is ErrorClass.SERVER_ERROR


def test_a_text_with_citations_is_text_and_addresses_are_annotations() -> None:
    web = {"title": "T", "location": {"web": {"url": "https://x", "domain": "x"}}}
    page = {"title": "P", "location": {"documentPage": {"documentIndex": 0}}}
    answer = Answer(ModelRule(prefix=""))
    out: list[Event] = []
    cited = {"content": [{"text": "a"}, {"text": "b"}], "citations": [web, page]}
    answer.whole(0, {"citationsContent": cited}, out)
    answer.delta(1, {"text": "c"}, out)
    answer.delta(1, {"citation": web}, out)
    assert [event for event in out if isinstance(event, TextDelta)] == [
        TextDelta("a", 0),
        TextDelta("b", 0),
        TextDelta("c", 1),
    ]
    notes = [event for event in out if isinstance(event, Annotation)]
    assert notes == [Annotation(url="https://x", title="T")] * 2
