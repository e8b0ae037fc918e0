"""Leases as gateways ask for them, the settler's bookings, and what runs by itself."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from asgi_client import Reply, call
from control_plane import GATEWAY, SEGMENT, closed, control_in, journal, opened
from opengateway.compose.control import ControlHouse
from opengateway.control.leases.jobs import LedgerJobs
from opengateway.domain.records import Ending
from opengateway.http.unit_of_work import unit_of_work
from opengateway.infra.ledger_book.rows import SqlLedgerRows
from opengateway.kit.clock import ManualClock, SystemClock

OTHER = "gw_" + "2" * 32
USD = 10**9


class Plane:
    """A control plane with one team, a key of it, and ten dollars."""

    def __init__(self, house: ControlHouse) -> None:
        self.house = house
        self.key = self.team = ""
        self._asks = 0

    async def begin(self) -> None:
        made = await self.post("/keys", {"team": "acme", "name": "k"})
        self.key, self.team = made["id"], made["team_id"]
        await self.post("/grants", {"team": "acme", "usd": "10", "note": "test"})

    async def send(self, method: str, path: str, payload: object = None, **how: Any) -> Reply:
        target = f"/internal/v1{path}"
        return await call(self.house.internal_app, method, target, payload=payload, **how)

    async def post(self, path: str, payload: object) -> Any:
        reply = await self.send("POST", path, payload)
        assert reply.status < 300, reply.text
        return reply.json()

    async def get(self, path: str) -> Any:
        reply = await self.send("GET", path)
        assert reply.status == 200, reply.text
        return reply.json()

    async def take(self, amount: int, least: int = 0, gateway: str = GATEWAY, **how: Any) -> Any:
        self._asks += 1
        ask = {
            "ask_id": f"ask_{self._asks}",
            "key_id": self.key,
            "lease_id": None,
            "amount": amount,
            "least": least or amount,
            **how,
        }
        answer = await self.post("/leases", {"gateway": gateway, "asks": [ask]})
        return answer["answers"][0]

    async def give_back(
        self, lease_id: str, amount: int, seq: int = 1, *, closed: bool = True, gateway: str
    ) -> None:
        given = {"lease_id": lease_id, "amount": amount, "closed": closed, "seq": seq}
        await self.post("/leases/return", {"gateway": gateway, "returns": [given]})

    async def push(self, *records: Any, offset: int = 0, final: bool = False) -> Reply:
        target = f"/journal?gateway={GATEWAY}&segment={SEGMENT}&offset={offset}&final={final:d}"
        return await self.send("POST", target, body=journal(records))

    async def balance(self) -> tuple[int, int]:
        found = await self.get(f"/teams/{self.team}/balance")
        return found["available_nanos"], found["held_nanos"]

    async def violations(self) -> Any:
        return (await self.get("/ledger/verify"))["violations"]

    def records(self, number: int, lease_id: str, cost: int, **how: Any) -> tuple[Any, Any]:
        now_ns = SystemClock().now_ns()
        same: dict[str, Any] = {"team_id": self.team, "key_id": self.key, "lease_id": lease_id}
        same["started_at_ns"] = now_ns
        begun = opened(number, **same)
        return begun, closed(number, cost_nanos=cost, **{**same, **how})


@pytest.fixture
async def plane(tmp_path: Path) -> AsyncIterator[Plane]:
    async with control_in(tmp_path) as house:
        made = Plane(house)
        await made.begin()
        yield made
        assert await made.violations() == []


async def test_a_request_is_charged_in_the_transaction_of_its_journal(plane: Plane) -> None:
    lease = await plane.take(USD, least=1_000)
    assert (lease["granted"], lease["promo_only"], lease["direct"]) == (USD, True, False)
    assert await plane.balance() == (9 * USD, USD)
    body = [*plane.records(1, lease["lease_id"], 300), *plane.records(2, lease["lease_id"], 0)]
    assert (await plane.push(*body)).status == 200
    assert (await plane.push(*body)).status == 409
    assert await plane.balance() == (9 * USD, USD - 300)
    await plane.give_back(lease["lease_id"], USD - 300, gateway=GATEWAY)
    assert await plane.balance() == (10 * USD - 300, 0)


async def test_a_gateway_that_dies_pays_nothing_and_frees_its_leases(plane: Plane) -> None:
    lease = await plane.take(USD)
    begun, _ = plane.records(1, lease["lease_id"], 0)
    done = plane.records(2, lease["lease_id"], 700)
    reply = await plane.push(begun, *done, final=True)
    assert reply.json()["voided"] == 1
    assert await plane.balance() == (10 * USD - 700, 0)
    state = await plane.get(f"/key-state?key_id={plane.key}")
    assert state["usage_nanos"] == state["usage_daily_nanos"] == 700
    assert state["credits"] == {
        "total_nanos": 10 * USD,
        "usage_nanos": 700,
        "available_nanos": 10 * USD - 700,
        "held_nanos": 0,
    }
    entries = (await plane.get(f"/teams/{plane.team}/ledger"))["data"]
    assert [e["kind"] for e in entries] == ["return", "settle", "lease", "grant"]
    assert [e["amount_nanos"] for e in entries] == [0, -700, 0, 10 * USD]


async def test_a_void_is_charged_nothing_and_its_cost_is_not_known(plane: Plane) -> None:
    lease = await plane.take(USD)
    begun, _ = plane.records(1, lease["lease_id"], 0)
    await plane.push(begun, final=True)
    async with plane.house.parts.database.read() as session:
        settled = await SqlLedgerRows(session).settlement(begun.id)
    assert settled is not None
    assert (settled.amount, settled.ending, settled.cost_known) == (0, Ending.VOID.value, False)


async def test_what_lies_idle_elsewhere_is_called_back(plane: Plane) -> None:
    first = await plane.take(10 * USD, least=10 * USD)
    assert await plane.balance() == (0, 10 * USD)
    seq = plane.house.parts.feed.newest
    asked = asyncio.create_task(plane.take(2 * USD, gateway=OTHER))

    async def gateway() -> None:
        feed = await plane.get(f"/changes?after={seq}&wait_s=5")
        (change,) = feed["changes"]
        assert (change["kind"], change["id"]) == ("recall", plane.team)
        assert change["row"] == {"lease_ids": [first["lease_id"]]}
        await plane.give_back(first["lease_id"], 9 * USD, closed=False, gateway=GATEWAY)

    await gateway()
    answer = await asked
    assert answer["granted"] == 2 * USD
    assert await plane.balance() == (7 * USD, 3 * USD)


async def test_what_nobody_gives_back_is_refused_after_a_second(plane: Plane) -> None:
    await plane.take(10 * USD, least=10 * USD)
    loop = asyncio.get_running_loop()
    began = loop.time()
    answer = await plane.take(2 * USD, gateway=OTHER)
    assert answer["refused"]["code"] == "insufficient_funds"
    assert answer["refused"]["row"] == "balance"
    assert 0.9 < loop.time() - began < 3


async def test_where_nothing_is_out_nobody_waits(plane: Plane) -> None:
    loop = asyncio.get_running_loop()
    began = loop.time()
    answer = await plane.take(11 * USD)
    assert answer["refused"]["available_nanos"] == 10 * USD
    assert loop.time() - began < 0.9


async def test_a_key_that_may_not_spend_gets_nothing(plane: Plane) -> None:
    await plane.send("DELETE", f"/keys/{plane.key}")
    assert (await plane.take(5))["refused"]["code"] == "key_not_usable"
    assert (await plane.take(5, key_id="key_none"))["refused"]["code"] == "key_not_usable"


async def test_a_frozen_team_gets_nothing(plane: Plane) -> None:
    await plane.post(f"/admin/teams/{plane.team}/freeze", {"reason": "abuse"})
    assert (await plane.take(5))["refused"]["code"] == "team_frozen"
    assert (await plane.get(f"/teams/{plane.team}/balance"))["frozen"] is True


async def test_a_keys_own_limit_holds_for_leases_and_for_what_had_none(plane: Plane) -> None:
    changed = await plane.send("PATCH", f"/teams/{plane.team}/keys/{plane.key}", {"limit_usd": "1"})
    assert changed.status == 200, changed.text
    lease = await plane.take(USD)
    refused = (await plane.take(USD))["refused"]
    assert (refused["code"], refused["row"]) == ("budget_exceeded", "key limit")
    # One within its lease, one while the ledger was out of reach.
    await plane.push(
        *plane.records(1, lease["lease_id"], 10),
        *plane.records(2, "", 20),
        final=True,
    )
    assert await plane.balance() == (10 * USD - 30, 0)
    state = await plane.get(f"/key-state?key_id={plane.key}")
    assert (state["limit_nanos"], state["limit_remaining_nanos"]) == (USD, USD - 30)
    assert (await plane.take(USD))["refused"]["code"] == "budget_exceeded"


async def test_an_ask_that_is_no_ask_is_refused(plane: Plane) -> None:
    for payload in (
        {"gateway": "gw", "asks": []},
        {"gateway": GATEWAY, "asks": [{"ask_id": "a", "key_id": "k", "amount": 0, "least": 1}]},
        {"gateway": GATEWAY},
        [],
    ):
        assert (await plane.send("POST", "/leases", payload)).status == 400
    assert (await plane.get("/key-state?key_id=" + plane.key))["key_id"] == plane.key
    assert (await plane.send("GET", "/key-state?key_id=key_no")).status == 404


async def test_leases_are_renewed_and_swept(plane: Plane) -> None:
    lease = await plane.take(USD)
    ids = [lease["lease_id"], "lea_none"]
    renewal = await plane.post("/leases/renew", {"gateway": GATEWAY, "lease_ids": ids})
    assert renewal["gone"] == ["lea_none"]
    assert renewal["expires_at_ns"] >= lease["expires_at_ns"]
    parts = plane.house.parts

    def open_scope() -> Any:
        return unit_of_work(parts.database, parts.new_scope)

    clock = ManualClock(SystemClock().now_ns())
    jobs = LedgerJobs(open_scope, parts.leases, clock)
    assert await jobs.sweep() == 0
    async with parts.database.write() as session:
        await session.execute(text("UPDATE ledger_leases SET expires_at_ns = 1"))
        await session.commit()
    await jobs.turn()
    assert await plane.balance() == (9 * USD, USD), "gateways were not given time to be heard of"
    for _ in range(3):
        clock.advance(21)
        await jobs.turn()
    assert await jobs.sweep() == 0
    assert await plane.balance() == (10 * USD, 0)
    assert await jobs.expire() == 0
