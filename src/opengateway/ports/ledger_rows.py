"""The ledger's store: rows that are read under a lock, and one list of changes (ledger/, infra/ledger_book).

The rules stand in `ledger/`; the store enforces them once more where it can (constraints, triggers).
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

import msgspec

from opengateway.domain.budgets import BudgetMode, BudgetRow
from opengateway.domain.ledger import CreditKind, Entry, EntryKind, LeaseState


@dataclass(slots=True)
class TeamRow:
    """A team's money. Locking it is locking everything of the team."""

    team_id: str
    available: int = 0
    held: int = 0

    @property
    def total(self) -> int:
        """What it has; below 0, what it owes."""
        return self.available + self.held


@dataclass(slots=True)
class GrantRow:
    """A credit, of which `remaining` is not spent. `source` is the kind of the entry that made it."""

    id: str
    team_id: str
    kind: CreditKind
    amount: int
    remaining: int
    expires_at_ns: int | None
    source: EntryKind
    source_id: str
    """The topup's processor, the redeemed code, the request that was given back."""
    entry_id: str
    created_at_ns: int


@dataclass(slots=True)
class LeaseRow:
    """What a gateway may spend of a team's money for one key, charged to the budgets of `row_set`."""

    id: str
    gateway: str
    team_id: str
    key_id: str
    user_id: str | None
    row_set: str
    amount: int
    expires_at_ns: int
    created_at_ns: int
    ends_at_ns: int | None = None
    """The end of the nearest budget period: no new hold is to be put on it after that."""
    settled: int = 0
    returned: int = 0
    state: LeaseState = LeaseState.OPEN
    return_seq: int = 0
    closed_at_ns: int | None = None

    @property
    def remaining(self) -> int:
        return self.amount - self.settled - self.returned

    @property
    def ended(self) -> bool:
        return self.state in (LeaseState.CLOSED, LeaseState.EXPIRED)


@dataclass(slots=True)
class PeriodRow:
    """A budget in one of its periods. `overrun` is the part of `spent` that no lease had covered.

    `ceiling` is the highest limit that was in force while the row was there: what I9 is held to.
    """

    id: str
    budget_id: str
    team_id: str
    mode: BudgetMode
    limit_nanos: int
    ceiling: int
    spent: int = 0
    leased: int = 0
    overrun: int = 0

    @property
    def left(self) -> int:
        return self.limit_nanos - self.spent - self.leased


class SettlementRow(NamedTuple):
    """One opened request, as it was charged. `overrun` is what its lease did not cover; what is in
    neither `promo` nor `paid` was more than the team had."""

    request_id: str
    entry_id: str | None
    team_id: str
    key_id: str
    user_id: str | None
    lease_id: str
    row_set: str
    amount: int
    overrun: int
    promo: int
    paid: int
    fee: int
    provider: str | None
    provider_cost: int
    cost_known: bool
    ending: str
    at_ns: int


class UsageRow(NamedTuple):
    """What a key spent on one day of UTC, counted in days since 1970."""

    key_id: str
    day: int
    team_id: str
    user_id: str | None
    amount: int
    requests: int


class StoredEntry(msgspec.Struct, frozen=True):
    """An entry as it was booked. `postings` are (account, amount)."""

    seq: int
    id: str
    kind: EntryKind
    ref: str
    input_hash: str
    team_id: str
    subject_id: str
    amount: int
    at_ns: int
    actor: str
    note: str
    postings: tuple[tuple[str, int], ...] = ()


@dataclass(slots=True)
class Locked:
    """What was asked for, all of it locked through its team until the transaction ends.

    `grants` are those of the teams that are not used up, `periods` and `row_sets` those that were
    named and those of the leases.
    """

    teams: dict[str, TeamRow]
    grants: dict[str, list[GrantRow]]
    leases: dict[str, LeaseRow]
    row_sets: dict[str, tuple[str, ...]]
    periods: dict[str, PeriodRow]
    entries: dict[str, StoredEntry]
    """By `ref`, of the one kind that was asked for."""


class LeaseChange(NamedTuple):
    """Added to what stands there; `state` and the rest replace it."""

    lease_id: str
    amount: int
    settled: int
    returned: int
    state: LeaseState
    expires_at_ns: int
    return_seq: int
    closed_at_ns: int | None


class PeriodChange(NamedTuple):
    """Added to what stands there."""

    period_row_id: str
    spent: int
    leased: int
    overrun: int


@dataclass(slots=True)
class Writes:
    """Everything that one step of the book changes, written together, in this order."""

    grants: list[GrantRow] = field(default_factory=list)
    entries: list[Entry] = field(default_factory=list)
    periods: list[PeriodRow] = field(default_factory=list)
    """New, or with another limit or mode."""
    period_changes: list[PeriodChange] = field(default_factory=list)
    row_sets: dict[str, tuple[str, ...]] = field(default_factory=dict)
    leases: list[LeaseRow] = field(default_factory=list)
    lease_changes: list[LeaseChange] = field(default_factory=list)
    settlements: list[SettlementRow] = field(default_factory=list)
    usage: list[UsageRow] = field(default_factory=list)


class LedgerRows(Protocol):
    """Bound to the caller's transaction. No balance is ever written: the store adds up postings."""

    async def lock(
        self,
        team_ids: Sequence[str],
        *,
        lease_ids: Sequence[str] = (),
        budgets: Sequence[BudgetRow] = (),
        kind: EntryKind | None = None,
        refs: Sequence[str] = (),
    ) -> Locked:
        """Lock teams, in the order of their ids, then read. A team that is not there is made."""
        ...

    async def write(self, writes: Writes) -> None:
        """Raises `Conflict` where another transaction used a `ref` meanwhile, and the store's own
        error where a rule would be broken."""
        ...

    async def mark_billing(self, on: bool) -> None:
        """From here on requests must have settlements, or need not. Saying it twice changes nothing."""
        ...

    async def team(self, team_id: str) -> TeamRow:
        """Without a lock; zeros where it has none."""
        ...

    async def grants_of(self, team_id: str) -> Sequence[GrantRow]:
        """What is not used up."""
        ...

    async def grant(self, grant_id: str) -> GrantRow | None: ...

    async def settlement(self, request_id: str) -> SettlementRow | None: ...

    async def given_back(self, subject_id: str) -> int:
        """How much of a request's charge, or of a payment, was refunded or charged back already."""
        ...

    async def leases(self, lease_ids: Sequence[str]) -> Sequence[LeaseRow]:
        """Without a lock. What is not there is left out."""
        ...

    async def entries_of(self, team_id: str, *, before: int, limit: int) -> Sequence[StoredEntry]:
        """Newest first, those with a `seq` below `before`."""
        ...

    async def totals_of(self, team_id: str) -> tuple[int, int]:
        """All that came in as credit, and all that was charged."""
        ...

    async def totals(self) -> tuple[int, int, int, int]:
        """Of all teams: available, held, what is owed; and how many leases have not ended."""
        ...

    async def open_leases(
        self,
        *,
        team_id: str | None = None,
        gateway: str | None = None,
        expired_before_ns: int | None = None,
        limit: int,
    ) -> Sequence[LeaseRow]:
        """Leases that have not ended, oldest expiry first; without a lock."""
        ...

    async def teams_with_expired_grants(self, now_ns: int, limit: int) -> Sequence[str]: ...

    async def usage_of(self, key_id: str, since_day: int) -> int: ...

    async def use_by_key(
        self, team_id: str, first_day: int, after_day: int
    ) -> Sequence[tuple[str, int, int]]:
        """Key, amount, requests."""
        ...

    async def bought(self, team_ids: Sequence[str]) -> Sequence[str]: ...

    async def periods_of(self, period_row_ids: Sequence[str]) -> Sequence[PeriodRow]: ...

    def scan(self, what: str) -> AsyncIterator[Sequence[Any]]:
        """The rows of one check of `ledger/invariants`, in its order, a page at a time in memory."""
        ...
