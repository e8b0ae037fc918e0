from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.exc import OperationalError

from asgi_client import call
from control_plane import control_in
from opengateway.control.access import Access, access, declared_routes, permits, permits_platform
from opengateway.control.memberships.repository import MembershipRepository
from opengateway.kit.secrets import INFERENCE_PREFIX, MANAGEMENT_PREFIX, new_secret
from opengateway.policies.permissions import Role
from people import API, People, Person, person_in


@pytest.fixture
async def people(tmp_path: Path) -> AsyncIterator[People]:
    async with control_in(tmp_path) as house:
        yield People(house)


def test_a_route_names_a_permission_that_is_in_the_policy() -> None:
    with pytest.raises(AssertionError, match=r"keys\.stael"):
        permits("keys.stael")
    with pytest.raises(AssertionError, match=r"keys\.create"):
        permits_platform("keys.create")
    with pytest.raises(AssertionError):
        access(Access.TEAM)


async def test_every_route_of_the_api_asks_who_calls_unless_it_is_public(people: People) -> None:
    asked = 0
    for route in declared_routes(people.house.public_app.router):
        if route.access is Access.PUBLIC:
            continue
        asked += 1
        path = route.path.replace("{team_id}", "team_x").replace("{", "").replace("}", "")
        reply = await call(people.house.public_app, route.methods[0], path, payload={})
        assert (reply.status, reply.json()["error"]["code"]) == (401, "not_signed_in"), str(route)
    assert asked > 25


async def test_a_foreign_team_and_one_that_is_not_there_are_told_alike(people: People) -> None:
    mine, other = await people.person(), await people.person()
    await people.team(owner=mine)
    foreign = await people.team(owner=other)
    replies = [
        await people.ask(mine, "GET", f"/teams/{team_id}")
        for team_id in (foreign, foreign[:-1] + "x")
    ]
    assert [r.status for r in replies] == [404, 404]
    told = [r.json()["error"] for r in replies]
    assert told[0]["code"] == told[1]["code"] == "team_not_found"
    assert told[0]["message"].replace(foreign, "") == told[1]["message"].replace(
        foreign[:-1] + "x", ""
    )


@pytest.mark.parametrize("odd", ["%00", "a%00b", "..%2Fadmin", "x" * 65, "%ED%95%9C", "'"])
async def test_what_cannot_be_an_id_names_nothing(people: People, odd: str) -> None:
    who = await people.person()
    team_id = await people.team(owner=who)
    assert (await people.ask(who, "GET", f"/teams/{odd}")).status == 404
    assert (await people.ask(who, "GET", f"/teams/{team_id}/keys/{odd}")).status == 404


async def test_too_small_a_role_is_told_which_permission_it_lacks(people: People) -> None:
    team_id = await people.team(owner=await people.person())
    viewer = await person_in(people, team_id, Role.VIEWER)
    reply = await people.ask(viewer, "POST", f"/teams/{team_id}/keys", {"name": "x"})
    assert reply.status == 403
    assert reply.json()["error"]["code"] == "permission_missing"
    assert "'keys.create'" in reply.json()["error"]["message"]


async def test_whoever_is_suspended_or_removed_is_out_at_once(people: People) -> None:
    admin = await people.person(platform=Role.PLATFORM_ADMIN)
    owner = await people.person()
    team_id = await people.team(owner=owner)
    member = await person_in(people, team_id, Role.MEMBER)
    await people.done(owner, "DELETE", f"/teams/{team_id}/members/{member.id}")
    assert await people.refused(member, "GET", f"/teams/{team_id}") == (404, "team_not_found")
    await people.done(admin, "PATCH", f"/admin/users/{owner.id}", {"status": "suspended"})
    assert await people.refused(owner, "GET", "/teams") == (401, "not_signed_in")
    await people.done(admin, "PATCH", f"/admin/users/{owner.id}", {"status": "active"})
    # A session that was ended stays ended: they sign in again.
    assert await people.refused(owner, "GET", "/teams") == (401, "not_signed_in")


async def test_nobody_judges_their_own_account(people: People) -> None:
    admin = await people.person(platform=Role.PLATFORM_ADMIN)
    refused = await people.refused(admin, "PATCH", f"/admin/users/{admin.id}", {"status": "active"})
    assert refused == (403, "own_account")


async def test_a_role_on_the_platform_is_given_and_taken(people: People) -> None:
    admin, who = await people.person(platform=Role.PLATFORM_ADMIN), await people.person()
    assert await people.refused(who, "GET", "/admin/teams") == (403, "permission_missing")
    path = f"/admin/users/{who.id}"
    await people.done(admin, "PATCH", path, {"platform_role": "platform_support"})
    await people.done(who, "GET", "/admin/teams")
    await people.done(admin, "PATCH", path, {"platform_role": None})
    assert await people.refused(who, "GET", "/admin/teams") == (403, "permission_missing")


async def test_the_platforms_people_see_every_team_and_no_deleted_one_as_a_member(
    people: People,
) -> None:
    owner = await people.person()
    support = await people.person(platform=Role.PLATFORM_SUPPORT)
    team_id = await people.team(owner=owner)
    assert (await people.done(support, "GET", f"/teams/{team_id}"))["role"] is None
    await people.done(owner, "DELETE", f"/teams/{team_id}")
    assert await people.refused(support, "GET", f"/teams/{team_id}") == (404, "team_not_found")
    listed = (await people.done(support, "GET", "/admin/teams"))["data"]
    assert [t["id"] for t in listed if t["deleted_at_ns"]] == [team_id]


# A browser sends the cookie along with whatever another site makes it send.


async def test_a_cookie_alone_changes_nothing(people: People) -> None:
    who = await people.person()
    bare = Person(who.id, {"cookie": who.headers["cookie"]})
    await people.done(bare, "GET", "/teams")
    for headers in ({}, {"x_csrf_token": "guess"}, {"sec_fetch_site": "same-origin"}):
        refused = await people.refused(bare, "POST", "/teams", {"name": "t"}, **headers)
        assert refused == (403, "cross_site_request")
    for headers in ({"sec_fetch_site": "cross-site"}, {"origin": "https://evil.example"}):
        refused = await people.refused(who, "POST", "/teams", {"name": "t"}, **headers)
        assert refused == (403, "cross_site_request")
    await people.done(who, "POST", "/teams", {"name": "t"}, sec_fetch_site="same-origin")


# Keys as callers.


async def test_a_management_key_acts_in_its_own_team_alone(people: People) -> None:
    owner = await people.person()
    mine, other = await people.team(owner=owner), await people.team(owner=owner)
    key = await people.management_key(mine)
    await people.done(key, "GET", f"/teams/{mine}/keys")
    assert await people.refused(key, "GET", f"/teams/{other}/keys") == (404, "team_not_found")
    assert await people.refused(key, "GET", "/teams") == (403, "wrong_caller_kind")
    assert await people.refused(key, "GET", "/admin/teams") == (403, "permission_missing")
    refused = await people.refused(
        key, "POST", f"/teams/{mine}/invitations", {"email": "a@b.example", "role": "owner"}
    )
    assert refused == (403, "permission_missing")


async def test_an_inference_key_manages_nothing(people: People) -> None:
    owner = await people.person()
    team_id = await people.team(owner=owner)
    made = await people.done(owner, "POST", f"/teams/{team_id}/keys", {"name": "k"})
    for secret in (made["key"], new_secret(INFERENCE_PREFIX, "test")):
        key = Person("", {"authorization": f"Bearer {secret}"})
        refused = await people.refused(key, "GET", f"/teams/{team_id}/keys")
        assert refused == (403, "wrong_key_kind")


@pytest.mark.parametrize(
    "header",
    [
        "",
        "Bearer",
        "Basic eDp5",
        "Bearer og_mgmt_short",
        f"Bearer {new_secret(MANAGEMENT_PREFIX, 'test')}",
    ],
    ids=["none", "bare", "basic", "short", "unknown"],
)
async def test_what_is_no_key_is_401(people: People, header: str) -> None:
    key = Person("", {"authorization": header})
    assert await people.refused(key, "GET", "/teams/team_x/keys") == (401, "invalid_api_key")


async def test_a_key_that_is_disabled_revoked_expired_or_elsewhere_is_refused(
    people: People,
) -> None:
    owner = await people.person()
    team_id = await people.team(owner=owner)
    path = f"/teams/{team_id}/keys"
    key = await people.management_key(team_id, ips=["203.0.113.0/24", "2001:db8::1"])
    assert await people.refused(key, "GET", path) == (403, "address_not_allowed")
    for ip in ("203.0.113.77", "2001:db8::1", "::ffff:203.0.113.5"):
        await people.done(key, "GET", path, x_forwarded_for=ip)
    assert (await people.ask(key, "GET", path, x_forwarded_for="2001:db8::2")).status == 403
    here = {"x_forwarded_for": "203.0.113.7"}
    await people.done(owner, "PATCH", f"{path}/{key.id}", {"disabled": True})
    assert await people.refused(key, "GET", path, **here) == (401, "key_disabled")
    await people.done(owner, "PATCH", f"{path}/{key.id}", {"disabled": False})
    async with people.house.parts.database.write() as session:
        await session.execute(text("UPDATE api_keys SET expires_at_ns = 1"))
        await session.commit()
    assert await people.refused(key, "GET", path, **here) == (401, "key_expired")
    await people.done(owner, "DELETE", f"{path}/{key.id}")
    assert await people.refused(key, "GET", path, **here) == (401, "key_revoked")


async def test_trouble_of_the_store_is_503_and_never_401(
    people: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    who = await people.person()
    team_id = await people.team(owner=who)

    async def broken(*_: object) -> None:
        raise OperationalError("SELECT", {}, Exception("disk I/O error"))

    monkeypatch.setattr(MembershipRepository, "role", broken)
    refused = await people.refused(who, "GET", f"/teams/{team_id}")
    assert refused == (503, "control_store_unavailable")


async def test_what_is_told_to_somebody_is_kept_by_no_cache(people: People) -> None:
    who = await people.person()
    team_id = await people.team(owner=who)
    for path in ("/teams", f"/teams/{team_id}", f"/teams/{team_id}/keys"):
        assert (await people.ask(who, "GET", path)).headers["cache-control"] == "no-store"
    made = await people.ask(who, "POST", f"/teams/{team_id}/keys", {"name": "k"})
    assert made.headers["cache-control"] == "no-store"


async def test_the_operator_may_do_what_a_teams_people_may(people: People) -> None:
    team_id = await people.team(owner=await people.person())
    internal = people.house.internal_app
    made = await call(internal, "POST", f"/internal/v1/teams/{team_id}/keys", payload={"name": "k"})
    assert made.status == 201
    frozen = f"/internal/v1/admin/teams/{team_id}/freeze"
    assert (await call(internal, "POST", frozen, payload={"reason": "test"})).status == 200
    missing = f"/internal/v1/teams/team_{'0' * 32}/keys"
    assert (await call(internal, "GET", missing)).status == 404


async def test_no_path_of_the_public_api_reaches_the_operators(people: People) -> None:
    reply = await call(people.house.public_app, "GET", "/internal/v1/key-table")
    assert reply.status == 404
    assert all(
        r.path.startswith((API, "/")) for r in declared_routes(people.house.public_app.router)
    )
