"""How fast an endpoint is: a moving mean and four quantiles, in a few bytes, updated in a
microsecond.

Times to the first token grow with the input, so samples are divided by what their size class
usually takes more: an endpoint that happened to get the long prompts does not look slow.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

QUANTILES: Final = (50, 75, 90, 99)

_SIZES: Final = ((8_192, 1.0), (65_536, 1.3), (524_288, 2.0))
"""Bytes of input, and how much longer the first token then takes; beyond: `_LONGEST`."""
_LONGEST: Final = 4.0
_WEIGHT: Final = 0.15
"""Of the newest sample in the mean: about the last 13 count."""
_STEP: Final = 0.08
"""How far, relative to itself, a quantile moves at most for one sample."""
_UP: Final = tuple(1 + _STEP * q / 100 for q in QUANTILES)
_DOWN: Final = tuple(1 - _STEP * (100 - q) / 100 for q in QUANTILES)
_SETTLED: Final = 20
_LEAST_S: Final = 1e-4


def size_factor(input_bytes: int) -> float:
    """What a first token usually takes longer for that much input."""
    for limit, factor in _SIZES:
        if input_bytes <= limit:
            return factor
    return _LONGEST


class Latency:
    """Seconds, normalised. `mean` is None until the first sample.

    A quantile goes up by its share of a step for each sample above it, and down by the rest for
    each below: in balance, that many lie below it (Ma, Muthukrishnan and Sandler, 2014: frugal
    streaming; the steps are relative, so that no unit has to be known).
    """

    __slots__ = ("count", "mean", "p50", "p75", "p90", "p99")

    def __init__(self) -> None:
        self.count = 0
        self.mean: float | None = None
        self.p50 = self.p75 = self.p90 = self.p99 = 0.0

    def add(self, seconds: float) -> None:
        x = max(_LEAST_S, seconds)
        mean = self.mean
        if mean is None:
            self.mean = self.p50 = self.p75 = self.p90 = self.p99 = x
            self.count = 1
            return
        self.mean = mean + _WEIGHT * (x - mean)
        self.count += 1
        self.p50 *= _UP[0] if x > self.p50 else _DOWN[0]
        self.p75 *= _UP[1] if x > self.p75 else _DOWN[1]
        self.p90 *= _UP[2] if x > self.p90 else _DOWN[2]
        self.p99 *= _UP[3] if x > self.p99 else _DOWN[3]

    def quantile(self, percentile: int) -> float | None:
        """Of 50, 75, 90 and 99. None until the first sample."""
        if self.mean is None:
            return None
        match percentile:
            case 50:
                return self.p50
            case 75:
                return self.p75
            case 90:
                return self.p90
            case 99:
                return self.p99
            case _:
                raise ValueError(f"{percentile!r} is not one of {QUANTILES}")

    @property
    def settled(self) -> bool:
        """Whether there were enough samples to bound a wait by."""
        return self.count >= _SETTLED

    def state(self) -> list[float]:
        """For a snapshot; empty where there is nothing to keep."""
        if self.mean is None:
            return []
        return [float(self.count), self.mean, self.p50, self.p75, self.p90, self.p99]

    def restore(self, state: Sequence[float]) -> None:
        """What `state` gave. Anything else is left alone."""
        if len(state) != 6 or not all(0 < value < 1e6 for value in state[1:]):
            return
        self.count = int(min(max(state[0], 1), 1_000_000))
        self.mean, self.p50, self.p75, self.p90, self.p99 = state[1:]
