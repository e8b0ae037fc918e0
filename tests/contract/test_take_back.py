"""Taking back what was given: never more than is left of it, never anything else."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator

import pytest

from ledger_desk import DAY_S, GATEWAY, TEAM, Desk, charge
from opengateway.domain.errors import NotFound
from opengateway.domain.ledger import CreditKind, EntryKind
from opengateway.kit import chance
from opengateway.ports.ledger_book import LeaseReturn

SOAK = os.environ.get("OPENGATEWAY_SOAK") == "1"


@pytest.fixture
async def desk(store_url: str) -> AsyncIterator[Desk]:
    made = Desk(store_url)
    try:
        yield made
        assert await made.violations() == []
    finally:
        await made.close()


async def take_back(desk: Desk, grant_id: str) -> int:
    async with desk.book() as book:
        booked = await book.credits.take_back(TEAM, grant_id, desk.ask("leaked"))
    return booked.amount if booked is not None else 0


async def give_back(desk: Desk, lease_id: str, amount: int) -> None:
    async with desk.book() as book:
        await book.leases.give_back(GATEWAY, [LeaseReturn(lease_id, amount, closed=True, seq=1)])


async def test_what_is_left_goes_back_to_where_it_came_from(desk: Desk) -> None:
    given = await desk.give(500, source=EntryKind.REDEEM)
    bought = await desk.give(300, kind=CreditKind.PAID, source=EntryKind.TOPUP)
    assert await take_back(desk, given) == 500
    assert await take_back(desk, given) == 0
    balance = await desk.balance()
    assert (balance.available, balance.promo, balance.paid) == (300, 0, 300)
    sums = dict(
        await desk.rows("SELECT account, sum(amount) FROM ledger_postings GROUP BY account")
    )
    assert sums["equity:grants"] == 0
    for other in (bought, "crd_none"):
        with pytest.raises(NotFound):
            await take_back(desk, other)


async def test_what_is_held_is_left_and_can_be_taken_when_it_is_free(desk: Desk) -> None:
    given = await desk.give(500, expires_in_s=DAY_S)
    await desk.give(1_000, kind=CreditKind.PAID, source=EntryKind.TOPUP)
    lease = await desk.lease(200)
    assert await take_back(desk, given) == 300
    await desk.settle(charge(1, 120, lease.lease_id))
    balance = await desk.balance()
    assert (balance.available, balance.held) == (1_000, 80)
    assert (balance.promo, balance.paid) == (80, 1_000)
    await give_back(desk, lease.lease_id, 80)
    assert await take_back(desk, given) == 80
    balance = await desk.balance()
    assert (balance.available, balance.promo, balance.paid) == (1_000, 0, 1_000)


@pytest.mark.parametrize("seed", range(200 if SOAK else 6))
async def test_over_any_history_paid_credit_is_what_was_bought_less_what_was_spent_of_it(
    desk: Desk, seed: int
) -> None:
    """Expiring credit is spent first, to the nano-dollar, and claw-back never reaches bought money."""
    draw = chance.seeded(seed)
    model: list[list[object]] = []  # [ends, is paid, left, id], kept in the order of spending
    spent_number = 0
    for step in range(40):
        what = draw.choice(("give", "buy", "spend", "spend", "take"))
        if what in ("give", "buy"):
            amount, ends = draw.randrange(1, 10**9), draw.choice((None, 1, 2, 3))
            paid = what == "buy"
            grant_id = await desk.give(
                amount,
                kind=CreditKind.PAID if paid else CreditKind.PROMO,
                source=EntryKind.TOPUP if paid else EntryKind.REDEEM,
                expires_in_s=None if ends is None or paid else ends * DAY_S,
            )
            order = 99 if ends is None or paid else ends
            model.append([order, paid, amount, grant_id])
            model.sort(key=lambda row: (row[0], row[1], row[3]))
        elif what == "spend":
            total = sum(int(str(row[2])) for row in model)
            if total == 0:
                continue
            amount = draw.randrange(1, total + 1)
            lease = await desk.lease(amount, least=amount)
            spent_number += 1
            await desk.settle(charge(1_000 * seed + spent_number, amount, lease.lease_id))
            await give_back(desk, lease.lease_id, lease.granted - amount)
            for row in model:
                part = min(int(str(row[2])), amount)
                row[2] = int(str(row[2])) - part
                amount -= part
        elif given := [row for row in model if not row[1]]:
            row = draw.choice(given)
            assert await take_back(desk, str(row[3])) == row[2], (seed, step)
            row[2] = 0
        balance = await desk.balance()
        wanted = {str(row[3]): row[2] for row in model if row[2]}
        assert {g.id: g.remaining for g in balance.credits} == wanted, (seed, step)
