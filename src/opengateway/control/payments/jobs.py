"""What payments need done by itself: recharging, asking again, forgetting.

Each step is its own transaction; the processor is asked between them. A recharge is written down before
it is asked for, under a ref that makes it once: a process that dies in between, or a second one, repeats
the question and not the charge.
"""

from __future__ import annotations

import asyncio
from typing import Final

from sqlalchemy.exc import IntegrityError

from opengateway.control.actor import SYSTEM
from opengateway.control.mail.outbox import OpenScope
from opengateway.control.payments.booking import PaymentBooking
from opengateway.control.payments.events import EventService
from opengateway.control.payments.models import Payment
from opengateway.control.payments.repository import PaymentRepository
from opengateway.control.payments.service import PaymentService, month_began_ns, send_refund
from opengateway.control.scope import ControlScope
from opengateway.control.teams.repository import TeamRepository
from opengateway.control.teams.service import TeamStatus
from opengateway.domain.payments import (
    NANOS_PER_CENT,
    ChargeAsk,
    Charged,
    PaymentKind,
    PaymentState,
)
from opengateway.kit.clock import Clock
from opengateway.kit.log import get_logger
from opengateway.ports.payments import PaymentProcessor, ProcessorUnavailable

EVERY_S: Final = 20.0
_AT_ONCE: Final = 50
_RESEND_NS: Final = 60 * 1_000_000_000
_MISSED_NS: Final = 600 * 1_000_000_000
"""What waits for longer waits for a person."""
ASKED_FOR_NS: Final = 23 * 3600 * 1_000_000_000
"""A processor knows a ref for a day (docs.stripe.com/api/idempotent_requests, 2026-11): asked later,
it would take the same for another. Whatever had no answer until then, a person must look at."""
_DAY_NS: Final = 86_400 * 1_000_000_000
_EVENTS_DAYS: Final = 400

log = get_logger(__name__)


class PaymentJobs:
    def __init__(self, open_scope: OpenScope, processor: PaymentProcessor, clock: Clock) -> None:
        self._open_scope = open_scope
        self._processor = processor
        self._clock = clock
        self._after = ""

    async def run(self) -> None:
        """For ever."""
        while True:
            try:
                await self.turn()
            except Exception as error:
                log.error("payment_jobs_failed", exc_info=error)
            await asyncio.sleep(EVERY_S)

    async def turn(self) -> None:
        await self._begin_recharges()
        await self._charge()
        await self._send_refunds()
        await self._book_waiting()
        now_ns = self._clock.now_ns()
        async with self._open_scope() as scope:
            rows = PaymentRepository(scope.session)
            await rows.expire_new(now_ns - _DAY_NS)
            await rows.prune_events(now_ns - _EVENTS_DAYS * _DAY_NS)

    async def _begin_recharges(self) -> None:
        """Some teams a turn, and all of them in turn."""
        async with self._open_scope() as scope:
            found = await PaymentRepository(scope.session).recharging(self._after, _AT_ONCE)
            teams = [settings.team_id for settings in found]
        self._after = teams[-1] if len(teams) == _AT_ONCE else ""
        for team_id in teams:
            try:
                async with self._open_scope() as scope:
                    await begin_recharge(scope, team_id, self._processor.name)
            except IntegrityError:
                continue  # another process has begun the same one

    async def _charge(self) -> None:
        async with self._open_scope() as scope:
            rows = PaymentRepository(scope.session)
            waiting = list(
                await rows.unpaid(PaymentKind.RECHARGE, PaymentState.NEW, limit=_AT_ONCE)
            )
        for payment in waiting:
            await self._charge_one(payment)

    async def _charge_one(self, payment: Payment) -> None:
        async with self._open_scope() as scope:
            customer = await PaymentRepository(scope.session).customer(payment.team_id)
            method_id = None if customer is None else customer.method_id
        if payment.created_at_ns < self._clock.now_ns() - ASKED_FOR_NS:
            log.error("recharge_not_answered", payment=payment.id)
            charged = Charged(PaymentState.FAILED, None, reason="the processor did not answer")
        elif customer is None or method_id is None:
            charged = Charged(PaymentState.FAILED, None, reason="there is no saved method")
        else:
            ask = ChargeAsk(
                ref=payment.id,
                customer_id=customer.customer_id,
                method_id=method_id,
                cents=payment.total_cents,
                currency=payment.currency,
                description=f"Credit, team {payment.team_id}",
            )
            try:
                charged = await self._processor.charge(ask)
            except ProcessorUnavailable:
                return  # asked again at the next turn, under the same ref
        async with self._open_scope() as scope:
            await charged_one(scope, payment.id, charged, self._processor.name)

    async def _send_refunds(self) -> None:
        now_ns = self._clock.now_ns()
        async with self._open_scope() as scope:
            rows = PaymentRepository(scope.session)
            unsent = [
                (await rows.payment(refund.payment_id), refund)
                for refund in await rows.unsent_refunds(
                    now_ns - _RESEND_NS, _AT_ONCE, since_ns=now_ns - ASKED_FOR_NS
                )
            ]
        for payment, refund in unsent:
            assert payment is not None, "the store keeps a refund's payment"
            async with self._open_scope() as scope:
                booking = PaymentBooking(scope)
                await send_refund(booking, self._processor, payment, refund, scope)

    async def _book_waiting(self) -> None:
        """An event that came in the same moment as its payment saw none, and was not seen by it."""
        now_ns = self._clock.now_ns()
        async with self._open_scope() as scope:
            waiting = await PaymentRepository(scope.session).stuck_events(
                now_ns, _AT_ONCE, since_ns=now_ns - _MISSED_NS
            )
            found = [event.id for event, payment in waiting if payment.state == PaymentState.PAID]
        for event_id in found:
            async with self._open_scope() as scope:
                event = await PaymentRepository(scope.session).event(event_id)
                if event is not None and event.state == "waiting":
                    await EventService(scope, self._processor.name).again(event)


async def begin_recharge(scope: ControlScope, team_id: str, processor: str) -> Payment | None:
    """Write down that a team is to be charged, where it wants that and has too little."""
    rows = PaymentRepository(scope.session)
    # One at a time: what another one charged meanwhile is open still, or in the balance below.
    settings = await rows.recharge_settings(team_id, lock=True)
    team = await TeamRepository(scope.session).get(team_id)
    if settings is None or not settings.enabled or team is None:
        return None
    if team.deleted_at_ns is not None or team.status != TeamStatus.ACTIVE:
        return None
    if await rows.has_open_recharge(team_id):
        return None
    balance = await scope.ledger.statements.balance(team_id)
    if balance.available + balance.held >= settings.below_nanos:
        return None
    if settings.monthly_nanos is not None:
        began_ns = month_began_ns(scope.clock.now_ns())
        charged = await rows.recharged_since(team_id, began_ns)
        if charged + settings.amount_nanos > settings.monthly_nanos:
            return None
    service = PaymentService(scope, SYSTEM)
    net_cents = settings.amount_nanos // NANOS_PER_CENT
    payment = service.new_payment(team_id, PaymentKind.RECHARGE, net_cents, processor)
    await rows.add(payment)
    return payment


async def charged_one(
    scope: ControlScope, payment_id: str, charged: Charged, processor: str
) -> None:
    """Book what the processor answered. Its event may have been faster."""
    booking = PaymentBooking(scope)
    payment = await booking.rows.locked(payment_id=payment_id)
    if payment is None or payment.state not in (PaymentState.NEW, PaymentState.OPEN):
        return
    payment.intent_id = charged.intent_id or payment.intent_id
    if charged.state is PaymentState.PAID:
        paid = await booking.paid(
            payment, cents=charged.cents, currency=charged.currency, intent_id=charged.intent_id
        )
        if paid:
            await EventService(scope, processor).catch_up(payment)
    elif charged.state is PaymentState.OPEN:
        payment.state = PaymentState.OPEN.value
    else:
        await booking.failed(payment, PaymentState.FAILED, charged.reason)
