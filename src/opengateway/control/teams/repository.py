"""Every query on `teams`. Nothing here decides anything."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from sqlalchemy import func, or_, select

from opengateway.control.paging import contains
from opengateway.control.teams.models import Team
from opengateway.kit.db import AsyncSession


class TeamRepository:
    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def add(self, team: Team) -> None:
        """Write it now, so that a broken constraint is found here and not at the commit."""
        self._session.add(team)
        await self._session.flush()

    async def get(self, team_id: str) -> Team | None:
        """The team, deleted or not."""
        return await self._session.get(Team, team_id)

    async def of_ids(self, team_ids: Collection[str]) -> Sequence[Team]:
        """The teams, deleted or not."""
        return (await self._session.scalars(select(Team).where(Team.id.in_(team_ids)))).all()

    async def locked(self, team_id: str) -> Team | None:
        """The team, which nobody else changes until this transaction ends. SQLite has one writer."""
        statement = (
            select(Team)
            .where(Team.id == team_id)
            .with_for_update()
            .execution_options(populate_existing=True)
        )
        return await self._session.scalar(statement)

    async def by_handle(self, handle: str) -> Team | None:
        statement = select(Team).where(Team.handle == handle, Team.deleted_at_ns.is_(None))
        return await self._session.scalar(statement)

    async def named(self, name: str) -> Sequence[Team]:
        """At most two of the teams of this name: more than one means that a name does not tell."""
        statement = select(Team).where(Team.name == name, Team.deleted_at_ns.is_(None)).limit(2)
        return (await self._session.scalars(statement)).all()

    async def page(self, *, after: str, limit: int, search: str = "") -> Sequence[Team]:
        """Every team, deleted ones included, by id, or whose id or name has `search` in it. For
        platform roles and the operator alone."""
        statement = select(Team).where(Team.id > after)
        if search:
            like = contains(search)
            statement = statement.where(
                or_(Team.id == search, func.lower(Team.name).like(like, escape="!"))
            )
        return (await self._session.scalars(statement.order_by(Team.id).limit(limit))).all()
