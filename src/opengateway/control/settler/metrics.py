"""What Prometheus is told of requests: counted from settled records, never on the hot path.

Only records that were new are counted, after their commit, so a redelivery changes nothing. The
counts begin anew with the process, as Prometheus expects.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, disable_created_metrics
from prometheus_client.metrics import MetricWrapperBase

from opengateway.domain.records import CloseRecord, Ending

MAX_MODELS: Final = 200
MAX_SETS: Final = 2_000
OTHER: Final = "other"
NONE: Final = "none"
_REQUEST_S: Final = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600)
_FIRST_TOKEN_S: Final = (0.05, 0.1, 0.2, 0.4, 0.8, 1.5, 3, 6, 12, 30, 60, 120)
_OVERHEAD_S: Final = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1)


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


class SettlerMetrics:
    """All series of the settler, on the registry that it is given."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._model = FirstComers(MAX_MODELS)
        self._provider = FirstComers(64)
        self._operation = FirstComers(32)
        self._error_class = FirstComers(64)
        self._sets: dict[tuple[MetricWrapperBase, tuple[str, ...]], MetricWrapperBase] = {}
        disable_created_metrics()  # type: ignore[no-untyped-call]  # a second series for each, which nothing of ours reads
        counter = partial(Counter, namespace="opengateway", registry=registry)
        histogram = partial(Histogram, namespace="opengateway", registry=registry)
        self._requests = counter(
            "requests",
            "Requests that ended.",
            ("ending", "operation", "model", "provider", "status_class"),
        )
        self._attempts = counter(
            "attempts",
            "Tries at an endpoint; error_class is 'succeeded' where it was none.",
            ("provider", "error_class"),
        )
        self._tokens = counter("tokens", "Units used, by dimension.", ("dimension", "model"))
        self._cost = counter(
            "cost_nanodollars", "Cost of requests, 10^-9 US dollars.", ("model", "provider")
        )
        self._void = counter("void", "Requests whose gateway died before their end was known.", ())
        self._request_s = histogram(
            "request_seconds",
            "From accepted to the last byte.",
            ("operation", "stream"),
            buckets=_REQUEST_S,
        )
        self._first_token_s = histogram(
            "first_token_seconds",
            "From accepted to the first content.",
            ("provider",),
            buckets=_FIRST_TOKEN_S,
        )
        self._overhead_s = histogram(
            "overhead_seconds",
            "Time spent in the gateway itself.",
            ("operation",),
            buckets=_OVERHEAD_S,
        )
        self._acked = counter("journal_acked_bytes", "Journal bytes settled.", ())
        self._pushes = counter(
            "journal_pushes", "Journal pushes, by what became of them.", ("outcome",)
        )
        self._lag = Gauge(
            "opengateway_journal_lag_seconds",
            "Age of the newest record when it was settled.",
            registry=registry,
        )

    def refused(self, outcome: str) -> None:
        """A push that was not taken: `resent` or `damaged`."""
        self._pushes.labels(outcome).inc()

    def acked(self, size_bytes: int, records: Iterable[CloseRecord], now_ns: int) -> None:
        """A push was committed, and `records` are what it brought that was new."""
        self._pushes.labels("acked").inc()
        self._acked.inc(size_bytes)
        newest_ns = 0
        for record in records:
            self._observe(record)
            newest_ns = max(newest_ns, record.started_at_ns + int(record.total_ms * 1e6))
        if newest_ns:
            self._lag.set(max(0.0, (now_ns - newest_ns) / 1e9))

    def _observe(self, record: CloseRecord) -> None:
        model = self._model(record.model)
        provider = self._provider(record.provider)
        operation = self._operation(record.operation)
        status = f"{record.status // 100}xx" if record.status else NONE
        self._count(self._requests, 1, record.ending.value, operation, model, provider, status)
        for attempt in record.attempts:
            error_class = self._error_class(attempt.error_class or attempt.status)
            self._count(self._attempts, 1, self._provider(attempt.provider), error_class)
        for dimension, quantity in record.usage.items():
            self._count(self._tokens, quantity, dimension.value, model)
        self._count(self._cost, record.cost_nanos, model, provider)
        if record.ending is Ending.VOID:
            self._void.inc()
            return  # it has no times
        self._time(self._request_s, record.total_ms / 1e3, operation, str(record.stream).lower())
        self._time(self._overhead_s, record.overhead_us / 1e6, operation)
        if record.first_token_ms is not None:
            self._time(self._first_token_s, record.first_token_ms / 1e3, provider)

    def _count(self, metric: Counter, amount: int, *labels: str) -> None:
        if amount > 0:
            child = self._child(metric, labels)
            assert isinstance(child, Counter)
            child.inc(amount)

    def _time(self, metric: Histogram, seconds: float, *labels: str) -> None:
        child = self._child(metric, labels)
        assert isinstance(child, Histogram)
        child.observe(seconds)

    def _child(self, metric: MetricWrapperBase, labels: tuple[str, ...]) -> MetricWrapperBase:
        """The series of a label set; past `MAX_SETS` in all, the one whose labels are `other`."""
        key = (metric, labels)
        child = self._sets.get(key)
        if child is None:
            if len(self._sets) >= MAX_SETS:
                return metric.labels(*(OTHER for _ in labels))
            child = self._sets[key] = metric.labels(*labels)
        return child
