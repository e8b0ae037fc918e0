from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from openai_document import faults, needs_document, schema_of_event
from openai_responses_lane import (
    NOW_S,
    TEXT,
    TOOLS,
    Json,
    asked,
    began,
    delta,
    ended,
    item,
    message,
    output,
    played,
    read,
    sse,
)
from opengateway.checks.responses_grammar import Grammar, read_stream
from opengateway.dialects.openai_responses import DIALECT, ResponsesRendering
from opengateway.dialects.openai_responses.render_stream import ResponseRenderer
from opengateway.domain.chat import ChatRequest, Meter
from opengateway.domain.errors import ShownError
from opengateway.domain.events import (
    Annotation,
    End,
    Event,
    Finish,
    ImageOut,
    ReasoningDelta,
    ReasoningSeal,
    RefusalDelta,
    Start,
    TextDelta,
    ToolArguments,
    ToolEnd,
    ToolStart,
    UsageReport,
)
from opengateway.domain.usage import Dimension, Usage
from opengateway.kit.json import loads
from opengateway.kit.sse import Decoder
from opengateway.wires.openai_responses.seals import Seal, seal_in

RENDERING = ResponsesRendering(lambda: NOW_S, lambda prefix: prefix + "0" * 32)
GOOD: tuple[Event, ...] = (Finish("stop", "stop"), End())
SHOWN = ShownError(502, "server_error", "upstream_error", "it broke", "gen_1")


def renderer(chat: ChatRequest | None = None) -> ResponseRenderer:
    return RENDERING.stream(chat or asked(), "lab/model")


def frames(events: Sequence[Event], chat: ChatRequest | None = None) -> bytes:
    made = renderer(chat)
    return b"".join(made.render(event) for event in events) + made.ending


def told(data: bytes) -> list[Json]:
    return [loads(event.data) for event in Decoder(1 << 20).feed(data)]


def shown(*events: Event, chat: ChatRequest | None = None) -> Grammar:
    grammar = read_stream(frames((Start("up"), *events), chat))
    assert grammar.faults == []
    assert grammar.final is not None
    return grammar


EVERYTHING: tuple[Event, ...] = (
    ReasoningDelta("Hm.", 0),
    ReasoningSeal("anthropic", 0, signature="sig"),
    ReasoningDelta("So.", 1, summary=True),
    TextDelta("See X", 2),
    Annotation("https://x.example", "X", 4, 5),
    TextDelta(" and Y.", 2),
    TextDelta("Another part.", 3),
    RefusalDelta("But no."),
    ToolStart(0, "call_1", "f", 4),
    ToolStart(1, "call_2", "g", 5, kind="custom"),
    ToolArguments(0, '{"x":'),
    ToolArguments(1, "free"),
    ToolArguments(0, "1}"),
    ToolEnd(0),
    ToolEnd(1),
    ImageOut("QUJD", "image/png"),
    TextDelta("Done.", 6),
    UsageReport(Usage({Dimension.INPUT: 5, Dimension.OUTPUT: 7})),
    Finish("tool_calls", "tool_use"),
    End(),
)


def test_everything_that_events_can_say_is_one_sound_stream() -> None:
    grammar = shown(*EVERYTHING)
    assert [one["type"] for one in output(grammar)] == [
        "reasoning",
        "reasoning",
        "message",
        "function_call",
        "custom_tool_call",
        "image_generation_call",
        "message",
    ]
    parts = output(grammar)[2]["content"]
    assert [part["type"] for part in parts] == ["output_text", "output_text", "refusal"]
    assert parts[0]["text"] == "See X and Y."
    assert parts[0]["annotations"][0]["url"] == "https://x.example"


@needs_document
@pytest.mark.parametrize("members", [{}, {"user": "ada", "reasoning": {"summary": "auto"}}])
def test_every_event_is_valid_by_openais_document(members: Json) -> None:
    tools = [{"type": "function", "name": "f"}, {"type": "custom", "name": "g"}]
    chat = asked(tools=tools, metadata={"a": "b"}, instructions="Hi", **members)
    broken = renderer(chat)
    last = broken.render(Start()) + broken.broken(SHOWN) + DIALECT.error_event(SHOWN)
    found = told(frames((Start(), *EVERYTHING), chat)) + told(last)
    assert len({event["type"] for event in found}) > 20
    for event in found:
        assert faults(schema_of_event(event["type"]), event) == [], event["type"]


@needs_document
def test_a_whole_response_is_valid_by_openais_document() -> None:
    whole = RENDERING.whole_of(asked(), [Start(), *EVERYTHING], Meter(), "lab/model")
    assert faults("Response", loads(whole)) == []


def test_a_whole_answer_is_what_the_last_event_holds() -> None:
    events = [Start("up"), *EVERYTHING]
    whole = loads(RENDERING.whole_of(asked(), events, Meter(), "lab/model"))
    assert whole == shown(*EVERYTHING).final


def test_what_was_asked_is_said_again() -> None:
    chat = asked(
        instructions="Be brief.",
        max_output_tokens=50,
        temperature=0.2,
        tools=[{"type": "function", "name": "f"}],
        text={"verbosity": "low"},
        reasoning={"effort": "low"},
        metadata={"a": "b"},
        store=True,
    )
    final = shown(TextDelta("Hi"), *GOOD, chat=chat).final
    assert final is not None
    assert final["instructions"] == "Be brief."
    assert (final["max_output_tokens"], final["temperature"]) == (50, 0.2)
    tool = {"type": "function", "name": "f", "parameters": None, "strict": None}
    assert final["tools"] == [tool]
    assert final["text"] == {"verbosity": "low", "format": {"type": "text"}}
    assert final["reasoning"] == {"effort": "low", "summary": None}
    assert final["metadata"] == {"a": "b"}
    assert final["store"] is False, "nothing is kept for this team"
    assert final["model"] == "lab/model"
    assert final["usage"] == {} if "usage" in final else True


def test_ids_are_ours_and_items_lead_to_their_response() -> None:
    grammar = read(TOOLS)
    assert grammar.final is not None
    suffix = grammar.final["id"].removeprefix("resp_")
    assert len(suffix) == 32
    ids = [one["id"] for one in output(grammar)]
    assert ids == [f"rs_{suffix}0000", f"fc_{suffix}0001", f"fc_{suffix}0002"]
    _, all_frames = played(TOOLS)
    assert b"_up" not in all_frames


@pytest.mark.parametrize(
    ("reason", "status", "why"),
    [
        ("stop", "completed", None),
        ("tool_calls", "completed", None),
        ("length", "incomplete", {"reason": "max_output_tokens"}),
        ("content_filter", "incomplete", {"reason": "content_filter"}),
    ],
)
def test_the_last_event_says_how_it_ended(reason: Any, status: str, why: Any) -> None:
    final = shown(TextDelta("Hi"), Finish(reason, "x"), End()).final
    assert final is not None
    assert (final["status"], final["incomplete_details"]) == (status, why)
    assert final["output"][0]["status"] == status


def test_thoughts_are_told_aloud_unless_summaries_are_asked_for() -> None:
    thought = (ReasoningDelta("Hm.", 0), TextDelta("Yes.", 1), *GOOD)
    aloud = output(shown(*thought))[0]
    assert aloud["content"] == [{"type": "reasoning_text", "text": "Hm."}]
    assert aloud["summary"] == []
    chat = asked(reasoning={"summary": "auto"})
    told_short = output(shown(*thought, chat=chat))[0]
    assert told_short["summary"] == [{"type": "summary_text", "text": "Hm."}]
    assert "content" not in told_short


@pytest.mark.parametrize(
    "seal",
    [
        ReasoningSeal("openai", 0, encrypted="gAAA"),
        ReasoningSeal("anthropic", 0, signature="sig"),
        ReasoningSeal("anthropic", 0, encrypted="redacted"),
        ReasoningSeal("google", 0, signature="s", call_id="call_1"),
    ],
)
def test_a_seal_is_shown_so_that_it_can_come_back(seal: ReasoningSeal) -> None:
    (told_item, _) = output(shown(seal, TextDelta("Yes.", 1), *GOOD))
    assert seal_in(told_item["encrypted_content"]) == Seal(
        seal.origin, seal.signature, seal.encrypted, seal.call_id
    )


def test_a_summarys_parts_a_phase_and_two_messages_stay_apart() -> None:
    first, second = message("One.", phase="commentary"), message("Two.")
    grammar = read(
        sse(
            began(),
            item("added", 0, {"type": "reasoning", "id": "rs", "summary": []}),
            delta("reasoning_summary_text", 0, "A", summary_index=0),
            delta("reasoning_summary_text", 0, "B", summary_index=1),
            item("done", 1, first),
            item("done", 2, second),
            ended(),
        )
    )
    thought, one, two = output(grammar)
    assert [part["text"] for part in thought["summary"]] == ["A", "B"]
    assert (one["phase"], one["content"][0]["text"]) == ("commentary", "One.")
    assert "phase" not in two
    assert two["content"][0]["text"] == "Two."


def test_log_probabilities_stand_beside_their_text() -> None:
    probable = [{"token": "Hi", "logprob": -0.1, "top_logprobs": [], "bytes": [72, 105]}]
    grammar = read(sse(began(), delta("output_text", 0, "Hi", logprobs=probable), ended()))
    assert output(grammar)[0]["content"][0]["logprobs"] == probable


def test_the_last_event_waits_for_the_record() -> None:
    stream, all_frames = played(TEXT)
    assert stream.done
    assert b"response.completed" in stream.ending
    assert b"response.completed" not in all_frames[: -len(stream.ending)]


def test_a_stream_that_broke_ends_failed_with_the_next_number() -> None:
    cut = TEXT[: TEXT.index(b"event: response.completed")]
    stream, all_frames = played(cut)
    assert stream.error is not None
    assert stream.ending == b""
    grammar = read_stream(all_frames + stream.broken(SHOWN))
    assert grammar.faults == []
    assert grammar.final is not None
    assert grammar.final["status"] == "failed"
    assert grammar.final["error"] == {"code": "server_error", "message": "it broke"}
    assert grammar.final["output"][0]["content"][0]["text"] == "Grüße, 안녕 😀"


def test_an_answer_whose_record_failed_is_not_shown_as_whole() -> None:
    stream, all_frames = played(TEXT)
    before = all_frames[: -len(stream.ending)]
    grammar = read_stream(before + stream.broken(SHOWN))
    assert grammar.faults == []
    assert not grammar.ended_well
    assert stream.ending == b""


def test_a_second_choice_is_not_shown() -> None:
    assert len(output(shown(TextDelta("Hi"), TextDelta("No", 1, 1), *GOOD))) == 1
