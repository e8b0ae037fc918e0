"""The OpenAI wire for dialects of other shapes: what goes up, and what is told of what comes back."""

from __future__ import annotations

import json
from typing import Any

import pytest

from canonical_lane import LANE, RENDERING
from openai_chat_wire import MODEL_ID, TEAM, chat, chunk, endpoint, first, provider, sse
from opengateway.domain.canonical import (
    CacheMark,
    CanonicalRequest,
    Image,
    Reasoning,
    ReasoningIntent,
    Role,
    Sampling,
    ServerItem,
    Text,
    Tool,
    ToolCall,
    ToolChoice,
    ToolResult,
    Turn,
)
from opengateway.domain.catalog import Provider
from opengateway.domain.chat import UpstreamCall
from opengateway.domain.errors import InvalidRequest
from opengateway.domain.events import (
    End,
    Event,
    Failure,
    Finish,
    ReasoningDelta,
    ReasoningSeal,
    Start,
    TextDelta,
    ToolArguments,
    ToolEnd,
    ToolStart,
    UsageReport,
)
from opengateway.kit.json import Raw
from opengateway.ports.provider import ChatWire
from opengateway.wires.openai_chat import OpenAIChatCanonicalWire, OpenAIChatWire
from opengateway.wires.openai_chat.canonical_stream import reply_events

WIRE = OpenAIChatCanonicalWire()
HI = Turn(Role.USER, (Text(text="Hi"),))


def call(vendor: Provider | None = None, *turns: Turn, **members: Any) -> UpstreamCall:
    """A request of another dialect, unless it says otherwise."""
    made = CanonicalRequest(
        turns=turns or (HI,), **{"stream": False, "dialect": "elsewhere", **members}
    )
    return WIRE.request(made, endpoint(), vendor or provider())


def sent(vendor: Provider | None = None, *turns: Turn, **members: Any) -> dict[str, Any]:
    body: dict[str, Any] = json.loads(call(vendor, *turns, **members).body)
    return body


def test_nothing_of_another_shape_goes_up() -> None:
    odd = {"odd": Raw(b"1")}
    turn = Turn(
        Role.USER,
        (
            Text(text="Hi", cache=CacheMark("1h"), opaque=odd),
            ServerItem(raw=Raw(b"{}"), origin="elsewhere"),
        ),
        extra=odd,
    )
    body = sent(
        None,
        turn,
        extra=odd,
        opaque=odd,
        server_tools=(Raw(b'{"type":"web_search"}'),),
        tools=(Tool("f", cache=CacheMark(), extra=odd),),
    )
    assert body == {
        "model": "upstream-model",
        "messages": [{"role": "user", "content": [{"type": "text", "text": "Hi"}]}],
        "tools": [{"type": "function", "function": {"name": "f"}}],
    }


def test_a_turn_of_results_and_words_becomes_messages_of_their_own() -> None:
    results = (
        ToolResult(call_id="a", name="f", content=(Text(text="1"),)),
        ToolResult(call_id="b", name="f", content=(Image(url="https://x/y.png"),)),
        Text(text="Go on."),
    )
    body = sent(None, Turn(Role.USER, results))
    assert [(m["role"], m.get("tool_call_id")) for m in body["messages"]] == [
        ("tool", "a"),
        ("tool", "b"),
        ("user", None),
    ]


@pytest.mark.parametrize(
    ("intent", "effort"),
    [
        (ReasoningIntent(effort="high", budget_tokens=1), "high"),
        (ReasoningIntent(budget_tokens=0), "none"),
        (ReasoningIntent(budget_tokens=1024), "minimal"),
        (ReasoningIntent(budget_tokens=10_000), "medium"),
        (ReasoningIntent(budget_tokens=60_000), "xhigh"),
        (ReasoningIntent(enabled=False), "none"),
        (ReasoningIntent(enabled=True), None),
    ],
)
def test_a_budget_of_another_shape_is_an_effort_here(
    intent: ReasoningIntent, effort: str | None
) -> None:
    assert sent(reasoning=intent).get("reasoning_effort") == effort


def test_the_vendors_rules_hold_for_this_lane_too() -> None:
    vendor = provider(max_n=1, drop=["seed"], max_temperature=1.0, tool_choice_required="any")
    sampling = Sampling(seed=1, temperature=1.5)
    tools = (Tool("f"),)
    made = call(
        vendor,
        Turn(Role.DEVELOPER, (Text(text="Be brief."),)),
        sampling=sampling,
        tools=tools,
        tool_choice=ToolChoice("required"),
    )
    body = json.loads(made.body)
    assert body["messages"][0]["role"] == "system"
    assert (body["temperature"], body["tool_choice"]) == (1.0, "any")
    assert set(made.dropped) == {"seed", "temperature"}
    with pytest.raises(InvalidRequest, match="at most 1 choice"):
        call(vendor, sampling=Sampling(n=2))


def test_reasoning_goes_back_in_the_form_that_the_vendor_takes() -> None:
    turn = Turn(
        Role.ASSISTANT,
        (
            Reasoning(text="hm", signature="s", origin="anthropic"),
            Text(text="Hi"),
            Reasoning(signature="g", origin="google", call_id="c"),
            ToolCall(id="c", name="f", arguments="{}"),
        ),
    )
    (kept,) = sent(provider(reasoning_in="keep"), turn)["messages"]
    assert [block.get("signature") for block in kept["reasoning_details"]] == ["s", None]
    assert kept["reasoning_details"][1]["data"] == "g"
    assert kept["tool_calls"][0]["extra_content"] == {"google": {"thought_signature": "g"}}
    (named,) = sent(provider(reasoning_in="reasoning"), turn)["messages"]
    assert named["reasoning"] == "hm"
    assert "reasoning_details" not in named
    (stripped,) = sent(provider(), turn)["messages"]
    assert set(stripped) == {"role", "content", "tool_calls"}


def test_names_are_salted_once() -> None:
    request = chat(user="ann", safety_identifier="bob", prompt_cache_key="k")
    body = json.loads(LANE.request(request, endpoint(), provider(), TEAM).body)
    canonical = RENDERING.canonical(request, TEAM)
    assert (body["user"], body["prompt_cache_key"]) == (canonical.user, canonical.cache.key)
    assert body["safety_identifier"].startswith("og-")


def test_marks_go_back_where_they_were_in_this_shape() -> None:
    mark = {"cache_control": {"type": "ephemeral", "ttl": "1h"}}
    content = [{"type": "text", "text": "a", **mark}, {"type": "text", "text": "b"}]
    tool = {"type": "function", "function": {"name": "f"}, **mark}
    request = chat(messages=[{"role": "user", "content": content}], tools=[tool], **mark)
    body = json.loads(LANE.request(request, endpoint(), provider(), TEAM).body)
    assert body["messages"] == [{"role": "user", "content": content}]
    assert (body["tools"], body["cache_control"]) == ([tool], mark["cache_control"])


# --- answers ----------------------------------------------------------------------------------------
def parsed(*events: Any, done: bool = True) -> list[Event]:
    parser = WIRE.parser(endpoint(), provider())
    return [*parser.feed(sse(*events, done=done)), *parser.end()]


def test_a_stream_is_told_in_blocks() -> None:
    detail = {"type": "reasoning.text", "index": 0, "format": "anthropic-claude-v1"}
    begun = {"index": 0, "id": "c", "type": "function", "function": {"name": "f", "arguments": ""}}
    going = {"index": 0, "function": {"arguments": "{}"}}
    made = parsed(
        first({"reasoning": "hm", "reasoning_details": [{**detail, "text": "hm"}]}),
        chunk({"reasoning_details": [{**detail, "signature": "s"}]}),
        chunk({"content": "Hi"}),
        chunk({"tool_calls": [begun]}),
        chunk({"tool_calls": [going]}),
        chunk(finish="tool_calls", usage={"prompt_tokens": 1, "completion_tokens": 1}),
    )
    assert made[0] == Start("chatcmpl-1", 1_764_000_000)
    assert made[1:6] == [
        ReasoningDelta("hm", 0),
        ReasoningSeal("anthropic", 0, signature="s"),
        TextDelta("Hi", 1),
        ToolStart(0, "c", "f", 2),
        ToolArguments(0, "{}"),
    ]
    closing = [type(event) for event in made[6:]]
    assert closing == [Finish, ToolEnd, Finish, UsageReport, End]


def test_a_cut_stream_ends_with_a_failure_and_nothing_follows_it() -> None:
    made = parsed(first(), chunk(finish="stop"), done=False)
    assert isinstance(made[-1], Failure)
    assert not any(isinstance(event, End) for event in made)
    parser = WIRE.parser(endpoint(), provider())
    assert isinstance(parser.end()[-1], Failure)
    assert (list(parser.feed(sse(first()))), list(parser.end())) == ([], [])


def test_a_custom_call_stays_one_in_both_lanes() -> None:
    begun = {"index": 0, "id": "c", "type": "custom", "custom": {"name": "sh", "input": ""}}
    data = sse(
        first(),
        chunk({"tool_calls": [begun]}),
        chunk({"tool_calls": [{"index": 0, "custom": {"input": "ls"}}]}),
        chunk(finish="tool_calls"),
    )
    lanes: tuple[ChatWire, ...] = (LANE, OpenAIChatWire())
    for wire in lanes:
        stream = wire.stream(chat(stream=True), endpoint(), provider(), MODEL_ID)
        frames = stream.feed(data) + stream.end()
        assert b'"function"' not in frames
        assert b'"input":"ls"' in frames
        assert stream.meter.characters == 2


@pytest.mark.parametrize(
    "told",
    [
        b'{"created": 1e999, "choices": [{"index": 0, "finish_reason": "stop", "message": {}}]}',
        b'{"choices": [{"index": 0, "finish_reason": "stop", "message": {"tool_calls": ["f"]}}]}',
    ],
)
def test_a_whole_answer_that_no_vendor_should_give_raises_nothing(told: bytes) -> None:
    events = reply_events(told, provider())
    assert isinstance(events[-1], End | Failure)


def test_a_time_that_nobody_can_hold_is_none() -> None:
    told = b'{"created": 1e999, "choices": [{"index": 0, "finish_reason": "stop", "message": {}}]}'
    reply = OpenAIChatWire().reply(told, chat(), endpoint(), provider(), MODEL_ID)
    assert json.loads(reply.body)["created"] == 0
