"""Where teams have their requests sent as they end.

Revision: 0023, after 0022.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "broadcasts",
        sa.Column("id", sa.String(64), nullable=False),
        sa.Column("team_id", sa.String(64), nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("settings", sa.JSON(), nullable=False),
        sa.Column("secret", sa.Text(), nullable=False),
        sa.Column("disabled", sa.Boolean(), nullable=False),
        *(sa.Column(name, sa.BigInteger(), nullable=False) for name in ("arrival", "sent")),
        sa.Column("failures", sa.BigInteger(), nullable=False),
        sa.Column("failing_since_ns", sa.BigInteger(), nullable=True),
        sa.Column("last_error", sa.String(300), nullable=False),
        sa.Column("next_attempt_ns", sa.BigInteger(), nullable=False),
        sa.Column("created_at_ns", sa.BigInteger(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_broadcasts"),
    )
    op.create_index("ix_broadcasts_team_id", "broadcasts", ["team_id"])
    op.create_index("ix_broadcasts_next_attempt_ns", "broadcasts", ["next_attempt_ns"])


def downgrade() -> None:
    """A downgrade would lose what people have set; going back is done from a copy of the store."""
    raise NotImplementedError("restore a copy of the control store instead")
