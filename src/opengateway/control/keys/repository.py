"""Every query on `api_keys`. Nothing here decides anything."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sqlalchemy import BigInteger, bindparam, func, or_, select, update

from opengateway.control.keys.models import ApiKey
from opengateway.kit.db import AsyncSession


class KeyRepository:
    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def add(self, key: ApiKey) -> None:
        """Write it now, so that a broken constraint is found here and not at the commit."""
        self._session.add(key)
        await self._session.flush()

    async def any(self) -> bool:
        """Whether there is, or ever was, a key."""
        return await self._session.scalar(select(ApiKey.id).limit(1)) is not None

    async def get(self, key_id: str) -> ApiKey | None:
        """Not scoped by team: for the operator's socket only."""
        return await self._session.get(ApiKey, key_id)

    async def count_live(self, team_id: str) -> int:
        statement = select(func.count()).where(
            ApiKey.team_id == team_id, ApiKey.revoked_at_ns.is_(None)
        )
        return await self._session.scalar(statement) or 0

    async def list_for_team(self, team_id: str, *, after: str, limit: int) -> Sequence[ApiKey]:
        """By id, which is by age. Scoped by team: an unscoped listing does not exist."""
        statement = (
            select(ApiKey)
            .where(ApiKey.team_id == team_id, ApiKey.id > after)
            .order_by(ApiKey.id)
            .limit(limit)
        )
        return (await self._session.scalars(statement)).all()

    async def not_revoked(self) -> Sequence[ApiKey]:
        """Every key that gateways must know, of all teams: the key table."""
        statement = select(ApiKey).where(ApiKey.revoked_at_ns.is_(None))
        return (await self._session.scalars(statement)).all()

    async def mark_used(self, used_at_ns: Mapping[str, int], *, at_least_ns: int) -> None:
        """Move `last_used_at_ns` on where that is by `at_least_ns` or more."""
        seen = bindparam("seen", type_=BigInteger())
        statement = (
            update(ApiKey)
            .where(
                ApiKey.id == bindparam("key"),
                or_(
                    ApiKey.last_used_at_ns.is_(None),
                    ApiKey.last_used_at_ns <= seen - at_least_ns,
                ),
            )
            .values(last_used_at_ns=seen)
        )
        connection = await self._session.connection()
        rows = [{"key": key, "seen": at_ns} for key, at_ns in used_at_ns.items()]
        await connection.execute(statement, rows)
