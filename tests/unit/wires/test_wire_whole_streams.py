"""A whole answer where a stream was awaited: asked for so, or sent so all the same."""

from __future__ import annotations

import json
import random

import pytest

from openai_chat_wire import (
    Json,
    call,
    calls_of,
    chat,
    chunks_of,
    new_stream,
    played,
    provider,
    text_of,
    whole,
)
from opengateway.domain.errors import ErrorClass
from opengateway.domain.usage import Dimension

TOOL = {"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}
NO_STREAM = provider(tools_with_stream=False)


def called(*names: str) -> Json:
    calls = [
        {"id": f"c{n}", "type": "function", "function": {"name": name, "arguments": '{"a":1}'}}
        for n, name in enumerate(names)
    ]
    return whole({"content": None, "tool_calls": calls}, finish_reason="tool_calls")


def test_a_vendor_that_cannot_stream_calls_is_asked_for_them_whole() -> None:
    asked = json.loads(call(chat(stream=True, tools=[TOOL]), NO_STREAM).body)
    assert not {"stream", "stream_options"} & asked.keys()
    plain = json.loads(call(chat(stream=True), NO_STREAM).body)
    assert plain["stream"] is True, "text streams as ever"


def test_its_calls_leave_as_a_stream_with_their_numbers() -> None:
    chunks, stream = played(json.dumps(called("f", "g")).encode(), NO_STREAM, include_usage=True)
    assert stream.done
    assert [c["name"] for c in calls_of(chunks)] == ["f", "g"]
    assert [c["choices"][0]["finish_reason"] for c in chunks if c["choices"]] == [
        None,
        "tool_calls",
    ]
    assert chunks[-1]["usage"]["total_tokens"] == 7
    assert {c["object"] for c in chunks} == {"chat.completion.chunk"}
    assert stream.meter.usage is not None
    assert stream.meter.usage.of(Dimension.INPUT) == 5


def test_text_and_thoughts_leave_as_well() -> None:
    answer = whole({"content": "Hi 한 {", "reasoning": 'say "}"'})
    chunks, stream = played(json.dumps(answer, ensure_ascii=False).encode(), NO_STREAM)
    assert text_of(chunks) == "Hi 한 {"
    assert text_of(chunks, "reasoning_content") == 'say "}"'
    assert stream.meter.finish_reason == "stop"


def test_however_it_is_cut_it_is_the_same_answer_and_a_prefix_is_none() -> None:
    body = json.dumps(called("f")).encode()
    chunks, _ = played(body, NO_STREAM)
    dice = random.Random(7)
    for _ in range(50):
        stream = new_stream(NO_STREAM)
        frames, place = b"", 0
        while place < len(body):
            size = dice.randint(1, 40)
            frames += stream.feed(body[place : place + size])
            place += size
        assert chunks_of(frames + stream.end()) == chunks
    for end in range(0, len(body), 7):
        stream = new_stream(NO_STREAM)
        assert stream.feed(body[:end]) + stream.end() == b""
        assert stream.error is not None
        assert not stream.done


def test_an_error_with_status_200_keeps_its_class() -> None:
    told = {"error": {"message": "slow down", "type": "rate_limit_error", "code": None}}
    _, stream = played(json.dumps(told).encode())
    assert stream.error is not None
    assert stream.error.error_class is ErrorClass.RATE_LIMITED


def test_a_vendor_that_says_errors_in_a_member_of_its_own_is_understood() -> None:
    told = {"base_resp": {"status_code": 1008, "status_msg": "insufficient balance"}}
    _, stream = played(json.dumps(told).encode())
    assert stream.error is not None
    assert not stream.done


@pytest.mark.parametrize("body", [b"null", b"{}", b"[]", b"{{{{", b'{"a": "', b"[" * 5000])
def test_what_is_no_answer_is_an_error(body: bytes) -> None:
    chunks, stream = played(body)
    assert chunks == []
    assert stream.error is not None


@pytest.mark.parametrize(
    "told",
    [
        b'{"choices": [], "created": 1e999}',
        b'{"choices": [{"index": 0, "finish_reason": "stop", "message": {"tool_calls": ["f"]}}]}',
        b'{"choices": [{"index": 0, "finish_reason": "stop", "message": {"tool_calls": "f"}}]}',
    ],
)
def test_what_no_answer_looks_like_is_a_typed_error(told: bytes) -> None:
    stream = new_stream(NO_STREAM)
    stream.feed(told)
    stream.end()
    assert stream.error is not None
    assert not stream.done
