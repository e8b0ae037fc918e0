"""What did not get through, what stands still, and whether records and ledger say the same."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import BaseModel
from sqlalchemy import Row, func, select, text

from opengateway.control.access import permits_platform
from opengateway.control.actor import CurrentActor
from opengateway.control.bodies import Page, example
from opengateway.control.overview.schemas import usd
from opengateway.control.paging import After, Limit, next_page, place_of
from opengateway.control.scope import Scope
from opengateway.control.settler.models import JournalGateway, OpenRequest
from opengateway.control.webhooks.models import WebhookDelivery
from opengateway.domain.errors import Conflict, NotFound

router = APIRouter(prefix="/admin", tags=["queues"])
_READ = permits_platform("system.read")
_HOUR_NS = 3600 * 10**9
_SHOWN = 100
_SUMS = text(
    "SELECT count(*) AS requests, coalesce(sum(r.cost_nanos), 0) AS recorded,"
    " coalesce(sum(s.amount), 0) AS booked FROM requests r"
    " LEFT JOIN ledger_settlements s ON s.request_id = r.id"
    " WHERE r.started_at_ns >= :since AND r.started_at_ns < :until"
)
_DIFFERENT = text(
    "SELECT r.id AS id, r.team_id AS team_id, r.cost_nanos AS recorded, s.amount AS booked"
    " FROM requests r LEFT JOIN ledger_settlements s ON s.request_id = r.id"
    " WHERE r.started_at_ns >= :since AND r.started_at_ns < :until"
    " AND r.cost_nanos <> coalesce(s.amount, 0) ORDER BY r.id LIMIT :shown"
)


class DeadDelivery(BaseModel):
    """A webhook's delivery that was given up after its tries."""

    model_config = example(
        id="dlv_0193",
        webhook_id="wh_0193",
        team_id="team_0193",
        event_type="budget.exceeded",
        attempts=12,
        last_status=503,
        created_at_ns=1_764_000_000_000_000_000,
        finished_at_ns=1_764_086_400_000_000_000,
    )

    id: str
    webhook_id: str
    team_id: str
    event_type: str
    attempts: int
    last_status: int | None
    created_at_ns: int
    finished_at_ns: int | None

    @classmethod
    def of(cls, row: WebhookDelivery) -> DeadDelivery:
        last = row.attempts[-1].get("status") if row.attempts else None
        return cls(
            id=row.id,
            webhook_id=row.webhook_id,
            team_id=row.team_id,
            event_type=row.event_type,
            attempts=len(row.attempts),
            last_status=last,
            created_at_ns=row.created_at_ns,
            finished_at_ns=row.finished_at_ns,
        )


class StuckJournal(BaseModel):
    """A gateway that was not heard of for an hour and whose journal did not come to its end: what it
    still holds open is void once another start ships the rest."""

    model_config = example(
        gateway="gw_0193", last_seen_ns=1_764_000_000_000_000_000, open_requests=2
    )

    gateway: str
    last_seen_ns: int
    open_requests: int


class StuckJournals(BaseModel):
    data: list[StuckJournal]


class Difference(BaseModel):
    request_id: str
    team_id: str
    recorded_usd: str
    booked_usd: str | None


class Reconciliation(BaseModel):
    """What the records of a time say was charged, and what the ledger booked for them. A request
    that ended within the last minute may not be there yet. `billing` false: nothing is booked."""

    model_config = example(
        since_ns=1_764_000_000_000_000_000,
        until_ns=1_764_086_400_000_000_000,
        billing=True,
        requests=120,
        recorded_usd="1.5",
        booked_usd="1.5",
        difference_usd="0",
        differences=[],
    )

    since_ns: int
    until_ns: int
    billing: bool
    requests: int
    recorded_usd: str
    booked_usd: str
    difference_usd: str
    differences: list[Difference]


@router.get("/dead-letters/webhooks", openapi_extra=_READ)
async def dead_deliveries(
    scope: Scope, after: After = "", limit: Limit = 100
) -> Page[DeadDelivery]:
    """Deliveries of all teams that were given up, newest first. Their bodies are the team's own."""
    statement = select(WebhookDelivery).where(WebhookDelivery.state == "failed")
    if place := place_of(after):
        statement = statement.where(WebhookDelivery.id < place)
    statement = statement.order_by(WebhookDelivery.id.desc()).limit(limit)
    rows = (await scope.session.scalars(statement)).all()
    return Page(
        data=[DeadDelivery.of(row) for row in rows],
        next=next_page(rows, limit, lambda row: row.id),
    )


@router.post(
    "/dead-letters/webhooks/{delivery_id}/retry",
    openapi_extra=permits_platform("system.write"),
)
async def retry_delivery(delivery_id: str, scope: Scope, actor: CurrentActor) -> DeadDelivery:
    """Try it again now, with the same id."""
    row = await scope.session.get(WebhookDelivery, delivery_id)
    if row is None:
        raise NotFound(f"there is no delivery {delivery_id!r}", code="delivery_not_found")
    if row.state != "failed":
        raise Conflict(f"it is {row.state}; only what was given up is tried again")
    row.state, row.finished_at_ns = "pending", None
    row.next_attempt_ns = scope.clock.now_ns()
    await scope.session.flush()
    await scope.audit(actor, "delivery.retried", object_id=row.id, team_id=row.team_id)
    return DeadDelivery.of(row)


@router.get("/dead-letters/journals", openapi_extra=_READ)
async def stuck_journals(scope: Scope) -> StuckJournals:
    """Journals of gateways that are gone without having been read to their end."""
    silent_since = scope.clock.now_ns() - _HOUR_NS
    count = (
        select(func.count())
        .where(OpenRequest.gateway == JournalGateway.gateway)
        .correlate(JournalGateway)
        .scalar_subquery()
    )
    statement = (
        select(JournalGateway.gateway, JournalGateway.last_seen_ns, count)
        .where(JournalGateway.finished_at_ns.is_(None), JournalGateway.last_seen_ns < silent_since)
        .order_by(JournalGateway.last_seen_ns)
        .limit(_SHOWN)
    )
    rows = await scope.session.execute(statement)
    return StuckJournals(
        data=[StuckJournal(gateway=g, last_seen_ns=at, open_requests=n) for g, at, n in rows]
    )


@router.get("/reconciliation", openapi_extra=permits_platform("ledger.read"))
async def reconcile(
    scope: Scope,
    hours: Annotated[int, Query(ge=1, le=24 * 90, examples=[24])] = 24,
) -> Reconciliation:
    """Whether records and ledger agree on what was charged, request by request."""
    until = scope.clock.now_ns()
    between = {"since": until - hours * _HOUR_NS, "until": until}
    sums = (await scope.session.execute(_SUMS, between)).one()
    rows: Sequence[Row[Any]] = ()
    if scope.billing:
        rows = (await scope.session.execute(_DIFFERENT, {**between, "shown": _SHOWN})).all()
    return Reconciliation(
        since_ns=between["since"],
        until_ns=until,
        billing=scope.billing,
        requests=sums.requests,
        recorded_usd=usd(int(sums.recorded)),
        booked_usd=usd(int(sums.booked)),
        difference_usd=usd(int(sums.recorded) - int(sums.booked)),
        differences=[
            Difference(
                request_id=row.id,
                team_id=row.team_id,
                recorded_usd=usd(row.recorded),
                booked_usd=None if row.booked is None else usd(row.booked),
            )
            for row in rows
        ],
    )
