"""Every query on `teams`. Nothing here decides anything."""

from __future__ import annotations

from sqlalchemy import select

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
        return await self._session.get(Team, team_id)

    async def by_name(self, name: str) -> Team | None:
        return await self._session.scalar(select(Team).where(Team.name == name))
