"""What of payments stands still: events that cannot be booked, refunds that had no answer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from opengateway.control.actor import Actor
from opengateway.control.payments.booking import PaymentBooking
from opengateway.control.payments.events import EventService
from opengateway.control.payments.models import Payment, PaymentEvent, Refund
from opengateway.control.payments.service import PaymentsOff, send_refund
from opengateway.control.scope import ControlScope
from opengateway.domain.errors import Conflict, NotFound
from opengateway.domain.payments import PaymentState
from opengateway.ports.payments import PaymentProcessor

AFTER_NS: Final = 3600 * 1_000_000_000
MOST: Final = 100
_REFUND: Final = "rfd_"
_PAYMENT: Final = "pay_"


class Stuck(NamedTuple):
    id: str
    kind: str
    """`event`, `refund` or `payment`."""
    team_id: str
    payment_id: str
    told: str
    """The event's type."""
    cents: int
    since_ns: int


class StuckPayments:
    """The caller owns the transaction; `retry` of a refund ends it and begins another."""

    def __init__(self, scope: ControlScope, actor: Actor) -> None:
        self._scope = scope
        self._booking = PaymentBooking(scope, actor)
        self._rows = self._booking.rows

    async def all(self) -> Sequence[Stuck]:
        """Oldest first, at most 100 of each kind."""
        before_ns = self._scope.clock.now_ns() - AFTER_NS
        events = [
            Stuck(
                *(event.id.partition(":")[2], "event", payment.team_id, payment.id, event.type),
                *(int(event.facts.get("cents", 0)), event.received_at_ns),
            )
            for event, payment in await self._rows.stuck_events(before_ns, MOST)
        ]
        refunds = [
            Stuck(r.id, "refund", r.team_id, r.payment_id, "", r.cents, r.created_at_ns)
            for r in await self._rows.unsent_refunds(before_ns, MOST)
        ]
        payments = [
            Stuck(p.id, "payment", p.team_id, p.id, p.failure or "", p.total_cents, p.created_at_ns)
            for p in await self._rows.mismatched(before_ns, MOST)
        ]
        return sorted((*events, *refunds, *payments), key=lambda one: one.since_ns)

    async def retry(self, stuck_id: str) -> bool:
        """Book an event, or ask for a refund once more: whether that did it. A payment of another
        amount stays what it is. A processor that knows
        the refund's ref no more takes it for another one, so look there first.

        Raises `NotFound`, `Conflict`, `PaymentsOff`.
        """
        processor = self._processor
        if stuck_id.startswith(_PAYMENT):
            raise Conflict("another amount was taken; send it back at the processor, or grant it")
        if not stuck_id.startswith(_REFUND):
            event = await self._event(stuck_id)
            if event.state != "waiting":
                raise Conflict("it does not wait any more")
            return await EventService(self._scope, processor.name).again(event)
        payment, refund = await self._refund(stuck_id)
        await self._scope.session.commit()
        sent = await send_refund(self._booking, processor, payment, refund, self._scope)
        return sent.state != "booked"

    async def discard(self, stuck_id: str) -> None:
        """An event moves nothing; a refund was not paid out, and its credit goes back to the team;
        a payment of another amount was seen to by hand, and is none.

        Raises `NotFound`, `Conflict`, `PaymentsOff`.
        """
        if stuck_id.startswith(_REFUND):
            await self._booking.refund_failed(*await self._refund(stuck_id))
            return
        if stuck_id.startswith(_PAYMENT):
            payment = await self._rows.locked(payment_id=stuck_id)
            if payment is None or payment.state != PaymentState.MISMATCHED:
                raise Conflict("it is no payment that does not match")
            payment.state = PaymentState.FAILED.value
            await self._scope.session.flush()
            return
        event = await self._event(stuck_id)
        if event.state != "waiting":
            raise Conflict("it does not wait any more")
        event.state = "done"
        await self._scope.session.flush()

    @property
    def _processor(self) -> PaymentProcessor:
        found = self._scope.selling.processor
        if found is None:
            raise PaymentsOff
        return found

    async def _event(self, told_id: str) -> PaymentEvent:
        event = await self._rows.event(f"{self._processor.name}:{told_id}")
        if event is None:
            raise NotFound(f"there is no event {told_id!r}", param="stuck_id")
        return event

    async def _refund(self, refund_id: str) -> tuple[Payment, Refund]:
        refund = await self._rows.refund(refund_id=refund_id)
        if refund is None:
            raise NotFound(f"there is no refund {refund_id[:80]!r}", param="stuck_id")
        payment = await self._rows.locked(payment_id=refund.payment_id)
        refund = await self._rows.refund(refund_id=refund_id)
        assert payment is not None, "the store keeps a refund's payment"
        assert refund is not None, "it was there before its payment was locked"
        if refund.state != "booked":
            raise Conflict(f"it is {refund.state}; only one without an answer is tried again")
        return payment, refund
