"""Every query on `invitations`. Nothing here decides anything."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import func, select

from opengateway.control.invitations.models import Invitation
from opengateway.kit.db import AsyncSession

_WAITS = (Invitation.accepted_at_ns.is_(None), Invitation.revoked_at_ns.is_(None))


class InvitationRepository:
    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def add(self, invitation: Invitation) -> None:
        """Write it now, so that a broken constraint is found here and not at the commit."""
        self._session.add(invitation)
        await self._session.flush()

    async def locked(self, team_id: str, invitation_id: str) -> Invitation | None:
        """One of the team's, which nobody else changes until this transaction ends."""
        statement = (
            select(Invitation)
            .where(Invitation.team_id == team_id, Invitation.id == invitation_id)
            .with_for_update()
            .execution_options(populate_existing=True)
        )
        return await self._session.scalar(statement)

    async def by_digest(self, digest: str, *, lock: bool) -> Invitation | None:
        statement = select(Invitation).where(Invitation.digest == digest)
        if lock:
            statement = statement.with_for_update().execution_options(populate_existing=True)
        return await self._session.scalar(statement)

    async def waiting_for(self, team_id: str, email: str) -> Invitation | None:
        """The one that is neither taken nor revoked; it may have expired."""
        statement = select(Invitation).where(
            Invitation.team_id == team_id, Invitation.email == email, *_WAITS
        )
        return await self._session.scalar(statement)

    async def count_waiting(self, team_id: str, now_ns: int) -> int:
        statement = select(func.count()).where(
            Invitation.team_id == team_id, Invitation.expires_at_ns > now_ns, *_WAITS
        )
        return await self._session.scalar(statement) or 0

    async def page(self, team_id: str, *, after: str, limit: int) -> Sequence[Invitation]:
        """A team's invitations, oldest first, past ones included."""
        statement = (
            select(Invitation)
            .where(Invitation.team_id == team_id, Invitation.id > after)
            .order_by(Invitation.id)
            .limit(limit)
        )
        return (await self._session.scalars(statement)).all()
