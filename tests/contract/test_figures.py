"""Figures, previews of prices, queues and reconciliation of the desk, on both stores."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from asgi_client import call
from control_plane import GATEWAY, SEGMENT, closed, journal, opened
from desk import ScriptedProbe, desk_in, endpoint
from opengateway.domain.records import AttemptRecord
from opengateway.domain.usage import Dimension
from opengateway.kit.clock import ManualClock
from opengateway.policies.permissions import Role
from people import People, Person

WHERE = "house/small:house:small"
DAY_NS = 86_400 * 10**9


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
async def people(tmp_path: Path, store_url: str, clock: ManualClock) -> AsyncIterator[People]:
    async with desk_in(tmp_path, store_url, clock, ScriptedProbe()) as found:
        await found.house.parts.spending.publisher.publish()
        yield found


@pytest.fixture
async def finance(people: People) -> Person:
    return await people.person(platform=Role.PLATFORM_FINANCE)


async def used(
    people: People,
    clock: ManualClock,
    team_id: str,
    count: int,
    each: Sequence[dict[Dimension, int]] = (),
    **more: Any,
) -> None:
    """So many requests of a team: a million tokens in and half a million out, or `each`."""
    records: list[Any] = []
    at = clock.now_ns() - DAY_NS
    for number in range(count):
        own: dict[str, Any] = {
            "team_id": team_id,
            "started_at_ns": at + number,
            "model": "house/small",
            "endpoint_id": WHERE,
            "provider": "house",
            "usage": {Dimension.INPUT: 1_000_000, Dimension.OUTPUT: 500_000},
            "cost_nanos": 500_000_000,
            "provider_cost_nanos": 400_000_000,
            "attempts": [AttemptRecord("e", "house", "global", "small", "main", 0.1)],
            **more,
        }
        if each:
            own["usage"] = each[number]
        records.append(opened(number, team_id=team_id, started_at_ns=at, endpoint_id=WHERE))
        records.append(closed(number, **own))
    data = journal(records)
    path = f"/internal/v1/journal?gateway={GATEWAY}&segment={SEGMENT}&offset=0&final=0"
    reply = await call(people.house.internal_app, "POST", path, body=data)
    assert reply.status == 200, reply.text


async def test_margins_are_what_was_charged_without_what_it_cost(
    people: People, clock: ManualClock, finance: Person
) -> None:
    team_id = await people.team()
    await used(people, clock, team_id, 3)
    found = await people.done(finance, "GET", "/admin/margins?by=team")
    (line,) = found["lines"]
    assert (line["name"], line["requests"]) == (team_id, 3)
    assert (line["charged_usd"], line["provider_cost_usd"]) == ("1.5", "1.2")
    assert (line["margin_usd"], line["margin_percent"]) == ("0.3", "20.0")
    shown = await people.done(finance, "GET", "/admin/overview?hours=48")
    assert (shown["requests"], shown["total"]["margin_usd"]) == (3, "0.3")
    assert [p["name"] for p in shown["providers"]] == ["house"]
    assert shown["approvals_pending"] == 0
    assert (await people.done(finance, "GET", "/admin/overview?hours=1"))["requests"] == 0


async def test_a_preview_is_last_months_usage_at_other_prices_and_keeps_nothing(
    people: People, clock: ManualClock, finance: Person
) -> None:
    team_id = await people.team()
    await used(people, clock, team_id, 2)
    change = {
        "side": "sell",
        "pattern": "house/*",
        "effective_from": "2099-01-01",
        "source": "desk",
        "percent": "10",
    }
    found = await people.done(finance, "POST", "/admin/prices/preview", {"changes": [change]})
    # 0.20 and 0.60 US dollars a million: 0.50 a request, and a tenth more.
    assert (found["total"]["charged_before_usd"], found["total"]["charged_after_usd"]) == (
        "1",
        "1.1",
    )
    assert (found["total"]["difference_usd"], found["total"]["difference_percent"]) == (
        "0.1",
        "10.0",
    )
    assert (found["total"]["margin_before_usd"], found["total"]["margin_after_usd"]) == ("0", "0.1")
    one = {**change, "team_id": team_id, "percent": "-50"}
    found = await people.done(finance, "POST", "/admin/prices/preview", {"changes": [change, one]})
    assert [(t["name"], t["charged_after_usd"]) for t in found["teams"]] == [(team_id, "0.5")]
    assert (await people.done(finance, "GET", "/admin/prices"))["data"] == []
    admin = await people.person(platform=Role.PLATFORM_ADMIN)
    audit = await people.done(admin, "GET", "/admin/audit?limit=200")
    assert not [row for row in audit["data"] if row["action"].startswith("price")]
    past = {**change, "effective_from": "2001-01-01"}
    refused = await people.refused(finance, "POST", "/admin/prices/preview", {"changes": [past]})
    assert refused == (400, "invalid_request")


async def test_an_own_credentials_usage_is_no_part_of_a_preview(
    people: People, clock: ManualClock, finance: Person
) -> None:
    team_id = await people.team()
    own = [AttemptRecord("e", "house", "global", "small", "own:cred_1", 0.1)]
    await used(people, clock, team_id, 2, attempts=own, fee_nanos=5, cost_nanos=5)
    change = {
        "side": "sell",
        "pattern": "*",
        "effective_from": "2099-01-01",
        "source": "desk",
        "percent": "10",
    }
    found = await people.done(finance, "POST", "/admin/prices/preview", {"changes": [change]})
    assert (found["total"]["requests"], found["total"]["difference_usd"]) == (0, "0")


async def test_reconciliation_finds_the_request_that_was_booked_otherwise(
    people: People, clock: ManualClock, finance: Person
) -> None:
    team_id = await people.team()
    await used(people, clock, team_id, 2)
    found = await people.done(finance, "GET", "/admin/reconciliation?hours=48")
    assert (found["requests"], found["difference_usd"], found["differences"]) == (2, "0", [])
    async with people.house.parts.database.write() as session:
        await session.execute(text("UPDATE requests SET cost_nanos = 7 WHERE id LIKE '%1'"))
        await session.commit()
    found = await people.done(finance, "GET", "/admin/reconciliation?hours=48")
    (one,) = found["differences"]
    assert (one["team_id"], one["recorded_usd"], one["booked_usd"]) == (
        team_id,
        "0.000000007",
        "0.5",
    )


async def test_what_was_given_up_is_listed_and_tried_again(
    people: People, clock: ManualClock
) -> None:
    admin = await people.person(platform=Role.PLATFORM_ADMIN)
    owner = await people.person()
    team_id = await people.team(owner=owner)
    hooks = f"/teams/{team_id}/webhooks"
    made = await people.done(
        owner, "POST", hooks, {"url": "https://example.com/hook", "events": []}
    )
    await people.done(owner, "POST", f"{hooks}/{made['webhook']['id']}/test")
    async with people.house.parts.database.write() as session:
        await session.execute(text("UPDATE webhook_deliveries SET state = 'failed'"))
        await session.commit()
    (dead,) = (await people.done(admin, "GET", "/admin/dead-letters/webhooks"))["data"]
    assert dead["team_id"] == team_id
    retry = f"/admin/dead-letters/webhooks/{dead['id']}/retry"
    await people.done(admin, "POST", retry)
    assert (await people.done(admin, "GET", "/admin/dead-letters/webhooks"))["data"] == []
    assert (await people.refused(admin, "POST", retry))[0] == 409
    # Given up once more, and nobody wants it tried again: the team still sees it.
    async with people.house.parts.database.write() as session:
        await session.execute(text("UPDATE webhook_deliveries SET state = 'failed'"))
        await session.commit()
    shown = await people.done(admin, "GET", "/admin/overview")
    assert (shown["deliveries_failed"], shown["dead_letters"]) == (
        1,
        {"mail": 0, "webhooks": 1, "journals": 0, "payments": 0},
    )
    await people.done(admin, "DELETE", f"/admin/dead-letters/webhooks/{dead['id']}")
    assert (await people.done(admin, "GET", "/admin/dead-letters/webhooks"))["data"] == []
    assert (await people.done(admin, "GET", "/admin/overview"))["deliveries_failed"] == 0
    seen = await people.done(owner, "GET", f"{hooks}/{made['webhook']['id']}/deliveries")
    assert [row["id"] for row in seen["data"]] == [dead["id"]]
    # What is disabled would be given up again at once.
    async with people.house.parts.database.write() as session:
        await session.execute(text("UPDATE webhooks SET disabled = true"))
        await session.commit()
    assert (await people.refused(admin, "POST", retry))[0] == 409


async def test_a_silent_gateways_journal_shows_with_what_it_holds_open(
    people: People, clock: ManualClock
) -> None:
    support = await people.person(platform=Role.PLATFORM_SUPPORT)
    data = journal([opened(1, started_at_ns=clock.now_ns())])
    path = f"/internal/v1/journal?gateway={GATEWAY}&segment={SEGMENT}&offset=0&final=0"
    assert (await call(people.house.internal_app, "POST", path, body=data)).status == 200
    place = "/admin/dead-letters/journals"
    assert (await people.done(support, "GET", place))["data"] == []
    clock.advance(2 * 3600)
    (stuck,) = (await people.done(support, "GET", place))["data"]
    assert (stuck["gateway"], stuck["open_requests"]) == (GATEWAY, 1)
    admin = await people.person(platform=Role.PLATFORM_ADMIN)
    give_up = f"{place}/{GATEWAY}"
    assert (await people.refused(admin, "DELETE", give_up))[0] == 409
    assert (await people.refused(admin, "DELETE", f"{place}/gw_nobody"))[0] == 404
    clock.advance(23 * 3600)
    assert (await people.refused(support, "DELETE", give_up))[0] == 403
    assert await people.done(admin, "DELETE", give_up) == {"voided": 1}
    assert (await people.done(support, "GET", place))["data"] == []
    assert await people.rows("SELECT ending, cost_nanos FROM requests") == [("void", 0)]
    assert (await people.refused(admin, "DELETE", give_up))[0] == 409
    # Its disk was not lost after all: what it tells now is not charged.
    late = journal([closed(1, started_at_ns=clock.now_ns(), cost_nanos=7, opened=True)])
    path = path.replace("offset=0", f"offset={len(data)}")
    assert (await call(people.house.internal_app, "POST", path, body=late)).status == 200
    assert await people.rows("SELECT ending, cost_nanos FROM requests") == [("void", 0)]


async def test_long_inputs_are_previewed_by_the_tier_that_each_of_them_has(
    tmp_path: Path, clock: ManualClock
) -> None:
    tiers = [{"above": 200_000, "input": "0.40"}]
    long = endpoint("house", "small", price={"input": "0.20", "output": "0.60", "tiers": tiers})
    models = {"house/small": {"endpoints": [long]}}
    async with desk_in(tmp_path, None, clock, ScriptedProbe(), models=models) as people:
        await people.house.parts.spending.publisher.publish()
        finance = await people.person(platform=Role.PLATFORM_FINANCE)
        each = [{Dimension.INPUT: 100_000, Dimension.CACHE_READ: n} for n in (100_000, 100_001)]
        await used(people, clock, await people.team(), 2, each=each)
        change = {
            "side": "sell",
            "pattern": "house/*",
            "effective_from": "2099-01-01",
            "source": "desk",
            "percent": "100",
        }
        found = await people.done(finance, "POST", "/admin/prices/preview", {"changes": [change]})
    # 200,000 tokens at 0.20 a million, and one more at 0.40 for all of them.
    assert found["total"]["requests"] == 2
    assert found["total"]["charged_before_usd"] == "0.1200004"
    assert found["total"]["charged_after_usd"] == "0.2400008"
