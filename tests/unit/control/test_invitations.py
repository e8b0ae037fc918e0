from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from control_plane import settings_in
from opengateway.compose.control import open_control
from opengateway.kit.clock import ManualClock
from opengateway.policies.permissions import Role
from people import People, Person

_WEEK_S = 7 * 24 * 3600


@asynccontextmanager
async def people_at(home: Path, store: str | None, clock: ManualClock) -> AsyncIterator[People]:
    settings = settings_in(home, store)
    sign_in = settings.sign_in
    # Sessions outlast the weeks that these tests let pass.
    long = replace(sign_in.settings, idle_s=10**8, absolute_s=10**8)
    settings = replace(settings, clock=clock, sign_in=replace(sign_in, settings=long))
    async with open_control(settings) as house:
        yield People(house)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
async def people(tmp_path: Path, store_url: str, clock: ManualClock) -> AsyncIterator[People]:
    async with people_at(tmp_path, store_url, clock) as made:
        yield made


async def invite(
    people: People, owner: Person, team_id: str, email: str, role: str = "member"
) -> Any:
    body = {"email": email, "role": role}
    return await people.done(owner, "POST", f"/teams/{team_id}/invitations", body)


def token_of(sent: Any) -> str:
    return str(sent["link"].partition("token=")[2])


async def test_an_invitation_is_taken_once_by_whom_it_is_for(people: People) -> None:
    owner, lee, other = await people.person(), await people.person(), await people.person()
    team_id = await people.team(owner=owner)
    sent = await invite(people, owner, team_id, lee.email.upper(), "billing")
    assert (sent["email"], sent["state"], sent["sent"]) == (lee.email, "waiting", 1)
    assert sent["link"].startswith("http://localhost:8080/invitations/accept#token=ogi_")
    body = {"token": token_of(sent)}
    wrong = await people.refused(other, "POST", "/invitations/accept", body)
    assert wrong == (403, "invitation_for_another")
    joined = await people.done(lee, "POST", "/invitations/accept", body)
    assert joined == {"team_id": team_id, "role": "billing"}
    again = await people.refused(lee, "POST", "/invitations/accept", body)
    assert again == (404, "invitation_not_valid")
    (row,) = (await people.done(owner, "GET", f"/teams/{team_id}/invitations"))["data"]
    assert row["state"] == "accepted"
    assert "link" not in row


async def test_an_invitation_ends_after_a_week_or_when_it_is_revoked(
    people: People, clock: ManualClock
) -> None:
    owner, lee = await people.person(), await people.person()
    team_id = await people.team(owner=owner)
    late = await invite(people, owner, team_id, lee.email)
    clock.advance(_WEEK_S)
    over = (404, "invitation_not_valid")
    accept = "/invitations/accept"
    assert await people.refused(lee, "POST", accept, {"token": token_of(late)}) == over
    fresh = await invite(people, owner, team_id, lee.email)
    path = f"/teams/{team_id}/invitations/{fresh['id']}"
    await people.done(owner, "DELETE", path)
    assert await people.refused(lee, "POST", accept, {"token": token_of(fresh)}) == over
    assert await people.refused(owner, "DELETE", path) == (404, "invitation_not_found")
    for token in ("", "ogi_", "ogi_" + "a" * 43, "x" * 100):
        status, _ = await people.refused(lee, "POST", accept, {"token": token})
        assert status in (400, 404)


async def test_what_is_sent_again_has_a_new_link_and_the_old_one_serves_no_more(
    people: People, clock: ManualClock
) -> None:
    owner, lee = await people.person(), await people.person()
    team_id = await people.team(owner=owner)
    first = await invite(people, owner, team_id, lee.email)
    clock.advance(_WEEK_S - 1)
    path = f"/teams/{team_id}/invitations/{first['id']}/resend"
    second = await people.done(owner, "POST", path)
    assert (second["id"], second["sent"]) == (first["id"], 2)
    clock.advance(_WEEK_S - 1)
    accept = "/invitations/accept"
    over = (404, "invitation_not_valid")
    assert await people.refused(lee, "POST", accept, {"token": token_of(first)}) == over
    await people.done(lee, "POST", accept, {"token": token_of(second)})
    for _ in range(8):
        third = await invite(people, owner, team_id, "new@example.com")
        break
    for _ in range(9):
        await people.done(owner, "POST", f"/teams/{team_id}/invitations/{third['id']}/resend")
    refused = await people.refused(
        owner, "POST", f"/teams/{team_id}/invitations/{third['id']}/resend"
    )
    assert refused == (409, "too_many_invitations")


async def test_nobody_is_invited_twice_or_who_is_there(people: People) -> None:
    owner = await people.person()
    team_id = await people.team(owner=owner)
    body = {"email": "new@example.com", "role": "viewer"}
    path = f"/teams/{team_id}/invitations"
    replies = await asyncio.gather(*(people.ask(owner, "POST", path, body) for _ in range(6)))
    assert sorted(r.status for r in replies) == [201] + [409] * 5
    there = {"email": owner.email, "role": "viewer"}
    assert await people.refused(owner, "POST", path, there) == (409, "already_member")
    for email in ("no address", "a@b c", "a" * 300 + "@x.example", "x\u0000@example.com"):
        assert (await people.ask(owner, "POST", path, {**body, "email": email})).status == 400


async def test_an_invitation_taken_twice_at_once_makes_one_membership(people: People) -> None:
    owner, lee = await people.person(), await people.person()
    team_id = await people.team(owner=owner)
    body = {"token": token_of(await invite(people, owner, team_id, lee.email))}
    replies = await asyncio.gather(
        *(people.ask(lee, "POST", "/invitations/accept", body) for _ in range(8))
    )
    assert sorted(r.status for r in replies) == [200] + [404] * 7
    (count,) = await people.rows(f"SELECT count(*) FROM memberships WHERE team_id = '{team_id}'")
    assert count[0] == 2


async def test_an_invitation_into_a_deleted_team_is_over(people: People) -> None:
    owner, lee = await people.person(), await people.person()
    team_id = await people.team(owner=owner)
    body = {"token": token_of(await invite(people, owner, team_id, lee.email))}
    await people.done(owner, "DELETE", f"/teams/{team_id}")
    refused = await people.refused(lee, "POST", "/invitations/accept", body)
    assert refused == (404, "invitation_not_valid")


async def test_an_admin_sends_no_invitation_again_that_makes_an_owner(people: People) -> None:
    owner, admin = await people.person(), await people.person()
    team_id = await people.team(owner=owner)
    await people.join(team_id, admin, Role.ADMIN)
    sent = await invite(people, owner, team_id, "boss@example.com", "owner")
    path = f"/teams/{team_id}/invitations/{sent['id']}/resend"
    assert await people.refused(admin, "POST", path) == (403, "role_not_yours_to_give")
