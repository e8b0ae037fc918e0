"""Every query on `memberships`. Nothing here decides anything."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import delete, func, select

from opengateway.control.memberships.models import Membership
from opengateway.control.teams.models import Team
from opengateway.control.users.models import User
from opengateway.kit.db import AsyncSession


class MembershipRepository:
    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def add(self, membership: Membership) -> None:
        """Write it now, so that a broken constraint is found here and not at the commit."""
        self._session.add(membership)
        await self._session.flush()

    async def role(self, team_id: str, user_id: str) -> str | None:
        """What the user is in a team that is not deleted; None when nothing."""
        statement = (
            select(Membership.role)
            .join(Team, Team.id == Membership.team_id)
            .where(
                Membership.team_id == team_id,
                Membership.user_id == user_id,
                Team.deleted_at_ns.is_(None),
            )
        )
        return await self._session.scalar(statement)

    async def get(self, team_id: str, user_id: str) -> Membership | None:
        return await self._session.get(Membership, (team_id, user_id))

    async def with_user(self, team_id: str, user_id: str) -> tuple[Membership, User] | None:
        statement = (
            select(Membership, User)
            .join(User, User.id == Membership.user_id)
            .where(Membership.team_id == team_id, Membership.user_id == user_id)
        )
        row = (await self._session.execute(statement)).first()
        return None if row is None else (row[0], row[1])

    async def page(
        self, team_id: str, *, after: str, limit: int
    ) -> Sequence[tuple[Membership, User]]:
        """A team's members, by user id."""
        statement = (
            select(Membership, User)
            .join(User, User.id == Membership.user_id)
            .where(Membership.team_id == team_id, Membership.user_id > after)
            .order_by(Membership.user_id)
            .limit(limit)
        )
        return [(row[0], row[1]) for row in await self._session.execute(statement)]

    async def in_roles(
        self, team_id: str, roles: Sequence[str], *, limit: int
    ) -> Sequence[tuple[Membership, User]]:
        """The members with one of these roles who can sign in, by user id."""
        statement = (
            select(Membership, User)
            .join(User, User.id == Membership.user_id)
            .where(
                Membership.team_id == team_id,
                Membership.role.in_(roles),
                User.status == "active",
            )
            .order_by(Membership.user_id)
            .limit(limit)
        )
        return [(row[0], row[1]) for row in await self._session.execute(statement)]

    async def teams_of(
        self, user_id: str, *, after: str = "", limit: int = 1_000
    ) -> Sequence[tuple[Team, str]]:
        """The user's teams that are not deleted, by id, each with their role in it."""
        statement = (
            select(Team, Membership.role)
            .join(Membership, Membership.team_id == Team.id)
            .where(Membership.user_id == user_id, Team.deleted_at_ns.is_(None), Team.id > after)
            .order_by(Team.id)
            .limit(limit)
        )
        return [(row[0], row[1]) for row in await self._session.execute(statement)]

    async def count(self, team_id: str) -> int:
        statement = select(func.count()).where(Membership.team_id == team_id)
        return await self._session.scalar(statement) or 0

    async def other_owners(self, team_id: str, user_id: str) -> int:
        """How many owners, who can still sign in, the team has beside this user."""
        statement = (
            select(func.count())
            .select_from(Membership)
            .join(User, User.id == Membership.user_id)
            .where(
                Membership.team_id == team_id,
                Membership.user_id != user_id,
                Membership.role == "owner",
                User.status == "active",
            )
        )
        return await self._session.scalar(statement) or 0

    async def remove(self, membership: Membership) -> None:
        await self._session.delete(membership)
        await self._session.flush()

    async def remove_all_of(self, user_id: str) -> None:
        await self._session.execute(delete(Membership).where(Membership.user_id == user_id))
