from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from sqlalchemy import text

from asgi_client import call
from control_plane import PEPPER, control_in
from opengateway.domain.principal import Principal
from opengateway.kit import secrets
from opengateway.policies.permissions import Role
from people import People, Person, person_in

_TERMS = {
    "expires_at_ns": 1_900_000_000_000_000_000,
    "limit_usd": "12.5",
    "limit_reset": "weekly",
    "include_byok_in_limit": True,
    "rpm": 60,
    "tpm": 90_000,
    "concurrency": 4,
    "models": ["acme/large"],
    "providers": ["acme"],
    "ips": ["203.0.113.9/24", "2001:db8::1"],
    "metadata": {"env": "prod", "소유자": "x"},
    "body_logging": False,
}
_TERMS["metadata"] = {"env": "prod", "owner": "김"}


@pytest.fixture
async def people(tmp_path: Path, store_url: str) -> AsyncIterator[People]:
    async with control_in(tmp_path, store_url) as house:
        yield People(house)


async def principals(people: People) -> dict[str, Principal]:
    table = (await call(people.house.internal_app, "GET", "/internal/v1/key-table")).json()
    return {row["key_id"]: msgspec.convert(row, Principal) for row in table["keys"]}


async def newest_change(people: People) -> Any:
    reply = await call(people.house.internal_app, "GET", "/internal/v1/changes")
    return reply.json()["changes"][-1]


def digest_of(secret: str) -> str:
    return secrets.digest(secret, PEPPER.secret).hex()


async def test_all_terms_of_a_key_are_kept_shown_and_told_to_gateways(people: People) -> None:
    owner = await people.person()
    team_id = await people.team(owner=owner)
    made = await people.done(owner, "POST", f"/teams/{team_id}/keys", {"name": "ci", **_TERMS})
    shown = await people.done(owner, "GET", f"/teams/{team_id}/keys/{made['id']}")
    assert {**made, "key": None} == {**shown, "key": None}
    kept = {**_TERMS, "ips": ["203.0.113.0/24", "2001:db8::1/128"]}
    assert {name: shown[name] for name in kept} == kept
    assert (shown["limit_nanos"], shown["created_by"]) == (12_500_000_000, owner.id)
    row = (await principals(people))[made["id"]]
    assert (row.rpm, row.tpm, row.concurrency, row.body_logging) == (60, 90_000, 4, False)
    assert (row.models, row.providers) == (("acme/large",), ("acme",))
    assert (row.ips, row.user_id) == (tuple(kept["ips"]), owner.id)
    assert row.metadata == kept["metadata"]


@pytest.mark.parametrize(
    ("wrong", "param"),
    [
        ({"ips": ["203.0.113.0/33"]}, "ips"),
        ({"ips": ["localhost"]}, "ips"),
        ({"ips": ["10.0.0.1"] * 201}, "ips"),
        ({"models": ["with space"]}, "models"),
        ({"providers": ["UPPER"]}, "providers"),
        ({"metadata": {"a b": "x"}}, "metadata"),
        ({"metadata": {f"n{i}": "x" for i in range(17)}}, "metadata"),
        ({"metadata": {"n": "x" * 257}}, "metadata.n"),
        ({"metadata": {"n": "line\nbreak"}}, "metadata"),
        ({"limit_usd": "-1"}, "limit_usd"),
        ({"limit_usd": 5}, "limit_usd"),
        ({"limit_usd": "0.0000000001"}, "limit_usd"),
        ({"limit_reset": "yearly"}, "limit_reset"),
        ({"rpm": 0}, "rpm"),
        ({"rpm": 1.5}, "rpm"),
        ({"expires_at_ns": 5}, "expires_at_ns"),
        ({"kind": "root"}, "kind"),
        ({"digest": "00"}, "digest"),
        ({"team_id": "team_x"}, "team_id"),
        ({"created_by": "usr_x"}, "created_by"),
    ],
)
async def test_bad_terms_are_named_and_leave_nothing(
    tmp_path: Path, wrong: dict[str, Any], param: str
) -> None:
    async with control_in(tmp_path) as house:
        people = People(house)
        owner = await people.person()
        team_id = await people.team(owner=owner)
        path = f"/teams/{team_id}/keys"
        reply = await people.ask(owner, "POST", path, {"name": "k", **wrong})
        assert reply.status == 400, reply.text
        assert reply.json()["error"]["param"].startswith(param)
        assert (await people.done(owner, "GET", path))["data"] == []


async def test_a_patch_changes_what_it_names_and_nothing_else(people: People) -> None:
    owner = await people.person()
    team_id = await people.team(owner=owner)
    made = await people.done(owner, "POST", f"/teams/{team_id}/keys", {"name": "ci", **_TERMS})
    path = f"/teams/{team_id}/keys/{made['id']}"
    patch = {"name": "cd", "disabled": True, "rpm": None, "limit_reset": None, "models": []}
    shown = await people.done(owner, "PATCH", path, patch)
    before = {name: value for name, value in made.items() if name != "key"}
    assert shown == {**before, **patch, "version": 2}
    change = await newest_change(people)
    assert (change["kind"], change["id"]) == ("key", made["id"])
    assert (change["row"]["disabled"], change["row"]["rpm"]) == (True, None)
    # What changes nothing is no change: no version, no row for gateways, no entry in the log.
    assert (await people.done(owner, "PATCH", path, patch))["version"] == 2
    assert (await newest_change(people))["seq"] == change["seq"]
    for null in ("models", "metadata", "disabled", "name", "include_byok_in_limit"):
        assert (await people.refused(owner, "PATCH", path, {null: None}))[0] == 400


async def test_a_rotated_key_takes_both_secrets_for_a_while(people: People) -> None:
    owner = await people.person()
    team_id = await people.team(owner=owner)
    made = await people.done(owner, "POST", f"/teams/{team_id}/keys", {"name": "k"})
    path = f"/teams/{team_id}/keys/{made['id']}"
    new = await people.done(owner, "POST", path + "/rotate", {"overlap_s": 60})
    assert new["id"] == made["id"]
    assert new["hint"] == secrets.hint(new["key"]) != made["hint"]
    row = (await principals(people))[made["id"]]
    assert (row.digest, row.old_digest) == (digest_of(new["key"]), digest_of(made["key"]))
    assert row.old_until_ns == new["old_until_ns"]
    assert new["old_until_ns"] > made["created_at_ns"] + 59_000_000_000
    at_once = await people.done(owner, "POST", path + "/rotate", {"overlap_s": 0})
    row = (await principals(people))[made["id"]]
    assert (row.digest, row.old_digest, row.old_until_ns) == (
        digest_of(at_once["key"]),
        None,
        None,
    )
    for overlap in (-1, 30 * 24 * 3600 + 1):
        assert (
            await people.ask(owner, "POST", path + "/rotate", {"overlap_s": overlap})
        ).status == 400


async def test_a_rotated_management_key_works_with_both_secrets_until_the_time(
    people: People,
) -> None:
    owner = await people.person()
    team_id = await people.team(owner=owner)
    path = f"/teams/{team_id}/keys"
    made = await people.done(owner, "POST", path, {"name": "m", "kind": "management"})
    new = await people.done(owner, "POST", f"{path}/{made['id']}/rotate", {})
    old = Person("", {"authorization": f"Bearer {made['key']}"})
    await people.done(Person("", {"authorization": f"Bearer {new['key']}"}), "GET", path)
    await people.done(old, "GET", path)
    async with people.house.parts.database.write() as session:
        await session.execute(text("UPDATE api_keys SET old_until_ns = 1"))
        await session.commit()
    assert await people.refused(old, "GET", path) == (401, "invalid_api_key")
    await people.done(owner, "POST", f"{path}/{made['id']}/rotate", {"overlap_s": 0})
    assert await people.refused(old, "GET", path) == (401, "invalid_api_key")


async def test_a_revoked_key_can_only_be_revoked_again(people: People) -> None:
    owner = await people.person()
    team_id = await people.team(owner=owner)
    made = await people.done(owner, "POST", f"/teams/{team_id}/keys", {"name": "k"})
    path = f"/teams/{team_id}/keys/{made['id']}"
    for _ in range(2):
        await people.done(owner, "DELETE", path)
    assert await principals(people) == {}
    revoked = (409, "key_revoked")
    assert await people.refused(owner, "PATCH", path, {"disabled": False}) == revoked
    assert await people.refused(owner, "POST", path + "/rotate", {}) == revoked


async def test_a_member_changes_only_the_keys_that_they_made(people: People) -> None:
    owner = await people.person()
    team_id = await people.team(owner=owner)
    member = await person_in(people, team_id, Role.MEMBER)
    path = f"/teams/{team_id}/keys"
    own = await people.done(member, "POST", path, {"name": "own"})
    other = await people.done(owner, "POST", path, {"name": "other"})
    await people.done(member, "PATCH", f"{path}/{own['id']}", {"disabled": True})
    for method, rest, body in (
        ("PATCH", "", {"disabled": True}),
        ("POST", "/rotate", {}),
        ("DELETE", "", None),
    ):
        refused = await people.refused(member, method, f"{path}/{other['id']}{rest}", body)
        assert refused == (403, "permission_missing")
    for body in ({"name": "m", "kind": "management"}, {"name": "b", "body_logging": True}):
        assert await people.refused(member, "POST", path, body) == (403, "permission_missing")
    body_logging = {"body_logging": True}
    refused = await people.refused(member, "PATCH", f"{path}/{own['id']}", body_logging)
    assert refused == (403, "permission_missing")


_MAKER: dict[str, Any] = {
    "models": ["a/x", "a/y"],
    "providers": ["acme"],
    "ips": ["10.1.0.0/16"],
    "rpm": 10,
    "limit_nanos": 5_000_000_000,
    "limit_reset": "daily",
    "expires_at_ns": 1_900_000_000_000_000_000,
}
_WITHIN = {
    "models": ["a/x"],
    "providers": ["acme"],
    "ips": ["10.1.2.0/24"],
    "rpm": 10,
    "limit_usd": "5",
    "limit_reset": "daily",
    "expires_at_ns": 1_800_000_000_000_000_000,
}


@pytest.mark.parametrize(
    "more",
    [
        {"models": []},
        {"models": ["a/z"]},
        {"providers": []},
        {"ips": []},
        {"ips": ["10.0.0.0/8"]},
        {"ips": ["::/0"]},
        {"rpm": None},
        {"rpm": 11},
        {"limit_usd": "5.000000001"},
        {"limit_usd": None},
        {"limit_reset": "monthly"},
        {"expires_at_ns": None},
        {"expires_at_ns": 1_900_000_000_000_000_001},
    ],
)
async def test_a_key_makes_changes_and_rotates_nothing_that_may_more_than_itself(
    tmp_path: Path, more: dict[str, Any]
) -> None:
    async with control_in(tmp_path) as house:
        people = People(house)
        owner = await people.person()
        team_id = await people.team(owner=owner)
        maker = await people.management_key(team_id, **_MAKER)
        path, here = f"/teams/{team_id}/keys", {"x_forwarded_for": "10.1.0.1"}
        told = (403, "more_than_its_maker")
        wanted = {"name": "k", **_WITHIN}
        assert await people.refused(maker, "POST", path, {**wanted, **more}, **here) == told
        made = await people.done(maker, "POST", path, wanted, **here)
        one = f"{path}/{made['id']}"
        assert await people.refused(maker, "PATCH", one, more, **here) == told
        # What an owner lets do more is out of its reach: its secret too.
        await people.done(owner, "PATCH", one, more)
        assert await people.refused(maker, "POST", one + "/rotate", {}, **here) == told


async def test_a_hundred_changes_at_once_are_told_in_one_order(people: People) -> None:
    owner = await people.person()
    team_id = await people.team(owner=owner)
    made = await people.done(owner, "POST", f"/teams/{team_id}/keys", {"name": "k"})
    path = f"/teams/{team_id}/keys/{made['id']}"
    replies = await asyncio.gather(
        *(people.ask(owner, "PATCH", path, {"rpm": n}) for n in range(1, 31))
    )
    assert {r.status for r in replies} == {200}
    shown = await people.done(owner, "GET", path)
    assert shown["version"] == 31
    assert (await newest_change(people))["row"]["rpm"] == shown["rpm"]
    # And of those that say which version they saw, one wins.
    seen = '"31"'
    replies = await asyncio.gather(
        *(people.ask(owner, "PATCH", path, {"rpm": 900 + n}, if_match=seen) for n in range(8))
    )
    assert sorted(r.status for r in replies) == [200] + [412] * 7


async def test_the_operator_rotates_by_the_keys_id(people: People) -> None:
    internal = people.house.internal_app
    made = await call(internal, "POST", "/internal/v1/keys", payload={"team": "alpha", "name": "k"})
    path = f"/internal/v1/keys/{made.json()['id']}/rotate"
    new = await call(internal, "POST", path, payload={"overlap_s": 5})
    assert new.status == 200
    row = (await principals(people))[made.json()["id"]]
    assert row.digest == digest_of(new.json()["key"])
