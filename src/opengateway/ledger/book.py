"""The ledger as control sees it: `LedgerBook` (ports/ledger_book.py) on rows of one transaction."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from typing import Final

from opengateway.domain.budgets import BudgetPeriod, span_of
from opengateway.domain.ledger import CreditKind
from opengateway.kit.clock import Clock
from opengateway.kit.ids import NewId
from opengateway.ledger.crediting import CreditBook
from opengateway.ledger.invariants import CHECKS, When
from opengateway.ledger.leasing import LeaseBook
from opengateway.ledger.settling import SettlementBook
from opengateway.ledger.sheet import spending_order
from opengateway.ports.ledger_book import Balance, KeyUsage, LedgerTotals, Violation
from opengateway.ports.ledger_rows import LeaseRow, LedgerRows, PeriodRow, StoredEntry

_DAY_NS: Final = 86_400 * 1_000_000_000


class Book:
    def __init__(self, rows: LedgerRows, clock: Clock, new_id: NewId) -> None:
        self.credits = CreditBook(rows, clock, new_id)
        self.leases = LeaseBook(rows, clock, new_id)
        self.settlements = SettlementBook(rows, clock, new_id)
        self.statements = StatementBook(rows, clock)


class StatementBook:
    """`Statements`: nothing here locks or writes."""

    def __init__(self, rows: LedgerRows, clock: Clock) -> None:
        self._rows = rows
        self._clock = clock

    async def totals(self) -> LedgerTotals:
        return LedgerTotals(*await self._rows.totals())

    async def balance(self, team_id: str) -> Balance:
        team = await self._rows.team(team_id)
        grants = sorted(await self._rows.grants_of(team_id), key=spending_order)
        promo = sum(g.remaining for g in grants if g.kind is CreditKind.PROMO)
        came, used = await self._rows.totals_of(team_id)
        return Balance(
            team_id=team_id,
            available=team.available,
            held=team.held,
            promo=promo,
            paid=sum(g.remaining for g in grants) - promo,
            debt=max(0, -team.total),
            total_credits=came,
            total_usage=used,
            credits=grants,
        )

    async def entries(self, team_id: str, *, before: int, limit: int) -> Sequence[StoredEntry]:
        return await self._rows.entries_of(team_id, before=before, limit=limit)

    async def usage(self, key_id: str) -> KeyUsage:
        now_ns = self._clock.now_ns()
        since = {period: span_of(period, now_ns).starts_at_ns // _DAY_NS for period in BudgetPeriod}
        return KeyUsage(
            day=await self._rows.usage_of(key_id, since[BudgetPeriod.DAY]),
            week=await self._rows.usage_of(key_id, since[BudgetPeriod.WEEK]),
            month=await self._rows.usage_of(key_id, since[BudgetPeriod.MONTH]),
            lifetime=await self._rows.usage_of(key_id, since[BudgetPeriod.LIFETIME]),
        )

    async def use_by_key(
        self, team_id: str, first_day: int, after_day: int
    ) -> Sequence[tuple[str, int, int]]:
        return await self._rows.use_by_key(team_id, first_day, after_day)

    async def bought(self, team_ids: Sequence[str]) -> Collection[str]:
        return frozenset(await self._rows.bought(team_ids))

    async def periods(self, period_row_ids: Sequence[str]) -> Mapping[str, PeriodRow]:
        return {row.id: row for row in await self._rows.periods_of(period_row_ids)}

    async def open_leases(self, team_id: str, limit: int) -> Sequence[LeaseRow]:
        return await self._rows.open_leases(team_id=team_id, limit=limit)

    async def verify(
        self, only: Sequence[str] = (), *, attentive_since_ns: int = 0
    ) -> AsyncIterator[Violation]:
        when = When(self._clock.now_ns(), attentive_since_ns)
        for check in CHECKS:
            if only and check.invariant not in only:
                continue
            walk = check.begin(when)
            async for page in self._rows.scan(check.scan):
                for row in page:
                    for said in walk(row):
                        yield Violation(check.invariant, said[0], said[1])
