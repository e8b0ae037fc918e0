"""Teams that moved from zone to zone, each file once; and what a program must know of the schema.

Revision: 0018, after 0017.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("teams", sa.Column("moved_to", sa.String(64), nullable=True))
    op.create_table(
        "team_moves",
        sa.Column("id", sa.String(64), nullable=False),
        sa.Column("direction", sa.String(8), nullable=False),
        sa.Column("team_id", sa.String(64), nullable=False),
        sa.Column("zone", sa.String(64), nullable=False),
        sa.Column("amount_nanos", sa.BigInteger(), nullable=False),
        sa.Column("file", sa.Text(), nullable=True),
        sa.Column("at_ns", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("direction IN ('out', 'in')", name="ck_team_moves_direction"),
        sa.PrimaryKeyConstraint("id", name="pk_team_moves"),
        sa.ForeignKeyConstraint(["team_id"], ["teams.id"], name="fk_team_moves_team_id_teams"),
    )
    op.create_index("ix_team_moves_team_id", "team_moves", ["team_id"])
    # What a program must know to run on this store: a migration that takes something away names
    # itself here. One that only adds does not, so that the version before it runs on.
    op.create_table(
        "schema_floor",
        sa.Column("revision", sa.String(32), nullable=False),
        sa.PrimaryKeyConstraint("revision", name="pk_schema_floor"),
    )


def downgrade() -> None:
    """A downgrade would let a file be imported again; going back is done from a copy of the store."""
    raise NotImplementedError("restore a copy of the control store instead")
