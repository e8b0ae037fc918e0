"""What is heard of a request whose team keeps bodies, and that nothing is heard of any other."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass, field

import pytest
from msgspec.structs import replace

from opengateway.domain.kept_body import CapturedBody
from opengateway.domain.principal import Principal, TeamState
from opengateway.gateway.arrival import Arrival
from opengateway.gateway.capture import (
    ANSWER_BYTES,
    HEADER,
    HELD_BYTES,
    REQUEST_BYTES,
    STREAM_BYTES,
    Bodies,
)
from opengateway.ports.caller import Caller
from unit.gateway.fakes import PRINCIPAL, RecordingCaller

KEEPS = {"team_1": TeamState("team_1", body_logging=True)}
HEADS = {True: b"content-type: text/event-stream\r\n", False: b"content-type: application/json\r\n"}


@dataclass
class Sink:
    bodies: list[CapturedBody] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)

    def offer(self, body: CapturedBody) -> None:
        self.bodies.append(body)

    def missed(self, why: str) -> None:
        self.missing.append(why)


def arrival(body: bytes = b'{"q":1}', headers: Mapping[str, str] = {}) -> Arrival:
    return Arrival("gen_1", 7, 0.0, "chat.completions", headers, body, None)


async def hear(
    sink: Sink, came: Arrival, *parts: bytes, stream: bool = False, bodies: Bodies | None = None
) -> RecordingCaller:
    caller = RecordingCaller()

    async def serve(_: Arrival, __: Principal, caller: Caller) -> None:
        caller.start(200, HEADS[stream])
        for part in parts[:-1]:
            caller.put(part)
        await caller.write(parts[-1], last=True)

    await (bodies or Bodies(KEEPS, sink)).hear(came, PRINCIPAL, caller, serve)
    return caller


@pytest.mark.parametrize(("of_key", "of_team", "kept"), [
    (None, False, False), (None, True, True), (False, True, False), (True, False, True),
])  # fmt: skip
def test_the_key_decides_and_where_it_says_nothing_the_team(
    of_key: bool | None, of_team: bool, kept: bool
) -> None:
    teams = {"team_1": TeamState("team_1", body_logging=of_team)}
    principal = replace(PRINCIPAL, body_logging=of_key)
    assert Bodies(teams, Sink()).keeps(principal) is kept
    assert Bodies({}, Sink()).keeps(principal) is bool(of_key)


async def test_both_sides_are_heard_and_the_caller_gets_every_byte() -> None:
    sink = Sink()
    caller = await hear(sink, arrival(), b"data: a\n\n", b"data: b\n\n", stream=True)
    (body,) = sink.bodies
    assert caller.body == body.answer == b"data: a\n\ndata: b\n\n"
    assert (body.request, body.stream, body.team_id) == (b'{"q":1}', True, "team_1")
    assert (body.request_bytes, body.answer_bytes) == (7, 18)


@pytest.mark.parametrize("said", ["false", "False", "0", "no"])
async def test_a_request_that_says_so_is_not_heard(said: str) -> None:
    sink = Sink()
    await hear(sink, arrival(headers={HEADER: said}), b"x")
    assert sink.bodies == []


async def test_a_header_cannot_turn_keeping_off_by_saying_true() -> None:
    sink = Sink()
    await hear(sink, arrival(headers={HEADER: "true"}), b"x")
    assert len(sink.bodies) == 1


@pytest.mark.parametrize(("provider", "kept"), [({"zdr": True}, 0), ({"zdr": False}, 1), (3, 1)])
async def test_who_asks_for_zero_data_retention_is_not_heard(provider: object, kept: int) -> None:
    sink = Sink()
    body = json.dumps({"provider": provider, "messages": ["zdr"]}).encode()
    await hear(sink, arrival(body), b"x")
    assert len(sink.bodies) == kept


@pytest.mark.parametrize(("stream", "most"), [(False, ANSWER_BYTES), (True, STREAM_BYTES)])
async def test_what_is_too_long_is_cut_and_counted_whole(stream: bool, most: int) -> None:
    sink = Sink()
    long = b"a" * (most - 1)
    caller = await hear(
        sink, arrival(b"q" * (REQUEST_BYTES + 9)), long, b"bcd", b"e", stream=stream
    )
    (body,) = sink.bodies
    assert len(caller.body) == body.answer_bytes == most + 3
    assert (len(body.request), body.request_bytes) == (REQUEST_BYTES, REQUEST_BYTES + 9)
    assert len(body.answer) == most
    assert body.answer.endswith(b"ab")


async def test_what_is_heard_at_a_time_is_bounded_and_let_go() -> None:
    sink = Sink()
    bodies = Bodies(KEEPS, sink)
    bodies.held_bytes = HELD_BYTES - 10
    await hear(sink, arrival(), b"abcdef", bodies=bodies)
    assert sink.bodies[0].answer == b"abc"
    assert bodies.held_bytes == HELD_BYTES - 10
    bodies.held_bytes = HELD_BYTES
    caller = await hear(sink, arrival(), b"abcdef", bodies=bodies)
    assert caller.body == b"abcdef"
    assert (len(sink.bodies), sink.missing) == (1, ["memory"])


async def test_a_request_that_is_cut_off_is_kept_as_far_as_it_came() -> None:
    sink = Sink()
    bodies = Bodies(KEEPS, sink)

    async def serve(_: Arrival, __: Principal, caller: Caller) -> None:
        caller.start(200, HEADS[True])
        caller.put(b"data: a\n\n")
        raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        await bodies.hear(arrival(), PRINCIPAL, RecordingCaller(), serve)
    assert sink.bodies[0].answer == b"data: a\n\n"
    assert bodies.held_bytes == 0
