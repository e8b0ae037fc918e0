"""What control tells its gateways and the CLI, on a socket that only the owner can open."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

from fastapi import APIRouter, Depends, FastAPI, Request, Response
from prometheus_client import CONTENT_TYPE_PLAIN_0_0_4, CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, InfoMetricFamily, Metric
from prometheus_client.registry import Collector
from pydantic import BaseModel, ConfigDict, Field
from starlette.middleware import Middleware

from opengateway import __version__
from opengateway.control.access import Access, access, require_declared
from opengateway.control.approvals.routes import router as approvals
from opengateway.control.audit.checkpoints import Checkpoints
from opengateway.control.audit.routes import internal as audit_proof
from opengateway.control.audit.routes import router as audit
from opengateway.control.authority import authorize_operator
from opengateway.control.changes.feed import ChangeFeed
from opengateway.control.changes.routes import router as changes
from opengateway.control.events.routes import router as events
from opengateway.control.idempotency.edge import KeepAnswers, idempotent
from opengateway.control.kept_bodies.routes import internal as bodies
from opengateway.control.keys.routes import internal as keys
from opengateway.control.keys.routes import router as team_keys
from opengateway.control.leases.desk import LeaseDesk
from opengateway.control.leases.routes import router as leases
from opengateway.control.ledger.routes import admin as ledger_admin
from opengateway.control.ledger.routes import internal as ledger
from opengateway.control.ledger.routes import router as team_ledger
from opengateway.control.logs.desk import LogDesk
from opengateway.control.logs.routes import internal as generations
from opengateway.control.offers.routes import router as offers
from opengateway.control.offers.showcase import admin as explanations
from opengateway.control.overview.dead_letters import router as dead_letters
from opengateway.control.overview.reconciliation import router as reconciliation
from opengateway.control.overview.routes import router as figures
from opengateway.control.own_credentials.routes import router as own_credentials
from opengateway.control.owners.routes import router as owners
from opengateway.control.payments.routes import admin as payments_admin
from opengateway.control.providers.routes import router as providers
from opengateway.control.providers.tools import DeskTools
from opengateway.control.redeem.routes import admin as campaigns
from opengateway.control.redeem.routes import internal as redeem_codes
from opengateway.control.replies import JsonReply
from opengateway.control.scope import Scope
from opengateway.control.selling import Selling
from opengateway.control.settler.metrics import SettlerMetrics
from opengateway.control.settler.repository import JournalRepository
from opengateway.control.smoke.routes import router as smoke
from opengateway.control.snapshots.board import SnapshotBoard
from opengateway.control.snapshots.routes import router as snapshots
from opengateway.control.spending import SpendingTools
from opengateway.control.team_admin.routes import admin as team_admin
from opengateway.control.team_admin.routes import internal as teams
from opengateway.control.team_moves.routes import router as team_moves
from opengateway.control.team_routing.routes import router as team_routing
from opengateway.control.telemetry.routes import router as operation
from opengateway.control.telemetry.standing import StandingMetrics
from opengateway.control.telemetry.tools import OperationTools
from opengateway.domain.errors import InvalidRequest
from opengateway.http.control_errors import ControlEdge, error_response, install_errors
from opengateway.http.journal_intake import JournalIntake
from opengateway.http.unit_of_work import NewScope, UnitOfWork
from opengateway.infra.database import HEAD, Database
from opengateway.infra.egress_guard import EgressGuard
from opengateway.kit.ids import NewId

MAX_BODY_BYTES: Final = 32 * 1024 * 1024
"""A push of journal bytes. More than a whole frame of the largest size (kit/framing.py)."""


@dataclass(frozen=True, slots=True)
class ControlParts:
    """What lives as long as the process and is shared by its apps."""

    database: Database
    new_scope: NewScope
    new_id: NewId
    feed: ChangeFeed
    board: SnapshotBoard
    zone: str
    started_at_ns: int
    checkpoints: Checkpoints
    spending: SpendingTools
    desk: DeskTools
    leases: LeaseDesk
    logs: LogDesk
    selling: Selling
    operation: OperationTools
    wall: EgressGuard | None = None

    def stop_waiting(self) -> None:
        """Answer every long poll now: the process is going down."""
        self.feed.stop()
        self.board.stop()
        self.leases.stop()
        self.logs.stop()


status = APIRouter(tags=["status"])


@status.get("/status", openapi_extra=access(Access.INTERNAL))
async def show_status(request: Request, scope: Scope) -> Response:
    """Where this process stands."""
    parts: ControlParts = request.app.state.parts
    journals = JournalRepository(scope.session)
    return JsonReply(
        {
            "version": __version__,
            "zone": parts.zone,
            "started_at_ns": parts.started_at_ns,
            "schema": HEAD,
            "snapshot": parts.board.current.version,
            "change_seq": parts.feed.newest,
            "open_requests": await journals.count_open(),
            "gateways": [
                {
                    "gateway": g.gateway,
                    "first_seen_ns": g.first_seen_ns,
                    "last_seen_ns": g.last_seen_ns,
                    "finished_at_ns": g.finished_at_ns,
                    "voided": g.voided,
                }
                for g in await journals.gateways(limit=20)
            ],
        }
    )


class StoreCopy(BaseModel):
    """`path`: absolute, and not there yet."""

    model_config = ConfigDict(extra="forbid", strict=True)

    path: str = Field(min_length=2, max_length=4096, pattern=r"^/[^\x00]+$")


@status.post("/store-copy", openapi_extra=access(Access.INTERNAL))
async def copy_store(wanted: StoreCopy, request: Request) -> Response:
    """Write the control store to a file as it is at one moment, where it is SQLite."""
    parts: ControlParts = request.app.state.parts
    try:
        copied = await parts.database.copy_to(Path(wanted.path))
    except OSError as error:
        raise InvalidRequest(f"{wanted.path!r}: {error.strerror}", param="path") from None
    return JsonReply({"copied": copied})


metrics = APIRouter(tags=["status"])


@metrics.get("/metrics", openapi_extra=access(Access.INTERNAL))
async def show_metrics(request: Request) -> Response:
    """Prometheus text."""
    registry: CollectorRegistry = request.app.state.registry
    return Response(generate_latest(registry), headers={"content-type": CONTENT_TYPE_PLAIN_0_0_4})


def new_internal_app(parts: ControlParts) -> FastAPI:
    """The internal app. Raises `AssertionError` if a route does not say who may call it."""
    registry = CollectorRegistry()
    registry.register(_Standing(parts))
    StandingMetrics(registry, parts.operation.watch, parts.operation.clock)
    app = FastAPI(
        title="OpenGateway internal API",
        version=__version__,
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        middleware=[
            Middleware(
                ControlEdge, new_id=parts.new_id, max_body_bytes=MAX_BODY_BYTES, pages=False
            ),
            Middleware(UnitOfWork, database=parts.database, new_scope=parts.new_scope),
            Middleware(JournalIntake, metrics=_settler_metrics(registry, parts.operation)),
            Middleware(KeepAnswers, render=error_response),
        ],
    )
    app.state.parts = parts
    app.state.registry = registry
    app.state.change_feed = parts.feed
    app.state.log_desk = parts.logs
    app.state.lease_desk = parts.leases
    app.state.smoke_desk = parts.operation.smoke
    app.state.snapshot_board = parts.board
    app.state.desk_tools = parts.desk
    install_errors(app)
    app.state.idempotency_running = set()
    app.router.routes.extend(_routes().routes)
    return app


@cache
def _routes() -> APIRouter:
    """All routes, put together once in a process. Raises `AssertionError` as above."""
    routes = APIRouter(dependencies=(Depends(authorize_operator), Depends(idempotent)))
    for router in (snapshots, changes, keys, events, status, teams, audit_proof, operation):
        routes.include_router(router, prefix="/internal/v1")
    # What a team and the platform's people may do, the operator may do here.
    for router in (team_keys, team_admin, audit):
        routes.include_router(router, prefix="/internal/v1")
    for router in (owners, generations, team_moves, bodies):
        routes.include_router(router, prefix="/internal/v1")
    for router in (
        providers,
        offers,
        approvals,
        own_credentials,
        team_routing,
        figures,
        explanations,
    ):
        routes.include_router(router, prefix="/internal/v1")
    for router in (dead_letters, reconciliation):
        routes.include_router(router, prefix="/internal/v1")
    for router in (leases, ledger, team_ledger, ledger_admin, redeem_codes, campaigns, smoke):
        routes.include_router(router, prefix="/internal/v1")
    routes.include_router(payments_admin, prefix="/internal/v1")
    routes.include_router(metrics)
    require_declared(routes, {Access.INTERNAL, Access.TEAM, Access.PLATFORM})
    return routes


def _settler_metrics(registry: CollectorRegistry, operation: OperationTools) -> SettlerMetrics:
    traces = operation.traces
    return SettlerMetrics(registry, operation.teams, None if traces is None else traces.offer)


class _Standing(Collector):
    """Gauges that are read when they are asked for."""

    def __init__(self, parts: ControlParts) -> None:
        self._parts = parts

    def collect(self) -> Iterable[Metric]:
        yield GaugeMetricFamily(
            "opengateway_change_seq", "Number of the newest key change.", self._parts.feed.newest
        )
        snapshot = InfoMetricFamily(
            "opengateway_snapshot", "The configuration in force.", labels=()
        )
        snapshot.add_metric((), {"version": self._parts.board.current.version})
        yield snapshot
        if self._parts.wall is not None:
            refused = CounterMetricFamily(
                "opengateway_egress_refused",
                "Connections that led out of the airgap, and were not made",
                labels=("process",),
            )
            refused.add_metric(("control",), self._parts.wall.refused)
            yield refused
