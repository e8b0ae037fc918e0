"""A ledger on a real store, for tests: one transaction a step, as control has it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from itertools import count
from typing import Any

from sqlalchemy import text

from control_plane import closed
from opengateway.domain.budgets import (
    BudgetMode,
    BudgetPeriod,
    BudgetRow,
    BudgetScope,
    span_of,
)
from opengateway.domain.ledger import CreditKind, EntryKind
from opengateway.domain.records import CloseRecord, Ending
from opengateway.infra.database import Database
from opengateway.infra.event_log.sql import SqlEventLog
from opengateway.infra.ledger_book.rows import SqlLedgerRows
from opengateway.kit.clock import ManualClock
from opengateway.kit.ids import IdSource
from opengateway.ledger.book import Book
from opengateway.ports.ledger_book import (
    Ask,
    Balance,
    Charge,
    Credit,
    LeaseAnswer,
    LeaseAsk,
    Leased,
    LeaseRefused,
    Settled,
    Violation,
)

TEAM = "team_a"
KEY = "key_a"
GATEWAY = "gw_" + "1" * 32
DAY_S = 86_400.0
Budgets = Sequence[BudgetRow]


class Desk:
    """A store, a clock that is moved by hand, and the book on both."""

    def __init__(self, url: str) -> None:
        self.database = Database(url)
        self.clock = ManualClock()
        self.new_id = IdSource(self.clock)
        self._numbers = count(1)

    async def close(self) -> None:
        await self.database.close()

    @asynccontextmanager
    async def book(self) -> AsyncIterator[Book]:
        """One transaction: committed at the end, dropped where the block raises."""
        async with self.database.write() as session:
            yield Book(SqlLedgerRows(session), self.clock, self.new_id)
            await session.commit()

    async def sql(self, *statements: str) -> None:
        """Past every rule of ours: what a fault or an intruder would do."""
        async with self.database.write() as session:
            for statement in statements:
                await session.execute(text(statement))
            await session.commit()

    async def rows(self, statement: str) -> list[tuple[Any, ...]]:
        async with self.database.read() as session:
            return [tuple(row) for row in await session.execute(text(statement))]

    async def violations(self, *only: str) -> list[Violation]:
        async with self.database.read() as session:
            book = Book(SqlLedgerRows(session), self.clock, self.new_id)
            return [v async for v in book.statements.verify(only)]

    async def balance(self, team_id: str = TEAM) -> Balance:
        async with self.database.read() as session:
            return await Book(SqlLedgerRows(session), self.clock, self.new_id).statements.balance(
                team_id
            )

    def ask(self, note: str = "") -> Ask:
        return Ask(f"ref-{next(self._numbers)}", "test", note)

    async def give(
        self,
        amount: int,
        *,
        team_id: str = TEAM,
        kind: CreditKind = CreditKind.PROMO,
        source: EntryKind = EntryKind.GRANT,
        expires_in_s: float | None = None,
    ) -> str:
        """Return the credit's id."""
        expires = None
        if expires_in_s is not None:
            expires = self.clock.now_ns() + int(expires_in_s * 1e9)
        async with self.book() as book:
            credit = Credit(team_id, amount, kind, source, "processor", expires)
            booked = await book.credits.add(credit, self.ask())
        assert booked.grant_id is not None
        return booked.grant_id

    async def take(
        self,
        amount: int,
        *,
        least: int | None = None,
        team_id: str = TEAM,
        key_id: str = KEY,
        gateway: str = GATEWAY,
        lease_id: str | None = None,
        budgets: Budgets = (),
        ask_id: str | None = None,
    ) -> LeaseAnswer:
        ask = LeaseAsk(
            ask_id or f"ask-{next(self._numbers)}",
            team_id,
            key_id,
            None,
            lease_id,
            amount,
            amount if least is None else least,
            budgets,
        )
        async with self.book() as book:
            return (await book.leases.take(gateway, [ask]))[0]

    async def lease(self, amount: int, **how: Any) -> Leased:
        answer = await self.take(amount, **how)
        assert isinstance(answer, Leased), answer
        return answer

    async def refusal(self, amount: int, **how: Any) -> LeaseRefused:
        answer = await self.take(amount, **how)
        assert isinstance(answer, LeaseRefused), answer
        return answer

    async def settle(
        self,
        *charges: Charge,
        ref: str | None = None,
        budgets: Mapping[str, Budgets] | None = None,
    ) -> Settled:
        async def budgets_of(_charges: Sequence[Charge]) -> Mapping[str, Budgets]:
            return budgets or {}

        async with self.database.write() as session:
            book = Book(SqlLedgerRows(session), self.clock, self.new_id)
            await book.settlements.mark_billing(True)
            await SqlEventLog(session).ingest([record_of(c) for c in charges])
            settled = await book.settlements.settle(
                charges, ref or f"push-{next(self._numbers)}", budgets_of
            )
            await session.commit()
        return settled


def record_of(charge: Charge) -> CloseRecord:
    return closed(
        0,
        id=charge.request_id,
        team_id=charge.team_id,
        key_id=charge.key_id,
        cost_nanos=charge.amount,
        ending=Ending(charge.ending),
    )


def charge(
    number: int,
    amount: int,
    lease_id: str = "",
    *,
    team_id: str = TEAM,
    key_id: str = KEY,
    **how: Any,
) -> Charge:
    made = Charge(
        request_id=f"gen_{number:032x}",
        team_id=team_id,
        key_id=key_id,
        user_id=None,
        lease_id=lease_id,
        amount=amount,
        fee=0,
        provider="acme",
        provider_cost=0,
        cost_known=True,
        ending="completed",
        started_at_ns=1_764_000_000_000_000_000,
    )
    return made._replace(**how)


def budget(
    limit: int,
    at_ns: int,
    *,
    period: BudgetPeriod = BudgetPeriod.DAY,
    scope: BudgetScope = BudgetScope.TEAM,
    mode: BudgetMode = BudgetMode.BLOCK,
    budget_id: str = "bud_1",
    team_id: str = TEAM,
) -> BudgetRow:
    span = span_of(period, at_ns)
    return BudgetRow(
        budget_id=budget_id,
        team_id=team_id,
        scope=scope,
        subject_id=team_id if scope is BudgetScope.TEAM else KEY,
        period=period,
        starts_at_ns=span.starts_at_ns,
        ends_at_ns=span.ends_at_ns,
        limit_nanos=limit,
        mode=mode,
    )
