"""Every query on `request_bodies`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, delete, func, select, tuple_

from opengateway.control.kept_bodies.models import RequestBody
from opengateway.control.teams.models import Team
from opengateway.control.users.models import User
from opengateway.domain.kept_body import SealedBody
from opengateway.domain.request_log import DAY_NS, Place
from opengateway.kit import bulk
from opengateway.kit.db import AsyncSession

_FIELDS = ("request_id", "team_id", "member_id", "started_at_ns", "kept_at_ns", "sealed")
_KEEP = bulk.Sql(
    f"INSERT INTO request_bodies ({', '.join(_FIELDS)}) VALUES (?, ?, ?, ?, ?, ?) "
    "ON CONFLICT (request_id) DO NOTHING"
)


class BodyRepository:
    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def add(self, bodies: Sequence[SealedBody], now_ns: int) -> None:
        """Those that are here already stay as they are."""
        rows = [
            (b.request_id, b.team_id, b.member_id, b.started_at_ns, now_ns, b.sealed)
            for b in bodies
        ]
        if rows:
            await bulk.run(self._session, [_KEEP.each(rows)])

    async def get(self, request_id: str, team_ids: Sequence[str]) -> RequestBody | None:
        statement = select(RequestBody).where(
            RequestBody.request_id == request_id, RequestBody.team_id.in_(team_ids)
        )
        return await self._session.scalar(statement)

    async def days(self, team_ids: Sequence[str], default: int) -> dict[str, int]:
        """For how many days each of these teams keeps its bodies; deleted ones are not there."""
        statement = select(Team.id, Team.bodies_days).where(
            Team.id.in_(team_ids), Team.deleted_at_ns.is_(None)
        )
        return {team: days or default for team, days in await self._session.execute(statement)}

    async def page(
        self,
        team_id: str,
        from_ns: int,
        until_ns: int,
        *,
        after: Place | None,
        limit: int,
    ) -> Sequence[RequestBody]:
        """The newest first."""
        place = tuple_(RequestBody.started_at_ns, RequestBody.request_id)
        statement = select(RequestBody).where(
            RequestBody.team_id == team_id,
            RequestBody.started_at_ns >= from_ns,
            RequestBody.started_at_ns < until_ns,
        )
        if after is not None:
            statement = statement.where(place < tuple_(after.started_at_ns, after.id))
        statement = statement.order_by(
            RequestBody.started_at_ns.desc(), RequestBody.request_id.desc()
        ).limit(limit)
        return (await self._session.scalars(statement)).all()

    async def teams(self) -> Sequence[str]:
        """Those of which anything is kept."""
        return (await self._session.scalars(select(RequestBody.team_id).distinct())).all()

    async def forget_before(self, team_id: str, before_ns: int | None, limit: int) -> int:
        """None: all of it. Returns how many these were."""
        said: list[ColumnElement[bool]] = [RequestBody.team_id == team_id]
        if before_ns is not None:
            said.append(RequestBody.started_at_ns < before_ns)
        return await self._forget(said, limit)

    async def forget_departed(self, limit: int) -> int:
        """What was asked with keys of members whose account was deleted afterwards."""
        departed = (
            select(User.id)
            .where(
                User.id == RequestBody.member_id,
                User.deleted_at_ns.is_not(None),
                User.deleted_at_ns >= RequestBody.started_at_ns,
            )
            .exists()
        )
        return await self._forget([departed], limit)

    async def _forget(self, said: Sequence[ColumnElement[bool]], limit: int) -> int:
        ids = select(RequestBody.request_id).where(*said).limit(limit)
        result: Any = await self._session.execute(
            delete(RequestBody).where(RequestBody.request_id.in_(ids))
        )
        return int(result.rowcount)

    async def count(self, team_id: str) -> int:
        statement = select(func.count()).where(RequestBody.team_id == team_id)
        return await self._session.scalar(statement) or 0


def kept_since(now_ns: int, days: int) -> int:
    """What is older is no longer kept."""
    return now_ns - days * DAY_NS
