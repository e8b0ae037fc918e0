"""The ledger once more, as plainly as can be: what histories are held to. Shares no code with it.

Written from the rules in docs/adr/0013-the-ledger.md: no entries, no accounts, no SQL; whole numbers in
dictionaries, changed in the order in which the real one committed.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

FOREVER = 2**63


@dataclass
class Credit:
    id: str
    kind: str
    left: int
    expires_ns: int | None
    payment: int | None = None
    """What it was as a payment, less what was given back; None: it was none."""

    @property
    def order(self) -> tuple[int, bool, str]:
        return (self.expires_ns or FOREVER, self.kind == "paid", self.id)


@dataclass
class Team:
    available: int = 0
    held: int = 0
    credits: list[Credit] = field(default_factory=list)

    @property
    def total(self) -> int:
        return self.available + self.held

    def spend(self, amount: int, first: str | None = None) -> tuple[int, int]:
        """Out of the credits, in order. Return promo and paid."""
        parts = {"promo": 0, "paid": 0}
        for credit in sorted(self.credits, key=lambda c: (c.id != first, c.order)):
            taken = min(credit.left, amount)
            credit.left -= taken
            parts[credit.kind] += taken
            amount -= taken
        return parts["promo"], parts["paid"]

    def add(self, credit: Credit) -> None:
        owed = max(0, -self.total)
        self.available += credit.left
        credit.left -= min(owed, credit.left)
        self.credits.append(credit)

    def expire(self, now_ns: int) -> int:
        held, gone, lost = self.held, 0, 0
        for credit in sorted(self.credits, key=lambda c: c.order):
            kept = min(credit.left, held)
            held -= kept
            if credit.expires_ns is not None and credit.expires_ns <= now_ns and credit.left > kept:
                lost += 1
                gone += credit.left - kept
                credit.left = kept
        self.available -= gone
        return lost


@dataclass
class Lease:
    team: str
    gateway: str
    key: str
    rows: tuple[str, ...]
    expires_ns: int
    ends_ns: int | None
    amount: int = 0
    settled: int = 0
    returned: int = 0
    state: str = "open"
    seq: int = 0

    @property
    def left(self) -> int:
        return self.amount - self.settled - self.returned

    @property
    def ended(self) -> bool:
        return self.state in ("closed", "expired")


@dataclass
class Period:
    limit: int
    blocks: bool
    spent: int = 0
    leased: int = 0
    overrun: int = 0


class Model:
    def __init__(self) -> None:
        self.teams: dict[str, Team] = {}
        self.leases: dict[str, Lease] = {}
        self.periods: dict[str, Period] = {}
        self.charges: dict[str, tuple[str, int, int, int, int]] = {}
        """By request: team, amount, overrun, promo, paid."""
        self.given_back: dict[str, int] = {}
        self.revenue = 0
        self.costs = 0

    def team(self, team_id: str) -> Team:
        return self.teams.setdefault(team_id, Team())

    # --- leases ----------------------------------------------------------------------------------
    def see_budgets(self, budgets: Any) -> list[tuple[Any, Period]]:
        seen = []
        for budget in budgets:
            row = self.periods.setdefault(budget.id, Period(0, True))
            row.limit, row.blocks = budget.limit_nanos, budget.mode == "block"
            seen.append((budget, row))
        return seen

    def decide(self, team_id: str, budgets: Any, amount: int, least: int, now_ns: int) -> Any:
        """(granted, direct), or the row that is short."""
        team = self.team(team_id)
        team.expire(now_ns)
        rows = self.see_budgets(budgets)
        tight = team.available
        if tight < least:
            return "balance"
        short = []
        for budget, row in rows:
            if row.blocks:
                left = row.limit - row.spent - row.leased
                tight = min(tight, left)
                if left < least:
                    short.append(budget)
        if short:
            return max(short, key=lambda b: b.breadth).label
        if tight < 20 * least:
            return least, True
        return max(least, min(amount, tight // 4)), False

    def take(self, ask: Any, gateway: str, lease_id: str, granted: int, now_ns: int) -> None:
        team, ids = self.team(ask.team_id), tuple(sorted(b.id for b in ask.budgets))
        lease = self.leases.get(lease_id)
        if lease is None:
            ends = [b.ends_at_ns for b in ask.budgets if b.ends_at_ns]
            lease = Lease(ask.team_id, gateway, ask.key_id, ids, 0, min(ends, default=None))
            self.leases[lease_id] = lease
        else:
            assert lease_id == ask.lease_id
            assert (lease.state, lease.gateway, lease.rows) == ("open", gateway, ids)
        lease.amount += granted
        lease.expires_ns = now_ns + 600 * 10**9
        team.available -= granted
        team.held += granted
        for row_id in ids:
            self.periods[row_id].leased += granted

    def give_back(self, lease_id: str, amount: int, closed: bool, seq: int) -> None:
        lease = self.leases[lease_id]
        if lease.ended or seq <= lease.seq:
            return
        lease.seq = seq
        self._return(lease, min(amount, lease.left))
        if closed:
            lease.state = "closing"
        self._close_if_empty(lease)

    def _return(self, lease: Lease, amount: int) -> None:
        lease.returned += amount
        team = self.team(lease.team)
        team.held -= amount
        team.available += amount
        for row_id in lease.rows:
            self.periods[row_id].leased -= amount

    def _close_if_empty(self, lease: Lease) -> None:
        if lease.state == "closing" and not lease.left:
            lease.state = "closed"

    def end(self, lease_id: str, state: str) -> None:
        lease = self.leases[lease_id]
        self._return(lease, lease.left)
        lease.state = state

    # --- charges ---------------------------------------------------------------------------------
    def settle(self, record: Any, budgets: Any) -> None:
        if record.id in self.charges or not record.opened:
            return
        team, lease = self.team(record.team_id), self.leases.get(record.lease_id)
        cost = record.cost_nanos
        covered = min(cost, lease.left) if lease is not None and not lease.ended else 0
        overrun = cost - covered
        team.held -= covered
        team.available -= overrun
        if lease is not None:
            lease.settled += covered
            self._close_if_empty(lease)
            rows = [self.periods[row_id] for row_id in lease.rows]
        else:
            rows = [row for _, row in self.see_budgets(budgets)] if cost else []
        for row in rows:
            row.spent += cost
            row.leased -= covered
            row.overrun += overrun
        promo, paid = team.spend(cost)
        self.charges[record.id] = (record.team_id, cost, overrun, promo, paid)
        self.revenue += cost
        self.costs += record.provider_cost_nanos
