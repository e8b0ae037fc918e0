"""Control's side of money: the ledger, bound to the caller's unit of work (decision 10).

Nothing here commits, and nothing here is seen by others before the caller commits. Every method that
books takes a `ref`: the same `ref` with the same input books nothing again and answers the same; with
another input it raises `Conflict`.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping, Sequence
from typing import NamedTuple, Protocol

import msgspec

from opengateway.domain.budgets import BudgetMode, BudgetRow
from opengateway.domain.ledger import CreditKind, EntryKind
from opengateway.ports.ledger_rows import GrantRow, LeaseRow, PeriodRow, StoredEntry


class Ask(NamedTuple):
    """Who asks for what. `by` is the actor as it is kept, `ref` the idempotency reference."""

    ref: str
    by: str
    note: str = ""


class Booked(msgspec.Struct, frozen=True):
    """`again`: it was booked before, by the same `ref`."""

    entry_id: str
    amount: int
    grant_id: str | None = None
    again: bool = False


class Credit(msgspec.Struct, frozen=True):
    """A credit to be given. `source` is grant, topup or redeem; `source_id` names the payment
    processor of a topup, or the code that was redeemed. `fee` is kept of a topup's amount."""

    team_id: str
    amount: int
    kind: CreditKind
    source: EntryKind = EntryKind.GRANT
    source_id: str = ""
    expires_at_ns: int | None = None
    fee: int = 0


class Part(msgspec.Struct, frozen=True):
    """What was left of one credit when its team moved."""

    kind: CreditKind
    amount: int
    expires_at_ns: int | None = None


class Credits(Protocol):
    """Money that comes and goes other than by use."""

    async def add(self, credit: Credit, ask: Ask) -> Booked: ...

    async def adjust(
        self, team_id: str, amount: int, kind: CreditKind, expires_at_ns: int | None, ask: Ask
    ) -> Booked:
        """Give (above 0) or take (below 0). Raises `InsufficientFunds` where less is available."""
        ...

    async def take_back(self, team_id: str, grant_id: str, ask: Ask) -> Booked | None:
        """Take of a credit that was given, or redeemed, what is left of it and not held: never
        anything of another credit. None where that is nothing. Raises `NotFound` for a credit
        that was bought or is not the team's."""
        ...

    async def refund_payment(self, team_id: str, grant_id: str, amount: int, ask: Ask) -> Booked:
        """Pay back of a topup what is left of it. Raises `NotFound`, `Conflict` where less is left,
        `InsufficientFunds`."""
        ...

    async def refund_charge(self, team_id: str, request_id: str, amount: int, ask: Ask) -> Booked:
        """Give a request's charge back, or a part of it. Raises `NotFound`, `Conflict` past it."""
        ...

    async def charge_back(self, team_id: str, grant_id: str, amount: int, ask: Ask) -> Booked:
        """A payment was taken from us: it goes, even below 0. Raises `NotFound`, `Conflict`."""
        ...

    async def charge_fee(self, team_id: str, amount: int, ask: Ask) -> Booked:
        """Raises `InsufficientFunds`."""
        ...

    async def write_off(self, team_id: str, ask: Ask) -> Booked:
        """Bear what the team owes. Raises `Conflict` where it owes nothing."""
        ...

    async def move_out(self, team_id: str, zone: str, ask: Ask) -> Sequence[Part]:
        """Take all of a team's credits, for another zone. Raises `Conflict` while something is held
        of them, or the team owes. Once: a repetition answers nothing."""
        ...

    async def move_in(self, team_id: str, zone: str, part: Part, ask: Ask) -> Booked:
        """Give one credit that came from another zone, as it was there."""
        ...

    async def expire(self, limit: int) -> int:
        """Take what has expired and is not held, of at most `limit` teams. How many credits."""
        ...


class LeaseAsk(NamedTuple):
    """`least` is granted or refused; more is granted up to `amount`. `budgets`: what the key's
    spending counts on. `lease_id`: one to be topped up, where that is still possible."""

    ask_id: str
    team_id: str
    key_id: str
    user_id: str | None
    lease_id: str | None
    amount: int
    least: int
    budgets: Sequence[BudgetRow]


class Leased(msgspec.Struct, frozen=True, omit_defaults=False):
    """`direct`: little is left, so that no more than `least` was given. `ends_at_ns`: when the
    nearest budget period ends; a new hold after that is to be put on a new lease."""

    ask_id: str
    lease_id: str
    granted: int
    expires_at_ns: int
    ends_at_ns: int | None
    available_nanos: int
    promo_only: bool
    direct: bool


class LeaseRefusal(msgspec.Struct, frozen=True):
    code: str
    """insufficient_funds or budget_exceeded; of control itself: team_frozen, key_not_usable."""
    message: str
    row: str
    """The broadest row that was short: `balance`, `key limit`, `monthly team budget`, ..."""
    available_nanos: int


class LeaseRefused(msgspec.Struct, frozen=True):
    ask_id: str
    refused: LeaseRefusal


LeaseAnswer = Leased | LeaseRefused


class LeaseReturn(msgspec.Struct, frozen=True):
    """`seq` grows with every return of one lease; one that is not above the last is a repetition."""

    lease_id: str
    amount: int
    closed: bool
    seq: int


class Renewal(msgspec.Struct, frozen=True):
    expires_at_ns: int
    gone: Sequence[str]
    """Leases that have ended, or whose budget period has: no new hold may be put on them."""


class Leases(Protocol):
    async def take(self, gateway: str, asks: Sequence[LeaseAsk]) -> Sequence[LeaseAnswer]:
        """Each ask wholly or not at all, in order; a refused one changes nothing."""
        ...

    async def give_back(self, gateway: str, returns: Sequence[LeaseReturn]) -> Sequence[str]:
        """The teams that have more available now."""
        ...

    async def renew(self, gateway: str, lease_ids: Sequence[str]) -> Renewal: ...

    async def to_recall(self, team_id: str, *, besides: str | None, limit: int) -> Sequence[str]:
        """Leases of the team that may have something left."""
        ...

    async def close_gateway(self, gateway: str) -> int:
        """A gateway is finished and its journal settled: return what its leases have left."""
        ...

    async def sweep(self, alive: Mapping[str, int], limit: int) -> int:
        """Return what expired leases have left. `alive`: when each gateway was last heard of."""
        ...


class Charge(NamedTuple):
    """An opened request that ended. `amount` 0 is charged nothing, and is written down all the same."""

    request_id: str
    team_id: str
    key_id: str
    user_id: str | None
    lease_id: str
    amount: int
    fee: int
    provider: str | None
    provider_cost: int
    cost_known: bool
    ending: str
    started_at_ns: int


class PeriodTouch(NamedTuple):
    """What a budget's period was at before and after: for alerts, in the same transaction."""

    period_row_id: str
    budget_id: str
    team_id: str
    mode: BudgetMode
    limit_nanos: int
    before: int
    after: int


class TeamTouch(NamedTuple):
    """What a team had, held included, before and after."""

    team_id: str
    before: int
    after: int


class Settled(msgspec.Struct, frozen=True):
    charged: int
    overrun: int
    teams: Sequence[TeamTouch]
    periods: Sequence[PeriodTouch]


BudgetsOf = Callable[[Sequence[Charge]], Awaitable[Mapping[str, Sequence[BudgetRow]]]]
"""By key, the budgets that count what no lease names."""


class Settlements(Protocol):
    async def settle(self, charges: Sequence[Charge], ref: str, budgets_of: BudgetsOf) -> Settled:
        """Book requests that were not booked before. `ref` names this very batch.

        `budgets_of` is asked for charges whose lease is not known; there are none, as a rule.
        """
        ...

    async def mark_billing(self, on: bool) -> None:
        """Said at each start: requests from here on are settled, or are not."""
        ...


class Balance(msgspec.Struct, frozen=True):
    """`debt` is what the team owes. `credits` are those that are not used up."""

    team_id: str
    available: int
    held: int
    promo: int
    paid: int
    debt: int
    total_credits: int
    total_usage: int
    credits: Sequence[GrantRow]


class KeyUsage(msgspec.Struct, frozen=True):
    day: int
    week: int
    month: int
    lifetime: int


class LedgerTotals(NamedTuple):
    """Of all teams together. `debt` is what those owe that have less than nothing."""

    available: int
    held: int
    debt: int
    open_leases: int


class Statements(Protocol):
    async def totals(self) -> LedgerTotals: ...

    async def balance(self, team_id: str) -> Balance: ...

    async def entries(self, team_id: str, *, before: int, limit: int) -> Sequence[StoredEntry]:
        """Newest first."""
        ...

    async def usage(self, key_id: str) -> KeyUsage: ...

    async def use_by_key(
        self, team_id: str, first_day: int, after_day: int
    ) -> Sequence[tuple[str, int, int]]:
        """Key, nano-dollars, requests; from a day up to another one, in days of UTC since 1970."""
        ...

    async def bought(self, team_ids: Sequence[str]) -> Collection[str]:
        """Those that ever bought credit."""
        ...

    async def periods(self, period_row_ids: Sequence[str]) -> Mapping[str, PeriodRow]: ...

    async def open_leases(self, team_id: str, limit: int) -> Sequence[LeaseRow]: ...

    def verify(
        self, only: Sequence[str] = (), *, attentive_since_ns: int = 0
    ) -> AsyncIterator[Violation]:
        """Every broken invariant of the store, of all or of those named. Reads it all, in pages.

        `attentive_since_ns`: a lease cannot be late in ending for a time when nobody was there.
        """
        ...


class Violation(msgspec.Struct, frozen=True):
    """`invariant` is `I1` and so on; `subject` is the row at fault."""

    invariant: str
    subject: str
    detail: str


class LedgerBook(Protocol):
    """All of it, on one transaction."""

    @property
    def credits(self) -> Credits: ...
    @property
    def leases(self) -> Leases: ...
    @property
    def settlements(self) -> Settlements: ...
    @property
    def statements(self) -> Statements: ...
