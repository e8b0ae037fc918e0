"""How many requests one endpoint, or one credential, is given at once.

No limit until a provider says that it is too much: then additive increase, multiplicative decrease
on 429, 503 and 529. Latency is no signal here: how long an answer takes is a matter of its tokens.
"""

from __future__ import annotations

import math
from typing import Final

SHRINK: Final = 0.7
GROW_EVERY_S: Final = 1.0
SHRINK_EVERY_S: Final = 1.0
"""Of a burst of refusals, all but the first are answers to the old limit."""
FREE_AFTER_S: Final = 300.0
LEAST: Final = 4.0
"""Refusals of a few at once are of a rate, not of how many there are: a wait does not help them."""


class Limit:
    """`in_flight` of at most `limit`."""

    __slots__ = ("_cut_at", "_grown_at", "in_flight", "limit")

    def __init__(self) -> None:
        self.in_flight = 0
        self.limit = math.inf
        self._cut_at = -math.inf
        self._grown_at = 0.0

    @property
    def is_full(self) -> bool:
        return self.in_flight >= self.limit

    def shrink(self, now: float) -> None:
        """The provider was asked too much."""
        if now - self._cut_at < SHRINK_EVERY_S:
            return
        running = min(self.limit, float(max(self.in_flight, 1)))
        self.limit = max(LEAST, math.floor(running * SHRINK))
        self._cut_at = self._grown_at = now

    def grow(self, now: float) -> None:
        """A request went well. The limit grows only while it is made use of."""
        if self.limit == math.inf or now - self._grown_at < GROW_EVERY_S:
            return
        if now - self._cut_at >= FREE_AFTER_S:
            self.limit = math.inf
            return
        if self.in_flight * 2 >= self.limit:
            self.limit += max(1.0, self.limit * 0.05)
            self._grown_at = now
