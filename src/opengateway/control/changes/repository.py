"""Every query on `changes`. Nothing here decides anything."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import delete, func, select

from opengateway.control.changes.models import Change
from opengateway.kit.db import AsyncSession, Turn, take_turn


class ChangeRepository:
    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def add(self, change: Change) -> int:
        """Write it now and return its number.

        On PostgreSQL, numbers follow each other without a hole, and are committed in their order:
        a sequence gives neither.
        """
        if self._session.get_bind().dialect.name == "postgresql":
            await take_turn(self._session, Turn.CHANGES)
            change.seq = await self.newest() + 1
        self._session.add(change)
        await self._session.flush()
        return change.seq

    async def after(self, seq: int, limit: int) -> Sequence[Change]:
        statement = select(Change).where(Change.seq > seq).order_by(Change.seq).limit(limit)
        return (await self._session.scalars(statement)).all()

    async def newest(self) -> int:
        """The highest number, 0 when nothing ever changed. The newest is never pruned."""
        return (await self._session.scalar(select(func.max(Change.seq)))) or 0

    async def oldest(self) -> int:
        """The lowest number still kept, 0 when there is none."""
        return (await self._session.scalar(select(func.min(Change.seq)))) or 0

    async def prune_up_to(self, seq: int) -> None:
        """Forget changes, but for the newest: the next number is counted on from it."""
        newest = select(func.max(Change.seq)).scalar_subquery()
        await self._session.execute(delete(Change).where(Change.seq <= seq, Change.seq < newest))
