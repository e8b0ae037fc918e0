"""The event log whose older rows lie in an archive: what is new in the control store, and the list of
segments that says, in the same transaction, what was moved out of it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from operator import itemgetter
from typing import Any, Final

from msgspec.structs import astuple, replace

from opengateway.domain.records import CloseRecord
from opengateway.domain.request_log import Group, LogFilter, LogRow, Place
from opengateway.infra.event_log import reconciling, statements
from opengateway.infra.event_log.columns import ROW, log_row
from opengateway.infra.event_log.segments import SegmentList, holding, overlapping
from opengateway.infra.event_log.sql import SqlEventLog, decode
from opengateway.infra.event_log.statements import SPEECHES, Asked, Buckets, Lines
from opengateway.kit.db import AsyncSession
from opengateway.ports.event_archive import EventArchive, Segment, Values
from opengateway.ports.event_log import Part

_FIRST: Final = 4
"""Segments that a page looks into first; then always twice as many, until it is full."""
_SOURCE: Final = "{source}"
_LATE: Final = 20_000
"""Rows in the store of hours that were moved: those that came late."""
_PLACE: Final = itemgetter(ROW.index("started_at_ns"), ROW.index("id"))


class ArchivedEventLog(SqlEventLog):
    """Implements `EventLog`."""

    def __init__(self, session: AsyncSession, archive: EventArchive) -> None:
        super().__init__(session)
        self._archive = archive
        self._segments = SegmentList(session)
        self._archives = SPEECHES[archive.speaks]

    async def ingest(self, records: Sequence[CloseRecord]) -> Sequence[CloseRecord]:
        late = await self._moved([record.id for record in records])
        return await super().ingest([r for r in records if r.id not in late] if late else records)

    async def unknown(self, record_ids: Sequence[str]) -> set[str]:
        unknown = await super().unknown(record_ids)
        return unknown - await self._moved(sorted(unknown))

    async def _moved(self, record_ids: Sequence[str]) -> set[str]:
        """Those that are in a segment. Nearly always there is none that could have one: ids go by
        time, and what arrives is new."""
        newest = await self._segments.newest_id() if record_ids else ""
        old = [record_id for record_id in record_ids if record_id <= newest]
        candidates = holding(await self._segments.all(), old) if old else []
        if not candidates:
            return set()
        marks = ", ".join("?" * len(old))
        rows = await self._archive.ask(
            candidates, f"SELECT id FROM {_SOURCE} WHERE id IN ({marks})", old
        )
        return {row[0] for row in rows}

    async def get(self, record_id: str) -> CloseRecord | None:
        return await super().get(record_id) or await self._found(record_id, None, ours=True)

    async def find(self, name: str, team_ids: Sequence[str] | None = None) -> CloseRecord | None:
        return (
            await super().find(name, team_ids)
            or await self._found(name, team_ids, ours=True)
            or await self._found(name, team_ids, ours=False)
        )

    async def _found(
        self, name: str, team_ids: Sequence[str] | None, *, ours: bool
    ) -> CloseRecord | None:
        listed = await self._segments.all()
        by_id, by_upstream = statements.finding(_SOURCE, name, team_ids)
        rows = await self._tell(
            holding(listed, [name]) if ours else listed, by_id if ours else by_upstream
        )
        return decode(rows[0][0]) if rows else None

    async def newest(
        self, *, limit: int, after_id: str | None = None, team_id: str | None = None
    ) -> Sequence[CloseRecord]:
        found = await super().newest(limit=limit, after_id=after_id, team_id=team_id)
        if after_id is not None or len(found) == limit:
            return found
        wanted = LogFilter(team_ids=None if team_id is None else (team_id,))
        rows = await self.page(wanted, limit=limit)
        known = {record.id: record for record in found}
        records = [known.get(row.id) or await self.get(row.id) for row in rows]
        return [record for record in records if record is not None]

    async def page(
        self, wanted: LogFilter, *, limit: int, after: Place | None = None
    ) -> Sequence[LogRow]:
        found = list(await super().page(wanted, limit=limit, after=after))
        left = overlapping(await self._segments.all(), wanted)
        if after is not None:
            left = [s for s in left if s.from_ns <= after.started_at_ns]
        if wanted.id is not None:
            left = holding(left, [wanted.id])
        text, values = statements.page(_SOURCE, wanted, limit, after)
        many = _FIRST
        while left:
            full = len(found) >= limit
            if full and found[limit - 1].started_at_ns >= left[0].until_ns:
                break  # all that is left ended before the last of the page began
            now, left = left[:many], left[many:]
            rows = await self._archive.ask(now, text, values)
            found += map(log_row, rows)
            found.sort(key=lambda row: (row.started_at_ns, row.id), reverse=True)
            del found[limit:]
            many *= 2
        return found

    async def part(self, wanted: LogFilter, size: int) -> Part:
        """A day that lies in segments is read and sorted once; pages would do so for each."""
        least = wanted.from_ns or 0
        left = overlapping(await self._segments.all(), wanted)
        if not left:
            return Part(least, None)
        begin, until = left[0].from_ns, left[0].until_ns
        if wanted.until_ns is None or until < wanted.until_ns:
            return Part(max(least, until), None)
        group: list[Segment] = []
        for segment in left:  # by their end, the newest first
            if group and segment.until_ns <= begin:
                break
            group.append(segment)
            begin = min(begin, segment.from_ns)
        begin = max(least, begin)
        within = replace(wanted, from_ns=begin)
        own = await super().page(within, limit=_LATE)
        if len(own) == _LATE:
            return Part(begin, None)  # hardly late arrivals: the store still has it all
        rows = self._archive.stream(group, *statements.every(_SOURCE, within), size)
        return Part(begin, merged([astuple(row) for row in own], rows))

    async def _add_rows(
        self, lines: Lines, wanted: LogFilter, by: Sequence[Group], offset_ns: int
    ) -> None:
        await super()._add_rows(lines, wanted, by, offset_ns)
        asked = statements.usage_of_rows(self._archives, _SOURCE, wanted, by, offset_ns)
        lines.add(await self._tell(await self._in_time(wanted), asked))

    async def _add_buckets(
        self, buckets: Buckets, wanted: LogFilter, by: Sequence[Group], offset_ns: int
    ) -> None:
        await super()._add_buckets(buckets, wanted, by, offset_ns)
        segments = await self._in_time(wanted)
        asked = statements.latencies(self._archives, _SOURCE, wanted, by, offset_ns)
        for which, one in enumerate(asked):
            buckets.add(which, await self._tell(segments, one))

    async def _costs(self, low: str, high: str) -> dict[str, int]:
        segments = [s for s in await self._segments.all() if s.max_id >= low and s.min_id < high]
        rows = await self._tell(segments, reconciling.costs_of_rows(_SOURCE, low, high))
        return reconciling.added(rows, (await super()._costs(low, high)).items())

    async def _in_time(self, wanted: LogFilter) -> list[Segment]:
        return overlapping(await self._segments.all(), wanted)

    async def _tell(self, segments: Sequence[Segment], asked: Asked) -> Sequence[Values]:
        return await self._archive.ask(segments, *asked)


async def merged(
    own: Sequence[Sequence[Any]], parts: AsyncIterator[Sequence[Values]]
) -> AsyncIterator[Sequence[Sequence[Any]]]:
    """Both from the newest to the oldest, and so is what comes of them."""
    at = 0
    async for rows in parts:
        last, begin = _PLACE(rows[-1]), at
        while at < len(own) and _PLACE(own[at]) > last:
            at += 1
        if at > begin:
            rows = sorted([*rows, *own[begin:at]], key=_PLACE, reverse=True)
        yield rows
    if at < len(own):
        yield own[at:]
