"""Series of bounded number, counted by one event loop (decision 5).

Only the settler's process counts, on its one event loop, so plain dictionaries do, at a tenth of the cost
of the client's own locked ones.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.utils import floatToGoString

OTHER: Final = "other"
NONE: Final = "none"

Labels = tuple[str, ...]


class FirstComers:
    """Lets through the first `limit` distinct values; later ones become `other`."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._seen: set[str] = set()

    def __call__(self, value: str | None) -> str:
        if value is None:
            return NONE
        if value not in self._seen:
            if len(self._seen) >= self._limit:
                return OTHER
            self._seen.add(value)
        return value


class LabelSets:
    """Bounds the label sets of all families together; one too many becomes the set of `other`s."""

    def __init__(self, limit: int) -> None:
        self._left = limit

    def admit(self, known: Mapping[Labels, object], labels: Labels) -> Labels:
        if labels in known:
            return labels
        if self._left <= 0:
            return (OTHER,) * len(labels)
        self._left -= 1
        return labels


class Count:
    def __init__(self, sets: LabelSets, name: str, help_text: str, *labels: str) -> None:
        self._sets = sets
        self._told = (f"opengateway_{name}", help_text, labels)
        self.values: dict[Labels, int] = {}

    def add(self, amount: int, *labels: str) -> None:
        if amount > 0:
            labels = self._sets.admit(self.values, labels)
            self.values[labels] = self.values.get(labels, 0) + amount

    def family(self) -> Metric:
        name, help_text, names = self._told
        family = CounterMetricFamily(name, help_text, labels=names)
        for labels, value in self.values.items():
            family.add_metric(labels, value)
        return family


class Times:
    def __init__(
        self, sets: LabelSets, name: str, help_text: str, bounds: Sequence[float], *labels: str
    ) -> None:
        self._sets = sets
        self._told = (f"opengateway_{name}", help_text, labels)
        self._bounds = bounds
        self._names = [*map(floatToGoString, bounds), "+Inf"]
        self._series: dict[Labels, list[float]] = {}
        """How many fell below each bound and not below the one before, then above all; the sum."""

    def add(self, seconds: Iterable[float], *labels: str) -> None:
        labels = self._sets.admit(self._series, labels)
        series = self._series.get(labels)
        if series is None:
            series = self._series[labels] = [0.0] * (len(self._bounds) + 2)
        total = 0.0
        for value in seconds:
            series[bisect_left(self._bounds, value)] += 1
            total += value
        series[-1] += total

    def family(self) -> Metric:
        name, help_text, names = self._told
        family = HistogramMetricFamily(name, help_text, labels=names)
        for labels, (*counts, total) in self._series.items():
            below, buckets = 0.0, []
            for bound, count in zip(self._names, counts, strict=True):
                below += count
                buckets.append((bound, below))
            family.add_metric(labels, buckets, total)
        return family
