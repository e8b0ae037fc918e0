"""What a sign-in has begun and the browser carries, sealed, until it is answered. Good once."""

from __future__ import annotations

import hashlib
from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Final, TypeVar

import msgspec
from sqlalchemy import delete
from sqlalchemy.exc import IntegrityError

from opengateway.control.challenges.models import SpentChallenge
from opengateway.control.identity.settings import SECOND_NS
from opengateway.control.scope import ControlScope
from opengateway.domain.errors import InvalidRequest
from opengateway.ports.secret_box import Unsealable

LASTS_S: Final = 600
_MAX_CHARACTERS: Final = 4_000
"""Browsers keep cookies of 4096 bytes, name and attributes included."""

_Kind = TypeVar("_Kind", bound=msgspec.Struct)


class ChallengeGone(InvalidRequest):
    code = "challenge_expired"

    def __init__(self) -> None:
        super().__init__("this took too long, was begun elsewhere, or was used; begin again")


class Challenges:
    """Seals and opens. `kind` names what is begun: one cannot be passed off as another."""

    def __init__(self, scope: ControlScope) -> None:
        self._scope = scope

    def seal(self, kind: str, begun: msgspec.Struct) -> str:
        """A cookie's value, good for ten minutes."""
        until = self._scope.clock.now_ns() + LASTS_S * SECOND_NS
        plain = msgspec.msgpack.encode((until, begun))
        sealed = self._scope.secret_box.seal(plain, f"challenge:{kind}")
        return urlsafe_b64encode(sealed).decode().rstrip("=")

    def open(self, kind: str, cookie: str | None, of: type[_Kind]) -> _Kind:
        """Raises `ChallengeGone`."""
        try:
            plain = self._scope.secret_box.open(_bytes_of(cookie or ""), f"challenge:{kind}")
            until, rest = msgspec.msgpack.decode(plain, type=tuple[int, msgspec.Raw])
            begun = msgspec.msgpack.decode(rest, type=of)
        except (Unsealable, ValueError, msgspec.MsgspecError):
            raise ChallengeGone from None
        if self._scope.clock.now_ns() >= until:
            raise ChallengeGone
        return begun

    async def spend(self, cookie: str) -> None:
        """Make it good for nothing more, in the transaction of what it led to.

        Raises `ChallengeGone` for the second of two.
        """
        # Of the bytes: base 64 can write the same ones in more than one way.
        digest = hashlib.sha256(_bytes_of(cookie)).hexdigest()
        until = self._scope.clock.now_ns() + 2 * LASTS_S * SECOND_NS
        self._scope.session.add(SpentChallenge(digest=digest, expires_at_ns=until))
        try:
            await self._scope.session.flush()
        except IntegrityError:
            raise ChallengeGone from None

    async def prune(self) -> None:
        now = self._scope.clock.now_ns()
        await self._scope.session.execute(
            delete(SpentChallenge).where(SpentChallenge.expires_at_ns <= now)
        )


def _bytes_of(cookie: str) -> bytes:
    """Raises `ValueError`."""
    if len(cookie) > _MAX_CHARACTERS:
        raise ValueError("this is no cookie of ours")
    return urlsafe_b64decode(cookie.encode("ascii") + b"=" * (-len(cookie) % 4))
