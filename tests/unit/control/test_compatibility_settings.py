"""Whether a team's responses are kept, and whether a key is strict: set, shown, told to gateways."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from asgi_client import call
from control_plane import control_in
from opengateway.policies.permissions import Role
from people import People, person_in


@pytest.fixture
async def people(tmp_path: Path, store_url: str) -> AsyncIterator[People]:
    async with control_in(tmp_path, store_url) as house:
        yield People(house)


async def table(people: People) -> Any:
    return (await call(people.house.internal_app, "GET", "/internal/v1/key-table")).json()


async def changes_of(people: People, kind: str) -> list[Any]:
    reply = await call(people.house.internal_app, "GET", "/internal/v1/changes")
    return [change for change in reply.json()["changes"] if change["kind"] == kind]


async def test_a_team_that_keeps_its_responses_is_told_to_gateways(people: People) -> None:
    owner = await people.person()
    team_id = await people.team(owner=owner)
    path = f"/teams/{team_id}"
    assert (await people.done(owner, "GET", path))["keep_responses"] is False
    changed = await people.done(owner, "PATCH", path, {"keep_responses": True})
    assert changed["keep_responses"] is True
    (state,) = (team for team in (await table(people))["teams"] if team["team_id"] == team_id)
    assert state["keep_responses"] is True
    assert (await changes_of(people, "team"))[-1]["row"]["keep_responses"] is True
    await people.done(owner, "PATCH", path, {"keep_responses": False})
    assert (await changes_of(people, "team"))[-1]["row"]["keep_responses"] is False
    audit = await people.rows("SELECT action FROM audit_log WHERE action = 'team.changed'")
    assert len(audit) == 2


async def test_a_change_of_name_is_nothing_for_gateways(people: People) -> None:
    owner = await people.person()
    team_id = await people.team(owner=owner)
    before = len(await changes_of(people, "team"))
    await people.done(owner, "PATCH", f"/teams/{team_id}", {"name": "another"})
    assert len(await changes_of(people, "team")) == before


async def test_who_may_not_keep_content_may_not_keep_responses(people: People) -> None:
    owner = await people.person()
    team_id = await people.team(owner=owner)
    member = await person_in(people, team_id, Role.MEMBER)
    refused = await people.refused(member, "PATCH", f"/teams/{team_id}", {"keep_responses": True})
    assert refused == (403, "permission_missing")


async def test_a_key_is_lenient_until_it_is_made_strict(people: People) -> None:
    owner = await people.person()
    team_id = await people.team(owner=owner)
    path = f"/teams/{team_id}/keys"
    key = await people.done(owner, "POST", path, {"name": "k"})
    assert key["strict_parameters"] is False
    changed = await people.done(owner, "PATCH", f"{path}/{key['id']}", {"strict_parameters": True})
    assert changed["strict_parameters"] is True
    (row,) = (row for row in (await table(people))["keys"] if row["key_id"] == key["id"])
    assert row["strict_parameters"] is True
    made = await people.done(owner, "POST", path, {"name": "s", "strict_parameters": True})
    assert made["strict_parameters"] is True
    reply = await people.ask(owner, "PATCH", f"{path}/{key['id']}", {"strict_parameters": None})
    assert (reply.status, reply.json()["error"]["param"]) == (400, "strict_parameters")
