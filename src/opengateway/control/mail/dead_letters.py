"""Letters that were refused, or that nobody could send in time: kept for a while, for people to see."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from sqlalchemy import delete, func, select, update

from opengateway.control.mail.models import OutgoingMail
from opengateway.control.scope import ControlScope
from opengateway.domain.errors import Conflict, NotFound
from opengateway.kit.db import AsyncSession

KEPT_NS: Final = 30 * 86_400 * 1_000_000_000
MOST: Final = 1_000
"""The newest are kept."""
TOO_LATE: Final = "its time is over"


class LetterNotFound(NotFound):
    code = "letter_not_found"


class DeadLetters:
    """The caller owns the transaction."""

    def __init__(self, scope: ControlScope) -> None:
        self._session = scope.session
        self._now_ns = scope.clock.now_ns()

    async def page(self, *, before: str, limit: int) -> Sequence[OutgoingMail]:
        """Newest first."""
        statement = select(OutgoingMail).where(OutgoingMail.failed_at_ns.is_not(None))
        if before:
            statement = statement.where(OutgoingMail.id < before)
        statement = statement.order_by(OutgoingMail.id.desc()).limit(limit)
        return (await self._session.scalars(statement)).all()

    async def retry(self, letter_id: str) -> OutgoingMail:
        """Send it with the next ones. Raises `LetterNotFound`; `Conflict` where it says nothing any
        more: a link that it held is worth nothing by now."""
        row = await self._dead(letter_id)
        if row.expires_at_ns <= self._now_ns or not row.sealed:
            raise Conflict("its time is over: what it said is gone; have it asked for again")
        row.failed_at_ns, row.next_at_ns, row.attempts = None, self._now_ns, 0
        await self._session.flush()
        return row

    async def discard(self, letter_id: str) -> None:
        """Raises `LetterNotFound`."""
        await self._session.delete(await self._dead(letter_id))
        await self._session.flush()

    async def count(self) -> int:
        statement = select(func.count()).where(OutgoingMail.failed_at_ns.is_not(None))
        return await self._session.scalar(statement) or 0

    async def _dead(self, letter_id: str) -> OutgoingMail:
        statement = (
            select(OutgoingMail)
            .where(OutgoingMail.id == letter_id, OutgoingMail.failed_at_ns.is_not(None))
            .with_for_update()
        )
        row = await self._session.scalar(statement)
        if row is None:
            raise LetterNotFound(f"there is no dead letter {letter_id!r}", param="letter_id")
        return row


async def bury(session: AsyncSession, now_ns: int) -> None:
    """What is too late is dead and says nothing any more; what was dead for long is forgotten."""
    failed_at_ns = OutgoingMail.failed_at_ns
    over = OutgoingMail.expires_at_ns <= now_ns
    await session.execute(
        update(OutgoingMail)
        .where(over, failed_at_ns.is_(None))
        .values(
            failed_at_ns=now_ns,
            last_error=func.coalesce(func.nullif(OutgoingMail.last_error, ""), TOO_LATE),
        )
        .execution_options(synchronize_session=False)
    )
    await session.execute(
        update(OutgoingMail)
        .where(over, func.length(OutgoingMail.sealed) > 0)
        .values(sealed=b"")
        .execution_options(synchronize_session=False)
    )
    newest = (
        select(OutgoingMail.id)
        .where(failed_at_ns.is_not(None))
        .order_by(OutgoingMail.id.desc())
        .limit(MOST)
    )
    await session.execute(
        delete(OutgoingMail)
        .where(
            failed_at_ns.is_not(None),
            (failed_at_ns <= now_ns - KEPT_NS) | OutgoingMail.id.not_in(newest),
        )
        .execution_options(synchronize_session=False)
    )
