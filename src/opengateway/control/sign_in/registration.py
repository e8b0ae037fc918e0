"""Making an account, and a new password for one whose owner reads mail at its address.

To a stranger every answer is the same whether the address has an account or not.
"""

from __future__ import annotations

import msgspec

from opengateway.control.actor import Actor
from opengateway.control.changes.service import ChangeLog
from opengateway.control.identity.caller import Caller
from opengateway.control.identity.emails import normal_email
from opengateway.control.invitations.service import InvitationService
from opengateway.control.mail.letters import letter
from opengateway.control.mail.outbox import Outbox
from opengateway.control.mail_tokens.service import LASTS_S, MailTokens, Purpose, TokenGone
from opengateway.control.passwords.rules import check_password
from opengateway.control.passwords.service import PasswordService
from opengateway.control.scope import ControlScope
from opengateway.control.sessions.service import SessionService
from opengateway.control.sign_in.arrival import Arrival, Arrived, as_user
from opengateway.control.sign_in.password import PasswordOff
from opengateway.control.throttle.service import LETTER, NETWORK, Throttle
from opengateway.control.users.models import User, UserStatus
from opengateway.control.users.repository import UserRepository
from opengateway.control.users.service import EmailTaken, UserService, check_locale
from opengateway.domain.errors import NotAllowed


class SignUpClosed(NotAllowed):
    code = "sign_up_closed"

    def __init__(self) -> None:
        super().__init__("an account is made by invitation here; ask somebody of the team")


class Wanted(msgspec.Struct, frozen=True):
    """An account as it was asked for. Kept sealed until the address is shown to be theirs."""

    email: str
    name: str
    locale: str
    hash: str


class Registration:
    """The caller owns the transaction; the throttle and the hashing end it on the way."""

    def __init__(
        self, scope: ControlScope, changes: ChangeLog, actor: Actor, caller: Caller
    ) -> None:
        self._scope = scope
        self._changes = changes
        self._actor = actor
        self._caller = caller
        self._passwords = PasswordService(scope)
        self._tokens = MailTokens(scope)
        self._throttle = Throttle(scope)
        self._users = UserRepository(scope.session)
        self._outbox = Outbox(scope)

    async def sign_up(self, email: str, password: str, name: str, locale: str) -> None:
        """Send a link to the address. The account is made when it is opened, not before: nobody
        can hold an address that is not theirs.

        Raises `SignUpClosed`, `PasswordOff`, `WeakPassword`, `TooManyAttempts`.
        """
        settings = self._scope.sign_in.settings
        address = self._checked(email, password, locale)
        if not settings.allows_sign_up(address) or not self._scope.mail.sends:
            raise SignUpClosed
        await self._throttle.enter((LETTER, address), (NETWORK, self._caller.network))
        made = await self._passwords.make(password)
        user = await self._users.by_email(address)
        if user is not None:
            mail = letter("exists", user.locale, address, settings.public_url + "/sign-in")
        else:
            wanted = Wanted(address, name, locale, made)
            token = await self._tokens.issue(
                Purpose.VERIFY, address, kept=msgspec.msgpack.encode(wanted)
            )
            mail = letter("verify", locale, address, self._link("verify-email", token))
        await self._outbox.post(mail, keep_s=LASTS_S)

    async def verify(self, token: str) -> User:
        """Make the account that the link is for. Raises `TokenGone`, `EmailTaken`."""
        found = await self._tokens.take(Purpose.VERIFY, token)
        wanted = msgspec.msgpack.decode(self._tokens.kept(found), type=Wanted)
        return await self._make(wanted, verified=True)

    async def sign_up_invited(
        self, invitation: str, email: str, password: str, name: str, locale: str
    ) -> Arrived:
        """Make the account that an invitation is for, take the invitation, and sign in.

        Raises `InvitationOver`, `EmailTaken`: whoever holds the token may know of the account.
        """
        address = self._checked(email, password, locale)
        await self._throttle.enter((LETTER, address), (NETWORK, self._caller.network))
        invitations = InvitationService(self._scope, self._changes, self._actor)
        if (await invitations.look(invitation)).email != address:
            raise SignUpClosed
        made = await self._passwords.make(password)
        user = await self._make(Wanted(address, name, locale, made), verified=False)
        actor = as_user(self._actor, user)
        await InvitationService(self._scope, self._changes, actor).accept(invitation, user)
        return await Arrival(self._scope, self._actor, self._caller).signed_in(user, ("password",))

    async def ask_reset(self, email: str) -> None:
        """Send a link, if there is somebody to send it to. Tells nothing either way."""
        address = normal_email(email)
        await self._throttle.enter((LETTER, address), (NETWORK, self._caller.network))
        user = await self._users.by_email(address)
        settings = self._scope.sign_in.settings
        if user is None or user.status != UserStatus.ACTIVE or not settings.password:
            return
        if settings.oidc is not None and await self._passwords.known_hash(user.id) is None:
            return  # signs in through the identity provider, which has its own way
        link = await self.reset_link(user)
        await self._outbox.post(letter("reset", user.locale, user.email, link), keep_s=LASTS_S)

    async def reset_link(self, user: User) -> str:
        """A link that sets a new password. For mail, or for an admin where there is none."""
        token = await self._tokens.issue(Purpose.RESET, user.email, user_id=user.id)
        return self._link("reset-password", token)

    async def reset(self, token: str, password: str) -> None:
        """Set a new password, and end every session. Second factors stay as they are.

        Raises `TokenGone`, `WeakPassword`, `TooManyAttempts`.
        """
        await self._throttle.enter((NETWORK, self._caller.network))
        found = await self._tokens.look(Purpose.RESET, token)
        check_password(password, found.email)
        made = await self._passwords.make(password)
        found = await self._tokens.take(Purpose.RESET, token)
        user = await self._users.locked(found.user_id or "")
        if user is None or user.status != UserStatus.ACTIVE or user.email != found.email:
            raise TokenGone
        await self._passwords.store(user.id, made)
        await SessionService(self._scope).end_all(user.id)
        actor = as_user(self._actor, user)
        if self._scope.mail.sends:
            await UserService(self._scope, actor).verified(user)
        await self._scope.audit(actor, "password.reset", object_id=user.id)
        await self._outbox.post(letter("password_changed", user.locale, user.email))

    def _checked(self, email: str, password: str, locale: str) -> str:
        if not self._scope.sign_in.settings.password:
            raise PasswordOff
        address = normal_email(email)
        check_password(password, address)
        check_locale(locale)
        return address

    async def _make(self, wanted: Wanted, *, verified: bool) -> User:
        users = UserService(self._scope, self._actor)
        user = await users.make(
            wanted.email, name=wanted.name, locale=wanted.locale, verified=verified
        )
        await self._passwords.store(user.id, wanted.hash)
        return user

    def _link(self, page: str, token: str) -> str:
        # After the #: a browser sends it to no server, and no log or Referer header has it.
        return f"{self._scope.sign_in.settings.public_url}/{page}#token={token}"


__all__ = ["EmailTaken", "Registration", "SignUpClosed"]
