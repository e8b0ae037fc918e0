from __future__ import annotations

import random
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import delete

from asgi_client import Reply, call
from control_plane import GATEWAY, SEGMENT, closed, control_in, journal, opened
from opengateway.compose.control import ControlHouse
from opengateway.control.settler.models import JournalGateway
from opengateway.control.settler.service import KEPT_GATEWAYS
from opengateway.domain.records import CloseRecord, Ending
from opengateway.kit.framing import frame

OTHER = "gw_" + "2" * 32


@pytest.fixture
async def house(tmp_path: Path, store_url: str) -> AsyncIterator[ControlHouse]:
    async with control_in(tmp_path, store_url) as made:
        yield made


async def push(
    house: ControlHouse,
    offset: int,
    body: bytes,
    *,
    final: bool = False,
    gateway: str = GATEWAY,
    segment: str = SEGMENT,
) -> Reply:
    target = (
        f"/internal/v1/journal?gateway={gateway}&segment={segment}&offset={offset}&final={final:d}"
    )
    return await call(house.internal_app, "POST", target, body=body)


async def taken(house: ControlHouse, offset: int, body: bytes, **how: Any) -> Any:
    reply = await push(house, offset, body, **how)
    assert reply.status == 200, reply.text
    return reply.json()


async def events(house: ControlHouse, query: str = "limit=1000") -> list[CloseRecord]:
    reply = await call(house.internal_app, "GET", f"/internal/v1/events?{query}")
    return msgspec.json.decode(reply.body, type=dict[str, list[CloseRecord]])["data"]


async def standing(house: ControlHouse) -> Any:
    return (await call(house.internal_app, "GET", "/internal/v1/status")).json()


async def metrics(house: ControlHouse) -> dict[str, float]:
    """Every sample, its labels summed up."""
    text = (await call(house.internal_app, "GET", "/metrics")).text
    sums: dict[str, float] = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            sums[sample.name] = sums.get(sample.name, 0) + sample.value
    return sums


async def test_a_record_is_kept_whole(house: ControlHouse) -> None:
    record = closed(1)
    body = journal([opened(1), record])
    assert await taken(house, 0, body) == {"acked": len(body), "final": False, "voided": 0}
    assert await events(house) == [record]
    assert (await standing(house))["open_requests"] == 0


async def test_bytes_that_were_settled_are_not_taken_again(house: ControlHouse) -> None:
    body = journal([opened(1), closed(1)])
    await taken(house, 0, body)
    for offset in (0, 1, len(body) - 1, len(body) + 1):
        reply = await push(house, offset, body)
        assert (reply.status, reply.json()) == (409, {"expected": len(body)})
    assert len(await events(house)) == 1


async def test_a_new_segment_begins_at_its_start(house: ControlHouse) -> None:
    reply = await push(house, 10, journal([closed(1)]))
    assert (reply.status, reply.json()) == (409, {"expected": 0})
    assert (await standing(house))["gateways"] == []


async def test_a_torn_end_is_left_with_the_gateway(house: ControlHouse) -> None:
    first, second = journal([closed(1)]), journal([closed(2)])
    await taken(house, 0, first)
    for cut in (0, 3, 8, len(second) - 1):
        assert (await taken(house, len(first), second[:cut]))["acked"] == len(first)
    assert (await taken(house, len(first), second))["acked"] == len(first + second)
    assert [r.id for r in await events(house)] == [closed(2).id, closed(1).id]


async def test_preallocated_zeros_are_not_acknowledged(house: ControlHouse) -> None:
    body = journal([closed(1)])
    assert (await taken(house, 0, body + bytes(4096)))["acked"] == len(body)


async def test_open_requests_are_known_until_they_close(house: ControlHouse) -> None:
    opens = journal([opened(1), opened(2)])
    await taken(house, 0, opens)
    assert (await standing(house))["open_requests"] == 2
    assert await events(house) == []
    await taken(house, len(opens), journal([closed(1)]))
    assert (await standing(house))["open_requests"] == 1


async def test_what_a_dead_gateway_left_open_is_void_and_free(house: ControlHouse) -> None:
    await taken(house, 0, journal([opened(9, gateway=OTHER)]), gateway=OTHER)
    body = journal([opened(1), opened(2), opened(3), closed(2)])
    done = await taken(house, 0, body, final=True)
    assert done == {"acked": len(body), "final": True, "voided": 2}
    found = {r.id: r for r in await events(house)}
    assert len(found) == 3
    for number in (1, 3):
        record = found[opened(number).id]
        assert (record.ending, record.cost_nanos, record.status) == (Ending.VOID, 0, 0)
        assert (record.team_id, record.price_id, record.zone) == ("team_a", "price-1", "test")
    state = await standing(house)
    assert state["open_requests"] == 1  # the other gateway's
    dead, _ = sorted(state["gateways"], key=lambda g: g["gateway"])
    assert dead["finished_at_ns"] is not None
    assert dead["voided"] == 2
    assert (await metrics(house))["opengateway_void_total"] == 2


async def test_a_final_push_whose_answer_was_lost_may_be_sent_again(house: ControlHouse) -> None:
    body = journal([opened(1), closed(2, opened=False)])
    await taken(house, 0, body, final=True)
    again = await push(house, 0, body, final=True)
    assert (again.status, again.json()) == (409, {"expected": len(body)})
    assert await taken(house, len(body), b"", final=True) == {
        "acked": len(body),
        "final": True,
        "voided": 0,
    }
    assert len(await events(house)) == 2


async def test_a_torn_end_of_a_dead_gateway_makes_its_request_void(house: ControlHouse) -> None:
    opens, close = journal([opened(1)]), journal([closed(1)])
    done = await taken(house, 0, opens + close[:-1], final=True)
    assert done == {"acked": len(opens), "final": True, "voided": 1}


async def test_records_are_known_by_id_when_the_bookkeeping_is_gone(house: ControlHouse) -> None:
    body = journal([opened(1), closed(1), opened(2)])
    await taken(house, 0, body, final=True)
    before = await metrics(house)
    async with house.parts.database.write() as session:
        await session.execute(delete(JournalGateway))
        await session.commit()
    assert (await taken(house, 0, body))["acked"] == len(body)
    assert (await standing(house))["open_requests"] == 0
    assert (await taken(house, len(body), b"", final=True))["voided"] == 0
    assert len(await events(house)) == 2
    after = await metrics(house)
    assert after["opengateway_requests_total"] == before["opengateway_requests_total"] == 2
    assert after["opengateway_cost_nanodollars_total"] == 1_300


async def test_finished_gateways_are_forgotten_beyond_a_bound(house: ControlHouse) -> None:
    async with house.parts.database.write() as session:
        for number in range(KEPT_GATEWAYS + 20):
            session.add(
                JournalGateway(
                    gateway=f"gw_{number:032x}", first_seen_ns=1, last_seen_ns=1, finished_at_ns=1
                )
            )
        await session.commit()
    await taken(house, 0, b"", final=True, gateway="gw_" + "f" * 32)
    async with house.parts.database.read() as session:
        assert await session.get(JournalGateway, f"gw_{20:032x}") is None
        assert await session.get(JournalGateway, f"gw_{21:032x}") is not None


def damaged(body: bytes, at: int) -> bytes:
    return body[:at] + bytes([body[at] ^ 0xFF]) + body[at + 1 :]


@pytest.mark.parametrize("kind", ["checksum", "length", "not a record"])
async def test_damage_is_refused_for_good_but_what_stands_before_it_is_kept(
    house: ControlHouse, kind: str
) -> None:
    good, bad = journal([opened(1), closed(1), opened(2)]), journal([closed(3)])
    bad = {
        "checksum": damaged(bad, 20),
        "length": damaged(bad, 3),
        "not a record": frame(msgspec.msgpack.encode({"type": "else"})),
    }[kind]
    rest = bad + journal([closed(4)])
    first = await taken(house, 0, good + rest, final=True)
    assert first == {"acked": len(good), "final": False, "voided": 0}
    for _ in range(2):
        again = await push(house, len(good), rest, final=True)
        assert (again.status, again.json()["error"]["code"]) == (422, "journal_damaged")
    assert (await metrics(house))["opengateway_journal_pushes_total"] == 3
    # The gateway keeps the file and ends the incarnation without it.
    assert (await taken(house, len(good), b"", final=True))["voided"] == 1
    assert len(await events(house)) == 2


async def test_a_keys_last_use_is_noted_once_a_minute(house: ControlHouse) -> None:
    made = await call(
        house.internal_app, "POST", "/internal/v1/keys", payload={"team": "a", "name": "k"}
    )
    key_id = made.json()["id"]
    start = 1_764_000_000_000_000_000
    offset = 0
    for number, (at_s, expected_s) in enumerate([(0, 0), (59, 0), (60, 60), (30, 60)]):
        record = closed(number, key_id=key_id, started_at_ns=start + at_s * 1_000_000_000)
        body = journal([record])
        await taken(house, offset, body)
        offset += len(body)
        listed = await call(house.internal_app, "GET", "/internal/v1/keys?team=a")
        (key,) = listed.json()["data"]
        assert key["last_used_at_ns"] == start + expected_s * 1_000_000_000
    # It is no change that gateways must hear of.
    assert (await standing(house))["change_seq"] == 1


async def test_a_large_push_is_settled_in_one_piece(house: ControlHouse) -> None:
    body = journal(r for n in range(3_000) for r in (opened(n), closed(n)))
    assert (await taken(house, 0, body))["acked"] == len(body)
    assert (await metrics(house))["opengateway_requests_total"] == 3_000
    assert (await standing(house))["open_requests"] == 0


@pytest.mark.parametrize(
    "query",
    ["gateway=x", "segment=../../etc/passwd", "offset=-1", "offset=x", "final=perhaps"],
)
async def test_a_push_that_is_not_named_right_is_refused(house: ControlHouse, query: str) -> None:
    named = {"gateway": GATEWAY, "segment": SEGMENT, "offset": "0", "final": "0"}
    name, _, value = query.partition("=")
    target = "&".join(f"{k}={v}" for k, v in {**named, name: value}.items())
    reply = await call(house.internal_app, "POST", f"/internal/v1/journal?{target}", body=b"")
    assert (reply.status, reply.json()["error"]["param"]) == (400, name)


@pytest.mark.parametrize("seed", range(5))
async def test_any_cuts_and_any_repeats_settle_every_record_once(
    house: ControlHouse, seed: int
) -> None:
    chance = random.Random(seed)
    body = journal(r for n in range(40) for r in (opened(n), closed(n)))
    acked = 0
    while acked < len(body):
        offset = chance.choice([acked, acked, acked, 0, chance.randrange(len(body))])
        reply = await push(house, offset, body[offset : offset + chance.randrange(1, 4_000)])
        assert reply.status == (200 if offset == acked else 409)
        acked = reply.json()["acked" if offset == acked else "expected"]
    assert sorted(r.id for r in await events(house)) == [closed(n).id for n in range(40)]
    counted = await metrics(house)
    assert counted["opengateway_requests_total"] == 40
    assert counted["opengateway_journal_acked_bytes_total"] == len(body)
