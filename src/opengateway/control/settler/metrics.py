"""What Prometheus is told of requests: counted from settled records, never on the hot path.

Only records that were new are counted, after their commit, so a redelivery changes nothing. The
counts begin anew with the process, as Prometheus expects.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterator, Sequence
from typing import Final

from prometheus_client import CollectorRegistry
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from opengateway.control.settler.series import NONE, Count, FirstComers, LabelSets, Times
from opengateway.control.settler.tally import Tally
from opengateway.domain.records import CloseRecord, Ending

MAX_MODELS: Final = 200
MAX_SETS: Final = 2_000
_REQUEST_S: Final = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600)
_FIRST_TOKEN_S: Final = (0.05, 0.1, 0.2, 0.4, 0.8, 1.5, 3, 6, 12, 30, 60, 120)
_OVERHEAD_S: Final = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1)


class SettlerMetrics(Collector):
    """All series of the settler; registers itself."""

    def __init__(
        self,
        registry: CollectorRegistry,
        operators: Container[str] = (),
        trace: Callable[[Sequence[CloseRecord]], None] | None = None,
    ) -> None:
        self.trace = trace
        """Takes the records whose traces are wanted; None where nobody wants any."""
        self.operators = operators
        """The operator's own teams: their requests are counted apart."""
        self._model = FirstComers(MAX_MODELS)
        self._provider = FirstComers(64)
        self._region = FirstComers(64)
        self._operation = FirstComers(32)
        self._error_class = FirstComers(64)
        self._error_code = FirstComers(128)
        sets = LabelSets(MAX_SETS)
        self._name_requests(sets)
        self._name_money(sets)
        self._name_times(sets)
        self._acked = Count(sets, "journal_acked_bytes", "Journal bytes settled.")
        self._pushes = Count(
            sets, "journal_pushes", "Journal pushes, by what became of them.", "outcome"
        )
        # What an alert asks for is known from the start: a first failure is then seen as a rise.
        for known in (self._void, self._acked, self._operator_cost):
            known.values[()] = 0
        self._lag_s = 0.0
        registry.register(self)

    def _name_requests(self, sets: LabelSets) -> None:
        self._requests = Count(
            sets,
            "requests",
            "Requests that ended.",
            *("ending", "operation", "model", "provider", "status_class"),
        )
        self._attempts = Count(
            sets,
            "attempts",
            "Tries at an endpoint; error_class is 'succeeded' where it was none.",
            *("provider", "region", "error_class"),
        )
        self._failovers = Count(
            sets,
            "failovers",
            "Times that a request went on to another endpoint, and why.",
            *("from_provider", "to_provider", "reason"),
        )
        self._sticky = Count(
            sets, "sticky", "Conversations with an endpoint of their own: how it fared.", "result"
        )
        self._errors = Count(sets, "errors", "Errors that callers were told, by code.", "code")
        self._void = Count(sets, "void", "Requests whose gateway died before their end was known.")
        self._operator_requests = Count(
            sets, "operator_requests", "Requests of the operator's own teams.", "ending"
        )

    def _name_money(self, sets: LabelSets) -> None:
        self._tokens = Count(sets, "tokens", "Units used, by dimension.", "dimension", "model")
        self._cost = Count(
            sets,
            "cost_nanodollars",
            "What teams were charged for requests, 10^-9 US dollars.",
            *("model", "provider"),
        )
        self._provider_cost = Count(
            sets,
            "provider_cost_nanodollars",
            "What providers charge us for requests, where it is known, 10^-9 US dollars.",
            "provider",
        )
        self._unknown_costs = Count(
            sets,
            "provider_cost_unknown",
            "Requests of which nobody knows what the provider charges.",
            "provider",
        )
        self._estimated = Count(
            sets,
            "usage_missing",
            "Requests whose usage the provider left out; it was counted or estimated.",
            "provider",
        )
        self._operator_cost = Count(
            sets,
            "operator_cost_nanodollars",
            "What providers charge us for the operator's own requests, 10^-9 US dollars.",
        )

    def _name_times(self, sets: LabelSets) -> None:
        self._request_s = Times(
            sets,
            "request_seconds",
            "From accepted to the last byte.",
            _REQUEST_S,
            *("operation", "stream"),
        )
        self._first_token_s = Times(
            sets,
            "first_token_seconds",
            "From accepted to the first content.",
            _FIRST_TOKEN_S,
            "provider",
        )
        self._overhead_s = Times(
            sets, "overhead_seconds", "Time spent in the gateway itself.", _OVERHEAD_S, "operation"
        )

    def refused(self, outcome: str) -> None:
        """A push that was not taken: `resent` or `damaged`."""
        self._pushes.add(1, outcome)

    def acked(self, size_bytes: int, tally: Tally, now_ns: int) -> None:
        """A push was committed, and `tally` is of what it brought that was new."""
        self._pushes.add(1, "acked")
        self._acked.add(size_bytes)
        self._add_requests(tally)
        self._add_money(tally)
        self._add_times(tally)
        if self.trace is not None:
            self.trace(tally.kept)
        if tally.newest_ns:
            self._lag_s = max(0.0, (now_ns - tally.newest_ns) / 1e9)

    def _add_requests(self, tally: Tally) -> None:
        for (ending, operation, model, provider, hundreds), count in tally.ended.items():
            self._requests.add(
                count,
                *(ending.value, self._operation(operation), self._model(model)),
                *(self._provider(provider), f"{hundreds}xx" if hundreds else NONE),
            )
            if ending is Ending.VOID:
                self._void.add(count)
        for (tried, region, error_class), count in tally.tries.items():
            self._attempts.add(
                *(count, self._provider(tried)),
                self._region(region),
                self._error_class(error_class),
            )
        for (before, after, reason), count in tally.failovers.items():
            self._failovers.add(
                *(count, self._provider(before)), self._provider(after), self._error_class(reason)
            )
        for result, count in tally.sticky.items():
            self._sticky.add(count, result)
        for code, count in tally.errors.items():
            self._errors.add(count, self._error_code(code))
        for ended, count in tally.operator_ended.items():
            self._operator_requests.add(count, ended)

    def _add_money(self, tally: Tally) -> None:
        for (dimension, model), count in tally.units.items():
            self._tokens.add(count, str(dimension), self._model(model))
        for (model, provider), nanos in tally.nanos.items():
            self._cost.add(nanos, self._model(model), self._provider(provider))
        for by_provider, counted in (
            (self._provider_cost, tally.provider_nanos),
            (self._unknown_costs, tally.unknown_costs),
            (self._estimated, tally.estimated),
        ):
            for provider, count in counted.items():
                by_provider.add(count, self._provider(provider))
        self._operator_cost.add(tally.operator_nanos)

    def _add_times(self, tally: Tally) -> None:
        for (operation, stream), seconds in tally.whole_s.items():
            self._request_s.add(seconds, self._operation(operation), str(stream).lower())
        for operation, seconds in tally.overhead_s.items():
            self._overhead_s.add(seconds, self._operation(operation))
        for provider, seconds in tally.first_s.items():
            self._first_token_s.add(seconds, self._provider(provider))

    def collect(self) -> Iterator[Metric]:
        for counted in (
            *(self._requests, self._attempts, self._failovers, self._sticky, self._errors),
            *(self._void, self._operator_requests, self._tokens, self._cost, self._provider_cost),
            *(self._unknown_costs, self._estimated, self._operator_cost, self._acked, self._pushes),
        ):
            yield counted.family()
        for timed in (self._request_s, self._first_token_s, self._overhead_s):
            yield timed.family()
        yield GaugeMetricFamily(
            "opengateway_journal_lag_seconds",
            "Age of the newest record when it was settled.",
            self._lag_s,
        )
