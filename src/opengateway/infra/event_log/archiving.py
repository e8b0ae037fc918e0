"""Moves what is old from the control store into segments, merges them, and forgets.

A segment is made first and listed in the transaction that takes its rows out of the store. A kill
between the two leaves a file that nobody lists; the next run writes over it.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any, Final

from opengateway.domain.request_log import DAY_NS, HOUR_NS
from opengateway.infra.event_log.columns import COLUMNS, FLAGS, ROLLUPS
from opengateway.infra.event_log.segments import SegmentList
from opengateway.kit import bulk
from opengateway.kit.clock import Clock
from opengateway.kit.db import AsyncSession
from opengateway.kit.ids import NewId, milliseconds_of
from opengateway.kit.log import get_logger
from opengateway.ports.event_archive import EventArchive, Segment

REST_NS: Final = 15 * 60 * 10**9
"""So long after its end an hour is moved: nearly all that began in it has ended."""
KEPT_GONE_NS: Final = 15 * 60 * 10**9
"""So long a file outlives its place in the list: somebody may be reading it."""
ROWS: Final = 50_000
"""Of one segment at most: taking them out of the store holds its writer for half a second."""
_BATCH: Final = 2_000
_PAUSE_S: Final = 60.0
_FLAGS_AT: Final = tuple(COLUMNS.index(name) for name in FLAGS)
_OLDEST: Final = bulk.Sql("SELECT min(started_at_ns), max(arrival) FROM requests")
_PART: Final = bulk.Sql(
    f"SELECT {', '.join(COLUMNS)} FROM requests "
    "WHERE started_at_ns >= ? AND started_at_ns < ? AND (started_at_ns, id) > (?, ?) "
    "AND arrival <= ? "
    "ORDER BY started_at_ns, id LIMIT ?"
)
_TAKE: Final = bulk.Sql(
    "DELETE FROM requests WHERE started_at_ns >= ? AND (started_at_ns, id) <= (?, ?) "
    "AND arrival <= ?"
)
_FORGET: Final = bulk.Sql(
    "DELETE FROM requests WHERE arrival IN "
    "(SELECT arrival FROM requests WHERE started_at_ns < ? LIMIT ?)"
)
_FORGET_SUMS: Final = [bulk.Sql(f"DELETE FROM {table} WHERE hour_ns < ?") for table in ROLLUPS]
log = get_logger(__name__)

OpenSession = Callable[[], AbstractAsyncContextManager[AsyncSession]]


class LogChores:
    """One for the process. Without an archive, rows stay where they are until they are forgotten."""

    def __init__(
        self,
        reading: OpenSession,
        writing: OpenSession,
        clock: Clock,
        archive: EventArchive | None,
        kept_days: int,
        new_id: NewId,
    ) -> None:
        """`writing` gives a session that the caller commits."""
        self._new_id = new_id
        self._reading = reading
        self._writing = writing
        self._clock = clock
        self._archive = archive
        self._kept_ns = kept_days * DAY_NS

    async def run(self) -> None:
        swept = False
        while True:
            await asyncio.sleep(_PAUSE_S)
            try:
                if not swept:
                    await self.sweep()
                    swept = True
                await self.once()
            except Exception as error:  # noqa: BLE001 - a chore is done again, whatever it was
                log.error("the log was not put in order", error=str(error)[:500])

    async def once(self) -> None:
        """Everything that is due."""
        if self._archive is not None:
            while await self._move(self._archive):
                pass
            while await self._merge(self._archive):
                pass
        await self._forget()

    async def sweep(self) -> None:
        """Remove files that were made and never listed. Not beside `once`."""
        archive = self._archive
        if archive is None:
            return
        async with self._reading() as session:
            known = await SegmentList(session).names()
        # Another control may be about to list what it made just now.
        before_ms = (self._clock.now_ns() - HOUR_NS) // 1_000_000
        unlisted = [name for name in await archive.names() if name not in known]
        await archive.remove([name for name in unlisted if milliseconds_of(name) < before_ms])

    async def _move(self, archive: EventArchive) -> bool:
        """Make a segment of the oldest hour that is over. False where there is none."""
        async with self._reading() as session:
            (oldest,) = await bulk.run(session, [_OLDEST.once()])
        begin, newest = oldest.rows[0]
        if begin is None:
            return False
        begin = begin // HOUR_NS * HOUR_NS
        if begin + HOUR_NS + REST_NS > self._clock.now_ns():
            return False
        last: list[Any] = []
        name = self._new_id("hour_")
        segment = await archive.write(name, self._rows(begin, newest, last))
        if segment is None:
            return False
        async with self._writing() as session:
            await SegmentList(session).add(segment, self._clock.now_ns())
            (taken,) = await bulk.run(session, [_TAKE.once(begin, *last, newest)])
            if taken.changed != segment.rows:
                # Somebody else moved them, or forgot them: theirs counts, and ours is listed nowhere.
                await session.rollback()
                return False
            await session.commit()
        return True

    async def _rows(self, begin: int, newest: int, last: list[Any]) -> AsyncIterator[Sequence[Any]]:
        """The rows of an hour in batches; `last` becomes the place of the last. What arrives
        meanwhile (past `newest`) is left, or a row behind the place would be lost."""
        place: tuple[int, str] = (-1, "")
        left = ROWS
        while left:
            ask = _PART.once(begin, begin + HOUR_NS, *place, newest, min(left, _BATCH))
            async with self._reading() as session:
                (done,) = await bulk.run(session, [ask])
            if not done.rows:
                break
            rows = [_flagged(row) for row in done.rows]
            place = (rows[-1][_STARTED], rows[-1][_ID])
            left -= len(rows)
            last[:] = place
            yield rows

    async def _merge(self, archive: EventArchive) -> bool:
        """Make one segment of a day's several, a day after its end."""
        now = self._clock.now_ns()
        async with self._reading() as session:
            listed = await SegmentList(session).all()
        days: dict[int, list[Segment]] = {}
        for segment in listed:
            days.setdefault(segment.from_ns // DAY_NS, []).append(segment)
        for day, segments in days.items():
            if len(segments) > 1 and (day + 2) * DAY_NS <= now:
                merged = await archive.merge(self._new_id("day_"), segments)
                async with self._writing() as session:
                    parts = SegmentList(session)
                    await parts.add(merged, now)
                    if await parts.drop([s.name for s in segments], now) != len(segments):
                        await session.rollback()  # somebody else merged them
                        return False
                    await session.commit()
                return True
        return False

    async def _forget(self) -> None:
        """What is older than it is kept; then the files that nobody reads any more."""
        now = self._clock.now_ns()
        before = now - self._kept_ns
        while True:
            async with self._writing() as session:
                (done,) = await bulk.run(session, [_FORGET.once(before, _BATCH)])
                await session.commit()
            if done.changed < _BATCH:
                break
        async with self._writing() as session:
            hour = before // HOUR_NS * HOUR_NS
            await bulk.run(session, [forget.once(hour) for forget in _FORGET_SUMS])
            parts = SegmentList(session)
            await parts.drop([s.name for s in await parts.all() if s.until_ns <= before], now)
            gone = await parts.gone(now - KEPT_GONE_NS) if self._archive is not None else []
            if gone and self._archive is not None:
                await self._archive.remove(gone)
                await parts.forget(gone)
            await session.commit()


_STARTED: Final = COLUMNS.index("started_at_ns")
_ID: Final = COLUMNS.index("id")


def _flagged(row: Sequence[Any]) -> list[Any]:
    """SQLite has no truth values."""
    values = list(row)
    for at in _FLAGS_AT:
        values[at] = bool(values[at])
    return values
