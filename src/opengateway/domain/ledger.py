"""What the ledger is made of: accounts, balanced entries, credits, leases (decisions 10 to 16).

Amounts are nano-dollars with a sign, credit positive: what a team has, what we earn and what we owe
grow upwards; what we own, spend or give away goes down. An `Entry` that does not balance, or that
books its kind in a way that this kind never has, cannot be made.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

MAX_AMOUNT: Final = 10**16
"""The most that one entry may move for a person: 10 million US dollars."""
MAX_CHARGE: Final = 10**15
"""The most that one request may cost. Sums of a push stay far below what a 64-bit column holds."""


class EntryKind(StrEnum):
    GRANT = "grant"
    TOPUP = "topup"
    REDEEM = "redeem"
    ADJUSTMENT = "adjustment"
    REFUND = "refund"
    CHARGEBACK = "chargeback"
    FEE = "fee"
    LEASE = "lease"
    RETURN = "return"
    SETTLE = "settle"
    EXPIRY = "expiry"
    WRITE_OFF = "write_off"
    MOVE = "move"
    """To another zone, or from it: what both book adds up to 0."""


class CreditKind(StrEnum):
    """Where a credit came from. `promo` was given, `paid` was bought."""

    PROMO = "promo"
    PAID = "paid"


class LeaseState(StrEnum):
    OPEN = "open"
    CLOSING = "closing"  # its gateway wants no more of it; what it spent is still on the way here
    CLOSED = "closed"  # settled + returned = amount, for good
    EXPIRED = "expired"  # the same, by the sweeper


class Role(StrEnum):
    """What an account is for. A team has the first two; the rest are the house's."""

    AVAILABLE = "available"
    HELD = "held"
    USAGE = "revenue:usage"
    FEES = "revenue:fee"
    GRANTS = "equity:grants"
    CASH = "cash"
    WRITE_OFF = "expense:write_off"
    COST = "cost"
    PAYABLE = "payable"
    TRANSFER = "transfer"


@dataclass(frozen=True, slots=True)
class Account:
    """`owner` is the team, the payment processor, the provider or the zone whose account it is."""

    role: Role
    owner: str = ""

    @property
    def name(self) -> str:
        if self.role in _OF_TEAMS:
            return f"team:{self.owner}:{self.role.value}"
        return f"{self.role.value}:{self.owner}" if self.owner else self.role.value

    @property
    def team_id(self) -> str | None:
        return self.owner if self.role in _OF_TEAMS else None


_OF_TEAMS: Final = frozenset((Role.AVAILABLE, Role.HELD))
_EITHER: Final = 0
_SHAPES: Final[Mapping[EntryKind, Mapping[Role, int]]] = {
    EntryKind.GRANT: {Role.GRANTS: -1, Role.AVAILABLE: +1},
    EntryKind.TOPUP: {Role.CASH: -1, Role.AVAILABLE: +1, Role.FEES: +1},
    EntryKind.REDEEM: {Role.GRANTS: -1, Role.AVAILABLE: +1},
    EntryKind.ADJUSTMENT: {
        Role.WRITE_OFF: _EITHER,
        Role.AVAILABLE: _EITHER,
        Role.GRANTS: +1,  # what was given and is taken back
    },
    EntryKind.REFUND: {
        # of a payment: available to cash; of a charge: revenue to available
        Role.AVAILABLE: _EITHER,
        Role.CASH: +1,
        Role.USAGE: -1,
    },
    EntryKind.CHARGEBACK: {Role.AVAILABLE: -1, Role.CASH: +1},
    EntryKind.FEE: {Role.AVAILABLE: -1, Role.FEES: +1},
    EntryKind.LEASE: {Role.AVAILABLE: -1, Role.HELD: +1},
    EntryKind.RETURN: {Role.HELD: -1, Role.AVAILABLE: +1},
    EntryKind.SETTLE: {
        Role.HELD: -1,
        Role.AVAILABLE: -1,  # an overrun: what no lease covers
        Role.USAGE: +1,
        Role.FEES: +1,
        Role.COST: -1,
        Role.PAYABLE: +1,
    },
    EntryKind.EXPIRY: {Role.AVAILABLE: -1, Role.GRANTS: +1},
    EntryKind.WRITE_OFF: {Role.WRITE_OFF: -1, Role.AVAILABLE: +1},
    EntryKind.MOVE: {Role.AVAILABLE: _EITHER, Role.TRANSFER: _EITHER},
}
"""Which accounts each kind books, and in which direction."""

MAY_OVERDRAW: Final = frozenset((EntryKind.SETTLE, EntryKind.CHARGEBACK))
"""What is a fact already when it is booked: it may take what is available below 0. Nothing else."""


class Unbalanced(ValueError):
    """A bug of ours: the entry must not be booked."""


@dataclass(frozen=True, slots=True)
class Posting:
    account: Account
    amount: int

    def __post_init__(self) -> None:
        if type(self.amount) is not int or self.amount == 0:
            raise Unbalanced(f"{self.account.name} is to be booked {self.amount!r}")


@dataclass(frozen=True, slots=True)
class Draw:
    """What an entry takes out of one credit. Never put back: a correction is a new credit."""

    grant_id: str
    amount: int

    def __post_init__(self) -> None:
        if type(self.amount) is not int or self.amount <= 0:
            raise Unbalanced(f"{self.grant_id} is to be drawn {self.amount!r}")


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing that happened to money. `ref` says which, once for ever: (kind, ref) is unique.

    `input_hash` stands for what was asked, so that the same `ref` with another input is refused.
    Raises `Unbalanced`.
    """

    id: str
    kind: EntryKind
    ref: str
    postings: tuple[Posting, ...]
    at_ns: int
    team_id: str
    actor: str = ""
    note: str = ""
    input_hash: str = ""
    subject_id: str = ""
    """The lease, the credit or the request that it is about."""
    draws: tuple[Draw, ...] = field(default=())

    def __post_init__(self) -> None:
        if len(self.postings) < 2 or sum(p.amount for p in self.postings) != 0:
            raise Unbalanced(f"{self.kind.value} {self.ref!r} does not balance")
        shape = _SHAPES[self.kind]
        seen: set[Account] = set()
        for posting in self.postings:
            account = posting.account
            sign = shape.get(account.role)
            if sign is None or sign * posting.amount < 0 or account in seen:
                raise Unbalanced(f"{self.kind.value} {self.ref!r} books {account.name} wrongly")
            if account.team_id not in (None, self.team_id):
                raise Unbalanced(f"{self.kind.value} {self.ref!r} books {account.name}: foreign")
            seen.add(account)

    @property
    def amount(self) -> int:
        """What it moved, without a sign."""
        return sum(p.amount for p in self.postings if p.amount > 0)

    def overdraws(self, posting: Posting) -> bool:
        """Whether `posting` may take its account below 0."""
        return posting.account.role is Role.AVAILABLE and self.kind in MAY_OVERDRAW
