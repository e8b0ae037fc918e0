"""What a processor tells, once each, in whatever order it comes.

An event about a payment that is not credit yet (a refund that overtook its payment) waits, and is done
when the payment is. What is told twice is known by its id, and moves nothing by the ledger's refs.
"""

from __future__ import annotations

from typing import Final

import msgspec

from opengateway.control.payments.booking import PaymentBooking
from opengateway.control.payments.models import Payment, PaymentEvent, Refund
from opengateway.control.scope import ControlScope
from opengateway.domain.errors import Conflict
from opengateway.domain.payments import PaymentState, ProcessorEvent, ToldKind
from opengateway.kit.log import get_logger

log = get_logger(__name__)
_MONEY_BACK: Final = (
    ToldKind.REFUNDED,
    ToldKind.REFUND_FAILED,
    ToldKind.DISPUTED,
    ToldKind.REINSTATED,
)
_METHODS: Final = (ToldKind.METHOD_SAVED, ToldKind.METHOD_KNOWN, ToldKind.METHOD_GONE)


class EventService:
    """The caller owns the transaction."""

    def __init__(self, scope: ControlScope, processor: str) -> None:
        self._scope = scope
        self._processor = processor
        self._booking = PaymentBooking(scope)
        self._rows = self._booking.rows

    async def take(self, event: ProcessorEvent) -> bool:
        """Do what an event asks for. False where it came before."""
        if event.kind is ToldKind.OTHER:
            return False
        is_new = await self._rows.keep_event(
            {
                "id": f"{self._processor}:{event.id}"[:160],
                "type": event.type[:80],
                "state": "done",
                "intent_id": event.intent_id,
                "facts": msgspec.to_builtins(event),
                "received_at_ns": self._scope.clock.now_ns(),
            }
        )
        if not is_new:
            return False
        if event.kind in _METHODS:
            await self._method(event)
            return True
        payment = await self._payment(event)
        if not await self._do(event, payment):
            row = await self._rows.event(f"{self._processor}:{event.id}"[:160])
            assert row is not None, "it was kept above"
            row.state = "waiting"
        elif payment is not None and payment.intent_id is not None:
            await self._catch_up(payment, payment.intent_id)
        return True

    async def catch_up(self, payment: Payment) -> None:
        """What waited for this payment, which has become credit."""
        if payment.intent_id is not None:
            await self._catch_up(payment, payment.intent_id)

    async def again(self, row: PaymentEvent) -> bool:
        """Try once more what waits. False where it must go on waiting."""
        event = msgspec.convert(row.facts, ProcessorEvent)
        payment = await self._payment(event)
        await self._scope.session.refresh(row)  # nobody else books this payment now
        if row.state != "waiting":
            return True
        if not await self._do(event, payment):
            return False
        row.state = "done"
        await self._scope.session.flush()
        return True

    async def _catch_up(self, payment: Payment, intent_id: str) -> None:
        # A dispute that was won may wait behind the one that was lost: again until nothing moves.
        moved = True
        while moved:
            moved = False
            for row in await self._rows.waiting_events(intent_id):
                if await self._do(msgspec.convert(row.facts, ProcessorEvent), payment):
                    row.state, moved = "done", True
            await self._scope.session.flush()

    async def _payment(self, event: ProcessorEvent) -> Payment | None:
        found = None
        if event.payment_id is not None:
            found = await self._rows.locked(payment_id=event.payment_id)
        if found is None and event.intent_id is not None:
            found = await self._rows.locked(intent_id=event.intent_id)
        return found if found is not None and found.processor == self._processor else None

    async def _do(self, event: ProcessorEvent, payment: Payment | None) -> bool:
        """False where it must wait."""
        if event.kind in _MONEY_BACK:
            if payment is None or payment.state != PaymentState.PAID:
                return False
            try:
                return await self._money_back(event, payment)
            except Conflict as error:
                # More than the payment was, by what is booked: a person must look.
                log.error("payment_event_not_booked", told=event.id, error=error.message)
                return False
        if payment is None:
            return True  # of something else that is sold through the same account
        match event.kind:
            case ToldKind.PAID:
                await self._booking.paid(
                    payment, cents=event.cents, currency=event.currency, intent_id=event.intent_id
                )
                if event.method_id is not None:
                    await self._method(event)
            case ToldKind.PENDING:
                payment.intent_id = payment.intent_id or event.intent_id
            case ToldKind.FAILED:
                await self._booking.failed(payment, PaymentState.FAILED, event.type)
            case ToldKind.EXPIRED:
                await self._booking.failed(payment, PaymentState.EXPIRED, event.type)
        return True

    async def _money_back(self, event: ProcessorEvent, payment: Payment) -> bool:
        if event.kind is ToldKind.DISPUTED:
            await self._booking.disputed(payment, event.cents, event.object_id or event.id)
            return True
        if event.kind is ToldKind.REINSTATED:
            return await self._booking.reinstated(payment, event.cents, event.object_id or event.id)
        refund = await self._rows.refund(refund_id=event.refund_id, object_id=event.object_id)
        if refund is not None and refund.payment_id != payment.id:
            return True  # not ours: somebody wrote an id of ours onto another refund
        if event.kind is ToldKind.REFUND_FAILED:
            if refund is None:
                return False
            await self._booking.refund_failed(payment, refund)
        elif refund is None:
            await self._refund_from_outside(event, payment)
        elif refund.state == "booked":
            refund.state, refund.object_id = "sent", event.object_id
            await self._booking.note(payment, refund)
        return True

    async def _refund_from_outside(self, event: ProcessorEvent, payment: Payment) -> None:
        """Asked for in the processor's own pages."""
        left = payment.total_cents - payment.refunded_cents - payment.disputed_cents
        cents = min(event.cents, left)
        if cents <= 0:
            return
        booked = await self._booking.refunded(
            payment, cents, f"{self._processor}:{event.object_id}", is_fact=True
        )
        refund = Refund(
            id=self._scope.new_id("rfd_"),
            payment_id=payment.id,
            team_id=payment.team_id,
            state="sent",
            cents=cents,
            amount_nanos=booked.amount,
            object_id=event.object_id,
            entry_id=booked.entry_id,
            created_by=self._processor,
            created_at_ns=self._scope.clock.now_ns(),
        )
        await self._rows.add(refund)
        await self._booking.note(payment, refund)

    async def _method(self, event: ProcessorEvent) -> None:
        rows = self._rows
        if event.kind is ToldKind.METHOD_GONE:
            customer = await rows.customer_with(event.method_id or "")
            if customer is not None:
                customer.method_id = customer.method_label = None
            return
        customer = await rows.customer_of(event.customer_id or "")
        if customer is None or event.method_id is None:
            return
        if customer.method_id != event.method_id:
            customer.method_id, customer.method_label = event.method_id, None
        if event.method_label is not None:
            customer.method_label = event.method_label
        customer.updated_at_ns = self._scope.clock.now_ns()
