"""Welcome credit once, the free tier until credit is bought, and alerts that stop nobody."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from asgi_client import Reply
from control_plane import control_in
from opengateway.compose.selling_rules import SellingPlan
from opengateway.control.newcomers.jobs import NewcomerJobs
from opengateway.control.newcomers.service import one_mailbox
from opengateway.domain.selling import FreeTier, SellingRules
from opengateway.http.unit_of_work import unit_of_work
from opengateway.kit.clock import SystemClock
from opengateway.policies.permissions import Role
from people import People, Person

USD = 10**9
RULES = SellingRules(
    welcome_nanos=5 * USD, welcome_days=30, free_tier=FreeTier(rpm=20, concurrency=2)
)


@pytest.fixture
async def people(tmp_path: Path, store_url: str) -> AsyncIterator[People]:
    async with control_in(tmp_path, store_url, selling=SellingPlan(RULES)) as house:
        yield People(house)


async def made(people: People, who: Person, **headers: str) -> Reply:
    reply = await people.ask(who, "POST", "/teams", {"name": "t"}, **headers)
    assert reply.status == 201, reply.text
    return reply


async def balance(people: People, who: Person, team_id: str) -> Any:
    return await people.done(who, "GET", f"/teams/{team_id}/balance")


async def test_welcome_credit_is_given_once_to_an_identity(people: People) -> None:
    who = await people.person(email="kim@example.com")
    first, second = [(await made(people, who)).json()["id"] for _ in range(2)]
    told = await balance(people, who, first)
    assert told["available_nanos"] == 5 * USD
    (credit,) = told["grants"]
    assert credit["kind"] == "promo"
    assert credit["expires_at_ns"] - credit["created_at_ns"] == pytest.approx(
        30 * 86_400 * 10**9, abs=10**9
    )
    assert (await balance(people, who, second))["available_nanos"] == 0
    # The same mailbox under another address, and the same one after its account is gone.
    other = await people.person(email="kim+2@example.com")
    third = (await made(people, other)).json()["id"]
    assert (await balance(people, other, third))["available_nanos"] == 0


async def test_an_address_that_is_not_verified_gets_none(people: People) -> None:
    who = await people.person()
    async with people.house.parts.database.write() as session:
        from sqlalchemy import text

        await session.execute(text("UPDATE users SET email_verified_at_ns = NULL"))
        await session.commit()
    team_id = (await made(people, who)).json()["id"]
    assert (await balance(people, who, team_id))["available_nanos"] == 0


async def test_a_free_team_has_limits_until_it_buys_credit(people: People) -> None:
    who = await people.person()
    finance = await people.person(platform=Role.PLATFORM_FINANCE)
    team_id = (await made(people, who)).json()["id"]
    parts = people.house.parts

    async def turn() -> tuple[Any, ...]:
        def open_scope() -> Any:
            return unit_of_work(parts.database, parts.new_scope)

        await NewcomerJobs(open_scope, parts.feed, SystemClock()).turn()
        ((rpm, concurrency),) = await people.rows(
            f"SELECT rpm, concurrency FROM teams WHERE id = '{team_id}'"
        )
        return rpm, concurrency

    assert await turn() == (20, 2)
    path = f"/admin/teams/{team_id}/grants"
    await people.done(finance, "POST", path, {"usd": "9", "note": "a gift"})
    assert await turn() == (20, 2)
    bought = {"usd": "9", "note": "bank", "kind": "paid", "source": "topup"}
    await people.done(finance, "POST", path, bought)
    before = parts.feed.newest
    assert await turn() == (None, None)
    assert parts.feed.newest == before + 1
    assert await turn() == (None, None)


async def test_many_teams_of_one_network_are_an_alert_and_no_block(people: People) -> None:
    support = await people.person(platform=Role.PLATFORM_SUPPORT)
    admin = await people.person(platform=Role.PLATFORM_ADMIN)
    for _ in range(3):
        await made(people, await people.person(), x_forwarded_for="198.51.100.20")
    assert (await people.done(support, "GET", "/admin/abuse-alerts"))["data"] == []
    for _ in range(3):
        await made(people, await people.person(), x_forwarded_for="198.51.100.77")
    (alert,) = (await people.done(support, "GET", "/admin/abuse-alerts"))["data"]
    assert (alert["kind"], alert["status"], len(alert["team_ids"])) == ("network", "open", 6)
    path = f"/admin/abuse-alerts/{alert['id']}/dismiss"
    reason = {"reason": "a school"}
    assert (await people.refused(support, "POST", path, reason))[0] == 403
    assert (await people.done(admin, "POST", path, reason))["status"] == "dismissed"
    await made(people, await people.person(), x_forwarded_for="198.51.100.9")
    listed = await people.done(support, "GET", "/admin/abuse-alerts?status=open")
    assert listed["data"] == []
    everything = repr(await people.rows("SELECT * FROM abuse_sightings"))
    assert "198.51.100" not in everything


async def test_one_browser_is_known_again_whoever_signs_in(people: People) -> None:
    who = await people.person()
    first = await made(people, who, x_forwarded_for="198.51.100.1")
    (cookie,) = (c.partition(";")[0] for c in first.cookies if c.startswith("og_device="))
    for number in range(3):
        other = await people.person()
        joined = Person(
            other.id, {**other.headers, "cookie": f"{other.headers['cookie']}; {cookie}"}
        )
        await made(people, joined, x_forwarded_for=f"203.0.{number}.1")
    support = await people.person(platform=Role.PLATFORM_SUPPORT)
    (alert,) = (await people.done(support, "GET", "/admin/abuse-alerts"))["data"]
    assert (alert["kind"], len(alert["team_ids"])) == ("device", 4)


def test_what_an_owner_adds_to_an_address_is_not_another_mailbox() -> None:
    assert one_mailbox("a+b@x.example") == one_mailbox("a@x.example") == "a@x.example"
    assert one_mailbox("+b@x.example") == "+b@x.example"
