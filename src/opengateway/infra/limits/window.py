"""What was counted in the last 60 seconds, in cells of a second.

Why cells: a log of moments is exact to the microsecond, and as long as the limit is high; a counter
that starts anew each minute lets twice its limit through around the turn; a bucket that refills
lets its whole burst through beside a minute's refill. Cells of a second are at most 61 however high
the limit, and keep what was counted for 60 to 61 seconds: never shorter, so that no 60 seconds hold
more than the limit; and at most a second longer, which is 1.7 % of the throughput.
"""

from __future__ import annotations

from opengateway.ports.limits import MINUTE_S


class MinuteWindow:
    """Requests and tokens together; `roll` before reading. `running` is what is under way now.

    `cell` is the current second's, so that counting is four additions: requests and tokens, and
    how much of each was told to the shared count, where there is one.
    """

    __slots__ = ("cell", "cells", "requests", "running", "second", "tokens")

    def __init__(self) -> None:
        self.cells: dict[int, list[int]] = {}
        """By second, in order."""
        self.cell = [0, 0, 0, 0]
        self.second = -1
        self.requests = 0
        self.tokens = 0
        self.running = 0

    def roll(self, second: int) -> None:
        """Go on to `second`, and forget what is older than the minute before it."""
        if second == self.second:
            return
        cells = self.cells
        oldest = second - MINUTE_S
        while cells:
            first = next(iter(cells))
            if first >= oldest:
                break
            over = cells.pop(first)
            self.requests -= over[0]
            self.tokens -= over[1]
        if self.second in cells and not any(self.cell):
            del cells[self.second]  # nothing was counted in it
        self.cell = cells[second] = [0, 0, 0, 0]
        self.second = second

    def count(self, requests: int, tokens: int) -> None:
        """Count in the current second. What is running is the caller's to change."""
        cell = self.cell
        cell[0] += requests
        cell[1] += tokens
        self.requests += requests
        self.tokens += tokens

    def take_back(self, second: int, requests: int, tokens: int) -> bool:
        """Uncount what was counted in `second`; False where that is over and forgotten."""
        cell = self.cells.get(second)
        if cell is None:
            return False
        cell[0] -= requests
        cell[1] -= tokens
        self.requests -= requests
        self.tokens -= tokens
        return True

    @property
    def idle(self) -> bool:
        """Whether it can be dropped without anything being forgotten."""
        return not (self.running or self.requests or self.tokens)

    def wait_s(self, now: float, index: int, room: int) -> float:
        """Seconds from `now` until at most `room` of requests (0) or tokens (1) are counted."""
        counted = self.tokens if index else self.requests
        for second, cell in self.cells.items():
            counted -= cell[index]
            if counted <= room:
                return max(0.0, second + MINUTE_S + 1 - now)
        return 0.0

    def reset_s(self, index: int) -> int:
        """Whole seconds until nothing is counted of requests (0) or tokens (1)."""
        if self.cell[index] > 0:
            return MINUTE_S + 1
        for second in reversed(self.cells):
            if self.cells[second][index] > 0:
                return second + MINUTE_S + 1 - self.second
        return 0
