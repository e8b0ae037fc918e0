"""What every rate book promises (ports/limits.py), beyond what depends on the passing of time."""

from __future__ import annotations

import asyncio

import pytest

from opengateway.ports.limits import Level, LimitRow, Measure, RateBook, RowSet, Short, Taken


def key_row(
    name: str = "key_1",
    *,
    rpm: int | None = None,
    tpm: int | None = None,
    concurrency: int | None = None,
    level: Level = Level.KEY,
) -> LimitRow:
    return LimitRow(level, f"{level.value}:{name}", rpm, tpm, concurrency)


def rows_of(*rows: LimitRow) -> RowSet:
    return RowSet(rows, any(row.tpm is not None for row in rows))


async def ask(book: RateBook, rows: RowSet, least: int = 0, wish: int = 0) -> Taken | None:
    """A place, asked for as a request does it; None: refused."""
    taken = book.take(rows, least, wish)
    if taken is not None:
        return taken
    answer = await book.secure(rows, least, wish)
    return answer if isinstance(answer, Taken) else None


async def refused(book: RateBook, rows: RowSet, least: int = 0) -> tuple[Short, ...]:
    assert book.take(rows, least, least) is None
    answer = await book.secure(rows, least, least)
    assert not isinstance(answer, Taken)
    return answer


class RateBookContract:
    """Subclasses give a fixture `book`."""

    async def test_a_limit_lets_exactly_its_number_through(self, book: RateBook) -> None:
        rows = rows_of(key_row(rpm=10))
        taken = [await ask(book, rows) for _ in range(25)]
        assert [t is not None for t in taken] == [True] * 10 + [False] * 15

    async def test_of_many_at_once_exactly_the_limit_gets_through(self, book: RateBook) -> None:
        rows = rows_of(key_row(rpm=10), key_row("team_1", rpm=1000, level=Level.TEAM))
        taken = await asyncio.gather(*(ask(book, rows) for _ in range(500)))
        assert sum(t is not None for t in taken) == 10

    async def test_a_refusal_takes_nothing_in_any_row(self, book: RateBook) -> None:
        team = key_row("team_1", rpm=3, level=Level.TEAM)
        full = rows_of(key_row("full", rpm=1), team)
        assert await ask(book, full)
        assert await ask(book, full) is None
        assert await ask(book, full) is None
        other = rows_of(key_row("other", rpm=100), team)
        assert [await ask(book, other) is not None for _ in range(3)] == [True, True, False]

    async def test_a_refusal_says_which_limits_are_reached(self, book: RateBook) -> None:
        key, team = key_row(concurrency=1), key_row("team_1", rpm=1, level=Level.TEAM)
        rows = rows_of(key, team)
        assert await ask(book, rows)
        shorts = await refused(book, rows)
        assert {(s.row.level, s.measure) for s in shorts} == {
            (Level.KEY, Measure.CONCURRENCY),
            (Level.TEAM, Measure.REQUESTS),
        }
        waits = {s.measure: s.wait_s for s in shorts}
        assert 50 < waits[Measure.REQUESTS] <= 63
        assert 0 < waits[Measure.CONCURRENCY] <= 5

    async def test_places_come_back_when_requests_end(self, book: RateBook) -> None:
        rows = rows_of(key_row(concurrency=2))
        first, second = await ask(book, rows), await ask(book, rows)
        assert first is not None
        assert second is not None
        assert await ask(book, rows) is None
        book.settle(first, 0)
        third = await ask(book, rows)
        assert third is not None
        book.release(second)
        book.settle(third, 0)
        assert await ask(book, rows) is not None

    async def test_what_was_never_sent_does_not_count(self, book: RateBook) -> None:
        rows = rows_of(key_row(rpm=1, tpm=100))
        for _ in range(5):
            taken = await ask(book, rows, 100, 100)
            assert taken is not None
            book.release(taken)
            await asyncio.sleep(0.01)

    async def test_tokens_are_reserved_and_then_corrected(self, book: RateBook) -> None:
        rows = rows_of(key_row(tpm=1000))
        first = await ask(book, rows, 900, 900)
        assert first is not None
        assert await ask(book, rows, 200, 200) is None
        book.settle(first, 300)
        second = await ask(book, rows, 700, 700)
        assert second is not None
        assert second.tokens == 700
        assert await ask(book, rows, 1, 1) is None

    async def test_what_was_used_beyond_the_reserve_counts_too(self, book: RateBook) -> None:
        rows = rows_of(key_row(tpm=1000))
        first = await ask(book, rows, 100, 100)
        assert first is not None
        book.settle(first, 1000)
        await asyncio.sleep(0.02)
        # What is leased already may still be used; then nothing more is given.
        for _ in range(20):
            if await ask(book, rows, 50, 50) is None:
                break
        else:
            pytest.fail("a used-up limit let 20 requests through")

    async def test_a_request_of_unknown_length_takes_what_is_left(self, book: RateBook) -> None:
        rows = rows_of(key_row(tpm=1000))
        assert await ask(book, rows, 800, 800)
        taken = await ask(book, rows, 20, 1044)
        assert taken is not None
        assert 20 <= taken.tokens <= 200

    async def test_a_place_is_given_back_once(self, book: RateBook) -> None:
        taken = await ask(book, rows_of(key_row(rpm=5)))
        assert taken is not None
        book.settle(taken, 0)
        with pytest.raises(AssertionError):
            book.settle(taken, 0)
        with pytest.raises(AssertionError):
            book.release(taken)

    async def test_figures_tell_of_the_row_with_the_least_room(self, book: RateBook) -> None:
        team = key_row("team_1", rpm=5, tpm=10_000, level=Level.TEAM)
        rows = rows_of(key_row(rpm=100, tpm=500), team)
        assert await ask(book, rows, 200, 200)
        requests, tokens = book.figures(rows)
        assert requests is not None
        assert tokens is not None
        assert (requests.limit, requests.remaining) == (5, 4)
        assert (tokens.limit, tokens.remaining) == (500, 300)
        assert 58 <= requests.reset_s <= 63
        assert book.figures(rows_of(key_row("k2", concurrency=1))) == (None, None)

    async def test_changed_limits_hold_at_once(self, book: RateBook) -> None:
        assert await ask(book, rows_of(key_row(rpm=2)))
        assert await ask(book, rows_of(key_row(rpm=2)))
        assert await ask(book, rows_of(key_row(rpm=2))) is None
        wider = rows_of(key_row(rpm=3, tpm=100))
        assert await ask(book, wider, 10, 10)
        assert await ask(book, wider, 10, 10) is None
        assert await ask(book, rows_of(key_row(rpm=1))) is None
