from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opengateway.kit.sse import Decoder, FrameTooLarge, ServerEvent


def events(*chunks: bytes, limit: int = 1 << 20) -> list[ServerEvent]:
    decoder = Decoder(limit)
    found = [event for chunk in chunks for event in decoder.feed(chunk)]
    return found + list(decoder.end())


def test_an_event_is_told_once_its_blank_line_is_here() -> None:
    decoder = Decoder(1 << 20)
    assert list(decoder.feed(b"data: a\n")) == []
    assert list(decoder.feed(b"\n")) == [ServerEvent(b"a")]


def test_an_event_without_its_blank_line_is_no_event() -> None:
    assert events(b"data: a\n\ndata: b\n") == [ServerEvent(b"a")]


@pytest.mark.parametrize(
    ("stream", "expected"),
    [
        (b"data:a\n\n", [ServerEvent(b"a")]),
        (b"data:  a\n\n", [ServerEvent(b" a")]),
        (b"data: a\ndata: b\n\n", [ServerEvent(b"a\nb")]),
        (b"event: done\ndata: a\n\n", [ServerEvent(b"a", "done")]),
        (b"id: 7\nretry: 5\ndata: a\n\n", [ServerEvent(b"a")]),
        (b": ping\n\ndata: a\n\n", [ServerEvent(b"a")]),
        (b": ping\ndata: a\n\n", [ServerEvent(b"a")]),
        (b"event: nothing\n\n", []),
        (b"\xef\xbb\xbfdata: a\n\n", [ServerEvent(b"a")]),
        (b"data: a\r\n\r\ndata: b\r\n\r\n", [ServerEvent(b"a"), ServerEvent(b"b")]),
        (b"data: a\r\rdata: b\r\r", [ServerEvent(b"a"), ServerEvent(b"b")]),
        (b"\n\n\ndata: a\n\n\n\n", [ServerEvent(b"a")]),
        ("data: \u2028 가\n\n".encode(), [ServerEvent("\u2028 가".encode())]),
    ],
)
def test_the_grammar_of_event_streams(stream: bytes, expected: list[ServerEvent]) -> None:
    assert events(stream) == expected
    assert events(*(stream[i : i + 1] for i in range(len(stream)))) == expected


def test_comments_are_counted_as_life() -> None:
    decoder = Decoder(100)
    assert list(decoder.feed(b": a\n: b\n\n")) == []
    assert decoder.comments == 2


def test_an_event_past_the_bound_is_refused_however_it_is_cut() -> None:
    with pytest.raises(FrameTooLarge):
        events(b"data: " + b"x" * 100, limit=50)
    with pytest.raises(FrameTooLarge):
        events(*[b"x" * 10] * 6, limit=50)


lines = st.sampled_from(
    [b"data: a", b"data:", b"data: b\tc", b": c", b"event: e", b"", b"", b"id: 1", b"x"]
)


@given(st.lists(lines), st.sampled_from([b"\n", b"\r\n", b"\r"]), st.data())
def test_cuts_never_change_what_is_told(
    rows: list[bytes], ending: bytes, data: st.DataObject
) -> None:
    stream = b"".join(row + ending for row in rows)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=8)))
    bounds = [0, *cuts, len(stream)]
    pieces = [stream[a:b] for a, b in itertools.pairwise(bounds)]
    assert events(*pieces) == events(stream)
    assert events(stream) == events(b"".join(row + b"\n" for row in rows))
