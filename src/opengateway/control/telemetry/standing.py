"""Gauges of what stands in the store: read now and then, told when they are asked for."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from prometheus_client import CollectorRegistry
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from opengateway.control.jobs.leases import SECOND_NS, JobLeases
from opengateway.control.leases.desk import LeaseDesk, OpenScope
from opengateway.control.overview.dead_letters import count_dead
from opengateway.control.settler.repository import JournalRepository
from opengateway.control.smoke.repository import SmokeRepository
from opengateway.domain.request_log import Reconciled
from opengateway.kit.clock import Clock
from opengateway.kit.log import get_logger
from opengateway.ports.ledger_book import LedgerTotals

EVERY_S: Final = 10.0
_MAX_PLACES: Final = 200
_BALANCE: Final = "I2"
"""All accounts together are 0: cheap enough to ask often. A daily job asks for the rest."""
_BALANCE_EVERY: Final = 30
"""Turns. Five minutes."""

_NOTHING: Final = LedgerTotals(0, 0, 0, 0)

log = get_logger(__name__)


@dataclass(slots=True)
class Standing:
    """As it was read last."""

    read_at_ns: int = 0
    totals: LedgerTotals = _NOTHING
    open_requests: int = 0
    imbalance: dict[str, int] = field(default_factory=dict)
    """By invariant, how many rows break it."""
    differences: dict[str, int] = field(default_factory=dict)
    """By what the rows of the log do not agree with, how many sums."""
    smoke_places: list[tuple[str, str, int]] = field(default_factory=list)
    smoke_verdicts: list[tuple[str, str, int]] = field(default_factory=list)
    proposals: int = 0
    dead: dict[str, int] = field(default_factory=dict)
    """By queue, how much was given up and nobody has looked at."""
    jobs: list[tuple[str, int, bool]] = field(default_factory=list)
    """Name, when it was begun last, whether it failed."""


class StandingWatch:
    def __init__(self, open_scope: OpenScope, desk: LeaseDesk, clock: Clock) -> None:
        self._open_scope = open_scope
        self._desk = desk
        self._clock = clock
        self.standing = Standing()

    async def run(self) -> None:
        """For ever."""
        turn = 0
        while True:
            try:
                await self.read()
                if turn % _BALANCE_EVERY == 0:
                    await self.verify((_BALANCE,))
            except Exception as error:
                log.error("standing_not_read", exc_info=error)
            turn += 1
            await asyncio.sleep(EVERY_S)

    async def read(self) -> None:
        standing = self.standing
        async with self._open_scope() as scope:
            smoke = SmokeRepository(scope.session)
            standing.totals = await scope.ledger.statements.totals()
            standing.open_requests = await JournalRepository(scope.session).count_open()
            standing.smoke_places = list(await smoke.last_success_by_place())[:_MAX_PLACES]
            standing.smoke_verdicts = list(await smoke.verdicts())[: 4 * _MAX_PLACES]
            standing.proposals = await smoke.count_open_proposals()
            standing.dead = await count_dead(scope)
            standing.jobs = [
                (row.name, row.begun_at_ns, row.outcome.startswith("failed"))
                for row in await JobLeases(scope, "").all()
            ]
        standing.read_at_ns = self._clock.now_ns()

    async def verify(self, only: Iterable[str]) -> int:
        """Prove these invariants of the ledger, all if there are none. How many rows break one."""
        wanted = tuple(only)
        found: dict[str, int] = dict.fromkeys(wanted, 0)
        async with self._open_scope() as scope:
            checks = scope.ledger.statements.verify(
                wanted, attentive_since_ns=self._desk.attentive_since_ns
            )
            async for violation in checks:
                found[violation.invariant] = found.get(violation.invariant, 0) + 1
        if not wanted:  # what was broken and is not found any more, holds
            found = dict.fromkeys((_BALANCE, *self.standing.imbalance), 0) | found
        self.standing.imbalance.update(found)
        for invariant, count in found.items():
            if count:
                log.error("ledger_imbalance", invariant=invariant, rows=count)
        return sum(found.values())


def told_differences(found: Reconciled) -> dict[str, int]:
    """By what the rows do not agree with; all are told, so that an alert ends."""
    counts = dict.fromkeys(("ledger", "usage_hours", "usage_key_hours"), 0)
    for one in found.differences:
        counts[one.where] = counts.get(one.where, 0) + 1
    return counts


class StandingMetrics(Collector):
    """Registers itself."""

    def __init__(self, registry: CollectorRegistry, watch: StandingWatch, clock: Clock) -> None:
        self._watch = watch
        self._clock = clock
        registry.register(self)

    def collect(self) -> Iterable[Metric]:
        yield from self._money()
        yield from self._smoke()
        yield from self._dead()
        yield from self._jobs()

    def _money(self) -> Iterable[Metric]:
        standing, totals = self._watch.standing, self._watch.standing.totals
        for name, text, value in (
            ("held_nanodollars", "Money of teams that leases hold.", totals.held),
            ("available_nanodollars", "Money of teams that nothing holds.", totals.available),
            ("debt_nanodollars", "What teams owe.", totals.debt),
            ("open_leases", "Leases that have not ended.", totals.open_leases),
        ):
            yield GaugeMetricFamily(f"opengateway_ledger_{name}", text, value)
        imbalance = GaugeMetricFamily(
            "opengateway_ledger_imbalance",
            "Rows that break an invariant of the ledger; 0 where it holds.",
            labels=("invariant",),
        )
        for invariant, count in sorted(standing.imbalance.items()):
            imbalance.add_metric((invariant,), count)
        yield imbalance
        differences = GaugeMetricFamily(
            "opengateway_log_differences",
            "Sums of the log's rows that a rollup or the ledger says otherwise; 0 where they agree.",
            labels=("between",),
        )
        for between, count in sorted(standing.differences.items()):
            differences.add_metric((between,), count)
        yield differences
        yield GaugeMetricFamily(
            "opengateway_open_requests",
            "Requests whose beginning is settled and whose end is not.",
            standing.open_requests,
        )

    def _smoke(self) -> Iterable[Metric]:
        standing, now_ns = self._watch.standing, self._clock.now_ns()
        age = GaugeMetricFamily(
            "opengateway_smoke_age_seconds",
            "Since a smoke test of this place worked.",
            labels=("provider", "region"),
        )
        for provider, region, at_ns in standing.smoke_places:
            age.add_metric((provider, region), max(0.0, (now_ns - at_ns) / SECOND_NS))
        yield age
        cells = GaugeMetricFamily(
            "opengateway_smoke_cells",
            "Features of endpoints, by how their newest smoke test ended.",
            labels=("provider", "verdict"),
        )
        for provider, verdict, count in standing.smoke_verdicts:
            cells.add_metric((provider, verdict), count)
        yield cells
        yield GaugeMetricFamily(
            "opengateway_catalogue_proposals",
            "Changes of the catalogue that smoke tests propose and nobody has decided on.",
            standing.proposals,
        )

    def _dead(self) -> Iterable[Metric]:
        dead = GaugeMetricFamily(
            "opengateway_dead_letters",
            "What was given up and waits for a person: letters, webhooks' deliveries, journals of"
            " silent gateways, events and refunds of payments.",
            labels=("queue",),
        )
        for queue, count in sorted(self._watch.standing.dead.items()):
            dead.add_metric((queue,), count)
        yield dead

    def _jobs(self) -> Iterable[Metric]:
        standing, now_ns = self._watch.standing, self._clock.now_ns()
        age = GaugeMetricFamily(
            "opengateway_job_age_seconds", "Since a recurring job was begun.", labels=("job",)
        )
        failed = GaugeMetricFamily(
            "opengateway_job_failed", "Whether a job's newest turn failed.", labels=("job",)
        )
        for name, begun_at_ns, has_failed in standing.jobs:
            age.add_metric((name,), max(0.0, (now_ns - begun_at_ns) / SECOND_NS))
            failed.add_metric((name,), float(has_failed))
        yield age
        yield failed
        yield GaugeMetricFamily(
            "opengateway_standing_age_seconds",
            "Since the store was read for these gauges.",
            max(0.0, (now_ns - standing.read_at_ns) / SECOND_NS) if standing.read_at_ns else 0.0,
        )
