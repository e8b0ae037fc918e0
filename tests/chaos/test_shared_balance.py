"""Gateways that spend one balance at the same time, against a real control process: never more is
spent than there is, and never is somebody refused what is there."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from pathlib import Path

import pytest

from chaos.tills import House, house_with
from opengateway.domain.errors import CapacityError, GatewayError, InsufficientFunds
from opengateway.domain.principal import Principal

HOLD = 1_000_000
CALLS = 500

pytestmark = pytest.mark.slow


async def calls(
    house: House, key: Principal, cost: int, count: int = CALLS
) -> tuple[int, list[GatewayError]]:
    """That many at once, over all gateways. How many were served, and why the others were not."""
    answers = await asyncio.gather(
        *(house.tills[number % len(house.tills)].serve(key, HOLD, cost) for number in range(count))
    )
    refused = [answer for answer in answers if answer is not None]
    return count - len(refused), refused


@pytest.mark.parametrize("gateways", [1, 4])
async def test_of_500_calls_exactly_as_many_are_served_as_the_balance_pays_for(
    tmp_path: Path, store_url: str, gateways: int
) -> None:
    async with house_with(tmp_path, gateways, store_url) as house:
        key = await house.key()
        await house.grant(10 * HOLD + HOLD // 2)
        served, refused = await calls(house, key, cost=HOLD)
        assert served == 10
        assert {type(error) for error in refused} == {InsufficientFunds}
        await house.settled()
        assert await house.balance(key.team_id) == (HOLD // 2, 0)
        # What is left and what comes is there for whoever asks next, at any gateway.
        await house.grant(3 * HOLD)
        served, _ = await calls(house, key, cost=HOLD, count=40)
        assert served == 3
        await house.settled()
        assert sum(till.charged for till in house.tills) == 13 * HOLD
        assert await house.violations() == []


@pytest.mark.parametrize("gateways", [1, 4])
async def test_what_requests_did_not_need_is_there_for_others(
    tmp_path: Path, store_url: str, gateways: int
) -> None:
    """They hold 1 and cost 0.3: one after the other, a balance of 10 pays for 31."""
    cost = 3 * HOLD // 10
    async with house_with(tmp_path, gateways, store_url) as house:
        key = await house.key()
        await house.grant(10 * HOLD)
        served, _ = await calls(house, key, cost=cost)
        while True:
            await house.settled()
            available, held = await house.balance(key.team_id)
            assert available + held == 10 * HOLD - served * cost
            more, refused = await calls(house, key, cost=cost, count=1)
            served += more
            if refused:
                break
        assert served == 31
        assert await house.balance(key.team_id) == (10 * HOLD - 31 * cost, 0)
        assert await house.violations() == []


@pytest.mark.parametrize("gateways", [1, 4])
async def test_a_keys_limit_is_kept_as_exactly(
    tmp_path: Path, store_url: str, gateways: int
) -> None:
    async with house_with(tmp_path, gateways, store_url) as house:
        key = await house.key(limit_usd="0.01")  # 10 holds
        await house.grant(1_000 * HOLD)
        served, refused = await calls(house, key, cost=HOLD)
        assert served == 10
        assert {error.code for error in refused} == {"budget_exceeded"}
        await house.settled()
        assert await house.balance(key.team_id) == (990 * HOLD, 0)


async def test_money_that_is_idle_at_one_gateway_is_called_back_for_another(
    tmp_path: Path, store_url: str
) -> None:
    async with house_with(tmp_path, 2, store_url) as house:
        key = await house.key()
        await house.grant(60 * HOLD)
        rich, poor = house.tills
        assert await rich.serve(key, HOLD, 0) is None  # leases more than it needs
        assert (await house.balance(key.team_id))[1] > 10 * HOLD
        assert await poor.serve(key, 60 * HOLD, 60 * HOLD) is None
        await house.settled()
        assert await house.balance(key.team_id) == (0, 0)


async def test_a_ledger_that_stands_still_costs_nobody_and_nothing(
    tmp_path: Path, store_url: str
) -> None:
    """Traffic goes on within leases and allowances; past them it is 503, and all adds up after."""
    chance = random.Random(7)
    async with house_with(tmp_path, 2, store_url) as house:
        key = await house.key()
        await house.grant(1_000 * HOLD)
        answers: Counter[str] = Counter()

        async def caller(till_number: int) -> None:
            for _ in range(60):
                error = await house.tills[till_number].serve(
                    key, HOLD, chance.randrange(HOLD), chance.random() * 0.01
                )
                answers["served" if error is None else error.code] += 1
                if isinstance(error, CapacityError):
                    await asyncio.sleep(0.02)

        await calls(house, key, cost=HOLD, count=20)
        house.freeze()
        await asyncio.gather(*(caller(number % 2) for number in range(12)))
        assert set(answers) == {"served", "ledger_unreachable"}
        assert answers["served"] > 50
        allowed = {till.purse.allowance(key.team_id).limit for till in house.tills}
        assert all(30 * HOLD < limit <= 50 * HOLD for limit in allowed)
        house.thaw()
        async with asyncio.timeout(10):
            while await house.tills[0].serve(key, HOLD, HOLD) is not None:  # noqa: ASYNC110
                await asyncio.sleep(0.05)
        for till in house.tills:
            await till.purse.aclose(5)
        await house.settled()
        charged = sum(till.charged for till in house.tills)
        assert await house.balance(key.team_id) == (1_000 * HOLD - charged, 0)
        assert await house.violations() == []
