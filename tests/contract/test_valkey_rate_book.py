"""The rate book of several gateways, on a real Valkey."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from redis.asyncio import Redis

from contract.rate_book import RateBookContract, ask, key_row, rows_of
from opengateway.infra.limits.valkey import ValkeyRateBook
from opengateway.infra.shared_state.valkey import Script, Valkey, ValkeyAway, Word
from opengateway.kit.clock import Clock, ManualClock, SystemClock
from opengateway.ports.limits import Level, RateBook, RowSet, Taken
from stores import ValkeyServer

INJECTED_TIME = "redis.call('LRANGE', 'test:time', 0, -1)"


async def until(true: Callable[[], bool], within_s: float = 5.0) -> None:
    for _ in range(int(within_s / 0.01)):
        if true():
            return
        await asyncio.sleep(0.01)
    raise AssertionError("it did not come about")


@asynccontextmanager
async def gateways(
    url: str, count: int, clock: Clock | None = None, server_time: str | None = None
) -> AsyncIterator[list[ValkeyRateBook]]:
    clock = clock or SystemClock()
    links = [Valkey(url, SystemClock(), deadline_s=1.0) for _ in range(count)]
    more = {"server_time": server_time} if server_time else {}
    books = [ValkeyRateBook(x, f"gw_{i}", clock, **more) for i, x in enumerate(links)]
    tasks = [asyncio.create_task(book.run()) for book in books]
    try:
        yield books
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for link in links:
            await link.aclose()


class TestValkeyRateBook(RateBookContract):
    @pytest.fixture
    async def book(self, valkey_url: str) -> AsyncIterator[RateBook]:
        async with gateways(valkey_url, 1) as (book,):
            yield book


async def test_four_gateways_let_one_limit_through(valkey_url: str) -> None:
    rows = rows_of(key_row(rpm=10), key_row("team_1", rpm=400, tpm=100_000, level=Level.TEAM))
    async with gateways(valkey_url, 4) as books:
        await until(lambda: all(book._shift is not None for book in books))
        taken = await asyncio.gather(*(ask(books[i % 4], rows, 10, 10) for i in range(500)))
        assert sum(t is not None for t in taken) == 10
        assert all(book.alone == 0 for book in books)
        # The team's limit is not used up by what the key was refused.
        other = rows_of(key_row("key_2", rpm=1000), rows.rows[1])
        taken = [await ask(books[i % 4], other, 10, 10) for i in range(380)]
        assert sum(t is not None for t in taken) >= 340


async def test_a_large_limit_is_used_up_to_its_end_and_not_beyond(valkey_url: str) -> None:
    rows = rows_of(key_row(rpm=300))
    async with gateways(valkey_url, 4) as books:
        served = 0
        for _ in range(40):
            answers = await asyncio.gather(*(ask(books[i % 4], rows) for i in range(20)))
            served += sum(t is not None for t in answers)
            await asyncio.sleep(0.01)
        assert served <= 300
        # What another gateway holds in store near the end comes back within a moment.
        for _ in range(20):
            if served == 300:
                break
            await asyncio.sleep(0.1)
            served += sum([await ask(book, rows) is not None for book in books])
        assert served == 300
        assert [await ask(book, rows) for book in books] == [None] * 4


async def test_a_steady_stream_of_requests_never_waits_for_valkey(valkey_url: str) -> None:
    rows = rows_of(key_row(rpm=60_000, tpm=10_000_000, concurrency=1000))
    async with gateways(valkey_url, 1) as (book,):
        for _ in range(3):
            first = await ask(book, rows, 1000, 1000)
            assert first is not None
            book.settle(first, 90)
        await asyncio.sleep(0.1)
        asked = book.asked
        for _ in range(60):
            taken = book.take(rows, 1000, 1000)
            assert taken is not None
            book.settle(taken, 90)
            await asyncio.sleep(0.02)
        assert book.asked == asked


async def test_places_held_elsewhere_come_back_quickly_near_the_end(valkey_url: str) -> None:
    rows = rows_of(key_row(concurrency=3))
    async with gateways(valkey_url, 2) as (one, other):
        taken = [await ask(one, rows) for _ in range(3)]
        assert None not in taken
        assert await ask(other, rows) is None
        assert isinstance(taken[0], Taken)
        one.settle(taken[0], 0)
        await asyncio.sleep(0.05)
        assert await ask(other, rows) is not None
        assert await ask(one, rows) is None


async def test_nothing_is_kept_of_who_is_idle(valkey_url: str) -> None:
    clock = ManualClock()
    async with gateways(valkey_url, 1, clock) as (book,):
        for number in range(50):
            taken = await ask(book, rows_of(key_row(f"key_{number}", rpm=100)))
            assert taken is not None
            book.settle(taken, 0)
        assert len(book) == 50
        for _ in range(100):
            if not len(book):
                break
            clock.advance(5)
            book._wake.set()
            await asyncio.sleep(0.02)
        assert len(book) == 0


async def test_a_frozen_valkey_leaves_each_gateway_its_share(own_valkey: ValkeyServer) -> None:
    rows = rows_of(key_row(rpm=40, concurrency=400))
    async with gateways(own_valkey.url(), 4) as books:
        await until(lambda: all(book._shift is not None for book in books))
        for book in books:
            book._beat_at = float("-inf")  # all have come: count them again
            book._wake.set()
        await until(lambda: all(book.gateways == 4 for book in books))
        os.kill(own_valkey.pid, signal.SIGSTOP)
        loop = asyncio.get_running_loop()
        began = loop.time()
        assert await ask(books[0], rows) is not None
        assert loop.time() - began < 0.3
        served = [sum([await ask(book, rows) is not None for _ in range(30)]) for book in books]
        assert served == [9, 10, 10, 10]
        assert all(book.alone for book in books)
        os.kill(own_valkey.pid, signal.SIGCONT)
        await until(lambda: all(book._alone_until < book._now() for book in books))
        # What was used meanwhile is told, and counts for all.
        await until(lambda: not any(a.untold for book in books for a in book._accounts.values()))
        assert [await ask(book, rows) for book in books] == [None] * 4


async def test_a_dead_gateway_holds_nothing_back_for_long(valkey_url: str) -> None:
    clock = ManualClock()
    rows = rows_of(key_row(rpm=100, concurrency=4))
    async with injected(valkey_url, 2, clock) as (books, pass_time):
        dead, living = books
        for _ in range(4):
            assert await ask(dead, rows) is not None
        assert await ask(living, rows) is None
        dead._accounts.clear()  # it never tells anything again
        for _ in range(4):
            await pass_time(5)
        taken = [await ask(living, rows) for _ in range(4)]
        assert None not in taken


class HardOfHearing(Valkey):
    """What is asked is done, and two answers of three are lost on the way."""

    lost = 0

    async def run(self, script: Script, keys: Sequence[str], *arguments: Word) -> Any:
        answer = await super().run(script, keys, *arguments)
        if keys[0].startswith("og:limit:"):
            self.lost += 1
            if self.lost % 3:
                raise ValkeyAway("the answer was lost")
        return answer


async def test_a_lost_answer_neither_takes_nor_gives(valkey_url: str) -> None:
    clock = ManualClock()
    rows = rows_of(key_row(rpm=12, tpm=120))
    async with injected(valkey_url, 1, clock) as ((book,), pass_time):
        hard = HardOfHearing(valkey_url, SystemClock(), deadline_s=1.0)
        proper, served = book._shared, 0
        for _ in range(10):
            book._shared = hard
            taken = await ask(book, rows, 10, 10)
            if taken is not None:
                served += 1
                book.settle(taken, 10)
            for _ in range(8):  # it comes back, and tells
                await pass_time(0.6)
        book._shared = proper
        for _ in range(8):
            await pass_time(0.6)
        assert hard.lost > 6
        while await ask(book, rows, 10, 10) is not None:
            served += 1
        assert served == 12
        await hard.aclose()


@asynccontextmanager
async def injected(
    url: str, count: int, clock: ManualClock
) -> AsyncIterator[tuple[list[ValkeyRateBook], Callable[[float], Awaitable[None]]]]:
    """Gateways and a Valkey that go by one clock, moved by hand."""
    client = Redis.from_url(url)

    async def set_time() -> None:
        seconds, rest = divmod(clock.now_ns(), 1_000_000_000)
        async with client.pipeline() as pipe:
            pipe.delete("test:time").rpush("test:time", seconds, rest // 1000)
            await pipe.execute()

    await set_time()
    async with gateways(url, count, clock, INJECTED_TIME) as books:

        async def pass_time(seconds: float) -> None:
            clock.advance(seconds)
            await set_time()
            for book in books:
                book._wake.set()
            await asyncio.sleep(0.005)

        try:
            yield books, pass_time
        finally:
            await client.aclose()


Step = tuple[float, int, int, int, int]
steps = st.lists(
    st.tuples(
        st.sampled_from([0.0, 0.0, 0.2, 0.9, 3.0, 11.0, 31.0]),  # time that passes
        st.integers(0, 2),  # which gateway
        st.integers(1, 6),  # requests at once
        st.integers(1, 60),  # tokens reserved by each
        st.integers(0, 60),  # tokens used by each, up to what was reserved
    ),
    max_size=25,
)


@settings(
    max_examples=int(os.environ.get("OPENGATEWAY_EXAMPLES", "25")),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(steps)
def test_no_minute_holds_more_than_the_limit(valkey_url: str, plan: list[Step]) -> None:
    asyncio.run(play(valkey_url, plan))


async def play(url: str, plan: list[Step]) -> None:
    client = Redis.from_url(url)
    await client.flushdb()
    await client.aclose()
    clock = ManualClock()
    rows: RowSet = rows_of(key_row(rpm=12, tpm=150, concurrency=9))
    served: list[tuple[float, int]] = []
    async with injected(url, 3, clock) as (books, pass_time):
        for seconds, who, how_many, reserve, used in plan:
            if seconds:
                await pass_time(seconds)
            answers = await asyncio.gather(
                *(ask(books[who], rows, reserve, reserve) for _ in range(how_many))
            )
            taken = [t for t in answers if t is not None]
            assert len(taken) <= 9
            for one in taken:
                books[who].settle(one, min(used, reserve))
                served.append((clock.monotonic(), min(used, reserve)))
        assert all(book.alone == 0 for book in books)
        for at, _ in served:
            minute = [tokens for when, tokens in served if at <= when < at + 60]
            assert len(minute) <= 12
            assert sum(minute) <= 150
        await pass_time(90)
        for book in books:
            await until(lambda book=book: not any(a.running for a in book._accounts.values()))
        assert await ask(books[0], rows, 150, 150) is not None, "a minute later all is there again"
