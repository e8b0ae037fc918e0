"""Inviting people into a team: one token, one use, seven days."""

from __future__ import annotations

import re
from collections.abc import Sequence
from enum import StrEnum
from typing import Final

from sqlalchemy.exc import IntegrityError

from opengateway.control.actor import Actor
from opengateway.control.changes.service import ChangeLog
from opengateway.control.conditions import must_match
from opengateway.control.identity.emails import normal_email
from opengateway.control.invitations.models import Invitation
from opengateway.control.invitations.repository import InvitationRepository
from opengateway.control.memberships.models import Membership
from opengateway.control.memberships.repository import MembershipRepository
from opengateway.control.memberships.service import AlreadyMember, MembershipService
from opengateway.control.scope import ControlScope
from opengateway.control.teams.service import TeamNotFound, TeamService
from opengateway.control.users.models import User
from opengateway.control.users.repository import UserRepository
from opengateway.control.users.service import UserService
from opengateway.domain.errors import Conflict, NotAllowed, NotFound
from opengateway.kit.chance import random_base62
from opengateway.kit.secrets import digest
from opengateway.policies.permissions import Role

PREFIX: Final = "ogi_"
LASTS_NS: Final = 7 * 24 * 3600 * 1_000_000_000
MAX_WAITING: Final = 200
MAX_SENT: Final = 10
_FORM: Final = re.compile(PREFIX + "[0-9A-Za-z]{43}")


class InvitationState(StrEnum):
    WAITING = "waiting"
    ACCEPTED = "accepted"
    REVOKED = "revoked"
    EXPIRED = "expired"


class InvitationNotFound(NotFound):
    code = "invitation_not_found"


class InvitationOver(NotFound):
    """The same words for a token that never was, and for one that is used, revoked or expired."""

    code = "invitation_not_valid"

    def __init__(self) -> None:
        super().__init__(
            "this invitation is not valid, or not any more; ask for a new one", param="token"
        )


class InvitedAlready(Conflict):
    code = "invited_already"


class TooManyInvitations(Conflict):
    code = "too_many_invitations"


class ForSomebodyElse(NotAllowed):
    code = "invitation_for_another"


class InvitationService:
    """Makes, renews, revokes and takes invitations. The caller owns the transaction."""

    def __init__(self, scope: ControlScope, changes: ChangeLog, actor: Actor) -> None:
        self._rows = InvitationRepository(scope.session)
        self._members = MembershipService(scope, changes, actor)
        self._teams = TeamService(scope, actor)
        self._scope = scope
        self._actor = actor

    async def page(self, team_id: str, *, after: str, limit: int) -> Sequence[Invitation]:
        return await self._rows.page(team_id, after=after, limit=limit)

    async def invite(self, team_id: str, email: str, role: Role) -> tuple[Invitation, str]:
        """The invitation, and its token, which is kept nowhere.

        Raises `RoleNotYours`, `AlreadyMember`, `InvitedAlready`, `TooManyInvitations`.
        """
        self._members.may_give(role)
        address = normal_email(email)
        await self._teams.locked(team_id)
        await self._refuse_member(team_id, address)
        now_ns = self._scope.clock.now_ns()
        before = await self._rows.waiting_for(team_id, address)
        if before is not None and before.expires_at_ns > now_ns:
            raise InvitedAlready("this address was invited already; resend that", param="email")
        if before is not None:
            before.revoked_at_ns = now_ns  # expired: makes room for the new one
            await self._scope.session.flush()
        if await self._rows.count_waiting(team_id, now_ns) >= MAX_WAITING:
            raise TooManyInvitations(f"{MAX_WAITING} invitations wait already; revoke some")
        token = _new_token()
        made = Invitation(
            id=self._scope.new_id("inv_"),
            team_id=team_id,
            email=address,
            role=role.value,
            digest=self._digest(token),
            created_by=self._actor.user_id,
            created_at_ns=now_ns,
            expires_at_ns=now_ns + LASTS_NS,
            sent=1,
        )
        try:
            await self._rows.add(made)
        except IntegrityError as error:
            raise InvitedAlready("this address was invited already", param="email") from error
        await self._noted("invitation.created", made)
        return made, token

    async def resend(
        self, team_id: str, invitation_id: str, *, if_match: str | None
    ) -> tuple[Invitation, str]:
        """A new token for seven days; the one before serves no more."""
        found = await self._waiting(team_id, invitation_id, if_match)
        self._members.may_give(Role(found.role))
        if found.sent >= MAX_SENT:
            raise TooManyInvitations(f"it was sent {MAX_SENT} times already; revoke it")
        token = _new_token()
        found.digest = self._digest(token)
        found.expires_at_ns = self._scope.clock.now_ns() + LASTS_NS
        found.sent += 1
        await self._scope.session.flush()
        await self._noted("invitation.resent", found)
        return found, token

    async def revoke(self, team_id: str, invitation_id: str, *, if_match: str | None) -> None:
        found = await self._waiting(team_id, invitation_id, if_match)
        found.revoked_at_ns = self._scope.clock.now_ns()
        await self._scope.session.flush()
        await self._noted("invitation.revoked", found)

    async def look(self, token: str) -> Invitation:
        """The invitation of a token that could be taken now. Raises `InvitationOver`."""
        return await self._valid(token, lock=False)

    async def accept(self, token: str, user: User) -> Membership:
        """Take an invitation, once. The account must be the one that was invited.

        Raises `InvitationOver`, `ForSomebodyElse`, `AlreadyMember`, `TooManyMembers`.
        """
        # The team first, then its invitation: the order in which `invite` locks them.
        try:
            await self._teams.locked((await self._valid(token, lock=False)).team_id)
        except TeamNotFound:
            raise InvitationOver from None
        found = await self._valid(token, lock=True)
        if found.email != user.email:
            raise ForSomebodyElse(
                "this invitation is for another e-mail address; sign in with that one"
            )
        membership = await self._members.add(found.team_id, user.id, Role(found.role))
        found.accepted_at_ns = self._scope.clock.now_ns()
        found.accepted_by = user.id
        await self._scope.session.flush()
        await self._noted("invitation.accepted", found)
        if self._scope.mail.sends:
            # The token went to the address by mail and to nobody else.
            await UserService(self._scope, self._actor).verified(user)
        return membership

    def state(self, invitation: Invitation) -> InvitationState:
        if invitation.accepted_at_ns is not None:
            return InvitationState.ACCEPTED
        if invitation.revoked_at_ns is not None:
            return InvitationState.REVOKED
        if invitation.expires_at_ns <= self._scope.clock.now_ns():
            return InvitationState.EXPIRED
        return InvitationState.WAITING

    async def _refuse_member(self, team_id: str, address: str) -> None:
        user = await UserRepository(self._scope.session).by_email(address)
        members = MembershipRepository(self._scope.session)
        if user is not None and await members.get(team_id, user.id) is not None:
            raise AlreadyMember("this address belongs to a member of the team", param="email")

    async def _waiting(self, team_id: str, invitation_id: str, if_match: str | None) -> Invitation:
        await self._teams.locked(team_id)
        found = await self._rows.locked(team_id, invitation_id)
        if found is None or found.accepted_at_ns is not None or found.revoked_at_ns is not None:
            raise InvitationNotFound(
                f"no invitation {invitation_id!r} waits in this team", param="invitation_id"
            )
        must_match(if_match, found.version)
        return found

    async def _valid(self, token: str, *, lock: bool) -> Invitation:
        if _FORM.fullmatch(token) is None:
            raise InvitationOver
        found = await self._rows.by_digest(self._digest(token), lock=lock)
        if found is None or self.state(found) is not InvitationState.WAITING:
            raise InvitationOver
        return found

    def _digest(self, token: str) -> str:
        return digest(token, self._scope.pepper.secret).hex()

    async def _noted(self, action: str, invitation: Invitation) -> None:
        # The address is a person's and the log forgets nothing: it is named by the invitation's id.
        await self._scope.audit(
            self._actor,
            action,
            object_id=invitation.id,
            after={"role": invitation.role, "sent": invitation.sent},
            team_id=invitation.team_id,
        )


def _new_token() -> str:
    return PREFIX + random_base62(43)
