from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator

import pytest

from opengateway.infra.shared_state.valkey import (
    CONNECTIONS,
    DEADLINE_S,
    Script,
    Valkey,
    ValkeyAway,
    ValkeyRefused,
)
from opengateway.kit.clock import ManualClock, SystemClock
from store_servers import ValkeyServer

ADD = Script("return redis.call('INCRBY', KEYS[1], ARGV[1])")


@pytest.fixture
async def valkey(valkey_url: str) -> AsyncIterator[Valkey]:
    # A busy machine may take its time; what a deadline does is tried on a server of its own.
    made = Valkey(valkey_url, SystemClock(), deadline_s=2)
    yield made
    await made.aclose()


async def failing(valkey: Valkey, times: int) -> None:
    for _ in range(times):
        with pytest.raises(ValkeyAway):
            await valkey.call("PING")


async def test_a_command_a_batch_and_a_script_are_answered(valkey: Valkey) -> None:
    assert await valkey.call("SET", "a", 1) in (b"OK", "OK")
    assert await valkey.batch([("INCRBY", "a", 4), ("GET", "a"), ("GET", "b")]) == [5, b"5", None]
    assert await valkey.run(ADD, ["a"], 2) == 7


async def test_a_script_is_sent_again_when_the_server_has_forgotten_it(valkey: Valkey) -> None:
    assert await valkey.run(ADD, ["n"], 1) == 1
    await valkey.call("SCRIPT", "FLUSH")
    assert await valkey.run(ADD, ["n"], 1) == 2
    assert await valkey.call("SCRIPT", "EXISTS", ADD.digest) == [1]


async def test_a_wrong_command_is_a_bug_of_ours_and_the_store_is_not_away(valkey: Valkey) -> None:
    await valkey.call("SET", "text", "x")
    for _ in range(30):
        with pytest.raises(ValkeyRefused, match="not an integer"):
            await valkey.batch([("INCR", "text"), ("GET", "text")])
    assert not valkey.breaker.is_open
    assert await valkey.call("GET", "text") == b"x"  # and no answer of the batch is left over


async def test_more_calls_than_connections_wait_for_one(valkey: Valkey) -> None:
    await asyncio.gather(*(valkey.call("INCR", "n") for _ in range(CONNECTIONS * 10)))
    assert await valkey.call("GET", "n") == str(CONNECTIONS * 10).encode()
    told = await valkey.call("CLIENT", "LIST")
    assert told.count(b"\n") <= CONNECTIONS + 1


async def test_a_call_that_is_cancelled_leaves_its_answer_to_nobody(valkey: Valkey) -> None:
    await valkey.call("SET", "other", "right")
    for delay_us in range(0, 400, 10):
        call = asyncio.create_task(valkey.call("ECHO", "wrong"))
        await asyncio.sleep(delay_us / 1e6)
        call.cancel()
        assert await valkey.call("GET", "other") == b"right"


async def test_a_frozen_store_costs_one_deadline_then_nothing_and_is_found_again(
    own_valkey: ValkeyServer,
) -> None:
    clock = ManualClock()
    valkey = Valkey(own_valkey.url(), clock)
    await valkey.call("PING")
    os.kill(own_valkey.pid, signal.SIGSTOP)
    began = time.monotonic()
    with pytest.raises(ValkeyAway, match="TimeoutError"):
        await valkey.call("PING")
    assert time.monotonic() - began < DEADLINE_S * 3
    await asyncio.gather(*(failing(valkey, 1) for _ in range(20)))
    assert valkey.breaker.is_open

    began = time.monotonic()
    await failing(valkey, 1_000)  # turned away at once
    assert time.monotonic() - began < 0.5
    clock.advance(2)
    await failing(valkey, 1)  # starts a probe, which finds nobody
    assert valkey.breaker.is_open

    os.kill(own_valkey.pid, signal.SIGCONT)
    for _ in range(100):
        clock.advance(2)
        try:
            assert await valkey.call("ECHO", "back") == b"back"
            break
        except ValkeyAway:
            await asyncio.sleep(0.02)
    assert not valkey.breaker.is_open
    await valkey.aclose()


async def test_a_restarted_store_costs_one_failed_call(own_valkey: ValkeyServer) -> None:
    valkey = Valkey(own_valkey.url(), SystemClock(), deadline_s=2)
    await asyncio.gather(*(valkey.call("PING") for _ in range(CONNECTIONS)))
    own_valkey.stop()
    await failing(valkey, 2)  # the kept connection, then no server
    own_valkey.start()
    assert await valkey.call("ECHO", "back") == b"back"
    assert valkey.failures == 2
    await valkey.aclose()


async def test_a_store_that_cannot_write_is_away(own_valkey: ValkeyServer) -> None:
    valkey = Valkey(own_valkey.url(), SystemClock(), deadline_s=2)
    await valkey.call("CONFIG", "SET", "maxmemory", 1)
    with pytest.raises(ValkeyAway):
        await valkey.call("SET", "a", "b")
    await valkey.aclose()
