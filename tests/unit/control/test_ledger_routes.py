"""Money over HTTP: who may book what, and what is booked once."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from asgi_client import Reply, call
from control_plane import control_in
from opengateway.policies.permissions import Role
from people import API, People, Person


class Desk:
    """A team with an owner and a viewer, somebody of finance, and a stranger."""

    def __init__(self, people: People) -> None:
        self.people = people

    async def begin(self) -> None:
        people = self.people
        self.owner, self.member = await people.person(), await people.person()
        self.finance = await people.person(platform=Role("platform_finance"))
        self.stranger = await people.person()
        self.team = await people.team("acme", owner=self.owner, member=self.member)
        self.other = await people.team("other", owner=self.stranger)

    async def send(
        self, who: Person, method: str, path: str, payload: object = None, **headers: str
    ) -> Reply:
        app = self.people.house.public_app
        return await call(
            app, method, f"{API}{path}", payload=payload, headers={**who.headers, **headers}
        )

    async def book(self, what: str, expected: int = 201, **body: Any) -> Any:
        path = f"/admin/teams/{self.team}/{what}"
        reply = await self.send(self.finance, "POST", path, {"note": "why", **body})
        assert reply.status == expected, reply.text
        return reply.json()

    async def balance(self, who: Person | None = None) -> Any:
        reply = await self.send(who or self.owner, "GET", f"/teams/{self.team}/balance")
        assert reply.status == 200, reply.text
        return reply.json()


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    async with control_in(tmp_path) as house:
        made = Desk(People(house))
        await made.begin()
        yield made


async def test_finance_gives_and_the_team_sees_it(desk: Desk) -> None:
    made = await desk.book("grants", usd="12.500000001")
    assert made["amount_nanos"] == 12_500_000_001
    balance = await desk.balance()
    assert (balance["available_nanos"], balance["promo_nanos"]) == (12_500_000_001,) * 2
    assert [g["id"] for g in balance["grants"]] == [made["grant_id"]]
    entries = (await desk.send(desk.owner, "GET", f"/teams/{desk.team}/ledger")).json()
    assert [(e["kind"], e["note"], e["amount_nanos"]) for e in entries["data"]] == [
        ("grant", "why", 12_500_000_001)
    ]
    audit = (await desk.send(desk.owner, "GET", f"/teams/{desk.team}/audit")).json()["data"]
    assert "ledger.granted" in [line["action"] for line in audit]


async def test_nobody_else_books_and_nobody_else_sees(desk: Desk) -> None:
    path = f"/admin/teams/{desk.team}"
    body = {"usd": "5", "note": "mine"}
    for what in ("grants", "adjustments", "refunds", "chargebacks"):
        for who in (desk.owner, desk.stranger):
            assert (await desk.send(who, "POST", f"{path}/{what}", body)).status == 403
    assert (await desk.send(desk.stranger, "GET", f"/teams/{desk.team}/balance")).status == 404
    assert (await desk.send(desk.stranger, "GET", f"/teams/{desk.team}/ledger")).status == 404
    assert (await desk.send(desk.member, "GET", f"/teams/{desk.team}/balance")).status == 403
    assert (await desk.balance())["available_nanos"] == 0


async def test_a_ref_is_booked_once_for_any_team(desk: Desk) -> None:
    first = await desk.book("grants", usd="5", ref="invoice-1")
    again = await desk.book("grants", usd="5", ref="invoice-1")
    assert (again["entry_id"], again["again"]) == (first["entry_id"], True)
    error = (await desk.book("grants", 409, usd="6", ref="invoice-1"))["error"]
    assert error["code"] == "ref_used"
    elsewhere = await desk.send(
        desk.finance,
        "POST",
        f"/admin/teams/{desk.other}/grants",
        {"usd": "5", "note": "why", "ref": "invoice-1"},
    )
    assert elsewhere.status == 409
    assert (await desk.balance())["available_nanos"] == 5_000_000_000


async def test_an_idempotency_key_stands_for_a_ref(desk: Desk) -> None:
    path = f"/admin/teams/{desk.team}/grants"
    for _ in range(2):
        reply = await desk.send(
            desk.finance, "POST", path, {"usd": "5", "note": "n"}, **{"idempotency-key": "k-1"}
        )
        assert reply.status == 201
    assert (await desk.balance())["available_nanos"] == 5_000_000_000


async def test_amounts_are_exact_or_refused(desk: Desk) -> None:
    for usd in ("0", "-1", "1e3", "0.0000000001", "99999999999", "nan", "1,5", ""):
        await desk.book("grants", 400, usd=usd)
    await desk.book("grants", 400, usd=5)
    await desk.book("grants", 400, usd="5", expires_at_ns=1)
    await desk.book("grants", 400, usd="5", source="redeem")
    await desk.book("adjustments", 400, usd="-0")
    await desk.book("grants", 400, usd="5", ref="a\x00b")
    await desk.book("grants", 400, usd="5", note="a\x00b")
    await desk.book("refunds", 400, usd="5", grant_id="a b")
    assert (await desk.balance())["available_nanos"] == 0


async def test_a_payment_is_refunded_and_charged_back(desk: Desk) -> None:
    paid = await desk.book(
        "grants", usd="20", kind="paid", source="topup", processor="cards", fee_usd="1"
    )
    await desk.book("refunds", usd="4", grant_id=paid["grant_id"])
    await desk.book("refunds", 409, usd="16", grant_id=paid["grant_id"])
    await desk.book("refunds", 404, usd="1", grant_id="crd_none")
    await desk.book("refunds", 404, usd="1", request_id="gen_none")
    await desk.book("refunds", 400, usd="1")
    await desk.book("adjustments", usd="-14.5")
    await desk.book("adjustments", 402, usd="-14.5")
    await desk.book("chargebacks", usd="15", grant_id=paid["grant_id"])
    await desk.book("chargebacks", 409, usd="1", grant_id=paid["grant_id"])
    balance = await desk.balance()
    assert (balance["available_nanos"], balance["debt_nanos"]) == (-14_500_000_000, 14_500_000_000)
    first = await desk.send(desk.owner, "GET", f"/teams/{desk.team}/ledger?limit=3")
    after = first.json()["next"]
    second = await desk.send(desk.owner, "GET", f"/teams/{desk.team}/ledger?limit=3&after={after}")
    kinds = [e["kind"] for page in (first, second) for e in page.json()["data"]]
    assert kinds == ["chargeback", "adjustment", "refund", "topup"]
