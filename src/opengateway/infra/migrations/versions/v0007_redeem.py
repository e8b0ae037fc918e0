"""Redeem codes: campaigns, codes, redemptions.

Revision: 0007, after 0006.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    _campaigns()
    _codes()
    _redemptions()


def _text(name: str, size: int, *, nullable: bool = False) -> sa.Column[str]:
    return sa.Column(name, sa.String(size), nullable=nullable)


def _number(name: str, *, nullable: bool = False) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger(), nullable=nullable)


def _of_campaign(table: str) -> sa.ForeignKeyConstraint:
    name = f"fk_{table}_campaign_id_redeem_campaigns"
    return sa.ForeignKeyConstraint(["campaign_id"], ["redeem_campaigns.id"], name=name)


def _campaigns() -> None:
    op.create_table(
        "redeem_campaigns",
        _text("id", 64),
        _text("name", 80),
        _text("note", 500),
        _text("zone", 64),
        _text("status", 16),
        _number("amount_nanos"),
        _number("starts_at_ns"),
        _number("ends_at_ns", nullable=True),
        _number("max_redemptions", nullable=True),
        _number("per_team", nullable=True),
        _number("per_user", nullable=True),
        _number("new_team_ns", nullable=True),
        sa.Column("any_domain", sa.Boolean(), nullable=False),
        _number("credit_ns", nullable=True),
        _number("redeemed"),
        _text("created_by", 64),
        _number("created_at_ns"),
        _number("version"),
        sa.CheckConstraint(
            "status IN ('active', 'paused', 'revoked')", name="ck_redeem_campaigns_status"
        ),
        sa.CheckConstraint("amount_nanos > 0", name="ck_redeem_campaigns_amount_above_zero"),
        sa.CheckConstraint(
            "redeemed >= 0 AND (max_redemptions IS NULL OR redeemed <= max_redemptions)",
            name="ck_redeem_campaigns_within_total",
        ),
        sa.PrimaryKeyConstraint("id", name="pk_redeem_campaigns"),
    )
    op.create_table(
        "redeem_domains",
        _text("campaign_id", 64),
        _text("domain", 254),
        _of_campaign("redeem_domains"),
        sa.PrimaryKeyConstraint("campaign_id", "domain", name="pk_redeem_domains"),
    )
    op.create_table(
        "redeem_counts",
        _text("campaign_id", 64),
        _text("subject", 64),
        _number("count"),
        _of_campaign("redeem_counts"),
        sa.PrimaryKeyConstraint("campaign_id", "subject", name="pk_redeem_counts"),
    )


def _codes() -> None:
    op.create_table(
        "redeem_batches",
        _text("id", 64),
        _text("campaign_id", 64),
        _number("codes"),
        _number("max_uses"),
        _text("created_by", 64),
        _number("created_at_ns"),
        _of_campaign("redeem_batches"),
        sa.PrimaryKeyConstraint("id", name="pk_redeem_batches"),
    )
    op.create_index("ix_redeem_batches_campaign_id", "redeem_batches", ["campaign_id"])
    op.create_table(
        "redeem_codes",
        _text("id", 64),
        sa.Column("digest", sa.LargeBinary(32), nullable=False),
        _number("pepper_version"),
        _text("campaign_id", 64),
        _text("batch_id", 64),
        _text("hint", 16),
        _text("status", 16),
        _number("max_uses"),
        _number("uses"),
        _number("created_at_ns"),
        sa.CheckConstraint("status IN ('active', 'revoked')", name="ck_redeem_codes_status"),
        sa.CheckConstraint("uses BETWEEN 0 AND max_uses", name="ck_redeem_codes_within_uses"),
        _of_campaign("redeem_codes"),
        sa.PrimaryKeyConstraint("id", name="pk_redeem_codes"),
        sa.UniqueConstraint("digest", name="uq_redeem_codes_digest"),
    )
    op.create_index("ix_redeem_codes_campaign_id_id", "redeem_codes", ["campaign_id", "id"])


def _redemptions() -> None:
    op.create_table(
        "redemptions",
        _text("id", 64),
        _text("code_id", 64),
        _text("campaign_id", 64),
        _text("team_id", 64),
        _text("user_id", 64, nullable=True),
        _text("key_id", 64, nullable=True),
        _text("entry_id", 64),
        _text("grant_id", 64),
        _number("amount_nanos"),
        _number("expires_at_ns", nullable=True),
        _number("taken_back_nanos"),
        _number("at_ns"),
        sa.ForeignKeyConstraint(
            ["code_id"], ["redeem_codes.id"], name="fk_redemptions_code_id_redeem_codes"
        ),
        _of_campaign("redemptions"),
        sa.ForeignKeyConstraint(["team_id"], ["teams.id"], name="fk_redemptions_team_id_teams"),
        sa.PrimaryKeyConstraint("id", name="pk_redemptions"),
    )
    op.create_index("ix_redemptions_code_id", "redemptions", ["code_id"])
    op.create_index("ix_redemptions_campaign_id_id", "redemptions", ["campaign_id", "id"])
    op.create_index("ix_redemptions_team_id_id", "redemptions", ["team_id", "id"])


def downgrade() -> None:
    """A downgrade would lose what was redeemed; going back is done from a copy of the store."""
    raise NotImplementedError("restore a copy of the control store instead")
