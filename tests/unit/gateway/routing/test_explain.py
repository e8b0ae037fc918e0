"""What is told of a request's way: in its record, to its caller, to the operator."""

from __future__ import annotations

import json

import msgspec
import pytest

from opengateway.compose.route_explain import explained, lines
from opengateway.dialects.openai_chat.routing_note import routing_event, with_routing
from opengateway.domain.chat import NO_PREFERENCES, ProviderPreferences
from opengateway.domain.errors import ErrorClass
from opengateway.domain.records import AttemptRecord, RoutingRecord
from opengateway.gateway.routing.explain import routing_note, routing_record
from unit.gateway.fakes import PRINCIPAL, model, snapshot
from unit.gateway.routing.places import Desk, place


def desk_of(names: str, preferences: ProviderPreferences = NO_PREFERENCES) -> Desk:
    desk = Desk(*(place(n) for n in names), preferences=preferences, shares_load=False)
    for candidate in desk.plan.candidates:
        desk.measured(candidate.provider.id, 0.4)
    return desk


def test_the_record_has_the_order_the_scores_and_who_was_left_out() -> None:
    desk = desk_of("abc", ProviderPreferences(ignore=("c",)))
    for _ in range(5):
        desk.router.health.failed(desk.cell("a"), ErrorClass.SERVER_ERROR, desk.clock.monotonic())
    record = routing_record(desk.router.route(desk.chat, PRINCIPAL, desk.plan))
    assert record is not None
    assert record.strategy == "availability"
    assert record.order == ["b/global", "a/global"]
    assert record.scores[0] > record.scores[1]
    assert record.excluded == ["c/global ignore"]
    again = msgspec.msgpack.decode(msgspec.msgpack.encode(record), type=RoutingRecord)
    assert again == record


def test_one_endpoint_alone_needs_no_record() -> None:
    desk = desk_of("a")
    assert routing_record(desk.router.route(desk.chat, PRINCIPAL, desk.plan)) is None


def test_where_all_are_well_the_record_is_short() -> None:
    desk = desk_of("abcd")
    record = routing_record(desk.router.route(desk.chat, PRINCIPAL, desk.plan))
    assert record is not None
    assert len(msgspec.msgpack.encode(record)) < 100


def test_the_caller_sees_candidates_exclusions_and_attempts() -> None:
    desk = desk_of("abc", ProviderPreferences(ignore=("c",)))
    route = desk.router.route(desk.chat, PRINCIPAL, desk.plan)
    attempts = [
        AttemptRecord(
            "a/m", "a", "global", "m", "", 0.0, 8000.0, error_class="connect", why="order"
        ),
        AttemptRecord(
            "b/m", "b", "global", "m", "", 8000.0, 9000.0, 8410.0, "succeeded", why="failover"
        ),
    ]
    note = routing_note(route, attempts, zone="kr", deadline_left_s=51.2, dropped=("top_k",))
    assert note["requested"] == "lab/m"
    assert (note["strategy"], note["zone"], note["attempt"]) == ("availability", "kr", 2)
    assert note["deadline_left_ms"] == 51_200
    assert note["candidates"]["total"] == 3
    assert [c["endpoint"] for c in note["candidates"]["order"]] == ["a/global", "b/global"]
    assert note["candidates"]["excluded"] == [
        {"endpoint": "c/global", "model": "lab/m", "by": "ignore"}
    ]
    assert note["attempts"] == [
        {
            "provider": "a",
            "region": "global",
            "status": "failed",
            "why": "order",
            "ms": 8000,
            "error_type": "connect",
        },
        {
            "provider": "b",
            "region": "global",
            "status": "succeeded",
            "why": "failover",
            "ms": 1000,
            "ttft_ms": 410,
        },
    ]
    assert note["params"] == {"dropped": ["top_k"]}


@pytest.mark.parametrize("body", [b'{"a": 1}', b"{}", b'{"a": {"b": "}"}} \n', b"{ }"])
def test_the_note_is_the_last_member_of_an_answer(body: bytes) -> None:
    answer = with_routing(body, {"zone": "kr"})
    assert json.loads(answer) == {**json.loads(body), "extra": {"routing": {"zone": "kr"}}}


def test_in_a_stream_it_is_a_chunk_without_choices() -> None:
    event = routing_event("gen_1", 1, "lab/m", {"zone": "kr"})
    assert event.endswith(b"\n\n")
    chunk = json.loads(event.removeprefix(b"data: "))
    assert (chunk["object"], chunk["choices"]) == ("chat.completion.chunk", [])
    assert chunk["extra"] == {"routing": {"zone": "kr"}}


def test_an_operator_sees_the_order_and_why_others_are_left_out() -> None:
    desk = desk_of("ab")
    wishes = ProviderPreferences(ignore=("b",))
    told = "\n".join(lines(explained(desk.snapshot, "lab/m:floor", wishes, desk.router)))
    assert "lab/m:floor in the zone test: lab/m, by price" in told
    assert "1. a/global  well" in told
    assert "1.25 USD/M" in told
    assert "b/global  left out: ignore" in told


def test_an_operator_sees_why_nobody_is_left() -> None:
    shot = snapshot(model("lab/m", place("a")), model("lab/n", place("b")))
    desk = desk_of("a")
    found = explained(shot, "lab/m", ProviderPreferences(ignore=("a",)), desk.router)
    assert found["error"]["code"] == "no_endpoints"
    told = "\n".join(lines(found))
    assert "excluded by ignore" in told
    assert "near: lab/n" in told
