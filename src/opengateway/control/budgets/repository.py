"""Every query on `budgets`. Nothing here decides anything."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from sqlalchemy import delete, func, select

from opengateway.control.budgets.models import Budget
from opengateway.kit.db import AsyncSession


class BudgetRepository:
    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def add(self, budget: Budget) -> None:
        """Write it now, so that a broken constraint is found here and not at the commit."""
        self._session.add(budget)
        await self._session.flush()

    async def get(self, team_id: str, budget_id: str) -> Budget | None:
        statement = select(Budget).where(Budget.team_id == team_id, Budget.id == budget_id)
        return await self._session.scalar(statement)

    async def delete(self, budget: Budget) -> None:
        await self._session.delete(budget)
        await self._session.flush()

    async def count(self, team_id: str) -> int:
        statement = select(func.count()).where(Budget.team_id == team_id)
        return await self._session.scalar(statement) or 0

    async def list_for_team(self, team_id: str, *, after: str, limit: int) -> Sequence[Budget]:
        """By id, which is by age. Scoped by team: an unscoped listing does not exist."""
        statement = (
            select(Budget)
            .where(Budget.team_id == team_id, Budget.id > after)
            .order_by(Budget.id)
            .limit(limit)
        )
        return (await self._session.scalars(statement)).all()

    async def of_subjects(
        self, team_ids: Collection[str], subject_ids: Collection[str]
    ) -> Sequence[Budget]:
        """The budgets of these teams that are on one of these keys, members or teams."""
        statement = (
            select(Budget)
            .where(Budget.team_id.in_(team_ids), Budget.subject_id.in_(subject_ids))
            .order_by(Budget.id)
        )
        return (await self._session.scalars(statement)).all()

    async def on_subject(self, team_id: str, subject_id: str) -> Sequence[Budget]:
        statement = select(Budget).where(Budget.team_id == team_id, Budget.subject_id == subject_id)
        return (await self._session.scalars(statement)).all()

    async def forget_subject(self, team_id: str, subject_id: str) -> None:
        """Delete what was set on a key or member that is gone."""
        await self._session.execute(
            delete(Budget).where(Budget.team_id == team_id, Budget.subject_id == subject_id)
        )
