"""When to stop asking a store that does not answer."""

from __future__ import annotations

from collections import deque
from typing import Final

from opengateway.kit.clock import Clock

WINDOW_S: Final = 5.0
MIN_SAMPLES: Final = 20
OPENS_AT: Final = 0.5
PROBE_EVERY_S: Final = 2.0
_SLOT_S: Final = 0.5


class Breaker:
    """Opens when half of the last 5 s failed, of 20 or more; closes when a probe succeeds.

    While open, one caller in 2 s is told to probe; all others are told to do without.
    """

    __slots__ = ("_clock", "_failed", "_next_probe", "_open", "_slots", "_total", "opened")

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._slots: deque[list[int]] = deque()  # [number of the half second, calls, failures]
        self._total = self._failed = 0
        self._open = False
        self._next_probe = 0.0
        self.opened = 0
        """How often it opened, for the metrics."""

    @property
    def is_open(self) -> bool:
        return self._open

    def probe_is_due(self) -> bool:
        """Whether the caller is the one to probe. Asking takes the turn."""
        now = self._clock.monotonic()
        if not self._open or now < self._next_probe:
            return False
        self._next_probe = now + PROBE_EVERY_S
        return True

    def close(self) -> None:
        """A probe was answered: what failed before says nothing any more."""
        self._open = False
        self._slots.clear()
        self._total = self._failed = 0

    def record(self, *, failed: bool) -> None:
        """How one call ended. Calls that end after the breaker opened count for nothing."""
        if self._open:
            return
        now = self._clock.monotonic()
        number = int(now / _SLOT_S)
        if not self._slots or self._slots[-1][0] != number:
            self._slots.append([number, 0, 0])
        while self._slots[0][0] <= number - WINDOW_S / _SLOT_S:
            _, calls, failures = self._slots.popleft()
            self._total -= calls
            self._failed -= failures
        self._slots[-1][1] += 1
        self._slots[-1][2] += failed
        self._total += 1
        self._failed += failed
        if failed and self._total >= MIN_SAMPLES and self._failed >= OPENS_AT * self._total:
            self._open = True
            self.opened += 1
            self._next_probe = now + PROBE_EVERY_S
