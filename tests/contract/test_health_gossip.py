from __future__ import annotations

import os
import signal
from collections.abc import AsyncIterator

import pytest
from redis.asyncio import Redis

from contract.health_gossip import HealthGossipContract
from opengateway.infra.health.memory import Board, MemoryHealthGossip
from opengateway.infra.health.valkey import ValkeyHealthGossip
from opengateway.infra.shared_state.valkey import Valkey
from opengateway.kit.clock import ManualClock, SystemClock
from opengateway.ports.health_gossip import FRESH_S, HealthGossip
from stores import ValkeyServer


class TestMemoryHealthGossip(HealthGossipContract):
    @pytest.fixture(autouse=True)
    def world(self) -> None:
        self.board, self.clock = Board(), ManualClock()

    async def join(self, gateway_id: str) -> HealthGossip:
        return MemoryHealthGossip(gateway_id, self.clock, self.board)

    def pass_fresh_time(self) -> None:
        self.clock.advance(FRESH_S + 1)


class TestValkeyHealthGossip(HealthGossipContract):
    @pytest.fixture(autouse=True)
    async def world(self, valkey_url: str) -> AsyncIterator[None]:
        self.url, self.clock = valkey_url, ManualClock()
        self.shared = Valkey(valkey_url, SystemClock(), deadline_s=2.0)
        yield
        await self.shared.aclose()

    async def join(self, gateway_id: str) -> HealthGossip:
        return ValkeyHealthGossip(self.shared, "kr", gateway_id, self.clock)

    def pass_fresh_time(self) -> None:
        self.clock.advance(FRESH_S + 1)

    async def test_the_dead_are_taken_away_and_all_of_it_goes_in_time(self) -> None:
        await (await self.join("gw_dead")).exchange(b"x")
        self.clock.advance(61)
        await (await self.join("gw_1")).exchange(b"x")
        async with Redis.from_url(self.url) as redis:
            assert await redis.hkeys("og:kr:health") == [b"gw_1"]
            assert 0 < await redis.pttl("og:kr:health") <= 120_000

    async def test_what_another_program_put_there_is_passed_over(self) -> None:
        async with Redis.from_url(self.url) as redis:
            await redis.hset("og:kr:health", "odd", b"\x01")
        one = await self.join("gw_1")
        assert list(await one.exchange(b"x")) == []
        async with Redis.from_url(self.url) as redis:
            await redis.set("og:kr:health", b"no hash")
        assert list(await one.exchange(b"x")) == []
        async with Redis.from_url(self.url) as redis:
            await redis.delete("og:kr:health")


async def test_a_frozen_store_costs_one_deadline_and_nothing_else(own_valkey: ValkeyServer) -> None:
    shared = Valkey(own_valkey.url(), SystemClock())
    gossip = ValkeyHealthGossip(shared, "kr", "gw_1", SystemClock())
    await gossip.exchange(b"x")
    assert own_valkey.pid is not None
    os.kill(own_valkey.pid, signal.SIGSTOP)
    try:
        assert list(await gossip.exchange(b"x")) == []
        await gossip.leave()
        assert gossip.failures >= 1
    finally:
        os.kill(own_valkey.pid, signal.SIGCONT)
        await shared.aclose()
