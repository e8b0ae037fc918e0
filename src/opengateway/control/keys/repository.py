"""Every query on `api_keys`. Nothing here decides anything."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Final

from sqlalchemy import Select, func, or_, select

from opengateway.control.keys.models import ApiKey
from opengateway.kit import bulk
from opengateway.kit.db import AsyncSession

_USED: Final = bulk.Sql(
    "UPDATE api_keys SET last_used_at_ns = ?"
    " WHERE id = ? AND (last_used_at_ns IS NULL OR last_used_at_ns < ?)"
)


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

    async def of_ids(self, key_ids: Collection[str]) -> Sequence[ApiKey]:
        """Of any team: for what gateways ask in the name of their callers."""
        statement = select(ApiKey).where(ApiKey.id.in_(key_ids))
        return (await self._session.scalars(statement)).all()

    async def in_team(self, team_id: str, key_id: str) -> ApiKey | None:
        found: ApiKey | None = await self._session.scalar(self._one(team_id, key_id))
        return found

    async def locked(self, team_id: str, key_id: str) -> ApiKey | None:
        """The same, and nobody else changes the key until this transaction ends."""
        statement = self._one(team_id, key_id).with_for_update()
        found: ApiKey | None = await self._session.scalar(
            statement.execution_options(populate_existing=True)
        )
        return found

    async def live_locked(self, team_id: str) -> Sequence[ApiKey]:
        """All of a team's that are not revoked, locked in the order of their ids."""
        statement = (
            select(ApiKey)
            .where(ApiKey.team_id == team_id, ApiKey.revoked_at_ns.is_(None))
            .order_by(ApiKey.id)
            .with_for_update()
            .execution_options(populate_existing=True)
        )
        return (await self._session.scalars(statement)).all()

    async def live_of_maker(self, team_id: str, user_id: str, name: str) -> Sequence[ApiKey]:
        """The keys of this name that a member of the team made, oldest first."""
        statement = (
            select(ApiKey)
            .where(
                ApiKey.team_id == team_id,
                ApiKey.created_by == user_id,
                ApiKey.name == name,
                ApiKey.kind == "inference",
                ApiKey.revoked_at_ns.is_(None),
            )
            .order_by(ApiKey.id)
            .limit(100)
        )
        return (await self._session.scalars(statement)).all()

    async def by_digest(self, digest: str) -> ApiKey | None:
        """The key whose secret, or whose secret before the last rotation, has this digest."""
        statement = select(ApiKey).where(or_(ApiKey.digest == digest, ApiKey.old_digest == digest))
        return await self._session.scalar(statement)

    @staticmethod
    def _one(team_id: str, key_id: str) -> Select[ApiKey]:
        return select(ApiKey).where(ApiKey.team_id == team_id, ApiKey.id == key_id)

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

    async def mark_used(self, used_at_ns: Mapping[str, int]) -> None:
        """Move `last_used_at_ns` on where that is earlier. It is no change of the key."""
        rows = [(at_ns, key, at_ns) for key, at_ns in sorted(used_at_ns.items())]
        await bulk.run(self._session, [_USED.each(rows)])
