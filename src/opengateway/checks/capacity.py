"""How many machines, connections and bytes a load takes: arithmetic on what was measured, and no more.

The figures are this repository's own, of one machine with 2 cores (`docs/explain/benchmark`, and
`docs/operate/capacity` for those of the stores). What was not measured is not in the model, and where
the model ends it says so (`limits`).
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Final

import msgspec

DAY_S: Final = 86_400
MONTH_DAYS: Final = 30
_MILLION: Final = 1_000_000
_GIB: Final = 2**30


class Figures(msgspec.Struct, frozen=True):
    """CPU in microseconds, sizes in bytes. Of the x86-64 cores that they were measured on."""

    measured_on: str = "2026-11-25, 2 cores of an AMD EPYC"
    gateway_us: float = 322.2
    """A request that is answered whole: authenticated, held for, routed, sent, recorded."""
    control_us: float = 133.6
    """Settling its record into the log and the ledger."""
    gateway_event_us: float = 112.4
    """An event of a stream. Measured at 500 a second, idle work included: an upper bound."""
    postgres_us: float = 40.0
    """The server's part in settling a request, in pushes of 200."""
    member_bytes: int = 257_830_000
    """Memory of parent, gateway and control under load."""
    journal_bytes: int = 1_123
    """A request in the journal; removed once it is settled."""
    row_bytes: int = 1_637
    """A request's row and its indexes in PostgreSQL, until it moves to the archive."""
    ledger_bytes: int = 378
    """Its charge: kept for ever."""
    wal_bytes: int = 2_260
    """What PostgreSQL writes ahead, and sends to a standby or an archive."""
    archive_bytes: int = 175
    """A row in Parquet files."""
    in_flight: int = 10_000
    """Requests at once that a gateway admits."""
    store_connections: int = 16
    """Of a control process to PostgreSQL, at most."""


class Load(msgspec.Struct, frozen=True):
    """`streamed`: the part of requests that are streams, 0 to 1; `events`: of one of them."""

    requests_per_s: float
    streamed: float = 0.5
    events: float = 300.0
    duration_s: float = 6.0
    hot_hours: float = 2.0
    """How long rows are in the store before they move to the archive."""
    records_days: int = 400
    busy: float = 0.6
    """How much of a core may be used: the rest is for peaks, and for a member that is lost."""
    core_hour_usd: float = 0.04
    gib_month_usd: float = 0.10


class Plan(msgspec.Struct, frozen=True):
    requests_per_s: float
    events_per_s: float
    in_flight: float
    gateway_cores: float
    control_cores: float
    postgres_cores: float
    members: int
    cores: int
    memory_gib: float
    provider_connections: int
    store_connections: int
    journal_mb_per_s: float
    wal_mb_per_s: float
    hot_gib: float
    archive_gib: float
    ledger_gib_per_month: float
    cpu_usd_per_million: float
    storage_usd_per_million: float
    limits: list[str]


MEASURED: Final = Figures()


def plan_for(load: Load, figures: Figures = MEASURED) -> Plan:
    """What the load takes. A member is a gateway and a control process: one core each, at most."""
    rate = load.requests_per_s
    events = rate * load.streamed * load.events
    in_flight = rate * load.duration_s
    gateway = (rate * figures.gateway_us + events * figures.gateway_event_us) / _MILLION
    control = rate * figures.control_us / _MILLION
    postgres = rate * figures.postgres_us / _MILLION
    members = max(
        1,
        math.ceil(gateway / load.busy),
        math.ceil(control / load.busy),
        math.ceil(in_flight / (figures.in_flight * load.busy)),
    )
    cores = max(2, math.ceil((gateway + control) / load.busy))
    cores += max(1, math.ceil(postgres / load.busy))
    month = rate * DAY_S * MONTH_DAYS
    per_month = month * (figures.ledger_bytes + figures.archive_bytes) / _GIB
    made = Plan(
        requests_per_s=rate,
        events_per_s=events,
        in_flight=in_flight,
        gateway_cores=gateway,
        control_cores=control,
        postgres_cores=postgres,
        members=members,
        cores=cores,
        memory_gib=members * figures.member_bytes / _GIB,
        provider_connections=math.ceil(in_flight),
        store_connections=members * figures.store_connections,
        journal_mb_per_s=rate * figures.journal_bytes / _MILLION,
        wal_mb_per_s=rate * figures.wal_bytes / _MILLION,
        hot_gib=rate * load.hot_hours * 3600 * figures.row_bytes / _GIB,
        archive_gib=rate * load.records_days * DAY_S * figures.archive_bytes / _GIB,
        ledger_gib_per_month=month * figures.ledger_bytes / _GIB,
        cpu_usd_per_million=cores * load.core_hour_usd / (rate * 3600) * _MILLION,
        # A month of requests, kept for a month: what is kept longer costs that much again.
        storage_usd_per_million=per_month * load.gib_month_usd / month * _MILLION,
        limits=[],
    )
    return msgspec.structs.replace(made, limits=list(_limits(made, load)))


MEASURED_RPS: Final = 2_661
"""The most that one member was seen to serve, the loader beside it."""
_CONNECTIONS: Final = 500
_WAL_MB: Final = 50.0
_LEDGER_GIB: Final = 500.0


def _limits(plan: Plan, load: Load) -> Iterator[str]:
    """Where the model leaves what was measured, or one part of the product ends."""
    if plan.members > 1:
        yield (
            f"one member was measured, at {MEASURED_RPS} requests/s; {plan.members} are that figure"
            " times their number, and what they cost each other is not in it"
        )
    if plan.events_per_s > MEASURED_RPS:
        yield (
            "an event was measured at 500 a second, where idle work counts too: at many, each is"
            " cheaper, and the members are too many rather than too few"
        )
    if plan.store_connections > _CONNECTIONS:
        yield (
            f"{plan.store_connections} connections to PostgreSQL: raise max_connections, or put a"
            " pooler in transaction mode in front, which was not tested"
        )
    if plan.wal_mb_per_s > _WAL_MB:
        yield (
            f"PostgreSQL would write {plan.wal_mb_per_s:.0f} MB/s ahead of its pages: one primary"
            " ends about here; split teams over zones"
        )
    if plan.ledger_gib_per_month > _LEDGER_GIB:
        yield (
            f"charges are kept for ever, {plan.ledger_gib_per_month:,.0f} GiB a month in one table"
            " without partitions: plan for its disk, or split teams over zones"
        )
    if plan.in_flight > 50_000:
        yield (
            "providers' own limits and the load balancer's connections end before the gateways do"
        )
    if load.busy > 0.8:
        yield "above 80 % of a core, times grow faster than the load; none of this says how far"


def told(plan: Plan, figures: Figures = MEASURED) -> Iterator[str]:
    """The plan in lines, for people."""
    yield f"load         {plan.requests_per_s:,.0f} requests/s, {plan.requests_per_s * 60:,.0f} a minute"
    yield f"             {plan.events_per_s:,.0f} events/s in streams, {plan.in_flight:,.0f} in flight"
    yield (
        f"cores        gateways {plan.gateway_cores:.1f}, control {plan.control_cores:.1f},"
        f" PostgreSQL {plan.postgres_cores:.1f} busy"
    )
    yield f"members      {plan.members:,}, with PostgreSQL {plan.cores:,} cores in all"
    yield f"memory       {plan.memory_gib:,.1f} GiB for members"
    yield (
        f"connections  {plan.provider_connections:,} to providers, as many from callers;"
        f" {plan.store_connections:,} to PostgreSQL"
    )
    yield (
        f"writing      journal {plan.journal_mb_per_s:,.2f} MB/s on all members together,"
        f" PostgreSQL's log {plan.wal_mb_per_s:,.2f} MB/s"
    )
    yield (
        f"storage      {plan.hot_gib:,.1f} GiB of newest rows, {plan.archive_gib:,.1f} GiB of archive,"
        f" {plan.ledger_gib_per_month:,.1f} GiB of charges a month"
    )
    yield (
        f"cost         {plan.cpu_usd_per_million:.3f} USD of cores and"
        f" {plan.storage_usd_per_million:.4f} USD of storage a month, for a million requests"
    )
    for limit in plan.limits:
        yield f"breaks       {limit}"
    yield f"calibrated   {figures.measured_on}"
