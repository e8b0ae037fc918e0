"""Streams of Google's wire, cut and mangled in every way: what may never be told of them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gemini_wire import (
    GOOGLE,
    WIRE,
    candidate,
    endpoint,
    function,
    of,
    response,
    sse,
    text,
)
from opengateway.checks.recorded_case import RecordedCase, read_cases
from opengateway.checks.replay_generate_content import played
from opengateway.domain.errors import ErrorClass
from opengateway.domain.events import End, Event, Failure, Finish
from recordings import RECORDINGS, needs_recordings

ERROR = {"error": {"code": 503, "message": "overloaded", "status": "UNAVAILABLE"}}
STREAMS: dict[str, bytes] = {
    "text": sse(
        response(text("Grüße, 안녕 😀")),
        response(text('say "data: {"\r\n\r\n')),
        response(text("", thoughtSignature="S"), finish="STOP"),
    ),
    "thought": sse(
        response(text("hm", thought=True)),
        response(text("4")),
        response(function("f", {"a": "é"}, sealed="S"), function("g")),
        response(text(""), finish="STOP"),
    ),
    "pieces": sse(
        response(function("f", willContinue=True)),
        response({"functionCall": {"partialArgs": [{"jsonPath": "$.a", "stringValue": "x"}]}}),
        response({"functionCall": {}}),
        response(finish="MAX_TOKENS"),
    ),
    "late": sse(
        response(function("f"), finish="STOP"),
        {"usageMetadata": {"promptTokenCount": 3}, "responseId": "resp-1"},
    ),
    "choices": sse(
        {"candidates": [candidate(text("a")), candidate(text("b"), index=1)]},
        {"candidates": [candidate(finish="STOP", index=1)]},
        {"candidates": [candidate(text("c"), finish="SAFETY")]},
    ),
    "failed": sse(response(text("a")), response(finish="MALFORMED_FUNCTION_CALL")),
    "broken": sse(response(text("a")), ERROR),
    "raw": json.dumps([ERROR], indent=1).encode(),
}
NAMES = st.sampled_from(sorted(STREAMS))
ENDS_BEFORE_ITS_LAST_EVENT = ("late",)
"""A cut between its two events leaves what is a whole answer of this wire, which has no end mark."""


def fed(pieces: Sequence[bytes]) -> list[Event]:
    parser = WIRE.parser(endpoint(), GOOGLE)
    events = [event for piece in pieces for event in parser.feed(piece)]
    return [*events, *parser.end()]


def is_sound(events: Sequence[Event]) -> bool:
    """One end or one failure, and it is last; finishes only with an end."""
    endings = of(events, End) + of(events, Failure)
    finishes = of(events, Finish)
    return (
        len(endings) == 1
        and events[-1] is endings[0]
        and (bool(finishes) is isinstance(events[-1], End))
    )


@pytest.mark.parametrize("name", sorted(STREAMS))
def test_the_streams_written_here_end_as_they_say(name: str) -> None:
    events = fed([STREAMS[name]])
    assert is_sound(events)
    assert isinstance(events[-1], Failure) is (name in ("failed", "broken", "raw"))


@settings(deadline=None)
@given(NAMES, st.lists(st.integers(0, 3000), max_size=40))
def test_where_the_bytes_are_cut_changes_nothing(name: str, cuts: list[int]) -> None:
    data = STREAMS[name]
    edges = [0, *sorted(cut % len(data) for cut in cuts), len(data)]
    assert _told(fed([data[a:b] for a, b in pairwise(edges)])) == _told(fed([data]))


@pytest.mark.parametrize("ending", [b"\n", b"\r"])
@pytest.mark.parametrize("name", sorted(STREAMS))
def test_line_endings_comments_and_a_byte_order_mark_change_nothing(
    name: str, ending: bytes
) -> None:
    data = STREAMS[name]
    if name == "raw":
        dressed = b"\xef\xbb\xbf \r\n" + data
    else:
        commented = data.replace(b"\r\n\r\n", b"\r\n\r\n: ping\r\n\r\n")
        dressed = b"\xef\xbb\xbf: hello\r\n\r\n" + commented
        dressed = dressed.replace(b"\r\n", ending)
    one_by_one = [dressed[at : at + 1] for at in range(len(dressed))]
    assert _told(fed(one_by_one)) == _told(fed([data]))


@settings(max_examples=400, deadline=None)
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
def test_no_damage_makes_it_raise_or_end_twice(
    name: str, damages: list[tuple[int, str, bytes]], step: int
) -> None:
    data = STREAMS[name]
    for at, kind, noise in damages:
        at %= len(data) + 1
        rest = at if kind == "add" else at + max(1, len(noise))
        data = data[:at] + (b"" if kind == "cut" else noise) + data[rest:]
    assert is_sound(fed([data[at : at + step] for at in range(0, len(data), step)]))
    assert is_sound(list(WIRE.reply(data, endpoint(), GOOGLE)))


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4)
    ),
    max_leaves=12,
)
MEMBERS = st.sampled_from(
    [
        *("candidates", "content", "parts", "text", "thought", "thoughtSignature", "functionCall"),
        *("name", "args", "id", "partialArgs", "jsonPath", "willContinue", "inlineData", "index"),
        *("finishReason", "groundingMetadata", "groundingChunks", "groundingSupports", "segment"),
        *("usageMetadata", "promptTokenCount", "promptFeedback", "blockReason", "error", "details"),
    ]
)
SHAPED = st.recursive(
    JSON | st.sampled_from(["STOP", "$.a", "$.a[0]", True, 1, 0]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(MEMBERS, inner, max_size=5),
    max_leaves=30,
)


@settings(max_examples=300, deadline=None)
@given(st.lists(SHAPED, min_size=1, max_size=4))
def test_no_shape_of_json_makes_it_raise(documents: list[Any]) -> None:
    whole = [response(text("a")), *documents, response(finish="STOP")]
    assert is_sound(fed([sse(*whole)]))
    assert is_sound(list(WIRE.reply(json.dumps(documents[0]).encode(), endpoint(), GOOGLE)))


@pytest.mark.parametrize("name", sorted(STREAMS))
def test_a_stream_cut_at_any_byte_is_never_shown_as_finished(name: str) -> None:
    assert _false_finishes(STREAMS[name], fed) == (
        ["between"] if name in ENDS_BEFORE_ITS_LAST_EVENT else []
    )


def _told(events: Sequence[Event]) -> list[Any]:
    """Events that can be compared: errors are exceptions."""
    return [
        ("failure", e.error.error_class, e.error.detail) if isinstance(e, Failure) else e
        for e in events
    ]


def _false_finishes(data: bytes, play: Any) -> list[str]:
    """Where a cut stream ends well and is not what the whole stream is."""
    whole = _told(play([data]))
    parts = data.split(b"\r\n\r\n")
    borders = {len(b"\r\n\r\n".join(parts[:n])) + 3 for n in range(1, len(parts))}
    found: set[str] = set()
    for at in range(len(data)):
        events = play([data[:at]])
        assert is_sound(events)
        if isinstance(events[-1], End) and _told(events) != whole:
            # After a blank line, or after its CR, which ends a line as well.
            found.add("between" if {at, at - 1} & borders else f"byte {at}")
        elif isinstance(events[-1], Failure) and whole[-1] == End():
            assert events[-1].error.error_class in (ErrorClass.TRUNCATED, ErrorClass.MALFORMED)
    return sorted(found)


def _streams() -> dict[str, RecordedCase]:
    folders = [RECORDINGS / name for name in ("google", "vertex")]
    cases = (case for folder in folders if folder.is_dir() for case in read_cases(Path(folder)))
    return {c.case_id: c for c in cases if c.endpoint == "streamGenerateContent"}


RECORDED = _streams()


@needs_recordings
def test_all_recorded_streams_are_here() -> None:
    assert len(RECORDED) == 11


@needs_recordings
@pytest.mark.parametrize("case_id", sorted(RECORDED) or ["none"])
def test_a_recorded_stream_cut_at_any_byte_is_never_shown_as_finished(case_id: str) -> None:
    case = RECORDED[case_id]
    data, whole = case.response, _told(played(case))
    parser = WIRE.parser(endpoint(), GOOGLE)
    told = [event for at in range(len(data)) for event in parser.feed(data[at : at + 1])]
    assert not any(isinstance(event, Finish | End | Failure) for event in told)
    assert _told([*told, *parser.end()]) == whole
    # A new parser for each close: every byte of the short streams, and of the end of all.
    step = max(1, len(data) // 2000)
    for at in sorted({*range(0, len(data), step), *range(len(data) - 300, len(data))}):
        events = fed([data[:at]])
        if isinstance(events[-1], End):  # all but the LF after the last CR, which ends a line too
            assert (at, _told(events)) == (len(data) - 1, whole)
        else:
            assert isinstance(events[-1], Failure)
            assert events[-1].error.error_class is ErrorClass.TRUNCATED


@needs_recordings
@pytest.mark.parametrize("case_id", sorted(RECORDED) or ["none"])
@settings(max_examples=5, deadline=None)
@given(data=st.data())
def test_where_a_recorded_stream_is_cut_changes_nothing(case_id: str, data: st.DataObject) -> None:
    raw = RECORDED[case_id].response
    cuts = data.draw(st.lists(st.integers(0, len(raw)), max_size=30).map(sorted))
    pieces = [raw[a:b] for a, b in pairwise([0, *cuts, len(raw)])]
    assert _told(fed(pieces)) == _told(fed([raw]))
