"""Every query on payments and what belongs to them. Nothing here decides anything."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import delete, func, select, update
from sqlalchemy.dialects.postgresql import insert as postgres_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert

from opengateway.control.payments.models import (
    Payment,
    PaymentCustomer,
    PaymentEvent,
    RechargeSettings,
    Refund,
)
from opengateway.domain.payments import UNPAID, PaymentKind, PaymentState
from opengateway.kit.db import AsyncSession

Row = Payment | PaymentCustomer | RechargeSettings | Refund
_UNPAID = [state.value for state in UNPAID]


class PaymentRepository:
    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def add(self, row: Row) -> None:
        """Write it now, so that a broken constraint is found here and not at the commit."""
        self._session.add(row)
        await self._session.flush()

    async def _insert_new(self, table: Any, values: dict[str, Any], column: Any) -> bool:
        """Whether it was new."""
        postgres = self._session.get_bind().dialect.name == "postgresql"
        insert: Any = postgres_insert if postgres else sqlite_insert
        statement = insert(table).values(values).on_conflict_do_nothing().returning(column)
        return await self._session.scalar(statement) is not None

    # --- payments ---------------------------------------------------------------------------------
    async def payment(self, payment_id: str) -> Payment | None:
        return await self._session.get(Payment, payment_id)

    async def locked(
        self, *, payment_id: str | None = None, intent_id: str | None = None
    ) -> Payment | None:
        """The payment, which nobody else changes until this transaction ends."""
        named = Payment.id == payment_id if payment_id else Payment.intent_id == intent_id
        statement = (
            select(Payment).where(named).with_for_update().execution_options(populate_existing=True)
        )
        return await self._session.scalar(statement)

    async def of_team(self, team_id: str, *, before: str, limit: int) -> Sequence[Payment]:
        """Newest first."""
        statement = select(Payment).where(Payment.team_id == team_id)
        if before:
            statement = statement.where(Payment.id < before)
        statement = statement.order_by(Payment.id.desc()).limit(limit)
        return (await self._session.scalars(statement)).all()

    async def unpaid(
        self, kind: PaymentKind, state: PaymentState, *, limit: int
    ) -> Sequence[Payment]:
        statement = (
            select(Payment)
            .where(Payment.kind == kind.value, Payment.state == state.value)
            .order_by(Payment.id)
            .limit(limit)
        )
        return (await self._session.scalars(statement)).all()

    async def expire_new(self, before_ns: int) -> None:
        """What nobody went on with."""
        await self._session.execute(
            update(Payment)
            .where(
                Payment.kind == PaymentKind.CHECKOUT.value,
                Payment.state == PaymentState.NEW.value,
                Payment.created_at_ns < before_ns,
            )
            .values(state=PaymentState.EXPIRED.value)
            .execution_options(synchronize_session=False)
        )

    async def recharged_since(self, team_id: str, since_ns: int) -> int:
        """Nano-dollars that were charged by themselves, or may still be."""
        statement = select(func.coalesce(func.sum(Payment.amount_nanos), 0)).where(
            Payment.team_id == team_id,
            Payment.kind == PaymentKind.RECHARGE.value,
            Payment.created_at_ns >= since_ns,
            Payment.state.in_([*_UNPAID, PaymentState.PAID.value]),
        )
        return int(await self._session.scalar(statement) or 0)

    async def has_open_recharge(self, team_id: str) -> bool:
        statement = select(Payment.id).where(
            Payment.team_id == team_id,
            Payment.kind == PaymentKind.RECHARGE.value,
            Payment.state.in_(_UNPAID),
        )
        return await self._session.scalar(statement.limit(1)) is not None

    async def has_paid(self, team_id: str) -> bool:
        statement = select(Payment.id).where(
            Payment.team_id == team_id, Payment.state == PaymentState.PAID.value
        )
        return await self._session.scalar(statement.limit(1)) is not None

    # --- customers --------------------------------------------------------------------------------
    async def customer(self, team_id: str) -> PaymentCustomer | None:
        return await self._session.get(PaymentCustomer, team_id, populate_existing=True)

    async def customer_of(self, customer_id: str) -> PaymentCustomer | None:
        statement = select(PaymentCustomer).where(PaymentCustomer.customer_id == customer_id)
        return await self._session.scalar(statement.with_for_update())

    async def customer_with(self, method_id: str) -> PaymentCustomer | None:
        statement = select(PaymentCustomer).where(PaymentCustomer.method_id == method_id)
        return await self._session.scalar(statement.with_for_update())

    async def keep_customer(self, values: dict[str, Any]) -> None:
        await self._insert_new(PaymentCustomer, values, PaymentCustomer.team_id)

    # --- refunds ----------------------------------------------------------------------------------
    async def refund(
        self, *, refund_id: str | None = None, object_id: str | None = None
    ) -> Refund | None:
        """Ours by its id, or what the processor calls so."""
        if refund_id is not None:
            found = await self._session.get(Refund, refund_id, populate_existing=True)
            if found is not None:
                return found
        statement = select(Refund).where(Refund.object_id == object_id)
        return None if object_id is None else await self._session.scalar(statement)

    async def refunds_of(self, payment_id: str) -> Sequence[Refund]:
        statement = select(Refund).where(Refund.payment_id == payment_id).order_by(Refund.id)
        return (await self._session.scalars(statement)).all()

    async def unsent_refunds(
        self, before_ns: int, limit: int, *, since_ns: int = 0
    ) -> Sequence[Refund]:
        statement = (
            select(Refund)
            .where(
                Refund.state == "booked",
                Refund.created_at_ns < before_ns,
                Refund.created_at_ns >= since_ns,
            )
            .order_by(Refund.id)
            .limit(limit)
        )
        return (await self._session.scalars(statement)).all()

    # --- events -----------------------------------------------------------------------------------
    async def keep_event(self, values: dict[str, Any]) -> bool:
        """Whether it is new. Another one that keeps the same is waited for."""
        return await self._insert_new(PaymentEvent, values, PaymentEvent.id)

    async def event(self, event_id: str) -> PaymentEvent | None:
        return await self._session.get(PaymentEvent, event_id, populate_existing=True)

    async def waiting_events(self, intent_id: str) -> Sequence[PaymentEvent]:
        statement = select(PaymentEvent).where(
            PaymentEvent.intent_id == intent_id, PaymentEvent.state == "waiting"
        )
        return (await self._session.scalars(statement.order_by(PaymentEvent.id))).all()

    async def mismatched(self, before_ns: int, limit: int) -> Sequence[Payment]:
        """Where another amount was taken than was asked for: money that is nobody's credit."""
        statement = (
            select(Payment)
            .where(
                Payment.state == PaymentState.MISMATCHED.value, Payment.created_at_ns < before_ns
            )
            .order_by(Payment.id)
            .limit(limit)
        )
        return (await self._session.scalars(statement)).all()

    async def stuck_events(
        self, before_ns: int, limit: int, *, since_ns: int = 0
    ) -> Sequence[tuple[PaymentEvent, Payment]]:
        """What waits for so long though its payment is known here, oldest first."""
        statement = (
            select(PaymentEvent, Payment)
            .join(Payment, Payment.intent_id == PaymentEvent.intent_id)
            .where(
                PaymentEvent.state == "waiting",
                PaymentEvent.received_at_ns < before_ns,
                PaymentEvent.received_at_ns >= since_ns,
            )
            .order_by(PaymentEvent.received_at_ns)
            .limit(limit)
        )
        return [(event, payment) for event, payment in await self._session.execute(statement)]

    async def prune_events(self, before_ns: int) -> None:
        await self._session.execute(
            delete(PaymentEvent)
            .where(PaymentEvent.received_at_ns < before_ns)
            .execution_options(synchronize_session=False)
        )

    # --- recharging -------------------------------------------------------------------------------
    async def recharge_settings(
        self, team_id: str, *, lock: bool = False
    ) -> RechargeSettings | None:
        """`lock`: nobody else begins a recharge of the team until this transaction ends."""
        return await self._session.get(
            RechargeSettings, team_id, populate_existing=True, with_for_update=lock or None
        )

    async def recharging(self, after: str, limit: int) -> Sequence[RechargeSettings]:
        statement = (
            select(RechargeSettings)
            .where(RechargeSettings.enabled, RechargeSettings.team_id > after)
            .order_by(RechargeSettings.team_id)
            .limit(limit)
        )
        return (await self._session.scalars(statement)).all()
