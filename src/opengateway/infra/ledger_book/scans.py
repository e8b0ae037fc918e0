"""The queries behind `ledger/invariants.py`: what each check reads, in the order it wants.

The store sorts and adds up; this process sees one page at a time. Sums are cast back to 64 bits, where
PostgreSQL would give decimals.
"""

from __future__ import annotations

from typing import Final


def _sum(what: str) -> str:
    return f"CAST(coalesce(sum({what}), 0) AS BIGINT)"


def _posted(role: str, sign: str = "") -> str:
    return _sum(f"CASE WHEN {role} THEN {sign}p.amount ELSE 0 END")


_AVAILABLE: Final = _posted("p.part = 'available'")
_HELD: Final = _posted("p.part = 'held'")
_LEASED: Final = _sum("CASE WHEN kind = 'lease' THEN amount ELSE 0 END")
_RETURNED: Final = _sum("CASE WHEN kind = 'return' THEN amount ELSE 0 END")
_PER_SETTLED: Final = (
    "SELECT p.entry_id, "
    + ", ".join(
        (
            _posted("p.part = 'held'", "-") + " AS held",
            _posted("p.part = 'available'", "-") + " AS overrun",
            _posted("p.account = 'revenue:usage'") + " AS usage_sum",
            _posted("p.account = 'revenue:fee'") + " AS fee",
            _posted("p.account LIKE 'payable:%'") + " AS cost",
        )
    )
    + " FROM ledger_postings p JOIN ledger_entries e ON e.id = p.entry_id AND e.kind = 'settle'"
    " GROUP BY p.entry_id"
)
_PER_ENTRY: Final = (
    f"SELECT entry_id, {_sum('amount - overrun')} AS held, {_sum('overrun')} AS overrun,"
    f" {_sum('amount - fee')} AS usage_sum, {_sum('fee')} AS fee, {_sum('provider_cost')} AS cost"
    " FROM ledger_settlements WHERE entry_id IS NOT NULL GROUP BY entry_id"
)
_ZEROS: Final = (
    "coalesce({0}.held, 0), coalesce({0}.overrun, 0), coalesce({0}.usage_sum, 0),"
    " coalesce({0}.fee, 0), coalesce({0}.cost, 0)"
)
_CAPPED: Final = (
    "CASE WHEN r.cost_nanos > 1000000000000000 THEN 1000000000000000 ELSE r.cost_nanos END"
)

SCANS: Final = {
    "entries": (
        f"SELECT p.entry_id, e.amount, {_sum('p.amount')},"
        f" {_sum('CASE WHEN p.amount > 0 THEN p.amount ELSE 0 END')}, count(*)"
        " FROM ledger_postings p LEFT JOIN ledger_entries e ON e.id = p.entry_id"
        " GROUP BY p.entry_id, e.amount"
        " UNION ALL SELECT e.id, e.amount, 0, 0, 0 FROM ledger_entries e"
        " WHERE NOT EXISTS (SELECT 1 FROM ledger_postings p WHERE p.entry_id = e.id)"
    ),
    "accounts": (
        f"SELECT account, {_sum('amount')} FROM ledger_postings GROUP BY account"
        " UNION ALL SELECT NULL, 0"
    ),
    "team_balances": (
        f"SELECT t.team_id, t.available, t.held, {_AVAILABLE},"
        f" {_HELD}"
        " FROM ledger_teams t LEFT JOIN ledger_postings p ON p.team_id = t.team_id"
        " GROUP BY t.team_id, t.available, t.held"
        " UNION ALL SELECT DISTINCT p.team_id, CAST(NULL AS BIGINT), CAST(NULL AS BIGINT), 0, 0 FROM ledger_postings p"
        " WHERE p.team_id IS NOT NULL"
        " AND NOT EXISTS (SELECT 1 FROM ledger_teams t WHERE t.team_id = p.team_id)"
    ),
    "team_credits": (
        f"SELECT t.team_id, t.available + t.held, {_sum('g.remaining')} FROM ledger_teams t"
        " LEFT JOIN ledger_grants g ON g.team_id = t.team_id AND g.remaining > 0"
        " GROUP BY t.team_id, t.available, t.held"
    ),
    "credit_draws": (
        f"SELECT g.id, g.amount, g.remaining, {_sum('d.amount')} FROM ledger_grants g"
        " LEFT JOIN ledger_draws d ON d.grant_id = g.id GROUP BY g.id, g.amount, g.remaining"
    ),
    "team_postings": (
        "SELECT p.team_id, p.part, p.amount, e.kind, p.seq FROM ledger_postings p"
        " LEFT JOIN ledger_entries e ON e.id = p.entry_id WHERE p.team_id IS NOT NULL"
        " ORDER BY p.team_id, p.seq"
    ),
    "leases": (
        "SELECT id, state, amount, settled, returned, expires_at_ns, closed_at_ns"
        " FROM ledger_leases"
    ),
    "team_holds": (
        f"SELECT t.team_id, t.held, {_sum('l.amount - l.settled - l.returned')}"
        " FROM ledger_teams t LEFT JOIN ledger_leases l ON l.team_id = t.team_id"
        " AND l.state IN ('open', 'closing') GROUP BY t.team_id, t.held"
    ),
    "lease_sums": (
        "SELECT l.id, l.amount, l.settled, l.returned, coalesce(e.leased, 0),"
        " coalesce(s.covered, 0), coalesce(e.given_back, 0) FROM ledger_leases l"
        f" LEFT JOIN (SELECT subject_id, {_LEASED}"
        f" AS leased, {_RETURNED} AS given_back"
        " FROM ledger_entries WHERE kind IN ('lease', 'return') GROUP BY subject_id) e"
        " ON e.subject_id = l.id"
        f" LEFT JOIN (SELECT lease_id, team_id, {_sum('amount - overrun')} AS covered"
        " FROM ledger_settlements WHERE lease_id <> '' GROUP BY lease_id, team_id) s"
        " ON s.lease_id = l.id AND s.team_id = l.team_id"
    ),
    "settlement_parts": (
        "SELECT request_id, amount, overrun, promo, paid, fee FROM ledger_settlements"
        " WHERE overrun < 0 OR overrun > amount OR promo < 0 OR paid < 0 OR promo + paid > amount"
        " OR fee < 0 OR fee > amount OR (entry_id IS NULL AND (amount <> 0 OR provider_cost <> 0))"
    ),
    "refs": (
        "SELECT kind, ref, count(*) FROM ledger_entries GROUP BY kind, ref HAVING count(*) > 1"
    ),
    "given_back": (
        f"SELECT e.subject_id, coalesce(s.amount, g.amount), {_sum('e.amount')}"
        " FROM ledger_entries e"
        " LEFT JOIN ledger_settlements s ON s.request_id = e.subject_id"
        " LEFT JOIN ledger_grants g ON g.id = e.subject_id"
        " WHERE e.kind IN ('refund', 'chargeback') GROUP BY e.subject_id, s.amount, g.amount"
    ),
    "periods": (
        "SELECT p.id, p.mode, p.ceiling, p.spent, p.leased, p.overrun,"
        " coalesce(s.spent, 0), coalesce(s.overrun, 0), coalesce(l.leased, 0)"
        " FROM budget_periods p"
        f" LEFT JOIN (SELECT r.period_row_id, {_sum('t.spent')} AS spent,"
        f" {_sum('t.overrun')} AS overrun FROM ledger_row_sets r"
        f" JOIN (SELECT row_set, {_sum('amount')} AS spent, {_sum('overrun')} AS overrun"
        " FROM ledger_settlements WHERE row_set <> '' GROUP BY row_set) t ON t.row_set = r.row_set"
        " GROUP BY r.period_row_id) s ON s.period_row_id = p.id"
        f" LEFT JOIN (SELECT r.period_row_id, {_sum('t.leased')} AS leased FROM ledger_row_sets r"
        f" JOIN (SELECT row_set, {_sum('amount - settled - returned')} AS leased"
        " FROM ledger_leases WHERE row_set <> '' AND state IN ('open', 'closing')"
        " GROUP BY row_set) t ON t.row_set = r.row_set"
        " GROUP BY r.period_row_id) l ON l.period_row_id = p.id"
    ),
    "usage": (
        "SELECT k.key_id, coalesce(u.amount, 0), coalesce(s.amount, 0), coalesce(u.requests, 0),"
        " coalesce(s.requests, 0) FROM (SELECT key_id FROM ledger_usage"
        " UNION SELECT key_id FROM ledger_settlements) k"
        f" LEFT JOIN (SELECT key_id, {_sum('amount')} AS amount, {_sum('requests')} AS requests"
        " FROM ledger_usage GROUP BY key_id) u ON u.key_id = k.key_id"
        f" LEFT JOIN (SELECT key_id, {_sum('amount')} AS amount, count(*) AS requests"
        " FROM ledger_settlements GROUP BY key_id) s ON s.key_id = k.key_id"
    ),
    "charges": (
        f"SELECT s.request_id, s.amount, {_CAPPED} FROM ledger_settlements s"
        " LEFT JOIN requests r ON r.id = s.request_id"
        f" WHERE s.amount <> {_CAPPED} OR (r.id IS NULL"
        # Older rows were moved to the archive, or forgotten: these are compared by their sums
        # (infra/event_log/reconciling.py).
        " AND s.request_id > (SELECT coalesce(max(max_id), '') FROM log_segments)"
        " AND s.request_id > (SELECT coalesce(min(id), '~') FROM requests))"
        f" UNION ALL SELECT r.id, NULL, {_CAPPED} FROM ledger_spans b"
        " JOIN requests r ON r.arrival >= b.from_arrival"
        " AND (b.to_arrival IS NULL OR r.arrival <= b.to_arrival)"
        " WHERE r.cost_nanos > 0"
        " AND NOT EXISTS (SELECT 1 FROM ledger_settlements s WHERE s.request_id = r.id)"
    ),
    "settled": (
        f"SELECT b.entry_id, {_ZEROS.format('b')}, {_ZEROS.format('s')}"
        f" FROM ({_PER_SETTLED}) b LEFT JOIN ({_PER_ENTRY}) s ON s.entry_id = b.entry_id"
        f" UNION ALL SELECT s.entry_id, 0, 0, 0, 0, 0, {_ZEROS.format('s')}"
        f" FROM ({_PER_ENTRY}) s WHERE NOT EXISTS (SELECT 1 FROM ledger_entries e"
        " WHERE e.id = s.entry_id)"
    ),
}
"""By the name of a check's `scan`."""
