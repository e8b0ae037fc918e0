from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from redis.asyncio import Redis

from contract.idempotency_store import IdempotencyStoreContract
from opengateway.domain.errors import CapacityError
from opengateway.infra.idempotency.valkey import ValkeyIdempotencyStore
from opengateway.infra.shared_state.valkey import DEADLINE_S, Valkey
from opengateway.kit.clock import SystemClock
from opengateway.ports.idempotency import Found
from stores import ValkeyServer

KEPT_S = 1.0


@asynccontextmanager
async def opened(
    url: str, *, kept_s: float = 600.0, deadline_s: float = 2.0, **more: float
) -> AsyncIterator[ValkeyIdempotencyStore]:
    clock = SystemClock()
    # What a request may wait is of one test; the others must not fail on a busy machine.
    link, beside = Valkey(url, clock, deadline_s=deadline_s), Valkey(url, clock, deadline_s=2.0)
    store = ValkeyIdempotencyStore(link, beside, clock, kept_s=kept_s, **more)  # type: ignore[arg-type]
    running = asyncio.create_task(store.run())
    try:
        yield store
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        await link.aclose()
        await beside.aclose()


class TestValkeyIdempotencyStore(IdempotencyStoreContract):
    @pytest.fixture
    async def store(self, valkey_url: str) -> AsyncIterator[ValkeyIdempotencyStore]:
        async with opened(valkey_url, kept_s=KEPT_S) as store:
            yield store

    async def pass_kept_time(self) -> None:
        await asyncio.sleep(KEPT_S + 0.05)


async def test_gateways_see_each_others_claims(valkey_url: str) -> None:
    async with opened(valkey_url) as one, opened(valkey_url) as other:
        assert await one.claim("s", "gen_1", b"note") is None
        assert await other.claim("s", "gen_2", b"") == Found("gen_1", b"note", False)
        other.drop("s", "gen_2")
        await other.keep("s", "gen_2", b"mine")
        await one.keep("s", "gen_1", b"reply")
        assert await other.claim("s", "gen_3", b"") == Found("gen_1", b"note", True, b"reply")


async def test_a_claim_is_kept_alive_and_freed_after_a_crash(valkey_url: str) -> None:
    async with opened(valkey_url) as other:
        async with opened(valkey_url, hold_s=0.3) as crashed:
            assert await crashed.claim("s", "gen_1", b"") is None
            await asyncio.sleep(0.7)
            assert await other.claim("s", "gen_2", b"") == Found("gen_1", b"", False)
        await asyncio.sleep(0.4)
        assert await other.claim("s", "gen_3", b"") is None


async def test_out_of_reach_nothing_runs_that_could_be_charged_twice(
    own_valkey: ValkeyServer,
) -> None:
    async with opened(own_valkey.url(), deadline_s=DEADLINE_S) as store:
        for name in ("answered", "charged"):
            assert await store.claim(name, "gen_1", b"") is None
        os.kill(own_valkey.pid, signal.SIGSTOP)
        loop = asyncio.get_running_loop()
        began = loop.time()
        with pytest.raises(CapacityError) as caught:
            await store.claim("new", "gen_2", b"")
        assert caught.value.code == "idempotency_unavailable"
        assert loop.time() - began < 0.5
        await store.keep("answered", "gen_1", b"reply")
        store.keep_later("charged", "gen_1")
        # This gateway knows what it did, though nobody else can be told.
        for name in ("answered", "charged"):
            assert await store.claim(name, "gen_3", b"") == Found("gen_1", b"", True)
        os.kill(own_valkey.pid, signal.SIGCONT)
        async with opened(own_valkey.url()) as other:
            for name in ("answered", "charged"):
                for _ in range(300):
                    found = await other.claim(name, "gen_4", b"")
                    if found is not None and found.finished:
                        break
                    await asyncio.sleep(0.01)
                else:
                    pytest.fail(f"{name} was never told")
            # What was asked for in vain is not left running.
            for _ in range(300):
                if await store.claim("new", "gen_5", b"") is None:
                    return
                await asyncio.sleep(0.01)
            pytest.fail("the claim that failed was never taken back")


async def test_a_gateway_keeps_no_more_replies_than_its_bound(valkey_url: str) -> None:
    async with opened(valkey_url, max_bytes=250) as store:
        for number in range(4):
            assert await store.claim(f"s{number}", "gen_1", b"") is None
            await store.keep(f"s{number}", "gen_1", b"x" * 100)
        found = [await store.claim(f"s{number}", "gen_2", b"") for number in range(4)]
        assert [f.reply is not None for f in found if f] == [True, True, False, False]
        assert all(f is not None and f.finished for f in found)
        assert store.evictions == 2


async def test_everything_in_valkey_has_an_end(valkey_url: str) -> None:
    async with opened(valkey_url) as store:
        assert await store.claim("running", "gen_1", b"") is None
        assert await store.claim("done", "gen_2", b"") is None
        await store.keep("done", "gen_2", b"reply")
        client = Redis.from_url(valkey_url)
        left = {key: await client.pttl(key) for key in await client.keys("*")}
        await client.aclose()
        assert len(left) == 2
        assert 0 < left[b"og:once:running"] <= 60_000
        assert 500_000 < left[b"og:once:done"] <= 600_000
