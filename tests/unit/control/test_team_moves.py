"""A team goes from zone kr to zone jp: nothing of it twice, and no nano-dollar lost."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from asgi_client import Reply, call
from control_plane import settings_in
from opengateway.compose.control import ControlHouse, open_control
from opengateway.compose.secrets import ensure_secrets
from opengateway.domain.errors import OperatorError
from opengateway.domain.ledger import CreditKind, EntryKind
from opengateway.kit import signing
from opengateway.policies.permissions import Role
from opengateway.ports.ledger_book import Ask, Credit
from people import People
from stores import migrated_store

_DAY_NS = 86_400 * 10**9


@dataclass
class Place:
    """A zone: its control plane, and its public key."""

    house: ControlHouse
    people: People
    key: str

    async def ask(self, method: str, path: str, payload: object = None) -> Reply:
        return await call(self.house.internal_app, method, f"/internal/v1{path}", payload=payload)

    async def done(self, method: str, path: str, payload: object = None) -> Any:
        reply = await self.ask(method, path, payload)
        assert reply.status < 300, reply.text
        return reply.json()

    async def give(self, team_id: str, *credits: Credit) -> None:
        async with self.house.parts.database.write() as session:
            scope = self.house.parts.new_scope(session, lambda _: None)
            for number, credit in enumerate(credits):
                await scope.ledger.credits.add(credit, Ask(f"{team_id}-{number}", "test"))
            await session.commit()

    async def transfer(self) -> int:
        """What stands on all accounts of other zones together."""
        rows = await self.people.rows(
            "SELECT coalesce(sum(amount), 0) FROM ledger_postings WHERE account LIKE 'transfer:%'"
        )
        return int(rows[0][0])

    async def violations(self) -> list[Any]:
        found: list[Any] = (await self.done("GET", "/ledger/verify"))["violations"]
        return found


@pytest.fixture
async def zones(tmp_path: Path, store_url: str) -> AsyncIterator[tuple[Place, Place]]:
    async with AsyncExitStack() as stack:
        made = []
        for zone, store in (("kr", store_url), ("jp", None)):
            settings = replace(settings_in(tmp_path / zone, store), zone=zone)
            ensure_secrets(settings.paths)
            if store is None:
                shutil.copy(migrated_store(), settings.paths.control_db)
            house = await stack.enter_async_context(open_control(settings))
            key = settings.paths.snapshot_public_key.read_text()
            made.append(Place(house, People(house), key))
        yield made[0], made[1]


async def full_team(kr: Place) -> tuple[str, dict[str, Any]]:
    """A frozen team with members, keys, a budget, and three credits: 3.000000007 dollars."""
    owner, member = await kr.people.person(email="kim@example.com"), await kr.people.person()
    team_id = await kr.people.team("research", owner=owner, member=member)
    wish = {"name": "ci", "rpm": 7, "models": ["acme/large"], "limit_usd": "2.5"}
    key = await kr.people.done(owner, "POST", f"/teams/{team_id}/keys", wish)
    budget = {"scope": "key", "subject_id": key["id"], "period": "day", "limit_nanos": 10**9}
    await kr.people.done(owner, "POST", f"/teams/{team_id}/budgets", budget)
    now_ns = kr.house.parts.operation.clock.now_ns()
    await kr.give(
        team_id,
        Credit(team_id, 10**9, CreditKind.PAID, EntryKind.TOPUP, "processor"),
        Credit(team_id, 2 * 10**9, CreditKind.PROMO, expires_at_ns=now_ns + _DAY_NS),
        Credit(team_id, 7, CreditKind.PROMO),
    )
    await kr.done("POST", f"/admin/teams/{team_id}/freeze", {"reason": "moves"})
    return team_id, key


async def departed(kr: Place, team_id: str) -> str:
    told = await kr.done("POST", f"/teams/{team_id}/departure", {"zone": "jp"})
    return str(told["file"])


async def test_a_team_moves_with_its_money_to_the_nano_dollar(
    zones: tuple[Place, Place],
) -> None:
    kr, jp = zones
    there = await jp.people.person(email="kim@example.com")
    team_id, key = await full_team(kr)
    file = await departed(kr, team_id)
    assert key["key"] not in file
    arrival = {"file": file, "public_key": kr.key}
    made = await jp.done("POST", "/team-arrivals", arrival)

    # The money: gone there, here as it was, and both zones' accounts of each other cancel out.
    assert (await kr.done("GET", f"/teams/{team_id}/balance"))["available_nanos"] == 0
    here = await jp.done("GET", f"/teams/{made['team_id']}/balance")
    assert (here["available_nanos"], made["amount_nanos"]) == (3_000_000_007, 3_000_000_007)
    rows = await jp.people.rows("SELECT kind, remaining, expires_at_ns FROM ledger_grants")
    parts = {(kind, remaining, expires is None) for kind, remaining, expires in rows}
    assert parts == {("paid", 10**9, True), ("promo", 2 * 10**9, False), ("promo", 7, True)}
    assert await kr.transfer() == 3_000_000_007 == -await jp.transfer()
    assert await kr.violations() == await jp.violations() == []

    # The people: whoever is known there is in; others are invited.
    assert made["members"] == [there.id]
    assert [row["role"] for row in made["invited"]] == ["member"]
    team = await jp.people.done(there, "GET", f"/teams/{made['team_id']}")
    assert (team["name"], team["role"], team["zone"]) == ("research", "owner", "jp")

    # The keys: new secrets, the same terms; the budget is on the new one.
    (moved,) = made["keys"]
    assert moved["was"] == key["id"]
    assert moved["key"] != key["key"]
    shown = await jp.people.done(there, "GET", f"/teams/{made['team_id']}/keys/{moved['id']}")
    assert (shown["rpm"], shown["models"], shown["limit_usd"]) == (7, ["acme/large"], "2.5")
    budgets = await jp.people.done(there, "GET", f"/teams/{made['team_id']}/budgets")
    assert [b["subject_id"] for b in budgets["data"]] == [moved["id"]]


async def test_a_file_is_imported_once_and_the_team_is_never_used_there_again(
    zones: tuple[Place, Place],
) -> None:
    kr, jp = zones
    team_id, _ = await full_team(kr)
    file = await departed(kr, team_id)
    # A lost file is written again, and takes nothing more out.
    assert await departed(kr, team_id) == file
    arrival = {"file": file, "public_key": kr.key}
    made = await jp.done("POST", "/team-arrivals", arrival)
    again = await jp.ask("POST", "/team-arrivals", arrival)
    assert (again.status, again.json()["error"]["code"]) == (409, "team_imported_already")
    assert await jp.transfer() == -3_000_000_007
    assert (await jp.done("GET", f"/teams/{made['team_id']}/balance"))[
        "available_nanos"
    ] == 3_000_000_007
    thawed = await kr.ask("POST", f"/admin/teams/{team_id}/unfreeze", {"reason": "back"})
    assert (thawed.status, thawed.json()["error"]["code"]) == (409, "team_moved")
    table = await kr.done("GET", "/key-table")
    assert [t["moved_to"] for t in table["teams"]] == ["jp"]


async def test_what_is_not_the_file_of_that_zone_is_refused(zones: tuple[Place, Place]) -> None:
    kr, jp = zones
    team_id, _ = await full_team(kr)
    file = await departed(kr, team_id)
    head, _, body = file.partition("\n")
    forged = body.replace("3000000007", "9000000007").replace('"amount":7', '"amount":6000000007')
    assert forged != body
    own = signing.new_keypair()
    wrong = [
        (jp, f"{head}\n{forged}", kr.key, 400, "bad_team_file"),
        (jp, signing.sign(body.encode(), own[0]).decode(), kr.key, 400, "bad_team_file"),
        (jp, file, own[1], 400, "bad_team_file"),
        (jp, signing.sign(b"{}", own[0]).decode(), own[1], 400, "bad_team_file"),
        (kr, file, kr.key, 403, "zone_mismatch"),
    ]
    for place, text, key, status, code in wrong:
        reply = await place.ask("POST", "/team-arrivals", {"file": text, "public_key": key})
        assert (reply.status, reply.json()["error"]["code"]) == (status, code)
    assert await jp.transfer() == 0


async def test_nothing_leaves_while_money_is_held_or_the_team_may_spend(
    zones: tuple[Place, Place],
) -> None:
    kr, _ = zones
    owner = await kr.people.person()
    team_id = await kr.people.team("busy", owner=owner)
    early = await kr.ask("POST", f"/teams/{team_id}/departure", {"zone": "jp"})
    assert (early.status, early.json()["error"]["code"]) == (409, "team_not_frozen")
    await kr.give(team_id, Credit(team_id, 50, CreditKind.PROMO))
    await kr.done("POST", f"/admin/teams/{team_id}/freeze", {"reason": "moves"})
    async with kr.house.parts.database.write() as session:
        from opengateway.ports.ledger_book import LeaseAsk

        scope = kr.house.parts.new_scope(session, lambda _: None)
        ask = LeaseAsk("a", team_id, "key_x", None, None, 5, 5, ())
        await scope.ledger.leases.take("gw_" + "1" * 32, [ask])
        await session.commit()
    held = await kr.ask("POST", f"/teams/{team_id}/departure", {"zone": "jp"})
    assert (held.status, held.json()["error"]["code"]) == (409, "balance_held")
    assert (await kr.done("GET", f"/teams/{team_id}/balance"))["available_nanos"] == 45


async def test_whoever_is_forgotten_is_forgotten_in_the_kept_file_too(
    zones: tuple[Place, Place],
) -> None:
    kr, _ = zones
    owner, other = await kr.people.person(), await kr.people.person(email="lee@example.com")
    team_id = await kr.people.team("small", owner=owner)
    await kr.people.join(team_id, other, Role.OWNER)
    await kr.done("POST", f"/admin/teams/{team_id}/freeze", {"reason": "moves"})
    assert "lee@example.com" in await departed(kr, team_id)

    async def forget(scope: Any, changes: Any) -> None:
        from opengateway.control.actor import SYSTEM
        from opengateway.control.memberships.departure import delete_account

        await delete_account(scope, changes, SYSTEM, other.id)

    await kr.people._within(forget)
    rows = await kr.people.rows("SELECT count(*) FROM team_moves WHERE file IS NOT NULL")
    assert rows[0][0] == 0


async def test_a_store_of_another_zone_is_not_opened(tmp_path: Path, store_url: str) -> None:
    kr = replace(settings_in(tmp_path / "kr", store_url), zone="kr")
    async with open_control(kr) as house:
        await People(house).team("research")
    with pytest.raises(OperatorError, match="of zone 'kr', and this is zone 'jp'"):
        async with open_control(replace(kr, zone="jp")):
            pass
