"""Streams, cut and mangled in every way: what a caller may never see.

The streams are written here; where recordings lie beside the checkout, every recorded one is played
as well.
"""

from __future__ import annotations

import json
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from openai_chat_streams import STREAMS
from openai_chat_wire import MODEL_ID, WIRE, chat, endpoint, provider
from opengateway.checks.caller_view import see_stream
from opengateway.checks.replay import provider_of
from opengateway.domain.errors import ErrorClass
from opengateway.wires.openai_chat.stream import OpenAIChatStream
from recordings import chat_cases, needs_recordings

NAMES = st.sampled_from(sorted(STREAMS))


def stream_of(name: str, *, include_usage: bool = True) -> OpenAIChatStream:
    options = {"stream_options": {"include_usage": True}} if include_usage else {}
    request = chat(stream=True, **options)
    return WIRE.stream(request, endpoint(), provider(name), MODEL_ID)


def told(stream: OpenAIChatStream) -> tuple[object, ...]:
    error = stream.error
    return (stream.meter, stream.done, error and (error.error_class, error.detail))


def whole(data: bytes, name: str) -> tuple[bytes, tuple[object, ...]]:
    stream = stream_of(name)
    frames = stream.feed(data)
    return frames + stream.end(), told(stream)


@pytest.mark.parametrize("name", sorted(STREAMS))
def test_the_streams_written_here_keep_every_rule(name: str) -> None:
    vendor, data = STREAMS[name]
    frames, (_, done, error) = whole(data, vendor)
    seen = see_stream(frames, MODEL_ID, include_usage=True)
    assert seen.faults == []
    assert done is (name != "broken")
    assert (error is not None) is (name == "broken")


@settings(deadline=None)
@given(NAMES, st.lists(st.integers(0, 3000), max_size=40))
def test_where_the_bytes_are_cut_changes_nothing(name: str, cuts: list[int]) -> None:
    vendor, data = STREAMS[name]
    edges = [0, *sorted(cut % len(data) for cut in cuts), len(data)]
    stream = stream_of(vendor)
    pieces = (data[a:b] for a, b in pairwise(edges))
    frames = b"".join(stream.feed(piece) for piece in pieces) + stream.end()
    assert (frames, told(stream)) == whole(data, vendor)


@pytest.mark.parametrize("ending", [b"\r\n", b"\r"])
@pytest.mark.parametrize("name", sorted(STREAMS))
def test_line_endings_comments_and_a_byte_order_mark_change_nothing(
    name: str, ending: bytes
) -> None:
    vendor, data = STREAMS[name]
    dressed = b"\xef\xbb\xbf: hello\n\n" + data.replace(b"\n\n", b"\n\n: ping\n\n").replace(
        b"data: ", b"data:"
    )
    if name == "text":  # where the text itself says so
        dressed = dressed.replace(b'"data:[DONE]', b'"data: [DONE]')
        dressed = dressed.replace(b'\\"data:[DONE]', b'\\"data: [DONE]')
    dressed = dressed.replace(b"\n", ending)
    plain = whole(data, vendor)
    assert whole(dressed, vendor) == plain
    stream = stream_of(vendor)
    frames = b"".join(stream.feed(dressed[i : i + 1]) for i in range(len(dressed)))
    assert (frames + stream.end(), told(stream)) == plain


@settings(max_examples=300, deadline=None)
@given(
    NAMES,
    st.lists(
        st.tuples(
            st.integers(0, 3000), st.sampled_from(["flip", "cut", "add"]), st.binary(max_size=6)
        ),
        min_size=1,
        max_size=6,
    ),
    st.integers(1, 400),
)
def test_no_damage_makes_it_raise_or_hand_on_half_a_frame(
    name: str, damages: list[tuple[int, str, bytes]], step: int
) -> None:
    vendor, data = STREAMS[name]
    for at, kind, noise in damages:
        at %= len(data) + 1
        rest = at if kind == "add" else at + max(1, len(noise))
        data = data[:at] + (b"" if kind == "cut" else noise) + data[rest:]
        data = data or b"\n"
    stream = stream_of(vendor)
    frames = b"".join(stream.feed(data[i : i + step]) for i in range(0, len(data), step))
    frames += stream.end()
    assert stream.done is not (stream.error is not None)
    finish = [
        choice["finish_reason"]
        for frame in frames.split(b"\n\n")[:-1]
        for choice in json.loads(frame.removeprefix(b"data: "))["choices"]
    ]
    assert stream.done or set(finish) <= {None}


def _cut_everywhere(data: bytes, stream: OpenAIChatStream) -> None:
    """Feed byte by byte, and let the provider hang up after each: never an end, never a finish."""
    last = len(data) - 1
    for at in range(last):
        frames = stream.feed(data[at : at + 1])
        assert not stream.done, f"done after byte {at}"
        if stream.error is None:  # hang up here, and then let it go on as if nothing had been
            assert stream.end() == b""
            assert stream.error is not None
            assert stream.error.error_class is ErrorClass.TRUNCATED
            stream.error = None
        assert b'"finish_reason":"' not in frames
    stream.feed(data[last:])


@pytest.mark.parametrize("name", sorted(STREAMS))
def test_a_stream_cut_at_any_byte_is_never_shown_as_finished(name: str) -> None:
    vendor, data = STREAMS[name]
    stream = stream_of(vendor)
    _cut_everywhere(data, stream)
    assert told(stream)[1:] == whole(data, vendor)[1][1:]


RECORDED = {case["case_id"]: case for case in chat_cases() if case["stream"]}


@needs_recordings
@pytest.mark.parametrize("case_id", sorted(RECORDED) or ["none"])
def test_a_recorded_stream_cut_at_any_byte_is_never_shown_as_finished(case_id: str) -> None:
    case = RECORDED[case_id]
    vendor = provider_of(case["provider"])
    data: bytes = case["response"]["body"].encode()
    stream = WIRE.stream(chat(stream=True), endpoint(), vendor, MODEL_ID)
    _cut_everywhere(data, stream)
    assert stream.done is not (stream.error is not None)
    assert stream.done is ("stream_error" not in case["expect"])


@needs_recordings
@pytest.mark.parametrize("case_id", sorted(RECORDED) or ["none"])
def test_a_recorded_stream_cut_between_two_events_is_never_shown_as_finished(case_id: str) -> None:
    case = RECORDED[case_id]
    vendor = provider_of(case["provider"])
    events = case["response"]["body"].encode().split(b"\n\n")[:-1]
    step = max(1, len(events) // 60)  # a new stream for each: bounded, ends included
    for upto in {*range(0, len(events), step), len(events) - 1}:
        stream = WIRE.stream(chat(stream=True), endpoint(), vendor, MODEL_ID)
        frames = stream.feed(b"".join(event + b"\n\n" for event in events[:upto])) + stream.end()
        assert stream.error is not None
        assert not stream.done
        assert b'"finish_reason":"' not in frames


@needs_recordings
@pytest.mark.parametrize("case_id", sorted(RECORDED) or ["none"])
@settings(max_examples=5, deadline=None)
@given(data=st.data())
def test_where_a_recorded_stream_is_cut_changes_nothing(case_id: str, data: st.DataObject) -> None:
    case = RECORDED[case_id]
    vendor = provider_of(case["provider"])
    raw: bytes = case["response"]["body"].encode()
    cuts = data.draw(st.lists(st.integers(0, len(raw)), max_size=30).map(sorted))
    results = []
    for edges in ([0, len(raw)], [0, *cuts, len(raw)]):
        stream = WIRE.stream(chat(stream=True), endpoint(), vendor, MODEL_ID)
        pieces = (raw[a:b] for a, b in pairwise(edges))
        frames = b"".join(stream.feed(piece) for piece in pieces) + stream.end()
        results.append((frames, told(stream)))
    assert results[0] == results[1]
