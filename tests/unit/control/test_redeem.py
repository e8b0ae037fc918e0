"""Redeem codes over HTTP: what they give, to whom, how often, and what a refusal tells."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from asgi_client import Reply
from control_plane import control_in
from opengateway.control.actor import Actor, ActorKind
from opengateway.control.redeem.service import CodeRefused, RedeemService
from opengateway.http.unit_of_work import unit_of_work
from opengateway.kit.clock import ManualClock
from opengateway.policies.permissions import Role
from people import People, Person, person_in

UNKNOWN = "OGC-0000-0000-0000-0000-0000"


class Booth:
    """Somebody of finance who makes codes, and teams that redeem them."""

    def __init__(self, people: People) -> None:
        self.people = people

    async def begin(self) -> None:
        self.finance = await self.people.person(platform=Role("platform_finance"))
        self.owner = await self.people.person()
        self.team = await self.people.team("acme", owner=self.owner)

    async def campaign(self, **terms: Any) -> Any:
        wanted = {"name": "spring", "usd": "25", **terms}
        return await self.people.done(self.finance, "POST", "/admin/campaigns", wanted)

    async def codes(self, campaign_id: str, count: int = 1, max_uses: int = 1) -> list[str]:
        made = await self.people.done(
            self.finance,
            "POST",
            f"/admin/campaigns/{campaign_id}/batches",
            {"count": count, "max_uses": max_uses},
        )
        codes: list[str] = made["codes"]
        return codes

    async def code(self, **terms: Any) -> str:
        return (await self.codes((await self.campaign(**terms))["id"]))[0]

    async def redeem(self, code: str, who: Person | None = None, team: str = "") -> Reply:
        body = {"code": code, "team_id": team or self.team}
        return await self.people.ask(who or self.owner, "POST", "/redeem", body)

    async def another_team(self) -> tuple[Person, str]:
        owner = await self.people.person()
        return owner, await self.people.team("other", owner=owner)

    async def available(self, team: str = "") -> int:
        rows = await self.people.rows(
            f"SELECT available FROM ledger_teams WHERE team_id = '{team or self.team}'"
        )
        return int(rows[0][0]) if rows else 0


@pytest.fixture
async def booth(tmp_path: Path, store_url: str) -> AsyncIterator[Booth]:
    async with control_in(tmp_path, store_url) as house:
        made = Booth(People(house))
        await made.begin()
        yield made


async def test_a_code_becomes_credit_once(booth: Booth) -> None:
    code = await booth.code(credit_days=30)
    reply = await booth.redeem(code.lower().replace("-", " "))
    assert reply.status == 201, reply.text
    made = reply.json()
    assert made["amount_nanos"] == 25_000_000_000
    assert made["expires_at_ns"] - made["at_ns"] == 30 * 86_400 * 10**9
    balance = await booth.people.done(booth.owner, "GET", f"/teams/{booth.team}/balance")
    assert [(g["id"], g["source"], g["kind"]) for g in balance["grants"]] == [
        (made["grant_id"], "redeem", "promo")
    ]
    assert (await booth.redeem(code)).status == 400
    assert await booth.available() == 25_000_000_000
    mine = await booth.people.done(booth.owner, "GET", f"/teams/{booth.team}/redemptions")
    assert [r["id"] for r in mine["data"]] == [made["id"]]


async def test_every_refusal_is_the_same(booth: Booth) -> None:
    campaign = await booth.campaign()
    used, revoked = await booth.codes(campaign["id"], 2)
    assert (await booth.redeem(used)).status == 201
    listed = await booth.people.done(
        booth.finance, "GET", f"/admin/campaigns/{campaign['id']}/codes"
    )
    by_hint = {c["hint"]: c["id"] for c in listed["data"]}
    path = f"/admin/campaigns/{campaign['id']}/codes/{by_hint[revoked[:8] + '-...']}/revoke"
    assert await booth.people.done(booth.finance, "POST", path) == {"codes": 1}
    told = set()
    for code in (used, revoked, UNKNOWN, "", "x" * 600, "코드", "\0"):
        reply = await booth.redeem(code)
        assert reply.status == 400, reply.text
        error = reply.json()["error"]
        told.add((error["code"], error["message"], error["param"]))
    assert len(told) == 1
    assert next(iter(told))[0] == "redeem_code_invalid"


async def test_a_paused_campaign_takes_nothing_until_it_is_resumed(booth: Booth) -> None:
    campaign = await booth.campaign()
    first, second = await booth.codes(campaign["id"], 2)
    path = f"/admin/campaigns/{campaign['id']}"
    await booth.people.done(booth.finance, "POST", f"{path}/pause")
    assert (await booth.redeem(first)).status == 400
    await booth.people.done(booth.finance, "POST", f"{path}/resume")
    assert (await booth.redeem(first)).status == 201
    await booth.people.done(booth.finance, "POST", f"{path}/revoke")
    assert (await booth.redeem(second)).status == 400
    assert (await booth.people.refused(booth.finance, "POST", f"{path}/resume"))[0] == 409
    refused = await booth.people.refused(booth.finance, "POST", f"{path}/batches", {"count": 1})
    assert refused[0] == 409


async def test_a_campaign_has_its_window(booth: Booth) -> None:
    later = await booth.code(starts_at_ns=2**62)
    assert (await booth.redeem(later)).status == 400
    body = {"name": "n", "usd": "1", "ends_at_ns": 5}
    refused = await booth.people.refused(booth.finance, "POST", "/admin/campaigns", body)
    assert refused == (400, "invalid_request")


async def test_a_window_takes_its_first_nanosecond_and_not_its_end(booth: Booth) -> None:
    """Midnight in Seoul, and a day later: what is kept is a moment, the same in every time zone."""
    begins = datetime(2099, 3, 1, tzinfo=timezone(timedelta(hours=9)))
    first = int(begins.timestamp()) * 10**9
    after = first + 86_400 * 10**9
    window = {"starts_at_ns": first, "ends_at_ns": after, "credit_days": 1}
    codes = await booth.codes((await booth.campaign(**window))["id"], 4)
    actor = Actor(ActorKind.USER, user_id=booth.owner.id, team_id=booth.team)
    parts = booth.people.house.parts

    async def taken(at_ns: int) -> int | None:
        """When the credit expires; None where the code was refused."""
        try:
            async with unit_of_work(parts.database, parts.new_scope) as scope:
                then = replace(scope, clock=ManualClock(at_ns))
                made = await RedeemService(then, actor).attempt(booth.team, codes.pop())
        except CodeRefused:
            return None
        return made.expires_at_ns

    assert [await taken(at) for at in (first - 1, first, after - 1, after)] == [
        None,
        first + 86_400 * 10**9,
        after - 1 + 86_400 * 10**9,
        None,
    ]


async def test_a_campaign_for_a_domain_takes_its_verified_people_alone(booth: Booth) -> None:
    campaign = await booth.campaign(domains=["Uni.Example"])
    code = (await booth.codes(campaign["id"]))[0]
    student = await booth.people.person(email="kim@uni.example")
    await booth.people.join(booth.team, student, Role.BILLING)
    key = await booth.people.management_key(booth.team)
    assert (await booth.redeem(code)).status == 400
    assert (await booth.redeem(code, key)).status == 400
    assert (await booth.redeem(code, student)).status == 201


async def test_a_campaign_for_new_teams_refuses_old_ones(booth: Booth) -> None:
    code = await booth.code(new_team_days=7)
    eight_days_ns = 8 * 86_400 * 10**9
    async with booth.people.house.parts.database.write() as session:
        from sqlalchemy import text

        statement = f"UPDATE teams SET created_at_ns = created_at_ns - {eight_days_ns}"
        await session.execute(text(f"{statement} WHERE id = '{booth.team}'"))
        await session.commit()
    assert (await booth.redeem(code)).status == 400
    owner, young = await booth.another_team()
    assert (await booth.redeem(code, owner, young)).status == 201


async def test_only_who_may_redeem_for_the_team_does(booth: Booth) -> None:
    code = await booth.code()
    viewer = await person_in(booth.people, booth.team, Role.VIEWER)
    assert (await booth.redeem(code, viewer)).status == 403
    stranger, theirs = await booth.another_team()
    assert (await booth.redeem(code, stranger)).status == 404
    key = await booth.people.management_key(theirs)
    assert (await booth.redeem(code, key)).status == 404
    for body in ({"code": code}, {"code": code, "team_id": 5}, [], {"code": code, "team_id": "\0"}):
        assert (await booth.people.ask(booth.owner, "POST", "/redeem", body)).status == 400
    assert (await booth.people.ask(None, "POST", "/redeem", {})).status == 401
    assert (await booth.redeem(code, key, theirs)).status == 201


async def test_a_keys_redemption_counts_as_no_person(booth: Booth) -> None:
    code = await booth.code(per_user=1)
    key = await booth.people.management_key(booth.team)
    assert (await booth.redeem(code, key)).status == 400
    assert (await booth.redeem(code)).status == 201


async def test_limits_are_exact_when_all_come_at_once(booth: Booth) -> None:
    campaign = await booth.campaign(per_team=2, max_redemptions=5)
    codes = await booth.codes(campaign["id"], 40)
    teams = [await booth.another_team() for _ in range(4)]
    asked = [booth.redeem(code, *teams[number % 4]) for number, code in enumerate(codes)]
    statuses = Counter(reply.status for reply in await asyncio.gather(*asked))
    assert statuses[201] == 5
    assert set(statuses) <= {201, 400, 429}
    given = [await booth.available(team) for _, team in teams]
    assert sum(given) == 5 * 25_000_000_000
    assert max(given) <= 2 * 25_000_000_000
    shown = await booth.people.done(booth.finance, "GET", f"/admin/campaigns/{campaign['id']}")
    assert shown["redeemed"] == 5


async def test_one_code_and_many_at_once_is_one_credit(booth: Booth) -> None:
    code = await booth.code()
    teams = [await booth.another_team() for _ in range(8)]
    asked = [booth.redeem(code, *teams[n % 8]) for n in range(64)]
    statuses = Counter(reply.status for reply in await asyncio.gather(*asked))
    assert statuses[201] == 1
    assert set(statuses) <= {201, 400, 429}
    assert sum([await booth.available(team) for _, team in teams]) == 25_000_000_000


async def test_a_code_of_many_uses_is_used_that_often(booth: Booth) -> None:
    campaign = await booth.campaign(per_user=1)
    (code,) = await booth.codes(campaign["id"], max_uses=3)
    teams = [await booth.another_team() for _ in range(5)]
    asked = [booth.redeem(code, *team) for team in teams for _ in range(2)]
    statuses = Counter(reply.status for reply in await asyncio.gather(*asked))
    assert statuses == {201: 3, 400: 7}


async def test_guessing_is_slowed_down_and_a_good_code_does_not_free_the_guesser(
    booth: Booth,
) -> None:
    good = await booth.code()
    for _ in range(9):
        assert (await booth.redeem(UNKNOWN)).status == 400
    assert (await booth.redeem(good)).status == 201
    assert (await booth.redeem(UNKNOWN)).status == 400
    reply = await booth.redeem(UNKNOWN)
    assert (reply.status, reply.json()["error"]["code"]) == (429, "too_many_attempts")
    assert 0 < int(reply.headers["retry-after"]) <= 600


async def test_a_repeat_under_an_idempotency_key_is_the_same_redemption(booth: Booth) -> None:
    body = {"code": await booth.code(), "team_id": booth.team}
    first, again = [
        await booth.people.ask(booth.owner, "POST", "/redeem", body, idempotency_key="k1")
        for _ in range(2)
    ]
    assert first.json() == again.json()
    assert again.status == 201


async def test_codes_are_told_once_and_kept_nowhere(booth: Booth) -> None:
    campaign = await booth.campaign()
    path = f"/admin/campaigns/{campaign['id']}/batches"
    first = await booth.people.ask(
        booth.finance, "POST", path, {"count": 3}, idempotency_key="k", accept="text/csv"
    )
    lines = first.text.split()
    assert (first.status, lines[0], len(lines)) == (201, "code", 4)
    again = await booth.people.ask(
        booth.finance, "POST", path, {"count": 3}, idempotency_key="k", accept="text/csv"
    )
    assert again.json()["codes"] is None
    kept = await booth.people.done(booth.finance, "POST", path, {"count": 2}, idempotency_key="j")
    assert len(kept["codes"]) == 2
    again_kept = await booth.people.done(
        booth.finance, "POST", path, {"count": 2}, idempotency_key="j"
    )
    assert again_kept == {**kept, "codes": None}
    (batch, *_), (_, answers) = (
        await booth.people.rows("SELECT * FROM redeem_codes LIMIT 1"),
        (0, await booth.people.rows("SELECT body FROM idempotency_keys")),
    )
    everything = repr(batch) + repr(answers)
    for code in (*lines[1:], *kept["codes"]):
        assert code not in everything
        assert code[4:].replace("-", "") not in everything


async def test_claw_back_takes_what_is_left_and_nothing_else(booth: Booth) -> None:
    campaign = await booth.campaign()
    code = (await booth.codes(campaign["id"]))[0]
    await booth.redeem(code)
    admin = f"/admin/teams/{booth.team}"
    note = {"note": "n"}
    paid = {"usd": "10", "kind": "paid", "source": "topup", **note}
    await booth.people.done(booth.finance, "POST", f"{admin}/grants", paid)
    await booth.people.done(booth.finance, "POST", f"{admin}/adjustments", {"usd": "-7", **note})
    path = f"/admin/campaigns/{campaign['id']}/claw-back"
    taken = await booth.people.done(booth.finance, "POST", path, {"reason": "leaked"})
    # Seven dollars were spent, of what was given first.
    assert taken == {"redemptions": 1, "amount_nanos": 18_000_000_000, "after": None}
    balance = await booth.people.done(booth.owner, "GET", f"/teams/{booth.team}/balance")
    assert (balance["promo_nanos"], balance["paid_nanos"]) == (0, 10_000_000_000)
    again = await booth.people.done(booth.finance, "POST", path, {"reason": "leaked"})
    assert again["redemptions"] == 0
    (row,) = (await booth.people.done(booth.owner, "GET", f"/teams/{booth.team}/redemptions"))[
        "data"
    ]
    assert row["taken_back_nanos"] == 18_000_000_000


async def test_redemptions_are_exported_and_codes_found(booth: Booth) -> None:
    campaign = await booth.campaign(name="=SUM(A1)")
    code = (await booth.codes(campaign["id"]))[0]
    made = (await booth.redeem(code)).json()
    path = f"/admin/campaigns/{campaign['id']}"
    reply = await booth.people.ask(booth.finance, "GET", f"{path}/redemptions.csv")
    head, row = reply.text.splitlines()
    assert head.startswith("id,team_id,amount_nanos")
    assert row.startswith(f"{made['id']},{booth.team},25000000000")
    found = await booth.people.done(
        booth.finance, "POST", "/admin/campaigns/find-code", {"code": code}
    )
    assert (found["campaign_id"], found["uses"]) == (campaign["id"], 1)
    missing = await booth.people.refused(
        booth.finance, "POST", "/admin/campaigns/find-code", {"code": UNKNOWN}
    )
    assert missing[0] == 404


async def test_a_campaign_is_changed_by_who_saw_it(booth: Booth) -> None:
    campaign = await booth.campaign()
    path = f"/admin/campaigns/{campaign['id']}"
    codes = await booth.codes(campaign["id"], 2)
    await booth.redeem(codes[0])
    changed = await booth.people.done(
        booth.finance, "PATCH", path, {"max_redemptions": 1}, if_match='"1"'
    )
    assert (changed["max_redemptions"], changed["version"]) == (1, 2)
    assert (await booth.redeem(codes[1])).status == 400
    stale = await booth.people.refused(booth.finance, "PATCH", path, {"name": "x"}, if_match='"1"')
    assert stale[0] == 412
    lifted = await booth.people.done(booth.finance, "PATCH", path, {"max_redemptions": None})
    assert lifted["max_redemptions"] is None
    assert (await booth.redeem(codes[1])).status == 201
    low = await booth.people.refused(booth.finance, "PATCH", path, {"max_redemptions": 1})
    assert low[0] == 400
