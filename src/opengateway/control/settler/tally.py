"""What the new records of one push add up to; most of them have their labels in common."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Container, Iterable

from opengateway.domain.records import AttemptRecord, CloseRecord, Ending
from opengateway.domain.usage import Dimension


class Tally:
    """`operators` are the operator's own teams, whose smoke tests are counted apart: customers' figures
    are about customers."""

    def __init__(self, operators: Container[str] = (), *, keeps: bool = False) -> None:
        """`keeps`: the records themselves are wanted, for their traces."""
        self._operators = operators
        self._keeps = keeps
        self.kept: list[CloseRecord] = []
        self.ended: defaultdict[tuple[Ending, str, str | None, str | None, int], int]
        self.ended = defaultdict(int)
        self.tries: defaultdict[tuple[str, str, str], int] = defaultdict(int)
        """By provider, region, and class of trouble or `succeeded`."""
        self.units: defaultdict[tuple[Dimension, str | None], int] = defaultdict(int)
        self.nanos: defaultdict[tuple[str | None, str | None], int] = defaultdict(int)
        self.provider_nanos: defaultdict[str | None, int] = defaultdict(int)
        self.unknown_costs: defaultdict[str | None, int] = defaultdict(int)
        self.estimated: defaultdict[str | None, int] = defaultdict(int)
        self.failovers: defaultdict[tuple[str, str, str], int] = defaultdict(int)
        self.sticky: defaultdict[str, int] = defaultdict(int)
        self.errors: defaultdict[str, int] = defaultdict(int)
        self.operator_ended: defaultdict[str, int] = defaultdict(int)
        self.operator_nanos = 0
        self.whole_s: defaultdict[tuple[str, bool], list[float]] = defaultdict(list)
        self.first_s: defaultdict[str | None, list[float]] = defaultdict(list)
        self.overhead_s: defaultdict[str, list[float]] = defaultdict(list)
        self.used: dict[str, int] = {}
        """Keys, and when the newest of their requests began."""
        self.newest_ns = 0
        self.voids = 0

    def add(self, records: Iterable[CloseRecord]) -> None:
        used, newest_ns, operators = self.used, self.newest_ns, self._operators
        if self._keeps:
            records = list(records)
            self.kept += records
        for r in records:
            began_ns = r.started_at_ns
            if began_ns > used.get(r.key_id, 0):
                used[r.key_id] = began_ns
            if r.ending is Ending.VOID:
                self.voids += 1
            else:
                newest_ns = max(newest_ns, began_ns + int(r.total_ms * 1e6))
            if r.team_id in operators:
                self.operator_ended[r.ending.value] += 1
                self.operator_nanos += r.provider_cost_nanos
            else:
                self._add_customer(r)
        self.newest_ns = newest_ns

    def _add_customer(self, r: CloseRecord) -> None:
        model, provider, operation = r.model, r.provider, r.operation
        self.ended[r.ending, operation, model, provider, r.status // 100] += 1
        attempts = r.attempts
        for attempt in attempts:
            outcome = attempt.error_class or attempt.status
            self.tries[attempt.provider, attempt.region, outcome] += 1
        if len(attempts) > 1:
            self._add_failovers(attempts)
        for dimension, quantity in r.usage.items():
            self.units[dimension, model] += quantity
        self.nanos[model, provider] += r.cost_nanos
        if r.provider_cost_known:
            self.provider_nanos[provider] += r.provider_cost_nanos
        else:
            self.unknown_costs[provider] += 1
        if r.usage_estimated:
            self.estimated[provider] += 1
        if r.routing is not None and r.routing.sticky:
            self.sticky[r.routing.sticky] += 1
        if r.error is not None:
            self.errors[r.error.code] += 1
        if r.ending is not Ending.VOID:  # it has no times
            self.whole_s[operation, r.stream].append(r.total_ms / 1e3)
            self.overhead_s[operation].append(r.overhead_us / 1e6)
            if r.first_token_ms is not None:
                self.first_s[provider].append(r.first_token_ms / 1e3)

    def _add_failovers(self, attempts: list[AttemptRecord]) -> None:
        before = attempts[0]
        for attempt in attempts[1:]:
            if attempt.endpoint_id != before.endpoint_id:
                reason = before.error_class or "unknown"
                self.failovers[before.provider, attempt.provider, reason] += 1
            before = attempt
