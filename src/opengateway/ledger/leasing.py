"""Leases: what a gateway may spend without asking (decision 11).

A lease moves money from available to held and reserves it in every budget of its key, or does nothing.
What it covers was therefore there; what it does not cover is booked as an overrun, in the open.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from opengateway.domain.budgets import BudgetMode, BudgetRow
from opengateway.domain.errors import InvalidRequest
from opengateway.domain.ledger import (
    MAX_AMOUNT,
    Account,
    CreditKind,
    Entry,
    EntryKind,
    LeaseState,
    Posting,
    Role,
)
from opengateway.domain.money import nanos_to_usd
from opengateway.kit.clock import Clock
from opengateway.kit.ids import NewId
from opengateway.ledger.budgeting import current, remember_row_set
from opengateway.ledger.crediting import expire_due
from opengateway.ledger.sheet import Sheet, hash_of
from opengateway.ports.ledger_book import (
    LeaseAnswer,
    LeaseAsk,
    Leased,
    LeaseRefusal,
    LeaseRefused,
    LeaseReturn,
    Renewal,
)
from opengateway.ports.ledger_rows import (
    LeaseChange,
    LeaseRow,
    LedgerRows,
    PeriodChange,
    PeriodRow,
    StoredEntry,
    TeamRow,
)

_SECOND_NS: Final = 1_000_000_000
LEASE_NS: Final = 600 * _SECOND_NS
GRACE_NS: Final = 60 * _SECOND_NS
"""After its expiry a lease is left alone for this long: its last records may be on the way."""
SILENT_NS: Final = 60 * _SECOND_NS
"""A gateway that was not heard of for this long is taken for gone."""
LONGEST_NS: Final = 720 * _SECOND_NS
"""After this much past its expiry nothing of a lease can be in use: no request runs for longer than
600 s (decision 23)."""
_DIRECT: Final = 20
_SHARE: Final = 4
"""One lease takes a quarter of the tightest row at most, or the first gateway would take it all."""


class LeaseBook:
    """`Leases` (ports/ledger_book.py) on rows."""

    def __init__(self, rows: LedgerRows, clock: Clock, new_id: NewId) -> None:
        self._rows = rows
        self._clock = clock
        self._new_id = new_id

    async def take(self, gateway: str, asks: Sequence[LeaseAsk]) -> Sequence[LeaseAnswer]:
        for ask in asks:
            if not 0 < ask.least <= ask.amount <= MAX_AMOUNT:
                raise InvalidRequest(f"'amount' and 'least' of {ask.ask_id!r} do not fit")
        refs = [_ref(gateway, ask) for ask in asks]
        locked = await self._rows.lock(
            sorted({ask.team_id for ask in asks}),
            lease_ids=[ask.lease_id for ask in asks if ask.lease_id],
            budgets=[budget for ask in asks for budget in ask.budgets],
            kind=EntryKind.LEASE,
            refs=refs,
        )
        sheet, now_ns = Sheet(locked), self._clock.now_ns()
        for team_id in locked.teams:
            expire_due(sheet, team_id, now_ns, self._new_id)
        # An answer that was lost may be asked for again after its lease was made.
        again = [e.subject_id for e in locked.entries.values()]
        earlier = {l.id: l for l in await self._rows.leases(again)} if again else {}
        answers = [
            self._take_one(sheet, gateway, ask, ref, earlier, now_ns)
            for ask, ref in zip(asks, refs, strict=True)
        ]
        await self._rows.write(sheet.writes)
        return answers

    def _take_one(
        self,
        sheet: Sheet,
        gateway: str,
        ask: LeaseAsk,
        ref: str,
        earlier: Mapping[str, LeaseRow],
        now_ns: int,
    ) -> LeaseAnswer:
        team = sheet.team(ask.team_id)
        before = sheet.booked_before(ref, _hash(ask))
        if before is not None:
            return _repeat(sheet, ask, team, before, earlier[before.subject_id])
        rows = [(budget, current(sheet, budget)) for budget in ask.budgets]
        refusal = _refusal(team, rows, ask)
        if refusal is not None:
            return LeaseRefused(ask.ask_id, refusal)
        tight = min([team.available, *(r.left for _, r in rows if r.mode is BudgetMode.BLOCK)])
        direct = tight < _DIRECT * ask.least
        granted = ask.least if direct else max(ask.least, min(ask.amount, tight // _SHARE))
        row_set = remember_row_set(sheet, ask.budgets)
        ends = [b.ends_at_ns for b in ask.budgets if b.ends_at_ns is not None]
        lease = sheet.locked.leases.get(ask.lease_id or "")
        if lease is None or not _can_be_topped_up(lease, gateway, ask, row_set, now_ns):
            lease = LeaseRow(
                id=self._new_id("lea_"),
                gateway=gateway,
                team_id=ask.team_id,
                key_id=ask.key_id,
                user_id=ask.user_id,
                row_set=row_set,
                amount=0,
                expires_at_ns=now_ns + LEASE_NS,
                created_at_ns=now_ns,
                ends_at_ns=min(ends, default=None),
            )
            sheet.locked.leases[lease.id] = lease
            sheet.writes.leases.append(lease)
        self._grow(sheet, lease, granted, ref, _hash(ask), now_ns)
        for budget, row in rows:
            row.leased += granted
            sheet.writes.period_changes.append(PeriodChange(budget.id, 0, granted, 0))
        return _leased(sheet, ask, team, lease, granted, direct)

    def _grow(
        self, sheet: Sheet, lease: LeaseRow, granted: int, ref: str, asked: str, now_ns: int
    ) -> None:
        """Book `granted` onto a lease, new or not."""
        sheet.book(
            Entry(
                id=self._new_id("ent_"),
                kind=EntryKind.LEASE,
                ref=ref,
                postings=(
                    Posting(Account(Role.AVAILABLE, lease.team_id), -granted),
                    Posting(Account(Role.HELD, lease.team_id), granted),
                ),
                at_ns=now_ns,
                team_id=lease.team_id,
                input_hash=asked,
                subject_id=lease.id,
            )
        )
        lease.amount += granted
        lease.expires_at_ns = now_ns + LEASE_NS
        if lease not in sheet.writes.leases:
            sheet.writes.lease_changes.append(_change(lease, amount=granted))

    async def give_back(self, gateway: str, returns: Sequence[LeaseReturn]) -> Sequence[str]:
        teams = await self._teams_of([r.lease_id for r in returns])
        if not teams:
            return ()
        sheet = Sheet(await self._rows.lock(sorted(set(teams.values())), lease_ids=list(teams)))
        now_ns = self._clock.now_ns()
        richer: set[str] = set()
        for given in returns:
            lease = sheet.locked.leases.get(given.lease_id)
            if lease is None or lease.gateway != gateway or lease.ended:
                continue
            if given.seq <= lease.return_seq or given.amount < 0:
                continue  # told before
            lease.return_seq = given.seq
            amount = min(given.amount, lease.remaining)
            state = LeaseState.CLOSING if given.closed else lease.state
            self._give_back(sheet, lease, amount, state, now_ns, f"{lease.id}/{given.seq}")
            if amount:
                richer.add(lease.team_id)
        await self._rows.write(sheet.writes)
        return sorted(richer)

    def _give_back(
        self,
        sheet: Sheet,
        lease: LeaseRow,
        amount: int,
        state: LeaseState,
        now_ns: int,
        ref: str,
    ) -> None:
        if amount:
            sheet.book(
                Entry(
                    id=self._new_id("ent_"),
                    kind=EntryKind.RETURN,
                    ref=ref,
                    postings=(
                        Posting(Account(Role.HELD, lease.team_id), -amount),
                        Posting(Account(Role.AVAILABLE, lease.team_id), amount),
                    ),
                    at_ns=now_ns,
                    team_id=lease.team_id,
                    subject_id=lease.id,
                )
            )
            for period_row_id in sheet.locked.row_sets.get(lease.row_set, ()):
                sheet.locked.periods[period_row_id].leased -= amount
                sheet.writes.period_changes.append(PeriodChange(period_row_id, 0, -amount, 0))
        lease.returned += amount
        lease.state = state
        end_if_done(lease, now_ns)
        sheet.writes.lease_changes.append(_change(lease, returned=amount))

    async def renew(self, gateway: str, lease_ids: Sequence[str]) -> Renewal:
        teams = await self._teams_of(lease_ids)
        now_ns = self._clock.now_ns()
        expires = now_ns + LEASE_NS
        gone = [lease_id for lease_id in lease_ids if lease_id not in teams]
        if not teams:
            return Renewal(expires, gone)
        sheet = Sheet(await self._rows.lock(sorted(set(teams.values())), lease_ids=list(teams)))
        for lease_id in teams:
            lease = sheet.locked.leases[lease_id]
            if lease.gateway != gateway or lease.state is not LeaseState.OPEN:
                gone.append(lease_id)
                continue
            if lease.ends_at_ns is not None and lease.ends_at_ns <= now_ns:
                gone.append(lease_id)  # what runs on it may end; nothing new may begin
            lease.expires_at_ns = expires
            sheet.writes.lease_changes.append(_change(lease))
        await self._rows.write(sheet.writes)
        return Renewal(expires, gone)

    async def _teams_of(self, lease_ids: Sequence[str]) -> dict[str, str]:
        return {lease.id: lease.team_id for lease in await self._rows.leases(lease_ids)}

    async def to_recall(self, team_id: str, *, besides: str | None, limit: int) -> Sequence[str]:
        leases = await self._rows.open_leases(team_id=team_id, limit=limit)
        return [
            lease.id
            for lease in leases
            if lease.state is LeaseState.OPEN and lease.remaining > 0 and lease.id != besides
        ]

    async def close_gateway(self, gateway: str) -> int:
        closed = 0
        while found := await self._rows.open_leases(gateway=gateway, limit=500):
            closed += await self._end(found, LeaseState.CLOSED)
        return closed

    async def sweep(self, alive: Mapping[str, int], limit: int) -> int:
        now_ns = self._clock.now_ns()
        found = await self._rows.open_leases(expired_before_ns=now_ns - GRACE_NS, limit=limit)
        due = [
            lease
            for lease in found
            if alive.get(lease.gateway, 0) < now_ns - SILENT_NS
            or lease.expires_at_ns < now_ns - LONGEST_NS
        ]
        return await self._end(due, LeaseState.EXPIRED)

    async def _end(self, found: Sequence[LeaseRow], state: LeaseState) -> int:
        """Return what is left of leases, whatever of them is still on the way here."""
        if not found:
            return 0
        sheet = Sheet(
            await self._rows.lock(
                sorted({lease.team_id for lease in found}), lease_ids=[lease.id for lease in found]
            )
        )
        now_ns, ended = self._clock.now_ns(), 0
        seen = {lease.id: lease.expires_at_ns for lease in found}
        for lease in sheet.locked.leases.values():
            if lease.ended or lease.expires_at_ns != seen[lease.id]:
                continue  # renewed or ended since it was found
            self._give_back(sheet, lease, lease.remaining, state, now_ns, f"{lease.id}/end")
            ended += 1
        await self._rows.write(sheet.writes)
        return ended


def end_if_done(lease: LeaseRow, now_ns: int) -> None:
    """A lease that is closing ends as soon as nothing of it is left."""
    if lease.state is LeaseState.CLOSING and lease.remaining == 0:
        lease.state = LeaseState.CLOSED
    if lease.ended:
        lease.closed_at_ns = now_ns


def _change(
    lease: LeaseRow, *, amount: int = 0, settled: int = 0, returned: int = 0
) -> LeaseChange:
    return LeaseChange(
        lease.id,
        amount,
        settled,
        returned,
        lease.state,
        lease.expires_at_ns,
        lease.return_seq,
        lease.closed_at_ns,
    )


def settled_change(lease: LeaseRow, settled: int) -> LeaseChange:
    return _change(lease, settled=settled)


def _ref(gateway: str, ask: LeaseAsk) -> str:
    return f"{gateway}/{ask.ask_id}"


def _hash(ask: LeaseAsk) -> str:
    return hash_of(ask.team_id, ask.key_id, ask.lease_id, ask.amount, ask.least)


def _can_be_topped_up(
    lease: LeaseRow, gateway: str, ask: LeaseAsk, row_set: str, now_ns: int
) -> bool:
    """Only where it is the same spending on the same budgets; else the answer names a new lease."""
    return (
        lease.state is LeaseState.OPEN
        and (lease.gateway, lease.team_id, lease.key_id) == (gateway, ask.team_id, ask.key_id)
        and lease.row_set == row_set
        and (lease.ends_at_ns is None or now_ns < lease.ends_at_ns)
    )


def _refusal(
    team: TeamRow, rows: Sequence[tuple[BudgetRow, PeriodRow]], ask: LeaseAsk
) -> LeaseRefusal | None:
    """Why not even `least` can be granted: the broadest row that is short."""
    have = team.available
    if have < ask.least:
        text = f"{nanos_to_usd(max(0, have))} US dollars are available; add credit"
        return LeaseRefusal("insufficient_funds", text, "balance", have)
    short = [
        budget for budget, row in rows if row.mode is BudgetMode.BLOCK and row.left < ask.least
    ]
    if not short:
        return None
    broadest = max(short, key=lambda budget: budget.breadth)
    text = f"the {broadest.label} of {nanos_to_usd(broadest.limit_nanos)} US dollars is used up"
    return LeaseRefusal("budget_exceeded", text, broadest.label, have)


def _leased(
    sheet: Sheet, ask: LeaseAsk, team: TeamRow, lease: LeaseRow, granted: int, direct: bool
) -> Leased:
    return Leased(
        ask_id=ask.ask_id,
        lease_id=lease.id,
        granted=granted,
        expires_at_ns=lease.expires_at_ns,
        ends_at_ns=lease.ends_at_ns,
        available_nanos=team.available,
        promo_only=all(g.kind is CreditKind.PROMO for g in sheet.grants(ask.team_id)),
        direct=direct,
    )


def _repeat(
    sheet: Sheet, ask: LeaseAsk, team: TeamRow, before: StoredEntry, lease: LeaseRow
) -> Leased:
    """The answer that was lost. Whether it was direct is told anew."""
    direct = before.amount == ask.least and ask.amount > ask.least
    return _leased(sheet, ask, team, lease, before.amount, direct)
