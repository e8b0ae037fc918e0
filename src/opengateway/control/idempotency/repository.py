"""Every query on `idempotency_keys`. Nothing here decides anything."""

from __future__ import annotations

from sqlalchemy import delete, select

from opengateway.control.idempotency.models import KeptAnswer
from opengateway.kit.db import AsyncSession


class KeptAnswers:
    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def find(self, scope: str, key: str, now_ns: int) -> KeptAnswer | None:
        """The answer that is still kept."""
        statement = select(KeptAnswer).where(
            KeptAnswer.scope == scope, KeptAnswer.key == key, KeptAnswer.expires_at_ns > now_ns
        )
        return await self._session.scalar(statement)

    async def add(self, answer: KeptAnswer, now_ns: int) -> None:
        """Write it now; a twin that was committed meanwhile is found here. What is old goes."""
        await self._session.execute(delete(KeptAnswer).where(KeptAnswer.expires_at_ns <= now_ns))
        self._session.add(answer)
        await self._session.flush()
