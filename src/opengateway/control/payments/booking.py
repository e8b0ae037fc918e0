"""What a payment's fate means for money. The caller owns the transaction and has locked the payment.

Credit, refunds and disputes each have a `ref` in the ledger that follows from the processor's own ids,
so that whatever comes twice, late or in another order moves money once.
"""

from __future__ import annotations

from opengateway.control.actor import SYSTEM, Actor
from opengateway.control.documents.service import DocumentService
from opengateway.control.notifications.alerts import usd
from opengateway.control.notifications.announcer import Announcer
from opengateway.control.payments.models import Payment, Refund
from opengateway.control.payments.repository import PaymentRepository
from opengateway.control.scope import ControlScope
from opengateway.domain.announcements import EventKind
from opengateway.domain.errors import Conflict, InsufficientFunds
from opengateway.domain.ledger import CreditKind, EntryKind
from opengateway.domain.payments import PaymentKind, PaymentState, share_nanos
from opengateway.kit.log import get_logger
from opengateway.ports.ledger_book import Ask, Booked, Credit

log = get_logger(__name__)
MAX_FAILURES = 3
"""Recharges in a row that may fail, before the team has to switch them on again."""


class PaymentBooking:
    def __init__(self, scope: ControlScope, actor: Actor = SYSTEM) -> None:
        self._scope = scope
        self._actor = actor
        self.rows = PaymentRepository(scope.session)

    async def paid(
        self, payment: Payment, *, cents: int, currency: str, intent_id: str | None
    ) -> bool:
        """Make it credit, once. False where it is no credit: another amount was taken."""
        if payment.state == PaymentState.PAID:
            return True
        payment.intent_id = intent_id or payment.intent_id
        if (cents, currency) != (payment.total_cents, payment.currency):
            payment.state = PaymentState.MISMATCHED.value
            payment.failure = f"{cents} {currency[:3]} were taken, not {payment.total_cents}"
            log.error("payment_mismatch", payment=payment.id, cents=cents)
            await self._note("payment.mismatched", payment, {"cents": cents})
            return False
        if payment.state == PaymentState.MISMATCHED:
            return False
        booked = await self._credit(payment, payment.amount_nanos, payment.id, "payment")
        payment.state = PaymentState.PAID.value
        payment.failure = None
        payment.grant_id = booked.grant_id
        payment.paid_at_ns = self._scope.clock.now_ns()
        if payment.kind == PaymentKind.RECHARGE:
            settings = await self.rows.recharge_settings(payment.team_id)
            if settings is not None:
                settings.failures = 0
        await DocumentService(self._scope, self._actor).receipt(payment)
        await self._note("payment.paid", payment, {"amount_nanos": payment.amount_nanos})
        return True

    async def failed(self, payment: Payment, state: PaymentState, reason: str) -> None:
        """It will not be paid any more, as far as is known; one that is paid stays paid."""
        if payment.state not in (PaymentState.NEW, PaymentState.OPEN):
            return
        payment.state = state.value
        payment.failure = reason[:200] or None
        await self._note("payment.failed", payment, {"state": state.value})
        if payment.kind != PaymentKind.RECHARGE:
            return
        settings = await self.rows.recharge_settings(payment.team_id)
        if settings is not None:
            settings.failures += 1
            if settings.failures >= MAX_FAILURES:
                settings.enabled = False
        await Announcer(self._scope).tell(
            payment.team_id,
            EventKind.PAYMENT_FAILED,
            {"payment_id": payment.id, "amount_nanos": payment.amount_nanos},
            amount=usd(payment.amount_nanos),
        )

    async def refunded(self, payment: Payment, cents: int, ref: str, *, is_fact: bool) -> Booked:
        """Take the credit back that `cents` stand for. `is_fact`: the money is gone already, so it
        is booked even where the credit was spent. Raises `Conflict`, `InsufficientFunds` else."""
        assert payment.grant_id is not None, "only what was paid is refunded"
        amount = self._share(payment, cents)
        credits, ask = self._scope.ledger.credits, Ask(ref, self._who, f"refund {ref}")
        try:
            booked = await credits.refund_payment(payment.team_id, payment.grant_id, amount, ask)
        except (Conflict, InsufficientFunds):
            if not is_fact:
                raise
            booked = await credits.charge_back(payment.team_id, payment.grant_id, amount, ask)
        payment.refunded_cents += cents
        return booked

    async def note(self, payment: Payment, refund: Refund) -> None:
        """The paper of a refund that is on its way."""
        others = [
            other.id
            for other in await self.rows.refunds_of(payment.id)
            if other.state == "sent" and other.id != refund.id
        ]
        papers = DocumentService(self._scope, self._actor)
        await papers.credit_note(payment, refund.id, refund.cents, others)

    async def refund_failed(self, payment: Payment, refund: Refund) -> None:
        """The money is ours again, and so the team's."""
        if refund.state == "failed":
            return
        refund.state = "failed"
        payment.refunded_cents -= refund.cents
        ref = f"{refund.id}:failed"
        booked = await self._credit(payment, refund.amount_nanos, ref, "refund failed")
        if booked.amount == payment.amount_nanos:
            payment.grant_id = booked.grant_id  # what may be refunded or disputed from here on
        await self._note("payment.refund_failed", payment, {"refund_id": refund.id})

    async def disputed(self, payment: Payment, cents: int, object_id: str) -> None:
        """Its payer took it back: it goes, even below 0."""
        assert payment.grant_id is not None, "only what was paid is disputed"
        left = payment.total_cents - payment.refunded_cents - payment.disputed_cents
        cents = min(cents, left)
        if cents <= 0:
            return
        amount = self._share(payment, cents)
        ask = Ask(f"{payment.processor}:{object_id}", self._who, f"dispute {object_id}")
        await self._scope.ledger.credits.charge_back(payment.team_id, payment.grant_id, amount, ask)
        payment.disputed_cents += cents
        await self._note("payment.disputed", payment, {"cents": cents, "dispute": object_id})

    async def reinstated(self, payment: Payment, cents: int, object_id: str) -> bool:
        """The dispute was won. False where nothing was taken yet."""
        if payment.disputed_cents <= 0:
            return False
        cents = min(cents, payment.disputed_cents)
        payment.disputed_cents -= cents
        amount = self._share(payment, cents)
        ref = f"{payment.processor}:{object_id}:reinstated"
        booked = await self._credit(payment, amount, ref, "dispute won")
        if amount == payment.amount_nanos:
            payment.grant_id = booked.grant_id  # what may be refunded or disputed from here on
        await self._note("payment.reinstated", payment, {"cents": cents, "dispute": object_id})
        return True

    async def _credit(self, payment: Payment, amount: int, ref: str, what: str) -> Booked:
        credit = Credit(
            team_id=payment.team_id,
            amount=amount,
            kind=CreditKind.PAID,
            source=EntryKind.TOPUP,
            source_id=payment.processor,
        )
        ask = Ask(ref, self._who, f"{what} {payment.id}")
        return await self._scope.ledger.credits.add(credit, ask)

    def _share(self, payment: Payment, cents: int) -> int:
        """What the next `cents` that go stand for: all parts together are the whole, to the nano."""
        gone = payment.refunded_cents + payment.disputed_cents
        whole, total = payment.amount_nanos, payment.total_cents
        return share_nanos(whole, gone + cents, total) - share_nanos(whole, gone, total)

    @property
    def _who(self) -> str:
        return self._actor.user_id or self._actor.key_id or self._actor.kind.value

    async def _note(self, action: str, payment: Payment, after: dict[str, object]) -> None:
        await self._scope.audit(
            self._actor, action, object_id=payment.id, after=after, team_id=payment.team_id
        )
