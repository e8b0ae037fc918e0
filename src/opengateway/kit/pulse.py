"""Many waiters, one news: what long polls wait on."""

from __future__ import annotations

import asyncio


class Pulse:
    """Wakes all who wait, at each `beat`; after `stop` nobody waits any more.

    Whoever waits must look at what it waits for *before* it calls `wait`, with no `await` between
    the look and the call: then no beat is missed, because all of it happens on one event loop.
    """

    __slots__ = ("_event", "_stopped")

    def __init__(self) -> None:
        self._event = asyncio.Event()
        self._stopped = False

    @property
    def stopped(self) -> bool:
        return self._stopped

    def beat(self) -> None:
        """Wake those who wait now. Later waiters wait for the next beat."""
        self._event.set()
        if not self._stopped:
            self._event = asyncio.Event()

    def stop(self) -> None:
        """The process is going down: wake everyone, for good."""
        self._stopped = True
        self._event.set()

    async def wait(self, timeout_s: float) -> bool:
        """True at a beat or a stop, False when `timeout_s` have passed without one."""
        try:
            async with asyncio.timeout(timeout_s):
                await self._event.wait()
        except TimeoutError:
            return False
        return True
