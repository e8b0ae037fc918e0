"""Which budgets a key's spending counts on, in their periods at one moment.

What leases ask before they take money (`control/leases`), so it is one query for a whole batch.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from opengateway.control.budgets.models import Budget
from opengateway.control.budgets.repository import BudgetRepository
from opengateway.domain.budgets import (
    BudgetMode,
    BudgetPeriod,
    BudgetRow,
    BudgetScope,
    BudgetSubject,
    period_of_reset,
    span_of,
)
from opengateway.kit.db import AsyncSession


class BudgetRows:
    """Reads the definitions in the caller's transaction."""

    def __init__(self, session: AsyncSession) -> None:
        self._budgets = BudgetRepository(session)

    async def rows_for(self, subject: BudgetSubject, at_ns: int) -> Sequence[BudgetRow]:
        """Every row that the key's spending at `at_ns` counts on, sorted by `id`.

        The balance is not among them. A row of mode `alert` is counted and never refuses.
        """
        return (await self.rows_for_all((subject,), at_ns))[0]

    async def rows_for_all(
        self, subjects: Sequence[BudgetSubject], at_ns: int
    ) -> Sequence[Sequence[BudgetRow]]:
        """The same for many keys at once, in their order."""
        teams = {s.team_id for s in subjects}
        ids = {i for s in subjects for i in (s.key_id, s.user_id, s.team_id) if i is not None}
        found: dict[tuple[str, str], list[Budget]] = {}
        for budget in await self._budgets.of_subjects(teams, ids) if subjects else ():
            found.setdefault((budget.team_id, budget.subject_id), []).append(budget)
        return [sorted(_rows(s, found, at_ns), key=lambda row: row.id) for s in subjects]


def _rows(
    subject: BudgetSubject, found: dict[tuple[str, str], list[Budget]], at_ns: int
) -> Iterable[BudgetRow]:
    for subject_id in (subject.key_id, subject.user_id, subject.team_id):
        if subject_id is not None:
            for budget in found.get((subject.team_id, subject_id), ()):
                yield row_of(budget, at_ns)
    if subject.limit_nanos is not None:
        yield own_limit_row(subject, subject.limit_nanos, at_ns)


def row_of(budget: Budget, at_ns: int) -> BudgetRow:
    """A budget in the period of `at_ns`."""
    period = BudgetPeriod(budget.period)
    span = span_of(period, at_ns)
    return BudgetRow(
        budget_id=budget.id,
        team_id=budget.team_id,
        scope=BudgetScope(budget.scope),
        subject_id=budget.subject_id,
        period=period,
        starts_at_ns=span.starts_at_ns,
        ends_at_ns=span.ends_at_ns,
        limit_nanos=budget.limit_nanos,
        mode=BudgetMode(budget.mode),
    )


def own_limit_row(subject: BudgetSubject, limit_nanos: int, at_ns: int) -> BudgetRow:
    """A key's own limit as a budget; it always refuses."""
    period = period_of_reset(subject.limit_reset)
    span = span_of(period, at_ns)
    return BudgetRow(
        budget_id=subject.key_id,
        team_id=subject.team_id,
        scope=BudgetScope.KEY,
        subject_id=subject.key_id,
        period=period,
        starts_at_ns=span.starts_at_ns,
        ends_at_ns=span.ends_at_ns,
        limit_nanos=limit_nanos,
        mode=BudgetMode.BLOCK,
        own_limit=True,
    )
