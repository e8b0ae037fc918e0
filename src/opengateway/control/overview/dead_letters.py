"""What did not get through, queue by queue: listed, tried again, or put away by a person."""

from __future__ import annotations

from typing import Literal

from fastapi import APIRouter
from pydantic import BaseModel
from sqlalchemy import func, select

from opengateway.control.access import permits_platform
from opengateway.control.actor import SYSTEM, CurrentActor
from opengateway.control.bodies import Page, example
from opengateway.control.mail.dead_letters import DeadLetters
from opengateway.control.mail.models import OutgoingMail
from opengateway.control.paging import After, Limit, next_page, place_of
from opengateway.control.payments.stuck import Stuck, StuckPayments
from opengateway.control.scope import ControlScope, Scope
from opengateway.control.sessions.web import require_step_up
from opengateway.control.settler.giving_up import give_up
from opengateway.control.settler.models import JournalGateway, OpenRequest
from opengateway.control.webhooks.models import Webhook, WebhookDelivery
from opengateway.domain.errors import Conflict, NotFound
from opengateway.kit.db import AsyncSession

router = APIRouter(prefix="/admin/dead-letters", tags=["queues"])
_READ = permits_platform("system.read")
_WRITE = permits_platform("system.write")
_HOUR_NS = 3600 * 10**9
_SHOWN = 100
DEAD_DELIVERIES = (WebhookDelivery.state == "failed", WebhookDelivery.discarded_at_ns.is_(None))


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


class DeadLetter(BaseModel):
    """A letter that was refused or came too late. What it said is shown to nobody. `can_retry` false:
    its time is over."""

    model_config = example(
        id="mail_0193",
        recipient="mina@example.com",
        attempts=3,
        last_error="550 no such mailbox",
        can_retry=True,
        created_at_ns=1_764_000_000_000_000_000,
        failed_at_ns=1_764_000_060_000_000_000,
    )

    id: str
    recipient: str
    attempts: int
    last_error: str
    can_retry: bool
    created_at_ns: int
    failed_at_ns: int | None

    @classmethod
    def of(cls, row: OutgoingMail, now_ns: int) -> DeadLetter:
        told = {"can_retry": bool(row.sealed) and row.expires_at_ns > now_ns}
        names = (name for name in cls.model_fields if name not in told)
        return cls.model_validate({**told, **{name: getattr(row, name) for name in names}})


class StuckJournal(BaseModel):
    """A gateway that was not heard of for an hour and whose journal did not come to its end: what it
    still holds open is void once another start ships the rest, or once it is given up."""

    model_config = example(
        gateway="gw_0193", last_seen_ns=1_764_000_000_000_000_000, open_requests=2
    )

    gateway: str
    last_seen_ns: int
    open_requests: int


class StuckJournals(BaseModel):
    data: list[StuckJournal]


class GivenUp(BaseModel):
    """How many requests are void by it."""

    model_config = example(voided=2)

    voided: int


class StuckPayment(BaseModel):
    """An event of the processor's that could not be booked, a refund that it did not answer, or a
    payment of another amount than was asked for."""

    model_config = example(
        id="evt_0193",
        kind="event",
        team_id="team_0193",
        payment_id="pay_0193",
        told="charge.dispute.funds_withdrawn",
        cents=5500,
        since_ns=1_764_000_000_000_000_000,
    )

    id: str
    kind: Literal["event", "refund", "payment"]
    team_id: str
    payment_id: str
    told: str
    cents: int
    since_ns: int

    @classmethod
    def of(cls, one: Stuck) -> StuckPayment:
        return cls.model_validate(one._asdict())


class StuckPaymentList(BaseModel):
    data: list[StuckPayment]


class Retried(BaseModel):
    """False: it goes on waiting."""

    model_config = example(done=True)

    done: bool


# --- webhooks -------------------------------------------------------------------------------------
@router.get("/webhooks", openapi_extra=_READ)
async def dead_deliveries(
    scope: Scope, after: After = "", limit: Limit = 100
) -> Page[DeadDelivery]:
    """Deliveries of all teams that were given up, newest first. Their bodies are the team's own."""
    statement = select(WebhookDelivery).where(*DEAD_DELIVERIES)
    if place := place_of(after):
        statement = statement.where(WebhookDelivery.id < place)
    statement = statement.order_by(WebhookDelivery.id.desc()).limit(limit)
    rows = (await scope.session.scalars(statement)).all()
    return Page(
        data=[DeadDelivery.of(row) for row in rows],
        next=next_page(rows, limit, lambda row: row.id),
    )


@router.post("/webhooks/{delivery_id}/retry", openapi_extra=_WRITE)
async def retry_delivery(delivery_id: str, scope: Scope, actor: CurrentActor) -> DeadDelivery:
    """Try it again now, with the same id."""
    row = await _delivery(scope.session, delivery_id)
    webhook = await scope.session.get(Webhook, row.webhook_id)
    if webhook is None or webhook.disabled:
        raise Conflict("its webhook is disabled; the team has to enable it first")
    row.state, row.finished_at_ns, row.discarded_at_ns = "pending", None, None
    row.next_attempt_ns = scope.clock.now_ns()
    await scope.session.flush()
    await scope.audit(actor, "delivery.retried", object_id=row.id, team_id=row.team_id)
    return DeadDelivery.of(row)


@router.delete("/webhooks/{delivery_id}", status_code=204, openapi_extra=_WRITE)
async def discard_delivery(delivery_id: str, scope: Scope, actor: CurrentActor) -> None:
    """Put it away. The team still sees it among its deliveries."""
    row = await _delivery(scope.session, delivery_id)
    row.discarded_at_ns = scope.clock.now_ns()
    await scope.session.flush()
    await scope.audit(actor, "delivery.discarded", object_id=row.id, team_id=row.team_id)


# --- mail -----------------------------------------------------------------------------------------
@router.get("/mail", openapi_extra=_READ)
async def dead_letters(scope: Scope, after: After = "", limit: Limit = 100) -> Page[DeadLetter]:
    """Letters that were refused or came too late, of the last 30 days, newest first."""
    rows = await DeadLetters(scope).page(before=place_of(after), limit=limit)
    now_ns = scope.clock.now_ns()
    return Page(
        data=[DeadLetter.of(row, now_ns) for row in rows],
        next=next_page(rows, limit, lambda row: row.id),
    )


@router.post("/mail/{letter_id}/retry", openapi_extra=_WRITE)
async def retry_letter(letter_id: str, scope: Scope, actor: CurrentActor) -> DeadLetter:
    """Send it now. One whose time is over holds a link that is worth nothing: it is not sent."""
    row = await DeadLetters(scope).retry(letter_id)
    await scope.audit(actor, "letter.retried", object_id=row.id)
    return DeadLetter.of(row, scope.clock.now_ns())


@router.delete("/mail/{letter_id}", status_code=204, openapi_extra=_WRITE)
async def discard_letter(letter_id: str, scope: Scope, actor: CurrentActor) -> None:
    await DeadLetters(scope).discard(letter_id)
    await scope.audit(actor, "letter.discarded", object_id=letter_id[:128])


# --- journals -------------------------------------------------------------------------------------
@router.get("/journals", openapi_extra=_READ)
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


@router.delete("/journals/{gateway_id}", openapi_extra=_WRITE)
async def give_up_journal(gateway_id: str, scope: Scope, actor: CurrentActor) -> GivenUp:
    """Its disk is lost: void what it holds open. Only for one that was silent for a day; what comes of
    it later is not charged."""
    voided = await give_up(scope, gateway_id)
    await scope.audit(
        actor, "journal.given_up", object_id=gateway_id[:128], after={"voided": voided}
    )
    return GivenUp(voided=voided)


# --- payments -------------------------------------------------------------------------------------
_MONEY = permits_platform("ledger.refund")


@router.get("/payments", openapi_extra=permits_platform("ledger.read"))
async def stuck_payments(scope: Scope, actor: CurrentActor) -> StuckPaymentList:
    """What of payments has stood still for an hour, oldest first, at most 100 of each kind."""
    found = await StuckPayments(scope, actor).all()
    return StuckPaymentList(data=[StuckPayment.of(one) for one in found])


@router.post("/payments/{stuck_id}/retry", openapi_extra=_MONEY, dependencies=[require_step_up])
async def retry_payment(stuck_id: str, scope: Scope, actor: CurrentActor) -> Retried:
    """Book the event, or ask the processor for the refund once more. Look there first: after a day it
    may take the same refund for another one."""
    done = await StuckPayments(scope, actor).retry(stuck_id)
    await scope.audit(
        actor, "payment.stuck_retried", object_id=stuck_id[:128], after={"done": done}
    )
    return Retried(done=done)


@router.delete(
    "/payments/{stuck_id}",
    status_code=204,
    openapi_extra=_MONEY,
    dependencies=[require_step_up],
)
async def discard_payment(stuck_id: str, scope: Scope, actor: CurrentActor) -> None:
    """An event moves nothing. A refund was not paid out: its credit goes back to the team. A payment
    of another amount was seen to by hand."""
    await StuckPayments(scope, actor).discard(stuck_id)
    await scope.audit(actor, "payment.stuck_discarded", object_id=stuck_id[:128])


async def count_dead(scope: ControlScope) -> dict[str, int]:
    """How many stand in each queue."""
    failed = select(func.count()).where(*DEAD_DELIVERIES)
    return {
        "mail": await DeadLetters(scope).count(),
        "webhooks": await scope.session.scalar(failed) or 0,
        "journals": len((await stuck_journals(scope)).data),
        "payments": len(await StuckPayments(scope, SYSTEM).all()),
    }


async def _delivery(session: AsyncSession, delivery_id: str) -> WebhookDelivery:
    """Raises `NotFound`, `Conflict` for one that was not given up."""
    row = await session.get(WebhookDelivery, delivery_id, with_for_update=True)
    if row is None:
        raise NotFound(f"there is no delivery {delivery_id!r}", code="delivery_not_found")
    if row.state != "failed":
        raise Conflict(f"it is {row.state}; only what was given up is tried again or put away")
    return row
