"""Seeing as another user, and announcements, on both stores."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from desk import ScriptedProbe, desk_in
from opengateway.kit.clock import ManualClock
from opengateway.policies.permissions import Role
from people import People, Person


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
async def people(tmp_path: Path, store_url: str, clock: ManualClock) -> AsyncIterator[People]:
    async with desk_in(tmp_path, store_url, clock, ScriptedProbe()) as found:
        yield found


async def test_support_sees_what_a_user_sees_for_half_an_hour_and_changes_nothing(
    people: People, clock: ManualClock
) -> None:
    support = await people.person(platform=Role.PLATFORM_SUPPORT)
    owner = await people.person(email="kim@example.com")
    team_id = await people.team("Ocean", owner=owner)
    place = f"/admin/users/{owner.id}/view-as"
    assert (await people.refused(owner, "POST", place, {"reason": "x"}))[0] == 403
    seen = await people.done(support, "POST", place, {"reason": "ticket 99"})
    as_kim = Person(support.id, {**support.headers, "x-view-as": seen["token"]})
    assert (await people.done(as_kim, "GET", "/me"))["user"]["email"] == "kim@example.com"
    teams = (await people.done(as_kim, "GET", "/teams"))["data"]
    assert [(t["id"], t["role"]) for t in teams] == [(team_id, "owner")]
    for method, path, body in (
        ("POST", f"/teams/{team_id}/keys", {"name": "mine"}),
        ("PATCH", f"/teams/{team_id}", {"name": "Mine"}),
        ("DELETE", "/me", None),
    ):
        assert await people.refused(as_kim, method, path, body) == (403, "view_only")
    assert await people.refused(as_kim, "GET", "/admin/users") == (403, "permission_missing")
    # Another session, another time, another text: no pass.
    other = await people.person(platform=Role.PLATFORM_SUPPORT)
    taken = Person(other.id, {**other.headers, "x-view-as": seen["token"]})
    assert await people.refused(taken, "GET", "/me") == (400, "view_pass_not_valid")
    made_up = Person(support.id, {**support.headers, "x-view-as": "AAAA"})
    assert await people.refused(made_up, "GET", "/me") == (400, "view_pass_not_valid")
    clock.advance(31 * 60)
    assert await people.refused(as_kim, "GET", "/me") == (400, "view_pass_not_valid")
    admin = await people.person(platform=Role.PLATFORM_ADMIN)
    audit = (await people.done(admin, "GET", "/admin/audit?limit=100"))["data"]
    viewed = [row for row in audit if row["action"] == "user.viewed"]
    assert [(row["object_id"], row["reason"]) for row in viewed] == [(owner.id, "ticket 99")]


async def test_nobody_sees_as_one_of_the_platforms_people(people: People) -> None:
    support = await people.person(platform=Role.PLATFORM_SUPPORT)
    admin = await people.person(platform=Role.PLATFORM_ADMIN)
    path = f"/admin/users/{admin.id}/view-as"
    assert (await people.refused(support, "POST", path, {"reason": "x"}))[0] == 403


async def test_an_announcement_is_there_for_everybody_in_its_time(
    people: People, clock: ManualClock
) -> None:
    admin = await people.person(platform=Role.PLATFORM_ADMIN)
    now = clock.now_ns()
    body = {
        "level": "warning",
        "texts": {"en": "Maintenance", "ko": "점검"},
        "starts_at_ns": now + 10**9,
        "ends_at_ns": now + 3 * 10**9,
    }
    made = await people.done(admin, "POST", "/admin/announcements", body)

    async def shown() -> list[str]:
        reply = await people.ask(None, "GET", "/announcements")
        return [one["id"] for one in reply.json()["data"]]

    assert await shown() == []
    clock.advance(2)
    assert await shown() == [made["id"]]
    clock.advance(2)
    assert await shown() == []
    assert (await people.refused(admin, "POST", "/admin/announcements", {"texts": {}}))[0] == 400
    await people.done(admin, "DELETE", f"/admin/announcements/{made['id']}")
    assert (await people.done(admin, "GET", "/admin/announcements"))["data"] == []
