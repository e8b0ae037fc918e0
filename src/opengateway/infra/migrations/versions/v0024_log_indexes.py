"""Indexes of the log: requests of an end user, and on PostgreSQL, where all rows stay, one that has
what lists are filtered by.

Revision: 0024, after 0023.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None

_OLD = "ix_requests_team_id_started_at_ns_id"
_COVERED = ["model", "provider", "status", "ending", "cost_nanos", "total_ms", "first_token_ms"]


def upgrade() -> None:
    tagged = sa.text("user_tag IS NOT NULL")
    op.create_index(
        *("ix_requests_user_tag_started_at_ns_id", "requests", ["user_tag", "started_at_ns", "id"]),
        sqlite_where=tagged,
        postgresql_where=tagged,
    )
    if op.get_bind().dialect.name == "postgresql":
        op.drop_index(_OLD, "requests")
        op.create_index(
            *(_OLD, "requests", ["team_id", "started_at_ns", "id"]), postgresql_include=_COVERED
        )


def downgrade() -> None:
    """Indexes stay: an older version does not mind them."""
