from __future__ import annotations

import asyncio
import os
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from sqlalchemy import text

from asgi_client import call
from control_plane import PEPPER, control_in
from opengateway.compose.control import ControlHouse
from opengateway.domain.principal import KeyKind, Principal
from opengateway.kit import secrets
from opengateway.kit.db import Base


@pytest.fixture
async def house(tmp_path: Path, store_url: str) -> AsyncIterator[ControlHouse]:
    async with control_in(tmp_path, store_url) as made:
        yield made


async def create(house: ControlHouse, **wanted: Any) -> Any:
    payload = {"team": "alpha", "name": "first", **wanted}
    reply = await call(house.internal_app, "POST", "/internal/v1/keys", payload=payload)
    assert reply.status == 201, reply.text
    return reply.json()


async def get(house: ControlHouse, path: str) -> Any:
    reply = await call(house.internal_app, "GET", f"/internal/v1{path}")
    assert reply.status == 200, reply.text
    return reply.json()


async def refused(house: ControlHouse, method: str, path: str, payload: object = None) -> Any:
    reply = await call(house.internal_app, method, f"/internal/v1{path}", payload=payload)
    assert reply.status >= 400
    return reply.status, reply.json()["error"]


async def everything_in(house: ControlHouse, folder: Path) -> bytes:
    """What the store keeps: its files, or every row of PostgreSQL."""
    if house.parts.database.write.kw["bind"].dialect.name == "sqlite":
        return b"".join(
            (folder / name).read_bytes() for name in os.listdir(folder) if "store" in name
        )
    held = ""
    async with house.parts.database.read() as session:
        for table in Base.metadata.tables:
            held += "\n".join(await session.scalars(text(f"SELECT t::text FROM {table} t")))
    return held.encode()


async def test_a_new_key_is_known_to_gateways_by_its_digest_alone(house: ControlHouse) -> None:
    made = await create(house, name="ci")
    assert secrets.is_well_formed(made["key"])
    table = await get(house, "/key-table")
    (row,) = [msgspec.convert(k, Principal) for k in table["keys"]]
    assert row.key_id == made["id"]
    assert row.team_id == made["team_id"]
    assert row.name == "ci"
    assert row.kind == KeyKind.INFERENCE
    assert row.pepper_version == PEPPER.version
    assert bytes.fromhex(row.digest) == secrets.digest(made["key"], PEPPER.secret)
    assert table["seq"] == 1


async def test_the_secret_is_nowhere_in_the_store(house: ControlHouse, tmp_path: Path) -> None:
    made = await create(house)
    await call(house.internal_app, "GET", "/internal/v1/keys?team=alpha")
    held = await everything_in(house, tmp_path)
    assert made["id"].encode() in held
    assert made["key"].encode() not in held
    assert made["key"][8:40].encode() not in held


async def test_a_team_is_made_once_and_named_by_its_id_or_name(house: ControlHouse) -> None:
    first = await create(house, team="데이터팀")
    # The same name in another Unicode form, and with space around it.
    again = await create(house, team="  \u1103\u1166\u110b\u1175\u1110\u1165\u1110\u1175\u11b7 ")
    by_id = await create(house, team=first["team_id"])
    assert first["team_id"] == again["team_id"] == by_id["team_id"]
    assert re.fullmatch(r"team_[0-9a-f]{32}", first["team_id"])


async def test_many_at_once_make_one_team(house: ControlHouse) -> None:
    made = await asyncio.gather(*(create(house, team="rush", name=f"k{n}") for n in range(20)))
    assert len({m["team_id"] for m in made}) == 1
    assert (await get(house, "/key-table"))["seq"] == 20


async def test_an_id_that_names_no_team_does_not_become_one(house: ControlHouse) -> None:
    payload = {"team": "team_" + "0" * 32, "name": "x"}
    status, error = await refused(house, "POST", "/keys", payload)
    assert (status, error["code"], error["param"]) == (404, "team_not_found", "team")
    assert (await get(house, "/key-table"))["keys"] == []


async def test_a_management_key_has_its_own_prefix_and_kind(house: ControlHouse) -> None:
    made = await create(house, management=True)
    assert made["key"].startswith("og_mgmt_")
    assert (await get(house, "/key-table"))["keys"][0]["kind"] == "management"


@pytest.mark.parametrize(
    ("payload", "param"),
    [
        ({"name": "x"}, "team"),
        ({"team": "a", "name": ""}, "name"),
        ({"team": "a", "name": "x" * 81}, "name"),
        ({"team": "a", "name": "line\nbreak"}, "name"),
        ({"team": " ", "name": "x"}, "team"),
        ({"team": "a", "name": "x", "management": "yes"}, "management"),
        ({"team": "a", "name": "x", "admin": True}, "admin"),
    ],
)
async def test_bad_input_is_named_and_leaves_nothing(
    house: ControlHouse, payload: object, param: str
) -> None:
    status, error = await refused(house, "POST", "/keys", payload)
    assert (status, error["code"], error["param"]) == (400, "invalid_request", param)
    assert error["request_id"].startswith("req_")
    assert await get(house, "/changes") == {"seq": 0, "changes": []}


async def test_a_revoked_key_leaves_the_table_and_gateways_are_told(house: ControlHouse) -> None:
    made = await create(house)
    for _ in range(2):  # the second time is no other change
        reply = await call(house.internal_app, "DELETE", f"/internal/v1/keys/{made['id']}")
        assert (reply.status, reply.body) == (204, b"")
    assert await get(house, "/key-table") == {"seq": 2, "keys": [], "teams": []}
    (change,) = (await get(house, "/changes?after=1"))["changes"]
    assert (change["seq"], change["kind"], change["id"]) == (2, "key", made["id"])
    assert change["row"]["revoked_at_ns"] > change["row"]["created_at_ns"]
    (shown,) = (await get(house, "/keys?team=alpha"))["data"]
    assert shown["revoked_at_ns"] == change["row"]["revoked_at_ns"]


async def test_revoking_what_is_not_there_is_404(house: ControlHouse) -> None:
    status, error = await refused(house, "DELETE", "/keys/key_none")
    assert (status, error["code"]) == (404, "key_not_found")


async def test_a_listing_is_of_one_team_in_pages_and_without_digests(house: ControlHouse) -> None:
    mine = [await create(house, name=f"k{n}") for n in range(3)]
    await create(house, team="other")
    first = await get(house, "/keys?team=alpha&limit=2")
    assert [k["id"] for k in first["data"]] == [mine[0]["id"], mine[1]["id"]]
    rest = await get(house, f"/keys?team=alpha&limit=2&after={first['next']}")
    assert [k["id"] for k in rest["data"]] == [mine[2]["id"]]
    assert rest["next"] is None
    assert first["data"][0]["hint"] == secrets.hint(mine[0]["key"])
    assert "digest" not in first["data"][0]


async def test_an_unscoped_listing_does_not_exist(house: ControlHouse) -> None:
    status, error = await refused(house, "GET", "/keys")
    assert (status, error["param"]) == (400, "team")


async def test_the_first_start_gives_one_key_for_ever(house: ControlHouse) -> None:
    replies = await asyncio.gather(
        *(call(house.internal_app, "POST", "/internal/v1/first-start") for _ in range(5))
    )
    assert sorted(r.status for r in replies) == [201, 204, 204, 204, 204]
    (made,) = [r.json() for r in replies if r.status == 201]
    assert secrets.is_well_formed(made["key"])
    await call(house.internal_app, "DELETE", f"/internal/v1/keys/{made['id']}")
    later = await call(house.internal_app, "POST", "/internal/v1/first-start")
    assert (later.status, later.body) == (204, b"")


async def test_the_pepper_does_not_show_in_a_repr() -> None:
    assert "ppp" not in repr(PEPPER)
