"""Tokens in links: one use, one hour, for one purpose."""

from __future__ import annotations

import hmac
import re
from enum import StrEnum
from typing import Final

from sqlalchemy import delete, select, update

from opengateway.control.identity.settings import SECOND_NS
from opengateway.control.mail_tokens.models import MailToken
from opengateway.control.scope import ControlScope
from opengateway.domain.errors import InvalidRequest
from opengateway.kit.chance import random_base62

LASTS_S: Final = 3_600
_PREFIX: Final = "ogt_"
_FORM: Final = re.compile(_PREFIX + "[0-9A-Za-z]{43}")


class Purpose(StrEnum):
    VERIFY = "verify"
    RESET = "reset"


class TokenGone(InvalidRequest):
    """The same words for a token that never was, and for one that is used or too old."""

    code = "link_not_valid"

    def __init__(self) -> None:
        super().__init__(
            "this link is not valid, or not any more; ask for a new one", param="token"
        )


class MailTokens:
    """The caller owns the transaction."""

    def __init__(self, scope: ControlScope) -> None:
        self._scope = scope
        self._session = scope.session

    async def issue(
        self, purpose: Purpose, email: str, *, user_id: str | None = None, kept: bytes | None = None
    ) -> str:
        """A new token; those of the same purpose and address serve no more. `kept` is sealed."""
        statement = delete(MailToken).where(
            MailToken.purpose == purpose.value, MailToken.email == email
        )
        await self._session.execute(statement)
        token = _PREFIX + random_base62(43)
        digest = self._digest(purpose, token)
        now = self._scope.clock.now_ns()
        self._session.add(
            MailToken(
                digest=digest,
                purpose=purpose.value,
                email=email,
                user_id=user_id,
                sealed=self._scope.secret_box.seal(kept, f"token:{digest}") if kept else None,
                created_at_ns=now,
                expires_at_ns=now + LASTS_S * SECOND_NS,
            )
        )
        await self._session.flush()
        return token

    async def look(self, purpose: Purpose, token: str) -> MailToken:
        """What the token stands for, if it could be used now. Raises `TokenGone`."""
        if _FORM.fullmatch(token) is None:
            raise TokenGone
        found = await self._session.scalar(
            select(MailToken).where(MailToken.digest == self._digest(purpose, token))
        )
        now = self._scope.clock.now_ns()
        if found is None or found.used_at_ns is not None or now >= found.expires_at_ns:
            raise TokenGone
        return found

    async def take(self, purpose: Purpose, token: str) -> MailToken:
        """The same, and the token is used up: of two at once, one gets it. Raises `TokenGone`."""
        found = await self.look(purpose, token)
        now = self._scope.clock.now_ns()
        statement = (
            update(MailToken)
            .where(MailToken.digest == found.digest, MailToken.used_at_ns.is_(None))
            .values(used_at_ns=now)
            .returning(MailToken.digest)
        )
        if await self._session.scalar(statement) is None:
            raise TokenGone
        return found

    def kept(self, token: MailToken) -> bytes:
        assert token.sealed is not None, "nothing was kept with this token"
        return self._scope.secret_box.open(token.sealed, f"token:{token.digest}")

    async def remove_all(self, user_id: str) -> None:
        await self._session.execute(delete(MailToken).where(MailToken.user_id == user_id))

    async def prune(self) -> None:
        now = self._scope.clock.now_ns()
        await self._session.execute(delete(MailToken).where(MailToken.expires_at_ns <= now))

    def _digest(self, purpose: Purpose, token: str) -> str:
        text = f"{purpose}:{token}"
        return hmac.digest(self._scope.pepper.secret, text.encode(), "sha256").hex()
