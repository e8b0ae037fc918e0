"""Anthropic's streams, cut and mangled in every way: no difference, no false finish, no exception."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from anthropic_wire import (
    BUDGETED,
    PING,
    PROVIDER,
    STOP,
    WIRE,
    asked,
    assistant,
    began,
    closed,
    delta,
    ended,
    opened,
    recorded_messages,
    sse,
    user,
)
from opengateway.checks.messages_history import items_of
from opengateway.checks.replay_messages import anthropic_endpoint
from opengateway.domain.canonical import Reasoning
from opengateway.domain.errors import ErrorClass
from opengateway.domain.events import End, Event, Failure, Finish, TextDelta
from opengateway.kit.json import dumps, loads
from opengateway.wires.anthropic.stream import AnthropicStreamParser
from recordings import needs_recordings

ENDPOINT = anthropic_endpoint(BUDGETED)
STREAMS: dict[str, bytes] = {
    "text": sse(
        began(),
        PING,
        opened(0),
        delta(0, "text", text="Grüße, 안녕 😀"),
        delta(0, "text", text='event: message_stop\ndata: {"type":"message_stop"}\n\n'),
        closed(0),
        ended(),
        STOP,
    ),
    "thought": sse(
        began(cache_read_input_tokens=7),
        opened(0, "thinking"),
        delta(0, "thinking", thinking="hm\u2028"),
        delta(0, "signature", signature="A+/="),
        closed(0),
        opened(1, "redacted_thinking", data="xyz"),
        closed(1),
        opened(2, "tool_use", id="t", name="f", input={}),
        delta(2, "input_json", partial_json='{"x": '),
        delta(2, "input_json", partial_json="1}"),
        closed(2),
        ended("tool_use"),
        STOP,
    ),
    "server": sse(
        began(),
        opened(0, "server_tool_use", id="s", name="web_search", input={}),
        delta(0, "input_json", partial_json='{"query":"x"}'),
        closed(0),
        opened(1, citations=[]),
        delta(1, "text", text="so"),
        delta(1, "citations", citation={"url": "https://x.example", "title": "X"}),
        closed(1),
        ended("pause_turn"),
        STOP,
    ),
    "broken": sse(
        began(),
        opened(0),
        delta(0, "text", text="x"),
        {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}},
    ),
}
NAMES = st.sampled_from(sorted(STREAMS))


def parser() -> AnthropicStreamParser:
    return WIRE.parser(ENDPOINT, PROVIDER)


def told(events: list[Event]) -> list[Any]:
    """Events that can be compared: an error by what it says."""
    return [(e.error.error_class, e.error.detail) if isinstance(e, Failure) else e for e in events]


def played(data: bytes, edges: list[int] | None = None) -> list[Any]:
    stream = parser()
    events: list[Event] = []
    for a, b in pairwise([0, *(edges or ()), len(data)]):
        events += stream.feed(data[a:b])
    return told([*events, *stream.end()])


def check_the_end(events: list[Event]) -> None:
    """One end or one failure, last; a finish right before an end and nowhere else."""
    last = [isinstance(event, End | Failure) for event in events]
    assert last.count(True) == 1
    assert last[-1]
    finishes = [at for at, event in enumerate(events) if isinstance(event, Finish)]
    assert finishes == ([len(events) - 2] if isinstance(events[-1], End) else [])


@settings(deadline=None)
@given(NAMES, st.lists(st.integers(0, 5000), max_size=40))
def test_where_the_bytes_are_cut_changes_nothing(name: str, cuts: list[int]) -> None:
    data = STREAMS[name]
    assert played(data, sorted(cut % len(data) for cut in cuts)) == played(data)


@pytest.mark.parametrize("ending", [b"\r\n", b"\r"])
@pytest.mark.parametrize("name", sorted(STREAMS))
def test_line_endings_comments_and_a_byte_order_mark_change_nothing(
    name: str, ending: bytes
) -> None:
    data = STREAMS[name]
    dressed = b"\xef\xbb\xbf: hi\n\n" + data.replace(b"\n\n", b"\n\n: ping\n\n")
    dressed = dressed.replace(b"\n", ending)
    assert played(dressed) == played(data)
    assert played(dressed, list(range(len(dressed)))) == played(data)


def cut_everywhere(data: bytes) -> None:
    """Byte by byte: before the last one never an end, never a finish. And hung up on at many."""
    stream = parser()
    last = len(data) - 1
    for at in range(last):
        events = stream.feed(data[at : at + 1])
        assert not any(isinstance(event, Finish | End) for event in events), f"after byte {at}"
        assert not any(isinstance(event, Failure) for event in events)
    ends = [type(event) for event in stream.feed(data[last:])]
    assert ends == [Failure] or ends[-2:] == [Finish, End]
    step = max(1, len(data) // 60)
    for at in {*range(0, last, step), last - 1, last}:
        stream = parser()
        failure = [*stream.feed(data[:at]), *stream.end()][-1]
        assert isinstance(failure, Failure)
        assert failure.error.error_class is ErrorClass.TRUNCATED


@pytest.mark.parametrize("name", sorted(STREAMS))
def test_a_stream_cut_at_any_byte_is_never_shown_as_finished(name: str) -> None:
    cut_everywhere(STREAMS[name])


@settings(max_examples=400, deadline=None)
@given(
    NAMES,
    st.lists(
        st.tuples(
            st.integers(0, 5000), st.sampled_from(["flip", "cut", "add"]), st.binary(max_size=6)
        ),
        min_size=1,
        max_size=6,
    ),
    st.integers(1, 400),
)
def test_no_damage_makes_it_raise_or_end_twice(
    name: str, damages: list[tuple[int, str, bytes]], step: int
) -> None:
    data = STREAMS[name]
    for at, kind, noise in damages:
        at %= len(data) + 1
        rest = at if kind == "add" else at + max(1, len(noise))
        data = data[:at] + (b"" if kind == "cut" else noise) + data[rest:]
        data = data or b"\n"
    stream = parser()
    events = [e for i in range(0, len(data), step) for e in stream.feed(data[i : i + step])]
    check_the_end([*events, *stream.end()])


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8)
    | st.sampled_from(["text", "thinking", "tool_use", "text_delta", "signature_delta", "f"]),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(
        st.sampled_from(["type", "index", "delta", "content_block", "text", "id", "name", "input",
                         "usage", "message", "stop_reason", "error", "citation", "partial_json"]),
        inner, max_size=5,
    ),
    max_leaves=12,
)  # fmt: skip
KINDS = st.sampled_from(
    [
        "message_start",
        "content_block_start",
        "content_block_delta",
        "content_block_stop",
        "message_delta",
        "message_stop",
        "error",
        "x",
    ]
)


@settings(max_examples=300, deadline=None)
@given(
    st.lists(
        st.tuples(
            KINDS,
            st.integers(-1, 2),
            st.dictionaries(
                st.sampled_from(["delta", "content_block", "usage", "message", "error", "index"]),
                json_values,
            ),
        ),
        max_size=8,
    )
)
def test_events_of_any_content_never_raise(
    parts: list[tuple[str, int, dict[str, Any]]],
) -> None:
    data = sse(*({"type": kind, "index": index, **rest} for kind, index, rest in parts), STOP)
    stream = parser()
    check_the_end([*stream.feed(data), *stream.end()])


@settings(max_examples=200, deadline=None)
@given(
    st.dictionaries(
        st.sampled_from(["content", "usage", "stop_reason", "id", "type", "error", "stop_details"]),
        json_values,
    )
)
def test_whole_answers_of_any_content_never_raise(answer: dict[str, Any]) -> None:
    check_the_end(list(WIRE.reply(dumps(answer), ENDPOINT, PROVIDER)))


@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.text(max_size=12), max_size=5),
    st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=40),
)
def test_thoughts_come_back_byte_for_byte(pieces: list[str], signature: str) -> None:
    thinking = (delta(0, "thinking", thinking=piece) for piece in pieces)
    data = sse(
        began(), opened(0, "thinking"), *thinking, delta(0, "signature", signature=signature),
        closed(0), ended(), STOP,
    )  # fmt: skip
    stream = parser()
    items = items_of([*stream.feed(data), *stream.end()])
    assert items == [Reasoning(text="".join(pieces), signature=signature, origin="anthropic")]
    body = loads(
        WIRE.request(asked(user("q"), assistant(*items, "x"), user("y")), ENDPOINT, PROVIDER).body
    )
    assert body["messages"][1]["content"][0] == {
        "type": "thinking", "thinking": "".join(pieces), "signature": signature,
    }  # fmt: skip


# --- recorded --------------------------------------------------------------------------------------
RECORDED = {name: case.response for name, case in recorded_messages().items() if case.stream}


@needs_recordings
@pytest.mark.parametrize("case_id", sorted(RECORDED) or ["none"])
def test_a_recorded_stream_cut_at_any_byte_is_never_shown_as_finished(case_id: str) -> None:
    cut_everywhere(RECORDED[case_id])


@needs_recordings
@pytest.mark.parametrize("case_id", sorted(RECORDED) or ["none"])
@settings(max_examples=10, deadline=None)
@given(data=st.data())
def test_where_a_recorded_stream_is_cut_changes_nothing(case_id: str, data: st.DataObject) -> None:
    raw = RECORDED[case_id]
    cuts = data.draw(st.lists(st.integers(0, len(raw)), max_size=30).map(sorted))
    assert played(raw, cuts) == played(raw)
    assert any(isinstance(event, TextDelta) for event in played(raw))
