"""Every query on `sessions`. Nothing here decides anything."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sqlalchemy import BigInteger, bindparam, delete, or_, select, update

from opengateway.control.sessions.models import Session
from opengateway.kit.db import AsyncSession


class SessionRepository:
    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def add(self, row: Session) -> None:
        self._session.add(row)
        await self._session.flush()

    async def by_digest(self, digest: str) -> Session | None:
        return await self._session.scalar(select(Session).where(Session.token_digest == digest))

    async def of_user(self, user_id: str) -> Sequence[Session]:
        """Newest first."""
        statement = (
            select(Session).where(Session.user_id == user_id).order_by(Session.created_at_ns.desc())
        )
        return (await self._session.scalars(statement)).all()

    async def remove(self, user_id: str, session_id: str) -> bool:
        """False when the user has no such session."""
        statement = (
            delete(Session)
            .where(Session.id == session_id, Session.user_id == user_id)
            .returning(Session.id)
        )
        return await self._session.scalar(statement) is not None

    async def remove_all(self, user_id: str, *, but: str | None) -> None:
        statement = delete(Session).where(Session.user_id == user_id)
        if but is not None:
            statement = statement.where(Session.id != but)
        await self._session.execute(statement)

    async def step_up(self, session_id: str, at_ns: int) -> None:
        await self._session.execute(
            update(Session).where(Session.id == session_id).values(step_up_at_ns=at_ns)
        )

    async def mark_seen(self, seen: Mapping[str, int]) -> None:
        at = bindparam("at", type_=BigInteger())
        statement = (
            update(Session)
            .where(Session.id == bindparam("session"), Session.seen_at_ns < at)
            .values(seen_at_ns=at)
        )
        connection = await self._session.connection()
        rows = [{"session": key, "at": at_ns} for key, at_ns in seen.items()]
        await connection.execute(statement, rows)

    async def prune(self, now_ns: int, seen_before_ns: int) -> None:
        """Remove what can never be used again."""
        over = or_(Session.expires_at_ns <= now_ns, Session.seen_at_ns < seen_before_ns)
        await self._session.execute(delete(Session).where(over))
