"""Who comes back from the identity provider: found, linked, made, or refused."""

from __future__ import annotations

from sqlalchemy import delete

from opengateway.control.actor import Actor
from opengateway.control.changes.service import ChangeLog
from opengateway.control.identity.caller import Caller
from opengateway.control.identity.settings import SECOND_NS, STEP_UP_S, OidcSettings
from opengateway.control.invitations.service import InvitationService
from opengateway.control.memberships.repository import MembershipRepository
from opengateway.control.memberships.service import MembershipService
from opengateway.control.oidc.claims import Person
from opengateway.control.oidc.models import OidcIdentity
from opengateway.control.oidc.service import OidcBegun, OidcOff
from opengateway.control.scope import ControlScope
from opengateway.control.sign_in.arrival import Arrival, Arrived, as_user, must_be_active
from opengateway.control.sign_in.registration import SignUpClosed
from opengateway.control.teams.service import MAX_NAME, TeamNotFound, TeamService
from opengateway.control.users.models import User
from opengateway.control.users.repository import UserRepository
from opengateway.control.users.service import UserService
from opengateway.domain.errors import NotAllowed
from opengateway.kit.log import get_logger
from opengateway.policies.permissions import Role

log = get_logger(__name__)


class EmailNotVerified(NotAllowed):
    code = "email_not_verified"

    def __init__(self) -> None:
        super().__init__(
            "the identity provider does not say that your e-mail address is verified; an account"
            " is made or found by a verified one only"
        )


class NotLinked(NotAllowed):
    code = "account_not_linked"

    def __init__(self) -> None:
        super().__init__(
            "there is an account with your e-mail address, and nobody has verified it here; sign in"
            " with its password, or ask whoever runs this zone"
        )


class SingleSignOn:
    """The caller owns the transaction."""

    def __init__(
        self, scope: ControlScope, changes: ChangeLog, actor: Actor, caller: Caller
    ) -> None:
        oidc = scope.sign_in.settings.oidc
        if oidc is None:
            raise OidcOff
        self._oidc: OidcSettings = oidc
        self._scope = scope
        self._changes = changes
        self._actor = actor
        self._caller = caller
        self._users = UserRepository(scope.session)

    async def arrive(self, begun: OidcBegun, person: Person) -> Arrived:
        """Raises `SignUpClosed`, `EmailNotVerified`, `NotLinked`, `AccountSuspended`."""
        now = self._scope.clock.now_ns()
        identity = await self._scope.session.get(OidcIdentity, (self._oidc.issuer, person.subject))
        if identity is None:
            user = await self._find_or_make(begun, person)
            identity = OidcIdentity(
                issuer=self._oidc.issuer,
                subject=person.subject,
                user_id=user.id,
                email=person.email or "",
                created_at_ns=now,
            )
            self._scope.session.add(identity)
        else:
            found = await self._users.locked(identity.user_id)
            assert found is not None, "identities end before their user"
            user = found
        identity.used_at_ns = now
        must_be_active(user)
        await self._scope.session.flush()
        await self._grant(user, person)
        seen_s = person.authenticated_at_s
        proved = seen_s is not None and now // SECOND_NS - seen_s <= STEP_UP_S
        arrival = Arrival(self._scope, self._actor, self._caller)
        return await arrival.signed_in(user, ("oidc",), proved=proved)

    async def _find_or_make(self, begun: OidcBegun, person: Person) -> User:
        if person.email is None:
            raise EmailNotVerified
        user = await self._users.by_email(person.email)
        if user is not None:
            must_be_active(user)
            # Verified on both sides, or whoever opened an account with somebody's address first
            # would have that person come into it.
            if user.email_verified_at_ns is None:
                raise NotLinked
            await self._scope.audit(
                as_user(self._actor, user), "user.identity_linked", object_id=user.id
            )
            return user
        invitation = await self._invitation(begun, person.email)
        if invitation is None and not self._may_come(person):
            raise SignUpClosed
        name = " ".join(c for c in person.name.split() if c.isprintable())[:MAX_NAME]
        made = await UserService(self._scope, self._actor).make(
            person.email, name=name, verified=True
        )
        if invitation is not None:
            actor = as_user(self._actor, made)
            await InvitationService(self._scope, self._changes, actor).accept(invitation, made)
        return made

    async def _invitation(self, begun: OidcBegun, email: str) -> str | None:
        """The token that the trip began with, if it is for this address. Raises
        `InvitationOver`."""
        if begun.invitation is None:
            return None
        invitations = InvitationService(self._scope, self._changes, self._actor)
        found = await invitations.look(begun.invitation)
        return begun.invitation if found.email == email else None

    def _may_come(self, person: Person) -> bool:
        settings = self._scope.sign_in.settings
        email = person.email or ""
        named = {grant.group for grant in self._oidc.grants}
        return (
            settings.allows_sign_up(email)
            or email.rpartition("@")[2] in settings.domains
            or not named.isdisjoint(person.groups)
        )

    async def _grant(self, user: User, person: Person) -> None:
        """Put the user into the teams of their groups. Raises nobody who is in a team already, and
        takes nobody out: that is the team's own affair."""
        members = MembershipService(self._scope, self._changes, as_user(self._actor, user))
        rows = MembershipRepository(self._scope.session)
        for grant in self._oidc.grants:
            if grant.group not in person.groups:
                continue
            try:
                team = await TeamService(self._scope, self._actor).find(grant.team)
            except TeamNotFound:
                log.error("oidc_grant_without_team", team=grant.team)
                continue
            if await rows.get(team.id, user.id) is None:
                await members.add(team.id, user.id, Role(grant.role))


async def forget_identities(scope: ControlScope, user_id: str) -> None:
    await scope.session.execute(delete(OidcIdentity).where(OidcIdentity.user_id == user_id))
