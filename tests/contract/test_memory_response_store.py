from __future__ import annotations

import pytest

from contract.response_store import ResponseStoreContract
from opengateway.infra.response_store.memory import MemoryResponseStore
from opengateway.kit.clock import ManualClock
from opengateway.ports.response_store import KEPT_S


class TestMemoryResponseStore(ResponseStoreContract):
    @pytest.fixture
    def store(self) -> MemoryResponseStore:
        self.clock = ManualClock()
        return MemoryResponseStore(self.clock)

    async def pass_kept_time(self) -> None:
        self.clock.advance(KEPT_S)


async def test_beyond_its_bounds_the_oldest_leave_first_and_are_counted() -> None:
    store = MemoryResponseStore(ManualClock(), max_responses=5, max_bytes=1000)
    for number in range(8):
        await store.put(f"s{number}", b"x" * 10)
    assert (len(store), store.evictions, store.bytes) == (5, 3, 50)
    assert await store.get("s2") is None
    assert await store.get("s3") is not None
    await store.put("large", b"x" * 990)
    assert store.bytes <= 1000
    assert await store.get("large") is not None
