from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert

from asgi_client import Reply, call
from control_plane import control_in
from opengateway.compose.control import ControlHouse
from opengateway.control.changes.models import Change
from opengateway.control.changes.repository import ChangeRepository
from opengateway.control.changes.service import KEPT
from opengateway.control.snapshots.board import SignedSnapshot


@pytest.fixture
async def house(tmp_path: Path, store_url: str) -> AsyncIterator[ControlHouse]:
    async with control_in(tmp_path, store_url) as made:
        yield made


async def read(house: ControlHouse, after: int, wait_s: float = 0) -> Reply:
    target = f"/internal/v1/changes?after={after}&wait_s={wait_s}"
    return await call(house.internal_app, "GET", target)


async def make_key(house: ControlHouse, **wanted: Any) -> Reply:
    payload = {"team": "alpha", "name": "x", **wanted}
    return await call(house.internal_app, "POST", "/internal/v1/keys", payload=payload)


async def write_changes(house: ControlHouse, count: int) -> None:
    async with house.parts.database.write() as session:
        rows = [
            {"kind": "key", "subject_id": f"key_{n}", "row": None, "at_ns": 0} for n in range(count)
        ]
        await session.execute(insert(Change), rows)
        await session.commit()
        house.parts.feed.committed(await ChangeRepository(session).newest())


async def test_a_waiting_reader_is_woken_by_the_commit(house: ControlHouse) -> None:
    waiting = asyncio.create_task(read(house, 0, wait_s=30))
    await asyncio.sleep(0.01)
    assert not waiting.done()
    made = (await make_key(house)).json()
    reply = await asyncio.wait_for(waiting, 1)
    assert reply.json()["seq"] == 1
    assert [c["id"] for c in reply.json()["changes"]] == [made["id"]]


async def test_a_change_that_is_rolled_back_wakes_nobody_and_takes_no_number(
    house: ControlHouse,
) -> None:
    async with house.parts.database.write() as session:
        await ChangeRepository(session).add(Change(kind="key", subject_id="k", row=None, at_ns=0))
    waiting = asyncio.create_task(read(house, 0, wait_s=0.03))
    assert (await waiting).json() == {"seq": 0, "changes": []}
    await make_key(house)
    assert (await read(house, 0)).json()["seq"] == 1


async def test_a_waiting_reader_holds_no_connection(house: ControlHouse) -> None:
    waiting = [asyncio.create_task(read(house, 0, wait_s=30)) for _ in range(50)]
    await asyncio.sleep(0.01)
    assert (await asyncio.wait_for(make_key(house), 1)).status == 201
    assert {r.json()["seq"] for r in await asyncio.gather(*waiting)} == {1}


async def test_a_deleted_row_is_null(house: ControlHouse) -> None:
    await write_changes(house, 1)
    assert (await read(house, 0)).json()["changes"] == [
        {"seq": 1, "kind": "key", "id": "key_0", "row": None}
    ]


async def test_a_long_history_comes_in_pages(house: ControlHouse) -> None:
    await write_changes(house, 2_500)
    seen: list[int] = []
    while page := (await read(house, seen[-1] if seen else 0)).json()["changes"]:
        seen += [c["seq"] for c in page]
    assert seen == list(range(1, 2_501))


async def test_a_reader_too_far_behind_takes_all_anew(house: ControlHouse) -> None:
    await write_changes(house, KEPT + 99)
    await make_key(house)  # number KEPT + 100 prunes
    assert (await read(house, 100)).status == 200
    for after in (0, 99):
        reply = await read(house, after)
        assert (reply.status, reply.json()) == (409, {"resync": True})


async def test_a_reader_ahead_of_the_store_takes_all_anew(house: ControlHouse) -> None:
    """The store was restored from a copy: its numbers will be used again for other changes."""
    reply = await read(house, 7)
    assert (reply.status, reply.json()) == (409, {"resync": True})


async def test_a_number_is_never_used_again(house: ControlHouse) -> None:
    await write_changes(house, 5)
    async with house.parts.database.write() as session:
        await ChangeRepository(session).prune_up_to(5)
        await session.commit()
    await make_key(house)
    assert (await read(house, 5)).json()["seq"] == 6


async def test_at_a_stop_every_reader_is_answered(house: ControlHouse) -> None:
    readers = [
        asyncio.create_task(read(house, 0, wait_s=30)),
        asyncio.create_task(
            call(house.internal_app, "GET", "/internal/v1/snapshot?after=v1&wait_s=30")
        ),
    ]
    await asyncio.sleep(0.01)
    house.parts.stop_waiting()
    changes, snapshot = await asyncio.wait_for(asyncio.gather(*readers), 1)
    assert changes.json() == {"seq": 0, "changes": []}
    assert snapshot.status == 204


async def test_the_snapshot_is_given_at_once_to_whoever_has_another(house: ControlHouse) -> None:
    for after in ("", "v0"):
        reply = await call(
            house.internal_app, "GET", f"/internal/v1/snapshot?after={after}&wait_s=30"
        )
        assert (reply.status, reply.body) == (200, b"signed")
        assert reply.headers["x-snapshot-version"] == "v1"


async def test_a_new_snapshot_wakes_who_waits_and_a_return_to_an_old_one_too(
    house: ControlHouse,
) -> None:
    for version, after in (("v2", "v1"), ("v1", "v2")):
        waiting = asyncio.create_task(
            call(house.internal_app, "GET", f"/internal/v1/snapshot?after={after}&wait_s=30")
        )
        await asyncio.sleep(0.01)
        house.parts.board.publish(SignedSnapshot(after, b"the same again"))
        await asyncio.sleep(0.01)
        assert not waiting.done()
        house.parts.board.publish(SignedSnapshot(version, b"new"))
        assert (await asyncio.wait_for(waiting, 1)).headers["x-snapshot-version"] == version


async def test_who_waits_for_a_snapshot_in_vain_gets_204(house: ControlHouse) -> None:
    reply = await call(house.internal_app, "GET", "/internal/v1/snapshot?after=v1&wait_s=0.01")
    assert (reply.status, reply.body) == (204, b"")
