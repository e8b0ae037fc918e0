"""Setting budgets. Which of them a key's spending counts on is `budgets/rows.py`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from sqlalchemy.exc import IntegrityError

from opengateway.control.actor import Actor
from opengateway.control.budgets.models import Budget
from opengateway.control.budgets.repository import BudgetRepository
from opengateway.control.budgets.rows import BudgetRows
from opengateway.control.conditions import must_match
from opengateway.control.keys.repository import KeyRepository
from opengateway.control.memberships.repository import MembershipRepository
from opengateway.control.scope import ControlScope
from opengateway.domain.budgets import BudgetMode, BudgetPeriod, BudgetScope
from opengateway.domain.errors import Conflict, InvalidRequest, NotFound

MAX_PER_TEAM: Final = 2_000
MAX_NANOS: Final = 2**53 - 1
"""Nine million dollars: the largest number that every JSON reader keeps exactly."""


class BudgetNotFound(NotFound):
    code = "budget_not_found"


class TooManyBudgets(Conflict):
    code = "too_many_budgets"


class BudgetExists(Conflict):
    code = "budget_exists"


class BudgetService:
    """Makes, changes and deletes budgets of one team. The caller owns the transaction."""

    def __init__(self, scope: ControlScope, actor: Actor) -> None:
        self._budgets = BudgetRepository(scope.session)
        self._scope = scope
        self._actor = actor

    async def create(
        self,
        team_id: str,
        *,
        scope: BudgetScope,
        subject_id: str | None,
        period: BudgetPeriod,
        limit_nanos: int,
        mode: BudgetMode,
    ) -> Budget:
        """Raises `InvalidRequest`, `NotFound` for a key or member not of the team, `BudgetExists`,
        `TooManyBudgets`."""
        subject = await self._subject(team_id, scope, subject_id)
        if await self._budgets.count(team_id) >= MAX_PER_TEAM:
            raise TooManyBudgets(f"the team has {MAX_PER_TEAM} budgets; delete what is not needed")
        now_ns = self._scope.clock.now_ns()
        budget = Budget(
            id=self._scope.new_id("bud_"),
            team_id=team_id,
            scope=scope.value,
            subject_id=subject,
            period=period.value,
            limit_nanos=_checked(limit_nanos),
            mode=mode.value,
            created_at_ns=now_ns,
            updated_at_ns=now_ns,
        )
        try:
            await self._budgets.add(budget)
        except IntegrityError as error:
            raise BudgetExists(
                f"there is a {period.value} budget of this mode on {subject!r} already; change it"
            ) from error
        await self._note("budget.created", budget, after=told(budget))
        return budget

    async def list(self, team_id: str, *, after: str, limit: int) -> Sequence[Budget]:
        return await self._budgets.list_for_team(team_id, after=after, limit=limit)

    async def get(self, team_id: str, budget_id: str) -> Budget:
        """Raises `BudgetNotFound`, for another team's budget too."""
        budget = await self._budgets.get(team_id, budget_id)
        if budget is None:
            raise BudgetNotFound(f"there is no budget {budget_id!r}", param="budget_id")
        return budget

    async def change(
        self,
        team_id: str,
        budget_id: str,
        *,
        limit_nanos: int | None,
        mode: BudgetMode | None,
        if_match: str | None,
    ) -> Budget:
        """What is None stays. Whose budget it is, and of which period, never changes: what was
        spent in a period would change its meaning.

        Raises `BudgetNotFound`, `BudgetExists`, `PreconditionFailed`.
        """
        budget = await self.get(team_id, budget_id)
        must_match(if_match, budget.version)
        before = told(budget)
        if limit_nanos is not None:
            budget.limit_nanos = _checked(limit_nanos)
        if mode is not None:
            budget.mode = mode.value
        if told(budget) == before:
            return budget
        budget.updated_at_ns = self._scope.clock.now_ns()
        try:
            await self._scope.session.flush()
        except IntegrityError as error:
            raise BudgetExists("there is a budget of this mode beside it; change that") from error
        await self._note("budget.changed", budget, before=before, after=told(budget))
        return budget

    async def delete(self, team_id: str, budget_id: str, *, if_match: str | None) -> None:
        """Raises `BudgetNotFound`, `PreconditionFailed`. What was spent stays in the ledger."""
        budget = await self.get(team_id, budget_id)
        must_match(if_match, budget.version)
        await self._budgets.delete(budget)
        await self._note("budget.deleted", budget, before=told(budget))

    async def _subject(self, team_id: str, scope: BudgetScope, subject_id: str | None) -> str:
        match scope:
            case BudgetScope.TEAM:
                if subject_id not in (None, team_id):
                    raise InvalidRequest(
                        "a team's budget is on the team itself; leave 'subject_id' out",
                        param="subject_id",
                    )
                return team_id
            case BudgetScope.KEY:
                key = await KeyRepository(self._scope.session).in_team(team_id, subject_id or "")
                if key is None:
                    raise NotFound(
                        f"there is no key {subject_id!r}",
                        code="key_not_found",
                        param="subject_id",
                    )
                return key.id
            case BudgetScope.MEMBER:
                members = MembershipRepository(self._scope.session)
                member = await members.get(team_id, subject_id or "")
                if member is None:
                    raise NotFound(
                        f"there is no member {subject_id!r}",
                        code="member_not_found",
                        param="subject_id",
                    )
                return member.user_id

    async def _note(
        self,
        action: str,
        budget: Budget,
        before: Mapping[str, Any] | None = None,
        after: Mapping[str, Any] | None = None,
    ) -> None:
        await self._scope.audit(
            self._actor,
            action,
            object_id=budget.id,
            before=before,
            after=after,
            team_id=budget.team_id,
        )


def told(budget: Budget) -> dict[str, Any]:
    """A budget as the audit log keeps it."""
    names = ("scope", "subject_id", "period", "limit_nanos", "mode")
    return {name: getattr(budget, name) for name in names}


def _checked(limit_nanos: int) -> int:
    if not 0 <= limit_nanos <= MAX_NANOS:
        raise InvalidRequest(
            f"'limit_nanos' must be from 0 to {MAX_NANOS} nano-dollars", param="limit_nanos"
        )
    return limit_nanos


__all__ = ["BudgetRows", "BudgetService"]
