"""What must hold of the ledger's rows at every commit (the numbers are those of ADR-0013).

    I1   every entry balances, and moved what it says
    I2   all accounts together are 0
    I3   a team's balances are the sums of its postings; its credits are what it has
    I4   nothing fell below 0 that may not, at any time
    I5   a lease ends once, in time; what is held is what is left of leases
    I6   what a lease settled, returned and was given is what was booked of it, and no more than it was
    I7   a reference was booked once; a charge or a payment was given back once
    I9   a budget's period is the sum of its charges, and was never leased past its limit
    I10  a charge has its request and a request its charge
    I12  what was booked for requests is the sum of their settlements: a journal replayed is booked once

Each check is a pure function over rows of one query (infra/ledger_book/scans.py), in its order. A row
is a tuple; the functions name its members. They yield (subject, what is wrong).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from opengateway.domain.ledger import MAY_OVERDRAW, LeaseState
from opengateway.ledger.leasing import GRACE_NS, LONGEST_NS

Row = Sequence[Any]
Said = tuple[str, str]
Walk = Callable[[Row], Iterable[Said]]

_ENDED: Final = frozenset((LeaseState.CLOSED.value, LeaseState.EXPIRED.value))


class When(NamedTuple):
    """`attentive_since_ns`: since when leases can be renewed and are swept."""

    now_ns: int
    attentive_since_ns: int = 0


@dataclass(frozen=True, slots=True)
class Check:
    """`begin` gives a walk over the rows of `scan`, which may remember the row before."""

    invariant: str
    scan: str
    begin: Callable[[When], Walk]


def _plain(walk: Walk) -> Callable[[When], Walk]:
    return lambda _when: walk


def entry_balances(row: Row) -> Iterator[Said]:
    """(entry, its amount or None, sum, sum of what is above 0, postings)."""
    entry_id, amount, total, moved, postings = row
    if amount is None:
        yield entry_id, "postings without an entry"
    elif postings < 2:
        yield entry_id, f"an entry with {postings} postings"
    elif total:
        yield entry_id, f"postings add up to {total}"
    elif moved != amount:
        yield entry_id, f"says that it moved {amount}, and moved {moved}"


def books_balance(_when: When) -> Walk:
    """(account, sum), all of them; and at the end (None, 0)."""
    total = 0

    def walk(row: Row) -> Iterator[Said]:
        nonlocal total
        account, amount = row
        total += amount
        if account is None and total:
            yield "all accounts", f"add up to {total}"

    return walk


def team_balances(row: Row) -> Iterator[Said]:
    """(team, available, held, sums of the postings on each)."""
    team_id, available, held, posted, posted_held = row
    if available is None:
        yield team_id, "postings of a team without a row"
    elif available != posted:
        yield team_id, f"available is {available}, its postings add up to {posted}"
    elif held != posted_held:
        yield team_id, f"held is {held}, its postings add up to {posted_held}"


def team_credits(row: Row) -> Iterator[Said]:
    """(team, available + held, sum of what is left of its credits)."""
    team_id, total, left = row
    if left != max(0, total):
        yield team_id, f"credits have {left} left, the team has {total}"


def credit_draws(row: Row) -> Iterator[Said]:
    """(credit, amount, remaining, sum of its draws)."""
    grant_id, amount, remaining, drawn = row
    if amount - drawn != remaining or not 0 <= remaining <= amount:
        yield grant_id, f"of {amount}, {drawn} was drawn and {remaining} is said to be left"


def never_below_zero(_when: When) -> Walk:
    """(team, part, amount, kind of the entry, posting), by team and in the order of booking."""
    team: str | None = None
    balance = {"available": 0, "held": 0}
    overdrawers = {kind.value for kind in MAY_OVERDRAW}

    def walk(row: Row) -> Iterator[Said]:
        nonlocal team
        team_id, part, amount, kind, seq = row
        if team_id != team:
            team = team_id
            balance.update(available=0, held=0)
        balance[part] += amount
        if balance[part] >= 0 or amount > 0:
            return
        if part == "held":
            yield team_id, f"held fell to {balance[part]} by posting {seq}"
        elif kind not in overdrawers:
            yield team_id, f"available fell to {balance[part]} by posting {seq} of a {kind}"

    return walk


def leases_end(when: When) -> Walk:
    """(lease, state, amount, settled, returned, expires_at_ns, closed_at_ns)."""

    def walk(row: Row) -> Iterator[Said]:
        lease_id, state, amount, settled, returned, expires_at_ns, closed_at_ns = row
        if state in _ENDED:
            if settled + returned != amount or closed_at_ns is None:
                left = amount - settled - returned
                yield lease_id, f"{state}, and {left} of it is in nobody's hands"
        elif closed_at_ns is not None:
            yield lease_id, f"{state}, and was closed"
        elif max(expires_at_ns, when.attentive_since_ns) < when.now_ns - LONGEST_NS - GRACE_NS:
            late_s = (when.now_ns - expires_at_ns) // 1_000_000_000
            yield lease_id, f"{state} {late_s} s after its expiry"

    return walk


def held_is_leased(row: Row) -> Iterator[Said]:
    """(team, held, what is left of its leases that have not ended)."""
    team_id, held, leased = row
    if held != leased:
        yield team_id, f"holds {held}, its leases have {leased} left"


def lease_sums(row: Row) -> Iterator[Said]:
    """(lease, amount, settled, returned, and the sums of its lease entries, of its settlements
    without their overruns, of its return entries)."""
    lease_id, amount, settled, returned, leased, covered, given_back = row
    if settled < 0 or returned < 0 or settled + returned > amount:
        yield lease_id, f"settled {settled} and returned {returned} of {amount}"
    if amount != leased:
        yield lease_id, f"says {amount} were leased; booked {leased}"
    if settled != covered:
        yield lease_id, f"says {settled} were settled; its settlements add up to {covered}"
    if returned != given_back:
        yield lease_id, f"says {returned} were returned; booked {given_back}"


def settlement_parts(row: Row) -> Iterator[Said]:
    """(request, amount, overrun, promo, paid, fee), those whose parts do not fit."""
    request_id, amount, overrun, promo, paid, fee = row
    yield request_id, f"charged {amount}: overrun {overrun}, promo {promo}, paid {paid}, fee {fee}"


def refs_once(row: Row) -> Iterator[Said]:
    """(kind, ref, how often), those that are there more than once."""
    kind, ref, count = row
    yield ref, f"{count} entries of kind {kind}"


def given_back_once(row: Row) -> Iterator[Said]:
    """(what was given back, how much it was, how much of it was given back)."""
    subject_id, amount, given_back = row
    if amount is None or given_back > amount:
        yield subject_id, f"was {amount or 0}, and {given_back} of it was given back"


def budgets_add_up(row: Row) -> Iterator[Said]:
    """(row, mode, ceiling, spent, leased, overrun, and the sums of charges, overruns and leases)."""
    row_id, mode, ceiling, spent, leased, overrun, charged, overran, open_leases = row
    if (spent, overrun) != (charged, overran):
        said = f"says {spent} were spent, {overrun} of it in overruns"
        yield row_id, f"{said}; its charges add up to {charged}, {overran}"
    if leased != open_leases:
        yield row_id, f"says {leased} are leased; its leases have {open_leases} left"
    if mode == "block" and spent - overrun + leased > ceiling:
        yield row_id, f"spent {spent - overrun} and leased {leased}, over a limit of {ceiling}"


def usage_adds_up(row: Row) -> Iterator[Said]:
    """(key, sum of its days, sum of its settlements, and the counts of both)."""
    key_id, counted, charged, days_requests, requests = row
    if (counted, days_requests) != (charged, requests):
        yield (
            key_id,
            f"its days say {counted} in {days_requests} requests; settled {charged} in {requests}",
        )


def charges_have_requests(row: Row) -> Iterator[Said]:
    """(request, what was charged, what the record says it cost), those that differ. None: no row."""
    request_id, charged, cost = row
    if cost is None:
        yield request_id, f"charged {charged} without a request"
    elif charged is None:
        yield request_id, f"cost {cost} and was not settled"
    else:
        yield request_id, f"cost {cost} and was charged {charged}"


def settled_once(row: Row) -> Iterator[Said]:
    """(entry, what it took from held, from available, earned, was fee, owes providers; and the same
    sums of its settlements)."""
    entry_id, *sums = row
    booked, settled = tuple(sums[:5]), tuple(sums[5:])
    if booked != settled:
        names = ("held", "overrun", "earned", "fee", "provider cost")
        said = [
            f"{name} {b}, settled {s}"
            for name, b, s in zip(names, booked, settled, strict=True)
            if b != s
        ]
        yield entry_id, "booked " + "; ".join(said)


CHECKS: Final = (
    Check("I1", "entries", _plain(entry_balances)),
    Check("I2", "accounts", books_balance),
    Check("I3", "team_balances", _plain(team_balances)),
    Check("I3", "team_credits", _plain(team_credits)),
    Check("I3", "credit_draws", _plain(credit_draws)),
    Check("I4", "team_postings", never_below_zero),
    Check("I5", "leases", leases_end),
    Check("I5", "team_holds", _plain(held_is_leased)),
    Check("I6", "lease_sums", _plain(lease_sums)),
    Check("I6", "settlement_parts", _plain(settlement_parts)),
    Check("I7", "refs", _plain(refs_once)),
    Check("I7", "given_back", _plain(given_back_once)),
    Check("I9", "periods", _plain(budgets_add_up)),
    Check("I9", "usage", _plain(usage_adds_up)),
    Check("I10", "charges", _plain(charges_have_requests)),
    Check("I12", "settled", _plain(settled_once)),
)
INVARIANTS: Final = tuple(dict.fromkeys(check.invariant for check in CHECKS))
