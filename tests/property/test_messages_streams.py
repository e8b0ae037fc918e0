"""Streams of the Messages surface, cut and mangled: no difference, no false finish, one grammar."""

from __future__ import annotations

import json
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from anthropic_wire import PING, STOP, began, closed, delta, ended, opened, sse
from anthropic_wire import recorded_messages as recorded
from canonical_lane import counted
from messages_surface import (
    MODEL_ID,
    OPENAI,
    RENDERING,
    STRAIGHT,
    TRANSLATED,
    begun,
    chat,
    ending,
    endpoint,
)
from openai_chat_streams import STREAMS as OPENAI_STREAMS
from opengateway.checks.messages_grammar import SeenMessage, lean, see_message, see_messages
from opengateway.checks.replay import provider_of
from opengateway.domain.catalog import Provider
from opengateway.domain.errors import ErrorClass, UpstreamError
from opengateway.domain.events import (
    Annotation,
    End,
    Event,
    Failure,
    Finish,
    ImageOut,
    Ping,
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
from opengateway.ports.provider import ChatStream
from recordings import chat_cases, needs_recordings

Begin = Callable[[], ChatStream]
CLAUDE: dict[str, bytes] = {
    "text": sse(
        began(),
        PING,
        opened(0),
        delta(0, "text", text="Grüße, 안녕 😀"),
        delta(0, "text", text='event: message_stop\ndata: {"type":"message_stop"}\n\n'),
        closed(0),
        ended(),
        PING,
        STOP,
    ),
    "thought and calls": sse(
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
        opened(3, "tool_use", id="u", name="g", input={}),
        closed(3),
        ended("tool_use"),
        STOP,
    ),
    "refused": sse(
        began(),
        opened(0),
        delta(0, "text", text="I"),
        closed(0),
        ended("refusal", stop_details={"type": "refusal", "explanation": "no"}),
        STOP,
    ),
    "returned": sse(began(), opened(0), delta(0, "text", text="a"), closed(0), ended(), STOP)
    .replace(b"\n", b"\r\n"),
    "broken": sse(
        began(),
        opened(0),
        delta(0, "text", text="a"),
        {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}},
    ),
}  # fmt: skip
_BAD_INPUT = "a call's input is not JSON"
LANES = {"straight": STRAIGHT, "translated": TRANSLATED}


def of_claude(lane: str) -> Begin:
    return lambda: begun(LANES[lane])


def of_openai(vendor: Provider) -> Begin:
    asked = chat(stream=True)
    return lambda: OPENAI.stream(asked, endpoint(vendor), vendor, MODEL_ID)


def told(stream: ChatStream) -> tuple[Any, ...]:
    error = stream.error
    return counted(stream.meter), stream.done, error and (error.error_class, error.detail)


def played(begin: Begin, data: bytes, edges: list[int]) -> tuple[bytes, tuple[Any, ...]]:
    stream = begin()
    frames = b"".join(stream.feed(data[a:b]) for a, b in pairwise(edges)) + stream.end()
    return frames + ending(stream), told(stream)


def _faults(frames: bytes) -> list[str]:
    return see_messages(frames, MODEL_ID).faults


def never_finished_early(begin: Begin, data: bytes) -> None:
    """Byte by byte: whole frames of the grammar, no stop reason, and no end but at the last.

    The provider hangs up at each line and at each event's edges, in a stream of its own.
    """
    whole = played(begin, data, [0, len(data)])
    stream, frames = begin(), b""
    for at in range(len(data)):
        assert stream.error is not None or not stream.done or at >= len(data) - 2, f"byte {at}"
        frames += stream.feed(data[at : at + 1])
        if not stream.done:
            assert b"message_delta" not in frames, f"byte {at}"
    assert frames + stream.end() + ending(stream) == whole[0]
    assert told(stream) == whole[1]
    edges = [at for at in range(1, len(data) - 2) if data[at - 1 : at] in (b"\n", b"}")]
    for at in edges[:: max(1, len(edges) // 200)]:
        cut, state = played(begin, data, [0, at])
        _, done, error = state
        assert not done, f"cut at {at}"
        assert error is not None
        assert b"message_delta" not in cut
        assert b"message_stop\n" not in cut.replace(b'"', b"")


@pytest.mark.parametrize("lane", sorted(LANES))
@pytest.mark.parametrize("name", sorted(CLAUDE))
def test_a_stream_of_claude_cut_at_any_byte_is_never_shown_as_finished(
    name: str, lane: str
) -> None:
    if name != "text":  # that one says the words of an end itself
        never_finished_early(of_claude(lane), CLAUDE[name])
    frames, (_, done, error) = played(of_claude(lane), CLAUDE[name], [0, len(CLAUDE[name])])
    assert _faults(frames) == []
    assert done is (name != "broken")
    assert (error is None) is done


@pytest.mark.parametrize("name", sorted(OPENAI_STREAMS))
def test_a_stream_of_another_vendor_cut_at_any_byte_is_never_shown_as_finished(name: str) -> None:
    vendor, data = OPENAI_STREAMS[name]
    begin = of_openai(provider_of(vendor))
    never_finished_early(begin, data)
    assert _faults(played(begin, data, [0, len(data)])[0]) == []


@settings(deadline=None)
@given(
    st.sampled_from(sorted(CLAUDE)),
    st.sampled_from(sorted(LANES)),
    st.lists(st.integers(0, 3000), max_size=40),
)
def test_where_the_bytes_are_cut_changes_nothing(name: str, lane: str, cuts: list[int]) -> None:
    data, begin = CLAUDE[name], of_claude(lane)
    edges = [0, *sorted(cut % len(data) for cut in cuts), len(data)]
    assert played(begin, data, edges) == played(begin, data, [0, len(data)])


@settings(max_examples=200, deadline=None)
@given(
    st.sampled_from(sorted(CLAUDE)),
    st.sampled_from(sorted(LANES)),
    st.lists(st.tuples(st.integers(0, 3000), st.binary(max_size=6)), min_size=1),
)
def test_no_damage_makes_it_raise_or_end_well_without_an_end(
    name: str, lane: str, damages: list[tuple[int, bytes]]
) -> None:
    data = CLAUDE[name]
    for at, noise in damages:
        at %= len(data) + 1
        data = data[:at] + noise + data[at + max(1, len(noise)) :] or b"\n"
    stream = begun(LANES[lane])
    frames = stream.feed(data) + stream.end()
    assert stream.done is not (stream.error is not None)
    assert frames == b"" or frames.endswith(b"\n\n")
    if lane == "translated":
        seen = see_messages(frames + ending(stream), MODEL_ID)
        assert seen.is_whole is stream.done
        assert [fault for fault in seen.faults if fault != _BAD_INPUT] == []
    else:  # what a vendor says amiss within its events is handed on; that it ended is not
        assert stream.done or b"\nevent: message_delta\n" not in frames


# --- whatever a parser says -------------------------------------------------------------------------
_TEXT = st.text(max_size=4)
_CHOICE = st.sampled_from([0, 0, 0, 1])
_BLOCK = st.integers(0, 3)
_SLOT = st.integers(0, 3)
_JSON = st.sampled_from(['{"a":', "1}", "{}", "x", '"'])
_FINISH = st.sampled_from(["stop", "length", "tool_calls", "content_filter", "function_call"])
_SERVER = Raw(b'{"type":"server_tool_use","id":"s","name":"web_search","input":{}}')
EVENTS: st.SearchStrategy[Event] = st.one_of(
    st.builds(Start, id=_TEXT),
    st.builds(TextDelta, _TEXT, _BLOCK, _CHOICE),
    st.builds(RefusalDelta, _TEXT, _CHOICE),
    st.builds(ReasoningDelta, _TEXT, _BLOCK, _CHOICE, st.booleans()),
    st.builds(
        ReasoningSeal,
        st.sampled_from(["google", "anthropic"]),
        _BLOCK,
        _CHOICE,
        st.none() | _TEXT,
        st.none() | _TEXT,
        st.none() | st.sampled_from(["a", "b"]),
    ),
    st.builds(ToolStart, _SLOT, st.sampled_from(["a", "b"]), _TEXT, _BLOCK, _CHOICE),
    st.builds(ToolArguments, _SLOT, _JSON, _CHOICE),
    st.builds(ToolEnd, _SLOT, _CHOICE),
    st.builds(ImageOut, _TEXT, st.just("image/png"), _CHOICE),
    st.builds(Annotation, st.just("https://x"), st.none() | _TEXT),
    st.builds(ServerEventItem, st.just(_SERVER), st.sampled_from(["anthropic", "other"])),
    st.builds(UsageReport, st.just(Usage({Dimension.INPUT: 1}))),
    st.builds(Finish, _FINISH, st.sampled_from(["", "end_turn", "odd"]), _CHOICE, st.none() | _TEXT),
    st.just(Ping()),
    st.just(End()),
    st.just(Failure(UpstreamError(ErrorClass.OVERLOADED, "busy"))),
)  # fmt: skip


class _Said:
    """A parser whose vendor says anything, in any order."""

    def __init__(self, batches: list[list[Event]]) -> None:
        self._batches = iter(batches)

    def feed(self, chunk: bytes) -> list[Event]:
        return next(self._batches, [])

    def end(self) -> list[Event]:
        return []


@settings(max_examples=500, deadline=None)
@given(st.lists(st.lists(EVENTS, max_size=8), max_size=6), st.sampled_from(["", "end_turn"]))
def test_blocks_are_sequential_whatever_the_parser_says(
    batches: list[list[Event]], native: str
) -> None:
    batches = [*batches, [Finish("stop", native), End()]]
    renderer = RENDERING.stream(chat(stream=True), MODEL_ID)
    stream = EchoingStream(_Said(batches), renderer, "vendor")
    frames = b"".join(stream.feed(b"x") for _ in batches) + stream.end()
    seen = see_messages(frames + ending(stream), MODEL_ID)
    assert [fault for fault in seen.faults if fault != _BAD_INPUT] == []
    assert seen.is_whole is stream.done is (stream.error is None)
    if stream.done:
        _same_as_whole(batches, seen)


def _same_as_whole(batches: list[list[Event]], seen: SeenMessage) -> None:
    guard = Guard("vendor")
    kept = guard.take([event for batch in batches for event in batch])
    whole = see_message(
        RENDERING.whole_of(chat(stream=True), kept, guard.meter, MODEL_ID), MODEL_ID
    )
    assert whole.faults == []
    for name in ("stop_reason", "stop_sequence", "stop_details"):
        assert whole.message.get(name) == seen.message.get(name)
    blocks = lean(whole.message)["content"], lean(seen.message)["content"]
    for one, other in zip(*blocks, strict=True):
        assert one | {"input": 0} == other | {"input": 0}


# --- recorded ---------------------------------------------------------------------------------------
OWN = {case_id: case.response for case_id, case in recorded().items() if case.stream}
OTHERS = {case["case_id"]: case for case in chat_cases() if case["stream"]}


@needs_recordings
@pytest.mark.parametrize("lane", sorted(LANES))
@pytest.mark.parametrize("case_id", sorted(OWN) or ["none"])
def test_a_recorded_stream_cut_at_any_byte_is_never_shown_as_finished(
    case_id: str, lane: str
) -> None:
    never_finished_early(of_claude(lane), OWN[case_id])


@needs_recordings
@pytest.mark.parametrize("case_id", sorted(OTHERS) or ["none"])
def test_a_recorded_stream_of_another_vendor_follows_the_grammar_however_it_is_cut(
    case_id: str,
) -> None:
    case = OTHERS[case_id]
    data = case["response"]["body"].encode()
    begin = of_openai(provider_of(case["provider"]))
    frames, state = played(begin, data, [0, len(data)])
    assert _faults(frames) == []
    assert state[1] is ("stream_error" not in case["expect"])
    assert played(begin, data, [*range(0, len(data), 7), len(data)]) == (frames, state)


@needs_recordings
@pytest.mark.parametrize("lane", sorted(LANES))
@pytest.mark.parametrize("case_id", sorted(OWN) or ["none"])
@settings(max_examples=8, deadline=None)
@given(data=st.data())
def test_where_a_recorded_stream_is_cut_changes_nothing(
    case_id: str, lane: str, data: st.DataObject
) -> None:
    raw, begin = OWN[case_id], of_claude(lane)
    cuts = data.draw(st.lists(st.integers(0, len(raw)), max_size=30).map(sorted))
    assert played(begin, raw, [0, *cuts, len(raw)]) == played(begin, raw, [0, len(raw)])


@needs_recordings
@pytest.mark.parametrize("case_id", sorted(OWN) or ["none"])
def test_the_straight_lane_hands_on_the_very_bytes(case_id: str) -> None:
    """All but the model's name in the first event, and the end."""
    raw = OWN[case_id]
    frames, _ = played(of_claude("straight"), raw, [0, len(raw)])
    came, went = raw.split(b"\n\n"), frames.split(b"\n\n")
    assert went[1:-2] == came[1 : len(went) - 2]
    first = json.loads(came[0].partition(b"data: ")[2])
    first["message"]["model"] = MODEL_ID
    assert json.loads(went[0].partition(b"data: ")[2]) == first
