"""Money that comes and goes other than by use: credits, corrections, expiry.

A team's credits always add up to what it has (available and held). Where it owes, no credit has
anything left, and the next one pays the debt first.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from opengateway.domain.errors import Conflict, InsufficientFunds, InvalidRequest, NotFound
from opengateway.domain.ledger import (
    MAX_AMOUNT,
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
from opengateway.ledger.sheet import Sheet, draw, drawn, hash_of
from opengateway.ports.ledger_book import Ask, Booked, Credit, Part
from opengateway.ports.ledger_rows import GrantRow, LedgerRows, StoredEntry

_GRANTS: Final = Account(Role.GRANTS)
_WRITE_OFF: Final = Account(Role.WRITE_OFF)
_SOURCES: Final = (EntryKind.GRANT, EntryKind.TOPUP, EntryKind.REDEEM)


class NotEnough(InsufficientFunds):
    code = "insufficient_funds"


@dataclass(frozen=True, slots=True)
class _Booking:
    """One entry in the making: `input_hash` stands for what was asked."""

    kind: EntryKind
    team_id: str
    ask: Ask
    input_hash: str
    subject_id: str = ""


class CreditBook:
    """`Credits` (ports/ledger_book.py) on rows."""

    def __init__(self, rows: LedgerRows, clock: Clock, new_id: NewId) -> None:
        self._rows = rows
        self._clock = clock
        self._new_id = new_id

    async def add(self, credit: Credit, ask: Ask) -> Booked:
        _must_be_amount(credit.amount)
        if credit.source not in _SOURCES:
            raise InvalidRequest(f"{credit.source.value!r} is no source of credit", param="source")
        if not 0 <= credit.fee < credit.amount:
            raise InvalidRequest("'fee' must be less than 'amount'", param="fee")
        if credit.fee and credit.source is not EntryKind.TOPUP:
            raise InvalidRequest("only a topup has a fee", param="fee")
        booking = _Booking(credit.source, credit.team_id, ask, hash_of(credit, ask.note))
        sheet, before = await self._begin(booking)
        if before is not None:
            return _again(before)
        postings = [
            Posting(Account(Role.AVAILABLE, credit.team_id), credit.amount - credit.fee),
            Posting(_source(credit), -credit.amount),
        ]
        if credit.fee:
            postings.append(Posting(Account(Role.FEES), credit.fee))
        return await self._give(sheet, booking, postings, credit)

    async def adjust(
        self, team_id: str, amount: int, kind: CreditKind, expires_at_ns: int | None, ask: Ask
    ) -> Booked:
        _must_be_amount(abs(amount))
        asked = hash_of(team_id, amount, kind.value, expires_at_ns, ask.note)
        booking = _Booking(EntryKind.ADJUSTMENT, team_id, ask, asked)
        sheet, before = await self._begin(booking)
        if before is not None:
            return _again(before)
        available = Posting(Account(Role.AVAILABLE, team_id), amount)
        postings = [available, Posting(_WRITE_OFF, -amount)]
        if amount > 0:
            credit = Credit(team_id, amount, kind, EntryKind.ADJUSTMENT, "", expires_at_ns)
            return await self._give(sheet, booking, postings, credit)
        self._must_have(sheet, team_id, -amount)
        return await self._take(sheet, booking, postings, draw(sheet.grants(team_id), -amount))

    async def take_back(self, team_id: str, grant_id: str, ask: Ask) -> Booked | None:
        asked = hash_of("take_back", team_id, grant_id, ask.note)
        booking = _Booking(EntryKind.ADJUSTMENT, team_id, ask, asked, grant_id)
        sheet, before = await self._begin(booking)
        if before is not None:
            return _again(before)
        grant = await self._rows.grant(grant_id)
        if grant is None or grant.team_id != team_id or grant.kind is not CreditKind.PROMO:
            raise NotFound(f"there is no given credit {grant_id!r}", param="grant_id")
        free = next((left for g, left in not_held(sheet, team_id) if g.id == grant_id), 0)
        if free <= 0:
            return None
        postings = [Posting(Account(Role.AVAILABLE, team_id), -free), Posting(_GRANTS, free)]
        return await self._take(sheet, booking, postings, (Draw(grant_id, free),))

    async def refund_payment(self, team_id: str, grant_id: str, amount: int, ask: Ask) -> Booked:
        asked = hash_of("payment", team_id, grant_id, amount, ask.note)
        booking = _Booking(EntryKind.REFUND, team_id, ask, asked, grant_id)
        sheet, grant, before = await self._of_payment(booking, amount)
        if before is not None:
            return _again(before)
        left = next((g.remaining for g in sheet.grants(team_id) if g.id == grant_id), 0)
        if left < amount:
            raise Conflict(
                f"of credit {grant_id!r} only {left} nano-dollars are left", param="amount"
            )
        self._must_have(sheet, team_id, amount)
        postings = [
            Posting(Account(Role.AVAILABLE, team_id), -amount),
            Posting(Account(Role.CASH, grant.source_id), amount),
        ]
        return await self._take(sheet, booking, postings, (Draw(grant_id, amount),))

    async def charge_back(self, team_id: str, grant_id: str, amount: int, ask: Ask) -> Booked:
        asked = hash_of(team_id, grant_id, amount, ask.note)
        booking = _Booking(EntryKind.CHARGEBACK, team_id, ask, asked, grant_id)
        sheet, grant, before = await self._of_payment(booking, amount)
        if before is not None:
            return _again(before)
        if amount > grant.amount - await self._rows.given_back(grant_id):
            raise Conflict(f"that is more than credit {grant_id!r} still was", param="amount")
        postings = [
            Posting(Account(Role.AVAILABLE, team_id), -amount),
            Posting(Account(Role.CASH, grant.source_id), amount),
        ]
        # Out of the payment itself first; then out of whatever there is.
        grants = sorted(sheet.grants(team_id), key=lambda g: g.id != grant_id)
        return await self._take(sheet, booking, postings, draw(grants, amount))

    async def refund_charge(self, team_id: str, request_id: str, amount: int, ask: Ask) -> Booked:
        _must_be_amount(amount)
        asked = hash_of("charge", team_id, request_id, amount, ask.note)
        booking = _Booking(EntryKind.REFUND, team_id, ask, asked, request_id)
        sheet, before = await self._begin(booking)
        if before is not None:
            return _again(before)
        charged = await self._rows.settlement(request_id)
        if charged is None or charged.team_id != team_id:
            raise NotFound(f"there is no charge of request {request_id!r}", param="request_id")
        left = charged.amount - await self._rows.given_back(request_id)
        if amount > left:
            raise Conflict(f"of this charge only {left} nano-dollars are left", param="amount")
        # As good as it was: bought money comes back as such only where all of it was bought.
        kind = CreditKind.PAID if charged.paid == charged.amount else CreditKind.PROMO
        postings = [
            Posting(Account(Role.AVAILABLE, team_id), amount),
            Posting(Account(Role.USAGE), -amount),
        ]
        credit = Credit(team_id, amount, kind, EntryKind.REFUND, request_id)
        return await self._give(sheet, booking, postings, credit)

    async def charge_fee(self, team_id: str, amount: int, ask: Ask) -> Booked:
        _must_be_amount(amount)
        booking = _Booking(EntryKind.FEE, team_id, ask, hash_of(team_id, amount, ask.note))
        sheet, before = await self._begin(booking)
        if before is not None:
            return _again(before)
        self._must_have(sheet, team_id, amount)
        postings = [
            Posting(Account(Role.AVAILABLE, team_id), -amount),
            Posting(Account(Role.FEES), amount),
        ]
        return await self._take(sheet, booking, postings, draw(sheet.grants(team_id), amount))

    async def write_off(self, team_id: str, ask: Ask) -> Booked:
        booking = _Booking(EntryKind.WRITE_OFF, team_id, ask, hash_of(team_id, ask.note))
        sheet, before = await self._begin(booking)
        if before is not None:
            return _again(before)
        debt = -sheet.team(team_id).total
        if debt <= 0:
            raise Conflict(f"team {team_id!r} owes nothing")
        postings = [Posting(Account(Role.AVAILABLE, team_id), debt), Posting(_WRITE_OFF, -debt)]
        return await self._take(sheet, booking, postings, ())

    async def move_out(self, team_id: str, zone: str, ask: Ask) -> Sequence[Part]:
        asked = hash_of("out", team_id, zone)
        booking = _Booking(EntryKind.MOVE, team_id, ask, asked, zone)
        sheet, before = await self._begin(booking)
        if before is not None:
            return ()
        team, grants = sheet.team(team_id), sheet.grants(team_id)
        if team.held:
            raise Conflict(
                f"{team.held} nano-dollars are held for requests that are not settled yet; try"
                " again in a moment",
                code="balance_held",
            )
        if team.available < 0:
            raise Conflict(
                f"the team owes {-team.available} nano-dollars; let it pay, or write them off",
                code="team_owes",
            )
        if not team.available:
            return ()
        postings = [
            Posting(Account(Role.AVAILABLE, team_id), -team.available),
            Posting(Account(Role.TRANSFER, zone), team.available),
        ]
        parts = [Part(g.kind, g.remaining, g.expires_at_ns) for g in grants]
        await self._take(sheet, booking, postings, draw(grants, team.available))
        return parts

    async def move_in(self, team_id: str, zone: str, part: Part, ask: Ask) -> Booked:
        _must_be_amount(part.amount)
        asked = hash_of("in", team_id, zone, part.kind.value, part.amount, part.expires_at_ns)
        booking = _Booking(EntryKind.MOVE, team_id, ask, asked)
        sheet, before = await self._begin(booking)
        if before is not None:
            return _again(before)
        postings = [
            Posting(Account(Role.AVAILABLE, team_id), part.amount),
            Posting(Account(Role.TRANSFER, zone), -part.amount),
        ]
        expires = part.expires_at_ns
        credit = Credit(team_id, part.amount, part.kind, EntryKind.MOVE, zone, expires)
        return await self._give(sheet, booking, postings, credit)

    async def expire(self, limit: int) -> int:
        now_ns = self._clock.now_ns()
        teams = await self._rows.teams_with_expired_grants(now_ns, limit)
        if not teams:
            return 0
        sheet = Sheet(await self._rows.lock(sorted(teams)))
        count = sum(expire_due(sheet, team_id, now_ns, self._new_id) for team_id in sorted(teams))
        await self._rows.write(sheet.writes)
        return count

    async def _of_payment(
        self, booking: _Booking, amount: int
    ) -> tuple[Sheet, GrantRow, StoredEntry | None]:
        """Raises `NotFound` where the credit is not a topup of this team."""
        _must_be_amount(amount)
        sheet, before = await self._begin(booking)
        grant = await self._rows.grant(booking.subject_id)
        if grant is None or grant.team_id != booking.team_id or grant.source is not EntryKind.TOPUP:
            raise NotFound(f"there is no payment {booking.subject_id!r}", param="grant_id")
        return sheet, grant, before

    async def _begin(self, booking: _Booking) -> tuple[Sheet, StoredEntry | None]:
        locked = await self._rows.lock(
            (booking.team_id,), kind=booking.kind, refs=(booking.ask.ref,)
        )
        sheet = Sheet(locked)
        return sheet, sheet.booked_before(booking.ask.ref, booking.input_hash)

    def _must_have(self, sheet: Sheet, team_id: str, amount: int) -> None:
        available = sheet.team(team_id).available
        if available < amount:
            raise NotEnough(f"only {available} nano-dollars are available", param="amount")

    async def _give(
        self, sheet: Sheet, booking: _Booking, postings: list[Posting], credit: Credit
    ) -> Booked:
        """Book what makes a credit. What the team owes is paid out of it at once."""
        debt = max(0, -sheet.team(credit.team_id).total)
        entry_id = self._new_id("ent_")
        amount = credit.amount - credit.fee
        grant = GrantRow(
            id=self._new_id("crd_"),
            team_id=credit.team_id,
            kind=credit.kind,
            amount=amount,
            remaining=amount,
            expires_at_ns=credit.expires_at_ns,
            source=credit.source,
            source_id=credit.source_id,
            entry_id=entry_id,
            created_at_ns=self._clock.now_ns(),
        )
        sheet.add_grant(grant)
        draws = (Draw(grant.id, min(debt, amount)),) if debt else ()
        return await self._write(sheet, booking, postings, draws, entry_id, grant)

    async def _take(
        self, sheet: Sheet, booking: _Booking, postings: list[Posting], draws: tuple[Draw, ...]
    ) -> Booked:
        return await self._write(sheet, booking, postings, draws, self._new_id("ent_"), None)

    async def _write(
        self,
        sheet: Sheet,
        booking: _Booking,
        postings: list[Posting],
        draws: tuple[Draw, ...],
        entry_id: str,
        grant: GrantRow | None,
    ) -> Booked:
        entry = Entry(
            id=entry_id,
            kind=booking.kind,
            ref=booking.ask.ref,
            postings=tuple(postings),
            at_ns=self._clock.now_ns(),
            team_id=booking.team_id,
            actor=booking.ask.by,
            note=booking.ask.note,
            input_hash=booking.input_hash,
            subject_id=booking.subject_id or (grant.id if grant else ""),
            draws=draws,
        )
        sheet.book(entry)
        await self._rows.write(sheet.writes)
        return Booked(entry.id, entry.amount, grant.id if grant else None)


def expire_due(sheet: Sheet, team_id: str, now_ns: int, new_id: NewId) -> int:
    """Book the end of what has expired, but for what is held: that counts as held of the credits
    that are spent first, and goes once it is back. Return how many credits lost something."""
    draws: list[Draw] = []
    for grant, free in not_held(sheet, team_id):
        if grant.expires_at_ns is None or grant.expires_at_ns > now_ns:
            break  # nothing later in this order has expired
        if free > 0:
            draws.append(Draw(grant.id, free))
    if not draws:
        return 0
    gone = drawn(draws)
    entry_id = new_id("ent_")
    sheet.book(
        Entry(
            id=entry_id,
            kind=EntryKind.EXPIRY,
            ref=entry_id,
            postings=(
                Posting(Account(Role.AVAILABLE, team_id), -gone),
                Posting(_GRANTS, gone),
            ),
            at_ns=now_ns,
            team_id=team_id,
            draws=tuple(draws),
        )
    )
    return len(draws)


def not_held(sheet: Sheet, team_id: str) -> Iterator[tuple[GrantRow, int]]:
    """Each credit, in the order of spending, with what of it no lease holds: what is held counts as
    held of the credits that are spent first."""
    held = sheet.team(team_id).held
    for grant in sheet.grants(team_id):
        kept = min(grant.remaining, held)
        held -= kept
        yield grant, grant.remaining - kept


def _source(credit: Credit) -> Account:
    if credit.source is EntryKind.TOPUP:
        return Account(Role.CASH, credit.source_id or "manual")
    return _GRANTS


def _must_be_amount(amount: int) -> None:
    if type(amount) is not int or not 0 < amount <= MAX_AMOUNT:
        raise InvalidRequest(
            f"an amount is 1 to {MAX_AMOUNT} nano-dollars, not {amount!r}", param="amount"
        )


def _again(entry: StoredEntry) -> Booked:
    grant_id = entry.subject_id if entry.subject_id.startswith("crd_") else None
    return Booked(entry.id, entry.amount, grant_id, again=True)
