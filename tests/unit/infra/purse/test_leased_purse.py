from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from opengateway.domain.errors import (
    CapacityError,
    GatewayError,
    InsufficientFunds,
    NotAllowed,
    NotAuthenticated,
)
from opengateway.domain.money import NANOS_PER_USD, Nanos
from opengateway.domain.principal import KeyKind, Principal, TeamState
from opengateway.infra.purse import LeasedPurse, leased
from opengateway.kit.clock import ManualClock
from unit.infra.purse.model_ledger import Line, ModelLedger

HOLD = Nanos(1_000)


def caller(key_id: str = "key_a") -> Principal:
    return Principal(key_id, "team", key_id, KeyKind.INFERENCE, "00", 1, "hint", 0)


class World:
    def __init__(self, available: int = 1_000_000) -> None:
        self.clock = ManualClock()
        self.ledger = ModelLedger(self.clock, available)
        self.line = Line(self.ledger)
        self.purse: LeasedPurse = self.line.purse()

    async def hold(self, hold_id: str, amount: int = HOLD, key: str = "key_a") -> None:
        if not self.purse.hold(caller(key), hold_id, Nanos(amount)):
            await self.purse.secure(caller(key), hold_id, Nanos(amount))

    def close(self, hold_id: str, actual: int) -> None:
        self.line.written += 1
        self.ledger_says = self.purse.lease_of(hold_id)
        self.purse.close(hold_id, Nanos(actual))

    async def quiet(self) -> None:
        async with asyncio.timeout(5):
            while self.purse.is_busy:  # noqa: ASYNC110 - there is no event for nothing to do
                await asyncio.sleep(0)

    def look(self, seconds: float) -> None:
        self.purse._upkeep.look()
        self.clock.advance(seconds)
        self.purse._upkeep.look()


@pytest.fixture
async def world() -> AsyncIterator[World]:
    world = World()
    running = asyncio.create_task(world.purse.run())
    yield world
    running.cancel()
    await asyncio.wait({running})
    assert not world.line.bugs


async def test_the_ledger_is_asked_once_for_many_requests(world: World) -> None:
    for number in range(10):
        await world.hold(str(number))
        world.close(str(number), 100)
    assert world.line.calls == 1
    assert world.ledger.held == 20 * HOLD


async def test_what_waits_at_the_same_time_is_asked_for_together(world: World) -> None:
    await asyncio.gather(*(world.hold(str(n), key=f"key_{n % 3}") for n in range(60)))
    assert len(world.purse.holds) == 60
    assert world.line.calls <= 3
    assert {ask.least for ask in world.ledger.asked[:3]} == {HOLD}


async def test_a_lease_is_one_percent_of_what_is_left_or_what_is_needed(world: World) -> None:
    world.ledger.available = 30_000_000
    await world.hold("a", 100_000)
    world.clock.advance(5)
    await world.hold("b", 2_000_000)
    await world.hold("c", 300_000)
    assert [(ask.least, ask.amount) for ask in world.ledger.asked] == [
        (100_000, 2_000_000),  # nothing is known yet: for 20 requests
        (100_000, 280_000),  # of 28 million
        (120_000, 277_200),
    ]


async def test_more_is_fetched_before_it_runs_out(world: World) -> None:
    world.ledger.available = 100_000_000
    await world.hold("0")
    world.clock.advance(0.2)
    for number in range(1, 20):
        assert world.purse.hold(caller(), str(number), HOLD)
        await asyncio.sleep(0)
        await asyncio.sleep(0)
    await world.quiet()
    assert world.purse.hold(caller(), "more", HOLD)
    assert len(world.ledger.asked) == 2
    assert world.ledger.asked[1].least == 1


async def test_exactly_as_many_are_served_as_the_balance_pays_for(world: World) -> None:
    world.ledger.available = 10 * HOLD + HOLD // 2
    results = await asyncio.gather(
        *(world.hold(str(n)) for n in range(500)), return_exceptions=True
    )
    refused = [r for r in results if r is not None]
    assert len(refused) == 490
    assert all(isinstance(r, InsufficientFunds) for r in refused)
    assert world.line.calls < 40
    first = refused[0]
    assert isinstance(first, InsufficientFunds)
    assert first.available_nanos == HOLD // 2
    assert "0.000001 US dollars and 0.0000005 are available" in first.message


async def test_who_asks_for_less_than_was_refused_is_still_served(world: World) -> None:
    world.ledger.available = 1_500
    results = await asyncio.gather(
        *(world.hold(str(amount), amount) for amount in (2_000, 1_600, 1_000, 400, 200)),
        return_exceptions=True,
    )
    assert [r is None for r in results] == [False, False, True, True, False]


async def test_with_little_left_what_a_request_did_not_use_goes_back_at_its_close(
    world: World,
) -> None:
    world.ledger.available = 3 * HOLD
    await world.hold("a")
    world.close("a", 300)
    await world.quiet()
    assert world.ledger.available == 2 * HOLD + 700
    assert world.ledger.held == 300


async def test_a_lease_that_is_idle_goes_back_and_is_closed(world: World) -> None:
    await world.hold("a")
    world.close("a", 400)
    world.look(9)
    assert world.ledger.held == 20 * HOLD
    world.look(1)
    await world.quiet()
    (lease,) = world.ledger.leases.values()
    assert (lease.closing, lease.remaining) == (True, 400)
    assert not world.purse.hold(caller(), "b", HOLD)


async def test_of_a_lease_that_is_idle_but_for_one_long_request_the_rest_goes_back(
    world: World,
) -> None:
    await world.hold("a")
    world.look(10)
    await world.quiet()
    (lease,) = world.ledger.leases.values()
    assert (lease.closing, lease.remaining) == (False, HOLD)
    world.close("a", 400)
    world.look(10)
    await world.quiet()
    assert (lease.closing, lease.remaining) == (True, 400)


async def test_a_key_that_was_not_used_for_long_is_forgotten_unless_something_runs(
    world: World,
) -> None:
    await world.hold("free", 0)
    await world.hold("b", key="key_b")
    world.close("b", 0)
    world.look(600)
    await world.quiet()
    world.look(600)
    assert [*world.purse.accounts] == ["key_a"]
    assert await world.purse.secure_more("free", HOLD)
    world.close("free", 0)


async def test_a_lease_in_use_is_renewed(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    await world.hold("a")
    (lease_id,) = world.ledger.leases
    until = world.purse.lessees[lease_id].leases[0].until_ns
    world.clock.advance(60)
    monkeypatch.setattr(leased, "_LOOK_S", 0.0)
    monkeypatch.setattr(leased, "RENEW_S", 0.0)
    again = asyncio.create_task(world.purse._look_for_ever())
    await asyncio.sleep(0.01)
    again.cancel()
    assert world.purse.lessees[lease_id].leases[0].until_ns == until + 60 * 10**9


async def test_what_has_expired_takes_no_new_hold_and_what_runs_may_end(world: World) -> None:
    await world.hold("a")
    world.clock.advance(600)
    assert not world.purse.hold(caller(), "b", HOLD)
    await world.hold("b")
    assert world.purse.lease_of("a") != world.purse.lease_of("b")
    world.close("a", 600)
    await world.quiet()
    assert world.ledger.leases["lea_0"].remaining == 600


async def test_a_stream_on_an_expired_lease_goes_on_with_a_new_one(world: World) -> None:
    await world.hold("a")
    world.clock.advance(600)
    world.look(0)
    assert not world.purse.extend("a", HOLD)
    assert await world.purse.secure_more("a", HOLD)
    assert world.purse.lease_of("a") == "lea_1"
    await world.quiet()
    assert world.ledger.leases["lea_0"].remaining == 0
    world.close("a", 2 * HOLD)


async def test_what_is_recalled_goes_back_at_once(world: World) -> None:
    await world.hold("a")
    world.purse.recall(["lea_0", "lea_unknown"])
    await world.quiet()
    assert world.ledger.held == HOLD
    world.close("a", 100)
    await world.quiet()
    assert world.ledger.held == 100


async def test_a_frozen_teams_money_goes_back_and_nothing_is_held(world: World) -> None:
    await world.hold("a")
    world.purse.team_changed(TeamState("team", frozen=True))
    await world.quiet()
    assert world.ledger.held == HOLD
    with pytest.raises(NotAllowed, match="frozen"):
        await world.hold("b")
    with pytest.raises(NotAllowed):
        await world.hold("free", 0)
    assert not await world.purse.secure_more("a", HOLD)
    world.purse.team_changed(TeamState("team"))
    await world.hold("b")


@pytest.mark.parametrize("how", ["revoked", "table"])
async def test_a_revoked_keys_money_goes_back(world: World, how: str) -> None:
    await world.hold("a")
    await world.hold("b", key="key_b")
    if how == "table":
        world.purse.keys_replaced({"key_b"})
    else:
        world.purse.key_changed("key_a", None)
    await world.quiet()
    assert world.ledger.leases["lea_0"].remaining == HOLD
    with pytest.raises(NotAuthenticated):
        await world.hold("c")
    await world.hold("d", key="key_b")


async def test_a_request_that_is_called_off_while_it_waits_holds_nothing(world: World) -> None:
    world.line.slow.clear()
    waiting = asyncio.create_task(world.hold("a"))
    await asyncio.sleep(0.01)
    waiting.cancel()
    await asyncio.wait({waiting})
    world.line.slow.set()
    await world.quiet()
    assert not world.purse.holds
    assert world.purse.hold(caller(), "b", HOLD)  # what came is kept for the next


async def test_a_request_called_off_in_the_moment_of_its_grant_holds_nothing(world: World) -> None:
    world.line.slow.clear()
    waiting = asyncio.create_task(world.hold("a"))
    await asyncio.sleep(0.01)
    asks = next(iter(world.purse._asking.values())).ask
    assert asks is not None
    world.purse.answered([asks], world.ledger.take("gw_1", [asks]))
    assert "a" in world.purse.holds
    waiting.cancel()
    await asyncio.wait({waiting})
    assert not world.purse.holds
    world.line.slow.set()


async def test_who_waits_too_long_is_told_503(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(leased, "DEADLINE_S", 0.01)
    world.line.slow.clear()
    with pytest.raises(CapacityError) as slow:
        await world.hold("a")
    assert slow.value.code == "ledger_slow"
    world.line.slow.set()
    await world.quiet()
    assert world.purse.waiting == 0


# --- the ledger is out of reach --------------------------------------------------------------------


async def test_what_is_leased_is_spent_then_the_allowance_then_it_is_503(world: World) -> None:
    world.ledger.available = 200 * HOLD
    await world.hold("0")
    leased_left = world.purse.accounts["key_a"].leases[0].free // HOLD
    world.line.deaf = True
    allowed = (200 * HOLD - world.ledger.held) // 20 // HOLD
    for number in range(1, 1 + leased_left + allowed):
        await world.hold(str(number))
    assert [world.purse.lease_of(str(n)) for n in (1, leased_left + 1)] == ["lea_0", ""]
    for _ in range(3):
        with pytest.raises(CapacityError) as refused:
            await world.hold("past")
        assert (refused.value.status, refused.value.code) == (503, "ledger_unreachable")


async def test_an_allowance_is_at_most_20_dollars(world: World) -> None:
    world.ledger.available = 10_000 * NANOS_PER_USD
    await world.hold("a")
    world.line.deaf = True
    await world.hold("b", 20 * NANOS_PER_USD)
    with pytest.raises(CapacityError):
        await world.hold("c", 1 + world.purse.accounts["key_a"].leases[0].free)


@pytest.mark.parametrize(
    ("state", "promo_only", "expected"),
    [
        (TeamState("team"), False, 50_000),
        (TeamState("team"), True, 0),
        (TeamState("team", outage_allowance_nanos=7), False, 7),
        (TeamState("team", outage_allowance_nanos=7, frozen=True), False, 0),
    ],
)
async def test_what_an_allowance_is(
    world: World, state: TeamState, promo_only: bool, expected: int
) -> None:
    allowance = world.purse.allowance("team")
    assert allowance.limit == 0  # nothing is known of the team yet
    allowance.balance, allowance.promo_only, allowance.state = 1_000_000, promo_only, state
    assert allowance.limit == expected


async def test_an_allowance_is_not_given_anew_before_what_was_spent_of_it_is_settled(
    world: World,
) -> None:
    world.purse.team_changed(TeamState("team", outage_allowance_nanos=1_500))
    world.line.deaf = True
    await world.hold("a")
    world.close("a", 1_000)
    assert world.purse.allowance("team").take(500)
    assert not world.purse.allowance("team").take(1)
    world.line.settled = world.line.written
    assert world.purse.allowance("team").take(1_000)


async def test_an_answer_that_was_lost_is_asked_for_again_and_nothing_is_leased_twice(
    world: World,
) -> None:
    world.purse.team_changed(TeamState("team", outage_allowance_nanos=HOLD))
    world.line.down = True
    await world.hold("a")
    assert world.purse.lease_of("a") == ""
    world.line.down = False
    await world.quiet()
    assert not world.purse.out_of_reach
    assert len(world.ledger.leases) == 1
    assert world.purse.hold(caller(), "b", HOLD)
    assert world.purse.lease_of("b") == "lea_0"


async def test_with_little_left_before_it_was_away_it_is_noticed_when_the_ledger_is_back(
    world: World,
) -> None:
    world.ledger.available = 0
    with pytest.raises(InsufficientFunds):
        await world.hold("a")
    world.line.deaf = True
    with pytest.raises(CapacityError):
        await world.hold("a")
    world.line.deaf = False
    world.ledger.available = 100 * HOLD
    with pytest.raises(CapacityError):
        await world.hold("a")  # nobody waits while it is away
    await world.quiet()
    await world.hold("a")


async def test_a_return_whose_answer_was_lost_is_counted_once(world: World) -> None:
    await world.hold("a")
    world.line.down = True
    world.close("a", 0)
    world.look(10)
    await asyncio.sleep(0.06)
    world.line.down = False
    await world.quiet()
    assert world.ledger.available == 1_000_000
    assert world.line.calls > 2


# --- the end ---------------------------------------------------------------------------------------


async def test_at_the_end_everything_goes_back_but_what_still_runs(world: World) -> None:
    await world.hold("a")
    await world.hold("b", key="key_b")
    world.close("b", 200)
    await world.purse.aclose(1.0)
    assert [lease.remaining for lease in world.ledger.leases.values()] == [HOLD, 200]
    with pytest.raises(CapacityError) as refused:
        await world.hold("c")
    assert refused.value.code == "stopping"
    world.close("a", 500)
    await world.quiet()
    assert all(lease.closing for lease in world.ledger.leases.values())


async def test_the_end_does_not_wait_for_a_ledger_that_is_away(world: World) -> None:
    await world.hold("a")
    world.close("a", 0)
    world.line.deaf = True
    closing = asyncio.create_task(world.purse.aclose(0.5))
    await asyncio.sleep(0.02)
    world.clock.advance(1)
    async with asyncio.timeout(1):
        await closing


async def test_a_bug_in_the_ledgers_answer_is_told_and_nobody_waits_for_ever(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError

    with monkeypatch.context() as patched:
        patched.setattr(world.ledger, "take", broken)
        with pytest.raises(CapacityError):
            await world.hold("a")
    await world.quiet()
    await world.hold("a")
    assert {type(bug) for bug in world.line.bugs} == {ZeroDivisionError}
    world.line.bugs.clear()


async def test_a_hold_that_no_ledger_could_book_is_refused(world: World) -> None:
    with pytest.raises(GatewayError, match="1,000,000 US dollars"):
        await world.hold("a", 10**15 + 1)
    assert world.line.calls == 0
