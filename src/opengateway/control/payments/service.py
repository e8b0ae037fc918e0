"""Topping up: by a page of the processor's, by a saved method, and refunds.

The processor is asked between transactions, never inside one: what is wanted is written down and
committed first, so that whatever the answer is, and if there is none, it is known what was asked.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final

from opengateway.control.actor import Actor
from opengateway.control.conditions import must_match
from opengateway.control.payments.booking import PaymentBooking
from opengateway.control.payments.models import (
    Payment,
    PaymentCustomer,
    RechargeSettings,
    Refund,
)
from opengateway.control.scope import ControlScope
from opengateway.control.teams.service import TeamService
from opengateway.domain.errors import Conflict, InvalidRequest, NotFound
from opengateway.domain.payments import (
    NANOS_PER_CENT,
    Checkout,
    CheckoutAsk,
    PaymentKind,
    PaymentState,
    tax_cents,
)
from opengateway.ports.payments import PaymentProcessor, ProcessorRefused, ProcessorUnavailable

CURRENCY: Final = "usd"


class PaymentsOff(Conflict):
    code = "payments_off"

    def __init__(self) -> None:
        super().__init__(
            "this zone takes no payments; credit comes from its operator, or by a code"
        )


class PaymentService:
    def __init__(self, scope: ControlScope, actor: Actor) -> None:
        self._scope = scope
        self._actor = actor
        self._booking = PaymentBooking(scope, actor)
        self.rows = self._booking.rows

    @property
    def processor(self) -> PaymentProcessor:
        """Raises `PaymentsOff`."""
        found = self._scope.selling.processor
        if found is None:
            raise PaymentsOff
        return found

    async def top_up(self, team_id: str, amount_nanos: int, *, save_method: bool) -> Checkout:
        """A page where it is paid. Raises `PaymentsOff`, `InvalidRequest`, `ProcessorUnavailable`."""
        processor = self.processor
        net_cents = self.checked_cents(amount_nanos)
        customer_id = await self._customer_id(team_id, processor)
        payment = self.new_payment(
            team_id, PaymentKind.CHECKOUT, net_cents, processor.name, save_method=save_method
        )
        await self.rows.add(payment)
        await self._scope.session.commit()
        page = await processor.new_checkout(
            CheckoutAsk(
                ref=payment.id,
                customer_id=customer_id,
                cents=payment.total_cents,
                currency=payment.currency,
                description=f"Credit, team {team_id}",
                save_method=save_method,
                return_url=self._return_url,
            )
        )
        locked = await self.rows.locked(payment_id=payment.id)
        assert locked is not None, "it was committed above"
        locked.session_id = page.id
        if locked.state == PaymentState.NEW:  # its event may have been faster than this answer
            locked.state = PaymentState.OPEN.value
        await self._note("payment.started", team_id, payment.id, {"cents": payment.total_cents})
        return Checkout(payment.id, page.url)

    def new_payment(
        self,
        team_id: str,
        kind: PaymentKind,
        net_cents: int,
        processor: str,
        *,
        save_method: bool = False,
    ) -> Payment:
        tax = tax_cents(net_cents, self._scope.selling.rules.tax.ppm)
        return Payment(
            id=self._scope.new_id("pay_"),
            team_id=team_id,
            processor=processor,
            kind=kind.value,
            state=PaymentState.NEW.value,
            currency=CURRENCY,
            amount_nanos=net_cents * NANOS_PER_CENT,
            net_cents=net_cents,
            tax_cents=tax,
            total_cents=net_cents + tax,
            save_method=save_method,
            refunded_cents=0,
            disputed_cents=0,
            created_by=self._actor.user_id or self._actor.key_id or self._actor.kind.value,
            created_at_ns=self._scope.clock.now_ns(),
        )

    async def new_method(self, team_id: str) -> Checkout:
        """A page where a method is left for later. Raises `PaymentsOff`, `ProcessorUnavailable`."""
        processor = self.processor
        customer_id = await self._customer_id(team_id, processor)
        await self._scope.session.commit()
        ref = self._scope.new_id("set_")
        page = await processor.new_setup(
            customer_id=customer_id, return_url=self._return_url, ref=ref
        )
        return Checkout(ref, page.url)

    async def forget_method(self, team_id: str) -> None:
        """Raises `PaymentsOff`, `NotFound`, `ProcessorUnavailable`."""
        processor = self.processor
        customer = await self.rows.customer(team_id)
        if customer is None or customer.method_id is None:
            raise NotFound("the team has no saved method")
        method_id = customer.method_id
        await self._scope.session.commit()
        try:
            await processor.forget_method(method_id)
        except ProcessorRefused:
            pass  # the processor does not have it any more
        customer = await self.rows.customer(team_id)
        if customer is not None and customer.method_id == method_id:
            customer.method_id = customer.method_label = None
        settings = await self.rows.recharge_settings(team_id)
        if settings is not None:
            settings.enabled = False
        await self._note("payment.method_removed", team_id, team_id, {})

    async def refund(
        self, team_id: str, payment_id: str, amount_nanos: int | None, note: str
    ) -> Refund:
        """Give a payment back, or a part of it: first the credit goes, then the money.

        Without an amount: all that is left. Raises `PaymentsOff`, `NotFound`, `Conflict` where the
        credit was spent, `InvalidRequest`.
        """
        processor = self.processor
        payment = await self.rows.locked(payment_id=payment_id)
        if payment is None or payment.team_id != team_id or payment.grant_id is None:
            raise NotFound(f"there is no payment {payment_id!r} that was paid", param="payment_id")
        if payment.processor != processor.name or payment.intent_id is None:
            raise Conflict("this payment did not come through the zone's processor")
        left = payment.total_cents - payment.refunded_cents - payment.disputed_cents
        cents = left if amount_nanos is None else self._gross(payment, amount_nanos)
        if not 0 < cents <= left:
            raise Conflict(f"of this payment only {left} cents are left", param="usd")
        refund_id = self._scope.new_id("rfd_")
        booked = await self._booking.refunded(payment, cents, refund_id, is_fact=False)
        refund = Refund(
            id=refund_id,
            payment_id=payment.id,
            team_id=team_id,
            state="booked",
            cents=cents,
            amount_nanos=booked.amount,
            entry_id=booked.entry_id,
            created_by=self._actor.user_id or self._actor.kind.value,
            created_at_ns=self._scope.clock.now_ns(),
        )
        await self.rows.add(refund)
        told = {"cents": cents, "refund_id": refund_id}
        await self._note("payment.refunded", team_id, payment.id, told, note)
        await self._scope.session.commit()
        return await send_refund(self._booking, processor, payment, refund, self._scope)

    async def set_recharge(
        self,
        team_id: str,
        *,
        enabled: bool,
        below_nanos: int,
        amount_nanos: int,
        monthly_nanos: int | None,
        if_match: str | None,
    ) -> RechargeSettings:
        """Raises `PaymentsOff`, `Conflict` where no method is saved, `InvalidRequest`."""
        _ = self.processor
        self.checked_cents(amount_nanos)
        await TeamService(self._scope, self._actor).locked(team_id)
        if enabled:
            customer = await self.rows.customer(team_id)
            if customer is None or customer.method_id is None:
                raise Conflict("save a payment method first", code="no_payment_method")
        settings = await self.rows.recharge_settings(team_id)
        must_match(if_match, settings.version if settings is not None else 0)
        values = {
            "enabled": enabled,
            "below_nanos": below_nanos,
            "amount_nanos": amount_nanos,
            "monthly_nanos": monthly_nanos,
            "failures": 0,
            "set_by": self._actor.user_id or self._actor.key_id or self._actor.kind.value,
            "updated_at_ns": self._scope.clock.now_ns(),
        }
        if settings is None:
            settings = RechargeSettings(team_id=team_id, **values)
            await self.rows.add(settings)
        else:
            for name, value in values.items():
                setattr(settings, name, value)
            await self._scope.session.flush()
        told = {"enabled": enabled, "below_nanos": below_nanos, "amount_nanos": amount_nanos}
        await self._note("payment.recharge_set", team_id, team_id, told)
        return settings

    def checked_cents(self, amount_nanos: int) -> int:
        """Whole cents within the zone's bounds. Raises `InvalidRequest`."""
        rules = self._scope.selling.rules
        cents, rest = divmod(amount_nanos, NANOS_PER_CENT)
        if rest or not rules.min_cents <= cents <= rules.max_cents:
            low, high = rules.min_cents // 100, rules.max_cents // 100
            raise InvalidRequest(
                f"'usd' must be {low} to {high} dollars, in whole cents", param="usd"
            )
        return cents

    async def _customer_id(self, team_id: str, processor: PaymentProcessor) -> str:
        """The team's at the processor, made where it has none. Ends the transaction."""
        team = await TeamService(self._scope, self._actor).live(team_id)
        known = await self.rows.customer(team_id)
        await self._scope.session.commit()
        if known is not None and known.processor == processor.name:
            return known.customer_id
        made = await processor.new_customer(
            team_id=team_id, name=team.name, ref=f"customer:{team_id}"
        )
        await self.rows.keep_customer(
            {
                "team_id": team_id,
                "processor": processor.name,
                "customer_id": made,
                "updated_at_ns": self._scope.clock.now_ns(),
            }
        )
        kept = await self.rows.customer(team_id)
        return kept.customer_id if kept is not None else made

    def _gross(self, payment: Payment, amount_nanos: int) -> int:
        """The cents, tax included, that stand for so much credit; up to a whole cent."""
        return -(-amount_nanos * payment.total_cents // payment.amount_nanos)

    @property
    def _return_url(self) -> str:
        return f"{self._scope.sign_in.settings.public_url}/billing"

    async def _note(
        self,
        action: str,
        team_id: str,
        object_id: str,
        after: Mapping[str, object],
        reason: str | None = None,
    ) -> None:
        await self._scope.audit(
            self._actor, action, object_id=object_id, after=after, team_id=team_id, reason=reason
        )


async def send_refund(
    booking: PaymentBooking,
    processor: PaymentProcessor,
    payment: Payment,
    refund: Refund,
    scope: ControlScope,
) -> Refund:
    """Ask the processor for a refund that is booked. No answer leaves it to be asked for again."""
    assert payment.intent_id is not None, "what was not paid through a processor is not sent there"
    try:
        object_id = await processor.refund(
            intent_id=payment.intent_id, cents=refund.cents, ref=refund.id
        )
    except ProcessorUnavailable:
        return refund
    except ProcessorRefused:
        object_id = None
    locked = await booking.rows.locked(payment_id=payment.id)
    found = await booking.rows.refund(refund_id=refund.id)
    assert locked is not None, "it was committed before"
    assert found is not None, "it was committed before"
    if object_id is None:
        await booking.refund_failed(locked, found)
    elif found.state == "booked":
        found.state, found.object_id = "sent", object_id
        await booking.note(locked, found)
    await scope.session.flush()
    return found


def month_began_ns(now_ns: int) -> int:
    """UTC."""
    now = datetime.fromtimestamp(now_ns // 1_000_000_000, UTC)
    return int(datetime(now.year, now.month, 1, tzinfo=UTC).timestamp()) * 1_000_000_000


__all__ = ["PaymentCustomer", "PaymentService", "PaymentsOff", "month_began_ns", "send_refund"]
