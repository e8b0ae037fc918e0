"""Signing in with a password, and with the code that may be asked for after it."""

from __future__ import annotations

from opengateway.control.actor import Actor
from opengateway.control.identity.caller import Caller
from opengateway.control.identity.emails import normal_email
from opengateway.control.passwords.service import PasswordService
from opengateway.control.scope import ControlScope
from opengateway.control.second_factors.service import SecondFactors
from opengateway.control.sessions.models import Session
from opengateway.control.sessions.service import SessionService, Stage
from opengateway.control.sign_in.arrival import Arrival, Arrived
from opengateway.control.throttle.service import ACCOUNT, FACTOR, NETWORK, Throttle
from opengateway.control.users.repository import UserRepository
from opengateway.domain.errors import InvalidRequest, NotAllowed, NotAuthenticated
from opengateway.kit.log import get_logger

log = get_logger(__name__)


class WrongCredentials(NotAuthenticated):
    """The same words for a wrong password, an unknown address, and an account without a password."""

    code = "wrong_credentials"

    def __init__(self) -> None:
        super().__init__("the e-mail address or the password is not right")


class WrongFactor(NotAuthenticated):
    code = "wrong_code"

    def __init__(self) -> None:
        super().__init__("this code is not right, or was used already")


class PasswordOff(NotAllowed):
    code = "password_sign_in_off"

    def __init__(self) -> None:
        super().__init__("this zone does not sign in with passwords (auth.password)")


class PasswordSignIn:
    """Three short transactions with the hashing between them, never within one."""

    def __init__(self, scope: ControlScope, actor: Actor, caller: Caller) -> None:
        self._scope = scope
        self._caller = caller
        self._throttle = Throttle(scope)
        self._passwords = PasswordService(scope)
        self._users = UserRepository(scope.session)
        self._arrival = Arrival(scope, actor, caller)

    async def sign_in(self, email: str, password: str) -> Arrived:
        """Raises `WrongCredentials`, `TooManyAttempts`, `AccountSuspended`, `PasswordOff`."""
        if not self._scope.sign_in.settings.password:
            raise PasswordOff
        address = _address(email)
        entered = await self._throttle.enter((ACCOUNT, address), (NETWORK, self._caller.network))
        user = await self._users.by_email(address)
        known = await self._passwords.known_hash(user.id) if user else None
        right = await self._passwords.verify(known, password)
        if not right or user is None or known is None:
            # The log names the account only where there is one: what was typed may be a password.
            log.warning(
                "sign_in_failed",
                user_id=user.id if user else None,
                ip=self._caller.ip,
                request_id=self._caller.request_id,
            )
            raise WrongCredentials
        known = await self._passwords.renew(user.id, known, password)
        # Time went by: only what stands now counts.
        user = await self._users.locked(user.id)
        if user is None or await self._passwords.known_hash(user.id) != known:
            raise WrongCredentials
        await self._throttle.forgive(entered)
        return await self._arrival.after_first_factor(user, "password")

    async def second_factor(self, cookie: str | None, code: str) -> Arrived:
        """Take the code of the app, or one from paper. Raises `WrongFactor`, `TooManyAttempts`."""
        waiting = await self._waiting(cookie)
        entered = await self._throttle.enter(
            (FACTOR, waiting.user_id), (NETWORK, self._caller.network)
        )
        waiting = await self._waiting(cookie)
        user = await self._users.locked(waiting.user_id)
        assert user is not None, "sessions end before their user"
        method = await use_factor(self._scope, user.id, code)
        if method is None:
            log.warning(
                "second_factor_failed",
                user_id=user.id,
                ip=self._caller.ip,
                request_id=self._caller.request_id,
            )
            raise WrongFactor
        await self._throttle.forgive(entered)
        methods = (*waiting.methods, method)
        return await self._arrival.signed_in(user, methods, instead_of=waiting)

    async def _waiting(self, cookie: str | None) -> Session:
        found = None
        if cookie:
            found = await SessionService(self._scope).find(cookie, Stage.SECOND_FACTOR)
        if found is None:
            raise NotAuthenticated("sign in with the password first", code="not_signed_in")
        return found


async def use_factor(scope: ControlScope, user_id: str, code: str) -> str | None:
    """Which factor the code is of, used up now; None when it is none."""
    factors = SecondFactors(scope)
    code = code.strip()
    if await factors.check_totp(user_id, code):
        return "totp"
    if await factors.use_recovery_code(user_id, code):
        return "recovery_code"
    return None


def _address(email: str) -> str:
    """What cannot be an address is nobody's: it must be answered as slowly as any other."""
    try:
        return normal_email(email)
    except InvalidRequest:
        return email[:254]
