"""The log of requests: what is filtered has a column, and what they add up to by the hour.

Revision: 0006, after 0005.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

_TEXTS = (
    *("member_id", "user_tag", "requested_model", "owner", "region", "upstream_id"),
    *("finish_reason", "sticky"),
)
_NUMBERS = (
    *("cached_tokens", "written_tokens", "reasoning_tokens"),
    *("fee_nanos", "provider_cost_nanos", "saved_nanos"),
)
_ROLLUPS = {
    "usage_hours": ("zone", "model", "owner", "provider"),
    "usage_key_hours": ("zone", "key_id", "member_id", "model", "owner"),
}
_SUMS = (
    *("requests", "failed", "retried", "rescued", "input_tokens", "cached_tokens"),
    *("written_tokens", "output_tokens", "reasoning_tokens", "cost_nanos", "fee_nanos"),
    *("provider_cost_nanos", "saved_nanos", "overhead_us", "total_us"),
)
_HOUR_NS = 3_600 * 10**9
_SOFAR = """
  count(*), sum(CASE WHEN ending IN ('completed', 'client_gone') THEN 0 ELSE 1 END),
  sum(CASE WHEN attempts > 1 THEN 1 ELSE 0 END),
  sum(CASE WHEN attempts > 1 AND ending = 'completed' THEN 1 ELSE 0 END),
  sum(input_tokens), 0, 0, sum(output_tokens), 0, sum(cost_nanos), 0, 0, 0, sum(overhead_us), 0
FROM requests GROUP BY
"""


def upgrade() -> None:
    for name in _TEXTS:
        op.add_column("requests", sa.Column(name, sa.Text(), nullable=True))
    for name in _NUMBERS:
        op.add_column(
            "requests", sa.Column(name, sa.BigInteger(), nullable=False, server_default="0")
        )
    op.execute("UPDATE requests SET requested_model = coalesce(model, '')")
    _indexes()
    for table, kept_by in _ROLLUPS.items():
        _rollup(table, kept_by)
    _segments()


def _rollup(table: str, kept_by: tuple[str, ...]) -> None:
    op.create_table(
        table,
        sa.Column("hour_ns", sa.BigInteger(), nullable=False),
        *(sa.Column(name, sa.Text(), nullable=False) for name in ("team_id", *kept_by)),
        *(sa.Column(name, sa.BigInteger(), nullable=False) for name in _SUMS),
        # A team's hours lie together: its dashboard reads nothing else.
        sa.PrimaryKeyConstraint("team_id", "hour_ns", *kept_by, name=f"pk_{table}"),
        sqlite_with_rowid=False,
    )
    op.create_index(f"ix_{table}_hour_ns", table, ["hour_ns"])
    columns = ["team_id", f"(started_at_ns / {_HOUR_NS}) * {_HOUR_NS}"]
    columns += [f"coalesce({name}, '')" for name in kept_by]
    names = ("team_id", "hour_ns", *kept_by, *_SUMS)
    op.execute(
        f"INSERT INTO {table} ({', '.join(names)}) SELECT {', '.join(columns)}, {_SOFAR} "
        f"{', '.join(map(str, range(1, len(columns) + 1)))}"
    )


def _segments() -> None:
    numbers = ("rows", "size_bytes", "made_at_ns")
    op.create_table(
        "log_segments",
        sa.Column("name", sa.String(64), nullable=False),
        sa.Column("from_ns", sa.BigInteger(), nullable=False),
        sa.Column("until_ns", sa.BigInteger(), nullable=False),
        sa.Column("min_id", sa.String(64), nullable=False),
        sa.Column("max_id", sa.String(64), nullable=False),
        *(sa.Column(name, sa.BigInteger(), nullable=False) for name in numbers),
        sa.Column("gone_at_ns", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("name", name="pk_log_segments"),
    )


def _indexes() -> None:
    """Lists go by when a request began, and are of a team."""
    op.drop_index("ix_requests_team_id_id", "requests")
    op.create_index(
        "ix_requests_team_id_started_at_ns_id", "requests", ["team_id", "started_at_ns", "id"]
    )
    op.create_index("ix_requests_started_at_ns_id", "requests", ["started_at_ns", "id"])
    known = sa.text("upstream_id IS NOT NULL")
    op.create_index(
        *("ix_requests_upstream_id", "requests", ["upstream_id"]),
        sqlite_where=known,
        postgresql_where=known,
    )


def downgrade() -> None:
    """A downgrade would lose what was counted; going back is done from a copy of the store."""
    raise NotImplementedError("restore a copy of the control store instead")
