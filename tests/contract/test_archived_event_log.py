"""The log whose older rows lie in an archive: it says the same wherever a row lies.

Archives are Parquet files, and ClickHouse's own engine within this process.
"""

from __future__ import annotations

import asyncio
import random
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from contract.event_log import EventLogContract
from control_plane import closed
from opengateway.domain.errors import CapacityError
from opengateway.domain.records import CloseRecord, Ending
from opengateway.domain.request_log import DAY_NS, HOUR_NS, Group, LogFilter, Place
from opengateway.infra.database import Database
from opengateway.infra.event_log.archived import ArchivedEventLog
from opengateway.infra.event_log.archiving import REST_NS, LogChores
from opengateway.infra.event_log.clickhouse import ClickHouseArchive
from opengateway.infra.event_log.parquet import ParquetArchive
from opengateway.infra.event_log.segments import SegmentList
from opengateway.kit.clock import ManualClock
from opengateway.kit.ids import IdSource
from opengateway.ports.event_archive import EventArchive
from opengateway.ports.event_log import EventLog

BEGIN = 1_764_000_000_000_000_000 // DAY_NS * DAY_NS
FILTERS = (
    LogFilter(),
    LogFilter(team_ids=("team_a",)),
    LogFilter(team_ids=("team_a", "team_b"), model="nova/small"),
    LogFilter(status_class=5),
    LogFilter(provider="nova", min_ms=50.0, max_cost_nanos=5_000),
    LogFilter(from_ns=BEGIN + 5 * HOUR_NS, until_ns=BEGIN + 30 * HOUR_NS),
    LogFilter(user="u3", session_id="s1"),
    LogFilter(id=f"gen_{17:032x}"),
)
GROUPS = ((), (Group.MODEL,), (Group.DAY, Group.USER), (Group.HOUR,), (Group.SESSION, Group.TEAM))


class Store:
    """A log on one store, and what puts it in order at a time that the test says."""

    def __init__(self, url: str, archive: EventArchive) -> None:
        self.database = Database(url)
        self.archive = archive
        self.clock = ManualClock(wall_ns=BEGIN)
        self.new_id = IdSource(self.clock)

    def chores(self, kept_days: int = 400) -> LogChores:
        database = self.database
        return LogChores(
            *(database.read, database.write, self.clock, self.archive, kept_days, self.new_id)
        )

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[EventLog]:
        async with self.database.write() as session:
            yield ArchivedEventLog(session, self.archive)
            await session.commit()

    async def rows_in_store(self) -> int:
        async with self.database.read() as session:
            log = super(ArchivedEventLog, ArchivedEventLog(session, self.archive))
            return len(await log.page(LogFilter(), limit=100_000))

    async def segments(self) -> int:
        async with self.database.read() as session:
            return len(await SegmentList(session).all())

    async def close(self) -> None:
        await self.archive.close()
        await self.database.close()


@cache
def engine() -> Any:
    """ClickHouse allows one engine in a process."""
    from chdb import session

    return session.Session()


def clickhouse() -> ClickHouseArchive:
    """A table of its own in the engine."""

    async def run(statement: str, data: bytes) -> bytes:
        text = statement + ("\n" + data.decode() if data else "")
        answer = await asyncio.to_thread(engine().query, text, "JSONCompactEachRow")
        return bytes(answer.bytes())

    return ClickHouseArchive(run, 4_000, table=f"requests_{secrets.token_hex(4)}")


@pytest.fixture(params=["files", "clickhouse"])
async def store(
    request: pytest.FixtureRequest, store_url: str, tmp_path: Path
) -> AsyncIterator[Store]:
    of_files = request.param == "files"
    made = Store(store_url, ParquetArchive(tmp_path / "archive") if of_files else clickhouse())
    yield made
    await made.close()


@pytest.fixture
async def files(store_url: str, tmp_path: Path) -> AsyncIterator[Store]:
    made = Store(store_url, ParquetArchive(tmp_path / "archive"))
    yield made
    await made.close()


class TestArchivedEventLog(EventLogContract):
    """On SQLite and on PostgreSQL."""

    @pytest.fixture(autouse=True)
    def place(self, store: Store) -> None:
        self.opened = store.opened  # type: ignore[method-assign]


def some_records(count: int) -> list[CloseRecord]:
    """Over 50 hours, of two teams; ids go by time."""
    draw = random.Random(7)
    return [
        closed(
            n,
            started_at_ns=BEGIN + n * 50 * HOUR_NS // count,
            team_id=draw.choice(("team_a", "team_b")),
            model=draw.choice(("acme/large", "nova/small")),
            provider=draw.choice(("acme", "nova")),
            user=draw.choice((None, "u1", "u3")),
            session_id=draw.choice((None, "s1")),
            upstream_id=f"chatcmpl-{n}",
            status=draw.choice((200, 200, 503)),
            ending=draw.choice((Ending.COMPLETED, Ending.UPSTREAM_BROKE)),
            cost_nanos=draw.randrange(10_000),
            total_ms=draw.uniform(1, 200),
            first_token_ms=draw.choice((None, 12.5)),
        )
        for n in range(1, count + 1)
    ]


async def everything(log: EventLog) -> dict[str, Any]:
    told: dict[str, Any] = {}
    for n, wanted in enumerate(FILTERS):
        rows = told[f"page {n}"] = await log.page(wanted, limit=1_000)
        place = Place(rows[len(rows) // 2].started_at_ns, rows[len(rows) // 2].id)
        told[f"after {n}"] = await log.page(wanted, limit=7, after=place)
        for by in GROUPS:
            told[f"usage {n} {by}"] = await log.usage(wanted, by, limit=500)
            told[f"latency {n} {by}"] = await log.latencies(wanted, by, (50.0, 99.0), limit=500)
    told["one"] = [await log.get(f"gen_{n:032x}") for n in (1, 150, 300, 999)]
    told["found"] = await log.find("chatcmpl-150", ["team_a", "team_b"])
    told["not mine"] = await log.find("chatcmpl-150", ["team_c"])
    told["newest"] = await log.newest(limit=5)
    told["known"] = await log.unknown([f"gen_{n:032x}" for n in (1, 150, 999)])
    return told


async def test_every_answer_is_the_same_wherever_the_rows_lie(store: Store) -> None:
    records = some_records(300)
    async with store.opened() as log:
        await log.ingest(records)
        before = await everything(log)
    assert len(before["page 0"]) == 300
    assert before["found"] is not None
    seen = []
    for hours in (2, 26, 51, 100):
        store.clock.wall_ns = BEGIN + hours * HOUR_NS + REST_NS
        await store.chores().once()
        async with store.opened() as log:
            assert await everything(log) == before, hours
        seen.append((await store.rows_in_store(), await store.segments()))
    # Hours leave the store one by one; days that are long over become one segment each.
    assert seen[0][0] > seen[1][0] > seen[2][0] == 0
    assert seen[-1] == (0, 3)


async def test_a_second_delivery_of_what_was_moved_is_known(store: Store) -> None:
    records = some_records(40)
    async with store.opened() as log:
        await log.ingest(records)
    store.clock.wall_ns = BEGIN + 30 * HOUR_NS
    await store.chores().once()
    late = closed(99, id=records[3].id[:-1] + "f" + "0", started_at_ns=BEGIN + HOUR_NS)
    async with store.opened() as log:
        assert await log.ingest([records[0], late, records[39]]) == [late]
        assert (await log.usage(LogFilter(), (), limit=1))[0].sums.requests == 41
    # What arrives late is moved in its turn.
    await store.chores().once()
    async with store.opened() as log:
        assert len(await log.page(LogFilter(), limit=100)) == 41
        assert await log.get(late.id) == late


async def test_what_is_older_than_it_is_kept_is_gone_from_rows_sums_and_files(
    store: Store,
) -> None:
    async with store.opened() as log:
        await log.ingest(some_records(100))
    store.clock.wall_ns = BEGIN + 4 * DAY_NS
    await store.chores().once()
    assert len(await store.archive.names()) > 3
    store.clock.wall_ns = BEGIN + 4 * DAY_NS + HOUR_NS
    await store.chores(kept_days=3).once()
    assert len(await store.archive.names()) == 3
    async with store.opened() as log:
        rows = await log.page(LogFilter(), limit=1_000)
        assert 0 < len(rows) < 100
        assert min(row.started_at_ns for row in rows) >= BEGIN + DAY_NS
        hours = await log.usage(LogFilter(), (Group.HOUR,), limit=1_000)
        assert min(int(line.by[0] or 0) for line in hours) >= BEGIN + DAY_NS


async def test_a_kill_between_file_and_list_loses_and_doubles_nothing(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with store.opened() as log:
        await log.ingest(some_records(20))
        before = await everything(log)
    store.clock.wall_ns = BEGIN + 4 * HOUR_NS

    async def killed(self: SegmentList, *_: Any) -> None:
        raise InterruptedError

    with monkeypatch.context() as patched:
        patched.setattr(SegmentList, "add", killed)
        with pytest.raises(InterruptedError):
            await store.chores().once()
    assert len(await store.archive.names()) == 1
    store.clock.wall_ns = BEGIN + 60 * HOUR_NS
    chores = store.chores()
    await chores.sweep()
    assert await store.archive.names() == []
    await chores.once()
    async with store.opened() as log:
        assert await everything(log) == before


async def test_a_file_that_is_gone_is_told_as_trouble_and_not_as_an_empty_log(
    files: Store,
    tmp_path: Path,
) -> None:
    async with files.opened() as log:
        await log.ingest(some_records(20))
    files.clock.wall_ns = BEGIN + 60 * HOUR_NS
    await files.chores().once()
    for path in (tmp_path / "archive").glob("*.parquet"):
        path.unlink()
    async with files.opened() as log:
        with pytest.raises(CapacityError):
            await log.page(LogFilter(), limit=5)
