"""What this process knows of the newest change, and who waits for the next."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

from sqlalchemy.exc import SQLAlchemyError

from opengateway.kit.clock import Clock
from opengateway.kit.log import get_logger
from opengateway.kit.pulse import Pulse

_LOOK_S: Final = 1.0
"""How long what another control process changed may stay unknown here."""

log = get_logger(__name__)


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

    async def follow(self, newest: Callable[[], Awaitable[int]]) -> None:
        """For ever: learn what other control processes on the same store committed."""
        is_lost = False
        while True:
            await asyncio.sleep(_LOOK_S)
            try:
                seq = await newest()
            except (OSError, SQLAlchemyError) as error:
                # The store is away: whoever asks for a change is told so by its own request.
                if not is_lost:
                    log.warning("changes_not_followed", error=type(error).__name__)
                is_lost = True
                continue
            is_lost = False
            if seq > self.newest:
                self.committed(seq)

    def stop(self) -> None:
        self._pulse.stop()
