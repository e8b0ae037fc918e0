"""Providers, credentials, models and approvals of the operator's desk, on both stores."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from desk import ScriptedProbe, desk_in, endpoint
from opengateway.domain.catalog import Snapshot
from opengateway.domain.usage import SpendCap
from opengateway.kit.clock import ManualClock
from opengateway.policies.permissions import Role
from people import People, Person

SECRET = "sk-canary-31f0a9c5d2e84b76"
NEW = {"id": "later", "wire": "openai", "base_url": "https://llm.example.com/v1"}


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def probe() -> ScriptedProbe:
    return ScriptedProbe(good=(SECRET,))


@pytest.fixture
async def people(
    tmp_path: Path, store_url: str, clock: ManualClock, probe: ScriptedProbe
) -> AsyncIterator[People]:
    async with desk_in(tmp_path, store_url, clock, probe) as found:
        yield found


@pytest.fixture
async def admin(people: People) -> Person:
    return await people.person(platform=Role.PLATFORM_ADMIN)


async def served(people: People) -> Snapshot:
    publisher = people.house.parts.spending.publisher
    await publisher.publish()
    assert publisher.snapshot is not None
    return publisher.snapshot


async def with_credential(people: People, admin: Person, **more: Any) -> dict[str, Any]:
    await people.done(admin, "POST", "/admin/providers", NEW)
    body = {"name": "main", "secret": {"api_key": SECRET}, **more}
    made: dict[str, Any] = await people.done(
        admin, "POST", "/admin/providers/later/credentials", body
    )
    return made


# --- providers and credentials ------------------------------------------------------------------


async def test_the_zone_files_providers_are_shown_and_cannot_be_changed(
    people: People, admin: Person
) -> None:
    (house,) = (await people.done(admin, "GET", "/admin/providers"))["data"]
    assert (house["id"], house["source"], house["read_only"]) == ("house", "zone", True)
    assert (house["credentials"], house["endpoints"]) == (1, 1)
    for method, body in (("PATCH", {"name": "mine"}), ("DELETE", None)):
        refused = await people.refused(admin, method, "/admin/providers/house", body)
        assert refused == (409, "zone_file_wins")
    again = {**NEW, "id": "house"}
    assert await people.refused(admin, "POST", "/admin/providers", again) == (409, "zone_file_wins")


async def test_a_provider_and_its_credential_reach_the_next_snapshot_and_its_vault(
    people: People, admin: Person
) -> None:
    before = await served(people)
    assert (before.vault, "later" in before.providers) == ("", False)
    await with_credential(people, admin)
    after = await served(people)
    assert after.providers["later"].credentials == ("main",)
    assert after.providers["house"].credentials == ("main",)
    assert after.providers["later"].spend_caps == {}
    assert after.version != before.version
    board = people.house.parts.board.current
    assert (board.vault_version, bool(board.vault)) == (after.vault, True)


async def test_gateways_are_told_what_a_credential_may_spend(people: People, admin: Person) -> None:
    made = await with_credential(
        people, admin, spend_cap_usd="0.000000001", spend_cap_period="month"
    )
    place = f"/admin/credentials/{made['id']}"
    assert (await served(people)).providers["later"].spend_caps == {"main": SpendCap(1, "month")}
    await people.done(admin, "PATCH", place, {"spend_cap_usd": "0", "spend_cap_period": "day"})
    assert (await served(people)).providers["later"].spend_caps == {"main": SpendCap(0, "day")}
    await people.done(admin, "PATCH", place, {"spend_cap_usd": None, "spend_cap_period": None})
    assert (await served(people)).providers["later"].spend_caps == {}


async def test_no_answer_log_or_row_holds_a_secret(people: People, admin: Person) -> None:
    made = await with_credential(people, admin, spend_cap_usd="5", spend_cap_period="month")
    place = f"/admin/credentials/{made['id']}"
    told = [json.dumps(made)]
    told.append((await people.ask(admin, "GET", "/admin/providers/later/credentials")).text)
    told.append((await people.ask(admin, "GET", "/admin/providers/later")).text)
    told.append((await people.ask(admin, "GET", "/admin/audit?limit=100")).text)
    wrong = {"secret": {"api_key": SECRET, "access_token": SECRET}}
    told.append((await people.ask(admin, "POST", f"{place}/rotate", wrong)).text)
    odd = {"secret": {"api_key": f"{SECRET} with a space"}}
    told.append((await people.ask(admin, "POST", f"{place}/rotate", odd)).text)
    told.append((await people.ask(admin, "POST", f"{place}/rotate", {"secret": SECRET})).text)
    for table in ("provider_credentials", "desk_providers", "audit_log", "idempotency_keys"):
        async with people.house.parts.database.read() as session:
            found = await session.execute(text(f"SELECT * FROM {table}"))
            told += [repr(tuple(row)) for row in found]
    board = people.house.parts.board.current
    told += [board.blob.decode("latin-1"), board.vault.decode("latin-1")]
    assert "credential.created" in "".join(told)
    assert made["hint"] == "...4b76"
    for part in (SECRET, SECRET[8:20]):
        assert [text for text in told if part in text] == []


async def test_a_rotated_secret_is_another_vault_and_a_disabled_one_is_in_none(
    people: People, admin: Person
) -> None:
    made = await with_credential(people, admin)
    first = await served(people)
    place = f"/admin/credentials/{made['id']}"
    rotated = await people.done(
        admin, "POST", f"{place}/rotate", {"secret": {"api_key": "another-key-000000"}}
    )
    assert (rotated["version"], rotated["hint"]) == (2, "...0000")
    second = await served(people)
    assert second.vault not in ("", first.vault)
    assert second.providers == first.providers
    stale = await people.refused(admin, "PATCH", place, {"disabled": True}, if_match='"1"')
    assert stale == (412, "version_mismatch")
    await people.done(admin, "PATCH", place, {"disabled": True}, if_match='"2"')
    third = await served(people)
    assert (third.vault, "later" in third.providers) == ("", False)
    await people.done(admin, "DELETE", place)
    await people.done(admin, "DELETE", "/admin/providers/later")
    assert await people.refused(admin, "GET", "/admin/providers/later") == (
        404,
        "provider_not_found",
    )


async def test_a_new_key_of_the_zone_wraps_every_secret_anew_and_opens_them(
    people: People, admin: Person
) -> None:
    await with_credential(people, admin)
    first = await served(people)
    assert await people.done(admin, "POST", "/admin/credentials/rewrap") == {"rewrapped": 1}
    assert (await served(people)).vault != first.vault
    tested = await people.done(admin, "POST", "/admin/providers/later/test", {"credential": "main"})
    assert tested["ok"]


async def test_a_test_asks_with_the_secret_itself_and_is_kept(
    people: People, admin: Person, probe: ScriptedProbe
) -> None:
    await with_credential(people, admin)
    path = "/admin/providers/later/test"
    assert (await people.done(admin, "POST", path, {"credential": "main"}))["ok"]
    ((provider, model, name, secret),) = probe.asked
    assert (provider, model, name) == ("later", "", "main")
    assert secret is not None
    assert secret.api_key == SECRET
    probe.good = ()
    failed = await people.done(admin, "POST", path, {})
    assert (failed["ok"], failed["status"], failed["error"]) == (False, 401, "auth")
    (row,) = (await people.done(admin, "GET", "/admin/providers/later/credentials"))["data"]
    assert (row["test"]["ok"], row["tested_at_ns"] is not None) == (False, True)
    await people.done(admin, "POST", "/admin/providers/house/test", {"model": "house/small"})
    assert probe.asked[-1] == ("house", "small", "main", None)


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({**NEW, "base_url": "http://169.254.169.254/v1"}, "invalid_request"),
        ({**NEW, "base_url": "https://10.1.2.3.example.internal/v1"}, "invalid_request"),
        ({**NEW, "base_url": "https://user:word@llm.example.com"}, "invalid_request"),
        ({**NEW, "headers": {"Authorization": "Bearer x"}}, "invalid_request"),
        ({**NEW, "profile": {"max_n": "many"}}, "invalid_request"),
        ({**NEW, "wire": "telepathy"}, "invalid_request"),
        ({"id": "azure"}, "invalid_request"),
        ({"id": "nobody"}, "invalid_request"),
        ({**NEW, "like": "nobody"}, "invalid_request"),
    ],
)
async def test_a_provider_that_cannot_be_is_refused(
    people: People, admin: Person, body: dict[str, Any], code: str
) -> None:
    assert await people.refused(admin, "POST", "/admin/providers", body) == (400, code)


async def test_a_provider_with_credentials_cannot_be_moved(people: People, admin: Person) -> None:
    await with_credential(people, admin)
    moved = {"base_url": "https://elsewhere.example.com/v1"}
    refused = await people.refused(admin, "PATCH", "/admin/providers/later", moved)
    assert refused == (409, "provider_has_credentials")
    named = await people.done(admin, "PATCH", "/admin/providers/later", {"name": "Later"})
    assert named["name"] == "Later"


async def test_an_old_proof_of_who_one_is_does_not_add_a_secret(
    people: People, admin: Person, clock: ManualClock
) -> None:
    clock.advance(3600)
    assert await people.refused(admin, "POST", "/admin/providers", NEW) == (403, "step_up_required")


# --- models and endpoints -----------------------------------------------------------------------


async def drafted(people: People, admin: Person, price: dict[str, str]) -> dict[str, Any]:
    config = {"endpoints": [endpoint("house", "large", price=price)]}
    made: dict[str, Any] = await people.done(
        admin, "POST", "/admin/models", {"model_id": "house/large", "config": config}
    )
    return made


async def test_a_draft_serves_nobody_and_what_is_published_is_never_edited(
    people: People, admin: Person, probe: ScriptedProbe
) -> None:
    draft = await drafted(people, admin, {"input": "1", "output": "2"})
    place = f"/admin/models/{draft['id']}"
    assert "house/large" not in (await served(people)).models
    smoked = await people.done(admin, "POST", f"{place}/smoke")
    assert smoked["smoke"]["endpoints"][0]["result"]["ok"]
    assert probe.asked[-1][:2] == ("house", "large")
    await people.done(admin, "POST", f"{place}/publish")
    first = (await served(people)).models["house/large"].endpoints[0]
    edited = await people.refused(admin, "PUT", place, {"config": draft["config"]})
    assert edited == (409, "not_a_draft")
    second_draft = await drafted(people, admin, {"input": "3", "output": "4"})
    await people.done(admin, "POST", f"/admin/models/{second_draft['id']}/publish")
    second = (await served(people)).models["house/large"].endpoints[0]
    assert first.price.id != second.price.id
    assert first.price.rates != second.price.rates
    states = [row["state"] for row in (await people.done(admin, "GET", "/admin/models"))["data"]]
    assert states == ["replaced", "published"]
    await people.done(admin, "POST", f"/admin/models/{second_draft['id']}/withdraw")
    assert "house/large" not in (await served(people)).models


async def test_a_model_ends_at_its_time_and_names_its_successor(
    people: People, admin: Person, clock: ManualClock
) -> None:
    draft = await drafted(people, admin, {"input": "1", "output": "2"})
    await people.done(admin, "POST", f"/admin/models/{draft['id']}/publish")
    await served(people)
    ends = clock.now_ns() + 10**9
    wish = {"model_id": "house/small", "ends_at_ns": ends, "successor": "house/large", "note": "x"}
    await people.done(admin, "PUT", "/admin/deprecations", wish)
    model = (await served(people)).models["house/small"]
    assert model.ends is not None
    assert (model.ends.at_ns, model.ends.successor) == (ends, "house/large")
    clock.advance(2)
    after = await served(people)
    assert ("house/small" in after.models, after.ended) == (False, {"house/small": "house/large"})
    await people.done(admin, "DELETE", "/admin/deprecations?model=house/small")
    assert "house/small" in (await served(people)).models


async def test_an_endpoint_is_drained_weighed_and_left_alone_again(
    people: People, admin: Person
) -> None:
    await served(people)
    where = "house/small:house:small"
    last = {"endpoint_id": where, "drained": True, "reason": "maintenance"}
    assert await people.refused(admin, "PUT", "/admin/endpoints", last) == (409, "last_endpoint")
    shown = await people.done(admin, "PUT", "/admin/endpoints", {**last, "force": True})
    assert (shown["served"], shown["drained"]) == (False, True)
    assert "house/small" not in (await served(people)).models
    await people.done(admin, "PUT", "/admin/endpoints", {"endpoint_id": where, "weight": 2.5})
    assert (await served(people)).models["house/small"].endpoints[0].weight == 2.5
    back = await people.done(admin, "PUT", "/admin/endpoints", {"endpoint_id": where})
    assert (back["is_set"], back["weight"]) == (False, 1.0)
    unknown = {"endpoint_id": "a/b:c:d", "weight": 1.0}
    refused = await people.refused(admin, "PUT", "/admin/endpoints", unknown)
    assert refused == (404, "endpoint_not_found")


# --- a second person ----------------------------------------------------------------------------


async def test_credit_above_the_limit_waits_for_somebody_else(
    people: People, admin: Person
) -> None:
    team_id = await people.team(owner=admin)
    path = f"/admin/teams/{team_id}/adjustments"
    body = {"usd": "250.00", "note": "booked twice"}
    reply = await people.ask(admin, "POST", path, body)
    assert reply.status == 202
    asked = reply.json()
    assert (asked["state"], asked["usd"]) == ("pending", "250.00")
    balance = f"/admin/teams/{team_id}/balance"
    assert (await people.done(admin, "GET", balance))["available_nanos"] == 0
    approve = f"/admin/approvals/{asked['id']}/approve"
    assert await people.refused(admin, "POST", approve) == (403, "own_approval")
    finance = await people.person(platform=Role.PLATFORM_FINANCE)
    support = await people.person(platform=Role.PLATFORM_SUPPORT)
    assert await people.refused(support, "POST", approve) == (403, "permission_missing")
    done = await people.done(finance, "POST", approve)
    assert (done["state"], done["decided_by"]) == ("approved", finance.id)
    assert (await people.done(admin, "GET", balance))["available_nanos"] == 250 * 10**9
    assert await people.refused(finance, "POST", approve) == (409, "approval_decided")


async def test_many_small_amounts_of_one_person_are_one_large_one(
    people: People, admin: Person, clock: ManualClock
) -> None:
    team_id = await people.team(owner=admin)
    path = f"/admin/teams/{team_id}/grants"
    body = {"usd": "40", "note": "trial"}
    replies = await asyncio.gather(*(people.ask(admin, "POST", path, body) for _ in range(5)))
    assert sorted(reply.status for reply in replies) == [201, 201, 202, 202, 202]
    balance = await people.done(admin, "GET", f"/admin/teams/{team_id}/balance")
    assert balance["available_nanos"] == 80 * 10**9
    waiting = (await people.done(admin, "GET", "/admin/approvals?state=pending"))["data"]
    rejected = await people.done(admin, "POST", f"/admin/approvals/{waiting[0]['id']}/reject")
    assert rejected["state"] == "rejected"
    other = await people.person(platform=Role.PLATFORM_ADMIN)
    clock.advance(8 * 86_400)
    late = f"/admin/approvals/{waiting[1]['id']}/approve"
    assert await people.refused(other, "POST", late) in (
        (409, "approval_decided"),
        (403, "step_up_required"),
    )


async def test_a_zone_says_what_one_person_may_move_alone(
    tmp_path: Path, clock: ManualClock, probe: ScriptedProbe
) -> None:
    rules = {"approval_above_usd": "0.50"}
    async with desk_in(tmp_path, None, clock, probe, selling=rules) as people:
        admin = await people.person(platform=Role.PLATFORM_ADMIN)
        path = f"/admin/teams/{await people.team(owner=admin)}/grants"
        statuses = []
        for usd in ("0.30", "0.20", "0.000000001"):
            body = {"usd": usd, "note": "trial"}
            statuses.append((await people.ask(admin, "POST", path, body)).status)
        assert statuses == [201, 201, 202]


async def test_two_people_who_approve_at_once_book_once(people: People, admin: Person) -> None:
    team_id = await people.team(owner=admin)
    path = f"/admin/teams/{team_id}/adjustments"
    asked = await people.done(admin, "POST", path, {"usd": "500", "note": "goodwill"})
    others = [await people.person(platform=Role.PLATFORM_FINANCE) for _ in range(4)]
    approve = f"/admin/approvals/{asked['id']}/approve"
    replies = await asyncio.gather(*(people.ask(who, "POST", approve) for who in others))
    assert sorted(reply.status for reply in replies) == [200, 409, 409, 409]
    balance = await people.done(admin, "GET", f"/admin/teams/{team_id}/balance")
    assert balance["available_nanos"] == 500 * 10**9


async def test_people_and_teams_are_found_by_a_part_of_their_name(
    people: People, admin: Person
) -> None:
    kim = await people.person(email="kim_100%@example.com")
    team_id = await people.team("Ocean Lab", owner=kim)
    found = (await people.done(admin, "GET", "/admin/users?search=KIM_100%25"))["data"]
    assert [user["id"] for user in found] == [kim.id]
    found = (await people.done(admin, "GET", "/admin/teams?search=ocean"))["data"]
    assert [team["id"] for team in found] == [team_id]
    assert (await people.done(admin, "GET", f"/admin/teams?search={team_id}"))["data"] == found
    assert (await people.done(admin, "GET", "/admin/users?search=%25%25"))["data"] == []
