"""What a refusal tells: nothing, neither by its words nor by the work that it makes."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event

from control_plane import control_in
from opengateway.control.actor import Actor, ActorKind
from opengateway.control.redeem.service import CodeRefused, RedeemService
from opengateway.domain.redeem_codes import digest, new_code, shown
from opengateway.http.unit_of_work import unit_of_work
from opengateway.kit import chance
from opengateway.policies.permissions import Role
from people import People

SOAK = os.environ.get("OPENGATEWAY_SOAK") == "1"
GUESSES = 1_000_000 if SOAK else 1_500
CROWD = 1_000 if SOAK else 48
"""Attempts at once, past the throttle, over two control processes."""
AT_ONCE = 20
"""Of each process within the store: its connections are bounded."""


@pytest.fixture
async def people(tmp_path: Path, store_url: str) -> AsyncIterator[People]:
    async with control_in(tmp_path, store_url) as house:
        yield People(house)


@contextmanager
def statements_of(connection: Any) -> Iterator[list[str]]:
    """The texts of what one connection of the store is sent, parameters left out."""
    seen: list[str] = []
    driver = connection.connection.driver_connection

    def before(_c: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        seen.append(statement)

    if hasattr(driver, "_conn"):  # SQLite: what goes past SQLAlchemy is seen as well
        driver._conn.set_trace_callback(lambda text: seen.append(text.partition(" WHERE ")[0]))
        yield seen
        driver._conn.set_trace_callback(None)
        return
    event.listen(connection, "before_cursor_execute", before)
    yield seen
    event.remove(connection, "before_cursor_execute", before)


@contextmanager
def hmacs_of_this_thread() -> Iterator[list[str]]:
    """The keyed digests that are made."""
    seen: list[str] = []

    def look(_frame: Any, event: str, what: Any) -> None:
        if event == "c_call" and what.__name__ in ("hmac_digest", "compare_digest"):
            seen.append(what.__name__)

    sys.setprofile(look)
    yield seen
    sys.setprofile(None)


async def refused(people: People, team_id: str, user_id: str, code: str) -> list[str]:
    """The statements and keyed digests of one attempt that must be refused."""
    actor = Actor(ActorKind.USER, user_id=user_id, team_id=team_id)
    async with people.house.parts.database.write() as session:
        scope = people.house.parts.new_scope(session, lambda _: None)
        raw = await session.connection()
        with (
            statements_of(raw.sync_connection) as seen,
            hmacs_of_this_thread() as hmacs,
            pytest.raises(CodeRefused),
        ):
            await RedeemService(scope, actor).attempt(team_id, code)
    return [*hmacs, *seen]


async def test_every_refusal_makes_the_same_statements(people: People) -> None:
    finance = await people.person(platform=Role.PLATFORM_FINANCE)
    owner = await people.person()
    team_id = await people.team(owner=owner)

    async def codes(**terms: Any) -> tuple[str, str]:
        wanted = {"name": "n", "usd": "1", **terms}
        campaign = await people.done(finance, "POST", "/admin/campaigns", wanted)
        path = f"/admin/campaigns/{campaign['id']}"
        made = await people.done(finance, "POST", f"{path}/batches", {"count": 2})
        return path, made["codes"]

    _, (used, _) = await codes()
    await people.done(owner, "POST", "/redeem", {"code": used, "team_id": team_id})
    paused_path, (paused, _) = await codes()
    await people.done(finance, "POST", f"{paused_path}/pause")
    _, (later, _) = await codes(starts_at_ns=2**62)
    _, (elsewhere, _) = await codes(domains=["uni.example"])
    revoked_path, (revoked, _) = await codes()
    await people.done(finance, "POST", f"{revoked_path}/revoke")
    _, (once, over) = await codes(per_team=1)
    await people.done(owner, "POST", "/redeem", {"code": once, "team_id": team_id})

    traces = {
        name: await refused(people, team_id, owner.id, code)
        for name, code in {
            "unknown": new_code(),
            "malformed": "hello",
            "empty": "",
            "used": used,
            "paused": paused,
            "later": later,
            "elsewhere": elsewhere,
            "revoked": revoked,
            "over its limit": over,
        }.items()
    }
    expected = traces["unknown"]
    assert sum("redeem_" in statement for statement in expected) >= 4, expected
    assert expected.count("hmac_digest") == 1
    for name, seen in traces.items():
        assert seen == expected, name
    spent = await people.rows("SELECT uses FROM redeem_codes WHERE uses > 0")
    assert len(spent) == 2


async def test_guesses_hit_nothing(people: People) -> None:
    """At the service, past the throttle; the long count is a soak's."""
    finance = await people.person(platform=Role.PLATFORM_FINANCE)
    owner = await people.person()
    team_id = await people.team(owner=owner)
    campaign = await people.done(finance, "POST", "/admin/campaigns", {"name": "n", "usd": "1"})
    path = f"/admin/campaigns/{campaign['id']}/batches"
    made = await people.done(finance, "POST", path, {"count": 1_000})
    pepper = people.house.parts
    draw = chance.seeded(11)
    alphabet = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
    actor = Actor(ActorKind.USER, user_id=owner.id, team_id=team_id)
    async with pepper.database.write() as session:
        scope = pepper.new_scope(session, lambda _: None)
        known = {digest(code, scope.pepper.secret) for code in made["codes"]}
        service = RedeemService(scope, actor)
        for number in range(GUESSES):
            # Half of them near a real one: all but one character.
            if number % 2:
                guess = shown("".join(draw.choice(alphabet) for _ in range(20)))
            else:
                real = draw.choice(made["codes"])
                guess = real[:-1] + draw.choice(alphabet.replace(real[-1], ""))
            assert digest(guess, scope.pepper.secret) not in known
            with pytest.raises(CodeRefused):
                await service.attempt(team_id, guess)
        await session.rollback()
    assert await people.rows("SELECT 1 FROM redemptions") == []


async def test_a_crowd_past_the_throttle_gets_what_there_is_and_no_more(
    people: People, tmp_path: Path, store_url: str
) -> None:
    finance = await people.person(platform=Role.PLATFORM_FINANCE)
    owners = [await people.person() for _ in range(4)]
    teams = [await people.team(owner=owner) for owner in owners]

    async def codes(count: int, **terms: Any) -> list[str]:
        wanted = {"name": "n", "usd": "1", **terms}
        campaign = await people.done(finance, "POST", "/admin/campaigns", wanted)
        path = f"/admin/campaigns/{campaign['id']}/batches"
        made = await people.done(finance, "POST", path, {"count": count})
        return list(made["codes"])

    async with control_in(tmp_path / "second", store_url) as second:
        houses = [(house, asyncio.Semaphore(AT_ONCE)) for house in (people.house, second)]

        async def attempt(number: int, code: str) -> str | None:
            """The team that got it."""
            house, room = houses[number % 2]
            owner, team_id = owners[number % 4], teams[number % 4]
            actor = Actor(ActorKind.USER, user_id=owner.id, team_id=team_id)
            try:
                async with room, unit_of_work(house.parts.database, house.parts.new_scope) as scope:
                    await RedeemService(scope, actor).attempt(team_id, code)
            except CodeRefused:
                return None
            return team_id

        (once,) = await codes(1)
        got = await asyncio.gather(*(attempt(n, once) for n in range(CROWD)))
        assert sum(team is not None for team in got) == 1
        many = await codes(CROWD, per_team=2, max_redemptions=5)
        got = await asyncio.gather(*(attempt(n, code) for n, code in enumerate(many)))
        winners = [team for team in got if team is not None]
        assert (len(winners), max(map(winners.count, winners))) == (5, 2)
        print(f"\n{2 * CROWD} attempts over 2 control processes: 1 and {len(winners)} credits")
    given = await people.rows("SELECT count(*), sum(amount) FROM ledger_grants")
    assert [tuple(row) for row in given] == [(6, 6 * 10**9)]
    async with people.house.parts.database.read() as session:
        scope = people.house.parts.new_scope(session, lambda _: None)
        assert [v async for v in scope.ledger.statements.verify()] == []


async def test_a_network_that_guesses_is_slowed_down_whoever_it_signs_in_as(people: People) -> None:
    guessers = [await people.person() for _ in range(12)]
    team_id = await people.team(owner=guessers[0])
    for who in guessers[1:]:
        await people.join(team_id, who, Role.BILLING)
    statuses = []
    for who in guessers:
        for _ in range(10):
            body = {"code": new_code(), "team_id": team_id}
            reply = await people.ask(who, "POST", "/redeem", body, x_forwarded_for="198.51.100.7")
            statuses.append(reply.status)
    assert statuses == [400] * 100 + [429] * 20
    elsewhere = await people.ask(
        guessers[-1],
        "POST",
        "/redeem",
        {"code": new_code(), "team_id": team_id},
        x_forwarded_for="203.0.113.9",
    )
    assert elsewhere.status == 400
