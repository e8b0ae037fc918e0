"""Password hashes: argon2id, in a thread, few at a time."""

from __future__ import annotations

import asyncio
import unicodedata
from collections.abc import Callable
from functools import cache
from typing import Final, TypeVar

from argon2 import PasswordHasher, Type
from argon2.exceptions import InvalidHashError, VerificationError

from opengateway.domain.errors import CapacityError

MEMORY_KIB: Final = 19 * 1024
"""19 MiB, two passes, one lane: the first choice of OWASP's password storage page (2025)."""
_TIME_COST: Final = 2
_AT_ONCE: Final = 2
_WAITING: Final = 64

_Result = TypeVar("_Result")


def _argon2(memory_kib: int, time_cost: int) -> PasswordHasher:
    return PasswordHasher(time_cost=time_cost, memory_cost=memory_kib, parallelism=1, type=Type.ID)


@cache
def _nobody(memory_kib: int, time_cost: int) -> str:
    """Once in a process: it costs as much as a sign-in."""
    return _argon2(memory_kib, time_cost).hash("nobody has this password")


class Hasher:
    """Hashes and verifies. Bounded: sign-ins must not take the memory and cores of the settler."""

    def __init__(self, *, memory_kib: int = MEMORY_KIB, time_cost: int = _TIME_COST) -> None:
        self._argon2 = _argon2(memory_kib, time_cost)
        # What an unknown account is compared with, so that it costs as much as a known one.
        self._nobody = _nobody(memory_kib, time_cost)
        self._room = asyncio.Semaphore(_AT_ONCE)
        self._waiting = 0
        self.hashed = 0
        """Hashes computed, for metrics and for the test that all refusals cost one."""

    async def hash(self, password: str) -> str:
        """Raises `CapacityError` when too many wait."""
        return await self._in_thread(lambda: self._argon2.hash(_normal(password)))

    async def verify(self, known: str | None, password: str) -> bool:
        """Whether `password` makes `known`. The same work is done where nothing is known."""
        return await self._in_thread(lambda: self._verify(known, _normal(password)))

    def outdated(self, known: str) -> bool:
        """Whether `known` was made with other parameters than today's."""
        return self._argon2.check_needs_rehash(known)

    def _verify(self, known: str | None, password: str) -> bool:
        try:
            self._argon2.verify(known or self._nobody, password)
        except (VerificationError, InvalidHashError):
            return False
        return known is not None

    async def _in_thread(self, work: Callable[[], _Result]) -> _Result:
        if self._waiting >= _WAITING:
            raise CapacityError("too many sign-ins at once; try again", retry_after_s=2)
        self._waiting += 1
        try:
            async with self._room:
                self.hashed += 1
                return await asyncio.to_thread(work)
        finally:
            self._waiting -= 1


def _normal(password: str) -> str:
    """NFC (RFC 8265, 4.2.2): keyboards of different systems write the same letters differently."""
    return unicodedata.normalize("NFC", password)
