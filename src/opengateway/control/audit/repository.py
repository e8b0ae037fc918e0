"""Every query on `audit_log`. Nothing here decides anything."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from opengateway.control.audit.models import AuditEntry
from opengateway.kit.db import AsyncSession, Turn, take_turn_now

PAGE = 2_000


class AuditRepository:
    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def page(
        self, zone: str, *, team_id: str | None, before: int | None, limit: int
    ) -> Sequence[AuditEntry]:
        """Newest first, of one team, or with None of the whole zone: platform roles only."""
        statement = select(AuditEntry).where(AuditEntry.zone == zone)
        if team_id is not None:
            statement = statement.where(AuditEntry.team_id == team_id)
        if before is not None:
            statement = statement.where(AuditEntry.seq < before)
        found = await self._session.scalars(statement.order_by(AuditEntry.seq.desc()).limit(limit))
        return found.all()

    async def whole(self, zone: str) -> AsyncIterator[AuditEntry]:
        """Every entry of the zone, oldest first, read in pages: the log may be large."""
        after = 0
        while True:
            statement = (
                select(AuditEntry)
                .where(AuditEntry.zone == zone, AuditEntry.seq > after)
                .order_by(AuditEntry.seq)
                .limit(PAGE)
            )
            rows = (await self._session.scalars(statement)).all()
            for row in rows:
                yield row
            if len(rows) < PAGE:
                return
            after = rows[-1].seq
            self._session.expunge_all()

    async def numbered(self, zone: str, every: int) -> Sequence[AuditEntry]:
        """The entries whose number is a multiple of `every`."""
        statement = select(AuditEntry).where(AuditEntry.zone == zone, AuditEntry.seq % every == 0)
        return (await self._session.scalars(statement)).all()


def last_place(session: Session, zone: str) -> tuple[int, str] | None:
    """Number and hash of the newest entry, None when there is none; nobody writes after it until
    this transaction ends.
    """
    take_turn_now(session, Turn.AUDIT)
    row = session.execute(
        select(AuditEntry.seq, AuditEntry.hash)
        .where(AuditEntry.zone == zone)
        .order_by(AuditEntry.seq.desc())
        .limit(1)
    ).first()
    return None if row is None else (row.seq, row.hash)
