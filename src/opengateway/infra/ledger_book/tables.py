"""The ledger's tables, as migration 0002 makes them. Rules that the store itself keeps (triggers) stand
there too; what is here is for reading along and for the check that both agree.

Rows of entries, postings, draws, settlements and row sets are never changed or removed.
"""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    String,
    Table,
    Text,
    text,
)

from opengateway.kit.db import SERIAL, Base

_META: Final = Base.metadata


def _id(name: str, **how: Any) -> Column[str]:
    return Column(name, String(64), nullable=how.pop("nullable", False), **how)


def _number(name: str, *, nullable: bool = False) -> Column[int]:
    return Column(name, BigInteger(), nullable=nullable)


_UNSPENT: Final = text("remaining > 0")
_UNENDED: Final = text("state IN ('open', 'closing')")

TEAMS: Final = Table(
    "ledger_teams",
    _META,
    _id("team_id", primary_key=True),
    _number("available"),
    _number("held"),
    CheckConstraint("held >= 0", name="held_not_negative"),
    # Past 64 bits SQLite would go on in floats.
    CheckConstraint(
        "available BETWEEN -4000000000000000000 AND 4000000000000000000", name="available_in_range"
    ),
)
ENTRIES: Final = Table(
    "ledger_entries",
    _META,
    Column("seq", SERIAL, primary_key=True, autoincrement=True),
    _id("id"),
    Column("kind", String(16), nullable=False),
    Column("ref", String(255), nullable=False),
    Column("input_hash", String(64), nullable=False),
    _id("team_id"),
    _id("subject_id"),
    _number("amount"),
    _number("at_ns"),
    Column("actor", Text(), nullable=False),
    Column("note", Text(), nullable=False),
    Index("uq_ledger_entries_id", "id", unique=True),
    Index("uq_ledger_entries_kind_ref", "kind", "ref", unique=True),
    Index("ix_ledger_entries_team_id_seq", "team_id", "seq"),
    Index("ix_ledger_entries_subject_id", "subject_id"),
    sqlite_autoincrement=True,
)
POSTINGS: Final = Table(
    "ledger_postings",
    _META,
    Column("seq", SERIAL, primary_key=True, autoincrement=True),
    Column(
        "entry_id",
        String(64),
        ForeignKey("ledger_entries.id", deferrable=True, initially="DEFERRED"),
        nullable=False,
    ),
    Column("account", String(160), nullable=False),
    _id("team_id", nullable=True),
    Column("part", String(16), nullable=True),
    _number("amount"),
    Column("overdraws", Boolean(), nullable=False),
    CheckConstraint("amount <> 0", name="amount_not_zero"),
    CheckConstraint("(team_id IS NULL) = (part IS NULL)", name="part_of_a_team"),
    Index("ix_ledger_postings_entry_id", "entry_id"),
    Index("ix_ledger_postings_team_id_seq", "team_id", "seq"),
    sqlite_autoincrement=True,
)
GRANTS: Final = Table(
    "ledger_grants",
    _META,
    _id("id", primary_key=True),
    _id("team_id"),
    Column("kind", String(16), nullable=False),
    _number("amount"),
    _number("remaining"),
    _number("expires_at_ns", nullable=True),
    Column("source", String(16), nullable=False),
    Column("source_id", String(160), nullable=False),
    _id("entry_id"),
    _number("created_at_ns"),
    CheckConstraint("amount > 0", name="amount_above_zero"),
    CheckConstraint("remaining BETWEEN 0 AND amount", name="remaining_of_amount"),
    Index(
        "ix_ledger_grants_team_id_unspent",
        "team_id",
        sqlite_where=_UNSPENT,
        postgresql_where=_UNSPENT,
    ),
    Index(
        "ix_ledger_grants_expires_at_ns_unspent",
        "expires_at_ns",
        sqlite_where=_UNSPENT,
        postgresql_where=_UNSPENT,
    ),
)
DRAWS: Final = Table(
    "ledger_draws",
    _META,
    Column("seq", SERIAL, primary_key=True, autoincrement=True),
    _id("entry_id"),
    _id("grant_id"),
    _number("amount"),
    CheckConstraint("amount > 0", name="amount_above_zero"),
    Index("ix_ledger_draws_grant_id", "grant_id"),
    sqlite_autoincrement=True,
)
LEASES: Final = Table(
    "ledger_leases",
    _META,
    _id("id", primary_key=True),
    _id("gateway"),
    _id("team_id"),
    _id("key_id"),
    _id("user_id", nullable=True),
    _id("row_set"),
    _number("amount"),
    _number("settled"),
    _number("returned"),
    Column("state", String(16), nullable=False),
    _number("expires_at_ns"),
    _number("ends_at_ns", nullable=True),
    _number("created_at_ns"),
    _number("closed_at_ns", nullable=True),
    _number("return_seq"),
    CheckConstraint(
        "settled >= 0 AND returned >= 0 AND settled + returned <= amount", name="within_amount"
    ),
    CheckConstraint(
        "state IN ('open', 'closing') OR (state IN ('closed', 'expired')"
        " AND settled + returned = amount AND closed_at_ns IS NOT NULL)",
        name="ended_is_empty",
    ),
    Index(
        "ix_ledger_leases_expires_at_ns_unended",
        "expires_at_ns",
        sqlite_where=_UNENDED,
        postgresql_where=_UNENDED,
    ),
    Index(
        "ix_ledger_leases_team_id_unended",
        "team_id",
        sqlite_where=_UNENDED,
        postgresql_where=_UNENDED,
    ),
    Index(
        "ix_ledger_leases_gateway_unended",
        "gateway",
        sqlite_where=_UNENDED,
        postgresql_where=_UNENDED,
    ),
)
ROW_SETS: Final = Table(
    "ledger_row_sets",
    _META,
    _id("row_set", primary_key=True),
    Column("period_row_id", String(96), primary_key=True),
    Index("ix_ledger_row_sets_period_row_id", "period_row_id"),
)
SETTLEMENTS: Final = Table(
    "ledger_settlements",
    _META,
    _id("request_id", primary_key=True),
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
    Column("provider", Text(), nullable=True),
    _number("provider_cost"),
    Column("cost_known", Boolean(), nullable=False),
    Column("ending", String(32), nullable=False),
    _number("at_ns"),
    CheckConstraint(
        "amount >= 0 AND overrun BETWEEN 0 AND amount AND promo >= 0 AND paid >= 0"
        " AND promo + paid <= amount AND fee BETWEEN 0 AND amount AND provider_cost >= 0",
        name="parts_of_amount",
    ),
    sqlite_with_rowid=False,
)
USAGE: Final = Table(
    "ledger_usage",
    _META,
    _id("key_id", primary_key=True),
    Column("day", BigInteger(), primary_key=True, autoincrement=False),
    _id("team_id"),
    _id("user_id", nullable=True),
    _number("amount"),
    _number("requests"),
    Index("ix_ledger_usage_team_id_day", "team_id", "day"),
    sqlite_with_rowid=False,
)
SPANS: Final = Table(
    "ledger_spans",
    _META,
    Column("from_arrival", BigInteger(), primary_key=True, autoincrement=False),
    _number("to_arrival", nullable=True),
)
"""Between which requests of the event log billing was on: only those must have a settlement."""
PERIODS: Final = Table(
    "budget_periods",
    _META,
    Column("id", String(96), primary_key=True),
    _id("budget_id"),
    _id("team_id"),
    Column("mode", String(16), nullable=False),
    _number("limit_nanos"),
    _number("ceiling"),
    _number("spent"),
    _number("leased"),
    _number("overrun"),
    CheckConstraint(
        "spent >= 0 AND leased >= 0 AND overrun BETWEEN 0 AND spent", name="not_negative"
    ),
    Index("ix_budget_periods_budget_id", "budget_id"),
)
