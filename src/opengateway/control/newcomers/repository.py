"""Every query on newcomers. Nothing here decides anything."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import delete, select
from sqlalchemy.dialects.postgresql import insert as postgres_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert

from opengateway.control.newcomers.models import AbuseAlert, FreeTeam, Sighting, WelcomeCredit
from opengateway.kit.db import AsyncSession


class NewcomerRepository:
    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def _insert_new(self, table: Any, values: dict[str, Any], column: Any) -> bool:
        """Whether it was new. Another transaction that adds the same is waited for."""
        postgres = self._session.get_bind().dialect.name == "postgresql"
        insert: Any = postgres_insert if postgres else sqlite_insert
        statement = insert(table).values(values).on_conflict_do_nothing().returning(column)
        return await self._session.scalar(statement) is not None

    async def add_welcome(self, values: dict[str, Any]) -> bool:
        return await self._insert_new(WelcomeCredit, values, WelcomeCredit.identity)

    async def add_free(self, team: FreeTeam) -> None:
        self._session.add(team)
        await self._session.flush()

    async def free_teams(self, after: str, limit: int) -> Sequence[FreeTeam]:
        statement = (
            select(FreeTeam)
            .where(FreeTeam.lifted_at_ns.is_(None), FreeTeam.team_id > after)
            .order_by(FreeTeam.team_id)
            .limit(limit)
        )
        return (await self._session.scalars(statement)).all()

    async def free_team(self, team_id: str) -> FreeTeam | None:
        statement = select(FreeTeam).where(FreeTeam.team_id == team_id).with_for_update()
        return await self._session.scalar(statement)

    async def add_sighting(self, mark: str, team_id: str, at_ns: int) -> bool:
        values = {"mark": mark, "team_id": team_id, "at_ns": at_ns}
        return await self._insert_new(Sighting, values, Sighting.mark)

    async def teams_of(self, mark: str, since_ns: int, limit: int) -> Sequence[str]:
        statement = (
            select(Sighting.team_id)
            .where(Sighting.mark == mark, Sighting.at_ns >= since_ns)
            .order_by(Sighting.at_ns, Sighting.team_id)
            .limit(limit)
        )
        return (await self._session.scalars(statement)).all()

    async def prune(self, before_ns: int) -> None:
        await self._session.execute(
            delete(Sighting)
            .where(Sighting.at_ns < before_ns)
            .execution_options(synchronize_session=False)
        )

    async def add_alert(self, values: dict[str, Any]) -> bool:
        return await self._insert_new(AbuseAlert, values, AbuseAlert.id)

    async def alert_of(self, mark: str) -> AbuseAlert | None:
        statement = select(AbuseAlert).where(AbuseAlert.mark == mark).with_for_update()
        return await self._session.scalar(statement)

    async def alert(self, alert_id: str) -> AbuseAlert | None:
        return await self._session.get(AbuseAlert, alert_id)

    async def alerts(self, *, status: str | None, before: str, limit: int) -> Sequence[AbuseAlert]:
        """Newest first."""
        statement = select(AbuseAlert)
        if status is not None:
            statement = statement.where(AbuseAlert.status == status)
        if before:
            statement = statement.where(AbuseAlert.id < before)
        return (
            await self._session.scalars(statement.order_by(AbuseAlert.id.desc()).limit(limit))
        ).all()
