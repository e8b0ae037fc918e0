"""What new customers get, and what is noticed of them.

Revision: 0015, after 0014.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "welcome_credits",
        _text("identity", 64),
        _text("user_id", 64),
        _text("team_id", 64),
        _number("amount_nanos"),
        _number("at_ns"),
        _team("welcome_credits"),
        sa.PrimaryKeyConstraint("identity", name="pk_welcome_credits"),
    )
    op.create_table(
        "free_teams",
        _text("team_id", 64),
        _number("rpm", nullable=True),
        _number("tpm", nullable=True),
        _number("concurrency", nullable=True),
        _number("since_ns"),
        _number("lifted_at_ns", nullable=True),
        _team("free_teams"),
        sa.PrimaryKeyConstraint("team_id", name="pk_free_teams"),
    )
    op.create_index("ix_free_teams_lifted_at_ns", "free_teams", ["lifted_at_ns"])
    op.create_table(
        "abuse_sightings",
        _text("mark", 80),
        _text("team_id", 64),
        _number("at_ns"),
        sa.PrimaryKeyConstraint("mark", "team_id", name="pk_abuse_sightings"),
    )
    op.create_index("ix_abuse_sightings_at_ns", "abuse_sightings", ["at_ns"])
    op.create_table(
        "abuse_alerts",
        _text("id", 64),
        _text("mark", 80),
        _text("kind", 16),
        _text("status", 16),
        sa.Column("team_ids", sa.JSON(), nullable=False),
        _number("first_at_ns"),
        _number("last_at_ns"),
        _text("dismissed_by", 64, nullable=True),
        sa.CheckConstraint("status IN ('open', 'dismissed')", name="ck_abuse_alerts_status"),
        sa.CheckConstraint("kind IN ('network', 'device')", name="ck_abuse_alerts_kind"),
        sa.PrimaryKeyConstraint("id", name="pk_abuse_alerts"),
        sa.UniqueConstraint("mark", name="uq_abuse_alerts_mark"),
    )


def _text(name: str, size: int, *, nullable: bool = False) -> sa.Column[str]:
    return sa.Column(name, sa.String(size), nullable=nullable)


def _number(name: str, *, nullable: bool = False) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger(), nullable=nullable)


def _team(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(["team_id"], ["teams.id"], name=f"fk_{table}_team_id_teams")


def downgrade() -> None:
    """A downgrade would give welcome credit twice; going back is done from a copy of the store."""
    raise NotImplementedError("restore a copy of the control store instead")
