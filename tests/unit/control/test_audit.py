from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from asgi_client import call
from control_plane import control_in
from opengateway.control.actor import SYSTEM, Actor
from opengateway.control.audit import service as audit_service
from opengateway.control.audit.checkpoints import Checkpoint, Checkpoints
from opengateway.control.audit.service import AuditLog, ChainReport, catch_up, verify_chain
from opengateway.kit.db import AsyncSession
from opengateway.kit.signing import new_keypair, sign, verify
from opengateway.policies.permissions import Role
from people import People


@pytest.fixture
async def people(tmp_path: Path, store_url: str) -> AsyncIterator[People]:
    async with control_in(tmp_path, store_url) as house:
        yield People(house)


@pytest.fixture
def checkpoints(tmp_path: Path) -> Checkpoints:
    private, public = new_keypair()
    return Checkpoints(
        tmp_path / "audit", lambda p: sign(p, private), lambda blob: verify(blob, public)
    )


async def log_deeds(people: People, checkpoints: Checkpoints, number: int) -> None:
    hooks: list[Any] = []
    parts = people.house.parts
    async with parts.database.write() as session:
        scope = parts.new_scope(session, hooks.append)
        trail = AuditLog(session, scope.clock, "test", hooks.append, checkpoints)
        for n in range(number):
            await trail.record(SYSTEM, "test.deed", object_id=f"o{n}", after={"n": n})
        await session.commit()
    for hook in hooks:
        hook()


async def checked(people: People, checkpoints: Checkpoints) -> ChainReport:
    async with people.house.parts.database.read() as session:
        return await verify_chain(session, "test", checkpoints)


async def tamper(people: People, statement: str) -> None:
    """As somebody who owns the database: the triggers are taken away first."""
    async with people.house.parts.database.write() as session:
        if session.get_bind().dialect.name == "sqlite":
            for verb in ("update", "delete"):
                await session.execute(text(f"DROP TRIGGER IF EXISTS audit_log_no_{verb}"))
        else:
            drop = "DROP TRIGGER IF EXISTS audit_log_append_only ON audit_log"
            await session.execute(text(drop))
        await session.execute(text(statement))
        await session.commit()


async def test_who_did_what_from_where_is_told_to_the_team(people: People) -> None:
    owner = await people.person()
    team_id = await people.team(owner=owner)
    path = f"/teams/{team_id}/keys"
    made = await people.done(owner, "POST", path, {"name": "k"}, x_forwarded_for="198.51.100.4")
    patch = {"rpm": 5}
    reply = await people.ask(owner, "PATCH", f"{path}/{made['id']}", patch)
    page = await people.done(owner, "GET", f"/teams/{team_id}/audit")
    changed, created, joined, team = page["data"]
    assert [e["action"] for e in page["data"]] == [
        "key.changed",
        "key.created",
        "member.added",
        "team.created",
    ]
    assert created["actor"]["user_id"] == owner.id
    assert (created["actor"]["role"], created["actor"]["ip"]) == ("owner", "198.51.100.4")
    assert changed["actor"]["request_id"] == reply.headers["x-request-id"]
    assert (changed["before"]["rpm"], changed["after"]["rpm"]) == (None, 5)
    assert (changed["object_id"], joined["object_id"]) == (made["id"], owner.id)
    assert changed["prev_hash"] == created["hash"]
    assert team["actor"] == {"kind": "system"}


async def test_a_team_sees_its_own_deeds_in_pages_and_the_platform_all(people: People) -> None:
    owner, other = await people.person(), await people.person()
    admin = await people.person(platform=Role.PLATFORM_ADMIN)
    team_id = await people.team(owner=owner)
    foreign = await people.team(owner=other)
    for name in ("a", "b", "c"):
        await people.done(owner, "PATCH", f"/teams/{team_id}", {"name": name})
        await people.done(other, "PATCH", f"/teams/{foreign}", {"name": name})
    seen: list[Any] = []
    after = ""
    while True:
        page = await people.done(owner, "GET", f"/teams/{team_id}/audit?limit=2&after={after}")
        seen += page["data"]
        if page["next"] is None:
            break
        after = page["next"]
    assert {e["team_id"] for e in seen} == {team_id}
    assert len(seen) == 5
    everything = (await people.done(admin, "GET", "/admin/audit?limit=1000"))["data"]
    assert {team_id, foreign} < {e["team_id"] for e in everything}
    assert [e["seq"] for e in everything] == list(range(len(everything), 0, -1))


async def test_what_was_refused_or_broke_leaves_no_entry(people: People) -> None:
    owner = await people.person()
    team_id = await people.team(owner=owner)
    before = await people.rows("SELECT count(*) FROM audit_log")
    await people.refused(owner, "POST", f"/teams/{team_id}/leave")
    await people.refused(owner, "POST", f"/teams/{team_id}/keys", {"name": "k", "rpm": 0})
    await people.done(owner, "PATCH", f"/teams/{team_id}", {})
    assert await people.rows("SELECT count(*) FROM audit_log") == before


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit_log SET reason = 'x'",
        "DELETE FROM audit_log",
        "DELETE FROM audit_log WHERE seq = 1",
    ],
)
async def test_the_store_itself_refuses_to_change_an_entry(people: People, statement: str) -> None:
    await people.person()
    with pytest.raises(DBAPIError, match="append-only"):
        async with people.house.parts.database.write() as session:
            await session.execute(text(statement))


_WRONG = [
    ("UPDATE audit_log SET after = '{}' WHERE seq = 3", 3, "changed"),
    ("UPDATE audit_log SET action = 'x' WHERE seq = 1", 1, "changed"),
    ("UPDATE audit_log SET actor = '{}' WHERE seq = 5", 5, "changed"),
    ("UPDATE audit_log SET at_ns = at_ns + 1 WHERE seq = 2", 2, "changed"),
    ("UPDATE audit_log SET team_id = 'team_x' WHERE seq = 2", 2, "changed"),
    ("UPDATE audit_log SET hash = prev_hash WHERE seq = 4", 4, "changed"),
    ("DELETE FROM audit_log WHERE seq = 1", 1, "missing"),
    ("DELETE FROM audit_log WHERE seq = 3", 3, "missing"),
    ("UPDATE audit_log SET seq = seq + 100 WHERE seq = 2", 2, "missing"),
]


@pytest.mark.parametrize(("statement", "at", "why"), _WRONG)
async def test_what_was_changed_removed_or_moved_is_found_where_it_was(
    people: People, checkpoints: Checkpoints, statement: str, at: int, why: str
) -> None:
    await log_deeds(people, checkpoints, 6)
    assert await checked(people, checkpoints) == ChainReport(6, 0)
    await tamper(people, statement)
    report = await checked(people, checkpoints)
    assert (report.broken_at, why in (report.why or "")) == (at, True)


async def test_a_log_whose_end_was_cut_off_does_not_fit_its_checkpoint(
    people: People, checkpoints: Checkpoints, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audit_service, "EVERY", 5)
    await log_deeds(people, checkpoints, 12)
    assert [mark.seq for mark in checkpoints.read()] == [5, 10]
    assert await checked(people, checkpoints) == ChainReport(12, 2)
    await tamper(people, "DELETE FROM audit_log WHERE seq > 8")
    report = await checked(people, checkpoints)
    assert (report.broken_at, report.why) == (9, "cut off: entry 10 was signed")


async def test_a_chain_that_was_made_anew_does_not_fit_its_checkpoint(
    people: People, checkpoints: Checkpoints, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audit_service, "EVERY", 3)
    await log_deeds(people, checkpoints, 4)
    await tamper(people, "DELETE FROM audit_log")
    forged = replace_folder(checkpoints)
    await log_deeds(people, forged, 4)
    assert (await checked(people, forged)).broken_at is None
    assert (await checked(people, checkpoints)).broken_at == 3


def replace_folder(checkpoints: Checkpoints) -> Checkpoints:
    private, public = new_keypair()
    return Checkpoints(
        checkpoints._folder / "forged", lambda p: sign(p, private), lambda b: verify(b, public)
    )


async def test_a_checkpoint_that_somebody_else_signed_is_not_trusted(
    people: People, checkpoints: Checkpoints
) -> None:
    await log_deeds(people, checkpoints, 1)
    forger, _ = new_keypair()
    Checkpoints(checkpoints._folder, lambda p: sign(p, forger), lambda b: b).write(
        Checkpoint("test", 1, "00")
    )
    report = await checked(people, checkpoints)
    assert (report.broken_at, "cannot be trusted" in (report.why or "")) == (0, True)


async def test_marks_that_a_stop_left_out_are_written_at_the_next_start(
    people: People, checkpoints: Checkpoints, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audit_service, "EVERY", 4)
    lost = replace_folder(checkpoints)
    await log_deeds(people, lost, 9)
    async with people.house.parts.database.read() as session:
        await catch_up(session, "test", checkpoints)
    assert [mark.seq for mark in checkpoints.read()] == [4, 8]
    assert (await checked(people, checkpoints)).broken_at is None


async def test_the_operator_asks_for_the_proof(people: People) -> None:
    await people.person()
    reply = await call(people.house.internal_app, "GET", "/internal/v1/audit/verify")
    assert reply.json() == {"entries": 1, "checkpoints": 0, "broken_at": None, "why": None}


async def test_an_entry_inside_a_savepoint_is_written_with_the_whole(
    people: People, checkpoints: Checkpoints
) -> None:
    parts = people.house.parts

    async def record(session: AsyncSession, actor: Actor) -> None:
        trail = AuditLog(
            session,
            parts.new_scope(session, lambda _: None).clock,
            "test",
            lambda _: None,
            checkpoints,
        )
        await trail.record(actor, "outer")
        async with session.begin_nested():
            await trail.record(replace(actor, ip="192.0.2.1"), "inner")

    async with parts.database.write() as session:
        await record(session, SYSTEM)
        await session.commit()
    rows = await people.rows("SELECT action, actor FROM audit_log ORDER BY seq")
    assert [(action, json.loads(actor).get("ip")) for action, actor in rows] == [
        ("outer", None),
        ("inner", "192.0.2.1"),
    ]


async def test_what_was_rolled_back_is_not_written_by_the_next_commit(
    people: People, checkpoints: Checkpoints
) -> None:
    parts = people.house.parts
    async with parts.database.write() as session:
        clock = parts.new_scope(session, lambda _: None).clock
        trail = AuditLog(session, clock, "test", lambda _: None, checkpoints)
        await trail.record(SYSTEM, "undone")
        await session.rollback()
        await trail.record(SYSTEM, "done")
        outer = await session.begin_nested()
        await trail.record(SYSTEM, "undone by the savepoint around it")
        async with session.begin_nested():
            await trail.record(SYSTEM, "undone with a savepoint that was good")
        await outer.rollback()
        async with session.begin_nested():
            await trail.record(SYSTEM, "done in a savepoint")
        await session.commit()
        await trail.record(SYSTEM, "undone after a commit")
        await session.rollback()
        await session.commit()
    rows = await people.rows("SELECT action FROM audit_log ORDER BY seq")
    assert [action for (action,) in rows] == ["done", "done in a savepoint"]


async def test_a_savepoint_that_is_older_than_the_first_deed_takes_it_along(
    people: People, checkpoints: Checkpoints
) -> None:
    parts = people.house.parts
    async with parts.database.write() as session:
        clock = parts.new_scope(session, lambda _: None).clock
        trail = AuditLog(session, clock, "test", lambda _: None, checkpoints)
        savepoint = await session.begin_nested()
        await trail.record(SYSTEM, "undone")
        with pytest.raises(DBAPIError):
            await session.execute(text("INSERT INTO audit_log (zone) VALUES ('test')"))
        await savepoint.rollback()
        await trail.record(SYSTEM, "done")
        await session.commit()
    assert await people.rows("SELECT action FROM audit_log") == [("done",)]


async def test_deeds_of_many_at_once_form_one_chain(
    people: People, checkpoints: Checkpoints
) -> None:
    who = [await people.person() for _ in range(6)]
    # Making a team writes no change, so nothing else puts these transactions in order.
    await asyncio.gather(
        *(people.done(w, "POST", "/teams", {"name": f"t{n}"}) for n in range(5) for w in who)
    )
    report = await checked(people, checkpoints)
    assert (report.entries, report.broken_at) == (6 + 60, None)
