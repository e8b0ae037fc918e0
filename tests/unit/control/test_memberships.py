from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from control_plane import control_in
from opengateway.control.actor import SYSTEM, Actor, ActorKind
from opengateway.control.changes.service import ChangeLog
from opengateway.control.memberships.departure import delete_account
from opengateway.control.memberships.service import MembershipService
from opengateway.control.scope import ControlScope
from opengateway.domain.errors import GatewayError
from opengateway.policies.permissions import TEAM_ROLES, Role
from people import People, Person, person_in


@pytest.fixture
async def people(tmp_path: Path, store_url: str) -> AsyncIterator[People]:
    async with control_in(tmp_path, store_url) as house:
        yield People(house)


def at(team_id: str, who: Person) -> str:
    return f"/teams/{team_id}/members/{who.id}"


async def owners(people: People, team_id: str) -> int:
    rows = await people.rows(
        f"SELECT count(*) FROM memberships WHERE team_id = '{team_id}' AND role = 'owner'"
    )
    return int(rows[0][0])


async def test_whoever_makes_a_team_owns_it_and_it_stays_in_its_zone(people: People) -> None:
    who = await people.person()
    team = await people.done(who, "POST", "/teams", {"name": "연구팀"})
    assert (team["name"], team["role"], team["zone"]) == ("연구팀", "owner", "test")
    assert await people.done(who, "GET", "/teams") == {"data": [team], "next": None}
    moved = await people.refused(who, "PATCH", f"/teams/{team['id']}", {"zone": "jp"})
    assert moved == (400, "invalid_request")


async def test_two_customers_may_use_one_name(people: People) -> None:
    for _ in range(2):
        await people.done(await people.person(), "POST", "/teams", {"name": "Research"})


async def test_an_owner_gives_roles_and_takes_them(people: People) -> None:
    owner = await people.person()
    team_id = await people.team(owner=owner)
    who = await person_in(people, team_id, Role.VIEWER)
    for role in ("admin", "billing", "member", "viewer", "owner"):
        shown = await people.done(owner, "PATCH", at(team_id, who), {"role": role})
        assert shown["role"] == role
    await people.done(who, "DELETE", at(team_id, owner))
    assert [
        m["user_id"] for m in (await people.done(who, "GET", f"/teams/{team_id}/members"))["data"]
    ] == [who.id]


async def test_an_admin_makes_no_owner_and_touches_none(people: People) -> None:
    owner, admin = await people.person(), await people.person()
    team_id = await people.team(owner=owner, admin=admin)
    member = await person_in(people, team_id, Role.MEMBER)
    told = (403, "role_not_yours_to_give")
    assert await people.refused(admin, "PATCH", at(team_id, member), {"role": "owner"}) == told
    assert await people.refused(admin, "PATCH", at(team_id, owner), {"role": "viewer"}) == told
    assert await people.refused(admin, "PATCH", at(team_id, owner), {"limits": {"rpm": 1}}) == told
    assert await people.refused(admin, "DELETE", at(team_id, owner)) == told
    invited = {"email": "x@example.com", "role": "owner"}
    assert await people.refused(admin, "POST", f"/teams/{team_id}/invitations", invited) == told
    await people.done(admin, "PATCH", at(team_id, member), {"role": "admin"})


@pytest.mark.parametrize("role", [r for r in TEAM_ROLES if r is not Role.OWNER])
async def test_nobody_raises_themselves(people: People, role: Role) -> None:
    team_id = await people.team(owner=await people.person())
    who = await person_in(people, team_id, role)
    before = role.value
    for wanted in TEAM_ROLES[: TEAM_ROLES.index(role)]:
        reply = await people.ask(who, "PATCH", at(team_id, who), {"role": wanted.value})
        shown = await people.done(who, "GET", at(team_id, who))
        assert reply.status == 403 or (role, wanted) == (Role.MEMBER, Role.BILLING)
        assert shown["role"] == before


async def test_a_policy_that_let_members_change_roles_would_still_let_nobody_rise(
    people: People,
) -> None:
    team_id = await people.team(owner=await people.person())
    who = await person_in(people, team_id, Role.MEMBER)
    actor = Actor(ActorKind.USER, user_id=who.id, role=Role.MEMBER)

    async def rise(scope: ControlScope, changes: ChangeLog) -> None:
        await MembershipService(scope, changes, actor).change(
            team_id, who.id, role=Role.ADMIN, limits=None, if_match=None
        )

    with pytest.raises(GatewayError, match="nobody raises their own role"):
        await people._within(rise)


async def test_an_admin_may_step_down_but_not_up_again(people: People) -> None:
    owner, admin = await people.person(), await people.person()
    team_id = await people.team(owner=owner, admin=admin)
    await people.done(admin, "PATCH", at(team_id, admin), {"role": "viewer"})
    refused = await people.refused(admin, "PATCH", at(team_id, admin), {"role": "admin"})
    assert refused == (403, "permission_missing")


async def test_the_last_owner_can_neither_leave_nor_step_down_nor_go(people: People) -> None:
    owner, suspended = await people.person(), await people.person()
    team_id = await people.team(owner=owner)
    await people.join(team_id, suspended, Role.OWNER)
    admin = await people.person(platform=Role.PLATFORM_ADMIN)
    # An owner who cannot sign in is none.
    await people.done(admin, "PATCH", f"/admin/users/{suspended.id}", {"status": "suspended"})
    last = (409, "last_owner")
    assert await people.refused(owner, "POST", f"/teams/{team_id}/leave") == last
    assert await people.refused(owner, "DELETE", at(team_id, owner)) == last
    assert await people.refused(owner, "PATCH", at(team_id, owner), {"role": "admin"}) == last
    assert await people.refused(admin, "DELETE", at(team_id, owner)) == last
    with pytest.raises(GatewayError, match="at least one owner"):
        await gone(people, owner)
    await people.done(owner, "GET", f"/teams/{team_id}")


async def gone(people: People, who: Person) -> None:
    async def work(scope: ControlScope, changes: ChangeLog) -> None:
        await delete_account(scope, changes, SYSTEM, who.id)

    await people._within(work)


async def test_a_deleted_account_is_forgotten_and_its_address_is_free(people: People) -> None:
    owner, who = await people.person(), await people.person()
    team_id = await people.team(owner=owner)
    await people.join(team_id, who, Role.OWNER)
    await gone(people, who)
    assert await people.refused(who, "GET", "/teams") == (401, "not_signed_in")
    (row,) = await people.rows(f"SELECT email, name, status FROM users WHERE id = '{who.id}'")
    assert who.email not in row[0]
    assert (row[1], row[2]) == ("deleted", "deleted")
    assert await owners(people, team_id) == 1
    await people.person(email=who.email)


async def test_two_owners_who_remove_each_other_at_once_leave_one(people: People) -> None:
    for _ in range(5):
        first, second = await people.person(), await people.person()
        team_id = await people.team(owner=first)
        await people.join(team_id, second, Role.OWNER)
        replies = await asyncio.gather(
            people.ask(first, "DELETE", at(team_id, second)),
            people.ask(second, "DELETE", at(team_id, first)),
            people.ask(first, "POST", f"/teams/{team_id}/leave"),
            people.ask(second, "PATCH", at(team_id, second), {"role": "viewer"}),
        )
        assert sum(r.status < 300 for r in replies) >= 1
        assert {r.status for r in replies} <= {200, 204, 403, 404, 409}
        assert await owners(people, team_id) == 1


async def test_a_members_limits_reach_the_gateways(people: People) -> None:
    owner, who = await people.person(), await people.person()
    team_id = await people.team(owner=owner, member=who)
    shown = await people.done(owner, "PATCH", at(team_id, who), {"limits": {"rpm": 5}})
    assert shown["limits"] == {"rpm": 5, "tpm": None, "concurrency": None}
    assert await states(people) == {team_id: {who.id: 5}}
    await people.done(owner, "DELETE", at(team_id, who))
    assert await states(people) == {}


async def states(people: People) -> dict[str, dict[str, int]]:
    from asgi_client import call

    table = (await call(people.house.internal_app, "GET", "/internal/v1/key-table")).json()
    newest: dict[str, dict[str, int]] = {
        t["team_id"]: {user: m["rpm"] for user, m in t["members"].items()} for t in table["teams"]
    }
    changes = (await call(people.house.internal_app, "GET", "/internal/v1/changes")).json()
    told = [c["row"] for c in changes["changes"] if c["kind"] == "team"]
    # What followers of the changes hold is what a whole table says.
    assert {u: m["rpm"] for u, m in told[-1]["members"].items()} == newest.get(
        told[-1]["team_id"], {}
    )
    return newest


async def test_a_change_for_another_version_is_refused(people: People) -> None:
    owner, who = await people.person(), await people.person()
    team_id = await people.team(owner=owner, member=who)
    seen = (await people.ask(owner, "GET", at(team_id, who))).headers["etag"]
    await people.done(owner, "PATCH", at(team_id, who), {"role": "viewer"}, if_match=seen)
    late = await people.refused(owner, "PATCH", at(team_id, who), {"role": "admin"}, if_match=seen)
    assert late == (412, "version_mismatch")
    assert await people.refused(owner, "DELETE", at(team_id, who), if_match=seen) == late
    await people.done(owner, "DELETE", at(team_id, who), if_match='"1", "2"')


async def test_members_come_in_pages(people: People) -> None:
    owner = await people.person()
    team_id = await people.team(owner=owner)
    ids = {owner.id} | {(await person_in(people, team_id, Role.MEMBER)).id for _ in range(4)}
    seen: list[str] = []
    after = ""
    for _ in range(3):
        page = await people.done(owner, "GET", f"/teams/{team_id}/members?limit=2&after={after}")
        seen += [m["user_id"] for m in page["data"]]
        after = page["next"] or ""
    assert after == ""
    assert seen == sorted(ids)
    assert await people.refused(owner, "GET", f"/teams/{team_id}/members?after={owner.id}") == (
        400,
        "invalid_request",
    )


async def test_a_deleted_team_is_gone_with_its_keys(people: People) -> None:
    owner = await people.person()
    team_id = await people.team(owner=owner)
    key = await people.management_key(team_id)
    await people.done(owner, "POST", f"/teams/{team_id}/keys", {"name": "k"})
    await people.done(owner, "DELETE", f"/teams/{team_id}")
    assert await people.refused(owner, "GET", f"/teams/{team_id}") == (404, "team_not_found")
    assert (await people.ask(key, "GET", f"/teams/{team_id}/keys")).status == 401
    rows = await people.rows("SELECT count(*) FROM api_keys WHERE revoked_at_ns IS NULL")
    assert rows[0][0] == 0
    assert (await people.done(owner, "GET", "/teams"))["data"] == []
