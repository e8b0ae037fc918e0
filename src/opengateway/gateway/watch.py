"""One timer for all the clocks of an exchange, re-armed lazily: moving a limit costs no timer."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from enum import Enum, auto


class Interruption(Enum):
    """Why an exchange's task was woken from what it waited for."""

    CALLER_GONE = auto()
    CALLER_STALLED = auto()
    FIRST_TOKEN = auto()
    IDLE = auto()
    DEADLINE = auto()


class Watch:
    """Calls `on_expire` once the limit in force has passed. The deadline bounds every limit."""

    __slots__ = ("_deadline_at", "_handle", "_limit_at", "_loop", "_on_expire", "_why")

    def __init__(self, deadline_s: float, on_expire: Callable[[Interruption], None]) -> None:
        self._loop = asyncio.get_running_loop()
        self._on_expire = on_expire
        self._deadline_at = self._loop.time() + deadline_s
        self._limit_at = self._deadline_at
        self._why = Interruption.DEADLINE
        self._handle: asyncio.TimerHandle | None = None

    def arm(self, seconds: float, why: Interruption) -> None:
        """From now on, expire for `why` after `seconds`, or at the deadline if that is sooner."""
        at = self._loop.time() + seconds
        if at >= self._deadline_at:
            at, why = self._deadline_at, Interruption.DEADLINE
        self._limit_at = at
        self._why = why
        # A timer that rings early looks again; only one that would ring late is replaced.
        if self._handle is None:
            self._handle = self._loop.call_at(at, self._ring)
        elif self._handle.when() > at:
            self._handle.cancel()
            self._handle = self._loop.call_at(at, self._ring)

    @property
    def deadline_left_s(self) -> float:
        return self._deadline_at - self._loop.time()

    def _ring(self) -> None:
        self._handle = None
        if self._loop.time() >= self._limit_at:
            self._on_expire(self._why)
        else:
            self._handle = self._loop.call_at(self._limit_at, self._ring)

    def stop(self) -> None:
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None
