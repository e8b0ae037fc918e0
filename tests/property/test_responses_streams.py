"""Responses streams, cut and mangled in every way, and any events in any order: what callers see is
a sound stream or a failed one, never a false end."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from openai_responses_lane import (
    ENDPOINT,
    TEXT,
    TOOLS,
    WIRE,
    asked,
    lane,
    provider,
    recorded_responses,
)
from opengateway.checks.responses_grammar import read_stream
from opengateway.dialects.openai_responses import ResponsesRendering
from opengateway.domain.chat import Meter
from opengateway.domain.errors import ShownError
from opengateway.domain.events import (
    Aside,
    End,
    Event,
    Finish,
    ReasoningDelta,
    ReasoningSeal,
    RefusalDelta,
    Start,
    TextDelta,
    ToolArguments,
    ToolEnd,
    ToolStart,
)
from opengateway.gateway.echoing import EchoingStream
from opengateway.gateway.translation import Guard
from opengateway.kit.json import Raw, loads
from recordings import needs_recordings

SHOWN = ShownError(502, "server_error", "upstream_error", "it broke", "gen_1")
RECORDED = {i: c.response for i, c in recorded_responses().items() if c.stream and c.status == 200}
STREAMS = {"text": TEXT, "tools": TOOLS}
CHAT = asked()


def stream() -> EchoingStream:
    return lane().stream(CHAT, ENDPOINT, provider(), "lab/model")


def fed(data: bytes, edges: list[int] | None = None) -> tuple[EchoingStream, bytes]:
    made, frames = stream(), b""
    for a, b in pairwise([0, *(edges or ()), len(data)]):
        frames += made.feed(data[a:b])
    return made, frames + made.end() + made.ending


def check_cut(data: bytes, size: int, whole: bytes) -> None:
    """A stream cut anywhere before its end is never shown as whole, and ends failed."""
    made, frames = fed(data[:size])
    if made.done:
        assert frames == whole
        return
    assert made.error is not None
    grammar = read_stream(frames + made.broken(SHOWN))
    assert grammar.faults == []
    assert not grammar.ended_well
    assert b"response.completed" not in frames


@pytest.mark.parametrize("name", sorted(STREAMS))
def test_cut_at_every_byte_it_never_finishes_falsely(name: str) -> None:
    data = STREAMS[name]
    _, whole = fed(data)
    for size in range(len(data)):
        check_cut(data, size, whole)


@pytest.mark.parametrize("name", sorted(STREAMS))
def test_cut_into_single_bytes_it_is_the_same(name: str) -> None:
    data = STREAMS[name]
    assert fed(data, list(range(1, len(data))))[1] == fed(data)[1]


@needs_recordings
@pytest.mark.parametrize("case_id", sorted(RECORDED) or ["none"])
def test_a_recorded_stream_ends_with_its_last_byte_and_not_before(case_id: str) -> None:
    data = RECORDED[case_id]
    _, whole = fed(data)
    made, frames = stream(), b""
    end = data.rindex(b"data: {")
    end = data.index(b"\n\n", end) + 2
    for at in range(end):
        assert not made.done, f"done after {at} of {end} bytes"
        frames += made.feed(data[at : at + 1])
    assert made.done
    assert frames + made.ending == whole
    for size in (*(end * n // 40 for n in range(40)), end - 1):
        check_cut(data, size, whole)


@needs_recordings
@settings(deadline=None, max_examples=60)
@given(st.data())
def test_recorded_streams_cut_at_random_are_the_same_and_sound(data: st.DataObject) -> None:
    case_id = data.draw(st.sampled_from(sorted(RECORDED)))
    body = RECORDED[case_id]
    edges = sorted(data.draw(st.lists(st.integers(0, len(body)), max_size=30)))
    made, frames = fed(body, edges)
    grammar = read_stream(frames)
    assert grammar.faults == []
    assert grammar.ended_well
    assert made.done


@settings(deadline=None)
@given(st.sampled_from(sorted(STREAMS)), st.data())
def test_mangled_bytes_raise_nothing_and_stay_sound(name: str, data: st.DataObject) -> None:
    body = bytearray(STREAMS[name])
    for _ in range(data.draw(st.integers(1, 6))):
        at = data.draw(st.integers(0, len(body) - 1))
        body[at : at + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=3))
    made, frames = fed(bytes(body))
    if made.error is not None:
        frames += made.broken(SHOWN)
    grammar = read_stream(frames)
    assert grammar.faults == []
    assert grammar.ended_well is made.done


@settings(deadline=None)
@given(st.binary(max_size=200))
def test_any_bytes_raise_nothing(body: bytes) -> None:
    fed(body)
    WIRE.reply(body, ENDPOINT, provider())


TEXTS = st.sampled_from(["", "a", '"', "\n\ndata: x", "한글 😀", "\u2028"])
SLOTS = st.integers(0, 2)
EVENTS: st.SearchStrategy[Event] = st.one_of(
    st.builds(TextDelta, TEXTS, SLOTS),
    st.builds(RefusalDelta, TEXTS),
    st.builds(ReasoningDelta, TEXTS, SLOTS, st.just(0), st.booleans()),
    st.builds(ReasoningSeal, st.sampled_from(["openai", "x"]), SLOTS, st.just(0), TEXTS),
    st.builds(ToolStart, SLOTS, st.sampled_from(["c1", "c2"]), st.just("f"), SLOTS),
    st.builds(ToolArguments, SLOTS, TEXTS),
    st.builds(ToolEnd, SLOTS),
    st.just(Aside("openai_responses", {"phase": Raw(b'"commentary"')})),
    st.just(Aside("openai_responses", {"summary_part": Raw(b"true")})),
)


@settings(deadline=None)
@given(st.lists(EVENTS, max_size=30), st.sampled_from(["stop", "length", "content_filter"]))
def test_any_events_make_a_sound_stream(events: list[Event], reason: str) -> None:
    guard = Guard("lab")
    finish = Finish(reason, reason)  # type: ignore[arg-type]
    kept = guard.take([Start(), *events, finish, End()])
    rendering = ResponsesRendering(lambda: 1, lambda prefix: prefix + "0" * 32)
    renderer = rendering.stream(CHAT, "lab/model")
    frames = b"".join(renderer.render(event) for event in kept) + renderer.ending
    grammar = read_stream(frames)
    assert grammar.faults == []
    assert grammar.ended_well
    whole = rendering.whole_of(CHAT, kept, Meter(), "lab/model")
    assert loads(whole) == grammar.final
