"""People whom the operator makes by hand: the first owner, and admins of the platform."""

from __future__ import annotations

from typing import Final

from sqlalchemy import select

from opengateway.control.actor import Actor
from opengateway.control.changes.service import ChangeLog
from opengateway.control.memberships.service import MembershipService
from opengateway.control.passwords.service import PasswordService
from opengateway.control.scope import ControlScope
from opengateway.control.sessions.service import SessionService
from opengateway.control.sign_in.departure import forget_second_factors
from opengateway.control.users.models import User, UserStatus
from opengateway.control.users.service import UserNotFound, UserService
from opengateway.kit.chance import random_base62
from opengateway.policies.permissions import Role

FIRST_OWNER: Final = "owner@localhost"
_PASSWORD_CHARACTERS: Final = 24
"""Of base62: 143 bits. It is copied from a terminal, not typed."""


class Owners:
    """Acts for the operator. The caller owns the transaction; hashing ends it on the way."""

    def __init__(self, scope: ControlScope, changes: ChangeLog, actor: Actor) -> None:
        self._scope = scope
        self._changes = changes
        self._actor = actor
        self._passwords = PasswordService(scope)
        self._users = UserService(scope, actor)

    async def new_password(self) -> tuple[str, str]:
        """A password and its hash. Called first: nothing may be written before."""
        password = random_base62(_PASSWORD_CHARACTERS)
        return password, await self._passwords.make(password)

    async def anybody(self) -> bool:
        """Whether there is, or ever was, an account."""
        return await self._scope.session.scalar(select(User.id).limit(1)) is not None

    async def first_owner(self, team_id: str, made: str) -> User:
        """The first account: admin of the platform, owner of the first team."""
        user = await self.admin(FIRST_OWNER, made)
        members = MembershipService(self._scope, self._changes, self._actor)
        await members.add(team_id, user.id, Role.OWNER)
        return user

    async def admin(self, email: str, made: str) -> User:
        """A new account that is admin of the platform. Raises `EmailTaken`."""
        user = await self._users.make(email, verified=True, platform_role=Role.PLATFORM_ADMIN)
        await self._passwords.store(user.id, made)
        return user

    async def let_in_again(self, email: str, made: str) -> User:
        """For whoever is locked out: a new password, no second factor, every session ended.

        Raises `UserNotFound`.
        """
        found = await self._users.by_email(email)
        if found is None:
            raise UserNotFound(f"there is no account with the address {email!r}", param="email")
        user = await self._users.locked(found.id)
        await self._passwords.store(user.id, made)
        await forget_second_factors(self._scope, user.id)
        await SessionService(self._scope).end_all(user.id)
        await self._users.set_status(user, UserStatus.ACTIVE)
        await self._scope.audit(self._actor, "password.reset", object_id=user.id)
        return user
