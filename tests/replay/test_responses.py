"""Every recorded Responses exchange through the dialect and the wire, against what it must give."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from openai_document import faults, needs_document, schema_of_event
from openai_responses_lane import recorded_responses
from opengateway.checks.recorded_case import RecordedCase
from opengateway.checks.replay import replay_case
from opengateway.checks.replay_responses import (
    responses_endpoint,
    responses_lane,
    responses_provider,
)
from opengateway.dialects.openai_chat import ChatRendering
from opengateway.dialects.openai_chat import decode as decode_chat
from opengateway.dialects.openai_responses import decode
from opengateway.gateway.translation import TranslatedWire
from opengateway.kit.json import dumps, loads
from opengateway.kit.sse import Decoder
from opengateway.wires.openai_responses import OpenAIResponsesWire
from recordings import needs_recordings

CASES = recorded_responses()
ANSWERED = {
    i: c for i, c in CASES.items() if c.status == 200 and not loads(c.request).get("background")
}


@needs_recordings
@pytest.mark.parametrize("case_id", sorted(CASES) or ["none"])
def test_a_recorded_exchange_gives_what_it_must(case_id: str) -> None:
    verdict = replay_case(CASES[case_id])
    assert verdict.verdict == "pass", verdict.reason
    if case_id in ANSWERED:
        wanted = {"path", "request", "text", "finish", "usage.input", "replayed", "tool_calls"}
        assert wanted < set(verdict.checks)


@needs_recordings
def test_all_of_them_are_here() -> None:
    assert len(CASES) == 32
    assert sum(case.stream for case in CASES.values()) == 12
    assert len(ANSWERED) == 28


def spoilt(case: RecordedCase, **members: Any) -> RecordedCase:
    return replace(case, expect={**(case.expect or {}), **members})


@needs_recordings
@pytest.mark.parametrize(
    ("member", "wrong"),
    [
        ("text", "something else"),
        ("reasoning", "something else"),
        ("tool_calls", [{"name": "f", "arguments": {}}]),
        ("finish", "length"),
        ("usage", {"cache_read": 1}),
        ("server_blocks", 7),
    ],
)
def test_a_wrong_expectation_is_seen(member: str, wrong: Any) -> None:
    case = next(c for c in CASES.values() if "deepseek-013" in c.case_id)
    verdict = replay_case(spoilt(case, **{member: wrong}))
    assert verdict.verdict == "fail"
    assert verdict.reason.startswith(member)


@needs_recordings
def test_a_request_that_would_differ_is_seen() -> None:
    case = next(c for c in CASES.values() if "openai-048" in c.case_id)
    body = {**loads(case.request), "max_output_tokens": 3}
    assert replay_case(replace(case, request=dumps(body))).verdict == "pass", "it is told"
    # The same member of another value can only come of a mapping: none may pass unseen.
    lane = responses_lane()
    chat = decode(dumps(body), {}, takes_all=True)
    call = lane.request(chat, responses_endpoint(case.model), responses_provider("openai"), "t")
    assert loads(call.body)["max_output_tokens"] == 16


@needs_recordings
@needs_document
@pytest.mark.parametrize("case_id", sorted(ANSWERED) or ["none"])
def test_what_callers_get_is_valid_by_openais_document(case_id: str) -> None:
    case = ANSWERED[case_id]
    chat = decode(case.request, {}, takes_all=True)
    provider, endpoint = responses_provider(case.provider), responses_endpoint(case.model)
    lane = responses_lane()
    if not case.stream:
        reply = lane.reply(case.response, chat, endpoint, provider, "lab/model")
        assert faults("Response", loads(reply.body)) == []
        return
    stream = lane.stream(chat, endpoint, provider, "lab/model")
    frames = stream.feed(case.response) + stream.end() + stream.ending
    for event in Decoder(1 << 26).feed(frames):
        told = loads(event.data)
        assert faults(schema_of_event(told["type"]), told) == [], told["type"]


@needs_recordings
@pytest.mark.parametrize("case_id", sorted(ANSWERED) or ["none"])
def test_callers_of_chat_completions_see_the_same_answer(case_id: str) -> None:
    """E22: their tools go by way of Responses, and nothing of the answer is lost."""
    case = ANSWERED[case_id]
    expect = case.expect or {}
    body = {"model": "m", "stream": case.stream, "messages": [{"role": "user", "content": "Hi"}]}
    chat = decode_chat(dumps(body), {})
    provider, endpoint = responses_provider(case.provider), responses_endpoint(case.model)
    lane = TranslatedWire(OpenAIResponsesWire(), ChatRendering(lambda: 1, lambda p: f"{p}1"))
    if case.stream:
        stream = lane.stream(chat, endpoint, provider, "lab/model")
        frames = stream.feed(case.response) + stream.end()
        deltas = [
            choice["delta"]
            for event in Decoder(1 << 26).feed(frames)
            for choice in loads(event.data)["choices"]
        ]
        text = "".join(d.get("content") or "" for d in deltas)
        finish = stream.meter.finish_reason
    else:
        reply = lane.reply(case.response, chat, endpoint, provider, "lab/model")
        choice = loads(reply.body)["choices"][0]
        text, finish = choice["message"]["content"] or "", choice["finish_reason"]
        calls = choice["message"].get("tool_calls") or []
        wanted = [call["name"] for call in expect.get("tool_calls") or ()]
        assert [call["function"]["name"] for call in calls] == wanted
    assert (text, finish) == (expect["text"], expect["finish"])
