"""Budgets, prices, notifications, webhooks.

Revision: 0005, after 0004.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

_PRICE_NAME = 768
"""`endpoint@effective_from#source`: an endpoint's id alone may have 512 characters."""


def upgrade() -> None:
    _budgets()
    _prices()
    _notifications()
    _webhooks()


def _text(name: str, size: int, *, nullable: bool = False) -> sa.Column[str]:
    return sa.Column(name, sa.String(size), nullable=nullable)


def _number(name: str, *, nullable: bool = False) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger(), nullable=nullable)


def _team(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(["team_id"], ["teams.id"], name=f"fk_{table}_team_id_teams")


def _budgets() -> None:
    op.create_table(
        "budgets",
        _text("id", 64),
        _text("team_id", 64),
        _text("scope", 16),
        _text("subject_id", 64),
        _text("period", 16),
        _number("limit_nanos"),
        _text("mode", 16),
        _number("version"),
        _number("created_at_ns"),
        _number("updated_at_ns"),
        sa.CheckConstraint("limit_nanos >= 0", name="ck_budgets_limit_not_negative"),
        _team("budgets"),
        sa.PrimaryKeyConstraint("id", name="pk_budgets"),
        sa.UniqueConstraint(
            *("team_id", "subject_id", "period", "mode"),
            name="uq_budgets_team_id_subject_id_period_mode",
        ),
    )


def _prices() -> None:
    op.create_table(
        "prices",
        _text("id", 64),
        _text("name", _PRICE_NAME),
        _text("side", 16),
        _text("pattern", 512),
        _text("effective_from", 32),
        _number("effective_from_ns"),
        _text("source", 128),
        _text("currency", 3),
        sa.Column("rates", sa.JSON(), nullable=True),
        _text("percent", 32, nullable=True),
        _number("created_at_ns"),
        sa.PrimaryKeyConstraint("id", name="pk_prices"),
        sa.UniqueConstraint("name", name="uq_prices_name"),
    )
    op.create_index("ix_prices_effective_from_ns", "prices", ["effective_from_ns"])
    op.create_table(
        "price_overrides",
        _text("id", 64),
        _text("team_id", 64),
        _text("pattern", 512),
        _text("effective_from", 32),
        _number("effective_from_ns"),
        _text("source", 128),
        _text("currency", 3),
        sa.Column("rates", sa.JSON(), nullable=True),
        _text("percent", 32, nullable=True),
        sa.Column("ended", sa.Boolean(), nullable=False),
        _number("created_at_ns"),
        _team("price_overrides"),
        sa.PrimaryKeyConstraint("id", name="pk_price_overrides"),
        sa.UniqueConstraint(
            *("team_id", "pattern", "effective_from_ns", "source"),
            name="uq_price_overrides_team_id_pattern_effective_from_ns_source",
        ),
    )
    op.create_index(
        "ix_price_overrides_effective_from_ns", "price_overrides", ["effective_from_ns"]
    )
    op.create_table(
        "fx_rates",
        _text("id", 64),
        _text("name", 192),
        _text("currency", 3),
        _text("effective_from", 32),
        _number("effective_from_ns"),
        _text("source", 128),
        _text("usd_per_unit", 32),
        _number("created_at_ns"),
        sa.PrimaryKeyConstraint("id", name="pk_fx_rates"),
        sa.UniqueConstraint("name", name="uq_fx_rates_name"),
    )
    op.create_index("ix_fx_rates_effective_from_ns", "fx_rates", ["effective_from_ns"])


def _notifications() -> None:
    op.create_table(
        "notifications",
        _text("id", 64),
        _text("team_id", 64),
        _text("kind", 64),
        sa.Column("data", sa.JSON(), nullable=False),
        _number("created_at_ns"),
        _team("notifications"),
        sa.PrimaryKeyConstraint("id", name="pk_notifications"),
    )
    op.create_index("ix_notifications_team_id_id", "notifications", ["team_id", "id"])
    op.create_table(
        "notification_marks",
        _text("team_id", 64),
        _text("user_id", 64),
        _text("read_up_to", 64),
        _team("notification_marks"),
        sa.PrimaryKeyConstraint("team_id", "user_id", name="pk_notification_marks"),
    )
    op.create_table(
        "alert_settings",
        _text("team_id", 64),
        _number("low_balance_nanos", nullable=True),
        sa.Column("emails", sa.JSON(), nullable=False),
        _number("version"),
        _number("updated_at_ns"),
        _team("alert_settings"),
        sa.PrimaryKeyConstraint("team_id", name="pk_alert_settings"),
    )
    op.create_table(
        "alert_states",
        _text("subject", 128),
        _text("level", 16),
        _text("team_id", 64),
        _number("at_ns"),
        sa.PrimaryKeyConstraint("subject", "level", name="pk_alert_states"),
    )
    op.create_index("ix_alert_states_at_ns", "alert_states", ["at_ns"])


def _webhooks() -> None:
    op.create_table(
        "webhooks",
        _text("id", 64),
        _text("team_id", 64),
        _text("url", 2048),
        sa.Column("events", sa.JSON(), nullable=False),
        sa.Column("secret", sa.Text(), nullable=False),
        sa.Column("old_secret", sa.Text(), nullable=True),
        _number("old_until_ns", nullable=True),
        sa.Column("disabled", sa.Boolean(), nullable=False),
        _number("failing_since_ns", nullable=True),
        _number("version"),
        _number("created_at_ns"),
        _number("updated_at_ns"),
        _team("webhooks"),
        sa.PrimaryKeyConstraint("id", name="pk_webhooks"),
    )
    op.create_index("ix_webhooks_team_id", "webhooks", ["team_id"])
    op.create_table(
        "webhook_deliveries",
        _text("id", 64),
        _text("webhook_id", 64),
        _text("team_id", 64),
        _text("event_id", 64),
        _text("event_type", 64),
        sa.Column("payload", sa.Text(), nullable=False),
        _text("state", 16),
        sa.Column("attempts", sa.JSON(), nullable=False),
        _number("next_attempt_ns", nullable=True),
        _number("created_at_ns"),
        _number("finished_at_ns", nullable=True),
        sa.ForeignKeyConstraint(
            ["webhook_id"],
            ["webhooks.id"],
            name="fk_webhook_deliveries_webhook_id_webhooks",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name="pk_webhook_deliveries"),
    )
    op.create_index(
        "ix_webhook_deliveries_webhook_id_id", "webhook_deliveries", ["webhook_id", "id"]
    )
    op.create_index(
        "ix_webhook_deliveries_next_attempt_ns", "webhook_deliveries", ["next_attempt_ns"]
    )
    op.create_index("ix_webhook_deliveries_created_at_ns", "webhook_deliveries", ["created_at_ns"])


def downgrade() -> None:
    """A downgrade would lose what was billed; going back is done from a copy of the store."""
    raise NotImplementedError("restore a copy of the control store instead")
