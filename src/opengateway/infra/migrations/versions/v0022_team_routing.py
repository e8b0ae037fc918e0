"""A team's own ceiling on where its requests may go.

Revision: 0022, after 0018.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0022"
down_revision = "0018"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("teams", sa.Column("routing_policy", sa.JSON(), nullable=True))


def downgrade() -> None:
    """A downgrade would lose what people have set; going back is done from a copy of the store."""
    raise NotImplementedError("restore a copy of the control store instead")
