"""The translation lane, cut and mangled: what a caller may never see, whatever the wire says."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from canonical_lane import LANE, RENDERING, counted, fed
from openai_chat_streams import STREAMS
from openai_chat_wire import MODEL_ID, chat, endpoint, provider
from opengateway.checks.caller_view import see_stream
from opengateway.checks.replay import provider_of
from opengateway.domain.catalog import Provider
from opengateway.domain.errors import ErrorClass, UpstreamError
from opengateway.domain.events import (
    Aside,
    End,
    Event,
    Failure,
    Finish,
    ImageOut,
    Ping,
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
from opengateway.gateway.translation import Guard, TranslatedStream
from opengateway.wires.openai_chat.canonical_stream import OpenAIChatParser
from recordings import chat_cases, needs_recordings

ASKED = chat(stream=True, stream_options={"include_usage": True})
NAMES = st.sampled_from(sorted(STREAMS))


def told(stream: TranslatedStream) -> tuple[Any, ...]:
    error = stream.error
    return counted(stream.meter), stream.done, error and (error.error_class, error.detail)


def _class_of(stream: TranslatedStream) -> ErrorClass | None:
    return stream.error and stream.error.error_class


def played(data: bytes, vendor: Provider, edges: list[int]) -> tuple[bytes, tuple[Any, ...]]:
    stream = LANE.stream(ASKED, endpoint(), vendor, MODEL_ID)
    frames = b"".join(stream.feed(data[a:b]) for a, b in pairwise(edges)) + stream.end()
    return frames, told(stream)


def _cut_everywhere(data: bytes, vendor: Provider) -> TranslatedStream:
    """Feed byte by byte, and let the provider hang up after each: never an end, never a finish."""
    parser = OpenAIChatParser(vendor)
    stream = TranslatedStream(parser, RENDERING.stream(ASKED, MODEL_ID), vendor.id)
    last = len(data) - 1
    for at in range(last):
        frames = stream.feed(data[at : at + 1])
        assert not stream.done, f"done after byte {at}"
        if stream.error is None:  # hang up here, and then let it go on as if nothing had been
            assert stream.end() == b""
            assert _class_of(stream) is ErrorClass.TRUNCATED, f"byte {at}"
            stream.error = parser.error = None
        assert b'"finish_reason":"' not in frames
    stream.feed(data[last:])
    return stream


@pytest.mark.parametrize("name", sorted(STREAMS))
def test_a_stream_cut_at_any_byte_is_never_shown_as_finished(name: str) -> None:
    vendor, data = STREAMS[name]
    stream = _cut_everywhere(data, provider(vendor))
    assert told(stream) == played(data, provider(vendor), [0, len(data)])[1]


@settings(deadline=None)
@given(NAMES, st.lists(st.integers(0, 3000), max_size=40))
def test_where_the_bytes_are_cut_changes_nothing(name: str, cuts: list[int]) -> None:
    vendor, data = STREAMS[name]
    edges = [0, *sorted(cut % len(data) for cut in cuts), len(data)]
    whole = played(data, provider(vendor), [0, len(data)])
    assert played(data, provider(vendor), edges) == whole
    assert see_stream(whole[0], MODEL_ID, include_usage=True).faults == []


@settings(max_examples=200, deadline=None)
@given(NAMES, st.lists(st.tuples(st.integers(0, 3000), st.binary(max_size=6)), min_size=1))
def test_no_damage_makes_it_raise_or_hand_on_half_a_frame(
    name: str, damages: list[tuple[int, bytes]]
) -> None:
    vendor, data = STREAMS[name]
    for at, noise in damages:
        at %= len(data) + 1
        data = data[:at] + noise + data[at + max(1, len(noise)) :] or b"\n"
    stream = LANE.stream(ASKED, endpoint(), provider(vendor), MODEL_ID)
    frames = fed(stream, data)
    assert stream.done is not (stream.error is not None)
    finishes = _finishes(frames)
    assert stream.done or not finishes


def _finishes(frames: bytes) -> list[tuple[int, str]]:
    return [
        (choice["index"], choice["finish_reason"])
        for frame in frames.split(b"\n\n")[:-1]
        for choice in json.loads(frame.removeprefix(b"data: "))["choices"]
        if choice["finish_reason"] is not None
    ]


# --- whatever a parser says -------------------------------------------------------------------------
_CHOICE = st.integers(0, 2)
_TEXT = st.text(max_size=5)
_SLOT = st.integers(0, 2)
_FINISH = st.sampled_from(["stop", "length", "tool_calls", "content_filter", "function_call"])
EVENTS: st.SearchStrategy[Event] = st.one_of(
    st.builds(Start, id=_TEXT),
    st.builds(TextDelta, _TEXT, choice=_CHOICE),
    st.builds(RefusalDelta, _TEXT, _CHOICE),
    st.builds(ReasoningDelta, _TEXT, st.integers(0, 2), _CHOICE, st.booleans()),
    st.builds(
        ReasoningSeal,
        st.sampled_from(["google", "anthropic"]),
        st.integers(0, 2),
        _CHOICE,
        st.none() | _TEXT,
        st.none() | _TEXT,
        st.none() | st.sampled_from(["a", "b"]),
    ),
    st.builds(ToolStart, _SLOT, st.sampled_from(["a", "b"]), _TEXT, choice=_CHOICE),
    st.builds(ToolArguments, _SLOT, _TEXT, _CHOICE),
    st.builds(ToolEnd, _SLOT, _CHOICE),
    st.builds(ImageOut, _TEXT, st.just("image/png"), _CHOICE),
    st.just(Aside("openai_chat", choice=1)),
    st.builds(UsageReport, st.just(Usage({Dimension.INPUT: 1}))),
    st.builds(Finish, _FINISH, _TEXT, _CHOICE, st.none() | _TEXT),
    st.just(Ping()),
    st.just(End()),
    st.just(Failure(UpstreamError(ErrorClass.OVERLOADED, "busy"))),
)


class _Said:
    """A parser whose vendor says anything, in any order."""

    def __init__(self, batches: list[list[Event]]) -> None:
        self._batches = iter(batches)

    def feed(self, chunk: bytes) -> list[Event]:
        return next(self._batches, [])

    def end(self) -> list[Event]:
        return []


@settings(max_examples=400, deadline=None)
@given(st.lists(st.lists(EVENTS, max_size=6), max_size=6), st.booleans())
def test_an_answer_ends_once_and_last_whatever_the_parser_says(
    batches: list[list[Event]], ends_well: bool
) -> None:
    batches = [*batches, [End()]] if ends_well else batches
    renderer = RENDERING.stream(ASKED, MODEL_ID)
    stream = TranslatedStream(_Said(batches), renderer, "vendor")
    frames = b"".join(stream.feed(b"x") for _ in batches) + stream.end()
    assert stream.done is not (stream.error is not None)
    finishes = _finishes(frames)
    if stream.error is not None:
        assert finishes == []
        assert stream.meter.finish_reason is None
        return
    faults = see_stream(frames, MODEL_ID, include_usage=True).faults
    assert [fault for fault in faults if not fault.endswith(_ABOUT_CALLS)] == []
    assert len({choice for choice, _ in finishes}) == len(finishes) >= 1
    assert stream.meter.finish_reason == min(finishes)[1]
    _same_as_whole(batches, stream)


_ABOUT_CALLS = ("without name or id", "share an id", *(f"comes as number {n}" for n in range(9)))
"""What is the parser's business and is left alone: names, ids and numbers of calls."""


def _same_as_whole(batches: list[list[Event]], stream: TranslatedStream) -> None:
    """At once it is the same: what is kept, what is counted, and a whole answer of it."""
    guard = Guard("vendor")
    kept = guard.take([event for batch in batches for event in batch])
    assert guard.meter == stream.meter
    assert isinstance(kept[0], Start)
    assert isinstance(kept[-1], End)
    answer = json.loads(RENDERING.whole(kept, guard.meter, MODEL_ID))
    assert all(choice["finish_reason"] for choice in answer["choices"])


# --- recorded ---------------------------------------------------------------------------------------
RECORDED = {case["case_id"]: case for case in chat_cases() if case["stream"]}


@needs_recordings
@pytest.mark.parametrize("case_id", sorted(RECORDED) or ["none"])
def test_a_recorded_stream_cut_at_any_byte_is_never_shown_as_finished(case_id: str) -> None:
    case = RECORDED[case_id]
    stream = _cut_everywhere(case["response"]["body"].encode(), provider_of(case["provider"]))
    assert stream.done is not (stream.error is not None)
    assert stream.done is ("stream_error" not in case["expect"])


@needs_recordings
@pytest.mark.parametrize("case_id", sorted(RECORDED) or ["none"])
@settings(max_examples=5, deadline=None)
@given(data=st.data())
def test_where_a_recorded_stream_is_cut_changes_nothing(case_id: str, data: st.DataObject) -> None:
    case = RECORDED[case_id]
    vendor, raw = provider_of(case["provider"]), case["response"]["body"].encode()
    cuts = data.draw(st.lists(st.integers(0, len(raw)), max_size=30).map(sorted))
    assert played(raw, vendor, [0, *cuts, len(raw)]) == played(raw, vendor, [0, len(raw)])
