"""The gateway's retry budget: an outage is not multiplied by trying again (Finagle's, Envoy's).

Attempts beyond a request's first are a fifth of the requests of the last ten seconds, and ten a
second besides, so that a quiet gateway can fail over at all; three at once are always allowed.
"""

from __future__ import annotations

from typing import Final

SHARE: Final = 0.2
PER_SECOND: Final = 10
AT_ONCE: Final = 3
WINDOW_S: Final = 10


class RetryBudget:
    """Counts by the second. One of a gateway process."""

    __slots__ = ("_requests", "_retries", "_second", "refused", "running")

    def __init__(self) -> None:
        self._requests = [0] * WINDOW_S
        self._retries = [0] * WINDOW_S
        self._second = 0
        self.running = 0
        """Retries that are under way."""
        self.refused = 0

    def request(self, now: float) -> None:
        """A request came: its first attempt is free, and pays a fifth of a retry."""
        if int(now) != self._second:
            self._turn(int(now))
        self._requests[self._second % WINDOW_S] += 1

    def take(self, now: float) -> bool:
        """Whether one more attempt may be made. Taken if so; `end` gives back its place."""
        if int(now) != self._second:
            self._turn(int(now))
        allowed = SHARE * sum(self._requests) + PER_SECOND * WINDOW_S
        if self.running >= AT_ONCE and sum(self._retries) >= allowed:
            self.refused += 1
            return False
        self._retries[self._second % WINDOW_S] += 1
        self.running += 1
        return True

    def end(self) -> None:
        self.running -= 1

    def _turn(self, second: int) -> None:
        for passed in range(min(second - self._second, WINDOW_S)):
            at = (second - passed) % WINDOW_S
            self._requests[at] = self._retries[at] = 0
        self._second = second
