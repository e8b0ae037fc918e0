"""What a person does with their own account's ways in."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from opengateway.control.actor import Actor
from opengateway.control.challenges.service import Challenges
from opengateway.control.identity.caller import Caller
from opengateway.control.mail.letters import letter
from opengateway.control.mail.outbox import Outbox
from opengateway.control.passkeys.models import Passkey
from opengateway.control.passkeys.service import AssertionBegun, PasskeyService, RegistrationBegun
from opengateway.control.passwords.rules import check_password
from opengateway.control.passwords.service import PasswordService
from opengateway.control.scope import ControlScope
from opengateway.control.second_factors.service import SecondFactors, WrongCode
from opengateway.control.sessions.service import IssuedSession, SessionService
from opengateway.control.sessions.web import check_step_up, user_of
from opengateway.control.sign_in.arrival import factors_of
from opengateway.control.sign_in.password import (
    PasswordOff,
    WrongCredentials,
    WrongFactor,
    use_factor,
)
from opengateway.control.throttle.service import ACCOUNT, FACTOR, NETWORK, Entered, Limit, Throttle
from opengateway.control.users.models import User
from opengateway.control.users.service import UserService
from opengateway.domain.errors import InvalidRequest

STEP_UP: str = "step_up"
REGISTER: str = "register"


class AccountService:
    """Acts for the signed-in user alone. The caller owns the transaction."""

    def __init__(self, scope: ControlScope, actor: Actor, caller: Caller) -> None:
        self.user_id, self.session_id = user_of(actor)
        self._scope = scope
        self._actor = actor
        self._caller = caller
        self._sessions = SessionService(scope)
        self._passwords = PasswordService(scope)
        self._factors = SecondFactors(scope)
        self._passkeys = PasskeyService(scope)
        self._throttle = Throttle(scope)

    # --- the password ----------------------------------------------------------------------------

    async def change_password(self, current: str | None, password: str) -> IssuedSession:
        """Every other session ends, and this one goes on under a new cookie.

        Raises `WrongCredentials`, `WeakPassword`, `StepUpNeeded`, `TooManyAttempts`.
        """
        if not self._scope.sign_in.settings.password:
            raise PasswordOff
        user = await self._user()
        check_password(password, user.email)
        known = await self._passwords.known_hash(user.id)
        if known is None:
            check_step_up(self._actor, self._scope)
        else:
            entered = await self._enter((ACCOUNT, user.email))
            if not await self._passwords.verify(known, current or ""):
                raise WrongCredentials
        made = await self._passwords.make(password)
        user = await UserService(self._scope, self._actor).locked(user.id)
        if await self._passwords.known_hash(user.id) != known:
            raise WrongCredentials
        if known is not None:
            await self._throttle.forgive(entered)
        await self._passwords.store(user.id, made)
        await self._sessions.end_all(user.id, but=self.session_id)
        await self._scope.audit(self._actor, "password.changed", object_id=user.id)
        await self._tell(user, "password_changed")
        return await self._rotated()

    # --- second factors --------------------------------------------------------------------------

    async def confirm_totp(self, code: str) -> tuple[IssuedSession, list[str] | None]:
        """The session under its new cookie, and recovery codes where there were none."""
        entered = await self._enter((FACTOR, self.user_id))
        user = await UserService(self._scope, self._actor).locked(self.user_id)
        await self._factors.confirm_totp(user.id, code)
        await self._throttle.forgive(entered)
        codes = await self._first_codes()
        await self._factor_changed(user, "totp.added")
        return await self._rotated(), codes

    async def remove_totp(self) -> None:
        user = await UserService(self._scope, self._actor).locked(self.user_id)
        if await self._factors.remove_totp(user.id):
            await self._drop_idle_codes()
            await self._factor_changed(user, "totp.removed")

    async def add_passkey(
        self, cookie: str, credential: Mapping[str, Any], name: str
    ) -> tuple[Passkey, IssuedSession, list[str] | None]:
        challenges = Challenges(self._scope)
        begun = challenges.open(REGISTER, cookie, RegistrationBegun)
        if begun.user_id != self.user_id:
            raise InvalidRequest("this was begun by another account; begin again")
        user = await UserService(self._scope, self._actor).locked(self.user_id)
        await challenges.spend(cookie)
        made = await self._passkeys.register(begun, credential, name)
        codes = await self._first_codes()
        await self._factor_changed(user, "passkey.added", made.id)
        return made, await self._rotated(), codes

    async def remove_passkey(self, passkey_id: str) -> None:
        user = await UserService(self._scope, self._actor).locked(self.user_id)
        await self._passkeys.remove(user.id, passkey_id)
        await self._drop_idle_codes()
        await self._factor_changed(user, "passkey.removed", passkey_id)

    async def new_recovery_codes(self) -> list[str]:
        """Raises `InvalidRequest` where there is no second factor that they could stand in for."""
        user = await UserService(self._scope, self._actor).locked(self.user_id)
        if not await factors_of(self._scope, user.id):
            raise InvalidRequest("set up an authenticator app or a passkey first")
        codes = await self._factors.new_recovery_codes(user.id)
        await self._factor_changed(user, "recovery_codes.renewed")
        return codes

    # --- proving again who one is ------------------------------------------------------------------

    async def step_up(
        self,
        *,
        password: str | None,
        code: str | None,
        credential: Mapping[str, Any] | None,
        cookie: str,
    ) -> None:
        """Raises `WrongCredentials`, `WrongFactor`, `PasskeyRefused`, `TooManyAttempts`."""
        if [password, code, credential].count(None) != 2:
            raise InvalidRequest("give one of 'password', 'code' and 'credential'")
        if credential is not None:
            challenges = Challenges(self._scope)
            begun = challenges.open(STEP_UP, cookie, AssertionBegun)
            await challenges.spend(cookie)
            if begun.user_id != self.user_id:
                raise InvalidRequest("this was begun by another account; begin again")
            await self._passkeys.verify(begun, credential)
        elif code is not None:
            entered = await self._enter((FACTOR, self.user_id))
            if await use_factor(self._scope, self.user_id, code) is None:
                raise WrongFactor
            await self._throttle.forgive(entered)
        else:
            await self._prove_password(password or "")
        await self._sessions.step_up(self.session_id)
        await self._scope.audit(self._actor, "session.stepped_up", object_id=self.session_id)

    async def _prove_password(self, password: str) -> None:
        if await factors_of(self._scope, self.user_id):
            # Whoever took the password and a cookie would else get past the second factor.
            raise WrongCode("this account has a second factor; give its code or passkey")
        user = await self._user()
        entered = await self._enter((ACCOUNT, user.email))
        known = await self._passwords.known_hash(user.id)
        if not await self._passwords.verify(known, password) or known is None:
            raise WrongCredentials
        await self._passwords.renew(user.id, known, password)
        await self._throttle.forgive(entered)

    # --- within ----------------------------------------------------------------------------------

    async def _user(self) -> User:
        return await UserService(self._scope, self._actor).get(self.user_id)

    async def _enter(self, limit: tuple[Limit, str]) -> Entered:
        return await self._throttle.enter(limit, (NETWORK, self._caller.network))

    async def _rotated(self) -> IssuedSession:
        """This session under a new cookie: what was known of the old one serves nobody."""
        return await self._sessions.begin(
            self.user_id,
            self._caller,
            await self._sessions.methods(self.session_id),
            instead_of=self.session_id,
        )

    async def _first_codes(self) -> list[str] | None:
        if await self._factors.recovery_codes_left(self.user_id):
            return None
        return await self._factors.new_recovery_codes(self.user_id)

    async def _drop_idle_codes(self) -> None:
        """Codes that stand in for a second factor go with the last one."""
        if not await factors_of(self._scope, self.user_id):
            await self._factors.remove_recovery_codes(self.user_id)

    async def _factor_changed(self, user: User, action: str, object_id: str | None = None) -> None:
        await self._scope.audit(self._actor, action, object_id=object_id or user.id)
        await self._tell(user, "factor_changed")

    async def _tell(self, user: User, kind: str) -> None:
        await Outbox(self._scope).post(letter(kind, user.locale, user.email))
