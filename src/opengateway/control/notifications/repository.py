"""Every query on notifications and alerts. Nothing here decides anything."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from sqlalchemy import delete, func, select

from opengateway.control.notifications.models import (
    AlertSettings,
    AlertState,
    Notification,
    NotificationMark,
)
from opengateway.kit.db import AsyncSession


class NotificationRepository:
    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def add(self, row: Notification | NotificationMark | AlertSettings | AlertState) -> None:
        """Write it now, so that a broken constraint is found here and not at the commit."""
        self._session.add(row)
        await self._session.flush()

    async def page(self, team_id: str, *, before: str, limit: int) -> Sequence[Notification]:
        """Newest first; `before` is an id, "" for the newest."""
        statement = select(Notification).where(Notification.team_id == team_id)
        if before:
            statement = statement.where(Notification.id < before)
        statement = statement.order_by(Notification.id.desc()).limit(limit)
        return (await self._session.scalars(statement)).all()

    async def unread(self, team_id: str, read_up_to: str, at_most: int) -> int:
        newer = (
            select(Notification.id)
            .where(Notification.team_id == team_id, Notification.id > read_up_to)
            .limit(at_most)
        )
        return await self._session.scalar(select(func.count()).select_from(newer.subquery())) or 0

    async def mark(self, team_id: str, user_id: str) -> NotificationMark | None:
        return await self._session.get(NotificationMark, (team_id, user_id))

    async def settings(self, team_id: str) -> AlertSettings | None:
        return await self._session.get(AlertSettings, team_id)

    async def settings_of(self, team_ids: Collection[str]) -> Sequence[AlertSettings]:
        statement = select(AlertSettings).where(AlertSettings.team_id.in_(team_ids))
        return (await self._session.scalars(statement)).all()

    async def states(self, subjects: Collection[str]) -> Collection[tuple[str, str]]:
        """The alerts that stand, as (subject, level)."""
        statement = select(AlertState.subject, AlertState.level).where(
            AlertState.subject.in_(subjects)
        )
        return {(row[0], row[1]) for row in await self._session.execute(statement)}

    async def clear(self, subject: str, level: str) -> None:
        await self._session.execute(
            delete(AlertState).where(AlertState.subject == subject, AlertState.level == level)
        )

    async def prune(self, *, notified_before_ns: int, alerted_before_ns: int) -> None:
        """Forget what nobody asks for any more. A low balance's alert is never forgotten so."""
        await self._session.execute(
            delete(Notification).where(Notification.created_at_ns < notified_before_ns)
        )
        await self._session.execute(
            delete(AlertState).where(
                AlertState.at_ns < alerted_before_ns,
                AlertState.subject.not_like("balance:%"),
                AlertState.subject.not_like("%/lifetime/%"),
            )
        )
