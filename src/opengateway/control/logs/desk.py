"""Who reads the log for longer than one transaction: exports and live tails."""

from __future__ import annotations

import asyncio
import csv
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, contextmanager
from io import StringIO
from typing import Any, Final

from msgspec.structs import astuple, fields, replace

from opengateway.control.logs.schemas import ExportFormat
from opengateway.domain.errors import CapacityError
from opengateway.domain.request_log import (
    DAY_NS,
    HOUR_NS,
    MOST_DIFFERENCES,
    Difference,
    LogFilter,
    LogRow,
    Place,
    Reconciled,
)
from opengateway.kit import json
from opengateway.kit.clock import Clock
from opengateway.kit.pulse import Pulse
from opengateway.ports.event_log import EventLog
from opengateway.ports.row_files import RowFiles

MAX_EXPORTS: Final = 2
MAX_TAILS: Final = 64
_CHUNK: Final = 5_000
_PART_BYTES: Final = 256 * 1024
_TAIL_ROWS: Final = 500
_TAIL_STEP_S: Final = 0.5
_KEEP_ALIVE_S: Final = 15.0
_SECOND_LOOK_S: Final = 1.0
_NAMES: Final = tuple(field.name for field in fields(LogRow))
_NOT_TEAMS: Final = _NAMES.index("provider_cost_nanos")
_FORMULA: Final = frozenset("=+-@\t\r")
_TEXTS: Final = frozenset(field.name for field in fields(LogRow) if field.type in (str, str | None))

OpenLog = Callable[[], AbstractAsyncContextManager[EventLog]]
"""A log on a transaction of its own that only reads."""
Show = Callable[[LogRow], Any]
_Values = Sequence[Any]


class TooManyReaders(CapacityError):
    code = "too_many_readers"


class LogDesk:
    """One for the process. Holds no transaction between two chunks, and few readers at a time."""

    def __init__(
        self,
        open_log: OpenLog,
        clock: Clock,
        *,
        bodies_days: int = 30,
        has_room: Callable[[], bool] = lambda: True,
        files: RowFiles | None = None,
    ) -> None:
        """`bodies_days`: how long a team that says nothing keeps bodies; `has_room`: whether the
        store's disk has room for more of them."""
        self.open_log = open_log
        self.bodies_days = bodies_days
        self.has_room = has_room
        self._files = files
        self._clock = clock
        self._pulse = Pulse()
        self._exports = 0
        self._tails = 0

    def stop(self) -> None:
        """The process is going down: every stream ends."""
        self._pulse.stop()

    def check_exports(self, kind: ExportFormat = ExportFormat.CSV) -> None:
        """Raises `TooManyReaders`, and `CapacityError` where there is no place for files."""
        if kind is ExportFormat.PARQUET and self._files is None:
            raise CapacityError("this control process has no folder for files")
        if self._exports >= MAX_EXPORTS:
            raise TooManyReaders(
                "two exports are running; try again when one is done", retry_after_s=10.0
            )

    def check_tails(self) -> None:
        """Raises `TooManyReaders`."""
        if self._tails >= MAX_TAILS:
            raise TooManyReaders("too many follow the log; try again", retry_after_s=10.0)

    async def reconcile(self, days: int) -> Reconciled:
        """So many whole days up to an hour ago. What does not agree is looked at twice: a record may
        have come in between two questions."""
        until = self._clock.now_ns() // HOUR_NS * HOUR_NS - HOUR_NS
        requests, cost, found = 0, 0, list[Difference]()
        for day in range(days):
            end = until - day * DAY_NS
            one = await self.reconcile_hours(end - DAY_NS, end)
            requests, cost = requests + one.requests, cost + one.cost_nanos
            found += one.differences
            if self._pulse.stopped or len(found) >= MOST_DIFFERENCES:
                break
        return Reconciled(requests, cost, tuple(found[:MOST_DIFFERENCES]))

    async def reconcile_hours(self, from_ns: int, until_ns: int) -> Reconciled:
        """At most a day of whole hours."""
        for pause_s in (_SECOND_LOOK_S, 0.0):
            async with self.open_log() as log:
                found = await log.reconcile(from_ns, until_ns)
            if not found.differences:
                break
            await self._pulse.wait(pause_s)
        return found

    @contextmanager
    def _counted(self, what: str) -> Iterator[None]:
        setattr(self, what, getattr(self, what) + 1)
        try:
            yield
        finally:
            setattr(self, what, getattr(self, what) - 1)

    async def export(
        self, wanted: LogFilter, kind: ExportFormat, *, whole: bool
    ) -> AsyncIterator[bytes]:
        """Everything that is wanted up to now, newest first. `whole`: with what providers charge."""
        writer = _Writer(kind, whole=whole)
        with self._counted("_exports"):
            if kind is ExportFormat.PARQUET:
                async for part in self._parquet(wanted, writer):
                    yield part
                return
            yield writer.begin()
            async for rows in self._rows(wanted):
                yield await asyncio.to_thread(writer.rows, rows)
            yield writer.end()

    async def _rows(self, wanted: LogFilter) -> AsyncIterator[Sequence[_Values]]:
        """Values in the order of a `LogRow`, newest first."""
        # What arrives meanwhile would make the export endless.
        until = min(wanted.until_ns or 2**63 - 1, self._clock.now_ns() + 1)
        least = wanted.from_ns or 0
        while until > least:
            left = replace(wanted, until_ns=until)
            async with self.open_log() as log:
                part = await log.part(left, _CHUNK)
            rows = part.rows or self._pages(replace(left, from_ns=part.begin_ns))
            async for some in rows:
                if self._pulse.stopped:
                    raise ConnectionAbortedError("the process is going down")
                yield some
            until = part.begin_ns

    async def _pages(self, wanted: LogFilter) -> AsyncIterator[Sequence[_Values]]:
        after: Place | None = None
        while True:
            async with self.open_log() as log:
                rows = await log.page(wanted, limit=_CHUNK, after=after)
            if rows:
                yield [astuple(row) for row in rows]
            if len(rows) < _CHUNK:
                return
            after = Place(rows[-1].started_at_ns, rows[-1].id)

    async def _parquet(self, wanted: LogFilter, writer: _Writer) -> AsyncIterator[bytes]:
        """Its end says where all is, so it is made as a whole, and then sent."""
        assert self._files is not None, "checked before"

        async def batches() -> AsyncIterator[Sequence[Sequence[Any]]]:
            async for rows in self._rows(wanted):
                yield writer.values(rows)

        async with self._files.parquet(writer.names, batches()) as path:
            with path.open("rb") as file:
                while part := await asyncio.to_thread(file.read, _PART_BYTES):
                    yield part

    async def tail(
        self, wanted: LogFilter, after: int | None, for_s: float, show: Show
    ) -> AsyncIterator[bytes]:
        """What arrives from now on, or past `after`, as server-sent events."""
        now = self._clock.monotonic
        with self._counted("_tails"):
            ends = now() + for_s
            if after is None:
                async with self.open_log() as log:
                    after = await log.last_arrival()
            yield b"retry: 1000\n: here\n\n"
            told = now()
            while now() < ends and not self._pulse.stopped:
                async with self.open_log() as log:
                    newest = await log.last_arrival()
                    rows = await log.arrived(wanted, after=after, limit=_TAIL_ROWS)
                # Past the newest of before: what came in between is told the next time.
                after = rows[-1][0] if len(rows) == _TAIL_ROWS else max(newest, after)
                if rows:
                    yield b"".join(
                        b"id: %d\nevent: request\ndata: %b\n\n" % (arrival, json.dumps(show(row)))
                        for arrival, row in rows
                        if arrival <= after
                    )
                    told = now()
                elif now() - told >= _KEEP_ALIVE_S:
                    yield b": here\n\n"
                    told = now()
                if len(rows) < _TAIL_ROWS:
                    await self._pulse.wait(min(_TAIL_STEP_S, max(0.0, ends - now())))


class _Writer:
    """Writes rows in one of the formats."""

    def __init__(self, kind: ExportFormat, *, whole: bool) -> None:
        self._kind = kind
        self.names = [n for n in _NAMES if whole or n != "provider_cost_nanos"]
        self._texts = [at for at, name in enumerate(self.names) if name in _TEXTS]
        self._whole = whole
        self._begun = False

    def begin(self) -> bytes:
        if self._kind is ExportFormat.CSV:
            return (",".join(self.names) + "\r\n").encode()
        return b'{"data":[' if self._kind is ExportFormat.JSON else b""

    def end(self) -> bytes:
        return b"]}" if self._kind is ExportFormat.JSON else b""

    def values(self, rows: Sequence[_Values]) -> Sequence[_Values]:
        cut = _NOT_TEAMS
        return rows if self._whole else [(*row[:cut], *row[cut + 1 :]) for row in rows]

    def rows(self, rows: Sequence[_Values]) -> bytes:
        shown = self.values(rows)
        if self._kind is ExportFormat.CSV:
            text = StringIO()
            csv.writer(text).writerows(_cells(row, self._texts) for row in shown)
            return text.getvalue().encode()
        names = self.names
        lines = [json.dumps(dict(zip(names, row, strict=True))) for row in shown]
        if self._kind is ExportFormat.JSONL:
            return b"\n".join(lines) + b"\n"
        begun, self._begun = self._begun, True
        return (b"," if begun else b"") + b",".join(lines)


def _cells(row: _Values, texts: Sequence[int]) -> _Values:
    """A spreadsheet takes some texts for formulas, and some of ours are what callers sent."""
    for at in texts:
        if (value := row[at]) and value[0] in _FORMULA:
            return [f"'{v}" if isinstance(v, str) and v[:1] in _FORMULA and v else v for v in row]
    return row
