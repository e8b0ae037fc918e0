"""The clocks of an exchange. Moving a limit costs no timer, and most limits never cost one at all.

An event loop's timer costs as much as a tenth of a request, and nearly every limit is far away when
its request is over. So one tick a second looks at all that are watched, and sets a timer only for a
limit that falls before the next tick.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable
from enum import Enum, auto
from typing import Final


class Interruption(Enum):
    """Why an exchange's task was woken from what it waited for."""

    CALLER_GONE = auto()
    CALLER_STALLED = auto()
    FIRST_TOKEN = auto()
    IDLE = auto()
    DEADLINE = auto()


_TICK_S: Final = 1.0


class _Ticker:
    """All watches of one event loop. It ticks while there are any."""

    __slots__ = ("_watches", "loop", "next_at", "time")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self.time = loop.time
        self.next_at = 0.0
        self._watches: list[Watch] = []

    def add(self, watch: Watch) -> None:
        self._watches.append(watch)
        if len(self._watches) == 1:
            self.next_at = self.time() + _TICK_S
            self.loop.call_at(self.next_at, self._tick)

    def _tick(self) -> None:
        now = self.time()
        alive = self._watches = [watch for watch in self._watches if watch.is_on]
        self.next_at = now + _TICK_S
        for watch in alive:
            watch.look(now, self.next_at)
        if alive:
            self.loop.call_at(self.next_at, self._tick)


_newest: _Ticker | None = None


def _ticker() -> _Ticker:
    """Of the running loop. A process has one; tests have one after another."""
    global _newest
    loop = asyncio.get_running_loop()
    if _newest is None or _newest.loop is not loop:
        _newest = _Ticker(loop)
    return _newest


class Watch:
    """Calls `on_expire` once the limit in force has passed. The deadline bounds every limit."""

    __slots__ = ("_deadline_at", "_handle", "_limit_at", "_on_expire", "_ticker", "_why", "is_on")

    def __init__(self, deadline_s: float, on_expire: Callable[[Interruption], None]) -> None:
        ticker = self._ticker = _ticker()
        self._on_expire: Callable[[Interruption], None] | None = on_expire
        self._deadline_at = self._limit_at = ticker.time() + deadline_s
        self._why = Interruption.DEADLINE
        self._handle: asyncio.TimerHandle | None = None
        self.is_on = False

    def arm(self, seconds: float, why: Interruption) -> None:
        """From now on, expire for `why` after `seconds`, or at the deadline if that is sooner."""
        ticker = self._ticker
        at = ticker.time() + seconds
        if at >= self._deadline_at:
            at, why = self._deadline_at, Interruption.DEADLINE
        self._limit_at = at
        self._why = why
        if not self.is_on:
            self.is_on = True
            ticker.add(self)
        if at < ticker.next_at:
            self._set_timer(at)

    def look(self, now: float, next_at: float) -> None:
        """From the tick: whether the limit falls before the next one."""
        if self._limit_at < next_at:
            self._set_timer(self._limit_at)

    def _set_timer(self, at: float) -> None:
        # A timer that rings early looks again; only one that would ring late is replaced.
        if self._handle is not None:
            if self._handle.when() <= at:
                return
            self._handle.cancel()
        self._handle = self._ticker.loop.call_at(at, self._ring)

    @property
    def deadline_left_s(self) -> float:
        return self._deadline_at - self._ticker.time()

    def _ring(self) -> None:
        self._handle = None
        on_expire = self._on_expire
        if on_expire is None:
            return
        if self._ticker.time() >= self._limit_at:
            self._limit_at = math.inf  # once
            on_expire(self._why)
        elif self._limit_at < self._ticker.next_at:
            self._set_timer(self._limit_at)

    def stop(self) -> None:
        """No more. What it would have called is let go of at once, itself at the next tick."""
        self.is_on = False
        self._on_expire = None
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None
