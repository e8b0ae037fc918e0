"""Rows, rollups and ledger say the same, wherever the rows lie; one nano-dollar is found."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest
from msgspec.structs import astuple

from contract.test_archived_event_log import BEGIN, Store, some_records
from opengateway.domain.request_log import DAY_NS, LogFilter, Reconciled
from opengateway.infra.event_log.archived import ArchivedEventLog
from opengateway.infra.event_log.archiving import REST_NS
from opengateway.infra.event_log.parquet import ParquetArchive
from opengateway.infra.ledger_book.rows import SqlLedgerRows
from opengateway.kit import bulk
from opengateway.kit.ids import IdSource
from opengateway.ledger.book import Book

_BOOK = bulk.Sql(
    "INSERT INTO ledger_settlements (request_id, team_id, key_id, lease_id, row_set, amount,"
    " overrun, promo, paid, fee, provider_cost, cost_known, ending, at_ns)"
    " VALUES (?, ?, 'key_a', '', '', ?, 0, 0, 0, 0, 0, ?, 'completed', 0)"
)


@asynccontextmanager
async def filled(store_url: str, tmp_path: Path, *, booked: bool) -> AsyncIterator[Store]:
    """Half of the rows in files, half in the store."""
    store = Store(store_url, ParquetArchive(tmp_path / "archive"))
    records = [
        msgspec.structs.replace(r, id=f"gen_{(r.started_at_ns // 10**6 << 80) + n:032x}")
        for n, r in enumerate(some_records(200))
    ]
    async with store.opened() as log:
        await log.ingest(records)
    if booked:
        await change(store, _BOOK.each([(r.id, r.team_id, r.cost_nanos, True) for r in records]))
    store.clock.advance((25 * 3600 * 10**9 + REST_NS) / 1e9)
    await store.chores().once()
    assert 0 < await store.rows_in_store() < 200
    yield store
    await store.close()


@pytest.fixture
async def house(store_url: str, tmp_path: Path) -> AsyncIterator[Store]:
    """The ledger has booked every request."""
    async with filled(store_url, tmp_path, booked=True) as store:
        yield store


async def change(store: Store, *calls: bulk.Call) -> Sequence[bulk.Done]:
    async with store.database.write() as session:
        done = await bulk.run(session, calls)
        await session.commit()
    return done


async def compared(store: Store) -> Reconciled:
    """All three days, as one."""
    requests, cost, found = 0, 0, ()
    for day in range(3):
        async with store.database.read() as session:
            log = ArchivedEventLog(session, store.archive)
            one = await log.reconcile(BEGIN + day * DAY_NS, BEGIN + (day + 1) * DAY_NS)
        requests, cost, found = (
            requests + one.requests,
            cost + one.cost_nanos,
            (*found, *one.differences),
        )
    return Reconciled(requests, cost, found)


async def test_what_was_written_agrees_in_store_and_archive_alike(house: Store) -> None:
    found = await compared(house)
    assert found.differences == ()
    assert found.requests == 200
    assert found.cost_nanos == sum(r.cost_nanos for r in some_records(200))


@pytest.mark.parametrize("table", ["usage_hours", "usage_key_hours"])
async def test_one_nano_dollar_more_in_a_rollup_is_named(house: Store, table: str) -> None:
    first = f"(hour_ns, team_id, model) IN (SELECT hour_ns, team_id, model FROM {table} LIMIT 1)"
    more = f"UPDATE {table} SET cost_nanos = cost_nanos + 1 WHERE {first}"
    (done,) = await change(house, bulk.Sql(more).once())
    found = (await compared(house)).differences
    assert {(d.where, d.what) for d in found} == {(table, "cost_nanos")}
    assert sum(d.said - d.rows for d in found) == done.changed


async def test_one_nano_dollar_more_in_the_ledger_is_named(house: Store) -> None:
    request_id = f"gen_{(BEGIN // 10**6 << 80) + 9_999:032x}"
    await change(house, _BOOK.once(request_id, "team_a", 1, True))
    (one,) = (await compared(house)).differences
    assert (one.where, one.team_id, one.from_ns) == ("ledger", "team_a", BEGIN)
    assert one.said - one.rows == 1


async def test_a_row_that_is_gone_is_found_by_all_three(house: Store) -> None:
    gone = "DELETE FROM requests WHERE id = (SELECT max(id) FROM requests WHERE cost_nanos > 0)"
    await change(house, bulk.Sql(gone).once())
    found = (await compared(house)).differences
    assert {d.where for d in found} == {"usage_hours", "usage_key_hours", "ledger"}


async def test_where_nothing_was_booked_the_ledger_is_not_asked(
    store_url: str, tmp_path: Path
) -> None:
    async with filled(store_url, tmp_path, booked=False) as store:
        assert (await compared(store)).differences == ()


async def test_charges_of_moved_requests_are_no_fault_of_the_ledger(house: Store) -> None:
    async def broken() -> list[Any]:
        async with house.database.read() as session:
            book = Book(SqlLedgerRows(session), house.clock, IdSource(house.clock))
            return [v async for v in book.statements.verify(("I10",))]

    assert await broken() == []
    gone = "DELETE FROM requests WHERE id = (SELECT max(id) FROM requests)"
    await change(house, bulk.Sql(gone).once())
    (one,) = await broken()
    assert "without a request" in one.detail


@pytest.mark.parametrize("wanted", [LogFilter(), LogFilter(team_ids=("team_b",), status=200)])
async def test_part_by_part_every_row_comes_once_and_in_order(
    house: Store, wanted: LogFilter
) -> None:
    late = [
        msgspec.structs.replace(r, id=f"gen_{(r.started_at_ns // 10**6 << 80) + 5_000 + n:032x}")
        for n, r in enumerate(some_records(20))
    ]
    async with house.opened() as log:
        await log.ingest(late)
        expected = [astuple(row) for row in await log.page(wanted, limit=1_000)]
    seen: list[tuple[Any, ...]] = []
    until, streamed = BEGIN + 4 * DAY_NS, 0
    while until > 0:
        left = msgspec.structs.replace(wanted, until_ns=until)
        async with house.opened() as log:
            part = await log.part(left, 7)
            until = part.begin_ns
            if part.rows is None:
                newest = msgspec.structs.replace(left, from_ns=until)
                seen += [astuple(row) for row in await log.page(newest, limit=1_000)]
                continue
        streamed += 1
        async for rows in part.rows:
            seen += [tuple(row) for row in rows]
    assert seen == expected
    assert streamed > 0
