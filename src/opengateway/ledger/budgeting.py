"""Budget periods as rows of the ledger: which rows a spending counts on, and what they still allow."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence

from opengateway.domain.budgets import BudgetMode, BudgetRow
from opengateway.ledger.sheet import Sheet
from opengateway.ports.ledger_rows import PeriodRow


def row_set_of(period_row_ids: Iterable[str]) -> tuple[str, tuple[str, ...]]:
    """The name of a set of rows, and the rows in their order; the name of none is empty."""
    ids = tuple(sorted(set(period_row_ids)))
    if not ids:
        return "", ()
    return "set_" + hashlib.sha256("\n".join(ids).encode()).hexdigest()[:32], ids


def remember_row_set(sheet: Sheet, budgets: Sequence[BudgetRow]) -> str:
    name, ids = row_set_of(b.id for b in budgets)
    if name and name not in sheet.locked.row_sets:
        sheet.locked.row_sets[name] = ids
        sheet.writes.row_sets[name] = ids
    return name


def current(sheet: Sheet, budget: BudgetRow) -> PeriodRow:
    """The row of a budget's period, made where it is new, with the limit that is in force now."""
    row = sheet.locked.periods.get(budget.id)
    if row is None:
        row = PeriodRow(
            id=budget.id,
            budget_id=budget.budget_id,
            team_id=budget.team_id,
            mode=budget.mode,
            limit_nanos=budget.limit_nanos,
            ceiling=budget.limit_nanos,
        )
        sheet.locked.periods[row.id] = row
        sheet.writes.periods.append(row)
    elif (row.mode, row.limit_nanos) != (budget.mode, budget.limit_nanos):
        began_to_block = row.mode is BudgetMode.ALERT and budget.mode is BudgetMode.BLOCK
        reached = row.spent - row.overrun + row.leased if began_to_block else row.ceiling
        row.mode, row.limit_nanos = budget.mode, budget.limit_nanos
        row.ceiling = max(budget.limit_nanos, reached)
        if row not in sheet.writes.periods:
            sheet.writes.periods.append(row)
    return row
