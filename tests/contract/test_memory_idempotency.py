from __future__ import annotations

import pytest

from contract.idempotency_store import IdempotencyStoreContract
from opengateway.infra.idempotency.memory import MemoryIdempotencyStore
from opengateway.kit.clock import ManualClock
from opengateway.ports.idempotency import KEPT_S, Found


class TestMemoryIdempotencyStore(IdempotencyStoreContract):
    @pytest.fixture
    def store(self) -> MemoryIdempotencyStore:
        self.clock = ManualClock()
        return MemoryIdempotencyStore(self.clock)

    async def pass_kept_time(self) -> None:
        self.clock.advance(KEPT_S)


async def finish(store: MemoryIdempotencyStore, number: int, size: int) -> None:
    assert await store.claim(f"s{number}", f"gen_{number}", b"") is None
    await store.keep(f"s{number}", f"gen_{number}", b"x" * size)


async def test_replies_beyond_the_bound_leave_and_their_claims_stay() -> None:
    store = MemoryIdempotencyStore(ManualClock(), max_bytes=1000)
    for number in range(20):
        await finish(store, number, 100)
    assert store.reply_bytes <= 1000
    assert store.evictions >= 10
    assert await store.claim("s0", "gen_x", b"") == Found("gen_0", b"", True)
    last = await store.claim("s19", "gen_x", b"")
    assert last is not None
    assert last.reply == b"x" * 100


async def test_claims_beyond_the_bound_leave_oldest_first_and_are_counted() -> None:
    store = MemoryIdempotencyStore(ManualClock(), max_claims=5)
    for number in range(8):
        await finish(store, number, 10)
    assert len(store) == 5
    assert store.evictions == 3
    assert store.reply_bytes == 50
    assert await store.claim("s2", "gen_x", b"") is None


async def test_nothing_is_kept_beyond_its_time() -> None:
    clock = ManualClock()
    store = MemoryIdempotencyStore(clock)
    for number in range(100):
        await finish(store, number, 10)
    clock.advance(KEPT_S + 1)
    await store.claim("new", "gen_x", b"")
    assert len(store) == 1
    assert store.reply_bytes == 0
