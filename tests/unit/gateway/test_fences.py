"""A fence around JSON is taken off, wherever it is cut; what is no fence stays."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opengateway.domain.chat import ChatFacts
from opengateway.domain.events import End, Event, Finish, TextDelta, ToolStart
from opengateway.gateway.fences import Unfenced, unfenced
from unit.gateway.fakes import chat

END: list[Event] = [Finish("stop", ""), End()]


def shown(*pieces: str) -> str:
    fences = Unfenced()
    events = [e for piece in pieces for e in fences.take([TextDelta(piece)])]
    events += fences.take(END)
    assert events[-2:] == END, "the end is last"
    return "".join(e.text for e in events if isinstance(e, TextDelta))


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ('```json\n{"a": 1}\n```', '{"a": 1}'),
        ('```\n{"a": 1}\n```\n', '{"a": 1}'),
        ("  \n```JSON \r\n[1]```", "[1]"),
        ('{"a": "```json"}', '{"a": "```json"}'),
        ('{"a": 1}\n```', '{"a": 1}\n```'),
        ("``", "``"),
        ("", ""),
        ('```json\n{"a": "```"}\n```', '{"a": "```"}'),
        ('```json\n{"a": 1}', '{"a": 1}'),
    ],
)
def test_a_fence_is_taken_off_wherever_it_is_cut(text: str, wanted: str) -> None:
    assert shown(text) == wanted
    assert shown(*text) == wanted
    for at in range(len(text)):
        assert shown(text[:at], text[at:]) == wanted


@given(value=st.recursive(st.text() | st.integers(), st.lists), cuts=st.lists(st.integers(1, 40)))
def test_json_is_never_changed(value: object, cuts: list[int]) -> None:
    text = json.dumps(value, ensure_ascii=False)
    for given_text in (text, f"```json\n{text}\n```"):
        pieces, at = [], 0
        for size in cuts:
            pieces.append(given_text[at : at + size])
            at += size
        assert shown(*pieces, given_text[at:]) == text


def test_text_before_a_call_is_shown_before_it() -> None:
    fences = Unfenced()
    events = fences.take([TextDelta("```json\n{}"), ToolStart(0, "c", "f")])
    assert [type(event) for event in events] == [TextDelta, ToolStart]


def test_only_answers_that_have_to_be_json_are_looked_at() -> None:
    events = [TextDelta("```json\n{}\n```"), *END]
    assert unfenced(chat(), events) is events
    from msgspec.structs import replace

    asked = replace(chat(), facts=ChatFacts(response_format="json_schema"))
    assert unfenced(asked, events) != events
