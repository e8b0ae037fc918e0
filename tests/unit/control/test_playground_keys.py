"""The hour's key with which a signed-in member's browser reaches the data plane."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from control_plane import control_in
from opengateway.policies.permissions import Role
from people import People, Person

_HOUR_NS = 3_600 * 1_000_000_000


@pytest.fixture
async def people(tmp_path: Path, store_url: str) -> AsyncIterator[People]:
    async with control_in(tmp_path, store_url) as house:
        yield People(house)


async def asked(people: People, who: Person, team_id: str) -> dict[str, object]:
    made: dict[str, object] = await people.done(who, "POST", f"/teams/{team_id}/playground-key")
    return made


async def keys_of(people: People, who: Person, team_id: str) -> list[dict[str, object]]:
    page = await people.done(who, "GET", f"/teams/{team_id}/keys")
    rows: list[dict[str, object]] = page["data"]
    return rows


async def test_it_is_an_inference_key_of_the_member_that_ends_within_the_hour(
    people: People,
) -> None:
    owner = await people.person()
    team_id = await people.team(owner=owner)
    made = await asked(people, owner, team_id)
    (row,) = await keys_of(people, owner, team_id)
    assert (row["id"], row["kind"], row["created_by"]) == (made["id"], "inference", owner.id)
    assert row["concurrency"] == 8
    lives_ns = row["expires_at_ns"] - row["created_at_ns"]  # type: ignore[operator]
    assert _HOUR_NS - 1_000_000_000 <= lives_ns <= _HOUR_NS
    assert str(made["key"]).startswith("og_live_")


async def test_asking_again_gives_the_same_key_another_secret(people: People) -> None:
    owner = await people.person()
    team_id = await people.team(owner=owner)
    first, second = await asked(people, owner, team_id), await asked(people, owner, team_id)
    assert first["id"] == second["id"]
    assert first["key"] != second["key"]
    (row,) = await keys_of(people, owner, team_id)
    assert row["old_until_ns"] is not None
    assert row["old_until_ns"] <= first["expires_at_ns"]  # type: ignore[operator]


async def test_each_member_has_one_of_their_own(people: People) -> None:
    owner, lee = await people.person(), await people.person()
    team_id = await people.team(owner=owner)
    await people.join(team_id, lee, Role.MEMBER)
    assert (await asked(people, owner, team_id))["id"] != (await asked(people, lee, team_id))["id"]


async def test_a_key_of_ones_own_that_is_called_so_is_left_alone(people: People) -> None:
    owner = await people.person()
    team_id = await people.team(owner=owner)
    mine = await people.done(owner, "POST", f"/teams/{team_id}/keys", {"name": "Playground"})
    assert (await asked(people, owner, team_id))["id"] != mine["id"]


async def test_one_that_is_disabled_stays_disabled(people: People) -> None:
    owner = await people.person()
    team_id = await people.team(owner=owner)
    made = await asked(people, owner, team_id)
    await people.done(owner, "PATCH", f"/teams/{team_id}/keys/{made['id']}", {"disabled": True})
    refused = await people.refused(owner, "POST", f"/teams/{team_id}/playground-key")
    assert refused == (403, "playground_disabled")


async def test_who_may_make_no_keys_gets_none(people: People) -> None:
    owner, viewer = await people.person(), await people.person()
    team_id = await people.team(owner=owner)
    await people.join(team_id, viewer, Role.VIEWER)
    refused = await people.refused(viewer, "POST", f"/teams/{team_id}/playground-key")
    assert refused == (403, "permission_missing")
