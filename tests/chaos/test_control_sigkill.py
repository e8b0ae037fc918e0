"""Control is killed while gateways push, again and again: every record is there exactly once."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import sys
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from sqlalchemy import text

from control_plane import closed, journal, opened
from opengateway.compose.paths import Paths
from opengateway.infra.database import Database

SOAK = bool(os.environ.get("OPENGATEWAY_SOAK"))
ROUNDS = 200 if SOAK else 6
SEED = int(os.environ.get("OPENGATEWAY_SEED", "20261125"))
GATEWAYS = 2
PER_ROUND = 80
SEGMENT = "segment-00000001.ogj"
TESTS = Path(__file__).parents[1]

pytestmark = pytest.mark.slow


async def start(home: Path, *store: str) -> asyncio.subprocess.Process:
    path = os.pathsep.join((str(TESTS), str(TESTS.parent / "src")))
    return await asyncio.create_subprocess_exec(
        sys.executable,
        str(Path(__file__).with_name("control_process.py")),
        str(home),
        *store,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
        env={**os.environ, "PYTHONPATH": path},
    )


@dataclass
class Gateway:
    """What a gateway does to get its journal settled, whatever becomes of control."""

    name: str
    body: bytes
    moved: asyncio.Event
    acked: int = 0

    async def ship(self, session: aiohttp.ClientSession, chance: random.Random) -> None:
        """Push until all is acknowledged. Offsets are learned from control alone."""
        while self.acked < len(self.body):
            part = self.body[self.acked : self.acked + chance.randrange(200, 12_000)]
            with suppress(aiohttp.ClientError, OSError):
                self.acked = await self.push(session, part)
                self.moved.set()
                continue
            await asyncio.sleep(0.02)

    async def push(self, session: aiohttp.ClientSession, part: bytes, final: int = 0) -> int:
        query = {"gateway": self.name, "segment": SEGMENT, "offset": self.acked, "final": final}
        url = "http://control/internal/v1/journal"
        async with session.post(url, params=query, data=part) as reply:
            said: dict[str, Any] = await reply.json()
            assert reply.status in (200, 409), said
            return int(said["acked" if reply.status == 200 else "expected"])


@asynccontextmanager
async def calling(home: Path) -> AsyncIterator[aiohttp.ClientSession]:
    connector = aiohttp.UnixConnector(path=str(Paths(home).internal_socket))
    async with aiohttp.ClientSession(connector=connector) as session:
        yield session


def records_of(gateway: int, numbers: range) -> bytes:
    ids = [gateway * 1_000_000 + n for n in numbers]
    return journal(r for n in ids for r in (opened(n), closed(n)))


@pytest.mark.timeout(60 + ROUNDS * 10)
async def test_no_kill_loses_or_doubles_a_record(tmp_path: Path, store_url: str) -> None:
    rounds = ROUNDS if SOAK or store_url.startswith("sqlite") else 3
    print(f"seed {SEED}, {rounds} kills")
    chance = random.Random(SEED)
    moved = asyncio.Event()
    gateways = [Gateway(f"gw_{n:032x}", b"", moved) for n in range(GATEWAYS)]
    left_open = journal([opened(9_000_000 + n) for n in range(7)])
    process = await start(tmp_path, store_url)
    at_work = 0
    try:
        async with calling(tmp_path) as session:
            for turn in range(rounds):
                for n, gateway in enumerate(gateways):
                    gateway.body += records_of(n, range(turn * PER_ROUND, (turn + 1) * PER_ROUND))
                shipping = [asyncio.create_task(g.ship(session, chance)) for g in gateways]
                moved.clear()
                await asyncio.wait_for(moved.wait(), 30)  # at work: kill it in the middle of that
                await asyncio.sleep(chance.random() * 0.05)
                process.send_signal(signal.SIGKILL)
                await process.wait()
                at_work += not all(task.done() for task in shipping)
                process = await start(tmp_path, store_url)
                await asyncio.wait_for(asyncio.gather(*shipping), 60)
            first = gateways[0]
            first.body += left_open
            await first.ship(session, chance)
            assert await first.push(session, b"", final=1) == len(first.body)
        process.send_signal(signal.SIGTERM)
        assert await asyncio.wait_for(process.wait(), 10) == 0
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    database = Database(store_url)
    async with database.read() as store:
        rows = await store.execute(text("SELECT id, count(*) FROM requests GROUP BY id"))
        found = Counter({row[0]: row[1] for row in rows})
        void = text("SELECT count(*) FROM requests WHERE ending = 'void'")
        voids = await store.scalar(void)
        assert await store.scalar(text("SELECT count(*) FROM open_requests")) == 0
        if store_url.startswith("sqlite"):
            assert await store.scalar(text("PRAGMA integrity_check")) == "ok"
    await database.close()
    wanted = {
        closed(g * 1_000_000 + n).id for g in range(GATEWAYS) for n in range(rounds * PER_ROUND)
    } | {opened(9_000_000 + n).id for n in range(7)}
    print(f"{at_work} of {rounds} kills hit a push")
    assert at_work > rounds / 2
    assert set(found) == wanted
    assert set(found.values()) == {1}
    assert voids == 7


async def test_a_stop_answers_who_waits_and_ends_well(tmp_path: Path) -> None:
    process = await start(tmp_path)
    try:
        async with calling(tmp_path) as session:
            url = "http://control/internal/v1"
            for _ in range(400):
                with suppress(aiohttp.ClientError, OSError):
                    async with session.get(f"{url}/status") as reply:
                        assert reply.status == 200
                        break
                await asyncio.sleep(0.025)
            waiting = asyncio.create_task(
                session.get(f"{url}/changes", params={"after": 0, "wait_s": 30})
            )
            await asyncio.sleep(0.1)
            process.send_signal(signal.SIGTERM)
            async with await asyncio.wait_for(waiting, 2) as answer:
                assert await answer.json() == {"seq": 0, "changes": []}
        assert await asyncio.wait_for(process.wait(), 5) == 0
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert not Paths(tmp_path).internal_socket.exists()


async def test_two_controls_never_share_a_home(tmp_path: Path) -> None:
    one = await start(tmp_path)
    try:
        for _ in range(400):
            if Paths(tmp_path).internal_socket.exists():
                break
            await asyncio.sleep(0.025)
        other = await start(tmp_path)
        assert await asyncio.wait_for(other.wait(), 20) != 0
        async with (
            calling(tmp_path) as session,
            session.get("http://control/internal/v1/status") as reply,
        ):
            assert reply.status == 200  # the first one still serves on its socket
    finally:
        one.send_signal(signal.SIGTERM)
        assert await asyncio.wait_for(one.wait(), 10) == 0
