"""Settlement: requests that ended, from what was held for them to what we earned (decision 15).

One row for every request; one entry for a batch and a team. Everything of a batch is booked in
the transaction of the journal's offset, or nothing is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from opengateway.domain.budgets import BudgetRow
from opengateway.domain.ledger import (
    MAX_CHARGE,
    Account,
    CreditKind,
    Draw,
    Entry,
    EntryKind,
    Posting,
    Role,
)
from opengateway.kit.clock import Clock
from opengateway.kit.ids import NewId
from opengateway.ledger.budgeting import current, remember_row_set
from opengateway.ledger.leasing import end_if_done, settled_change
from opengateway.ledger.sheet import Sheet
from opengateway.ports.ledger_book import BudgetsOf, Charge, PeriodTouch, Settled, TeamTouch
from opengateway.ports.ledger_rows import (
    GrantRow,
    LeaseRow,
    LedgerRows,
    PeriodChange,
    SettlementRow,
    UsageRow,
)

_DAY_NS: Final = 86_400 * 1_000_000_000
_USAGE: Final = Account(Role.USAGE)
_FEES: Final = Account(Role.FEES)


@dataclass(slots=True)
class _Group:
    """The charges of one team on one lease, added up."""

    team: _Team
    lease: LeaseRow | None
    row_set: str
    remaining: int
    """What the lease still covers; 0 once it has ended."""
    amount: int = 0
    overrun: int = 0


class _Team:
    """A team's charges, added up, and its credits, spent in order. Charges come one by one; most
    take from one credit."""

    __slots__ = (
        *("_at", "_grants", "_left", "amount", "before", "costs", "draws", "entry_id"),
        *("fee", "overrun"),
    )

    def __init__(self, entry_id: str, before: int, grants: Sequence[GrantRow]) -> None:
        self.entry_id = entry_id
        self.before = before
        """What the team had, held included."""
        self.amount = self.overrun = self.fee = 0
        self.costs: dict[str, int] = {}
        self.draws: dict[str, int] = {}
        self._grants = grants
        self._at = 0
        self._left = grants[0].remaining if grants else 0

    def spend(self, amount: int) -> tuple[int, int]:
        """Return how much of it was promo and paid; what is in neither, the team owes."""
        promo = paid = 0
        while amount and self._at < len(self._grants):
            grant = self._grants[self._at]
            part = min(self._left, amount)
            if part:
                self.draws[grant.id] = self.draws.get(grant.id, 0) + part
                if grant.kind is CreditKind.PAID:
                    paid += part
                else:
                    promo += part
                amount -= part
                self._left -= part
            if not self._left:
                self._at += 1
                if self._at < len(self._grants):
                    self._left = self._grants[self._at].remaining
        return promo, paid


class SettlementBook:
    """`Settlements` (ports/ledger_book.py) on rows."""

    def __init__(self, rows: LedgerRows, clock: Clock, new_id: NewId) -> None:
        self._rows = rows
        self._clock = clock
        self._new_id = new_id

    async def settle(self, charges: Sequence[Charge], ref: str, budgets_of: BudgetsOf) -> Settled:
        if not charges:
            return Settled(0, 0, (), ())
        named = {charge.lease_id for charge in charges} - {""}
        teams = sorted({charge.team_id for charge in charges})
        locked = await self._rows.lock(teams, lease_ids=sorted(named))
        unleased: Mapping[str, Sequence[BudgetRow]] = {}
        if lost := [c for c in charges if c.lease_id not in locked.leases and c.amount > 0]:
            unleased = await budgets_of(lost)
            rows = [budget for budgets in unleased.values() for budget in budgets]
            more = await self._rows.lock((), budgets=rows) if rows else None
            if more is not None:
                locked.periods.update(more.periods)
                locked.row_sets.update(more.row_sets)
        batch = _Batch(Sheet(locked), unleased, self._clock.now_ns(), self._new_id)
        for charge in charges:
            batch.add(charge)
        settled = batch.finish(ref)
        await self._rows.write(batch.sheet.writes)
        return settled

    async def mark_billing(self, on: bool) -> None:
        await self._rows.mark_billing(on)


class _Batch:
    """One batch in the making. Pure: rows in, writes out."""

    def __init__(
        self,
        sheet: Sheet,
        unleased: Mapping[str, Sequence[BudgetRow]],
        now_ns: int,
        new_id: NewId,
    ) -> None:
        self.sheet = sheet
        self._unleased = unleased
        self._now_ns = now_ns
        self._groups: dict[tuple[str, str], _Group] = {}
        self._teams = {
            team_id: _Team(new_id("ent_"), row.total, sheet.grants(team_id))
            for team_id, row in sheet.locked.teams.items()
        }
        self._usage: dict[tuple[str, int], list[int]] = {}
        self._users: dict[str, tuple[str, str | None]] = {}

    def add(self, charge: Charge) -> None:
        leased = charge.lease_id in self.sheet.locked.leases
        # What no lease names counts on its key's budgets: a group for each key.
        place = (charge.team_id, charge.lease_id if leased else f"-{charge.key_id}")
        group = self._groups.get(place)
        if group is None:
            group = self._groups[place] = self._new_group(charge)
        amount = charge.amount
        amount = 0 if amount < 0 else min(amount, MAX_CHARGE)
        cost = charge.provider_cost
        cost = 0 if cost < 0 else min(cost, MAX_CHARGE)
        promo = paid = overrun = fee = 0
        team = group.team
        if amount:
            if amount > group.remaining:
                overrun = amount - group.remaining
                group.overrun += overrun
            group.remaining -= amount - overrun
            fee = 0 if charge.fee < 0 else min(charge.fee, amount)
            promo, paid = team.spend(amount)
            group.amount += amount
            team.fee += fee
        if cost:
            provider = charge.provider or "unknown"
            team.costs[provider] = team.costs.get(provider, 0) + cost
        self.sheet.writes.settlements.append(
            SettlementRow(
                charge.request_id,
                team.entry_id if amount or cost else None,
                charge.team_id,
                charge.key_id,
                charge.user_id,
                charge.lease_id,
                group.row_set,
                amount,
                overrun,
                promo,
                paid,
                fee,
                charge.provider,
                cost,
                charge.cost_known,
                charge.ending,
                self._now_ns,
            )
        )
        day = min(max(0, charge.started_at_ns), self._now_ns) // _DAY_NS
        counted = self._usage.get((charge.key_id, day))
        if counted is None:
            self._usage[charge.key_id, day] = [amount, 1]
            self._users[charge.key_id] = (charge.team_id, charge.user_id)
        else:
            counted[0] += amount
            counted[1] += 1

    def _new_group(self, charge: Charge) -> _Group:
        lease = self.sheet.locked.leases.get(charge.lease_id)
        team = self._teams[charge.team_id]
        if lease is not None and lease.team_id == charge.team_id:
            remaining = 0 if lease.ended else lease.remaining
            return _Group(team, lease, lease.row_set, remaining)
        budgets = self._unleased.get(charge.key_id, ())
        for budget in budgets:
            current(self.sheet, budget)
        return _Group(team, None, remember_row_set(self.sheet, budgets), 0)

    def finish(self, ref: str) -> Settled:
        """Book what was added up. Return what moved."""
        periods: dict[str, list[int]] = {}
        for group in self._groups.values():
            group.team.amount += group.amount
            group.team.overrun += group.overrun
            covered = group.amount - group.overrun
            if group.lease is not None and covered:
                group.lease.settled += covered
                end_if_done(group.lease, self._now_ns)
                self.sheet.writes.lease_changes.append(settled_change(group.lease, covered))
            for row_id in self.sheet.locked.row_sets.get(group.row_set, ()):
                sums = periods.setdefault(row_id, [0, 0, 0])
                sums[0] += group.amount
                sums[1] -= covered
                sums[2] += group.overrun
        for (key_id, day), (amount, requests) in self._usage.items():
            row = UsageRow(key_id, day, *self._users[key_id], amount, requests)
            self.sheet.writes.usage.append(row)
        for team_id, team in self._teams.items():
            self._book(team, team_id, f"{ref}/{team_id}")
        return Settled(
            charged=sum(team.amount for team in self._teams.values()),
            overrun=sum(team.overrun for team in self._teams.values()),
            teams=[
                TeamTouch(team_id, team.before, self.sheet.team(team_id).total)
                for team_id, team in self._teams.items()
            ],
            periods=[self._touch(row_id, sums) for row_id, sums in periods.items() if sums[0]],
        )

    def _touch(self, row_id: str, sums: list[int]) -> PeriodTouch:
        row = self.sheet.locked.periods[row_id]
        before = row.spent
        row.spent += sums[0]
        row.leased += sums[1]
        row.overrun += sums[2]
        self.sheet.writes.period_changes.append(PeriodChange(row_id, *sums))
        return PeriodTouch(
            row_id, row.budget_id, row.team_id, row.mode, row.limit_nanos, before, row.spent
        )

    def _book(self, team: _Team, team_id: str, ref: str) -> None:
        covered = team.amount - team.overrun
        postings: list[Posting] = []
        for account, amount in (
            (Account(Role.HELD, team_id), -covered),
            (Account(Role.AVAILABLE, team_id), -team.overrun),
            (_USAGE, team.amount - team.fee),
            (_FEES, team.fee),
        ):
            if amount:
                postings.append(Posting(account, amount))
        for provider, cost in sorted(team.costs.items()):
            postings.append(Posting(Account(Role.COST, provider), -cost))
            postings.append(Posting(Account(Role.PAYABLE, provider), cost))
        if not postings:
            return
        entry = Entry(
            id=team.entry_id,
            kind=EntryKind.SETTLE,
            ref=ref,
            postings=tuple(postings),
            at_ns=self._now_ns,
            team_id=team_id,
            draws=tuple(Draw(g, a) for g, a in team.draws.items()),
        )
        self.sheet.book(entry)
