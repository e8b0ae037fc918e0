"""`LedgerBook` on real stores, SQLite and PostgreSQL: what it books and what it refuses."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from ledger_desk import DAY_S, GATEWAY, KEY, TEAM, Desk, budget, charge
from opengateway.domain.budgets import BudgetMode, BudgetPeriod, BudgetScope
from opengateway.domain.errors import Conflict, InsufficientFunds, InvalidRequest, NotFound
from opengateway.domain.ledger import CreditKind, EntryKind
from opengateway.ports.ledger_book import Ask, Credit, Leased, LeaseReturn


@pytest.fixture
async def desk(store_url: str) -> AsyncIterator[Desk]:
    made = Desk(store_url)
    try:
        yield made
        # Every rule of the ledger holds after whatever a test did.
        assert await made.violations() == []
    finally:
        await made.close()


async def standing(desk: Desk) -> tuple[int, int]:
    balance = await desk.balance()
    return balance.available, balance.held


async def period_row(desk: Desk) -> tuple[int, int, int]:
    ((spent, leased, overrun),) = await desk.rows(
        "SELECT spent, leased, overrun FROM budget_periods"
    )
    return spent, leased, overrun


async def test_a_grant_is_available_and_says_where_it_came_from(desk: Desk) -> None:
    await desk.give(500)
    balance = await desk.balance()
    assert (balance.available, balance.held, balance.promo, balance.paid) == (500, 0, 500, 0)
    assert await desk.rows("SELECT account, amount FROM ledger_postings ORDER BY seq") == [
        (f"team:{TEAM}:available", 500),
        ("equity:grants", -500),
    ]


async def test_the_same_ref_books_once_and_another_input_is_refused(desk: Desk) -> None:
    async def add(amount: int, ref: str = "payment-1") -> object:
        async with desk.book() as book:
            credit = Credit(TEAM, amount, CreditKind.PAID, EntryKind.TOPUP, "cards")
            return await book.credits.add(credit, Ask(ref, "finance"))

    first, second = await add(500), await add(500)
    assert (first.entry_id, first.grant_id) == (second.entry_id, second.grant_id)  # type: ignore[attr-defined]
    assert second.again  # type: ignore[attr-defined]
    with pytest.raises(Conflict):
        await add(501)
    assert await standing(desk) == (500, 0)


async def test_what_is_no_amount_is_refused(desk: Desk) -> None:
    for amount in (0, -5, 10**17):
        with pytest.raises(InvalidRequest):
            await desk.give(amount)
    assert await desk.rows("SELECT 1 FROM ledger_entries") == []


async def test_a_call_moves_from_available_over_held_to_revenue(desk: Desk) -> None:
    await desk.give(10_000)
    lease = await desk.lease(1_000)
    assert await standing(desk) == (9_000, 1_000)
    settled = await desk.settle(
        charge(1, 300, lease.lease_id, fee=20, provider_cost=250),
        charge(2, 0, lease.lease_id, ending="void", cost_known=False),
    )
    assert (settled.charged, settled.overrun) == (300, 0)
    assert await standing(desk) == (9_000, 700)
    async with desk.book() as book:
        assert await book.leases.give_back(
            GATEWAY, [LeaseReturn(lease.lease_id, 700, closed=True, seq=1)]
        ) == [TEAM]
    assert await standing(desk) == (9_700, 0)
    assert dict(
        await desk.rows("SELECT account, sum(amount) FROM ledger_postings GROUP BY account")
    ) == {
        f"team:{TEAM}:available": 9_700,
        f"team:{TEAM}:held": 0,
        "equity:grants": -10_000,
        "revenue:usage": 280,
        "revenue:fee": 20,
        "cost:acme": -250,
        "payable:acme": 250,
    }
    assert await desk.rows("SELECT state, settled, returned FROM ledger_leases") == [
        ("closed", 300, 700)
    ]
    assert await desk.rows(
        "SELECT amount, ending, entry_id IS NULL FROM ledger_settlements ORDER BY request_id"
    ) in ([(300, "completed", False), (0, "void", True)], [(300, "completed", 0), (0, "void", 1)])


async def test_a_lease_is_granted_whole_or_not_at_all(desk: Desk) -> None:
    await desk.give(100)
    now_ns = desk.clock.now_ns()
    rows = [budget(50, now_ns), budget(80, now_ns, budget_id="bud_2", period=BudgetPeriod.MONTH)]
    refused = await desk.refusal(60, budgets=rows)
    assert (refused.refused.code, refused.refused.row) == ("budget_exceeded", "daily team budget")
    assert await standing(desk) == (100, 0)
    assert (await desk.lease(50, budgets=rows)).granted == 50
    assert {r[0] for r in await desk.rows("SELECT leased FROM budget_periods")} == {50}


async def test_the_broadest_row_that_is_short_is_named(desk: Desk) -> None:
    await desk.give(100)
    now_ns = desk.clock.now_ns()
    rows = [
        budget(10, now_ns, budget_id="bud_k", scope=BudgetScope.KEY, period=BudgetPeriod.LIFETIME),
        budget(10, now_ns, budget_id="bud_d"),
        budget(10, now_ns, budget_id="bud_m", period=BudgetPeriod.MONTH),
    ]
    assert (await desk.refusal(20, budgets=rows)).refused.row == "monthly team budget"
    assert (await desk.refusal(101, budgets=rows)).refused.row == "balance"


async def test_where_little_is_left_only_the_least_is_given(desk: Desk) -> None:
    await desk.give(1_000)
    much = await desk.lease(500, least=10)
    assert (much.granted, much.direct) == (250, False)
    little = await desk.lease(500, least=50)
    assert (little.granted, little.direct) == (50, True)
    assert (await desk.refusal(800, least=701)).refused.code == "insufficient_funds"


async def test_a_lease_is_topped_up_only_on_the_same_budgets(desk: Desk) -> None:
    await desk.give(100_000)
    now_ns = desk.clock.now_ns()
    first = await desk.lease(100, budgets=[budget(50_000, now_ns)])
    again = await desk.lease(100, budgets=[budget(50_000, now_ns)], lease_id=first.lease_id)
    other = await desk.lease(100, lease_id=first.lease_id)
    foreign = await desk.lease(100, lease_id=other.lease_id, gateway="gw_" + "2" * 32)
    assert again.lease_id == first.lease_id != other.lease_id != foreign.lease_id
    desk.clock.advance(DAY_S)
    later = await desk.lease(
        100, budgets=[budget(50_000, desk.clock.now_ns())], lease_id=first.lease_id
    )
    assert later.lease_id != first.lease_id
    assert len(await desk.rows("SELECT id FROM budget_periods")) == 2
    async with desk.book() as book:
        assert await book.leases.sweep({}, 100) == 3


async def test_an_ask_that_is_repeated_gets_the_lease_that_it_got(desk: Desk) -> None:
    await desk.give(1_000)
    first = await desk.lease(100, ask_id="x")
    assert (await desk.lease(100, ask_id="x")).lease_id == first.lease_id
    assert await standing(desk) == (900, 100)
    with pytest.raises(Conflict):
        await desk.take(101, ask_id="x")


async def test_a_return_that_is_repeated_counts_once(desk: Desk) -> None:
    await desk.give(1_000)
    lease = await desk.lease(100)
    for seq, amount in ((1, 30), (1, 30), (2, 20), (1, 50), (3, 10_000)):
        async with desk.book() as book:
            await book.leases.give_back(
                GATEWAY, [LeaseReturn(lease.lease_id, amount, closed=False, seq=seq)]
            )
    # The third asks for more than there is, and gets what there is.
    assert await standing(desk) == (1_000, 0)
    async with desk.book() as book:
        other = "gw_" + "9" * 32
        await book.leases.give_back(other, [LeaseReturn(lease.lease_id, 5, closed=True, seq=9)])
    assert await desk.rows("SELECT state, returned FROM ledger_leases") == [("open", 100)]


async def test_what_a_lease_does_not_cover_is_an_overrun_in_the_open(desk: Desk) -> None:
    await desk.give(120)
    row = budget(150, desk.clock.now_ns())
    lease = await desk.lease(100, budgets=[row])
    settled = await desk.settle(charge(1, 90, lease.lease_id), charge(2, 50, lease.lease_id))
    assert (settled.charged, settled.overrun) == (140, 40)
    assert await standing(desk) == (-20, 0)
    assert await period_row(desk) == (140, 0, 40)
    assert (await desk.balance()).debt == 20
    assert await desk.rows(
        "SELECT amount, overrun, promo, paid FROM ledger_settlements ORDER BY request_id"
    ) == [(90, 0, 90, 0), (50, 40, 30, 0)]
    assert [(t.before, t.after) for t in settled.periods] == [(0, 140)]
    assert [(t.before, t.after) for t in settled.teams] == [(120, -20)]
    # The next credit pays the debt first.
    await desk.give(100)
    balance = await desk.balance()
    assert (balance.available, balance.promo, balance.debt) == (80, 80, 0)


async def test_what_no_lease_names_counts_on_the_budgets_of_its_key(desk: Desk) -> None:
    await desk.give(100)
    row = budget(50, desk.clock.now_ns(), scope=BudgetScope.KEY)
    settled = await desk.settle(charge(1, 70), charge(2, 0), budgets={KEY: [row]})
    assert (settled.charged, settled.overrun) == (70, 70)
    assert await standing(desk) == (30, 0)
    assert await period_row(desk) == (70, 0, 70)
    assert (await desk.refusal(1, budgets=[row])).refused.code == "budget_exceeded"


async def test_credits_are_spent_soonest_expiring_first(desk: Desk) -> None:
    forever = await desk.give(100, kind=CreditKind.PAID, source=EntryKind.TOPUP)
    late = await desk.give(100, expires_in_s=900)
    soon = await desk.give(100, kind=CreditKind.PAID, expires_in_s=300)
    await desk.settle(charge(1, 30), charge(2, 100), charge(3, 120))
    left = dict(await desk.rows("SELECT id, remaining FROM ledger_grants"))
    assert left == {soon: 0, late: 0, forever: 50}
    assert await desk.rows("SELECT promo, paid FROM ledger_settlements ORDER BY request_id") == [
        (0, 30),
        (30, 70),
        (70, 50),
    ]


async def test_what_expired_is_gone_but_for_what_is_held(desk: Desk) -> None:
    await desk.give(100, expires_in_s=60)
    await desk.give(1_000)
    lease = await desk.lease(40)
    desk.clock.advance(61)
    async with desk.book() as book:
        assert await book.credits.expire(100) == 1
    assert await standing(desk) == (1_000, 40)
    await desk.settle(charge(1, 15, lease.lease_id))
    async with desk.book() as book:
        await book.leases.give_back(GATEWAY, [LeaseReturn(lease.lease_id, 25, closed=True, seq=1)])
        assert await book.credits.expire(100) == 1
        assert await book.credits.expire(100) == 0
    assert await standing(desk) == (1_000, 0)
    async with desk.book() as book:
        kinds = [e.kind for e in await book.statements.entries(TEAM, before=2**62, limit=100)]
    assert kinds.count(EntryKind.EXPIRY) == 2


async def test_a_lease_never_draws_on_what_has_expired_before_the_job_ran(desk: Desk) -> None:
    await desk.give(100, expires_in_s=60)
    desk.clock.advance(60)
    assert (await desk.refusal(10)).refused.row == "balance"


async def test_corrections_are_new_entries(desk: Desk) -> None:
    payment = await desk.give(500, kind=CreditKind.PAID, source=EntryKind.TOPUP)
    async with desk.book() as book:
        await book.credits.adjust(TEAM, 50, CreditKind.PROMO, None, desk.ask("sorry"))
        await book.credits.adjust(TEAM, -20, CreditKind.PROMO, None, desk.ask("a mistake"))
        await book.credits.charge_fee(TEAM, 30, desk.ask("seat"))
        await book.credits.refund_payment(TEAM, payment, 100, desk.ask())
    assert await standing(desk) == (400, 0)
    for amount in (401, 10**9):
        with pytest.raises((Conflict, InsufficientFunds)):
            async with desk.book() as book:
                await book.credits.refund_payment(TEAM, payment, amount, desk.ask())
        with pytest.raises(InsufficientFunds):
            async with desk.book() as book:
                await book.credits.charge_fee(TEAM, amount, desk.ask())
    with pytest.raises(NotFound):
        async with desk.book() as book:
            await book.credits.refund_payment("team_b", payment, 1, desk.ask())


async def test_a_charge_is_given_back_once(desk: Desk) -> None:
    await desk.give(500, kind=CreditKind.PAID, source=EntryKind.TOPUP)
    await desk.settle(charge(1, 300))
    request = charge(1, 0).request_id
    async with desk.book() as book:
        await book.credits.refund_charge(TEAM, request, 200, desk.ask())
    with pytest.raises(Conflict):
        async with desk.book() as book:
            await book.credits.refund_charge(TEAM, request, 101, desk.ask())
    balance = await desk.balance()
    assert (balance.available, balance.paid) == (400, 400)
    with pytest.raises(NotFound):
        async with desk.book() as book:
            await book.credits.refund_charge("team_b", request, 1, desk.ask())


async def test_a_chargeback_goes_below_zero_and_can_be_written_off(desk: Desk) -> None:
    payment = await desk.give(500, kind=CreditKind.PAID, source=EntryKind.TOPUP)
    await desk.give(40)
    await desk.settle(charge(1, 300))
    async with desk.book() as book:
        await book.credits.charge_back(TEAM, payment, 500, desk.ask())
    assert await standing(desk) == (-260, 0)
    with pytest.raises(Conflict):
        async with desk.book() as book:
            await book.credits.charge_back(TEAM, payment, 1, desk.ask())
    async with desk.book() as book:
        assert (await book.credits.write_off(TEAM, desk.ask())).amount == 260
    assert await standing(desk) == (0, 0)
    with pytest.raises(Conflict):
        async with desk.book() as book:
            await book.credits.write_off(TEAM, desk.ask())


async def test_a_dead_gateway_gives_back_what_is_left(desk: Desk) -> None:
    await desk.give(1_000)
    lease, other = await desk.lease(100), await desk.lease(100, gateway="gw_" + "2" * 32)
    await desk.settle(charge(1, 30, lease.lease_id))
    async with desk.book() as book:
        assert await book.leases.close_gateway(GATEWAY) == 1
        assert await book.leases.close_gateway(GATEWAY) == 0
    assert await standing(desk) == (870, 100)
    # A record that comes after all is charged, past the lease.
    settled = await desk.settle(charge(2, 10, lease.lease_id), charge(3, 10, other.lease_id))
    assert settled.overrun == 10
    assert await standing(desk) == (860, 90)


async def test_the_sweeper_takes_expired_leases_of_silent_gateways(desk: Desk) -> None:
    await desk.give(1_000)
    row = budget(500, desk.clock.now_ns(), period=BudgetPeriod.LIFETIME)
    lease = await desk.lease(100, budgets=[row])

    async def sweep(alive: dict[str, int]) -> int:
        async with desk.book() as book:
            return await book.leases.sweep(alive, 100)

    desk.clock.advance(659)
    assert await sweep({}) == 0
    desk.clock.advance(2)
    assert await sweep({GATEWAY: desk.clock.now_ns() - 30_000_000_000}) == 0
    assert await sweep({GATEWAY: desk.clock.now_ns() - 61_000_000_000}) == 1
    assert await standing(desk) == (1_000, 0)
    assert await period_row(desk) == (0, 0, 0)
    await desk.settle(charge(1, 40, lease.lease_id))
    assert await standing(desk) == (960, 0)
    assert await period_row(desk) == (40, 0, 40)


async def test_no_lease_outlives_the_longest_request_whoever_is_alive(desk: Desk) -> None:
    await desk.give(1_000)
    await desk.lease(100)
    desk.clock.advance(600 + 721)
    async with desk.book() as book:
        assert await book.leases.sweep({GATEWAY: desk.clock.now_ns()}, 100) == 1
    assert await standing(desk) == (1_000, 0)


async def test_a_lease_is_renewed_while_its_period_lasts(desk: Desk) -> None:
    await desk.give(1_000)
    now_ns = desk.clock.now_ns()
    plain, daily = await desk.lease(10), await desk.lease(10, budgets=[budget(100, now_ns)])
    assert daily.ends_at_ns == budget(100, now_ns).ends_at_ns
    desk.clock.advance(500)
    async with desk.book() as book:
        renewal = await book.leases.renew(
            GATEWAY, [plain.lease_id, daily.lease_id, "lea_" + "0" * 32]
        )
    assert renewal.expires_at_ns == desk.clock.now_ns() + 600 * 10**9
    assert renewal.gone == ["lea_" + "0" * 32]
    desk.clock.advance(DAY_S)
    async with desk.book() as book:
        renewal = await book.leases.renew(GATEWAY, [plain.lease_id, daily.lease_id])
    assert renewal.gone == [daily.lease_id]


async def test_an_alerting_budget_counts_and_refuses_nothing(desk: Desk) -> None:
    await desk.give(100)
    alert = budget(10, desk.clock.now_ns(), mode=BudgetMode.ALERT)
    lease = await desk.lease(50, budgets=[alert])
    await desk.settle(charge(1, 50, lease.lease_id))
    assert await period_row(desk) == (50, 0, 0)
    # It begins to refuse: what was spent before stays spent.
    block = budget(40, desk.clock.now_ns())
    assert (await desk.refusal(1, budgets=[block])).refused.row == "daily team budget"
    await desk.lease(1, budgets=[budget(51, desk.clock.now_ns())])


async def test_usage_is_counted_by_key_and_day(desk: Desk) -> None:
    await desk.give(1_000)
    await desk.settle(charge(1, 10), charge(2, 20), charge(3, 5, key_id="key_b"))
    async with desk.book() as book:
        usage = await book.statements.usage(KEY)
        assert (usage.day, usage.week, usage.month, usage.lifetime) == (30, 30, 30, 30)
    desk.clock.advance(DAY_S * 40)
    async with desk.book() as book:
        usage = await book.statements.usage(KEY)
        assert (usage.day, usage.month, usage.lifetime) == (0, 0, 30)
    balance = await desk.balance()
    assert (balance.total_credits, balance.total_usage) == (1_000, 35)


async def test_nothing_is_seen_of_a_transaction_that_fails(desk: Desk) -> None:
    async def fail_after_booking() -> None:
        async with desk.book() as book:
            await book.credits.add(Credit(TEAM, 5, CreditKind.PROMO), desk.ask())
            raise InterruptedError

    with pytest.raises(InterruptedError):
        await fail_after_booking()
    assert await desk.rows("SELECT 1 FROM ledger_entries") == []


async def test_many_at_once_take_exactly_what_there_is(desk: Desk) -> None:
    await desk.give(1_000)
    answers = await asyncio.gather(*(desk.take(100, gateway=f"gw_{n % 4:032}") for n in range(60)))
    assert sum(isinstance(answer, Leased) for answer in answers) == 10
    assert await standing(desk) == (0, 1_000)


async def test_many_at_once_take_exactly_what_a_budget_allows(desk: Desk) -> None:
    await desk.give(10**9)
    row = budget(1_000, desk.clock.now_ns())
    answers = await asyncio.gather(*(desk.take(100, budgets=[row]) for _ in range(60)))
    assert sum(isinstance(answer, Leased) for answer in answers) == 10
    assert await period_row(desk) == (0, 1_000, 0)


async def test_batches_over_many_teams_do_not_wait_for_each_other_in_a_circle(desk: Desk) -> None:
    teams = [f"team_{n}" for n in range(6)]
    for team_id in teams:
        await desk.give(10**6, team_id=team_id)

    async def book(n: int) -> None:
        order = teams if n % 2 else teams[::-1]
        await desk.settle(
            *(
                charge(n * 100 + i, 7, team_id=team_id, key_id=f"key_{team_id}")
                for i, team_id in enumerate(order)
            )
        )

    await asyncio.gather(*(book(n) for n in range(16)))
    assert {(await desk.balance(team_id)).available for team_id in teams} == {10**6 - 16 * 7}
