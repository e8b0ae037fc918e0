"""The event log in the control store (decision 7), SQLite or PostgreSQL: rows and rollups.

Portable SQL. What is filtered or summed has a column; the whole record is kept as JSON, so that
nothing is lost and an operator can read it.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
from typing import Any, Final

import msgspec

from opengateway.domain.records import CloseRecord
from opengateway.domain.request_log import (
    MOST_DIFFERENCES,
    Difference,
    Group,
    LatencyLine,
    LogFilter,
    LogRow,
    Place,
    Reconciled,
    UsageLine,
    UsageSums,
)
from opengateway.infra.event_log import reconciling, statements
from opengateway.infra.event_log.columns import (
    COLUMNS,
    ROLLUPS,
    SUMS,
    log_row,
    postgres_type,
    rollup,
    values_of,
)
from opengateway.infra.event_log.models import RequestRow
from opengateway.infra.event_log.statements import POSTGRES, SQLITE, Asked, Buckets, Lines
from opengateway.kit import bulk, json
from opengateway.kit.db import AsyncSession, Turn, take_turn
from opengateway.ports.event_log import Part

decode: Final = msgspec.json.Decoder(CloseRecord).decode
_INTO: Final = f"INSERT INTO requests ({', '.join(COLUMNS)}) "
_TOGETHER: Final = 32
"""Rows of one statement on SQLite: 1,300 of the 32,766 parameters that it allows."""
_ALL_LINES: Final = 24 * 100_000
_ALWAYS_BILLED: Final = (
    "SELECT count(*) FROM ledger_spans WHERE from_arrival <= 1 AND to_arrival IS NULL"
)
_TABLE: Final = RequestRow.__tablename__


def _insert(rows: int) -> bulk.Sql:
    """That many rows on SQLite; on PostgreSQL any number, a column for each parameter."""
    marks = f"({', '.join('?' * len(COLUMNS))})"
    arrays = ", ".join(f"${n}::{postgres_type(c)}[]" for n, c in enumerate(COLUMNS, 1))
    return bulk.Sql(
        f"{_INTO} VALUES {', '.join([marks] * rows)} ON CONFLICT (id) DO NOTHING",
        f"{_INTO} SELECT * FROM unnest({arrays}) ON CONFLICT (id) DO NOTHING RETURNING id",
    )


def _add_up(table: str, kept_by: Sequence[str]) -> bulk.Sql:
    """Adds to a rollup. A sum stops at the largest number, and never stops the journal."""
    names = (*kept_by, *SUMS)
    types = ["bigint" if n in SUMS or n == "hour_ns" else "text" for n in names]
    arrays = ", ".join(f"${n}::{kind}[]" for n, kind in enumerate(types, 1))
    into = f"INSERT INTO {table} ({', '.join(names)})"
    update = f"ON CONFLICT ({', '.join(kept_by)}) DO UPDATE SET "
    sqlite = ", ".join(f"{n} = min({n} + excluded.{n}, {2**63 - 1})" for n in SUMS)
    postgres = ", ".join(
        f"{n} = least({table}.{n}::numeric + excluded.{n}, {2**63 - 1})::bigint" for n in SUMS
    )
    return bulk.Sql(
        f"{into} VALUES ({', '.join('?' * len(names))}) {update}{sqlite}",
        f"{into} SELECT * FROM unnest({arrays}) {update}{postgres}",
    )


_ONE: Final = _insert(1)
_SOME: Final = _insert(_TOGETHER)
_ADD_UP: Final = [(kept, _add_up(table, kept)) for table, kept in ROLLUPS.items()]
_NEWEST: Final = bulk.Sql("SELECT coalesce(max(arrival), 0) FROM requests")
_ARRIVED: Final = bulk.Sql("SELECT id FROM requests WHERE arrival > ?")
_KNOWN: Final = bulk.Sql(
    "SELECT value FROM json_each(?) WHERE value IN (SELECT id FROM requests)",
    "SELECT id FROM requests WHERE id IN (SELECT json_array_elements_text($1::json))",
)
_RECORD: Final = bulk.Sql("SELECT record FROM requests WHERE id = ?")
_PLACE: Final = bulk.Sql("SELECT arrival FROM requests WHERE id = ?")


class SqlEventLog:
    """`EventLog` on the caller's session: rows land with whatever else that session writes."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session
        self._speech = SQLITE if bulk.is_sqlite(session) else POSTGRES

    # --- what comes in ----------------------------------------------------------------------------

    async def ingest(self, records: Sequence[CloseRecord]) -> Sequence[CloseRecord]:
        if len({record.id for record in records}) < len(records):
            # Of two with one id the first counts.
            records = list({record.id: record for record in reversed(records)}.values())[::-1]
        if not records:
            return ()
        made = [values_of(record) for record in records]
        new = await self._add([values for _, values in made])
        fresh = records if new is None else [r for r in records if r.id in new]
        await self.sum_up([row for row, _ in made if new is None or row.id in new])
        return fresh

    async def _add(self, rows: list[tuple[Any, ...]]) -> set[str] | None:
        """The ids that were new; None where all were, as nearly always."""
        if bulk.is_sqlite(self._session):
            return await self._add_on_sqlite(rows)
        # So that `arrival` grows in the order of commits: who follows the log misses nothing.
        await take_turn(self._session, Turn.JOURNAL)
        (done,) = await bulk.run(self._session, [_ONE.once(*map(list, zip(*rows, strict=True)))])
        return None if len(done.rows) == len(rows) else {row[0] for row in done.rows}

    async def _add_on_sqlite(self, rows: list[tuple[Any, ...]]) -> set[str] | None:
        whole = len(rows) // _TOGETHER * _TOGETHER
        calls = [
            _SOME.once(*chain.from_iterable(rows[at : at + _TOGETHER]))
            for at in range(0, whole, _TOGETHER)
        ]
        if whole < len(rows):
            calls.append(_ONE.each(rows[whole:]))
        newest, *added = await bulk.run(self._session, [_NEWEST.once(), *calls])
        if sum(done.changed for done in added) == len(rows):
            return None
        # The store has one writer: what stands behind the newest of before is what we added.
        (arrived,) = await bulk.run(self._session, [_ARRIVED.once(newest.rows[0][0])])
        return {row[0] for row in arrived.rows}

    async def sum_up(self, rows: Sequence[LogRow]) -> None:
        if not rows:
            return
        calls = []
        for kept_by, add_up in _ADD_UP:
            sums = rollup(rows, kept_by)
            if bulk.is_sqlite(self._session):
                calls.append(add_up.each(sums))
            else:
                calls.append(add_up.once(*map(list, zip(*sums, strict=True))))
        await bulk.run(self._session, calls)

    async def unknown(self, record_ids: Sequence[str]) -> set[str]:
        if not record_ids:
            return set()
        ids = json.dumps(record_ids).decode()
        (known,) = await bulk.run(self._session, [_KNOWN.once(ids)])
        return set(record_ids).difference(row[0] for row in known.rows)

    # --- what is asked ----------------------------------------------------------------------------

    async def get(self, record_id: str) -> CloseRecord | None:
        (found,) = await bulk.run(self._session, [_RECORD.once(record_id)])
        return decode(found.rows[0][0]) if found.rows else None

    async def find(self, name: str, team_ids: Sequence[str] | None = None) -> CloseRecord | None:
        for asked in statements.finding(_TABLE, name, team_ids):
            if rows := await self._ask(asked):
                return decode(rows[0][0])
        return None

    async def newest(
        self, *, limit: int, after_id: str | None = None, team_id: str | None = None
    ) -> Sequence[CloseRecord]:
        said, values = ["1 = 1"], list[Any]()
        if team_id is not None:
            said.append("team_id = ?")
            values.append(team_id)
        order = "started_at_ns DESC, id DESC"
        if after_id is not None:
            (known,) = await bulk.run(self._session, [_PLACE.once(after_id)])
            # An id that is not here (pruned, or of another store) still says a time.
            said.append("arrival > ?" if known.rows else "id > ?")
            values.append(known.rows[0][0] if known.rows else after_id)
            order = "arrival"
        text = f"SELECT record FROM requests WHERE {' AND '.join(said)} ORDER BY {order} LIMIT ?"
        return [decode(row[0]) for row in await self._ask((text, [*values, limit]))]

    async def page(
        self, wanted: LogFilter, *, limit: int, after: Place | None = None
    ) -> Sequence[LogRow]:
        asked = statements.page(_TABLE, wanted, limit, after)
        return [log_row(row) for row in await self._ask(asked)]

    async def part(self, wanted: LogFilter, size: int) -> Part:
        return Part(wanted.from_ns or 0, None)

    async def last_arrival(self) -> int:
        (found,) = await bulk.run(self._session, [_NEWEST.once()])
        return int(found.rows[0][0])

    async def arrived(
        self, wanted: LogFilter, *, after: int, limit: int
    ) -> Sequence[tuple[int, LogRow]]:
        rows = await self._ask(statements.newest_arrivals(wanted, after, limit))
        return [(row[0], log_row(row[1:])) for row in rows]

    async def usage(
        self, wanted: LogFilter, by: Sequence[Group], *, limit: int, offset_ns: int = 0
    ) -> Sequence[UsageLine]:
        lines = Lines(by)
        table = statements.rollup_of(wanted, by)
        if table is not None:
            asked = statements.usage_of_rollups(self._speech, table, wanted, by, offset_ns)
            lines.add(await self._ask(asked))
        else:
            await self._add_rows(lines, wanted, by, offset_ns)
        return lines.lines(limit)

    async def _add_rows(
        self, lines: Lines, wanted: LogFilter, by: Sequence[Group], offset_ns: int
    ) -> None:
        asked = statements.usage_of_rows(self._speech, _TABLE, wanted, by, offset_ns)
        lines.add(await self._ask(asked))

    async def reconcile(self, from_ns: int, until_ns: int) -> Reconciled:
        wanted, by = LogFilter(from_ns=from_ns, until_ns=until_ns), (Group.HOUR, Group.TEAM)
        counted = Lines(by)
        await self._add_rows(counted, wanted, by, 0)
        rows = counted.lines(_ALL_LINES)
        found: list[Difference] = []
        for table in ROLLUPS:
            lines = Lines(by)
            asked = statements.usage_of_rollups(self._speech, table, wanted, by, 0)
            lines.add(await self._ask(asked))
            found += reconciling.of_rollup(table, rows, lines.lines(_ALL_LINES))
        low, high = reconciling.ids_between(from_ns, until_ns)
        booked = reconciling.added(await self._ask(reconciling.costs_of_ledger(low, high)))
        bills = bool((await self._ask((_ALWAYS_BILLED, [])))[0][0])
        costs = await self._costs(low, high)
        found += reconciling.of_ledger(from_ns, costs, booked, bills=bills)
        total = sum((line.sums for line in rows), UsageSums())
        return Reconciled(total.requests, total.cost_nanos, tuple(found[:MOST_DIFFERENCES]))

    async def _costs(self, low: str, high: str) -> dict[str, int]:
        return reconciling.added(await self._ask(reconciling.costs_of_rows(_TABLE, low, high)))

    async def latencies(
        self,
        wanted: LogFilter,
        by: Sequence[Group],
        percents: Sequence[float],
        *,
        limit: int,
        offset_ns: int = 0,
    ) -> Sequence[LatencyLine]:
        buckets = Buckets(by)
        await self._add_buckets(buckets, wanted, by, offset_ns)
        return buckets.lines(percents, limit)

    async def _add_buckets(
        self, buckets: Buckets, wanted: LogFilter, by: Sequence[Group], offset_ns: int
    ) -> None:
        asked = statements.latencies(self._speech, _TABLE, wanted, by, offset_ns)
        for which, one in enumerate(asked):
            buckets.add(which, await self._ask(one))

    async def _ask(self, asked: Asked) -> Sequence[bulk.Row]:
        text, values = asked
        (done,) = await bulk.run(self._session, [bulk.Sql(text).once(*values)])
        return done.rows
