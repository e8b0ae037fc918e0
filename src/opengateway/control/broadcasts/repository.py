"""Every query on `broadcasts`."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import select

from opengateway.control.broadcasts.models import Broadcast
from opengateway.control.teams.models import Team
from opengateway.kit.db import AsyncSession


class BroadcastRepository:
    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def add(self, broadcast: Broadcast) -> None:
        self._session.add(broadcast)
        await self._session.flush()

    async def of_team(self, team_id: str) -> Sequence[Broadcast]:
        statement = select(Broadcast).where(Broadcast.team_id == team_id).order_by(Broadcast.id)
        return (await self._session.scalars(statement)).all()

    async def get(self, team_id: str, broadcast_id: str) -> Broadcast | None:
        statement = select(Broadcast).where(
            Broadcast.id == broadcast_id, Broadcast.team_id == team_id
        )
        return await self._session.scalar(statement)

    async def remove(self, broadcast: Broadcast) -> None:
        await self._session.delete(broadcast)
        await self._session.flush()

    async def due(self, now_ns: int, limit: int) -> Sequence[Broadcast]:
        """Of living teams; locked, where the store has several writers."""
        statement = (
            select(Broadcast)
            .join(Team, Team.id == Broadcast.team_id)
            .where(
                Broadcast.next_attempt_ns <= now_ns,
                Broadcast.disabled.is_(False),
                Team.deleted_at_ns.is_(None),
            )
            .order_by(Broadcast.next_attempt_ns)
            .limit(limit)
            .with_for_update(skip_locked=True, of=Broadcast)
        )
        return (await self._session.scalars(statement)).all()

    async def by_id(self, broadcast_id: str) -> Broadcast | None:
        return await self._session.get(Broadcast, broadcast_id)
