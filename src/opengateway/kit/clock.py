"""Time, as a dependency. The only module that reads a clock."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Protocol


class Clock(Protocol):
    """What the product may know of time. Wall time for records, monotonic for durations."""

    def now_ns(self) -> int:
        """Unix time in nanoseconds. May jump when the host's clock is set."""
        ...

    def monotonic(self) -> float:
        """Seconds from an arbitrary start; never goes back."""
        ...


class SystemClock:
    """The host's clocks."""

    __slots__ = ()

    # Bound directly: the hot path calls these several times a request.
    now_ns = staticmethod(time.time_ns)
    monotonic = staticmethod(time.monotonic)


@dataclass(slots=True)
class ManualClock:
    """A clock that stands still until it is moved. For tests and replays."""

    wall_ns: int = 1_764_000_000_000_000_000
    elapsed_s: float = 0.0

    def now_ns(self) -> int:
        return self.wall_ns

    def monotonic(self) -> float:
        return self.elapsed_s

    def advance(self, seconds: float) -> None:
        self.wall_ns += int(seconds * 1e9)
        self.elapsed_s += seconds
