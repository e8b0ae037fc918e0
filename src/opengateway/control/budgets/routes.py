"""Budgets over HTTP."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Response

from opengateway.control.access import permits
from opengateway.control.actor import CurrentActor
from opengateway.control.budgets.models import Budget
from opengateway.control.budgets.rows import row_of
from opengateway.control.budgets.schemas import BudgetChange, BudgetPage, BudgetView, NewBudget
from opengateway.control.budgets.service import BudgetService
from opengateway.control.conditions import IfMatch, show_version
from opengateway.control.paging import After, Limit, cursor, following, place_of
from opengateway.control.scope import ControlScope, Scope

router = APIRouter(tags=["budgets"])


async def _budget_service(scope: Scope, actor: CurrentActor) -> BudgetService:
    return BudgetService(scope, actor)


Budgets = Annotated[BudgetService, Depends(_budget_service)]


@router.get("/teams/{team_id}/budgets", openapi_extra=permits("budgets.read"))
async def list_budgets(
    team_id: str, budgets: Budgets, scope: Scope, after: After = "", limit: Limit = 100
) -> BudgetPage:
    """The team's budgets, oldest first, each with what was spent in its present period."""
    found = await budgets.list(team_id, after=place_of(after), limit=limit)
    last = following(found, limit)
    return BudgetPage(
        data=await _views(scope, *found), next=None if last is None else cursor(last.id)
    )


@router.post("/teams/{team_id}/budgets", status_code=201, openapi_extra=permits("budgets.write"))
async def create_budget(
    team_id: str, wanted: NewBudget, budgets: Budgets, scope: Scope, response: Response
) -> BudgetView:
    """Limit what the team, one member or one key spends in a day, a week, a month, or ever.

    Periods follow UTC; weeks begin on Monday. All budgets that apply are checked, and a refusal
    names the broadest.
    """
    made = await budgets.create(
        team_id,
        scope=wanted.scope,
        subject_id=wanted.subject_id,
        period=wanted.period,
        limit_nanos=wanted.limit_nanos,
        mode=wanted.mode,
    )
    show_version(response, made.version)
    return (await _views(scope, made))[0]


@router.get("/teams/{team_id}/budgets/{budget_id}", openapi_extra=permits("budgets.read"))
async def get_budget(
    team_id: str, budget_id: str, budgets: Budgets, scope: Scope, response: Response
) -> BudgetView:
    budget = await budgets.get(team_id, budget_id)
    show_version(response, budget.version)
    return (await _views(scope, budget))[0]


@router.patch("/teams/{team_id}/budgets/{budget_id}", openapi_extra=permits("budgets.write"))
async def change_budget(
    team_id: str,
    budget_id: str,
    change: BudgetChange,
    budgets: Budgets,
    scope: Scope,
    response: Response,
    if_match: IfMatch = None,
) -> BudgetView:
    """Change the limit or the mode. What was spent in the period counts on."""
    budget = await budgets.change(
        team_id, budget_id, limit_nanos=change.limit_nanos, mode=change.mode, if_match=if_match
    )
    show_version(response, budget.version)
    return (await _views(scope, budget))[0]


@router.delete(
    "/teams/{team_id}/budgets/{budget_id}", status_code=204, openapi_extra=permits("budgets.write")
)
async def delete_budget(
    team_id: str, budget_id: str, budgets: Budgets, if_match: IfMatch = None
) -> None:
    await budgets.delete(team_id, budget_id, if_match=if_match)


async def _views(scope: ControlScope, *budgets: Budget) -> list[BudgetView]:
    now_ns = scope.clock.now_ns()
    rows = {budget.id: row_of(budget, now_ns).id for budget in budgets}
    stands = await scope.ledger.statements.periods(list(rows.values())) if rows else {}
    return [BudgetView.of(b, now_ns, stands.get(rows[b.id])) for b in budgets]
