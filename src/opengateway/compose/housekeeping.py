"""Putting together what operating the product needs: gauges, smoke tests, recurring jobs."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Final

import msgspec

from opengateway.compose.listening import OWN_URL
from opengateway.compose.smoke import SmokeHouse, SmokeJob
from opengateway.compose.zone import Zone
from opengateway.control.jobs.recurring import Recurring, RecurringJobs
from opengateway.control.leases.desk import LeaseDesk, OpenScope
from opengateway.control.logs.desk import LogDesk
from opengateway.control.smoke.desk import SmokeDesk
from opengateway.control.smoke.repository import SmokeRepository
from opengateway.control.telemetry.exporter import TraceExporter
from opengateway.control.telemetry.standing import StandingWatch, told_differences
from opengateway.control.telemetry.tools import OperationTools
from opengateway.domain.money import usd_to_nanos
from opengateway.domain.smoke import SmokeLevel, SmokeWish
from opengateway.http.internal_app import ControlParts
from opengateway.infra.transports import new_transport
from opengateway.kit.clock import Clock
from opengateway.kit.log import get_logger

_HOUR_S: Final = 3600.0
_DAY_S: Final = 86_400.0
_KEPT_RUNS_DAYS: Final = 90
_RECONCILED_DAYS: Final = 35
_KEPT_CELLS_DAYS: Final = 14
_DAY_NS: Final = 86_400 * 1_000_000_000
log = get_logger(__name__)
Job = Callable[[], Coroutine[Any, Any, None]]


@dataclass(frozen=True, slots=True)
class OperationPlan:
    """What a zone says, resolved. Without `own_url` no smoke test can run."""

    own_url: str = ""
    live_every_s: int | None = None
    daily_cap_nanos: int | None = None
    otlp_url: str = ""
    proxy: str | None = field(default=None, repr=False)
    ca_file: Path | None = None


@dataclass(frozen=True, slots=True)
class Stores:
    """How work that no request asked for comes to the store: to write, and only to read."""

    write: OpenScope
    read: OpenScope


def operation_of(zone: Zone, environ: Mapping[str, str]) -> OperationPlan:
    """The parent says where its gateway listens; in a fleet the zone's own address holds."""
    listen = zone.listen
    host = "127.0.0.1" if listen.host in ("0.0.0.0", "::") else listen.host
    shown = f"[{host}]" if ":" in host else host
    own = f"{'https' if listen.tls else 'http'}://{shown}:{listen.port}"
    cap = zone.smoke.daily_cap_usd
    return OperationPlan(
        own_url=environ.get(OWN_URL) or own,
        live_every_s=zone.smoke.live_every_s,
        daily_cap_nanos=None if cap is None else int(usd_to_nanos(cap)),
        otlp_url=zone.telemetry.otlp_url or "",
        proxy=zone.outbound.proxy,
        ca_file=Path(zone.outbound.ca_file) if zone.outbound.ca_file else None,
    )


def operation_tools(
    plan: OperationPlan, zone: str, stores: Stores, leases: LeaseDesk, clock: Clock
) -> OperationTools:
    watch = StandingWatch(stores.read, leases, clock)
    traces = TraceExporter(plan.otlp_url, zone) if plan.otlp_url else None
    return OperationTools(set(), SmokeDesk(), watch, clock, traces)


def operation_jobs(plan: OperationPlan, stores: Stores, parts: ControlParts) -> tuple[Job, ...]:
    """What runs beside the requests."""
    tools = parts.operation
    smoke = SmokeJob(
        SmokeHouse(
            open_scope=stores.write,
            read=stores.read,
            tools=tools,
            publisher=parts.spending.publisher,
            feed=parts.feed,
            own_url=plan.own_url,
            clock=tools.clock,
        )
    )

    async def verify() -> str:
        broken = await tools.watch.verify(())
        return f"{broken} rows break an invariant" if broken else "every invariant holds"

    async def prune() -> str:
        now_ns = tools.clock.now_ns()
        async with stores.write() as scope:
            rows = SmokeRepository(scope.session)
            await rows.prune(now_ns - _KEPT_RUNS_DAYS * _DAY_NS)
            await rows.forget_cells(now_ns - _KEPT_CELLS_DAYS * _DAY_NS)
        return "old smoke tests are forgotten"

    async def live() -> str:
        return await smoke.ask(SmokeWish(SmokeLevel.LIVE))

    async def daily() -> str:
        return await smoke.ask(SmokeWish(SmokeLevel.DAILY, cap_nanos=plan.daily_cap_nanos))

    due = [
        Recurring("ledger_verify", _DAY_S, _HOUR_S, verify),
        Recurring("logs_reconcile", _DAY_S, _HOUR_S, partial(_reconcile, parts.logs, tools.watch)),
        Recurring("smoke_prune", _DAY_S, _HOUR_S, prune),
    ]
    if plan.live_every_s is not None:
        due.append(Recurring("smoke_live", plan.live_every_s, _HOUR_S, live))
    if plan.daily_cap_nanos is not None:
        due.append(Recurring("smoke_daily", _DAY_S, 6 * _HOUR_S, daily))
    # Each in a loop of its own: a long one must not hold up the others.
    holder = parts.new_id("ctl_")
    loops = tuple(RecurringJobs(stores.write, (job,), holder).run for job in due)
    traces = tools.traces

    async def export() -> None:
        assert traces is not None
        # Made here, within the loop that runs: a transport belongs to one.
        transport = new_transport(proxy=plan.proxy, ca_file=plan.ca_file)
        try:
            await traces.run(transport)
        finally:
            await transport.aclose()

    jobs: tuple[Job, ...] = (tools.watch.run, smoke.run, *loops)
    return jobs if traces is None else (*jobs, export)


async def _reconcile(desk: LogDesk, watch: StandingWatch) -> str:
    found = await desk.reconcile(_RECONCILED_DAYS)
    watch.standing.differences = told_differences(found)
    for one in found.differences[:20]:
        log.error("log_differs", **msgspec.structs.asdict(one))
    return f"{len(found.differences)} sums of {found.requests} requests do not agree"
