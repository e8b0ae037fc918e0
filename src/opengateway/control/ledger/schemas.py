"""What the money routes take and give. Amounts that are sent are decimal strings of US dollars."""

from __future__ import annotations

from typing import Annotated, Final

from pydantic import BaseModel, Field

from opengateway.control.bodies import AtNs, example, input_example
from opengateway.domain.errors import InvalidRequest
from opengateway.domain.ledger import MAX_AMOUNT, CreditKind, EntryKind
from opengateway.domain.money import usd_to_nanos
from opengateway.ports.ledger_book import Balance, Booked
from opengateway.ports.ledger_rows import GrantRow, StoredEntry

_HELD: Final = ("lease", "return")

Usd = Annotated[
    str,
    Field(
        min_length=1,
        max_length=24,
        pattern=r"^-?[0-9]{1,8}(\.[0-9]{1,9})?$",
        description="US dollars, a decimal with at most nine places.",
        examples=["12.50"],
    ),
]
Note = Annotated[
    str,
    # A store's text holds no NUL.
    Field(min_length=1, max_length=500, pattern=r"^[^\x00]+$", examples=["agreed with sales"]),
]
Id = Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9_-]+$")]
Ref = Annotated[
    str | None,
    Field(
        min_length=1,
        max_length=200,
        pattern=r"^[ -~]+$",
        description="Names this booking for ever: the same one is booked once. Left out: the "
        "request's `Idempotency-Key`, else a new one.",
        examples=["invoice-2026-0017"],
    ),
]


class NewGrant(BaseModel):
    """`source` `topup` is money that was paid, with `processor` naming through whom."""

    model_config = input_example(usd="12.50", note="trial", ref="trial-17")

    usd: Usd
    note: Note
    ref: Ref = None
    kind: CreditKind = Field(CreditKind.PROMO, strict=False)
    source: EntryKind = Field(EntryKind.GRANT, strict=False)
    processor: Id = "manual"
    fee_usd: Usd = "0"
    expires_at_ns: AtNs | None = None


class NewAdjustment(BaseModel):
    """Above 0 gives, below 0 takes what is available."""

    model_config = input_example(usd="-3.00", note="booked twice by hand", ref="ticket-99")

    usd: Usd
    note: Note
    ref: Ref = None
    kind: CreditKind = Field(CreditKind.PROMO, strict=False)
    expires_at_ns: AtNs | None = None


class NewRefund(BaseModel):
    """Of a payment (`grant_id`: money goes back to who paid) or of a charge (`request_id`: it becomes
    credit again). One of the two."""

    model_config = input_example(usd="5.00", note="asked for by mail", grant_id="crd_0193")

    usd: Usd
    note: Note
    ref: Ref = None
    grant_id: Id | None = None
    request_id: Id | None = None


class NewChargeback(BaseModel):
    """A payment that its payer took back. The balance may fall below 0."""

    model_config = input_example(usd="20.00", note="dispute 4711", grant_id="crd_0193")

    usd: Usd
    note: Note
    ref: Ref = None
    grant_id: Id


class NewOperatorGrant(NewGrant):
    model_config = input_example(team="default", usd="12.50", note="from the command line")

    team: str = Field(min_length=1, max_length=200, description="A team's id or name.")


class BookedView(BaseModel):
    """`again`: it was booked before, under the same ref."""

    model_config = example(
        entry_id="ent_0193", amount_nanos=12_500_000_000, grant_id="crd_0193", again=False
    )

    entry_id: str
    amount_nanos: int
    grant_id: str | None
    again: bool

    @classmethod
    def of(cls, booked: Booked) -> BookedView:
        return cls(
            entry_id=booked.entry_id,
            amount_nanos=booked.amount,
            grant_id=booked.grant_id,
            again=booked.again,
        )


class OperatorGrantView(BookedView):
    team_id: str


class GrantView(BaseModel):
    """A credit of which something is left, in the order in which they are spent."""

    id: str
    kind: CreditKind
    source: EntryKind
    amount_nanos: int
    remaining_nanos: int
    created_at_ns: int
    expires_at_ns: int | None

    @classmethod
    def of(cls, grant: GrantRow) -> GrantView:
        return cls(
            id=grant.id,
            kind=grant.kind,
            source=grant.source,
            amount_nanos=grant.amount,
            remaining_nanos=grant.remaining,
            created_at_ns=grant.created_at_ns,
            expires_at_ns=grant.expires_at_ns,
        )


class BalanceView(BaseModel):
    """`held` is what running requests may still cost. What is available and held together is what
    the credits have left; `debt_nanos` is what is owed where that is below 0."""

    model_config = example(
        team_id="team_0193",
        available_nanos=11_200_000_000,
        held_nanos=1_000_000_000,
        promo_nanos=2_200_000_000,
        paid_nanos=10_000_000_000,
        debt_nanos=0,
        total_credits_nanos=20_000_000_000,
        total_usage_nanos=7_800_000_000,
        frozen=False,
        grants=[],
    )

    team_id: str
    available_nanos: int
    held_nanos: int
    promo_nanos: int
    paid_nanos: int
    debt_nanos: int
    total_credits_nanos: int
    total_usage_nanos: int
    frozen: bool
    grants: list[GrantView]

    @classmethod
    def of(cls, balance: Balance, *, frozen: bool) -> BalanceView:
        return cls(
            team_id=balance.team_id,
            available_nanos=balance.available,
            held_nanos=balance.held,
            promo_nanos=balance.promo,
            paid_nanos=balance.paid,
            debt_nanos=balance.debt,
            total_credits_nanos=balance.total_credits,
            total_usage_nanos=balance.total_usage,
            frozen=frozen,
            grants=[GrantView.of(grant) for grant in balance.credits],
        )


class PostingView(BaseModel):
    account: str
    amount_nanos: int


class LedgerEntryView(BaseModel):
    """`amount_nanos` is what the team has more (or less) by it; leases move nothing in or out."""

    model_config = example(
        id="ent_0193",
        kind="grant",
        amount_nanos=12_500_000_000,
        at_ns=1_764_000_000_000_000_000,
        ref="trial-17",
        note="trial",
        subject_id="crd_0193",
        postings=[
            {"account": "team:team_0193:available", "amount_nanos": 12_500_000_000},
            {"account": "equity:grants", "amount_nanos": -12_500_000_000},
        ],
    )

    id: str
    kind: EntryKind
    amount_nanos: int
    at_ns: int
    ref: str | None
    note: str
    subject_id: str
    postings: list[PostingView]

    @classmethod
    def of(cls, entry: StoredEntry) -> LedgerEntryView:
        """What a team sees: its own accounts and what stands against them, not what we pay."""
        shown = [(a, n) for a, n in entry.postings if not a.startswith(("cost:", "payable:"))]
        own = sum(amount for account, amount in shown if account.startswith("team:"))
        internal = entry.kind in (EntryKind.SETTLE, EntryKind.EXPIRY) or entry.kind in _HELD
        return cls(
            id=entry.id,
            kind=entry.kind,
            amount_nanos=own,
            at_ns=entry.at_ns,
            ref=None if internal else entry.ref,
            note=entry.note,
            subject_id=entry.subject_id,
            postings=[PostingView(account=a, amount_nanos=n) for a, n in shown],
        )


def nanos_of(usd: str, *, param: str = "usd", signed: bool = False) -> int:
    """Exactly what was written. Raises `InvalidRequest`."""
    negative = usd.startswith("-")
    amount = int(usd_to_nanos(usd.removeprefix("-")))
    if (negative and not signed) or amount > MAX_AMOUNT:
        raise InvalidRequest(f"{param!r} must be 0 to {MAX_AMOUNT // 10**9} dollars", param=param)
    return -amount if negative else amount
