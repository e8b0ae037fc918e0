"""Bodies of requests, sealed, and how long a team keeps them.

Revision: 0017, after 0016.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("teams", sa.Column("bodies_days", sa.BigInteger(), nullable=True))
    op.create_table(
        "request_bodies",
        sa.Column("request_id", sa.String(64), nullable=False),
        sa.Column("team_id", sa.String(64), nullable=False),
        sa.Column("member_id", sa.String(64), nullable=True),
        sa.Column("started_at_ns", sa.BigInteger(), nullable=False),
        sa.Column("kept_at_ns", sa.BigInteger(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("request_id", name="pk_request_bodies"),
    )
    op.create_index(
        "ix_request_bodies_team_id_started_at_ns_request_id",
        "request_bodies",
        ["team_id", "started_at_ns", "request_id"],
    )
    op.create_index("ix_request_bodies_member_id", "request_bodies", ["member_id"])


def downgrade() -> None:
    """A downgrade would lose what people have kept; going back is done from a copy of the store."""
    raise NotImplementedError("restore a copy of the control store instead")
