"""Accounts of people. How somebody proves who they are is another slice's."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from sqlalchemy.exc import IntegrityError

from opengateway.control.actor import Actor
from opengateway.control.identity.emails import normal_email
from opengateway.control.scope import ControlScope
from opengateway.control.teams.service import tidy_name
from opengateway.control.users.models import User, UserStatus
from opengateway.control.users.repository import UserRepository
from opengateway.domain.errors import Conflict, InvalidRequest, NotFound
from opengateway.policies.permissions import PLATFORM_ROLES, Role

LOCALES: Final = ("en", "ko", "ja")


class UserNotFound(NotFound):
    code = "user_not_found"


class EmailTaken(Conflict):
    code = "email_taken"


class UserService:
    """Makes, finds and changes accounts. The caller owns the transaction."""

    def __init__(self, scope: ControlScope, actor: Actor) -> None:
        self._users = UserRepository(scope.session)
        self._scope = scope
        self._actor = actor

    async def get(self, user_id: str) -> User:
        """Raises `UserNotFound`, for a deleted account too."""
        return self._there(await self._users.get(user_id), user_id)

    async def locked(self, user_id: str) -> User:
        """The same, and nobody else changes the account until this transaction ends."""
        return self._there(await self._users.locked(user_id), user_id)

    async def by_email(self, email: str) -> User | None:
        """The account of this address in any spelling. Raises `InvalidRequest` for no address."""
        return await self._users.by_email(normal_email(email))

    async def page(self, *, after: str, limit: int, search: str = "") -> Sequence[User]:
        return await self._users.page(after=after, limit=limit, search=search)

    async def make(
        self,
        email: str,
        *,
        name: str = "",
        locale: str = "en",
        verified: bool = False,
        platform_role: Role | None = None,
    ) -> User:
        """A new account. Raises `EmailTaken`: say so only to whoever may know it."""
        address = normal_email(email)
        if await self._users.by_email(address) is not None:
            raise EmailTaken("there is an account with this e-mail address", param="email")
        now_ns = self._scope.clock.now_ns()
        user = User(
            id=self._scope.new_id("usr_"),
            email=address,
            name=tidy_name(name or address.partition("@")[0], param="name"),
            locale=check_locale(locale),
            status=UserStatus.ACTIVE.value,
            platform_role=None if platform_role is None else platform_role.value,
            email_verified_at_ns=now_ns if verified else None,
            created_at_ns=now_ns,
        )
        try:
            await self._users.add(user)
        except IntegrityError as error:
            raise EmailTaken(
                "there is an account with this e-mail address", param="email"
            ) from error
        await self._scope.audit(
            self._actor,
            "user.created",
            object_id=user.id,
            after={"platform_role": user.platform_role, "email_verified": verified},
        )
        return user

    async def change(
        self, user: User, *, name: str | None = None, locale: str | None = None
    ) -> None:
        """What a person may change of themselves without further proof."""
        before = {"name_changed": False, "locale": user.locale}
        after = dict(before)
        if name is not None and (tidy := tidy_name(name, param="name")) != user.name:
            user.name = tidy
            after["name_changed"] = True  # a person's name is not for the log that never forgets
        if locale is not None:
            user.locale = after["locale"] = check_locale(locale)
        if after != before:
            await self._noted("user.changed", user, before, after)

    async def verified(self, user: User) -> None:
        """The person has shown that the address is theirs."""
        if user.email_verified_at_ns is None:
            user.email_verified_at_ns = self._scope.clock.now_ns()
            await self._noted("user.email_verified", user, None, None)

    async def set_platform_role(self, user: User, role: Role | None) -> None:
        """Raises `InvalidRequest` for a role that is none of the platform's."""
        if role is not None and role not in PLATFORM_ROLES:
            raise InvalidRequest(f"{role.value!r} is no platform role", param="platform_role")
        before, user.platform_role = user.platform_role, None if role is None else role.value
        if before != user.platform_role:
            await self._noted(
                "user.platform_role_changed",
                user,
                {"platform_role": before},
                {"platform_role": user.platform_role},
            )

    async def set_status(self, user: User, status: UserStatus) -> None:
        """Suspend, or take it back. Deleting is `memberships.departure.delete_account`."""
        assert status is not UserStatus.DELETED
        before, user.status = user.status, status.value
        if before != user.status:
            await self._noted(
                "user.status_changed", user, {"status": before}, {"status": user.status}
            )

    async def erase(self, user: User) -> None:
        """Forget the person. The id stays: the audit log and old records name it."""
        user.email = f"{user.id}@deleted.invalid"
        user.name = "deleted"
        user.status = UserStatus.DELETED.value
        user.platform_role = None
        user.email_verified_at_ns = None
        user.deleted_at_ns = self._scope.clock.now_ns()
        await self._noted("user.deleted", user, None, None)

    async def _noted(self, action: str, user: User, before: object, after: object) -> None:
        await self._scope.session.flush()
        await self._scope.audit(self._actor, action, object_id=user.id, before=before, after=after)

    @staticmethod
    def _there(user: User | None, user_id: str) -> User:
        if user is None or user.status == UserStatus.DELETED:
            raise UserNotFound(f"there is no user {user_id!r}", param="user_id")
        return user


def check_locale(locale: str) -> str:
    if locale not in LOCALES:
        raise InvalidRequest(f"'locale' must be one of {', '.join(LOCALES)}", param="locale")
    return locale
