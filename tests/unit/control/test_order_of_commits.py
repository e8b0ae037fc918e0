"""Readers follow numbers. Where several write at once, none may become visible before a lower one."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator

import pytest

from control_plane import closed
from opengateway.control.changes.models import Change
from opengateway.control.changes.repository import ChangeRepository
from opengateway.infra.database import Database
from opengateway.infra.event_log.sql import SqlEventLog

WRITERS, EACH = 6, 8


@pytest.fixture
async def database(store_url: str) -> AsyncIterator[Database]:
    made = Database(store_url)
    yield made
    await made.close()


def change(name: str) -> Change:
    return Change(kind="key", subject_id=name, row=None, at_ns=0)


async def test_who_follows_the_changes_misses_none(database: Database) -> None:
    chance = random.Random(7)
    over = asyncio.Event()

    async def write(writer: int) -> None:
        for n in range(EACH):
            async with database.write() as session:
                await ChangeRepository(session).add(change(f"{writer}-{n}"))
                await asyncio.sleep(chance.random() * 0.004)
                await (session.rollback() if chance.random() < 0.1 else session.commit())

    async def follow() -> list[int]:
        seen = [0]
        while True:
            last = over.is_set()
            async with database.read() as session:
                seen += [row.seq for row in await ChangeRepository(session).after(seen[-1], 100)]
            if last:
                return seen[1:]

    following = asyncio.create_task(follow())
    await asyncio.gather(*(write(n) for n in range(WRITERS)))
    over.set()
    seen = await following
    async with database.read() as session:
        kept = [row.seq for row in await ChangeRepository(session).after(0, 1_000)]
    assert seen == kept == list(range(1, len(kept) + 1))


async def test_who_follows_the_event_log_misses_no_record(database: Database) -> None:
    chance = random.Random(7)
    over = asyncio.Event()
    first = closed(0)
    async with database.write() as session:
        await SqlEventLog(session).ingest([first])
        await session.commit()

    async def write(writer: int) -> None:
        for n in range(EACH):
            async with database.write() as session:
                await SqlEventLog(session).ingest([closed(1 + writer * EACH + n)])
                await asyncio.sleep(chance.random() * 0.004)
                await session.commit()

    async def follow() -> list[str]:
        seen = [first.id]
        while True:
            last = over.is_set()
            async with database.read() as session:
                rows = await SqlEventLog(session).newest(limit=100, after_id=seen[-1])
            seen += [row.id for row in rows]
            if last:
                return seen

    following = asyncio.create_task(follow())
    await asyncio.gather(*(write(n) for n in range(WRITERS)))
    over.set()
    seen = await following
    assert len(seen) == len(set(seen)) == 1 + WRITERS * EACH
