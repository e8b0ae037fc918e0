"""Second factors: an authenticator app, and codes on paper for when it is lost."""

from __future__ import annotations

import hmac
from typing import Final

from sqlalchemy import delete, func, select, update

from opengateway.control.identity.settings import SECOND_NS
from opengateway.control.scope import ControlScope
from opengateway.control.second_factors import totp
from opengateway.control.second_factors.models import RecoveryCode, TotpFactor
from opengateway.domain.errors import Conflict, InvalidRequest, NotFound
from opengateway.kit.chance import random_bytes

RECOVERY_CODES: Final = 10
_ALPHABET: Final = "0123456789abcdefghjkmnpqrstvwxyz"
"""Crockford's base 32: nothing in it is taken for something else on paper."""
_CODE_CHARACTERS: Final = 24
"""120 bits: a keyed hash is enough (OWASP ASVS 5.0, 6.5.2 asks for 112)."""


class TotpAlreadyOn(Conflict):
    code = "totp_already_on"


class TotpNotBegun(NotFound):
    code = "totp_not_begun"


class WrongCode(InvalidRequest):
    code = "wrong_code"


class SecondFactors:
    """The caller owns the transaction, and has counted the attempt (`control/throttle`)."""

    def __init__(self, scope: ControlScope) -> None:
        self._scope = scope
        self._session = scope.session

    async def has_totp(self, user_id: str) -> bool:
        found = await self._session.get(TotpFactor, user_id)
        return found is not None and found.confirmed_at_ns is not None

    async def begin_totp(self, user_id: str) -> bytes:
        """A new secret, shown once. It counts for nothing until a code of it was given."""
        if await self.has_totp(user_id):
            raise TotpAlreadyOn("an authenticator app is set up already; remove it first")
        secret = totp.new_secret()
        await self._session.execute(delete(TotpFactor).where(TotpFactor.user_id == user_id))
        self._session.add(
            TotpFactor(
                user_id=user_id,
                sealed_secret=self._scope.secret_box.seal(secret, f"totp:{user_id}"),
                last_step=-1,
                created_at_ns=self._scope.clock.now_ns(),
                confirmed_at_ns=None,
            )
        )
        await self._session.flush()
        return secret

    async def confirm_totp(self, user_id: str, code: str) -> None:
        """Put the app in force. Raises `TotpNotBegun`, `TotpAlreadyOn`, `WrongCode`."""
        found = await self._session.get(TotpFactor, user_id)
        if found is None:
            raise TotpNotBegun("begin with POST /api/v1/me/totp")
        if found.confirmed_at_ns is not None:
            raise TotpAlreadyOn("the authenticator app is set up already")
        if not await self._take_step(found, code):
            raise WrongCode("this is not the code that the app shows now", param="code")
        statement = update(TotpFactor).where(TotpFactor.user_id == user_id)
        now = self._scope.clock.now_ns()
        await self._session.execute(statement.values(confirmed_at_ns=now))

    async def check_totp(self, user_id: str, code: str) -> bool:
        """Whether it is the app's code, of now and not used before."""
        found = await self._session.get(TotpFactor, user_id, populate_existing=True)
        if found is None or found.confirmed_at_ns is None:
            return False
        return await self._take_step(found, code)

    async def remove_totp(self, user_id: str) -> bool:
        """False where there is none."""
        statement = (
            delete(TotpFactor).where(TotpFactor.user_id == user_id).returning(TotpFactor.user_id)
        )
        return await self._session.scalar(statement) is not None

    async def new_recovery_codes(self, user_id: str) -> list[str]:
        """Ten codes, shown once. Those from before are void."""
        await self.remove_recovery_codes(user_id)
        codes = [_new_code() for _ in range(RECOVERY_CODES)]
        now = self._scope.clock.now_ns()
        self._session.add_all(
            RecoveryCode(digest=self._digest(user_id, code), user_id=user_id, created_at_ns=now)
            for code in codes
        )
        await self._session.flush()
        return codes

    async def recovery_codes_left(self, user_id: str) -> int:
        statement = select(func.count()).where(
            RecoveryCode.user_id == user_id, RecoveryCode.used_at_ns.is_(None)
        )
        return await self._session.scalar(statement) or 0

    async def use_recovery_code(self, user_id: str, code: str) -> bool:
        """Whether it was one that is not used yet; it is now."""
        statement = (
            update(RecoveryCode)
            .where(
                RecoveryCode.digest == self._digest(user_id, code),
                RecoveryCode.user_id == user_id,
                RecoveryCode.used_at_ns.is_(None),
            )
            .values(used_at_ns=self._scope.clock.now_ns())
            .returning(RecoveryCode.digest)
        )
        return await self._session.scalar(statement) is not None

    async def remove_recovery_codes(self, user_id: str) -> None:
        await self._session.execute(delete(RecoveryCode).where(RecoveryCode.user_id == user_id))

    async def remove_all(self, user_id: str) -> None:
        await self.remove_totp(user_id)
        await self.remove_recovery_codes(user_id)

    async def _take_step(self, factor: TotpFactor, code: str) -> bool:
        """Whether the code is good, in one guarded write: of two at once, one is a replay."""
        secret = self._scope.secret_box.open(factor.sealed_secret, f"totp:{factor.user_id}")
        now_s = self._scope.clock.now_ns() // SECOND_NS
        step = totp.matching_step(secret, code, now_s, factor.last_step)
        if step is None:
            return False
        statement = (
            update(TotpFactor)
            .where(TotpFactor.user_id == factor.user_id, TotpFactor.last_step < step)
            .values(last_step=step)
            .returning(TotpFactor.user_id)
        )
        return await self._session.scalar(statement) is not None

    def _digest(self, user_id: str, code: str) -> str:
        plain = code.replace("-", "").replace(" ", "").lower()
        text = f"recovery:{user_id}:{plain}"
        return hmac.digest(self._scope.pepper.secret, text.encode(), "sha256").hex()


def _new_code() -> str:
    # 32 divides 256: each byte gives one character without bias.
    drawn = "".join(_ALPHABET[byte % 32] for byte in random_bytes(_CODE_CHARACTERS))
    return "-".join(drawn[at : at + 6] for at in range(0, _CODE_CHARACTERS, 6))
