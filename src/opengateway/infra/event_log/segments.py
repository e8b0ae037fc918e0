"""The list of the archive's segments, in the control store."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from opengateway.domain.request_log import LogFilter
from opengateway.kit import bulk
from opengateway.kit.db import AsyncSession
from opengateway.ports.event_archive import Segment

_FIELDS: Final = ", ".join(Segment.__struct_fields__)
_ADD: Final = bulk.Sql(
    f"INSERT INTO log_segments ({_FIELDS}, made_at_ns) VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
)
_ALL: Final = bulk.Sql(
    f"SELECT {_FIELDS} FROM log_segments WHERE gone_at_ns IS NULL ORDER BY until_ns DESC, name"
)
_GONE: Final = bulk.Sql("SELECT name FROM log_segments WHERE gone_at_ns < ?")
_NEWEST_ID: Final = bulk.Sql(
    "SELECT coalesce(max(max_id), '') FROM log_segments WHERE gone_at_ns IS NULL"
)
_NAMES: Final = bulk.Sql("SELECT name FROM log_segments")
_FORGET: Final = bulk.Sql("DELETE FROM log_segments WHERE name = ?")


class SegmentList:
    """In the caller's transaction."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def all(self) -> list[Segment]:
        """By their end, the newest first."""
        (done,) = await bulk.run(self._session, [_ALL.once()])
        return [Segment(*row) for row in done.rows]

    async def newest_id(self) -> str:
        """No segment has a larger one; empty where there is no segment."""
        (done,) = await bulk.run(self._session, [_NEWEST_ID.once()])
        return str(done.rows[0][0])

    async def add(self, segment: Segment, now_ns: int) -> None:
        s = segment
        values = (s.name, s.from_ns, s.until_ns, s.min_id, s.max_id, s.rows, s.size_bytes)
        await bulk.run(self._session, [_ADD.once(*values, now_ns)])

    async def drop(self, names: Sequence[str], now_ns: int) -> int:
        """No longer a part of the log. Return how many were."""
        if not names:
            return 0
        text = (
            f"UPDATE log_segments SET gone_at_ns = ? WHERE name IN ({', '.join('?' * len(names))}) "
            "AND gone_at_ns IS NULL"
        )
        (done,) = await bulk.run(self._session, [bulk.Sql(text).once(now_ns, *names)])
        return done.changed

    async def gone(self, before_ns: int) -> list[str]:
        """Those that were dropped before."""
        (done,) = await bulk.run(self._session, [_GONE.once(before_ns)])
        return [row[0] for row in done.rows]

    async def names(self) -> set[str]:
        """Of all that is listed, what was dropped too."""
        (done,) = await bulk.run(self._session, [_NAMES.once()])
        return {row[0] for row in done.rows}

    async def forget(self, names: Sequence[str]) -> None:
        if names:
            await bulk.run(self._session, [_FORGET.each([(name,) for name in names])])


def overlapping(segments: Sequence[Segment], wanted: LogFilter) -> list[Segment]:
    """Those that may have something of the time that is wanted."""
    begin = wanted.from_ns if wanted.from_ns is not None else -1
    end = wanted.until_ns if wanted.until_ns is not None else 2**63
    return [s for s in segments if s.until_ns > begin and s.from_ns < end]


def holding(segments: Sequence[Segment], ids: Sequence[str]) -> list[Segment]:
    """Those that may have one of the ids."""
    return [s for s in segments if any(s.min_id <= i <= s.max_id for i in ids)]
