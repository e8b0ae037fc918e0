"""The tables of payments, of what processors told, and of what teams want charged by itself."""

from __future__ import annotations

from typing import Any

from sqlalchemy import JSON, CheckConstraint, ForeignKey, Index, String, text
from sqlalchemy.orm import Mapped, mapped_column

from opengateway.kit.db import Base

OPEN_RECHARGE = text("kind = 'recharge' AND state IN ('new', 'open')")


class PaymentCustomer(Base):
    """A team at a processor, with the method that it left there. Nothing of a card but its label."""

    __tablename__ = "payment_customers"

    team_id: Mapped[str] = mapped_column(String(64), ForeignKey("teams.id"), primary_key=True)
    processor: Mapped[str] = mapped_column(String(32))
    customer_id: Mapped[str] = mapped_column(String(128), unique=True)
    method_id: Mapped[str | None] = mapped_column(String(128))
    method_label: Mapped[str | None] = mapped_column(String(80))
    updated_at_ns: Mapped[int]


class Payment(Base):
    """`total_cents` is what is paid, tax included; `amount_nanos` what becomes credit."""

    __tablename__ = "payments"
    __table_args__ = (
        CheckConstraint(
            "state IN ('new', 'open', 'paid', 'failed', 'expired', 'mismatched')", name="state"
        ),
        CheckConstraint("(state = 'paid') = (grant_id IS NOT NULL)", name="paid_is_credit"),
        Index("ix_payments_team_id_id", "team_id", "id"),
        Index("ix_payments_state", "state"),
        Index(
            "uq_payments_team_id_open_recharge",
            "team_id",
            unique=True,
            sqlite_where=OPEN_RECHARGE,
            postgresql_where=OPEN_RECHARGE,
        ),
    )

    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    team_id: Mapped[str] = mapped_column(String(64), ForeignKey("teams.id"))
    processor: Mapped[str] = mapped_column(String(32))
    kind: Mapped[str] = mapped_column(String(16))
    state: Mapped[str] = mapped_column(String(16))
    currency: Mapped[str] = mapped_column(String(3))
    amount_nanos: Mapped[int]
    net_cents: Mapped[int]
    tax_cents: Mapped[int]
    total_cents: Mapped[int]
    save_method: Mapped[bool]
    session_id: Mapped[str | None] = mapped_column(String(128))
    intent_id: Mapped[str | None] = mapped_column(String(128), unique=True)
    grant_id: Mapped[str | None] = mapped_column(String(64))
    failure: Mapped[str | None] = mapped_column(String(200))
    refunded_cents: Mapped[int]
    disputed_cents: Mapped[int]
    created_by: Mapped[str] = mapped_column(String(64))
    created_at_ns: Mapped[int]
    paid_at_ns: Mapped[int | None]


class Refund(Base):
    """A refund that we asked for. Booked before the processor hears of it."""

    __tablename__ = "payment_refunds"
    __table_args__ = (
        CheckConstraint("state IN ('booked', 'sent', 'failed')", name="state"),
        Index("ix_payment_refunds_payment_id", "payment_id"),
        Index("ix_payment_refunds_state", "state"),
    )

    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    payment_id: Mapped[str] = mapped_column(String(64), ForeignKey("payments.id"))
    team_id: Mapped[str] = mapped_column(String(64))
    state: Mapped[str] = mapped_column(String(16))
    cents: Mapped[int]
    amount_nanos: Mapped[int]
    object_id: Mapped[str | None] = mapped_column(String(128))
    entry_id: Mapped[str] = mapped_column(String(64))
    created_by: Mapped[str] = mapped_column(String(64))
    created_at_ns: Mapped[int]


class PaymentEvent(Base):
    """What a processor told, once each. `waiting`: about a payment that is not known yet."""

    __tablename__ = "payment_events"
    __table_args__ = (
        CheckConstraint("state IN ('done', 'waiting')", name="state"),
        Index("ix_payment_events_intent_id_state", "intent_id", "state"),
        Index("ix_payment_events_received_at_ns", "received_at_ns"),
    )

    id: Mapped[str] = mapped_column(String(160), primary_key=True)
    type: Mapped[str] = mapped_column(String(80))
    state: Mapped[str] = mapped_column(String(16))
    intent_id: Mapped[str | None] = mapped_column(String(128))
    facts: Mapped[dict[str, Any]] = mapped_column(JSON)
    received_at_ns: Mapped[int]


class RechargeSettings(Base):
    """What a team wants charged by itself: `amount_nanos` when it has less than `below_nanos`."""

    __tablename__ = "recharge_settings"

    team_id: Mapped[str] = mapped_column(String(64), ForeignKey("teams.id"), primary_key=True)
    enabled: Mapped[bool] = mapped_column(index=True)
    below_nanos: Mapped[int]
    amount_nanos: Mapped[int]
    monthly_nanos: Mapped[int | None]
    failures: Mapped[int]
    set_by: Mapped[str] = mapped_column(String(64))
    version: Mapped[int] = mapped_column()
    updated_at_ns: Mapped[int]

    __mapper_args__ = {"version_id_col": version}  # noqa: RUF012 - SQLAlchemy reads it off the class
