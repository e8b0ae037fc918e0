from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator

import pytest
from redis.asyncio import Redis

from contract.pin_store import DIGEST, PinStoreContract
from opengateway.infra.pins.memory import MemoryPinStore
from opengateway.infra.pins.valkey import ValkeyPinStore
from opengateway.infra.shared_state.valkey import Valkey
from opengateway.kit.clock import ManualClock, SystemClock
from opengateway.ports.pins import PinStore
from stores import ValkeyServer


class TestMemoryPinStore(PinStoreContract):
    @pytest.fixture(autouse=True)
    def world(self) -> None:
        self.board: dict[bytes, tuple[float, bytes]] = {}
        self.clock = ManualClock()

    async def join(self) -> PinStore:
        return MemoryPinStore(self.clock, self.board)

    async def pass_time(self, seconds: float) -> None:
        self.clock.advance(seconds)


class TestValkeyPinStore(PinStoreContract):
    @pytest.fixture(autouse=True)
    async def world(self, valkey_url: str) -> AsyncIterator[None]:
        self.url = valkey_url
        self.shared = Valkey(valkey_url, SystemClock(), deadline_s=2.0)
        self.zone = f"zone-{time.monotonic_ns()}"
        yield
        await self.shared.aclose()

    async def join(self) -> PinStore:
        return ValkeyPinStore(self.shared, self.zone)

    async def pass_time(self, seconds: float) -> None:
        await asyncio.sleep(seconds)

    async def test_what_another_program_put_there_is_no_pin(self) -> None:
        key = f"og:{self.zone}:pin:{DIGEST.hex()}"
        async with Redis.from_url(self.url) as redis:
            await redis.rpush(key, b"a list")
        one = await self.join()
        assert await one.find(DIGEST) is None

    async def test_zones_of_one_server_do_not_meet(self) -> None:
        await (await self.join()).keep([(DIGEST, b"kr", 60.0)])
        assert await ValkeyPinStore(self.shared, "jp").find(DIGEST) is None


async def test_a_frozen_store_costs_a_request_one_deadline_and_no_failure(
    own_valkey: ValkeyServer,
) -> None:
    shared = Valkey(own_valkey.url(), SystemClock())
    store = ValkeyPinStore(shared, "kr")
    await store.find(DIGEST)
    assert own_valkey.pid is not None
    os.kill(own_valkey.pid, signal.SIGSTOP)
    try:
        began = time.monotonic()
        assert await store.find(DIGEST) is None
        assert time.monotonic() - began < 0.5
        await store.keep([(DIGEST, b"x", 1.0)])
        assert store.failures >= 2
    finally:
        os.kill(own_valkey.pid, signal.SIGCONT)
        await shared.aclose()
