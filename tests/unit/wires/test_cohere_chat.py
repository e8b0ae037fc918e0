"""Chats with Cohere's second version: what is sent, and what its answers mean (B.6)."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pytest

from opengateway.checks.replay_cohere import cohere_endpoint, cohere_provider
from opengateway.dialects.openai_chat import ChatRendering, decode
from opengateway.domain.chat import UpstreamCall
from opengateway.domain.errors import ErrorClass, InvalidRequest, UpstreamError
from opengateway.domain.events import (
    Aside,
    End,
    Event,
    Failure,
    Finish,
    ReasoningDelta,
    TextDelta,
    ToolArguments,
    ToolEnd,
    ToolStart,
    UsageReport,
)
from opengateway.domain.usage import Dimension, Usage
from opengateway.gateway.translation import TranslatedWire
from opengateway.wires.cohere import CohereWire

PROVIDER = cohere_provider("cohere")
WIRE = CohereWire()
LANE = TranslatedWire(WIRE, ChatRendering(lambda: 0, lambda prefix: f"{prefix}1"))
TOOL = {"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}
OTHER = {"type": "function", "function": {"name": "g"}}
D = Dimension


def call(model: str = "command-r", **members: Any) -> UpstreamCall:
    members.setdefault("messages", [{"role": "user", "content": "hi"}])
    chat = decode(json.dumps({"model": "cohere/x", **members}).encode(), {})
    return LANE.request(chat, cohere_endpoint(PROVIDER, model), PROVIDER, "team_1")


def sent(model: str = "command-r", **members: Any) -> Any:
    return json.loads(call(model, **members).body)


def refused(**members: Any) -> str | None:
    with pytest.raises(InvalidRequest) as caught:
        call(**members)
    return caught.value.param


def test_members_go_out_under_the_vendor_s_names() -> None:
    body = sent(max_tokens=9, temperature=0.5, top_p=0.9, stop=["x"], seed=3, top_k=5)
    assert body == {
        "model": "command-r",
        "messages": [{"role": "user", "content": "hi"}],
        "stream": False,
        "max_tokens": 9,
        "temperature": 0.5,
        "p": 0.9,
        "k": 5,
        "seed": 3,
        "stop_sequences": ["x"],
    }


def test_what_is_out_of_range_is_clamped_and_told() -> None:
    made = call(temperature=1.7, top_p=1, frequency_penalty=-1, presence_penalty=1, user="u")
    body = json.loads(made.body)
    assert (body["temperature"], body["p"], body["frequency_penalty"]) == (1.0, 0.99, 0.0)
    assert "presence_penalty" not in body, "only one of the two"
    told = {"temperature", "top_p", "frequency_penalty", "presence_penalty", "user"}
    assert set(made.dropped) == told


@pytest.mark.parametrize(
    ("choice", "tools", "word"),
    [
        ("auto", ["f", "g"], None),
        ("none", ["f", "g"], "NONE"),
        ("required", ["f", "g"], "REQUIRED"),
        ({"type": "function", "function": {"name": "g"}}, ["g"], "REQUIRED"),
        (
            {
                "type": "allowed_tools",
                "allowed_tools": {
                    "mode": "auto",
                    "tools": [{"type": "function", "function": {"name": "f"}}],
                },
            },
            ["f"],
            None,
        ),
    ],
)
def test_a_choice_of_tools_is_never_weakened(choice: Any, tools: list[str], word: Any) -> None:
    body = sent(tools=[TOOL, OTHER], tool_choice=choice)
    assert [tool["function"]["name"] for tool in body["tools"]] == tools
    assert body.get("tool_choice") == word


def test_what_cannot_be_done_is_refused_before_it_is_sent() -> None:
    schema = {"type": "json_schema", "json_schema": {"name": "a", "schema": {"type": "object"}}}
    assert refused(n=2) == "n"
    assert refused(logit_bias={"1": 1}) == "logit_bias"
    assert refused(tools=[{"type": "custom", "custom": {"name": "c"}}]) == "tools"
    image = {"type": "input_audio", "input_audio": {"data": "AA==", "format": "wav"}}
    assert refused(messages=[{"role": "user", "content": [image]}]) == "messages"
    assert sent(response_format=schema)["response_format"] == {
        "type": "json_object",
        "json_schema": {"type": "object"},
    }


def test_a_form_beside_tools_is_said_in_words_and_told() -> None:
    schema = {"type": "json_schema", "json_schema": {"name": "a", "schema": {"type": "object"}}}
    body = sent(tools=[TOOL], response_format=schema)
    assert "response_format" not in body
    assert body["messages"][0]["role"] == "system"
    assert '{"type":"object"}' in str(body["messages"][0]["content"]).replace(" ", "")


def test_a_conversation_with_calls_keeps_its_order_and_its_plan() -> None:
    called = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": ""}}
    body = sent(
        tools=[TOOL],
        messages=[
            {"role": "developer", "content": "be brief"},
            {"role": "user", "content": "go"},
            {
                "role": "assistant",
                "content": None,
                "tool_calls": [called],
                "reasoning_content": "I will call f.",
            },
            {"role": "tool", "tool_call_id": "c1", "content": [{"type": "text", "text": "42"}]},
        ],
    )
    assert [message["role"] for message in body["messages"]] == [
        "system",
        "user",
        "assistant",
        "tool",
    ]
    assert body["messages"][2] == {
        "role": "assistant",
        "tool_plan": "I will call f.",
        "tool_calls": [{**called, "function": {"name": "f", "arguments": "{}"}}],
    }
    assert body["messages"][3] == {"role": "tool", "tool_call_id": "c1", "content": "42"}


@pytest.mark.parametrize(
    ("effort", "thinking"),
    [
        (None, None),
        ("none", {"type": "disabled"}),
        ("low", {"type": "enabled", "token_budget": 2048}),
    ],
)
def test_effort_becomes_a_budget_for_models_that_reason(effort: Any, thinking: Any) -> None:
    members = {"reasoning_effort": effort} if effort else {}
    assert sent("command-a-reasoning-08-2025", **members).get("thinking") == thinking
    plain = call("command-r", **members)
    assert "thinking" not in json.loads(plain.body)
    assert plain.dropped == (("reasoning_effort",) if effort == "low" else ())


# --- answers --------------------------------------------------------------------------------------------
def frame(kind: str, delta: Any = None, **more: Any) -> bytes:
    told = {"type": kind, **more} | ({"delta": delta} if delta is not None else {})
    return b"event: %b\ndata: %b\n\n" % (kind.encode(), json.dumps(told).encode())


def text(piece: str) -> bytes:
    return frame("content-delta", {"message": {"content": {"text": piece}}}, index=0)


def ended(reason: str = "COMPLETE", **usage: Any) -> bytes:
    return frame("message-end", {"finish_reason": reason, "usage": usage})


STARTED = frame("message-start", {"message": {"role": "assistant"}}, id="m1")
BILLED: Any = {"billed_units": {"input_tokens": 3, "output_tokens": 2}}
TOKENS: Any = {"tokens": {"input_tokens": 70, "output_tokens": 5}, "cached_tokens": 64}


def streamed(*frames: bytes) -> list[Event]:
    parser = WIRE.parser(cohere_endpoint(PROVIDER, "command-r"), PROVIDER)
    return [*(event for one in frames for event in parser.feed(one)), *parser.end()]


def of(events: Sequence[Event], kind: type) -> list[Any]:
    return [event for event in events if isinstance(event, kind)]


def test_a_stream_ends_with_message_end_and_done_says_nothing_new() -> None:
    events = streamed(STARTED, text("a"), text("b"), ended(**BILLED, **TOKENS), b"data: [DONE]\n\n")
    assert "".join(event.text for event in of(events, TextDelta)) == "ab"
    assert events[-2:] == [Finish("stop", "COMPLETE"), End()]
    report = of(events, UsageReport)[0]
    assert report.usage == Usage({D.INPUT: 3, D.OUTPUT: 2}), "what is billed"
    assert report.told == Usage({D.INPUT: 6, D.CACHE_READ: 64, D.OUTPUT: 5}), "what was read"


def test_a_stream_without_message_end_is_cut() -> None:
    for frames in ((STARTED,), (STARTED, text("a")), (STARTED, b"data: [DONE]\n\n")):
        last = streamed(*frames)[-1]
        assert isinstance(last, Failure)
        assert last.error.error_class is ErrorClass.TRUNCATED


def test_a_plan_is_reasoning_and_calls_are_numbered() -> None:
    begins = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": ""}}
    events = streamed(
        STARTED,
        frame("tool-plan-delta", {"message": {"tool_plan": "I will."}}),
        frame("tool-call-start", {"message": {"tool_calls": begins}}, index=0),
        frame(
            "tool-call-delta",
            {"message": {"tool_calls": {"function": {"arguments": '{"a":1}'}}}},
            index=0,
        ),
        frame("tool-call-end", index=0),
        frame("tool-call-start", {"message": {"tool_calls": {**begins, "id": "c2"}}}, index=1),
        frame("tool-call-end", index=1),
        ended("TOOL_CALL"),
    )
    assert of(events, ReasoningDelta)[0].text == "I will."
    assert [(e.slot, e.id, e.name) for e in of(events, ToolStart)] == [
        (0, "c1", "f"),
        (1, "c2", "f"),
    ]
    assert [(e.slot, e.text) for e in of(events, ToolArguments)] == [(0, '{"a":1}')]
    assert [e.slot for e in of(events, ToolEnd)] == [0, 1]
    assert of(events, Finish)[0].reason == "tool_calls"


def test_arguments_of_null_are_none() -> None:
    message = {
        "tool_calls": [{"id": "c", "function": {"name": "f", "arguments": "null"}}],
        "citations": [{"start": 0}],
    }
    answer = {"id": "m", "message": message, "finish_reason": "TOOL_CALL"}
    events = WIRE.reply(
        json.dumps(answer).encode(), cohere_endpoint(PROVIDER, "command-r"), PROVIDER
    )
    assert of(events, ToolArguments) == []
    assert bytes(of(events, Aside)[0].delta["citations"]) == b'[{"start":0}]'


@pytest.mark.parametrize(
    ("reason", "kind"),
    [("ERROR", ErrorClass.SERVER_ERROR), ("TIMEOUT", ErrorClass.OVERLOADED)],
)
def test_a_finish_that_is_a_failure_is_one(reason: str, kind: ErrorClass) -> None:
    last = streamed(STARTED, text("a"), ended(reason))[-1]
    assert isinstance(last, Failure)
    assert last.error.error_class is kind


@pytest.mark.parametrize(
    "bad",
    [
        b"data: {\n\n",
        b"data: []\n\n",
        frame("tool-call-start", {"message": {"tool_calls": {"function": {}}}}, index=0),
        frame("message-end", {"usage": {}}),
        b'data: {"message": "rate limit exceeded", "id": "1"}\n\n',
    ],
)
def test_what_is_no_event_of_an_answer_ends_it(bad: bytes) -> None:
    events = streamed(STARTED, bad, text("late"))
    assert isinstance(events[-1], Failure)
    assert of(events, TextDelta) == []


def test_an_error_told_with_status_200_is_one() -> None:
    to = cohere_endpoint(PROVIDER, "command-r")
    for body in (b'{"message": "invalid request"}', b"[]", b"{"):
        events = WIRE.reply(body, to, PROVIDER)
        assert isinstance(events[-1], Failure)
    error = WIRE.error(429, {"retry-after": "7"}, b'{"message": "Trial key"}', PROVIDER)
    assert isinstance(error, UpstreamError)
    assert (error.error_class, error.retry_after_s) == (ErrorClass.RATE_LIMITED, 7.0)
