"""The ledger: accounts, entries, postings, grants, leases, settlements.

Revision: 0002, after 0001. What the store itself refuses, and why, is in docs/adr/0013-the-ledger.md.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from opengateway.infra.migrations.ledger_rules import rules_for

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_SERIAL = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_UNSPENT = sa.text("remaining > 0")
_UNENDED = sa.text("state IN ('open', 'closing')")


def upgrade() -> None:
    _teams()
    _entries()
    _grants()
    _leases()
    _settlements()
    _periods()
    connection = op.get_bind()
    for statement in rules_for(connection.dialect.name):
        connection.exec_driver_sql(statement)


def _id(name: str, *, nullable: bool = False) -> sa.Column[str]:
    return sa.Column(name, sa.String(64), nullable=nullable)


def _number(name: str, *, nullable: bool = False) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger(), nullable=nullable)


def _seq() -> sa.Column[int]:
    return sa.Column("seq", _SERIAL, autoincrement=True, nullable=False)


def _teams() -> None:
    op.create_table(
        "ledger_teams",
        _id("team_id"),
        _number("available"),
        _number("held"),
        sa.CheckConstraint("held >= 0", name=op.f("ck_ledger_teams_held_not_negative")),
        sa.PrimaryKeyConstraint("team_id", name="pk_ledger_teams"),
    )


def _entries() -> None:
    op.create_table(
        "ledger_entries",
        _seq(),
        _id("id"),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("ref", sa.String(255), nullable=False),
        sa.Column("input_hash", sa.String(64), nullable=False),
        _id("team_id"),
        _id("subject_id"),
        _number("amount"),
        _number("at_ns"),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("seq", name="pk_ledger_entries"),
        sqlite_autoincrement=True,
    )
    op.create_index("uq_ledger_entries_id", "ledger_entries", ["id"], unique=True)
    op.create_index("uq_ledger_entries_kind_ref", "ledger_entries", ["kind", "ref"], unique=True)
    op.create_index("ix_ledger_entries_team_id_seq", "ledger_entries", ["team_id", "seq"])
    op.create_index("ix_ledger_entries_subject_id", "ledger_entries", ["subject_id"])
    op.create_table(
        "ledger_postings",
        _seq(),
        _id("entry_id"),
        sa.Column("account", sa.String(160), nullable=False),
        _id("team_id", nullable=True),
        sa.Column("part", sa.String(16), nullable=True),
        _number("amount"),
        sa.Column("overdraws", sa.Boolean(), nullable=False),
        sa.CheckConstraint("amount <> 0", name=op.f("ck_ledger_postings_amount_not_zero")),
        sa.CheckConstraint(
            "(team_id IS NULL) = (part IS NULL)", name=op.f("ck_ledger_postings_part_of_a_team")
        ),
        # Deferred: postings come first, and the entry seals them (ledger_rules.py).
        sa.ForeignKeyConstraint(
            ["entry_id"],
            ["ledger_entries.id"],
            name="fk_ledger_postings_entry_id_ledger_entries",
            deferrable=True,
            initially="DEFERRED",
        ),
        sa.PrimaryKeyConstraint("seq", name="pk_ledger_postings"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_ledger_postings_entry_id", "ledger_postings", ["entry_id"])
    op.create_index("ix_ledger_postings_team_id_seq", "ledger_postings", ["team_id", "seq"])


def _grants() -> None:
    op.create_table(
        "ledger_grants",
        _id("id"),
        _id("team_id"),
        sa.Column("kind", sa.String(16), nullable=False),
        _number("amount"),
        _number("remaining"),
        _number("expires_at_ns", nullable=True),
        sa.Column("source", sa.String(16), nullable=False),
        sa.Column("source_id", sa.String(160), nullable=False),
        _id("entry_id"),
        _number("created_at_ns"),
        sa.CheckConstraint("amount > 0", name=op.f("ck_ledger_grants_amount_above_zero")),
        sa.CheckConstraint(
            "remaining BETWEEN 0 AND amount", name=op.f("ck_ledger_grants_remaining_of_amount")
        ),
        sa.PrimaryKeyConstraint("id", name="pk_ledger_grants"),
    )
    for column in ("team_id", "expires_at_ns"):
        op.create_index(
            f"ix_ledger_grants_{column}_unspent",
            "ledger_grants",
            [column],
            sqlite_where=_UNSPENT,
            postgresql_where=_UNSPENT,
        )
    op.create_table(
        "ledger_draws",
        _seq(),
        _id("entry_id"),
        _id("grant_id"),
        _number("amount"),
        sa.CheckConstraint("amount > 0", name=op.f("ck_ledger_draws_amount_above_zero")),
        sa.PrimaryKeyConstraint("seq", name="pk_ledger_draws"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_ledger_draws_grant_id", "ledger_draws", ["grant_id"])


def _leases() -> None:
    op.create_table(
        "ledger_leases",
        _id("id"),
        _id("gateway"),
        _id("team_id"),
        _id("key_id"),
        _id("user_id", nullable=True),
        _id("row_set"),
        _number("amount"),
        _number("settled"),
        _number("returned"),
        sa.Column("state", sa.String(16), nullable=False),
        _number("expires_at_ns"),
        _number("ends_at_ns", nullable=True),
        _number("created_at_ns"),
        _number("closed_at_ns", nullable=True),
        _number("return_seq"),
        sa.CheckConstraint(
            "settled >= 0 AND returned >= 0 AND settled + returned <= amount",
            name=op.f("ck_ledger_leases_within_amount"),
        ),
        sa.CheckConstraint(
            "state IN ('open', 'closing') OR (state IN ('closed', 'expired')"
            " AND settled + returned = amount AND closed_at_ns IS NOT NULL)",
            name=op.f("ck_ledger_leases_ended_is_empty"),
        ),
        sa.PrimaryKeyConstraint("id", name="pk_ledger_leases"),
    )
    for column in ("expires_at_ns", "team_id", "gateway"):
        op.create_index(
            f"ix_ledger_leases_{column}_unended",
            "ledger_leases",
            [column],
            sqlite_where=_UNENDED,
            postgresql_where=_UNENDED,
        )
    op.create_table(
        "ledger_row_sets",
        _id("row_set"),
        sa.Column("period_row_id", sa.String(96), nullable=False),
        sa.PrimaryKeyConstraint("row_set", "period_row_id", name="pk_ledger_row_sets"),
    )
    op.create_index("ix_ledger_row_sets_period_row_id", "ledger_row_sets", ["period_row_id"])


def _settlements() -> None:
    op.create_table(
        "ledger_settlements",
        _id("request_id"),
        _id("entry_id", nullable=True),
        _id("team_id"),
        _id("key_id"),
        _id("user_id", nullable=True),
        _id("lease_id"),
        _id("row_set"),
        _number("amount"),
        _number("overrun"),
        _number("promo"),
        _number("paid"),
        _number("fee"),
        sa.Column("provider", sa.Text(), nullable=True),
        _number("provider_cost"),
        sa.Column("cost_known", sa.Boolean(), nullable=False),
        sa.Column("ending", sa.String(32), nullable=False),
        _number("at_ns"),
        sa.CheckConstraint(
            "amount >= 0 AND overrun BETWEEN 0 AND amount AND promo >= 0 AND paid >= 0"
            " AND promo + paid <= amount AND fee BETWEEN 0 AND amount AND provider_cost >= 0",
            name=op.f("ck_ledger_settlements_parts_of_amount"),
        ),
        sa.PrimaryKeyConstraint("request_id", name="pk_ledger_settlements"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "ledger_usage",
        _id("key_id"),
        _number("day"),
        _id("team_id"),
        _id("user_id", nullable=True),
        _number("amount"),
        _number("requests"),
        sa.PrimaryKeyConstraint("key_id", "day", name="pk_ledger_usage"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_ledger_usage_team_id_day", "ledger_usage", ["team_id", "day"])
    op.create_table(
        "ledger_spans",
        sa.Column("from_arrival", sa.BigInteger(), autoincrement=False, nullable=False),
        _number("to_arrival", nullable=True),
        sa.PrimaryKeyConstraint("from_arrival", name="pk_ledger_spans"),
    )


def _periods() -> None:
    op.create_table(
        "budget_periods",
        sa.Column("id", sa.String(96), nullable=False),
        _id("budget_id"),
        _id("team_id"),
        sa.Column("mode", sa.String(16), nullable=False),
        _number("limit_nanos"),
        _number("ceiling"),
        _number("spent"),
        _number("leased"),
        _number("overrun"),
        sa.CheckConstraint(
            "spent >= 0 AND leased >= 0 AND overrun BETWEEN 0 AND spent",
            name=op.f("ck_budget_periods_not_negative"),
        ),
        sa.PrimaryKeyConstraint("id", name="pk_budget_periods"),
    )
    op.create_index("ix_budget_periods_budget_id", "budget_periods", ["budget_id"])


def downgrade() -> None:
    """A downgrade would lose what was billed; going back is done from a copy of the store."""
    raise NotImplementedError("restore a copy of the control store instead")
