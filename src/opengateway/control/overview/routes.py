"""Figures for the operator's people: how it goes, what is earned, what a change of prices would do."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query
from sqlalchemy import func, select

from opengateway.catalog.price_book import PriceSide
from opengateway.control.access import permits_platform
from opengateway.control.actor import CurrentActor
from opengateway.control.approvals.models import Approval, ApprovalState
from opengateway.control.overview.dead_letters import DEAD_DELIVERIES, count_dead
from opengateway.control.overview.preview import bounds_of, preview
from opengateway.control.overview.schemas import (
    By,
    MarginLine,
    Margins,
    NewPreview,
    Overview,
    Preview,
    lines_by,
)
from opengateway.control.overview.usage import usage_between
from opengateway.control.prices.publisher import Trial
from opengateway.control.prices.service import PriceService
from opengateway.control.providers.tools import Desk
from opengateway.control.scope import ControlScope, Scope
from opengateway.control.settler.models import OpenRequest
from opengateway.control.teams.models import Team
from opengateway.control.teams.service import TeamStatus
from opengateway.control.users.models import User, UserStatus
from opengateway.control.webhooks.models import WebhookDelivery
from opengateway.domain.errors import CapacityError

router = APIRouter(prefix="/admin", tags=["figures"])
_HOUR_NS = 3600 * 10**9
_DAY_NS = 24 * _HOUR_NS
Hours = Annotated[
    int, Query(ge=1, le=24 * 90, description="How far back, in hours.", examples=[24])
]


@router.get("/overview", openapi_extra=permits_platform("overview.read"))
async def overview(scope: Scope, desk: Desk, hours: Hours = 24) -> Overview:
    """Traffic, what was charged and what it cost, the mix of providers, and what waits."""
    until = scope.clock.now_ns()
    found = await usage_between(scope.session, until - hours * _HOUR_NS, until)
    snapshot = desk.publisher.snapshot
    return Overview(
        since_ns=until - hours * _HOUR_NS,
        until_ns=until,
        requests=found.requests,
        failed=found.failed,
        truncated=found.truncated,
        total=MarginLine.of("total", found.sums),
        providers=lines_by("provider", found, 20),
        top_teams=lines_by("team", found, 10),
        top_models=lines_by("model", found, 10),
        teams=await _count(scope, Team, Team.deleted_at_ns.is_(None)),
        frozen_teams=await _count(
            scope, Team, Team.deleted_at_ns.is_(None), Team.status == TeamStatus.FROZEN.value
        ),
        users=await _count(scope, User, User.status == UserStatus.ACTIVE.value),
        open_requests=await _count(scope, OpenRequest),
        approvals_pending=await _count(
            scope,
            Approval,
            Approval.state == ApprovalState.PENDING.value,
            Approval.expires_at_ns > until,
        ),
        deliveries_failed=await _count(scope, WebhookDelivery, *DEAD_DELIVERIES),
        dead_letters=await count_dead(scope),
        snapshot="" if snapshot is None else snapshot.version,
    )


@router.get("/margins", openapi_extra=permits_platform("prices.read"))
async def margins(
    scope: Scope,
    by: Annotated[By, Query(examples=["model"])] = "model",
    hours: Hours = 24 * 30,
) -> Margins:
    """What was charged, what providers charged us, and what is left of it."""
    until = scope.clock.now_ns()
    since = until - hours * _HOUR_NS
    found = await usage_between(scope.session, since, until)
    return Margins(
        since_ns=since,
        until_ns=until,
        truncated=found.truncated,
        total=MarginLine.of("total", found.sums),
        lines=lines_by(by, found, 1000),
    )


async def _prices(scope: Scope, actor: CurrentActor, desk: Desk) -> PriceService:
    return PriceService(scope, actor, desk.publisher.changed)


@router.post("/prices/preview", openapi_extra=permits_platform("prices.read"))
async def preview_prices(
    wanted: NewPreview,
    scope: Scope,
    desk: Desk,
    prices: Annotated[PriceService, Depends(_prices)],
) -> Preview:
    """What changes of prices would have made of the last weeks' usage. Nothing is kept."""
    entries = [
        await prices.entry(PriceSide(change.side), change.wanted(), change.team_id, at)
        for at, change in enumerate(wanted.changes)
    ]
    at_ns = max(entry.effective_from_ns for entry in entries)
    at_ns = max(at_ns, scope.clock.now_ns())
    before = await desk.tried(scope, Trial(at_ns=at_ns))
    after = await desk.tried(scope, Trial(prices=entries, at_ns=at_ns))
    if before is None or after is None or desk.priced is None:
        raise CapacityError("nothing is compiled here that could be compared")
    until = scope.clock.now_ns()
    between = until - wanted.days * _DAY_NS, until
    found = await usage_between(scope.session, *between, bounds_of(before, after))
    return preview(found, between, (before, after), desk.priced)


async def _count(scope: ControlScope, table: type[Any], *holds: Any) -> int:
    statement = select(func.count()).select_from(table).where(*holds)
    return await scope.session.scalar(statement) or 0
