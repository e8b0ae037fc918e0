"""The control process: keys, configuration, the settler and the pages; one event loop.

    python -m opengateway.compose.control --zone FILE

It alone opens the control store. It may be killed at any time: commits survive, and whoever was
waiting for an answer asks again.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from importlib.resources import files
from pathlib import Path
from typing import Final

import msgspec
from fastapi import FastAPI

from opengateway.compose.desk import DeskPlan, desk_of, desk_tools
from opengateway.compose.event_log import LogHouse, LogPlan, log_plan_of
from opengateway.compose.housekeeping import (
    Job,
    OperationPlan,
    Stores,
    operation_jobs,
    operation_of,
    operation_tools,
)
from opengateway.compose.ownership import alone, listen_privately, require_own_store
from opengateway.compose.paths import Paths
from opengateway.compose.secrets import PEPPER_VERSION, ensure_secrets, load_secrets
from opengateway.compose.selling import SellingAccess, selling_jobs, selling_of
from opengateway.compose.sign_in import (
    SignInHouse,
    SignInPlan,
    open_sign_in,
    plan_of,
    sign_in_jobs,
)
from opengateway.compose.spending import (
    SpendingPlan,
    first_publication,
    spending_jobs,
    spending_of,
    spending_tools,
)
from opengateway.compose.wall import run_walled, wall_of
from opengateway.compose.zone import Zone, load_zone, snapshot_of
from opengateway.control.audit.checkpoints import Checkpoints
from opengateway.control.audit.service import AuditLog, catch_up
from opengateway.control.changes.feed import ChangeFeed
from opengateway.control.changes.repository import ChangeRepository
from opengateway.control.leases.desk import LeaseDesk, OpenScope
from opengateway.control.leases.jobs import LedgerJobs
from opengateway.control.scope import ControlScope, Pepper
from opengateway.control.selling import Selling
from opengateway.control.snapshots.board import SignedSnapshot, SnapshotBoard
from opengateway.domain.errors import OperatorError
from opengateway.domain.neighbours import NOBODY, Neighbours
from opengateway.http.control_app import new_control_app
from opengateway.http.internal_app import ControlParts, new_internal_app
from opengateway.http.server import new_server
from opengateway.http.unit_of_work import NewScope, reading_scope, unit_of_work
from opengateway.infra.database import AsyncSession, Database, migrate, sqlite_url
from opengateway.infra.egress_guard import EgressGuard
from opengateway.infra.ledger_book.rows import SqlLedgerRows
from opengateway.kit import log
from opengateway.kit.clock import Clock, SystemClock
from opengateway.kit.ids import IdSource, NewId
from opengateway.kit.signing import sign, verify
from opengateway.ledger.book import Book

_DRAIN_S: Final = 5.0
_ASSETS: Final = Path(str(files("opengateway"))) / "assets"


@dataclass(frozen=True, slots=True)
class ControlSettings:
    """What a control process is told. `snapshot` compiles and signs the zone's configuration."""

    zone: str
    paths: Paths
    database_url: str = field(repr=False)
    pepper: Pepper
    snapshot: Callable[[], SignedSnapshot]
    sign_in: SignInPlan
    billing: bool = True
    """Whether requests are held for and charged."""
    spending: SpendingPlan = field(default_factory=SpendingPlan)
    log: LogPlan = field(default_factory=LogPlan)
    selling: SellingAccess = field(default_factory=SellingAccess)
    desk: DeskPlan = field(default_factory=DeskPlan)
    operation: OperationPlan = field(default_factory=OperationPlan)
    neighbours: Neighbours = NOBODY
    clock: Clock = field(default_factory=SystemClock)
    wall: EgressGuard | None = None


@dataclass(frozen=True, slots=True)
class ControlHouse:
    """A control plane that is put together, served or not. `jobs` run beside the apps, for ever."""

    parts: ControlParts
    internal_app: FastAPI
    public_app: FastAPI
    sign_in: SignInHouse
    log: LogHouse
    jobs: tuple[Job, ...] = ()


def main(argv: list[str] | None = None) -> int:
    """Run control until SIGTERM. Returns the exit code."""
    parser = argparse.ArgumentParser(prog="opengateway-control")
    parser.add_argument("--zone", type=Path, required=True)
    arguments = parser.parse_args(argv)
    writer = log.configure("control")
    gc.disable()  # a start makes a hundred thousand objects that stay: `run_control` turns it on
    try:
        settings = settings_of(arguments.zone)
        run_walled(run_control(settings), settings.wall)
    except OperatorError as error:
        print(error.message, file=sys.stderr)  # noqa: T201 - before anything runs, to a person
        return 1
    finally:
        writer.close()
    return 0


def settings_of(zone_path: Path) -> ControlSettings:
    """The settings that a zone file says; makes the zone's folders and secrets where missing.

    Raises `OperatorError`.
    """
    zone = load_zone(zone_path, os.environ)
    paths = Paths(zone.home)
    paths.prepare()
    ensure_secrets(paths)
    secrets = load_secrets(paths)
    return ControlSettings(
        zone=zone.name,
        paths=paths,
        database_url=zone.stores.control_store or sqlite_url(str(paths.control_db)),
        pepper=Pepper(PEPPER_VERSION, secrets.peppers[PEPPER_VERSION]),
        snapshot=partial(signed_snapshot, zone, secrets.snapshot_private_key),
        sign_in=plan_of(zone, secrets.data_keys),
        billing=zone.components.billing.use != "off",
        spending=spending_of(zone, secrets.snapshot_private_key),
        log=log_plan_of(zone),
        selling=SellingAccess(zone.selling, zone.outbound.proxy, zone.outbound.ca_file),
        desk=desk_of(zone),
        wall=wall_of(zone, calls_webhooks=True),
        operation=operation_of(zone, os.environ),
        neighbours=zone.neighbours,
    )


def signed_snapshot(zone: Zone, private_key: str) -> SignedSnapshot:
    """Compile what the zone serves, and sign it. Raises `OperatorError`."""
    snapshot = snapshot_of(zone, SystemClock().now_ns())
    return SignedSnapshot(snapshot.version, sign(msgspec.json.encode(snapshot), private_key))


@asynccontextmanager
async def open_control(settings: ControlSettings) -> AsyncIterator[ControlHouse]:
    """Put control together on its store, migrated; the only one of its home.

    `run_control` serves it; the CLI may use its `internal_app` while no control process runs.
    Raises `OperatorError`.
    """
    clock = settings.clock
    new_id = IdSource(clock)
    checkpoints = _checkpoints(settings.paths)
    with alone(settings.paths):
        await migrate(settings.database_url)
        database = Database(settings.database_url)
        signing_in = open_sign_in(settings.sign_in, clock)
        selling = selling_of(settings.selling)
        request_log = LogHouse(settings.log, database, clock, new_id)
        try:
            await require_own_store(database, settings.zone)
            newest = await _newest_change(settings.zone, database, checkpoints)
            new_scope = _scopes(settings, signing_in, request_log, new_id, checkpoints, selling)
            open_scope = partial(unit_of_work, database, new_scope)
            async with open_scope() as scope:
                await scope.ledger.settlements.mark_billing(settings.billing)
            feed = ChangeFeed(newest, clock)
            leases = LeaseDesk(open_scope, feed, clock)
            board = SnapshotBoard(settings.snapshot(), clock)
            spending = spending_tools(settings.spending, board, database, clock)
            await first_publication(spending)
            stores = Stores(open_scope, partial(reading_scope, database, new_scope))
            operation = operation_tools(settings.operation, settings.zone, stores, leases, clock)
            parts = ControlParts(
                database=database,
                new_scope=new_scope,
                new_id=new_id,
                feed=feed,
                leases=leases,
                board=board,
                spending=spending,
                desk=desk_tools(settings.desk, spending, clock, new_id),
                operation=operation,
                zone=settings.zone,
                started_at_ns=clock.now_ns(),
                checkpoints=checkpoints,
                logs=request_log.desk,
                selling=selling,
                wall=settings.wall,
            )
            yield ControlHouse(
                parts,
                new_internal_app(parts),
                new_control_app(parts, _ASSETS),
                signing_in,
                request_log,
                _jobs(settings, signing_in, request_log, stores, parts),
            )
        finally:
            await request_log.aclose()
            await signing_in.aclose()
            await database.close()


async def _newest_change(zone: str, database: Database, checkpoints: Checkpoints) -> int:
    """Its number, once the audit log's marks are caught up with."""
    async with database.read() as session:
        newest = await ChangeRepository(session).newest()
        await catch_up(session, zone, checkpoints)
    return newest


def _jobs(
    settings: ControlSettings,
    signing_in: SignInHouse,
    request_log: LogHouse,
    stores: Stores,
    parts: ControlParts,
) -> tuple[Job, ...]:
    open_scope, clock = stores.write, settings.clock
    return (
        *sign_in_jobs(signing_in, open_scope, clock),
        *_ledger_jobs(settings, open_scope, parts.leases),
        *request_log.jobs,
        *_fleet_jobs(settings, parts.database, parts.feed),
        *spending_jobs(settings.spending, parts.spending, open_scope, clock),
        *selling_jobs(parts.selling, open_scope, parts.feed, clock),
        *operation_jobs(settings.operation, stores, parts),
    )


def _fleet_jobs(settings: ControlSettings, database: Database, feed: ChangeFeed) -> tuple[Job, ...]:
    """SQLite has one control process, and hears of every change by itself."""
    if not settings.database_url.startswith(("postgresql:", "postgres:")):
        return ()

    async def newest() -> int:
        async with database.read() as session:
            return await ChangeRepository(session).newest()

    return (partial(feed.follow, newest),)


def _ledger_jobs(
    settings: ControlSettings, open_scope: OpenScope, leases: LeaseDesk
) -> tuple[Job, ...]:
    return (LedgerJobs(open_scope, leases, settings.clock).run,) if settings.billing else ()


def _scopes(
    settings: ControlSettings,
    signing_in: SignInHouse,
    request_log: LogHouse,
    new_id: NewId,
    checkpoints: Checkpoints,
    selling: Selling,
) -> NewScope:
    """How a session becomes what one request may use."""
    clock = settings.clock

    def new_scope(
        session: AsyncSession, after_commit: Callable[[Callable[[], None]], None]
    ) -> ControlScope:
        return ControlScope(
            session=session,
            event_log=request_log.of(session),
            clock=clock,
            new_id=new_id,
            pepper=settings.pepper,
            zone=settings.zone,
            mail=signing_in.mail,
            secret_box=signing_in.secret_box,
            ledger=Book(SqlLedgerRows(session), clock, new_id),
            billing=settings.billing,
            sign_in=signing_in.tools,
            after_commit=after_commit,
            audit=AuditLog(session, clock, settings.zone, after_commit, checkpoints).record,
            selling=selling,
            neighbours=settings.neighbours,
        )

    return new_scope


def _checkpoints(paths: Paths) -> Checkpoints:
    """The audit log's marks, signed with the snapshot's key. Read when used: they are rare."""
    return Checkpoints(
        paths.home / "audit",
        lambda payload: sign(payload, paths.snapshot_private_key.read_text()),
        lambda blob: verify(blob, paths.snapshot_public_key.read_text()),
    )


async def run_control(settings: ControlSettings) -> None:
    """Serve both apps on their sockets until SIGTERM or SIGINT, then drain. Raises `OperatorError`."""
    logger = log.get_logger("control")
    async with open_control(settings) as house:
        apps = (
            (house.internal_app, settings.paths.internal_socket),
            (house.public_app, settings.paths.control_socket),
        )
        # Neither owns the signals: one signal stops both.
        servers = [new_server(app, drain_s=_DRAIN_S, owns_signals=False) for app, _ in apps]

        def stop() -> None:
            house.parts.stop_waiting()
            for server in servers:
                server.should_exit = True

        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stop)
        with listen_privately(apps[0][1]) as internal, listen_privately(apps[1][1]) as public:
            # What is here now stays, and a push makes thousands of objects but hardly a cycle.
            gc.collect()
            gc.freeze()
            gc.set_threshold(20_000, 20, 50)
            gc.enable()
            logger.info("control serves", zone=settings.zone)
            running = [
                asyncio.create_task(server.serve(sockets=[listener]))
                for server, listener in zip(servers, (internal, public), strict=True)
            ]
            jobs = [asyncio.create_task(job()) for job in house.jobs]
            # One that ends without a signal has failed: then the other must not go on alone.
            await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
            stop()
            await asyncio.gather(*running)
            for task in jobs:
                task.cancel()
            for ended in await asyncio.gather(*jobs, return_exceptions=True):
                if isinstance(ended, Exception):
                    logger.error("a job failed", exc_info=ended)
    logger.info("control stopped")


if __name__ == "__main__":
    sys.exit(main())
