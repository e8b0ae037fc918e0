"""What the budget routes take and give."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from opengateway.control.budgets.models import Budget
from opengateway.control.budgets.rows import row_of
from opengateway.control.budgets.service import MAX_NANOS
from opengateway.domain.budgets import BudgetMode, BudgetPeriod, BudgetScope
from opengateway.ports.ledger_rows import PeriodRow

Limit = Field(ge=0, le=MAX_NANOS, description="Nano-dollars.", examples=[25_000_000_000])


class NewBudget(BaseModel):
    model_config = ConfigDict(extra="forbid")

    scope: BudgetScope
    subject_id: str | None = Field(
        None,
        max_length=64,
        description="The key's or the user's id; leave it out for the team's own budget.",
        examples=[None],
    )
    period: BudgetPeriod
    limit_nanos: int = Limit
    mode: BudgetMode = BudgetMode.BLOCK


class BudgetChange(BaseModel):
    """What is left out stays."""

    model_config = ConfigDict(extra="forbid")

    limit_nanos: int | None = Field(None, ge=0, le=MAX_NANOS, examples=[50_000_000_000])
    mode: BudgetMode | None = None


class BudgetView(BaseModel):
    """A budget, and where it stands in its present period. Times are Unix nanoseconds, UTC."""

    id: str
    team_id: str
    scope: BudgetScope
    subject_id: str
    period: BudgetPeriod
    limit_nanos: int
    mode: BudgetMode
    version: int
    created_at_ns: int
    updated_at_ns: int
    period_starts_at_ns: int
    period_ends_at_ns: int | None
    spent_nanos: int
    leased_nanos: int
    """Set aside for requests that may run now."""

    @classmethod
    def of(cls, budget: Budget, at_ns: int, stand: PeriodRow | None) -> BudgetView:
        row = row_of(budget, at_ns)
        return cls(
            id=budget.id,
            team_id=budget.team_id,
            scope=row.scope,
            subject_id=budget.subject_id,
            period=row.period,
            limit_nanos=budget.limit_nanos,
            mode=row.mode,
            version=budget.version,
            created_at_ns=budget.created_at_ns,
            updated_at_ns=budget.updated_at_ns,
            period_starts_at_ns=row.starts_at_ns,
            period_ends_at_ns=row.ends_at_ns,
            spent_nanos=0 if stand is None else stand.spent,
            leased_nanos=0 if stand is None else stand.leased,
        )


class BudgetPage(BaseModel):
    data: list[BudgetView]
    next: str | None
    """Give it as `after` for what follows; null at the end."""
