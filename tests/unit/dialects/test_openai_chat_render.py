"""From events to chunks and answers, and reasoning out and back in without a change."""

from __future__ import annotations

import json
from typing import Any

import pytest

from canonical_lane import RENDERING, deltas
from openai_chat_wire import MODEL_ID, chat
from opengateway.checks.caller_view import see_reply, see_stream
from opengateway.dialects.openai_chat import ChatRendering
from opengateway.domain.canonical import Item, Reasoning
from opengateway.domain.chat import Meter
from opengateway.domain.events import (
    Annotation,
    Aside,
    End,
    Event,
    Finish,
    ImageOut,
    ReasoningDelta,
    ReasoningSeal,
    RefusalDelta,
    ServerEventItem,
    Start,
    TextDelta,
    ToolArguments,
    ToolStart,
    UsageReport,
)
from opengateway.domain.usage import Dimension, Usage
from opengateway.kit.json import Raw

STOP: list[Event] = [Finish("stop", "end"), End()]
USAGE = Usage({Dimension.INPUT: 3, Dimension.CACHE_READ: 2, Dimension.OUTPUT: 1})


def streamed(*events: Event, include_usage: bool = False) -> bytes:
    options = {"stream_options": {"include_usage": True}} if include_usage else {}
    renderer = RENDERING.stream(chat(stream=True, **options), MODEL_ID)
    frames = b"".join(renderer.render(event) for event in (Start("up-1"), *events))
    assert see_stream(frames, MODEL_ID, include_usage=include_usage).faults == []
    return frames


def replied(*events: Event, usage: Usage | None = None) -> dict[str, Any]:
    body = RENDERING.whole([Start("up-1"), *events, *STOP], Meter(usage=usage), MODEL_ID)
    assert see_reply(body, MODEL_ID).faults == []
    message: dict[str, Any] = json.loads(body)["choices"][0]["message"]
    return message


def test_the_first_delta_has_the_role_and_the_last_chunk_the_usage() -> None:
    frames = streamed(
        TextDelta("Grüße"), TextDelta(' "x"\n\n'), UsageReport(USAGE), *STOP, include_usage=True
    )
    chunks = [json.loads(part[6:]) for part in frames.split(b"\n\n")[:-1]]
    assert chunks[0] == {
        "id": "up-1",
        "object": "chat.completion.chunk",
        "created": 1_764_000_000,
        "model": MODEL_ID,
        "choices": [
            {
                "index": 0,
                "delta": {"role": "assistant", "content": "Grüße"},
                "logprobs": None,
                "finish_reason": None,
            }
        ],
        "usage": None,
    }
    assert [c["choices"][0]["delta"] for c in chunks[1:3]] == [{"content": ' "x"\n\n'}, {}]
    assert chunks[2]["choices"][0]["finish_reason"] == "stop"
    assert chunks[3]["usage"]["prompt_tokens"] == 5
    assert chunks[3]["usage"]["prompt_tokens_details"]["cached_tokens"] == 2


def test_usage_that_was_not_asked_for_is_not_shown() -> None:
    assert b"usage" not in streamed(TextDelta("x"), UsageReport(USAGE), *STOP)


def test_nothing_of_a_finish_leaves_before_the_end() -> None:
    assert b'"finish_reason":"' not in streamed(TextDelta("x"), Finish("stop", "end"))


def test_an_answer_that_says_nothing_still_has_its_role() -> None:
    assert deltas(streamed(*STOP)) == [{"role": "assistant", "content": ""}, {}]


def test_a_provider_without_a_name_or_a_date_gets_ours() -> None:
    rendering = ChatRendering(lambda: 7)
    body = json.loads(rendering.whole([Start(), TextDelta("x"), *STOP], Meter(), "m/x"))
    assert (body["created"], body["id"].startswith("chatcmpl-")) == (7, True)
    other = json.loads(rendering.whole([Start(), TextDelta("x"), *STOP], Meter(), "m/x"))
    assert other["id"] != body["id"]


def test_calls_begin_once_and_their_arguments_are_strings() -> None:
    events: list[Event] = [
        Start("up-1"),
        ToolStart(0, "a", "f"),
        ToolArguments(0, '{"x":'),
        ToolStart(1, "b", "sh", kind="custom"),
        ToolArguments(1, "ls"),
    ]
    renderer = RENDERING.stream(chat(stream=True), MODEL_ID)
    shown = deltas(b"".join(map(renderer.render, events)))
    function = {"name": "f", "arguments": ""}
    custom = {"name": "sh", "input": ""}
    assert shown == [
        {
            "role": "assistant",
            "tool_calls": [{"index": 0, "id": "a", "type": "function", "function": function}],
        },
        {"tool_calls": [{"index": 0, "function": {"arguments": '{"x":'}}]},
        {"tool_calls": [{"index": 1, "id": "b", "type": "custom", "custom": custom}]},
        {"tool_calls": [{"index": 1, "custom": {"input": "ls"}}]},
    ]


def test_a_whole_answer_has_every_member_that_strict_clients_ask_for() -> None:
    assert replied(ToolStart(0, "a", "f"), ToolArguments(0, "{}")) == {
        "role": "assistant",
        "content": None,
        "refusal": None,
        "annotations": [],
        "tool_calls": [
            {"id": "a", "type": "function", "function": {"name": "f", "arguments": "{}"}}
        ],
    }
    assert replied(RefusalDelta("No."))["refusal"] == "No."
    assert replied()["content"] == ""


RARE: list[Event] = [
    ImageOut("QQ==", "image/png"),
    Annotation(url="https://x", title="X", start=1, end=2),
    Annotation(raw=Raw(b'{"type":"file_citation"}')),
    ServerEventItem(Raw(b'{"type":"web_search"}'), "anthropic"),
    Aside("openai_chat", {"audio": Raw(b'{"id":"a"}')}, {"logprobs": Raw(b'{"content":[]}')}),
    Aside("gemini", {"secret": Raw(b"1")}),
]


def test_images_citations_and_foreign_blocks_are_shown() -> None:
    message = replied(*RARE)
    image = {"type": "image_url", "image_url": {"url": "data:image/png;base64,QQ=="}, "index": 0}
    assert message["images"] == [image]
    assert message["annotations"][0]["url_citation"]["end_index"] == 2
    assert message["annotations"][1] == {"type": "file_citation"}
    assert message["server_items"] == [{"origin": "anthropic", "item": {"type": "web_search"}}]
    assert message["audio"] == {"id": "a"}
    assert "secret" not in message
    seen: dict[str, Any] = {}
    for delta in deltas(streamed(*RARE, *STOP)):
        for name in delta.keys() - {"role", "content"}:
            seen[name] = [*seen.get(name, []), *delta[name]]
    for name in ("images", "annotations", "server_items"):
        assert seen[name] == message[name]
    assert "secret" not in seen


# --- reasoning, there and back ----------------------------------------------------------------------
THOUGHT: list[Event] = [
    ReasoningDelta("first ", 0),
    ReasoningDelta("thought", 0),
    ReasoningSeal("anthropic", 0, signature="sig+/=1"),
    ReasoningSeal("anthropic", 1, encrypted="redacted=="),
    ReasoningSeal("anthropic", 2, signature="of nothing"),
    ReasoningDelta("second", 3),
    ReasoningSeal("anthropic", 3, signature=""),
    ReasoningDelta("in short", 4, summary=True),
    ReasoningSeal("openai", 4, encrypted="gAAA"),
    ReasoningDelta("unsigned", 5),
    TextDelta("Let me look.", 6),
    ToolStart(0, "c1", "f", 7),
    ToolArguments(0, "{}"),
    ReasoningSeal("google", 8, signature="bound", call_id="c1"),
    ReasoningSeal("google", 9, signature="loose"),
]
BLOCKS = [
    Reasoning(text="first thought", signature="sig+/=1", origin="anthropic"),
    Reasoning(encrypted="redacted==", origin="anthropic"),
    Reasoning(signature="of nothing", origin="anthropic"),
    Reasoning(text="second", signature="", origin="anthropic"),
    Reasoning(text="in short", summary=True, encrypted="gAAA", origin="openai"),
    Reasoning(text="unsigned"),
    Reasoning(signature="loose", origin="google"),
    Reasoning(signature="bound", origin="google", call_id="c1"),
]


def back(message: dict[str, Any]) -> list[Item]:
    """The reasoning of a message that a client sends back."""
    request = RENDERING.canonical(
        chat(messages=[{"role": "user", "content": "x"}, message]), "team"
    )
    return [item for item in request.turns[1].items if isinstance(item, Reasoning)]


def appended(shown: list[dict[str, Any]]) -> dict[str, Any]:
    """A message as clients make it that hang every piece onto a list."""
    message: dict[str, Any] = {"role": "assistant", "content": "", "reasoning_details": []}
    for delta in shown:
        message["content"] += delta.get("content") or ""
        message["reasoning_details"] += delta.get("reasoning_details", [])
    message["tool_calls"] = [
        {"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    ]
    return message


def accumulated(shown: list[dict[str, Any]]) -> dict[str, Any]:
    """A message as the official Python client makes it: strings joined, lists by their index."""
    message: dict[str, Any] = {}
    for delta in shown:
        _accumulate(message, delta)
    return message


def _accumulate(into: dict[str, Any], delta: dict[str, Any]) -> None:
    for name, value in delta.items():
        held = into.get(name)
        if held is None or name in ("index", "type"):
            into[name] = value
        elif isinstance(value, str):
            into[name] = held + value
        elif isinstance(value, dict):
            _accumulate(held, value)
        elif isinstance(value, list):
            for entry in value:
                if entry["index"] < len(held):
                    _accumulate(held[entry["index"]], entry)
                else:
                    held.append(entry)


@pytest.mark.parametrize("put_together", [appended, accumulated])
def test_streamed_reasoning_comes_back_as_it_left(put_together: Any) -> None:
    frames = streamed(*THOUGHT, *STOP)
    assert back(put_together(deltas(frames))) == BLOCKS
    visible = "first thoughtsecondin shortunsigned"
    assert see_stream(frames, MODEL_ID, include_usage=False).first().reasoning == visible


def test_whole_reasoning_comes_back_as_it_left() -> None:
    message = replied(*THOUGHT)
    assert back(message) == BLOCKS
    google = {"google": {"thought_signature": "bound"}}
    assert message["tool_calls"][0]["extra_content"] == google


@pytest.mark.parametrize("is_early", [True, False])
def test_a_bound_signature_stands_at_its_call_as_well(is_early: bool) -> None:
    seal = ReasoningSeal("google", 1, signature="g", call_id="c1")
    call = ToolStart(0, "c1", "f")
    events = [seal, call] if is_early else [call, seal]
    message = accumulated(deltas(streamed(*events, ToolArguments(0, "{}"), *STOP)))
    assert message["tool_calls"][0]["extra_content"] == {"google": {"thought_signature": "g"}}
    del message["reasoning_details"]  # a client that keeps the one and not the other
    assert back(message) == [Reasoning(signature="g", origin="google", call_id="c1")]
