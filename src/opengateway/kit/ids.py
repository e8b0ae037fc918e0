"""Identifiers: a prefix that says what it is, and a UUIDv7 that sorts by time (RFC 9562, 5.7)."""

from __future__ import annotations

from collections.abc import Callable

from opengateway.kit.chance import random_bytes
from opengateway.kit.clock import Clock, SystemClock

NewId = Callable[[str], str]
"""Takes a prefix such as `"gen_"`, gives a new identifier."""

_VERSION_7 = 0x7 << 76
_VARIANT = 0x2 << 62
_RANDOM_62 = (1 << 62) - 1
_POOL_BYTES = 512


class IdSource:
    """Makes ids that never repeat and, within one process, never sort backwards."""

    __slots__ = ("_at", "_clock", "_entropy", "_last", "_pool")

    def __init__(
        self, clock: Clock | None = None, entropy: Callable[[int], bytes] = random_bytes
    ) -> None:
        self._clock = clock or SystemClock()
        self._entropy = entropy
        self._last = 0
        # The kernel is asked once for many ids: asking costs more than all the rest.
        self._pool = b""
        self._at = 0

    def __call__(self, prefix: str) -> str:
        # 48 bits of milliseconds, then 12 bits of the fraction of the millisecond.
        now_ns = self._clock.now_ns()
        milliseconds = now_ns // 1_000_000
        stamp = (milliseconds << 12) | ((now_ns - milliseconds * 1_000_000) * 4096 // 1_000_000)
        if stamp <= self._last:
            stamp = self._last + 1
        self._last = stamp
        at = self._at
        if at >= len(self._pool):
            self._pool, at = self._entropy(_POOL_BYTES), 0
        self._at = at + 8
        tail = int.from_bytes(self._pool[at : at + 8], "big") & _RANDOM_62
        value = ((stamp >> 12) << 80) | _VERSION_7 | ((stamp & 0xFFF) << 64) | _VARIANT | tail
        return f"{prefix}{value:032x}"


def milliseconds_of(identifier: str) -> int:
    """The Unix time in milliseconds at which `identifier` was made.

    Raises `ValueError` if it does not end in 32 hexadecimal digits.
    """
    digits = identifier.rpartition("_")[2]
    if len(digits) != 32:
        raise ValueError(f"{identifier!r} is not an id of ours")
    return int(digits, 16) >> 80
