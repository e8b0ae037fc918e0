from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from contract.response_store import ResponseStoreContract
from opengateway.domain.errors import CapacityError
from opengateway.infra.response_store.valkey import ValkeyResponseStore
from opengateway.infra.shared_state.valkey import DEADLINE_S, Valkey
from opengateway.kit.clock import SystemClock
from stores import ValkeyServer

KEPT_S = 0.5


@asynccontextmanager
async def opened(
    url: str, *, deadline_s: float = 2.0, **more: float
) -> AsyncIterator[ValkeyResponseStore]:
    clock = SystemClock()
    beside = Valkey(url, clock, deadline_s=deadline_s)
    try:
        yield ValkeyResponseStore(beside, clock, **more)  # type: ignore[arg-type]
    finally:
        await beside.aclose()


class TestValkeyResponseStore(ResponseStoreContract):
    @pytest.fixture
    async def store(self, valkey_url: str) -> AsyncIterator[ValkeyResponseStore]:
        async with opened(valkey_url, kept_s=KEPT_S) as store:
            yield store

    async def pass_kept_time(self) -> None:
        await asyncio.sleep(KEPT_S + 0.05)


async def test_what_one_gateway_keeps_another_finds(valkey_url: str) -> None:
    async with opened(valkey_url) as one, opened(valkey_url) as other:
        assert await one.put("shared", b"value")
        assert await other.get("shared") == b"value"
        assert await other.delete("shared")
        assert await one.get("shared") is None


async def test_a_gateway_keeps_no_more_than_its_bound(valkey_url: str) -> None:
    async with opened(valkey_url, max_bytes=1000) as store:
        assert await store.put("a", b"x" * 900)
        assert not await store.put("b", b"x" * 200)
        assert store.evictions == 1


async def test_out_of_reach_nothing_is_kept_and_nothing_is_taken_for_unknown(
    own_valkey: ValkeyServer,
) -> None:
    async with opened(own_valkey.url(), deadline_s=DEADLINE_S) as store:
        os.kill(own_valkey.pid, signal.SIGSTOP)
        assert not await store.put("s", b"x")
        for ask in (store.get, store.delete):
            with pytest.raises(CapacityError) as caught:
                await ask("s")
            assert caught.value.code == "response_store_unavailable"
        os.kill(own_valkey.pid, signal.SIGCONT)
