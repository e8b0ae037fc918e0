"""Payments, what processors told, recharging, and the papers that are issued.

Revision: 0014, after 0013.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    _customers()
    _payments()
    _refunds()
    _events()
    _recharging()
    _documents()


def _text(name: str, size: int, *, nullable: bool = False) -> sa.Column[str]:
    return sa.Column(name, sa.String(size), nullable=nullable)


def _number(name: str, *, nullable: bool = False) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger(), nullable=nullable)


def _flag(name: str) -> sa.Column[bool]:
    return sa.Column(name, sa.Boolean(), nullable=False)


def _team(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(["team_id"], ["teams.id"], name=f"fk_{table}_team_id_teams")


def _customers() -> None:
    op.create_table(
        "payment_customers",
        _text("team_id", 64),
        _text("processor", 32),
        _text("customer_id", 128),
        _text("method_id", 128, nullable=True),
        _text("method_label", 80, nullable=True),
        _number("updated_at_ns"),
        _team("payment_customers"),
        sa.PrimaryKeyConstraint("team_id", name="pk_payment_customers"),
        sa.UniqueConstraint("customer_id", name="uq_payment_customers_customer_id"),
    )


def _payments() -> None:
    op.create_table(
        "payments",
        _text("id", 64),
        _text("team_id", 64),
        _text("processor", 32),
        _text("kind", 16),
        _text("state", 16),
        _text("currency", 3),
        _number("amount_nanos"),
        _number("net_cents"),
        _number("tax_cents"),
        _number("total_cents"),
        _flag("save_method"),
        _text("session_id", 128, nullable=True),
        _text("intent_id", 128, nullable=True),
        _text("grant_id", 64, nullable=True),
        _text("failure", 200, nullable=True),
        _number("refunded_cents"),
        _number("disputed_cents"),
        _text("created_by", 64),
        _number("created_at_ns"),
        _number("paid_at_ns", nullable=True),
        sa.CheckConstraint(
            "state IN ('new', 'open', 'paid', 'failed', 'expired', 'mismatched')",
            name="ck_payments_state",
        ),
        sa.CheckConstraint(
            "(state = 'paid') = (grant_id IS NOT NULL)", name="ck_payments_paid_is_credit"
        ),
        _team("payments"),
        sa.PrimaryKeyConstraint("id", name="pk_payments"),
        sa.UniqueConstraint("intent_id", name="uq_payments_intent_id"),
    )
    op.create_index("ix_payments_team_id_id", "payments", ["team_id", "id"])
    op.create_index("ix_payments_state", "payments", ["state"])
    open_recharge = sa.text("kind = 'recharge' AND state IN ('new', 'open')")
    op.create_index(
        "uq_payments_team_id_open_recharge",
        "payments",
        ["team_id"],
        unique=True,
        sqlite_where=open_recharge,
        postgresql_where=open_recharge,
    )


def _refunds() -> None:
    op.create_table(
        "payment_refunds",
        _text("id", 64),
        _text("payment_id", 64),
        _text("team_id", 64),
        _text("state", 16),
        _number("cents"),
        _number("amount_nanos"),
        _text("object_id", 128, nullable=True),
        _text("entry_id", 64),
        _text("created_by", 64),
        _number("created_at_ns"),
        sa.CheckConstraint(
            "state IN ('booked', 'sent', 'failed')", name="ck_payment_refunds_state"
        ),
        sa.ForeignKeyConstraint(
            ["payment_id"], ["payments.id"], name="fk_payment_refunds_payment_id_payments"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_payment_refunds"),
    )
    op.create_index("ix_payment_refunds_payment_id", "payment_refunds", ["payment_id"])
    op.create_index("ix_payment_refunds_state", "payment_refunds", ["state"])


def _events() -> None:
    op.create_table(
        "payment_events",
        _text("id", 160),
        _text("type", 80),
        _text("state", 16),
        _text("intent_id", 128, nullable=True),
        sa.Column("facts", sa.JSON(), nullable=False),
        _number("received_at_ns"),
        sa.CheckConstraint("state IN ('done', 'waiting')", name="ck_payment_events_state"),
        sa.PrimaryKeyConstraint("id", name="pk_payment_events"),
    )
    op.create_index("ix_payment_events_intent_id_state", "payment_events", ["intent_id", "state"])
    op.create_index("ix_payment_events_received_at_ns", "payment_events", ["received_at_ns"])


def _recharging() -> None:
    op.create_table(
        "recharge_settings",
        _text("team_id", 64),
        _flag("enabled"),
        _number("below_nanos"),
        _number("amount_nanos"),
        _number("monthly_nanos", nullable=True),
        _number("failures"),
        _text("set_by", 64),
        _number("version"),
        _number("updated_at_ns"),
        _team("recharge_settings"),
        sa.PrimaryKeyConstraint("team_id", name="pk_recharge_settings"),
    )
    op.create_index("ix_recharge_settings_enabled", "recharge_settings", ["enabled"])


def _documents() -> None:
    op.create_table(
        "billing_profiles",
        _text("team_id", 64),
        _text("name", 120),
        sa.Column("address", sa.JSON(), nullable=False),
        _text("registration_number", 40),
        _text("email", 254),
        _text("locale", 8),
        _number("version"),
        _number("updated_at_ns"),
        _team("billing_profiles"),
        sa.PrimaryKeyConstraint("team_id", name="pk_billing_profiles"),
    )
    op.create_table(
        "document_series",
        _text("series", 80),
        _number("last"),
        sa.PrimaryKeyConstraint("series", name="pk_document_series"),
    )
    op.create_table(
        "documents",
        _text("id", 64),
        _text("kind", 16),
        _text("number", 80),
        _text("team_id", 64),
        _text("subject_id", 64),
        _number("issued_at_ns"),
        sa.Column("facts", sa.JSON(), nullable=False),
        sa.CheckConstraint(
            "kind IN ('receipt', 'credit_note', 'invoice')", name="ck_documents_kind"
        ),
        _team("documents"),
        sa.PrimaryKeyConstraint("id", name="pk_documents"),
        sa.UniqueConstraint("number", name="uq_documents_number"),
        sa.UniqueConstraint(
            "kind", "team_id", "subject_id", name="uq_documents_kind_team_id_subject_id"
        ),
    )
    op.create_index("ix_documents_team_id_id", "documents", ["team_id", "id"])


def downgrade() -> None:
    """A downgrade would lose what was paid; going back is done from a copy of the store."""
    raise NotImplementedError("restore a copy of the control store instead")
