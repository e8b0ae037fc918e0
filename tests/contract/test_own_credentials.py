"""Teams' own credentials over the API, on both stores: whose they are, and where they may lead."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from desk import ScriptedProbe, desk_in
from opengateway.domain.catalog import Snapshot
from opengateway.domain.particulars import OwnCredential
from opengateway.kit.clock import ManualClock
from opengateway.policies.permissions import Role
from people import People, Person, person_in

SECRET = "sk-canary-71d0b2a4c6e89f35"


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
    policy = {"ignore": ["mistral"]}
    async with desk_in(tmp_path, store_url, clock, probe, routing={"policy": policy}) as found:
        yield found


@pytest.fixture
async def owner(people: People) -> Person:
    return await people.person()


@pytest.fixture
async def team_id(people: People, owner: Person) -> str:
    return await people.team(owner=owner)


async def served(people: People) -> Snapshot:
    publisher = people.house.parts.spending.publisher
    await publisher.publish()
    assert publisher.snapshot is not None
    return publisher.snapshot


def body(**changes: Any) -> dict[str, Any]:
    return {"provider": "house", "name": "ours", "secret": {"api_key": SECRET}, **changes}


async def test_a_key_is_tested_kept_for_its_team_and_shown_to_nobody(
    people: People, owner: Person, team_id: str, probe: ScriptedProbe
) -> None:
    place = f"/teams/{team_id}/credentials"
    reply = await people.ask(owner, "POST", place, body())
    assert reply.status == 201, reply.text
    made = reply.json()
    assert SECRET not in reply.text
    assert (made["test"]["ok"], made["preferred"], made["hint"]) == (True, True, "...9f35")
    ((_, model, _, secret),) = probe.asked
    assert model == "small"
    assert secret is not None
    assert secret.api_key == SECRET
    snapshot = await served(people)
    assert snapshot.own_credentials == {
        team_id: (OwnCredential("house", made["log_name"], preferred=True),)
    }
    assert snapshot.providers["house"].credentials == ("main",)
    audit = await people.done(owner, "GET", f"/teams/{team_id}/audit")
    told = [row["action"] for row in audit["data"] if row["action"].startswith("credential.")]
    assert sorted(told) == ["credential.created", "credential.tested"]


async def test_a_key_that_the_provider_refuses_is_not_kept(
    people: People, owner: Person, team_id: str
) -> None:
    place = f"/teams/{team_id}/credentials"
    wrong = body(secret={"api_key": "sk-wrong-0123456789"})
    assert await people.refused(owner, "POST", place, wrong) == (400, "credential_refused")
    assert (await people.done(owner, "GET", place))["data"] == []
    audit = await people.done(owner, "GET", f"/teams/{team_id}/audit")
    assert not [row for row in audit["data"] if row["action"].startswith("credential.")]
    kept = await people.done(owner, "POST", place, {**wrong, "untested": True})
    assert kept["test"] is None


async def test_no_other_team_sees_or_touches_it(
    people: People, owner: Person, team_id: str
) -> None:
    made = await people.done(owner, "POST", f"/teams/{team_id}/credentials", body())
    other = await people.person()
    other_id = await people.team("other", owner=other)
    mine, theirs = f"/teams/{team_id}/credentials", f"/teams/{other_id}/credentials"
    assert await people.refused(other, "GET", mine) == (404, "team_not_found")
    for method, path, payload in (
        ("PATCH", f"{theirs}/{made['id']}", {"disabled": True}),
        ("DELETE", f"{theirs}/{made['id']}", None),
        ("POST", f"{theirs}/{made['id']}/rotate", {"secret": {"api_key": SECRET}}),
        ("POST", f"{theirs}/{made['id']}/test", None),
    ):
        refused = await people.refused(other, method, path, payload)
        assert refused == (404, "credential_not_found"), path
    admin = await people.person(platform=Role.PLATFORM_ADMIN)
    platforms = f"/admin/credentials/{made['id']}"
    refused = await people.refused(admin, "PATCH", platforms, {"disabled": True})
    assert refused == (404, "credential_not_found")
    member = await person_in(people, team_id, Role.MEMBER)
    assert await people.refused(member, "POST", mine, body(name="b")) == (
        403,
        "permission_missing",
    )


@pytest.mark.parametrize(
    ("provider", "status", "code"),
    [
        ("mistral", 403, "zone_mismatch"),  # the zone's policy leaves it out
        ("nobody", 404, "provider_not_found"),
        ("azure", 400, "invalid_request"),  # its address has places that only the zone can fill
        ("ollama", 400, "invalid_request"),  # it needs no credential
    ],
)
async def test_where_the_zone_does_not_go_no_own_key_leads(
    people: People, owner: Person, team_id: str, provider: str, status: int, code: str
) -> None:
    place = f"/teams/{team_id}/credentials"
    asked = body(provider=provider, untested=True)
    assert await people.refused(owner, "POST", place, asked) == (status, code)


async def test_a_provider_of_the_catalogue_is_there_for_the_team_that_has_a_key(
    people: People, owner: Person, team_id: str
) -> None:
    place = f"/teams/{team_id}/credentials"
    made = await people.done(owner, "POST", place, body(provider="groq"))
    snapshot = await served(people)
    assert snapshot.providers["groq"].credentials == ()
    assert snapshot.own_credentials[team_id][0].provider_id == "groq"
    await people.done(owner, "PATCH", f"{place}/{made['id']}", {"disabled": True})
    assert "groq" not in (await served(people)).providers


async def test_a_deleted_teams_keys_are_in_no_vault(
    people: People, owner: Person, team_id: str
) -> None:
    await people.done(owner, "POST", f"/teams/{team_id}/credentials", body())
    assert (await served(people)).vault != ""
    await people.done(owner, "DELETE", f"/teams/{team_id}")
    assert (await served(people)).vault == ""
