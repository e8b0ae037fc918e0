"""The end of every way to sign in: a session is begun, or a second factor is asked for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from opengateway.control.actor import Actor, ActorKind
from opengateway.control.identity.caller import Caller
from opengateway.control.passkeys.service import PasskeyService
from opengateway.control.scope import ControlScope
from opengateway.control.second_factors.service import SecondFactors
from opengateway.control.sessions.models import Session
from opengateway.control.sessions.service import IssuedSession, SessionService, Stage
from opengateway.control.users.models import User, UserStatus
from opengateway.domain.errors import NotAllowed


class AccountSuspended(NotAllowed):
    """Told only to whoever has proved that the account is theirs."""

    code = "account_suspended"

    def __init__(self) -> None:
        super().__init__("this account is suspended; ask whoever runs this zone")


@dataclass(frozen=True, slots=True)
class Arrived:
    """`factors` is empty for whoever is signed in."""

    issued: IssuedSession = field(repr=False)
    factors: tuple[str, ...] = ()


class Arrival:
    """Begins sessions. The caller owns the transaction."""

    def __init__(self, scope: ControlScope, actor: Actor, caller: Caller) -> None:
        self._scope = scope
        self._actor = actor
        self._caller = caller
        self._sessions = SessionService(scope)

    async def after_first_factor(self, user: User, method: str) -> Arrived:
        """Signed in, or asked for the second factor where the account has one."""
        must_be_active(user)
        factors = await factors_of(self._scope, user.id)
        if not factors:
            return await self.signed_in(user, (method,))
        issued = await self._sessions.begin(
            user.id, self._caller, (method,), stage=Stage.SECOND_FACTOR
        )
        return Arrived(issued, factors)

    async def signed_in(
        self,
        user: User,
        methods: Sequence[str],
        *,
        instead_of: Session | None = None,
        proved: bool = True,
    ) -> Arrived:
        """A session. `instead_of` is what waited for the second factor."""
        must_be_active(user)
        issued = await self._sessions.begin(
            user.id,
            self._caller,
            methods,
            instead_of=instead_of.id if instead_of else None,
            proved=proved,
        )
        actor = as_user(self._actor, user, issued.session.id)
        await self._scope.audit(
            actor,
            "session.created",
            object_id=issued.session.id,
            after={"methods": list(methods), "device": issued.session.device},
        )
        return Arrived(issued)


async def factors_of(scope: ControlScope, user_id: str) -> tuple[str, ...]:
    """What the account can be asked for after a password; empty when there is nothing."""
    factors: list[str] = []
    if await SecondFactors(scope).has_totp(user_id):
        factors.append("totp")
    if await PasskeyService(scope).of_user(user_id):
        factors.append("passkey")
    if factors and await SecondFactors(scope).recovery_codes_left(user_id):
        factors.append("recovery_code")
    return tuple(factors)


def as_user(actor: Actor, user: User, session_id: str | None = None) -> Actor:
    """The caller of a public route, now that it is known who they are."""
    return replace(actor, kind=ActorKind.USER, user_id=user.id, session_id=session_id)


def must_be_active(user: User) -> None:
    if user.status != UserStatus.ACTIVE:
        raise AccountSuspended
