"""Smoke tests and their history, proposed changes of the catalogue, the operator's own teams, leases
of recurring jobs.

Revision: 0013, after 0012.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    _jobs()
    _runs()
    _cells()
    _proposals()


def _text(name: str, size: int, *, nullable: bool = False) -> sa.Column[str]:
    return sa.Column(name, sa.String(size), nullable=nullable)


def _long(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.Text(), nullable=False)


def _number(name: str, *, nullable: bool = False) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger(), nullable=nullable)


def _jobs() -> None:
    op.create_table(
        "job_leases",
        _text("name", 64),
        _text("holder", 64),
        _number("held_until_ns"),
        _number("begun_at_ns"),
        _number("finished_at_ns", nullable=True),
        _text("outcome", 512),
        sa.PrimaryKeyConstraint("name", name="pk_job_leases"),
    )
    op.create_table(
        "operator_teams",
        _text("name", 64),
        _text("team_id", 64),
        _number("created_at_ns"),
        sa.ForeignKeyConstraint(["team_id"], ["teams.id"], name="fk_operator_teams_team_id_teams"),
        sa.PrimaryKeyConstraint("name", name="pk_operator_teams"),
    )


def _runs() -> None:
    op.create_table(
        "smoke_runs",
        _text("id", 64),
        _text("level", 16),
        _text("models", 256),
        _text("state", 16),
        _number("cap_nanos", nullable=True),
        _number("planned"),
        _number("passed"),
        _number("failed"),
        _number("unavailable"),
        _number("skipped"),
        _number("cost_nanos"),
        _text("detail", 512),
        _number("started_at_ns"),
        _number("finished_at_ns", nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_smoke_runs"),
    )
    op.create_table(
        "smoke_results",
        _text("id", 64),
        _text("run_id", 64),
        *_cell_columns(),
        _text("verdict", 16),
        _text("detail", 512),
        _text("request_id", 64),
        sa.Column("duration_ms", sa.Double(), nullable=False),
        sa.Column("first_token_ms", sa.Double(), nullable=True),
        _number("at_ns"),
        sa.ForeignKeyConstraint(
            ["run_id"],
            ["smoke_runs.id"],
            name="fk_smoke_results_run_id_smoke_runs",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name="pk_smoke_results"),
    )
    op.create_index("ix_smoke_results_run_id_id", "smoke_results", ["run_id", "id"])
    op.create_index("ix_smoke_results_at_ns", "smoke_results", ["at_ns"])


def _cell_columns() -> list[sa.Column[str]]:
    return [
        _long("model"),
        _long("endpoint_id"),
        _text("provider", 128),
        _text("region", 128),
        _text("feature", 32),
    ]


def _cells() -> None:
    op.create_table(
        "smoke_cells",
        _text("id", 64),
        *_cell_columns(),
        _text("verdict", 16),
        _text("detail", 512),
        _text("run_id", 64),
        _number("at_ns"),
        _number("succeeded_at_ns", nullable=True),
        _number("failing_since_ns", nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_smoke_cells"),
    )


def _proposals() -> None:
    op.create_table(
        "catalogue_proposals",
        _text("id", 64),
        _text("cell_id", 64),
        _text("kind", 32),
        *_cell_columns(),
        _long("change"),
        _text("detail", 512),
        _text("state", 16),
        _text("run_id", 64),
        _number("created_at_ns"),
        _number("closed_at_ns", nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_catalogue_proposals"),
    )
    op.create_index(
        "ix_catalogue_proposals_state_cell_id", "catalogue_proposals", ["state", "cell_id"]
    )


def downgrade() -> None:
    """A downgrade would lose what was seen; going back is done from a copy of the store."""
    raise NotImplementedError("restore a copy of the control store instead")
