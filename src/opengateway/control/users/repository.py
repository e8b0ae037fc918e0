"""Every query on `users`. Nothing here decides anything."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import func, or_, select

from opengateway.control.paging import contains
from opengateway.control.users.models import User
from opengateway.kit.db import AsyncSession


class UserRepository:
    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def add(self, user: User) -> None:
        """Write it now, so that a broken constraint is found here and not at the commit."""
        self._session.add(user)
        await self._session.flush()

    async def get(self, user_id: str) -> User | None:
        return await self._session.get(User, user_id)

    async def locked(self, user_id: str) -> User | None:
        """The user, whom nobody else changes until this transaction ends."""
        statement = (
            select(User)
            .where(User.id == user_id)
            .with_for_update()
            .execution_options(populate_existing=True)
        )
        return await self._session.scalar(statement)

    async def by_email(self, email: str) -> User | None:
        """`email` as `users.service.tidy_email` makes it."""
        return await self._session.scalar(select(User).where(User.email == email))

    async def page(self, *, after: str, limit: int, search: str = "") -> Sequence[User]:
        """Every user, by id, or whose id, address or name has `search` in it. For platform roles and
        the operator alone."""
        statement = select(User).where(User.id > after)
        if search:
            like = contains(search)
            statement = statement.where(
                or_(
                    User.id == search,
                    func.lower(User.email).like(like, escape="!"),
                    func.lower(User.name).like(like, escape="!"),
                )
            )
        return (await self._session.scalars(statement.order_by(User.id).limit(limit))).all()
