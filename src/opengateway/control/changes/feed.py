"""What this process knows of the newest change, and who waits for the next."""

from __future__ import annotations

from opengateway.kit.clock import Clock
from opengateway.kit.pulse import Pulse


class ChangeFeed:
    """Holds the newest committed number, so that a waiting reader holds no transaction."""

    def __init__(self, newest: int, clock: Clock) -> None:
        self.newest = newest
        self._clock = clock
        self._pulse = Pulse()

    def committed(self, seq: int) -> None:
        """A change was committed. Called after the commit, never before."""
        self.newest = max(self.newest, seq)
        self._pulse.beat()

    async def wait_past(self, seq: int, timeout_s: float) -> None:
        """Return when there is a change past `seq`, at the time-out, or when the process stops."""
        deadline = self._clock.monotonic() + timeout_s
        while self.newest <= seq and not self._pulse.stopped:
            left = deadline - self._clock.monotonic()
            if left <= 0 or not await self._pulse.wait(left):
                return

    def stop(self) -> None:
        self._pulse.stop()
