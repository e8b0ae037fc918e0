"""The ledger's SQL: one text for both stores where only the marks differ.

A list of ids is one parameter, a JSON array, so that a statement is the same for any number of them.
"""

from __future__ import annotations

from typing import Final

from opengateway.kit.bulk import Sql

_LISTED: Final = "(SELECT value FROM json_each(?))"
_LISTED_PG: Final = "(SELECT json_array_elements_text($1::json))"


def _listed(before: str, after: str, *, lock: bool = False) -> Sql:
    """`before` IN a list, then `after`. Rows come in an order, and are locked in it."""
    return Sql(
        f"{before} IN {_LISTED} {after}",
        f"{before} IN {_LISTED_PG} {after}{' FOR UPDATE' if lock else ''}",
    )


TEAM_COLUMNS: Final = "team_id, available, held"
GRANT_COLUMNS: Final = (
    "id, team_id, kind, amount, remaining, expires_at_ns, source, source_id, entry_id,"
    " created_at_ns"
)
LEASE_COLUMNS: Final = (
    "id, gateway, team_id, key_id, user_id, row_set, amount, expires_at_ns, created_at_ns,"
    " ends_at_ns, settled, returned, state, return_seq, closed_at_ns"
)
PERIOD_COLUMNS: Final = "id, budget_id, team_id, mode, limit_nanos, ceiling, spent, leased, overrun"
ENTRY_COLUMNS: Final = (
    "seq, id, kind, ref, input_hash, team_id, subject_id, amount, at_ns, actor, note"
)
SETTLEMENT_COLUMNS: Final = (
    "request_id, entry_id, team_id, key_id, user_id, lease_id, row_set, amount, overrun, promo,"
    " paid, fee, provider, provider_cost, cost_known, ending, at_ns"
)

# --- what is read under the lock of its team -------------------------------------------------------
LOCK_TEAMS: Final = _listed(
    f"SELECT {TEAM_COLUMNS} FROM ledger_teams WHERE team_id", "ORDER BY team_id", lock=True
)
MAKE_TEAM: Final = Sql(
    "INSERT INTO ledger_teams (team_id, available, held) VALUES (?, 0, 0)"
    " ON CONFLICT (team_id) DO NOTHING"
)
UNSPENT: Final = _listed(
    f"SELECT {GRANT_COLUMNS} FROM ledger_grants WHERE remaining > 0 AND team_id", ""
)
LEASES: Final = _listed(f"SELECT {LEASE_COLUMNS} FROM ledger_leases WHERE id", "ORDER BY id")
_OF_LEASES: Final = "SELECT row_set FROM ledger_leases WHERE id"
ROW_SETS: Final = Sql(
    "SELECT row_set, period_row_id FROM ledger_row_sets WHERE row_set IN"
    f" ({_OF_LEASES} IN {_LISTED}) OR row_set IN (SELECT value FROM json_each(?))"
    " ORDER BY row_set, period_row_id",
    "SELECT row_set, period_row_id FROM ledger_row_sets WHERE row_set IN"
    f" ({_OF_LEASES} IN {_LISTED_PG}) OR row_set IN"
    " (SELECT json_array_elements_text($2::json)) ORDER BY row_set, period_row_id",
)
_PERIODS: Final = (
    f"SELECT {PERIOD_COLUMNS} FROM budget_periods WHERE id IN (SELECT period_row_id"
    f" FROM ledger_row_sets WHERE row_set IN ({_OF_LEASES} IN "
)
PERIODS: Final = Sql(
    f"{_PERIODS}{_LISTED})) OR id IN (SELECT value FROM json_each(?)) ORDER BY id",
    f"{_PERIODS}{_LISTED_PG})) OR id IN (SELECT json_array_elements_text($2::json)) ORDER BY id",
)
ENTRIES_BY_REF: Final = Sql(
    f"SELECT {ENTRY_COLUMNS} FROM ledger_entries WHERE ref IN {_LISTED} AND kind = ?",
    f"SELECT {ENTRY_COLUMNS} FROM ledger_entries WHERE ref IN {_LISTED_PG} AND kind = $2",
)

# --- what is written -------------------------------------------------------------------------------
ADD_GRANT: Final = Sql(
    f"INSERT INTO ledger_grants ({GRANT_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)
ADD_POSTING: Final = Sql(
    "INSERT INTO ledger_postings (entry_id, account, team_id, part, amount, overdraws)"
    " VALUES (?, ?, ?, ?, ?, ?)"
)
ADD_ENTRY: Final = Sql(
    "INSERT INTO ledger_entries (id, kind, ref, input_hash, team_id, subject_id, amount, at_ns,"
    " actor, note) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)
ADD_DRAW: Final = Sql("INSERT INTO ledger_draws (entry_id, grant_id, amount) VALUES (?, ?, ?)")
SET_PERIOD: Final = Sql(
    f"INSERT INTO budget_periods ({PERIOD_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, 0, 0, 0)"
    " ON CONFLICT (id) DO UPDATE SET mode = excluded.mode, limit_nanos = excluded.limit_nanos,"
    " ceiling = excluded.ceiling"
)
CHANGE_PERIOD: Final = Sql(
    "UPDATE budget_periods SET spent = spent + ?, leased = leased + ?, overrun = overrun + ?"
    " WHERE id = ?"
)
ADD_ROW_SET: Final = Sql(
    "INSERT INTO ledger_row_sets (row_set, period_row_id) VALUES (?, ?) ON CONFLICT DO NOTHING"
)
ADD_LEASE: Final = Sql(
    f"INSERT INTO ledger_leases ({LEASE_COLUMNS})"
    " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)
CHANGE_LEASE: Final = Sql(
    "UPDATE ledger_leases SET amount = amount + ?, settled = settled + ?,"
    " returned = returned + ?, state = ?, expires_at_ns = ?, return_seq = ?, closed_at_ns = ?"
    " WHERE id = ?"
)
COUNT_USAGE: Final = Sql(
    "INSERT INTO ledger_usage (key_id, day, team_id, user_id, amount, requests)"
    " VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (key_id, day) DO UPDATE SET"
    " amount = ledger_usage.amount + excluded.amount,"
    " requests = ledger_usage.requests + excluded.requests"
)
_SETTLEMENT_TYPES: Final = (
    *(("text",) * 7),
    *(("bigint",) * 5),
    *("text", "bigint", "boolean", "text", "bigint"),
)
TOGETHER: Final = 32
"""Settlements of one statement on SQLite: 544 of the 32,766 parameters that it allows."""


def _add_settlements(rows: int) -> Sql:
    """That many on SQLite; on PostgreSQL any number, a column for each parameter."""
    into = f"INSERT INTO ledger_settlements ({SETTLEMENT_COLUMNS})"
    marks = f"({', '.join('?' * len(_SETTLEMENT_TYPES))})"
    arrays = ", ".join(f"${n}::{t}[]" for n, t in enumerate(_SETTLEMENT_TYPES, 1))
    return Sql(
        f"{into} VALUES {', '.join([marks] * rows)}", f"{into} SELECT * FROM unnest({arrays})"
    )


ADD_SETTLEMENT: Final = _add_settlements(1)
ADD_SETTLEMENTS: Final = _add_settlements(TOGETHER)

BILLING_ON: Final = Sql(
    "INSERT INTO ledger_spans (from_arrival) SELECT n.next FROM (SELECT coalesce(max(arrival), 0) + 1 AS next"
    " FROM requests) n WHERE NOT EXISTS (SELECT 1 FROM ledger_spans WHERE to_arrival IS NULL)"
    " ON CONFLICT (from_arrival) DO UPDATE SET to_arrival = NULL"
)
BILLING_OFF: Final = Sql(
    "UPDATE ledger_spans SET to_arrival = (SELECT coalesce(max(arrival), 0) FROM requests)"
    " WHERE to_arrival IS NULL"
)

# --- what is read without a lock -------------------------------------------------------------------
TEAM: Final = Sql(f"SELECT {TEAM_COLUMNS} FROM ledger_teams WHERE team_id = ?")
GRANT: Final = Sql(f"SELECT {GRANT_COLUMNS} FROM ledger_grants WHERE id = ?")
SETTLEMENT: Final = Sql(f"SELECT {SETTLEMENT_COLUMNS} FROM ledger_settlements WHERE request_id = ?")
GIVEN_BACK: Final = Sql(
    "SELECT CAST(coalesce(sum(amount), 0) AS BIGINT) FROM ledger_entries"
    " WHERE subject_id = ? AND kind IN ('refund', 'chargeback')"
)
ENTRIES_OF: Final = Sql(
    f"SELECT {ENTRY_COLUMNS} FROM ledger_entries WHERE team_id = ? AND seq < ?"
    " ORDER BY seq DESC LIMIT ?"
)
POSTINGS_OF: Final = _listed(
    "SELECT entry_id, account, amount FROM ledger_postings WHERE entry_id", "ORDER BY seq"
)
CAME_IN: Final = Sql(
    "SELECT CAST(coalesce(sum(amount), 0) AS BIGINT) FROM ledger_grants WHERE team_id = ?"
)
TOTALS: Final = Sql(
    "SELECT CAST(coalesce(sum(available), 0) AS BIGINT), CAST(coalesce(sum(held), 0) AS BIGINT),"
    " CAST(coalesce(sum(CASE WHEN available + held < 0 THEN -(available + held) ELSE 0 END), 0)"
    " AS BIGINT) FROM ledger_teams"
)
OPEN_LEASES: Final = Sql("SELECT count(*) FROM ledger_leases WHERE state IN ('open', 'closing')")
CHARGED: Final = Sql(
    "SELECT CAST(coalesce(sum(amount), 0) AS BIGINT) FROM ledger_usage WHERE team_id = ?"
)
USAGE_SINCE: Final = Sql(
    "SELECT CAST(coalesce(sum(amount), 0) AS BIGINT) FROM ledger_usage"
    " WHERE key_id = ? AND day >= ?"
)
USE_BY_KEY: Final = Sql(
    "SELECT key_id, CAST(sum(amount) AS BIGINT), CAST(sum(requests) AS BIGINT) FROM ledger_usage"
    " WHERE team_id = ? AND day >= ? AND day < ? GROUP BY key_id ORDER BY key_id LIMIT 1000"
)
BOUGHT: Final = _listed(
    "SELECT DISTINCT team_id FROM ledger_grants WHERE kind = 'paid' AND source = 'topup'"
    " AND team_id",
    "ORDER BY team_id",
)
_OPEN_LEASES: Final = (
    f"SELECT {LEASE_COLUMNS} FROM ledger_leases WHERE state IN ('open', 'closing') AND "
)
OPEN_OF_TEAM: Final = Sql(f"{_OPEN_LEASES} team_id = ? ORDER BY expires_at_ns, id LIMIT ?")
OPEN_OF_GATEWAY: Final = Sql(f"{_OPEN_LEASES} gateway = ? ORDER BY expires_at_ns, id LIMIT ?")
OPEN_EXPIRED: Final = Sql(f"{_OPEN_LEASES} expires_at_ns < ? ORDER BY expires_at_ns, id LIMIT ?")
TEAMS_WITH_EXPIRED: Final = Sql(
    "SELECT DISTINCT g.team_id FROM ledger_grants g JOIN ledger_teams t ON t.team_id = g.team_id"
    # What is held stays: a team all of whose money is out is looked at again later.
    " WHERE g.remaining > 0 AND g.expires_at_ns <= ? AND t.available > 0"
    " ORDER BY g.team_id LIMIT ?"
)
PERIODS_NAMED: Final = _listed(f"SELECT {PERIOD_COLUMNS} FROM budget_periods WHERE id", "")
