"""Budgets, prices, notifications and webhooks over the API, on SQLite and PostgreSQL alike."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from control_plane import settings_in
from opengateway.compose.control import open_control
from opengateway.compose.spending import SpendingPlan
from opengateway.control.budgets.rows import BudgetRows
from opengateway.control.prices.service import read_book
from opengateway.domain.budgets import BudgetSubject
from opengateway.kit.clock import ManualClock
from opengateway.policies.permissions import Role
from people import People, Person

DAY_S = 86_400


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
async def people(tmp_path: Path, store_url: str, clock: ManualClock) -> AsyncIterator[People]:
    settings = settings_in(tmp_path, store_url)
    long = replace(settings.sign_in.settings, idle_s=10**9, absolute_s=10**9)
    settings = replace(
        settings,
        clock=clock,
        sign_in=replace(settings.sign_in, settings=long),
        spending=SpendingPlan(),
    )
    async with open_control(settings) as house:
        yield People(house)


@pytest.fixture
async def owner(people: People) -> Person:
    return await people.person()


@pytest.fixture
async def team_id(people: People, owner: Person) -> str:
    return await people.team(owner=owner)


def budget(**changes: object) -> dict[str, object]:
    return {"scope": "team", "period": "month", "limit_nanos": 1_000, **changes}


# --- budgets -------------------------------------------------------------------------------------------
async def test_a_budget_is_made_seen_changed_and_deleted(
    people: People, owner: Person, team_id: str
) -> None:
    place = f"/teams/{team_id}/budgets"
    made = await people.done(owner, "POST", place, budget())
    assert (made["subject_id"], made["mode"], made["version"]) == (team_id, "block", 1)
    assert (made["spent_nanos"], made["leased_nanos"]) == (0, 0)
    one = f"{place}/{made['id']}"
    assert (await people.done(owner, "GET", place))["data"] == [made]
    changed = await people.done(owner, "PATCH", one, {"limit_nanos": 5}, if_match='"1"')
    assert (changed["limit_nanos"], changed["version"]) == (5, 2)
    stale = await people.refused(owner, "PATCH", one, {"limit_nanos": 6}, if_match='"1"')
    assert stale == (412, "version_mismatch")
    assert await people.done(owner, "DELETE", one, if_match='"2"') is None
    assert await people.refused(owner, "GET", one) == (404, "budget_not_found")


async def test_a_second_budget_for_the_same_is_refused_and_an_alert_beside_it_is_not(
    people: People, owner: Person, team_id: str
) -> None:
    place = f"/teams/{team_id}/budgets"
    await people.done(owner, "POST", place, budget())
    assert await people.refused(owner, "POST", place, budget()) == (409, "budget_exists")
    await people.done(owner, "POST", place, budget(mode="alert"))
    await people.done(owner, "POST", place, budget(period="day"))


async def test_budgets_are_on_what_the_team_has(
    people: People, owner: Person, team_id: str
) -> None:
    place = f"/teams/{team_id}/budgets"
    stranger = await people.person()
    other = await people.team("other", owner=stranger)
    member = budget(scope="member", subject_id=owner.id)
    assert (await people.done(owner, "POST", place, member))["subject_id"] == owner.id
    for scope, subject, code in (
        ("member", stranger.id, "member_not_found"),
        ("key", "key_" + "0" * 32, "key_not_found"),
    ):
        wanted = budget(scope=scope, subject_id=subject)
        assert await people.refused(owner, "POST", place, wanted) == (404, code)
    assert (await people.refused(owner, "POST", place, budget(subject_id=other)))[0] == 400
    assert (await people.refused(owner, "POST", place, budget(limit_nanos=-1)))[0] in (400, 422)
    assert (await people.refused(stranger, "GET", place))[0] == 404
    assert (await people.refused(owner, "GET", f"/teams/{other}/budgets"))[0] == 404


async def test_a_keys_spending_counts_on_every_budget_that_applies(
    people: People, owner: Person, team_id: str, clock: ManualClock
) -> None:
    place = f"/teams/{team_id}/budgets"
    await people.done(owner, "POST", place, budget())
    await people.done(
        owner, "POST", place, budget(scope="member", subject_id=owner.id, period="day")
    )
    stranger = await people.person()
    await people.join(team_id, stranger, Role.MEMBER)
    theirs = budget(scope="member", subject_id=stranger.id, period="day")
    await people.done(owner, "POST", place, theirs)
    subject = BudgetSubject("key_1", team_id, owner.id, limit_nanos=7, limit_reset="week")
    async with people.house.parts.database.read() as session:
        rows = await BudgetRows(session).rows_for(subject, clock.now_ns())
        alone = await BudgetRows(session).rows_for(BudgetSubject("key_2", team_id), clock.now_ns())
    assert [row.label for row in sorted(rows, key=lambda r: r.breadth)] == [
        "key limit",
        "daily member budget",
        "monthly team budget",
    ]
    assert [row.id for row in rows] == sorted(row.id for row in rows)
    assert [row.label for row in alone] == ["monthly team budget"]
    assert all(row.starts_at_ns <= clock.now_ns() < (row.ends_at_ns or 2**63) for row in rows)


# --- prices ---------------------------------------------------------------------------------------------
def price(**changes: object) -> dict[str, object]:
    return {
        "side": "sell",
        "pattern": "acme/*",
        "effective_from": "2026-01-01",
        "source": "desk",
        "percent": "5.5",
        **changes,
    }


@pytest.fixture
async def finance(people: People) -> Person:
    return await people.person(platform=Role.PLATFORM_FINANCE)


async def test_prices_are_added_and_listed_and_never_changed(
    people: People, finance: Person, owner: Person
) -> None:
    made = await people.done(finance, "POST", "/admin/prices", price())
    assert made["name"] == "acme/*@2026-01-01#sell-desk"
    assert await people.refused(finance, "POST", "/admin/prices", price(percent="6")) == (
        409,
        "price_exists",
    )
    later = price(effective_from="2026-02-01T12:00:00Z", percent="6")
    await people.done(finance, "POST", "/admin/prices", later)
    first = await people.done(finance, "GET", "/admin/prices?limit=1")
    rest = await people.done(finance, "GET", f"/admin/prices?after={first['next']}")
    assert [row["percent"] for row in (*first["data"], *rest["data"])] == ["5.5", "6"]
    for method in ("PATCH", "PUT", "DELETE"):
        assert (await people.refused(finance, method, "/admin/prices"))[0] == 405
    assert await people.refused(owner, "GET", "/admin/prices") == (403, "permission_missing")


SENSELESS: list[tuple[dict[str, object], str]] = [
    ({"effective_from": "2025-11-01"}, "effective_from"),
    ({"effective_from": "2026-02-30"}, "effective_from"),
    ({"effective_from": "tomorrow"}, "effective_from"),
    ({"percent": "5,5"}, "percent"),
    ({"percent": None}, "rates"),
    ({"rates": {"input": "1"}}, "rates"),
    ({"percent": None, "rates": {"input": "-1"}}, "rates.input"),
    ({"percent": None, "rates": {"inputs": "1", "input": "1"}}, "rates.inputs"),
    ({"percent": None, "rates": {"cache_read": "1"}}, "rates"),
    ({"percent": None, "rates": {"input": "1"}, "currency": "KRW"}, "currency"),
    ({"side": "cost"}, "rates"),
    ({"pattern": "a b"}, "pattern"),
    ({"source": "#x"}, "source"),
]


async def test_a_price_that_makes_no_sense_is_refused_and_says_where(
    people: People, finance: Person
) -> None:
    for changes, param in SENSELESS:
        reply = await people.ask(finance, "POST", "/admin/prices", price(**changes))
        assert reply.status == 400, reply.text
        assert reply.json()["error"]["param"] == param


async def test_what_the_desk_writes_is_what_the_compiler_reads(
    people: People, finance: Person, team_id: str, clock: ManualClock
) -> None:
    rate = {
        "currency": "KRW",
        "effective_from": "2026-01-01",
        "source": "bank",
        "usd_per_unit": "0.0007",
    }
    await people.done(finance, "POST", "/admin/fx-rates", rate)
    assert (await people.refused(finance, "POST", "/admin/fx-rates", rate))[0] == 409
    cost = price(
        side="cost", percent=None, rates={"input": "1400", "output": "2800"}, currency="KRW"
    )
    await people.done(finance, "POST", "/admin/prices", cost)
    own = price(team_id=team_id, percent="-10")
    own.pop("side")
    await people.done(finance, "POST", "/admin/price-overrides", own)
    async with people.house.parts.database.read() as session:
        book = await read_book(session)
    clock.advance(40 * DAY_S)
    now = book.at(clock.now_ns())
    assert [entry.currency for entry in now.prices] == ["KRW"]
    assert now.overrides[team_id][0].ppm == -100_000
    assert now.fx["KRW"].usd_per_unit == "0.0007"
    listed = await people.done(finance, "GET", f"/admin/price-overrides?team_id={team_id}")
    assert [row["percent"] for row in listed["data"]] == ["-10"]
    foreign = {**own, "team_id": "team_" + "0" * 32}
    assert (await people.refused(finance, "POST", "/admin/price-overrides", foreign))[0] == 404


# --- notifications ---------------------------------------------------------------------------------------
async def test_alert_settings_have_defaults_and_are_replaced(
    people: People, owner: Person, team_id: str
) -> None:
    place = f"/teams/{team_id}/alert-settings"
    assert await people.done(owner, "GET", place) == {
        "low_balance_nanos": 5_000_000_000,
        "emails": [],
        "version": 0,
    }
    wanted = {"low_balance_nanos": None, "emails": ["B@example.com", "a@example.com"]}
    assert await people.done(owner, "PUT", place, wanted, if_match='"0"') == {
        "low_balance_nanos": None,
        "emails": ["a@example.com", "b@example.com"],
        "version": 1,
    }
    assert (await people.refused(owner, "PUT", place, wanted, if_match='"0"'))[0] == 412


# --- webhooks ---------------------------------------------------------------------------------------------
async def test_a_webhooks_secret_is_shown_once_and_kept_sealed(
    people: People, owner: Person, team_id: str
) -> None:
    place = f"/teams/{team_id}/webhooks"
    made = await people.done(
        owner, "POST", place, {"url": "https://example.com/h", "events": ["budget.alert"]}
    )
    assert made["secret"].startswith("whsec_")
    shown = await people.done(owner, "GET", f"{place}/{made['webhook']['id']}")
    assert "secret" not in shown
    ((kept,),) = await people.rows("SELECT secret FROM webhooks")
    assert made["secret"] not in kept
    rotated = await people.done(owner, "POST", f"{place}/{shown['id']}/rotate")
    assert rotated["secret"] != made["secret"]
    assert rotated["webhook"]["old_until_ns"] is not None


async def test_a_webhook_may_not_lead_inside(people: People, owner: Person, team_id: str) -> None:
    place = f"/teams/{team_id}/webhooks"
    for url in ("https://127.0.0.1/x", "http://example.com/", "https://localhost/"):
        reply = await people.ask(owner, "POST", place, {"url": url})
        assert (reply.status, reply.json()["error"]["param"]) == (400, "url")


async def test_a_team_has_no_more_webhooks_than_the_limit_and_nobody_elses(
    people: People, owner: Person, team_id: str
) -> None:
    place = f"/teams/{team_id}/webhooks"
    made = [
        await people.done(owner, "POST", place, {"url": f"https://example.com/{n}"})
        for n in range(20)
    ]
    full = await people.refused(owner, "POST", place, {"url": "https://example.com/x"})
    assert full == (409, "too_many_webhooks")
    stranger = await people.person()
    other = await people.team("other", owner=stranger)
    foreign = f"/teams/{other}/webhooks/{made[0]['webhook']['id']}"
    for method, path in (
        ("GET", ""),
        ("DELETE", ""),
        ("POST", "/test"),
        ("POST", "/rotate"),
        ("GET", "/deliveries"),
    ):
        assert await people.refused(stranger, method, foreign + path) == (404, "webhook_not_found")
