"""What becomes of smoke tests' outcomes, on both stores."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from asgi_client import call
from control_plane import control_in
from opengateway.compose.control import ControlHouse
from opengateway.control.actor import SYSTEM
from opengateway.control.smoke.models import RunState
from opengateway.control.smoke.service import SmokeService
from opengateway.domain.smoke import Cell, Feature, Outcome, SmokeLevel, SmokeWish, Verdict
from opengateway.http.unit_of_work import unit_of_work
from opengateway.policies.permissions import Role
from people import People


@pytest.fixture
async def house(tmp_path: Path, store_url: str | None) -> AsyncIterator[ControlHouse]:
    async with control_in(tmp_path, store_url) as made:
        yield made


def cell(feature: Feature, region: str = "kr") -> Cell:
    return Cell("acme/m", "chat", "acme/m:acme:m", "acme", region, "m", feature)


def within(house: ControlHouse) -> Any:
    return unit_of_work(house.parts.database, house.parts.new_scope)


async def begun(house: ControlHouse) -> str:
    async with within(house) as scope:
        return (await SmokeService(scope, SYSTEM).begin(SmokeWish(SmokeLevel.PRE_PUBLISH))).id


async def noted(house: ControlHouse, run_id: str, feature: Feature, verdict: Verdict) -> None:
    async with within(house) as scope:
        outcome = Outcome(cell(feature), verdict, "said so", "gen_1", 5.0)
        await SmokeService(scope, SYSTEM).note(run_id, outcome)


async def asked(house: ControlHouse, path: str, method: str = "GET", **payload: Any) -> Any:
    reply = await call(
        house.internal_app, method, f"/internal/v1/admin/smoke{path}", payload=payload or None
    )
    assert reply.status < 300, reply.text
    return reply.json()


async def test_a_run_counts_its_outcomes_and_says_how_features_stand(house: ControlHouse) -> None:
    run_id = await begun(house)
    await noted(house, run_id, Feature.CHAT, Verdict.PASS)
    await noted(house, run_id, Feature.STREAM, Verdict.UNAVAILABLE)
    await noted(house, run_id, Feature.CACHE, Verdict.SKIPPED)
    run = await asked(house, f"/runs/{run_id}")
    assert (run["passed"], run["unavailable"], run["skipped"], run["failed"]) == (1, 1, 1, 0)
    stand = {row["feature"]: row for row in (await asked(house, ""))["data"]}
    assert set(stand) == {"chat", "stream"}  # what was skipped says nothing
    assert stand["chat"]["succeeded_at_ns"] is not None
    assert stand["stream"]["failing_since_ns"] is not None
    results = (await asked(house, f"/runs/{run_id}/results?limit=2"))["data"]
    assert [row["feature"] for row in results] == ["chat", "stream"]


async def test_a_claim_that_fails_is_proposed_once_and_closes_when_it_works(
    house: ControlHouse,
) -> None:
    run_id = await begun(house)
    for _ in range(2):
        await noted(house, run_id, Feature.TOOLS, Verdict.FAIL)
        await noted(house, run_id, Feature.CHAT, Verdict.FAIL)  # no claim of the catalogue
        await noted(house, run_id, Feature.VISION, Verdict.UNAVAILABLE)
    (proposal,) = (await asked(house, "/proposals?state=open"))["data"]
    assert (proposal["feature"], proposal["kind"]) == ("tools", "capability_lost")
    assert "'tools'" in proposal["change"]
    assert "'acme/m'" in proposal["change"]
    await noted(house, run_id, Feature.TOOLS, Verdict.PASS)
    (closed,) = (await asked(house, "/proposals"))["data"]
    assert closed["state"] == "mended"


async def test_what_a_person_dismissed_comes_back_only_after_it_worked(house: ControlHouse) -> None:
    run_id = await begun(house)
    await noted(house, run_id, Feature.TOOLS, Verdict.FAIL)
    (proposal,) = (await asked(house, "/proposals?state=open"))["data"]
    path = f"/proposals/{proposal['id']}/dismiss"
    assert (await asked(house, path, "POST"))["state"] == "dismissed"
    again = await call(house.internal_app, "POST", f"/internal/v1/admin/smoke{path}")
    assert (again.status, again.json()["error"]["code"]) == (409, "proposal_closed")
    await noted(house, run_id, Feature.TOOLS, Verdict.FAIL)
    assert (await asked(house, "/proposals?state=open"))["data"] == []
    await noted(house, run_id, Feature.TOOLS, Verdict.PASS)
    await noted(house, run_id, Feature.TOOLS, Verdict.FAIL)
    assert len((await asked(house, "/proposals?state=open"))["data"]) == 1


async def test_one_run_at_a_time(house: ControlHouse) -> None:
    run = await asked(house, "/runs", "POST", level="live")
    busy = await call(
        house.internal_app, "POST", "/internal/v1/admin/smoke/runs", payload={"level": "live"}
    )
    assert (busy.status, busy.json()["error"]["code"]) == (409, "smoke_busy")
    assert house.parts.operation.smoke.waiting == [run["id"]]
    async with within(house) as scope:
        await SmokeService(scope, SYSTEM).finish(run["id"], RunState.DONE, 42)
    assert (await asked(house, f"/runs/{run['id']}"))["cost_nanos"] == 42
    await asked(house, "/runs", "POST", level="daily", cap_usd="1.50")


async def test_the_operators_team_is_made_once_whatever_customers_call_theirs(
    house: ControlHouse,
) -> None:
    await People(house).team("Smoke tests")
    ids = []
    for _ in range(2):
        async with within(house) as scope:
            ids.append(await SmokeService(scope, SYSTEM).team_id())
    assert ids[0] == ids[1]


async def test_support_reads_smoke_tests_and_starts_none(house: ControlHouse) -> None:
    people = People(house)
    support = await people.person(platform=Role.PLATFORM_SUPPORT)
    reads = await call(house.public_app, "GET", "/api/v1/admin/smoke", headers=support.headers)
    assert reads.status == 200
    starts = await call(
        house.public_app,
        "POST",
        "/api/v1/admin/smoke/runs",
        payload={"level": "live"},
        headers=support.headers,
    )
    assert starts.status == 403
