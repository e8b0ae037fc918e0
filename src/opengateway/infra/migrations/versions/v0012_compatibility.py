"""Settings of compatibility: whether a team's responses are kept, and whether a key is strict.

Revision: 0012, after 0008.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for table, column in (("teams", "keep_responses"), ("api_keys", "strict_parameters")):
        op.add_column(
            table, sa.Column(column, sa.Boolean(), nullable=False, server_default=sa.false())
        )


def downgrade() -> None:
    """A downgrade would lose what people have set; going back is done from a copy of the store."""
    raise NotImplementedError("restore a copy of the control store instead")
