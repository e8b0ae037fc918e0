"""What the store refuses by itself, whoever writes: the ledger's triggers, as migration 0002 makes them.

- Postings come first; the entry that names them seals them. It is refused unless they add up to 0, and
  no posting can be added to it later. A posting without an entry cannot be committed (foreign key).
- A team's balances are added up here, from its postings, and nowhere else. What is available falls
  below 0 by a settlement or a chargeback alone.
- What is left of a credit is counted here, from its draws.
- Entries, postings, draws, settlements and row sets are never changed or removed; credits, leases and
  teams never removed. A lease grows, is used up and ends; it never goes back.
- A budget that refuses is never leased past its limit.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

_APPEND_ONLY: Final = (
    "ledger_entries",
    "ledger_postings",
    "ledger_draws",
    "ledger_settlements",
    "ledger_row_sets",
)
_NEVER_REMOVED: Final = (*_APPEND_ONLY, "ledger_grants", "ledger_leases", "ledger_teams")

_UNBALANCED: Final = "a ledger entry must balance"
_SEALED: Final = "a ledger entry is sealed"
_NO_TEAM: Final = "a ledger posting names a team without a row"
_BELOW: Final = "a team has less available than that"
_OVERDRAWS: Final = "this kind of ledger entry may not overdraw"
_NO_GRANT: Final = "a ledger draw names no credit"
_GRANT: Final = "of a credit only what is left may change, downwards"
_LEASE: Final = "a lease only grows, is used up and ends"
_PERIOD: Final = "a budget is not leased past its limit, and what was spent stays spent"
_KEEPS: Final = "the ledger is append-only"

_POSTS: Final = (
    "UPDATE ledger_teams SET"
    " available = available + CASE WHEN NEW.part = 'available' THEN NEW.amount ELSE 0 END,"
    " held = held + CASE WHEN NEW.part = 'held' THEN NEW.amount ELSE 0 END"
    " WHERE team_id = NEW.team_id"
)
_DRAWS: Final = (
    "UPDATE ledger_grants SET remaining = remaining - NEW.amount WHERE id = NEW.grant_id"
)
_IS_UNBALANCED: Final = (
    "(SELECT count(*) FROM ledger_postings WHERE entry_id = NEW.id) < 2"
    " OR (SELECT sum(amount) FROM ledger_postings WHERE entry_id = NEW.id) <> 0"
)
_IS_SEALED: Final = "EXISTS (SELECT 1 FROM ledger_entries WHERE id = NEW.entry_id)"
_IS_BELOW: Final = (
    "NEW.part = 'available' AND NEW.amount < 0 AND NOT NEW.overdraws"
    " AND (SELECT available FROM ledger_teams WHERE team_id = NEW.team_id) < 0"
)
_OVERDRAWS_WRONGLY: Final = (
    "NEW.kind NOT IN ('settle', 'chargeback')"
    " AND EXISTS (SELECT 1 FROM ledger_postings WHERE entry_id = NEW.id AND overdraws)"
)
_GRANT_CHANGED: Final = (
    "NEW.remaining > OLD.remaining OR NEW.amount <> OLD.amount OR NEW.team_id <> OLD.team_id"
    " OR NEW.kind <> OLD.kind OR NEW.id <> OLD.id OR NEW.entry_id <> OLD.entry_id"
)
_LEASE_CHANGED: Final = (
    "OLD.state IN ('closed', 'expired') OR (OLD.state = 'closing' AND NEW.state = 'open')"
    " OR NEW.amount < OLD.amount OR NEW.settled < OLD.settled OR NEW.returned < OLD.returned"
    " OR NEW.id <> OLD.id OR NEW.gateway <> OLD.gateway OR NEW.team_id <> OLD.team_id"
    " OR NEW.key_id <> OLD.key_id OR NEW.row_set <> OLD.row_set"
)
_PERIOD_BROKEN: Final = (
    "NEW.spent < OLD.spent OR NEW.overrun < OLD.overrun OR NEW.team_id <> OLD.team_id"
    " OR (NEW.mode = 'block' AND NEW.leased > OLD.leased"
    " AND NEW.spent + NEW.leased > NEW.limit_nanos)"
)


def rules_for(dialect: str) -> Iterator[str]:
    """The statements, one trigger or function each."""
    return _on_sqlite() if dialect == "sqlite" else _on_postgres()


def _on_sqlite() -> Iterator[str]:
    def refuse(name: str, when: str, condition: str, message: str) -> str:
        return (
            f"CREATE TRIGGER {name} {when} WHEN {condition}"
            f" BEGIN SELECT RAISE(ABORT, '{message}'); END"
        )

    for table in _APPEND_ONLY:
        yield refuse(f"{table}_kept_as_is", f"BEFORE UPDATE ON {table}", "1", _KEEPS)
    for table in _NEVER_REMOVED:
        yield refuse(f"{table}_never_removed", f"BEFORE DELETE ON {table}", "1", _KEEPS)
    before = "BEFORE INSERT ON ledger_entries"
    yield refuse("ledger_entries_balance", before, _IS_UNBALANCED, _UNBALANCED)
    yield refuse("ledger_entries_overdraw", before, _OVERDRAWS_WRONGLY, _OVERDRAWS)
    before = "BEFORE INSERT ON ledger_postings"
    yield refuse("ledger_postings_sealed", before, _IS_SEALED, _SEALED)
    yield (
        "CREATE TRIGGER ledger_postings_posted AFTER INSERT ON ledger_postings"
        f" WHEN NEW.team_id IS NOT NULL BEGIN {_POSTS};"
        f" SELECT RAISE(ABORT, '{_NO_TEAM}') WHERE NOT EXISTS"
        " (SELECT 1 FROM ledger_teams WHERE team_id = NEW.team_id);"
        f" SELECT RAISE(ABORT, '{_BELOW}') WHERE {_IS_BELOW}; END"
    )
    yield (
        f"CREATE TRIGGER ledger_draws_drawn AFTER INSERT ON ledger_draws BEGIN {_DRAWS};"
        f" SELECT RAISE(ABORT, '{_NO_GRANT}') WHERE NOT EXISTS"
        " (SELECT 1 FROM ledger_grants WHERE id = NEW.grant_id); END"
    )
    for table, condition, message in (
        ("ledger_grants", _GRANT_CHANGED, _GRANT),
        ("ledger_leases", _LEASE_CHANGED, _LEASE),
        ("budget_periods", _PERIOD_BROKEN, _PERIOD),
    ):
        yield refuse(f"{table}_one_way", f"BEFORE UPDATE ON {table}", condition, message)


def _on_postgres() -> Iterator[str]:
    def function(name: str, body: str) -> str:
        return (
            f"CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS"
            f" $$ BEGIN {body} RETURN NEW; END $$"
        )

    def check(condition: str, message: str) -> str:
        return f"IF {condition} THEN RAISE EXCEPTION '{message}'; END IF;"

    def trigger(name: str, when: str, runs: str, *, each: str = "ROW") -> str:
        return f"CREATE TRIGGER {name} {when} FOR EACH {each} EXECUTE FUNCTION {runs}()"

    yield function("ledger_refuse", f"RAISE EXCEPTION '{_KEEPS}';")
    for table in _APPEND_ONLY:
        when = f"BEFORE UPDATE ON {table}"
        yield trigger(f"{table}_kept_as_is", when, "ledger_refuse", each="STATEMENT")
    for table in _NEVER_REMOVED:
        when = f"BEFORE DELETE OR TRUNCATE ON {table}"
        yield trigger(f"{table}_never_removed", when, "ledger_refuse", each="STATEMENT")
    yield function(
        "ledger_entries_seal",
        check(_IS_UNBALANCED, _UNBALANCED) + check(_OVERDRAWS_WRONGLY, _OVERDRAWS),
    )
    when = "BEFORE INSERT ON ledger_entries"
    yield trigger("ledger_entries_balance", when, "ledger_entries_seal")
    yield function("ledger_postings_check", check(_IS_SEALED, _SEALED))
    when = "BEFORE INSERT ON ledger_postings"
    yield trigger("ledger_postings_sealed", when, "ledger_postings_check")
    yield function(
        "ledger_postings_post",
        "IF NEW.team_id IS NULL THEN RETURN NEW; END IF;"
        f" {_POSTS}; {check('NOT FOUND', _NO_TEAM)} {check(_IS_BELOW, _BELOW)}",
    )
    when = "AFTER INSERT ON ledger_postings"
    yield trigger("ledger_postings_posted", when, "ledger_postings_post")
    yield function("ledger_draws_draw", f"{_DRAWS}; {check('NOT FOUND', _NO_GRANT)}")
    yield trigger("ledger_draws_drawn", "AFTER INSERT ON ledger_draws", "ledger_draws_draw")
    for table, condition, message in (
        ("ledger_grants", _GRANT_CHANGED, _GRANT),
        ("ledger_leases", _LEASE_CHANGED, _LEASE),
        ("budget_periods", _PERIOD_BROKEN, _PERIOD),
    ):
        yield function(f"{table}_check", check(condition, message))
        yield trigger(f"{table}_one_way", f"BEFORE UPDATE ON {table}", f"{table}_check")
