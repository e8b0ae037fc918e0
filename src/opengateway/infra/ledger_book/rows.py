"""`LedgerRows` (ports/ledger_rows.py) in the session of the caller's transaction."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from itertools import chain
from typing import Any, Final

from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from opengateway.domain.budgets import BudgetMode, BudgetRow
from opengateway.domain.errors import Conflict
from opengateway.domain.ledger import CreditKind, Entry, EntryKind, LeaseState
from opengateway.infra.ledger_book import statements as sql
from opengateway.infra.ledger_book import tables
from opengateway.infra.ledger_book.scans import SCANS
from opengateway.kit import bulk, json
from opengateway.kit.db import AsyncSession
from opengateway.ports.ledger_rows import (
    GrantRow,
    LeaseRow,
    Locked,
    PeriodRow,
    SettlementRow,
    StoredEntry,
    TeamRow,
    Writes,
)

PAGE: Final = 1_000
_SCAN_S: Final = 3_600.0
"""A check of a large store may sort for long before its first row."""

assert tables.TEAMS is not None  # the tables are declared where the rows are used


class SqlLedgerRows:
    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def lock(
        self,
        team_ids: Sequence[str],
        *,
        lease_ids: Sequence[str] = (),
        budgets: Sequence[BudgetRow] = (),
        kind: EntryKind | None = None,
        refs: Sequence[str] = (),
    ) -> Locked:
        # What other slices changed through the session must be seen by what is sent past it.
        await self._session.flush()
        named, wanted = _list(lease_ids), _list(sorted({b.id for b in budgets}))
        calls = [
            # First: what is read after it is read under its locks.
            sql.LOCK_TEAMS.once(_list(team_ids)),
            sql.UNSPENT.once(_list(team_ids)),
            sql.LEASES.once(named),
            sql.ROW_SETS.once(named, "[]"),
            sql.PERIODS.once(named, wanted),
        ]
        if kind is not None:
            calls.append(sql.ENTRIES_BY_REF.once(_list(refs), kind.value))
        done = await bulk.run(self._session, calls)
        if len(done[0].rows) < len(set(team_ids)):
            missing = set(team_ids).difference(row[0] for row in done[0].rows)
            make = sql.MAKE_TEAM.each([(team_id,) for team_id in sorted(missing)])
            _, *done = await bulk.run(self._session, [make, *calls])
        teams, grants, leases, row_sets, periods, *entries = done
        by_team: dict[str, list[GrantRow]] = {}
        for row in grants.rows:
            by_team.setdefault(row[1], []).append(_grant(row))
        sets: dict[str, tuple[str, ...]] = {}
        for name, period_row_id in row_sets.rows:
            sets[name] = (*sets.get(name, ()), period_row_id)
        found = [_entry(row) for row in entries[0].rows] if entries else []
        return Locked(
            teams={row[0]: _team(row) for row in teams.rows},
            grants=by_team,
            leases={row[0]: _lease(row) for row in leases.rows},
            row_sets=sets,
            periods={row[0]: _period(row) for row in periods.rows},
            entries={entry.ref: entry for entry in found},
        )

    async def write(self, writes: Writes) -> None:
        sqlite = bulk.is_sqlite(self._session)
        calls = [
            *_calls_of_entries(writes),
            *_calls_of_counts(writes),
            *_calls_of_settlements(writes.settlements, sqlite=sqlite),
        ]
        if not calls:
            return
        try:
            await bulk.run(self._session, calls)
        except IntegrityError as error:
            if _is_of_ref(error):
                raise Conflict("another request used this ref meanwhile; ask again") from error
            raise

    async def mark_billing(self, on: bool) -> None:
        await bulk.run(self._session, [(sql.BILLING_ON if on else sql.BILLING_OFF).once()])

    async def team(self, team_id: str) -> TeamRow:
        rows = await self._read(sql.TEAM.once(team_id))
        return _team(rows[0]) if rows else TeamRow(team_id)

    async def grants_of(self, team_id: str) -> Sequence[GrantRow]:
        return [_grant(row) for row in await self._read(sql.UNSPENT.once(_list((team_id,))))]

    async def grant(self, grant_id: str) -> GrantRow | None:
        rows = await self._read(sql.GRANT.once(grant_id))
        return _grant(rows[0]) if rows else None

    async def settlement(self, request_id: str) -> SettlementRow | None:
        rows = await self._read(sql.SETTLEMENT.once(request_id))
        return SettlementRow(*rows[0])._replace(cost_known=bool(rows[0][14])) if rows else None

    async def given_back(self, subject_id: str) -> int:
        return _number(await self._read(sql.GIVEN_BACK.once(subject_id)))

    async def leases(self, lease_ids: Sequence[str]) -> Sequence[LeaseRow]:
        return [_lease(row) for row in await self._read(sql.LEASES.once(_list(lease_ids)))]

    async def entries_of(self, team_id: str, *, before: int, limit: int) -> Sequence[StoredEntry]:
        found = await self._read(sql.ENTRIES_OF.once(team_id, before, limit))
        postings: dict[str, list[tuple[str, int]]] = {}
        ids = _list([row[1] for row in found])
        for entry_id, account, amount in await self._read(sql.POSTINGS_OF.once(ids)):
            postings.setdefault(entry_id, []).append((account, amount))
        return [_entry(row, tuple(postings.get(row[1], ()))) for row in found]

    async def totals_of(self, team_id: str) -> tuple[int, int]:
        came, charged = await bulk.run(
            self._session, [sql.CAME_IN.once(team_id), sql.CHARGED.once(team_id)]
        )
        return _number(came.rows), _number(charged.rows)

    async def totals(self) -> tuple[int, int, int, int]:
        teams, leases = await bulk.run(self._session, [sql.TOTALS.once(), sql.OPEN_LEASES.once()])
        available, held, debt = teams.rows[0]
        return int(available), int(held), int(debt), _number(leases.rows)

    async def open_leases(
        self,
        *,
        team_id: str | None = None,
        gateway: str | None = None,
        expired_before_ns: int | None = None,
        limit: int,
    ) -> Sequence[LeaseRow]:
        if team_id is not None:
            call = sql.OPEN_OF_TEAM.once(team_id, limit)
        elif gateway is not None:
            call = sql.OPEN_OF_GATEWAY.once(gateway, limit)
        else:
            assert expired_before_ns is not None, "say which leases"
            call = sql.OPEN_EXPIRED.once(expired_before_ns, limit)
        return [_lease(row) for row in await self._read(call)]

    async def teams_with_expired_grants(self, now_ns: int, limit: int) -> Sequence[str]:
        return [row[0] for row in await self._read(sql.TEAMS_WITH_EXPIRED.once(now_ns, limit))]

    async def usage_of(self, key_id: str, since_day: int) -> int:
        return _number(await self._read(sql.USAGE_SINCE.once(key_id, since_day)))

    async def use_by_key(
        self, team_id: str, first_day: int, after_day: int
    ) -> Sequence[tuple[str, int, int]]:
        rows = await self._read(sql.USE_BY_KEY.once(team_id, first_day, after_day))
        return [(row[0], int(row[1]), int(row[2])) for row in rows]

    async def bought(self, team_ids: Sequence[str]) -> Sequence[str]:
        return [row[0] for row in await self._read(sql.BOUGHT.once(_list(team_ids)))]

    async def periods_of(self, period_row_ids: Sequence[str]) -> Sequence[PeriodRow]:
        rows = await self._read(sql.PERIODS_NAMED.once(_list(period_row_ids)))
        return [_period(row) for row in rows]

    async def scan(self, what: str) -> AsyncIterator[Sequence[Any]]:
        connection = await self._session.connection()
        raw = await connection.get_raw_connection()
        driver: Any = raw.driver_connection
        if bulk.is_sqlite(self._session):
            async with driver.execute(SCANS[what]) as cursor:
                while page := await cursor.fetchmany(PAGE):
                    yield page
            return
        # Begins the transaction, where nothing did; a check may take longer than a request.
        await connection.execute(text("SET LOCAL statement_timeout = 0"))
        # The driver's own cursor: it has a time limit of its own, for each fetch.
        cursor = await driver.cursor(SCANS[what], timeout=_SCAN_S)
        while page := await cursor.fetch(PAGE, timeout=_SCAN_S):
            yield page

    async def _read(self, call: bulk.Call) -> Sequence[bulk.Row]:
        (done,) = await bulk.run(self._session, [call])
        return done.rows


def _calls_of_entries(writes: Writes) -> list[bulk.Call]:
    calls: list[bulk.Call] = []
    if writes.grants:
        calls.append(sql.ADD_GRANT.each([_grant_values(g) for g in writes.grants]))
    if writes.entries:
        calls.append(
            sql.ADD_POSTING.each(list(chain.from_iterable(map(_postings, writes.entries))))
        )
        calls.append(sql.ADD_ENTRY.each([_entry_values(e) for e in writes.entries]))
        if draws := [(e.id, d.grant_id, d.amount) for e in writes.entries for d in e.draws]:
            calls.append(sql.ADD_DRAW.each(draws))
    return calls


def _calls_of_counts(writes: Writes) -> list[bulk.Call]:
    calls: list[bulk.Call] = []
    if writes.periods:
        calls.append(
            sql.SET_PERIOD.each(
                [
                    (p.id, p.budget_id, p.team_id, p.mode.value, p.limit_nanos, p.ceiling)
                    for p in writes.periods
                ]
            )
        )
    if writes.period_changes:
        calls.append(
            sql.CHANGE_PERIOD.each(
                [(c.spent, c.leased, c.overrun, c.period_row_id) for c in writes.period_changes]
            )
        )
    if writes.row_sets:
        rows = [(name, row_id) for name, ids in writes.row_sets.items() for row_id in ids]
        calls.append(sql.ADD_ROW_SET.each(rows))
    if writes.leases:
        calls.append(sql.ADD_LEASE.each([_lease_values(lease) for lease in writes.leases]))
    if writes.lease_changes:
        calls.append(
            sql.CHANGE_LEASE.each(
                [
                    (c.amount, c.settled, c.returned, c.state.value, *c[5:], c.lease_id)
                    for c in writes.lease_changes
                ]
            )
        )
    if writes.usage:
        calls.append(sql.COUNT_USAGE.each(writes.usage))
    return calls


def _calls_of_settlements(rows: Sequence[SettlementRow], *, sqlite: bool) -> list[bulk.Call]:
    if not rows:
        return []
    if not sqlite:
        return [sql.ADD_SETTLEMENT.once(*map(list, zip(*rows, strict=True)))]
    whole = len(rows) // sql.TOGETHER * sql.TOGETHER
    calls = [
        sql.ADD_SETTLEMENTS.once(*chain.from_iterable(rows[at : at + sql.TOGETHER]))
        for at in range(0, whole, sql.TOGETHER)
    ]
    if whole < len(rows):
        calls.append(sql.ADD_SETTLEMENT.each(rows[whole:]))
    return calls


def _list(ids: Sequence[str]) -> str:
    return json.dumps(ids).decode()


def _number(rows: Sequence[bulk.Row]) -> int:
    return int(rows[0][0])


def _is_of_ref(error: IntegrityError) -> bool:
    said = str(error.orig)
    return "uq_ledger_entries_kind_ref" in said or "ledger_entries.kind" in said


def _postings(entry: Entry) -> list[tuple[Any, ...]]:
    rows: list[tuple[Any, ...]] = []
    for posting in entry.postings:
        account = posting.account
        team_id = account.team_id
        part = account.role.value if team_id is not None else None
        overdraws = entry.overdraws(posting)
        rows.append((entry.id, account.name, team_id, part, posting.amount, overdraws))
    return rows


def _entry_values(e: Entry) -> tuple[Any, ...]:
    return (
        *(e.id, e.kind.value, e.ref, e.input_hash, e.team_id, e.subject_id),
        *(e.amount, e.at_ns, e.actor, e.note),
    )


def _grant_values(g: GrantRow) -> tuple[Any, ...]:
    return (
        *(g.id, g.team_id, g.kind.value, g.amount, g.amount, g.expires_at_ns),
        *(g.source.value, g.source_id, g.entry_id, g.created_at_ns),
    )


def _lease_values(v: LeaseRow) -> tuple[Any, ...]:
    return (
        *(v.id, v.gateway, v.team_id, v.key_id, v.user_id, v.row_set, v.amount),
        *(v.expires_at_ns, v.created_at_ns, v.ends_at_ns, v.settled, v.returned),
        *(v.state.value, v.return_seq, v.closed_at_ns),
    )


def _team(row: bulk.Row) -> TeamRow:
    return TeamRow(row[0], row[1], row[2])


def _grant(row: bulk.Row) -> GrantRow:
    values = list(row)
    values[2] = CreditKind(values[2])
    values[6] = EntryKind(values[6])
    return GrantRow(*values)


def _lease(row: bulk.Row) -> LeaseRow:
    values = list(row)
    values[12] = LeaseState(values[12])
    return LeaseRow(*values)


def _period(row: bulk.Row) -> PeriodRow:
    values = list(row)
    values[3] = BudgetMode(values[3])
    return PeriodRow(*values)


def _entry(row: bulk.Row, postings: tuple[tuple[str, int], ...] = ()) -> StoredEntry:
    values = [*row, postings]
    values[2] = EntryKind(values[2])
    return StoredEntry(*values)
