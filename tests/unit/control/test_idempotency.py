from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy import text

from asgi_client import Reply, call
from control_plane import control_in
from opengateway.control.idempotency.repository import KeptAnswers
from opengateway.http.openapi import describe
from opengateway.policies.permissions import Role
from people import People, person_in


@pytest.fixture
async def people(tmp_path: Path, store_url: str) -> AsyncIterator[People]:
    async with control_in(tmp_path, store_url) as house:
        yield People(house)


async def count(people: People, table: str, where: str = "1 = 1") -> int:
    return int((await people.rows(f"SELECT count(*) FROM {table} WHERE {where}"))[0][0])


async def test_the_same_request_twice_is_done_once_and_answered_alike(people: People) -> None:
    who = await people.person()
    first = await people.ask(who, "POST", "/teams", {"name": "t"}, idempotency_key="k-1")
    again = await people.ask(who, "POST", "/teams", {"name": "t"}, idempotency_key="k-1")
    assert (first.status, again.status) == (201, 201)
    assert first.json() == again.json()
    assert "idempotency-replayed" not in first.headers
    assert again.headers["idempotency-replayed"] == "true"
    assert await count(people, "teams") == 1
    assert await count(people, "audit_log", "action = 'team.created'") == 1


async def test_one_key_for_another_request_is_refused(people: People) -> None:
    who = await people.person()
    await people.done(who, "POST", "/teams", {"name": "t"}, idempotency_key="k-1")
    refused = await people.refused(who, "POST", "/teams", {"name": "u"}, idempotency_key="k-1")
    assert refused == (422, "idempotency_mismatch")
    for wrong in ("", "x" * 201, "키"):
        status, code = await people.refused(
            who, "POST", "/teams", {"name": "u"}, idempotency_key=wrong
        )
        assert (status, code) == (400, "invalid_idempotency_key")


async def test_keys_of_two_callers_or_two_paths_never_meet(people: People) -> None:
    first, second = await people.person(), await people.person()
    mine = await people.done(first, "POST", "/teams", {"name": "t"}, idempotency_key="same")
    theirs = await people.done(second, "POST", "/teams", {"name": "t"}, idempotency_key="same")
    assert mine["id"] != theirs["id"]
    path = f"/teams/{mine['id']}/keys"
    await people.done(first, "POST", path, {"name": "t"}, idempotency_key="same")
    assert await count(people, "idempotency_keys") == 3


async def test_what_failed_is_done_when_it_is_asked_again(people: People) -> None:
    owner = await people.person()
    team_id = await people.team(owner=owner)
    path = f"/teams/{team_id}/leave"
    refused = await people.refused(owner, "POST", path, idempotency_key="k")
    assert refused == (409, "last_owner")
    await person_in(people, team_id, Role.OWNER)
    left = await people.ask(owner, "POST", path, idempotency_key="k")
    assert (left.status, left.body) == (204, b"")
    # They are out now: what they may see of the team is nothing, not even an old answer.
    assert await people.refused(owner, "POST", path, idempotency_key="k") == (
        404,
        "team_not_found",
    )


async def test_many_at_once_are_done_once(people: People) -> None:
    who = await people.person()

    async def ask() -> Reply:
        return await people.ask(who, "POST", "/teams", {"name": "t"}, idempotency_key="rush")

    replies = await asyncio.gather(*(ask() for _ in range(12)))
    # Whoever came while the first ran is told so; whoever came after has its answer.
    told = [r for r in replies if r.status != 201]
    assert all(r.json()["error"]["code"] == "idempotency_in_flight" for r in told)
    assert all(r.headers["retry-after"] == "1" for r in told)
    assert len({r.json()["id"] for r in replies if r.status == 201}) == 1
    assert await count(people, "teams") == 1
    assert (await ask()).headers["idempotency-replayed"] == "true"


async def test_what_another_process_did_meanwhile_is_not_done_again(
    people: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    who = await people.person()
    await people.done(who, "POST", "/teams", {"name": "t"}, idempotency_key="k")

    async def too_early(*_: object) -> None:
        """As in a process that looked before the other one had committed."""

    monkeypatch.setattr(KeptAnswers, "find", too_early)
    refused = await people.refused(who, "POST", "/teams", {"name": "t"}, idempotency_key="k")
    assert refused == (409, "idempotency_in_flight")
    assert people.house.public_app.state.idempotency_running == set()
    assert await count(people, "teams") == 1
    assert await count(people, "audit_log", "action = 'team.created'") == 1


async def test_a_request_that_runs_is_not_begun_again(people: People) -> None:
    who = await people.person()
    running: set[tuple[str, str]] = people.house.public_app.state.idempotency_running
    running.add((f"{who.id} /api/v1/teams", "k"))
    reply = await people.ask(who, "POST", "/teams", {"name": "t"}, idempotency_key="k")
    assert (reply.status, reply.json()["error"]["code"]) == (409, "idempotency_in_flight")
    assert reply.headers["retry-after"] == "1"
    # It was not ours to end.
    assert len(running) == 1


async def test_a_repeat_tells_no_secret_and_the_store_holds_none(people: People) -> None:
    owner = await people.person()
    team_id = await people.team(owner=owner)
    path = f"/teams/{team_id}/keys"
    made = await people.done(owner, "POST", path, {"name": "k"}, idempotency_key="a")
    again = await people.done(owner, "POST", path, {"name": "k"}, idempotency_key="a")
    assert again == {**made, "key": None}
    assert again["hint"] == made["hint"]
    rotate = f"{path}/{made['id']}/rotate"
    rotated = await people.done(owner, "POST", rotate, {}, idempotency_key="b")
    assert (await people.done(owner, "POST", rotate, {}, idempotency_key="b"))["key"] is None
    invite = {"email": "new@example.com", "role": "viewer"}
    invitations = f"/teams/{team_id}/invitations"
    sent = await people.done(owner, "POST", invitations, invite, idempotency_key="c")
    assert (await people.done(owner, "POST", invitations, invite, idempotency_key="c"))[
        "link"
    ] is None
    kept = str(await people.rows("SELECT * FROM idempotency_keys"))
    for secret in (made["key"], rotated["key"], sent["link"].partition("token=")[2]):
        assert secret[8:40] not in kept


async def test_what_a_model_does_not_show_is_not_kept_whoever_wrote_the_route(
    people: People,
) -> None:
    owner = await people.person()
    team_id = await people.team(owner=owner)
    documented = describe(people.house.public_app)["paths"]["/api/v1/teams/{team_id}/webhooks"]
    body = documented["post"]["requestBody"]["content"]["application/json"]["example"]
    path = f"/teams/{team_id}/webhooks"
    made = await people.done(owner, "POST", path, body, idempotency_key="w")
    again = await people.done(owner, "POST", path, body, idempotency_key="w")
    assert made["secret"]
    assert again == {**made, "secret": ""}
    assert made["secret"] not in str(await people.rows("SELECT * FROM idempotency_keys"))


async def test_the_operators_keys_are_kept_without_their_secret_too(people: People) -> None:
    payload = {"team": "alpha", "name": "k"}
    headers = {"idempotency-key": "x"}
    replies = [
        await call(
            people.house.internal_app, "POST", "/internal/v1/keys", payload=payload, headers=headers
        )
        for _ in range(2)
    ]
    assert [r.status for r in replies] == [201, 201]
    assert replies[0].json()["id"] == replies[1].json()["id"]
    assert (replies[0].json()["key"][:8], replies[1].json()["key"]) == ("og_live_", "")


async def test_an_answer_is_kept_for_a_day(people: People) -> None:
    who = await people.person()
    await people.done(who, "POST", "/teams", {"name": "t"}, idempotency_key="k")
    async with people.house.parts.database.write() as session:
        await session.execute(text("UPDATE idempotency_keys SET expires_at_ns = 1"))
        await session.commit()
    later = await people.ask(who, "POST", "/teams", {"name": "t"}, idempotency_key="k")
    assert "idempotency-replayed" not in later.headers
    assert await count(people, "idempotency_keys") == 1
    assert await count(people, "teams") == 2
