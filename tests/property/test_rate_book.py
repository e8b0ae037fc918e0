"""The rate book of one gateway over made-up histories, with a clock moved by hand."""

from __future__ import annotations

from dataclasses import dataclass

from hypothesis import given
from hypothesis import strategies as st

from opengateway.infra.limits.memory import MemoryRateBook
from opengateway.infra.limits.window import MinuteWindow
from opengateway.kit.clock import ManualClock
from opengateway.ports.limits import Level, LimitRow, RowSet, Taken

RPM, TPM, RUNNING = 7, 100, 4
ROWS = RowSet(
    (
        LimitRow(Level.KEY, "key:k", RPM, None, RUNNING),
        LimitRow(Level.TEAM, "team:t", None, TPM, None),
    ),
    True,
)

steps = st.lists(
    st.one_of(
        st.tuples(st.just("wait"), st.floats(0.0, 70.0), st.just(0)),
        st.tuples(st.just("take"), st.integers(1, 60), st.integers(0, 60)),
        st.tuples(st.just("settle"), st.integers(0, 20), st.integers(0, 90)),
        st.tuples(st.just("release"), st.integers(0, 20), st.just(0)),
    ),
    max_size=60,
)


@dataclass
class Made:
    at: float
    tokens: int
    taken: Taken


@given(steps, st.floats(0.0, 1.0))
def test_no_minute_ever_holds_more_than_the_limit(plan: list[tuple], start: float) -> None:  # type: ignore[type-arg]
    clock = ManualClock()
    clock.advance(1000 + start)
    book = MemoryRateBook(clock)
    open_: list[Made] = []
    made: list[Made] = []
    for what, number, more in plan:
        if what == "wait":
            clock.advance(number)
        elif what == "take":
            taken = book.take(ROWS, number, number + more)
            if taken is not None:
                assert number <= taken.tokens <= number + more
                made.append(Made(clock.monotonic(), taken.tokens, taken))
                open_.append(made[-1])
        elif open_:
            one = open_.pop(int(number) % len(open_))
            if what == "settle":
                one.tokens = min(more, one.tokens)
                book.settle(one.taken, one.tokens)
            else:
                made.remove(one)
                book.release(one.taken)
        assert len(open_) <= RUNNING
    for first in made:
        minute = [m for m in made if first.at <= m.at < first.at + 60]
        assert len(minute) <= RPM
        assert sum(m.tokens for m in minute) <= TPM


@given(steps)
def test_nothing_leaks(plan: list[tuple]) -> None:  # type: ignore[type-arg]
    """When all requests ended and a minute has passed, every limit is whole again."""
    clock = ManualClock()
    book = MemoryRateBook(clock)
    open_: list[Taken] = []
    for what, number, more in plan:
        if what == "wait":
            clock.advance(number)
        elif what == "take":
            taken = book.take(ROWS, number, number + more)
            if taken is not None:
                open_.append(taken)
        elif open_:
            taken = open_.pop(int(number) % len(open_))
            book.settle(taken, more) if what == "settle" else book.release(taken)
    for taken in open_:
        book.settle(taken, 500)
    clock.advance(61.0)
    assert book.take(ROWS, TPM, TPM) is not None
    assert all(w.requests == 1 and w.running == 1 for w in book._windows.values())


@given(st.lists(st.tuples(st.floats(0.0, 3.0), st.integers(0, 50)), max_size=80))
def test_a_wait_is_long_enough_and_hardly_longer(uses: list[tuple[float, int]]) -> None:
    clock = ManualClock()
    window = MinuteWindow()
    for seconds, tokens in uses:
        clock.advance(seconds)
        window.roll(int(clock.monotonic()))
        window.count(1, tokens)
    room = max(0, window.tokens - 20)
    wait_s = window.wait_s(clock.monotonic(), 1, room)
    before = window.tokens
    clock.advance(max(0.0, wait_s - 1.001))
    window.roll(int(clock.monotonic()))
    assert window.tokens > room or before <= room or wait_s <= 1.001
    clock.advance(1.002)
    window.roll(int(clock.monotonic()))
    assert window.tokens <= room


def test_a_minute_ends_to_the_second_and_never_early() -> None:
    clock = ManualClock()
    book = MemoryRateBook(clock)
    clock.advance(1000.9)
    for _ in range(RUNNING):
        taken = book.take(ROWS, 25, 25)
        assert taken is not None
        book.settle(taken, 25)
    for at, is_free in ((1060.0, False), (1060.85, False), (1061.0, True)):
        clock.advance(at - clock.monotonic())
        assert (book.take(ROWS, 1, 1) is not None) is is_free, at
