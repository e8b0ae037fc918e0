"""Latencies, rate headers, the retry budget, concurrency limits and the queue before them."""

from __future__ import annotations

import asyncio
import math

import pytest
from msgspec.structs import replace

from opengateway.domain.routing import Priority
from opengateway.gateway.routing.breaker import Breaker
from opengateway.gateway.routing.budget import RetryBudget
from opengateway.gateway.routing.concurrency import Limit
from opengateway.gateway.routing.headroom import headroom
from opengateway.gateway.routing.health import Health
from opengateway.gateway.routing.latency import Latency, size_factor
from opengateway.gateway.routing.waiting import NoRoom, Waiting, is_shed, priority_of
from opengateway.kit.chance import seeded
from opengateway.policies.health import Scope
from unit.gateway.fakes import PRINCIPAL
from virtual_time import run_virtually


class TestLatency:
    def test_quantiles_come_near_the_true_ones(self) -> None:
        chance, latency = seeded(7), Latency()
        samples = [math.exp(chance.gauss(0.0, 0.5)) for _ in range(5000)]
        for sample in samples:
            latency.add(sample)
        samples.sort()
        for percentile in (50, 75, 90, 99):
            true = samples[len(samples) * percentile // 100]
            found = latency.quantile(percentile)
            assert found is not None
            assert true * 0.75 < found < true * 1.35

    def test_they_follow_when_an_endpoint_becomes_slow(self) -> None:
        latency = Latency()
        for _ in range(100):
            latency.add(0.2)
        for _ in range(60):
            latency.add(4.0)
        assert (latency.quantile(50) or 0) > 1.0
        assert (latency.mean or 0) > 3.5

    def test_longer_inputs_take_longer_by_size_class(self) -> None:
        factors = [size_factor(size) for size in (100, 50_000, 400_000, 10_000_000)]
        assert factors == sorted(factors)
        assert factors[0] == 1.0

    def test_what_is_kept_is_restored_and_nonsense_is_not(self) -> None:
        latency, again = Latency(), Latency()
        latency.add(0.3)
        again.restore(latency.state())
        assert again.state() == latency.state()
        again.restore([1.0, -5.0, 1.0, 1.0, 1.0, 1.0])
        again.restore([])
        assert again.state() == latency.state()


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({}, None),
        (
            {
                "x-ratelimit-remaining-requests": "5",
                "x-ratelimit-limit-requests": "100",
                "x-ratelimit-reset-requests": "6m0s",
            },
            (0.05, 360.0),
        ),
        (
            {
                "x-ratelimit-remaining-requests": "50",
                "x-ratelimit-limit-requests": "100",
                "x-ratelimit-remaining-tokens": "0",
                "x-ratelimit-reset-tokens": "20ms",
            },
            (0.0, 0.02),
        ),
        (
            {
                "anthropic-ratelimit-requests-remaining": "1",
                "anthropic-ratelimit-requests-limit": "50",
                "anthropic-ratelimit-requests-reset": "2026-11-25T00:00:00Z",
            },
            (0.02, 10.0),
        ),
        (
            {"x-ratelimit-remaining-requests": "9", "x-ratelimit-limit-requests": "0"},
            None,
        ),
        ({"x-ratelimit-remaining-requests": "nan"}, None),
        ({"x-ratelimit-remaining-requests": "many"}, None),
        (
            {
                "x-ratelimit-remaining-tokens": "1",
                "x-ratelimit-limit-tokens": "10",
                "x-ratelimit-reset-tokens": "1h2m3.5s",
            },
            (0.1, 600.0),
        ),
    ],
)
def test_the_rate_headers_of_providers_are_read(
    headers: dict[str, str], expected: tuple[float, float] | None
) -> None:
    assert headroom(headers) == expected


class TestRetryBudget:
    def test_a_fifth_of_the_requests_and_ten_a_second(self) -> None:
        budget = RetryBudget()
        for second in range(10):
            for _ in range(100):
                budget.request(1000.0 + second)
        taken = sum(budget.take(1009.5) for _ in range(1000))
        assert taken == 200 + 100
        assert budget.refused == 700

    def test_it_fills_again(self) -> None:
        budget = RetryBudget()
        assert sum(budget.take(1000.0) for _ in range(150)) == 100
        assert not budget.take(1009.9)
        assert budget.take(1010.0)

    def test_a_long_silence_forgets_all(self) -> None:
        budget = RetryBudget()
        for _ in range(1000):
            budget.request(1000.0)
        assert sum(budget.take(1e9) for _ in range(500)) == 100


class TestLimit:
    def test_there_is_none_until_a_provider_says_that_it_is_too_much(self) -> None:
        limit = Limit()
        limit.in_flight = 10_000
        assert not limit.is_full

    def test_a_burst_of_refusals_takes_it_down_once(self) -> None:
        limit = Limit()
        limit.in_flight = 100
        for _ in range(50):
            limit.shrink(10.0)
        assert limit.limit == 70
        assert limit.is_full
        limit.shrink(11.0)
        assert limit.limit == 49

    def test_a_few_at_once_are_always_let_through(self) -> None:
        limit = Limit()
        for second in range(20):
            limit.shrink(float(second))
        assert limit.limit == 4

    def test_it_grows_by_one_a_second_while_it_is_used_and_is_gone_in_the_end(self) -> None:
        limit = Limit()
        limit.in_flight = 10
        limit.shrink(0.0)
        assert limit.limit == 7
        limit.grow(1.5)
        limit.grow(1.6)
        assert limit.limit == 8
        limit.in_flight = 1
        limit.grow(5.0)
        assert limit.limit == 8, "nobody needs more"
        limit.grow(400.0)
        assert limit.limit == math.inf


def full_cell() -> Health:
    key = ("p", "eu", "main", "m")
    cell = Health(key, (Breaker(Scope.ENDPOINT, key),), Limit(), 0.0)
    cell.limit.in_flight, cell.limit.limit = 1, 1.0
    return cell


class TestTheQueue:
    def test_the_higher_priority_goes_first_then_who_came_first(self) -> None:
        async def story() -> list[str]:
            waiting, cell, went = Waiting(), full_cell(), list[str]()

            async def come(name: str, priority: Priority) -> None:
                await waiting.room(cell, priority, 60.0)
                cell.limit.in_flight += 1
                went.append(name)
                await asyncio.sleep(0.01)
                cell.limit.in_flight -= 1
                waiting.freed()

            async with asyncio.TaskGroup() as group:
                for name, priority in (
                    ("low", Priority.LOW),
                    ("first", Priority.NORMAL),
                    ("second", Priority.NORMAL),
                    ("high", Priority.HIGH),
                ):
                    group.create_task(come(name, priority))
                    await asyncio.sleep(0.001)
                cell.limit.in_flight -= 1
                waiting.freed()
            assert not waiting
            return went

        assert run_virtually(story()) == ["high", "first", "second", "low"]

    def test_who_waits_too_long_is_told_to_come_again(self) -> None:
        async def story() -> float:
            loop = asyncio.get_running_loop()
            began, waiting = loop.time(), Waiting()
            with pytest.raises(NoRoom) as failed:
                await waiting.room(full_cell(), Priority.NORMAL, 600.0)
            assert (failed.value.status, failed.value.code) == (503, "capacity_exhausted")
            assert len(waiting) == 0
            return loop.time() - began

        assert run_virtually(story()) == pytest.approx(5.0)

    def test_a_full_queue_lets_the_lowest_go(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("opengateway.gateway.routing.waiting.WAITING", 2)

        async def story() -> list[str]:
            waiting, cell, ended = Waiting(), full_cell(), list[str]()

            async def come(name: str, priority: Priority) -> None:
                try:
                    await waiting.room(cell, priority, 60.0)
                except NoRoom:
                    ended.append(name)

            tasks = []
            for name, priority in (
                ("low", Priority.LOW),
                ("normal", Priority.NORMAL),
                ("later low", Priority.LOW),
                ("high", Priority.HIGH),
            ):
                tasks.append(asyncio.create_task(come(name, priority)))
                await asyncio.sleep(0.001)
            found = list(ended)
            await asyncio.gather(*tasks)
            return found

        assert run_virtually(story()) == ["later low", "low"]


def test_a_busy_gateway_turns_low_priority_away_first() -> None:
    assert is_shed(Priority.LOW, 80, 100)
    assert not is_shed(Priority.NORMAL, 80, 100)
    assert is_shed(Priority.NORMAL, 95, 100)
    assert not is_shed(Priority.HIGH, 99, 100)
    assert is_shed(Priority.HIGH, 100, 100)


def test_a_key_says_its_priority() -> None:
    assert priority_of(PRINCIPAL) is Priority.NORMAL
    assert priority_of(replace(PRINCIPAL, metadata={"priority": "low"})) is Priority.LOW
    assert priority_of(replace(PRINCIPAL, metadata={"priority": "first"})) is Priority.NORMAL
