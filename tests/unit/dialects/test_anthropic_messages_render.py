"""Events as a message: blocks one after the other, stop reasons, usage, and what becomes of seals."""

from __future__ import annotations

from typing import Any

import pytest

from messages_surface import MODEL_ID, RENDERING, chat, ending
from opengateway.checks.messages_grammar import SeenMessage, lean, see_message, see_messages
from opengateway.dialects.anthropic_messages.seals import is_carried, reasoning_of
from opengateway.domain.canonical import Reasoning
from opengateway.domain.events import (
    Annotation,
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
    ToolEnd,
    ToolStart,
    UsageReport,
)
from opengateway.domain.usage import Dimension, Usage
from opengateway.gateway.echoing import EchoingStream
from opengateway.gateway.translation import Guard
from opengateway.kit.json import Raw

DONE = (Finish("stop", ""), End())


class _Said:
    def __init__(self, events: list[Event]) -> None:
        self._events = events

    def feed(self, chunk: bytes) -> list[Event]:
        return self._events

    def end(self) -> list[Event]:
        return []


def told(*events: Event, **members: Any) -> SeenMessage:
    """The message that both ways of telling agree on."""
    asked = chat(stream=True, **members)
    stream = EchoingStream(_Said(list(events)), RENDERING.stream(asked, MODEL_ID), "vendor")
    seen = see_messages(stream.feed(b"x") + stream.end() + ending(stream), MODEL_ID)
    assert (seen.faults, seen.is_whole) == ([], True)
    guard = Guard("vendor")
    kept = guard.take(events)
    whole = see_message(RENDERING.whole_of(asked, kept, guard.meter, MODEL_ID), MODEL_ID)
    assert whole.faults == []
    assert lean(whole.message) == lean(seen.message)
    return seen


def kinds(seen: SeenMessage) -> list[str]:
    return [block["type"] for block in seen.message["content"]]


def test_calls_that_come_mixed_are_told_one_after_the_other() -> None:
    seen = told(
        TextDelta("So", 0),
        ToolStart(0, "a", "f", 1),
        ToolStart(1, "b", "g", 2),
        ToolArguments(1, '{"y"'),
        ToolArguments(0, '{"x":'),
        TextDelta("and", 3),
        ToolStart(2, "c", "h", 4),
        TextDelta("last", 5),
        ToolStart(3, "d", "i", 6),
        ToolArguments(0, "1}"),
        ToolArguments(1, ":2}"),
        ToolEnd(1),
        ToolEnd(0),
        ToolArguments(2, '{"z":3}'),
        *DONE,
    )
    assert kinds(seen) == [
        *("text", "tool_use", "tool_use", "text"),
        *("tool_use", "text", "tool_use"),
    ]
    assert seen.text() == "Soandlast"
    assert [(c["id"], c["input"]) for c in seen.blocks("tool_use")] == [
        ("a", {"x": 1}),
        ("b", {"y": 2}),
        ("c", {"z": 3}),
        ("d", {}),
    ]
    assert seen.message["stop_reason"] == "tool_use"


def test_thought_and_text_that_interrupt_each_other_get_blocks_of_their_own() -> None:
    seen = told(
        ReasoningDelta("a", 0),
        TextDelta("b", 1),
        ReasoningDelta("c", 0),
        TextDelta("d", 1),
        TextDelta("e", 2),
        *DONE,
    )
    assert kinds(seen) == ["thinking", "text", "thinking", "text", "text"]
    assert (seen.thinking(), seen.text()) == ("ac", "bde")


def test_the_vendors_own_seals_are_told_as_they_are() -> None:
    seen = told(
        ReasoningDelta("hm", 0),
        ReasoningSeal("anthropic", 0, signature="AA=="),
        ReasoningSeal("anthropic", 1, signature="BB=="),
        ReasoningSeal("anthropic", 2, encrypted="zz"),
        TextDelta("so", 3),
        *DONE,
    )
    assert seen.message["content"][:3] == [
        {"type": "thinking", "thinking": "hm", "signature": "AA=="},
        {"type": "thinking", "thinking": "", "signature": "BB=="},
        {"type": "redacted_thinking", "data": "zz"},
    ]


def test_other_vendors_seals_are_carried_and_unsigned_thoughts_have_none() -> None:
    seen = told(
        ReasoningDelta("seen", 0, summary=True),
        ReasoningSeal("openai", 0, encrypted="enc"),
        ReasoningDelta("plain", 1),
        ToolStart(0, "c", "f", 2),
        ReasoningSeal("google", 3, signature="GG", call_id="c"),
        ToolEnd(0),
        *DONE,
    )
    sealed, plain, _, bound = seen.message["content"]
    assert is_carried(sealed["signature"])
    assert reasoning_of("seen", sealed["signature"]) == Reasoning(
        text="seen", summary=True, encrypted="enc", origin="openai"
    )
    assert plain["signature"] == ""
    assert bound["type"] == "redacted_thinking"
    assert reasoning_of("", bound["data"]).call_id == "c"


def test_what_only_one_vendor_knows_is_shown_whole_or_not_at_all() -> None:
    item = Raw(b'{"type":"server_tool_use","id":"s","name":"web_search","input":{"q":1}}')
    seen = told(
        ServerEventItem(item, "anthropic"),
        ServerEventItem(item, "openai"),
        ImageOut("AAAA", "image/png"),
        TextDelta("x", 0),
        Annotation("https://x", "X"),
        Annotation(raw=Raw(b'{"type":"char_location","cited_text":"y"}')),
        TextDelta("y", 0),
        *DONE,
    )
    assert kinds(seen) == ["server_tool_use", "image", "text"]
    text = seen.message["content"][2]
    assert text["text"] == "xy"
    assert [note["type"] for note in text["citations"]] == [
        "web_search_result_location",
        "char_location",
    ]


@pytest.mark.parametrize(
    ("finish", "members", "shown"),
    [
        (Finish("stop", "stop"), {}, ("end_turn", None)),
        (Finish("stop", "pause_turn"), {}, ("pause_turn", None)),
        (Finish("length", "MAX_TOKENS"), {}, ("max_tokens", None)),
        (
            Finish("length", "model_context_window_exceeded"),
            {},
            ("model_context_window_exceeded", None),
        ),
        (Finish("stop", "stop_sequence"), {"stop_sequences": ["E"]}, ("stop_sequence", "E")),
        (Finish("stop", "stop_sequence"), {"stop_sequences": ["E", "F"]}, ("stop_sequence", None)),
        (Finish("content_filter", "SAFETY"), {}, ("refusal", None)),
    ],
)
def test_stop_reasons(
    finish: Finish, members: dict[str, Any], shown: tuple[str, str | None]
) -> None:
    message = told(TextDelta("x"), finish, End(), **members).message
    assert (message["stop_reason"], message["stop_sequence"]) == shown


def test_a_refusal_in_words_is_the_answer_and_an_explanation_is_not() -> None:
    said = told(RefusalDelta("I can"), RefusalDelta("not."), *DONE)
    assert said.text() == "I cannot."
    assert said.message["stop_reason"] == "refusal"
    assert said.message["stop_details"]["explanation"] == "I cannot."
    explained = told(
        TextDelta("Well"), Finish("content_filter", "refusal", message="Not this."), End()
    )
    assert explained.text() == "Well"
    assert explained.message["stop_details"] == {
        "type": "refusal",
        "category": None,
        "explanation": "Not this.",
    }


def test_usage_is_in_four_kinds_of_input_that_hold_none_of_each_other() -> None:
    usage = Usage(
        {
            Dimension.INPUT: 5,
            Dimension.AUDIO_INPUT: 1,
            Dimension.CACHE_READ: 100,
            Dimension.CACHE_WRITE: 20,
            Dimension.CACHE_WRITE_1H: 30,
            Dimension.OUTPUT: 7,
            Dimension.REASONING: 3,
        }
    )
    assert told(TextDelta("x"), UsageReport(usage), *DONE).message["usage"] == {
        "input_tokens": 6,
        "cache_read_input_tokens": 100,
        "cache_creation_input_tokens": 50,
        "cache_creation": {"ephemeral_5m_input_tokens": 20, "ephemeral_1h_input_tokens": 30},
        "output_tokens": 10,
        "output_tokens_details": {"thinking_tokens": 3},
    }


def test_where_a_vendor_tells_no_usage_there_is_an_estimate_and_never_zero() -> None:
    usage = told(TextDelta("x" * 400), *DONE).message["usage"]
    assert usage["output_tokens"] == 100
    assert usage["input_tokens"] > 0


def test_a_call_that_broke_off_is_an_object_all_the_same() -> None:
    guard = Guard("vendor")
    events = [Start("up_1"), ToolStart(0, "a", "f"), ToolArguments(0, '{"x": "brok'), *DONE]
    kept = guard.take(events)
    seen = see_message(RENDERING.whole_of(chat(), kept, guard.meter, MODEL_ID), MODEL_ID)
    assert seen.blocks("tool_use")[0]["input"] == {"arguments": '{"x": "brok'}
    assert seen.message["id"] == "msg_made"
