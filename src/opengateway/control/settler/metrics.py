"""What Prometheus is told of requests: counted from settled records, never on the hot path.

Only records that were new are counted, after their commit, so a redelivery changes nothing. The
counts begin anew with the process, as Prometheus expects. Only this process's event loop counts, so
plain dictionaries do, at a tenth of the cost of the client's own locked ones.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

from prometheus_client import CollectorRegistry
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector
from prometheus_client.utils import floatToGoString

from opengateway.domain.records import CloseRecord, Ending
from opengateway.domain.usage import Dimension

MAX_MODELS: Final = 200
MAX_SETS: Final = 2_000
OTHER: Final = "other"
NONE: Final = "none"
_REQUEST_S: Final = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600)
_FIRST_TOKEN_S: Final = (0.05, 0.1, 0.2, 0.4, 0.8, 1.5, 3, 6, 12, 30, 60, 120)
_OVERHEAD_S: Final = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1)

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


class _Sets:
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


class _Count:
    def __init__(self, sets: _Sets, name: str, help_text: str, *labels: str) -> None:
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


class _Times:
    def __init__(
        self, sets: _Sets, name: str, help_text: str, bounds: Sequence[float], *labels: str
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


class Tally:
    """What the new records of one push add up to; most of them have their labels in common."""

    def __init__(self) -> None:
        self.ended: defaultdict[tuple[Ending, str, str | None, str | None, int], int]
        self.ended = defaultdict(int)
        self.tries: defaultdict[tuple[str, str], int] = defaultdict(int)
        self.units: defaultdict[tuple[Dimension, str | None], int] = defaultdict(int)
        self.nanos: defaultdict[tuple[str | None, str | None], int] = defaultdict(int)
        self.whole_s: defaultdict[tuple[str, bool], list[float]] = defaultdict(list)
        self.first_s: defaultdict[str | None, list[float]] = defaultdict(list)
        self.overhead_s: defaultdict[str, list[float]] = defaultdict(list)
        self.used: dict[str, int] = {}
        """Keys, and when the newest of their requests began."""
        self.newest_ns = 0

    @property
    def voids(self) -> int:
        return sum(n for (ending, *_), n in self.ended.items() if ending is Ending.VOID)

    def add(self, records: Iterable[CloseRecord]) -> None:
        used, newest_ns = self.used, self.newest_ns
        for r in records:
            model, provider, operation = r.model, r.provider, r.operation
            self.ended[r.ending, operation, model, provider, r.status // 100] += 1
            for attempt in r.attempts:
                self.tries[attempt.provider, attempt.error_class or attempt.status] += 1
            for dimension, quantity in r.usage.items():
                self.units[dimension, model] += quantity
            self.nanos[model, provider] += r.cost_nanos
            began_ns = r.started_at_ns
            if began_ns > used.get(r.key_id, 0):
                used[r.key_id] = began_ns
            if r.ending is not Ending.VOID:  # it has no times
                self.whole_s[operation, r.stream].append(r.total_ms / 1e3)
                self.overhead_s[operation].append(r.overhead_us / 1e6)
                if r.first_token_ms is not None:
                    self.first_s[provider].append(r.first_token_ms / 1e3)
                began_ns += int(r.total_ms * 1e6)
            newest_ns = max(newest_ns, began_ns)
        self.newest_ns = newest_ns


class SettlerMetrics(Collector):
    """All series of the settler; registers itself."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._model = FirstComers(MAX_MODELS)
        self._provider = FirstComers(64)
        self._operation = FirstComers(32)
        self._error_class = FirstComers(64)
        sets = _Sets(MAX_SETS)
        self._requests = _Count(
            sets,
            "requests",
            "Requests that ended.",
            *("ending", "operation", "model", "provider", "status_class"),
        )
        self._attempts = _Count(
            sets,
            "attempts",
            "Tries at an endpoint; error_class is 'succeeded' where it was none.",
            *("provider", "error_class"),
        )
        self._tokens = _Count(sets, "tokens", "Units used, by dimension.", "dimension", "model")
        self._cost = _Count(
            sets,
            "cost_nanodollars",
            "Cost of requests, 10^-9 US dollars.",
            *("model", "provider"),
        )
        self._void = _Count(sets, "void", "Requests whose gateway died before their end was known.")
        self._request_s = _Times(
            sets,
            "request_seconds",
            "From accepted to the last byte.",
            _REQUEST_S,
            *("operation", "stream"),
        )
        self._first_token_s = _Times(
            sets,
            "first_token_seconds",
            "From accepted to the first content.",
            _FIRST_TOKEN_S,
            "provider",
        )
        self._overhead_s = _Times(
            sets, "overhead_seconds", "Time spent in the gateway itself.", _OVERHEAD_S, "operation"
        )
        self._acked = _Count(sets, "journal_acked_bytes", "Journal bytes settled.")
        self._pushes = _Count(
            sets, "journal_pushes", "Journal pushes, by what became of them.", "outcome"
        )
        self._void.values[()] = self._acked.values[()] = 0  # known from the start
        self._lag_s = 0.0
        registry.register(self)

    def refused(self, outcome: str) -> None:
        """A push that was not taken: `resent` or `damaged`."""
        self._pushes.add(1, outcome)

    def acked(self, size_bytes: int, tally: Tally, now_ns: int) -> None:
        """A push was committed, and `tally` is of what it brought that was new."""
        self._pushes.add(1, "acked")
        self._acked.add(size_bytes)
        self._sum_up(tally)
        if tally.newest_ns:
            self._lag_s = max(0.0, (now_ns - tally.newest_ns) / 1e9)

    def _sum_up(self, tally: Tally) -> None:
        for (ending, operation, model, provider, hundreds), count in tally.ended.items():
            self._requests.add(
                count,
                *(ending.value, self._operation(operation), self._model(model)),
                *(self._provider(provider), f"{hundreds}xx" if hundreds else NONE),
            )
            if ending is Ending.VOID:
                self._void.add(count)
        for (tried, error_class), count in tally.tries.items():
            self._attempts.add(count, self._provider(tried), self._error_class(error_class))
        for (dimension, model), count in tally.units.items():
            self._tokens.add(count, str(dimension), self._model(model))
        for (model, provider), nanos in tally.nanos.items():
            self._cost.add(nanos, self._model(model), self._provider(provider))
        for (operation, stream), seconds in tally.whole_s.items():
            self._request_s.add(seconds, self._operation(operation), str(stream).lower())
        for operation, seconds in tally.overhead_s.items():
            self._overhead_s.add(seconds, self._operation(operation))
        for provider, seconds in tally.first_s.items():
            self._first_token_s.add(seconds, self._provider(provider))

    def collect(self) -> Iterator[Metric]:
        for counted in (self._requests, self._attempts, self._tokens, self._cost, self._void):
            yield counted.family()
        for timed in (self._request_s, self._first_token_s, self._overhead_s):
            yield timed.family()
        yield self._acked.family()
        yield self._pushes.family()
        yield GaugeMetricFamily(
            "opengateway_journal_lag_seconds",
            "Age of the newest record when it was settled.",
            self._lag_s,
        )
