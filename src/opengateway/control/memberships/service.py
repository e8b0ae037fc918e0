"""Who is in a team and as what. The rules that hold whoever asks, and however many ask at once:

- a team has at least one owner who can sign in;
- nobody raises themselves;
- whoever is not an owner makes no owner, and touches none.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec
from sqlalchemy.exc import IntegrityError

from opengateway.control.actor import Actor, ActorKind
from opengateway.control.changes.service import ChangeLog
from opengateway.control.conditions import must_match
from opengateway.control.memberships.models import Membership
from opengateway.control.memberships.repository import MembershipRepository
from opengateway.control.memberships.states import publish_team
from opengateway.control.scope import ControlScope
from opengateway.control.teams.service import TeamService
from opengateway.control.users.models import User
from opengateway.domain.errors import Conflict, NotAllowed, NotFound
from opengateway.domain.principal import RateLimits
from opengateway.policies.permissions import Role

MAX_MEMBERS: Final = 1_000
MAX_TEAMS: Final = 100
"""That one person is in."""
_RANK: Final = {
    Role.OWNER: 4,
    Role.ADMIN: 3,
    Role.BILLING: 2,
    Role.MEMBER: 2,
    Role.VIEWER: 1,
}


class MemberNotFound(NotFound):
    code = "member_not_found"


class LastOwner(Conflict):
    code = "last_owner"


class RoleNotYours(NotAllowed):
    code = "role_not_yours_to_give"


class AlreadyMember(Conflict):
    code = "already_member"


class TooManyMembers(Conflict):
    code = "too_many_members"


class MembershipService:
    """Adds, changes and removes members. The caller owns the transaction."""

    def __init__(self, scope: ControlScope, changes: ChangeLog, actor: Actor) -> None:
        self._rows = MembershipRepository(scope.session)
        self._teams = TeamService(scope, actor)
        self._scope = scope
        self._changes = changes
        self._actor = actor

    async def page(
        self, team_id: str, *, after: str, limit: int
    ) -> Sequence[tuple[Membership, User]]:
        return await self._rows.page(team_id, after=after, limit=limit)

    async def get(self, team_id: str, user_id: str) -> tuple[Membership, User]:
        """Raises `MemberNotFound`."""
        found = await self._rows.with_user(team_id, user_id)
        if found is None:
            raise MemberNotFound(f"the team has no member {user_id!r}", param="user_id")
        return found

    async def add(self, team_id: str, user_id: str, role: Role) -> Membership:
        """Whether the actor may was decided when the invitation was made, or the team.

        Raises `AlreadyMember`, `TooManyMembers`.
        """
        await self._teams.locked(team_id)
        if await self._rows.get(team_id, user_id) is not None:
            raise AlreadyMember("this account is a member of the team already")
        if await self._rows.count(team_id) >= MAX_MEMBERS:
            raise TooManyMembers(f"a team has at most {MAX_MEMBERS} members")
        if len(await self._rows.teams_of(user_id, limit=MAX_TEAMS)) >= MAX_TEAMS:
            raise TooManyMembers(f"an account is a member of at most {MAX_TEAMS} teams")
        row = Membership(
            team_id=team_id,
            user_id=user_id,
            role=role.value,
            created_at_ns=self._scope.clock.now_ns(),
        )
        try:
            await self._rows.add(row)
        except IntegrityError as error:
            raise AlreadyMember("this account is a member of the team already") from error
        await self._noted("member.added", row, None, {"role": row.role})
        return row

    async def change(
        self,
        team_id: str,
        user_id: str,
        *,
        role: Role | None,
        limits: RateLimits | None,
        if_match: str | None,
    ) -> tuple[Membership, User]:
        """Raises `MemberNotFound`, `LastOwner`, `RoleNotYours`, `PreconditionFailed`."""
        team = await self._teams.locked(team_id)
        row, user = await self.get(team_id, user_id)
        must_match(if_match, row.version)
        before = _told(row)
        if role is not None and role != row.role:
            self._check_touch(row)
            self._check_give(role, row)
            if row.role == Role.OWNER:
                await self._keep_an_owner(row)
            row.role = role.value
        if limits is not None:
            self._check_touch(row)
            row.rpm, row.tpm, row.concurrency = limits.rpm, limits.tpm, limits.concurrency
        after = _told(row)
        if after != before:
            await self._scope.session.flush()
            await self._noted("member.changed", row, before, after)
            if limits is not None:
                await publish_team(self._scope.session, self._changes, team)
        return row, user

    async def remove(self, team_id: str, user_id: str, *, if_match: str | None = None) -> None:
        """Also for leaving. The keys that the member made stay, and their limits fall away.

        Raises `MemberNotFound`, `LastOwner`, `RoleNotYours`, `PreconditionFailed`.
        """
        team = await self._teams.locked(team_id)
        row, _ = await self.get(team_id, user_id)
        must_match(if_match, row.version)
        self._check_touch(row)
        if row.role == Role.OWNER:
            await self._keep_an_owner(row)
        limited = (row.rpm, row.tpm, row.concurrency) != (None, None, None)
        await self._rows.remove(row)
        await self._noted("member.removed", row, _told(row), None)
        if limited:
            await publish_team(self._scope.session, self._changes, team)

    def may_give(self, role: Role) -> None:
        """Raises `RoleNotYours` unless the actor may make somebody else a `role`."""
        if role is Role.OWNER and not self._is_owner():
            raise RoleNotYours("only an owner makes an owner", param="role")

    def _check_touch(self, row: Membership) -> None:
        if row.role == Role.OWNER and not self._is_owner() and row.user_id != self._actor.user_id:
            raise RoleNotYours("only an owner changes or removes an owner")

    def _check_give(self, role: Role, row: Membership) -> None:
        own = row.user_id == self._actor.user_id
        if own and _RANK[role] > _RANK[Role(row.role)] and not self._above():
            raise RoleNotYours("nobody raises their own role", param="role")
        self.may_give(role)

    def _is_owner(self) -> bool:
        return self._actor.role is Role.OWNER or self._above()

    def _above(self) -> bool:
        """Whoever stands above all teams: they could do it in other ways, and the log names them."""
        return self._actor.platform_role is Role.PLATFORM_ADMIN or self._actor.kind in (
            ActorKind.OPERATOR,
            ActorKind.SYSTEM,
        )

    async def _keep_an_owner(self, row: Membership) -> None:
        # The team's row is locked: two who leave at once come here one after the other.
        if not await self._rows.other_owners(row.team_id, row.user_id):
            raise LastOwner("a team keeps at least one owner; make another one first")

    async def _noted(self, action: str, row: Membership, before: object, after: object) -> None:
        await self._scope.audit(
            self._actor,
            action,
            object_id=row.user_id,
            before=before,
            after=after,
            team_id=row.team_id,
        )


def limits_of(row: Membership) -> RateLimits:
    return RateLimits(row.rpm, row.tpm, row.concurrency)


def _told(row: Membership) -> dict[str, object]:
    return {"role": row.role, "limits": msgspec.to_builtins(limits_of(row))}
