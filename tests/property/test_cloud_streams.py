"""The clouds' binary streams, cut and mangled in every way: no difference, no false finish, no
exception; and the decoder fed with anything."""

from __future__ import annotations

import os
from itertools import pairwise
from typing import Any, Protocol

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bedrock_wire import (
    BEGAN,
    CLAUDE,
    PROVIDER,
    WIRE,
    delta,
    ended,
    event,
    exception,
    recorded,
    started,
    stopped,
)
from opengateway.checks.replay_converse import bedrock_endpoint, model_in
from opengateway.domain.errors import ErrorClass
from opengateway.domain.events import End, Event, Failure, Finish, ServerEventItem, TextDelta
from opengateway.kit.event_stream import BadFrame, Decoder, encode
from opengateway.kit.json import dumps
from opengateway.providers.envelopes import ClaudeOnBedrock
from recordings import needs_recordings

# `make soak` asks for the long counts.
LONG = bool(os.environ.get("OPENGATEWAY_SOAK"))
FUZZ = 200_000 if LONG else 600
ENDPOINT = bedrock_endpoint(CLAUDE)
CLAUDES_OWN = ClaudeOnBedrock()
STREAMS: dict[str, bytes] = {
    "text": b"".join((BEGAN, delta(text="Grüße, 안녕 😀"), delta(text="x"), stopped(), ended())),
    "calls": b"".join(
        (
            BEGAN,
            delta(reasoningContent={"text": "hm\u2028"}),
            delta(reasoningContent={"signature": "A+/="}),
            stopped(),
            started(1, toolUseId="t", name="f"),
            delta(1, toolUse={"input": '{"x": '}),
            delta(1, toolUse={"input": "1}"}),
            stopped(1),
            started(2, toolUseId="s", name="i", type="server_tool_use"),
            stopped(2),
            ended("tool_use", cacheReadInputTokens=3),
        )
    ),
    "broken": b"".join((BEGAN, delta(text="x"), exception("throttlingException", "slow down"))),
}
NAMES = st.sampled_from(sorted(STREAMS))


class Parser(Protocol):
    def feed(self, chunk: bytes) -> list[Event]: ...
    def end(self) -> list[Event]: ...


def parser() -> Parser:
    return WIRE.parser(ENDPOINT, PROVIDER)


def told(events: list[Event]) -> list[Any]:
    """Events that can be compared: an error by what it says."""
    return [(e.error.error_class, e.error.detail) if isinstance(e, Failure) else e for e in events]


def played(data: bytes, edges: list[int], stream: Parser) -> list[Any]:
    events: list[Event] = []
    for a, b in pairwise([0, *edges, len(data)]):
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
    assert played(data, sorted(cut % len(data) for cut in cuts), parser()) == played(
        data, [], parser()
    )


def stop_of(data: bytes) -> int:
    """Where the answer is whole: behind `messageStop`, or at the very end."""
    at = 0
    while at < len(data):
        size = int.from_bytes(data[at : at + 4], "big")
        (message,) = Decoder(1 << 24).feed(data[at : at + size])
        at += size
        if message.text(":event-type") == "messageStop":
            return at
    return len(data)


def cut_everywhere(data: bytes, make: Any, whole_from: int) -> None:
    """Hung up on at every byte. Before the end marker, and within any frame, never a finish."""
    edges = {0}
    at = 0
    while at < len(data):
        at += int.from_bytes(data[at : at + 4], "big")
        edges.add(at)
    stream = make()
    said: list[Event] = []
    for place in range(len(data)):
        said += stream.feed(data[place : place + 1])
        if place + 1 < len(data):
            assert not any(isinstance(e, Finish | End | Failure) for e in said), f"byte {place}"
    check_the_end([*said, *stream.end()])
    for place in (
        range(len(data)) if len(data) < 4000 else sorted(edges | {*range(0, len(data), 97)})
    ):
        stream = make()
        events = [*stream.feed(data[:place]), *stream.end()]
        check_the_end(events)
        may_end = place >= whole_from and place in edges
        assert isinstance(events[-1], End if may_end else Failure), f"cut at {place}"
        if isinstance(events[-1], Failure):
            assert events[-1].error.error_class is ErrorClass.TRUNCATED


@pytest.mark.parametrize("name", ["text", "calls"])
def test_a_stream_cut_at_any_byte_is_never_shown_as_finished(name: str) -> None:
    data = STREAMS[name]
    cut_everywhere(data, parser, stop_of(data))


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
    | st.sampled_from(["server_tool_use", "f", "end_turn", "tool_use"]),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(
        st.sampled_from(["text", "toolUse", "toolResult", "reasoningContent", "reasoningText",
                         "signature", "redactedContent", "input", "name", "toolUseId", "type",
                         "start", "delta", "content", "cacheDetails", "inputTokens"]),
        inner, max_size=5,
    ),
    max_leaves=12,
)  # fmt: skip
KINDS = st.sampled_from(
    ["messageStart", "contentBlockStart", "contentBlockDelta", "contentBlockStop", "messageStop",
     "metadata", "x"]
)  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(
    st.lists(
        st.tuples(
            KINDS,
            st.dictionaries(
                st.sampled_from(["start", "delta", "usage", "stopReason", "contentBlockIndex"]),
                json_values,
            ),
        ),
        max_size=8,
    )
)
def test_events_of_any_content_never_raise(parts: list[tuple[str, dict[str, Any]]]) -> None:
    data = b"".join(event(kind, **({"contentBlockIndex": 0} | rest)) for kind, rest in parts)
    stream = parser()
    check_the_end([*stream.feed(data + ended()), *stream.end()])


@settings(max_examples=200, deadline=None)
@given(
    st.lists(json_values, max_size=4),
    st.dictionaries(st.sampled_from(["usage", "stopReason", "metrics"]), json_values),
)
def test_whole_answers_of_any_content_never_raise(content: list[Any], rest: dict[str, Any]) -> None:
    answer = {"output": {"message": {"content": content}}, **rest}
    check_the_end(list(WIRE.reply(dumps(answer), ENDPOINT, PROVIDER)))


@settings(max_examples=FUZZ, deadline=None)
@given(st.lists(st.binary(max_size=80) | st.binary(max_size=20).map(lambda b: encode({"a": "b"}, b)),
                max_size=6), st.integers(1, 50))  # fmt: skip
def test_the_decoder_takes_anything_and_holds_no_more_than_it_may(
    pieces: list[bytes], step: int
) -> None:
    limit = 256
    decoder = Decoder(limit)
    data = b"".join(pieces)
    taken = 0
    for at in range(0, len(data), step):
        try:
            messages = decoder.feed(data[at : at + step])
        except BadFrame:
            return
        taken += len(messages)
        assert decoder.buffered < limit + step
    assert taken * 16 + decoder.buffered <= len(data)


# --- recorded --------------------------------------------------------------------------------------
RECORDED = {
    **{name: case for name, case in recorded("converse-stream").items() if case.stream},
    **{
        name: case
        for name, case in recorded("invoke-stream").items()
        if case.stream and b'"anthropic_version"' in case.request
    },
}


def made_for(case_id: str) -> Any:
    case = RECORDED[case_id]
    endpoint = bedrock_endpoint(model_in(case.path))
    wire = WIRE if case.endpoint == "converse-stream" else CLAUDES_OWN
    return lambda: wire.parser(endpoint, PROVIDER)


@needs_recordings
@pytest.mark.parametrize("case_id", sorted(RECORDED) or ["none"])
def test_a_recorded_stream_cut_at_any_byte_is_never_shown_as_finished(case_id: str) -> None:
    data = RECORDED[case_id].response
    cut_everywhere(data, made_for(case_id), stop_of(data))


@needs_recordings
@pytest.mark.parametrize("case_id", sorted(RECORDED) or ["none"])
@settings(max_examples=10, deadline=None)
@given(data=st.data())
def test_where_a_recorded_stream_is_cut_changes_nothing(case_id: str, data: st.DataObject) -> None:
    raw, make = RECORDED[case_id].response, made_for(case_id)
    cuts = data.draw(st.lists(st.integers(0, len(raw)), max_size=30).map(sorted))
    whole = played(raw, [], make())
    assert played(raw, cuts, make()) == whole
    assert any(isinstance(event, TextDelta | ServerEventItem) for event in whole)
