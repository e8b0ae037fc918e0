"""Anthropic behind the chat surface: what callers see, and what comes back of their history."""

from __future__ import annotations

import json
from typing import Any

import pytest

from anthropic_wire import BUDGETED, LEVELLED, PROVIDER, WIRE, message, recorded_messages
from canonical_lane import RENDERING
from openai_chat_wire import MODEL_ID, TEAM, chat
from opengateway.checks.caller_view import see_reply, see_stream
from opengateway.checks.messages_history import recorded_blocks
from opengateway.checks.recorded_case import RecordedCase
from opengateway.checks.replay_messages import anthropic_endpoint
from opengateway.gateway.translation import TranslatedWire
from recordings import needs_recordings

LANE = TranslatedWire(WIRE, RENDERING)
ANSWERED = {name: case for name, case in recorded_messages().items() if case.status == 200}
THOUGHT = {
    name: case
    for name, case in ANSWERED.items()
    if any(block["type"] == "thinking" for block in recorded_blocks(case))
}
Json = dict[str, Any]


def shown(case: RecordedCase) -> Json:
    """The message that a caller gets, put together from the chunks where it was streamed."""
    place = anthropic_endpoint(case.model)
    if not case.stream:
        body = LANE.reply(case.response, chat(), place, PROVIDER, MODEL_ID).body
        return dict(json.loads(body)["choices"][0]["message"])
    asked = chat(stream=True, stream_options={"include_usage": True})
    stream = LANE.stream(asked, place, PROVIDER, MODEL_ID)
    frames = stream.feed(case.response) + stream.end()
    assert stream.done
    assert stream.ignored == 0
    made: Json = {"role": "assistant", "content": "", "reasoning_details": [], "server_items": []}
    for frame in frames.split(b"\n\n")[:-1]:
        for choice in json.loads(frame.removeprefix(b"data: "))["choices"]:
            made["content"] += choice["delta"].get("content") or ""
            for name in ("reasoning_details", "server_items"):
                made[name] += choice["delta"].get(name) or []
    return made


@needs_recordings
@pytest.mark.parametrize("case_id", sorted(ANSWERED) or ["none"])
def test_a_caller_sees_an_answer_that_keeps_every_rule(case_id: str) -> None:
    case = ANSWERED[case_id]
    place, expect = anthropic_endpoint(case.model), case.expect or {}
    if case.stream:
        asked = chat(stream=True, stream_options={"include_usage": True})
        stream = LANE.stream(asked, place, PROVIDER, MODEL_ID)
        seen = see_stream(stream.feed(case.response) + stream.end(), MODEL_ID, include_usage=True)
        meter = stream.meter
    else:
        reply = LANE.reply(case.response, chat(), place, PROVIDER, MODEL_ID)
        seen, meter = see_reply(reply.body, MODEL_ID), reply.meter
    first = seen.first()
    assert seen.faults == []
    assert (first.text, first.reasoning) == (expect["text"], expect["reasoning"])
    assert first.finish == expect["finish"] == meter.finish_reason
    assert [c.parsed() for _, c in sorted(first.calls.items())] == expect["tool_calls"]
    assert seen.usage is not None
    assert meter.usage is not None
    assert seen.usage["prompt_tokens"] == meter.usage.input_tokens


@needs_recordings
@pytest.mark.parametrize("case_id", sorted(THOUGHT) or ["none"])
def test_thoughts_go_back_through_the_chat_surface_byte_for_byte(case_id: str) -> None:
    case = THOUGHT[case_id]
    request = chat(
        messages=[
            {"role": "user", "content": "q"},
            {**shown(case), "role": "assistant"},
            {"role": "user", "content": "go on"},
        ]
    )
    call = LANE.request(request, anthropic_endpoint(case.model), PROVIDER, TEAM)
    content = json.loads(call.body)["messages"][1]["content"]
    kinds = ("thinking", "redacted_thinking")
    assert [block for block in content if block["type"] in kinds] == [
        block for block in recorded_blocks(case) if block["type"] in kinds
    ]
    own = [block for block in content if block["type"] not in (*kinds, "text", "tool_use")]
    assert own == [
        block
        for block in recorded_blocks(case)
        if block["type"] not in (*kinds, "text", "tool_use")
    ]


def test_e18_all_kinds_of_thought_survive_a_round_through_a_chat_client() -> None:
    blocks = [
        {"type": "thinking", "thinking": "a ", "signature": "one=="},
        {"type": "redacted_thinking", "data": "Enc=="},
        {"type": "thinking", "thinking": "", "signature": "two=="},
        {"type": "tool_use", "id": "t1", "name": "f", "input": {"x": 1}},
    ]
    body = json.dumps(message(*blocks, stop_reason="tool_use")).encode()
    place = anthropic_endpoint(BUDGETED)
    reply = json.loads(LANE.reply(body, chat(), place, PROVIDER, MODEL_ID).body)
    said = reply["choices"][0]["message"]
    tool = {"type": "function", "function": {"name": "f"}}
    request = chat(
        messages=[
            {"role": "user", "content": "q"},
            said,
            {"role": "tool", "tool_call_id": "t1", "content": "2"},
        ],
        tools=[tool],
        reasoning_effort="low",
    )
    call = LANE.request(request, place, PROVIDER, TEAM)
    sent = json.loads(call.body)
    assert sent["messages"][1]["content"] == blocks
    assert sent["thinking"] == {"type": "enabled", "budget_tokens": 2048}
    assert call.dropped == ()


def test_cache_marks_of_a_chat_client_reach_the_blocks_that_they_stand_on() -> None:
    mark = {"type": "ephemeral", "ttl": "1h"}
    request = chat(
        messages=[
            {"role": "system", "content": [{"type": "text", "text": "s", "cache_control": mark}]},
            {"role": "user", "content": [{"type": "text", "text": "q"}], "cache_control": mark},
        ],
        tools=[{"type": "function", "function": {"name": "f"}, "cache_control": mark}],
    )
    call = LANE.request(request, anthropic_endpoint(LEVELLED), PROVIDER, TEAM)
    sent = json.loads(call.body)
    marked = [sent["tools"][0], sent["system"][0], sent["messages"][0]["content"][0]]
    assert [block["cache_control"] for block in marked] == [mark, mark, mark]


def test_what_a_chat_client_asks_for_is_dropped_by_name_or_done() -> None:
    request = chat(
        user="ann", seed=7, logit_bias={"5": 1}, temperature=0.3, max_tokens=100, stop="END",
        store=True, metadata={"a": "b"}, stream=True, stream_options={"include_usage": True},
        parallel_tool_calls=False,
    )  # fmt: skip
    call = LANE.request(request, anthropic_endpoint(BUDGETED), PROVIDER, TEAM)
    sent = json.loads(call.body)
    assert sorted(call.dropped) == ["logit_bias", "seed"]
    assert sent["metadata"]["user_id"].startswith("og-")
    assert sent["stop_sequences"] == ["END"]
    assert {"temperature", "max_tokens", "stream"} < set(sent)
    assert not {"store", "seed", "tools", "tool_choice"} & set(sent)
