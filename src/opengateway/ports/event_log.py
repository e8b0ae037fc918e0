"""Where request records end up and are asked for."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from opengateway.domain.records import CloseRecord
from opengateway.domain.request_log import (
    Group,
    LatencyLine,
    LogFilter,
    LogRow,
    Place,
    Reconciled,
    UsageLine,
)


@dataclass(frozen=True, slots=True)
class Part:
    """The newest part of what is wanted, from `begin_ns` on. `rows` are its values, in the order of a
    `LogRow`, newest first, and may be read when the transaction is over; None: ask by pages."""

    begin_ns: int
    rows: AsyncIterator[Sequence[Sequence[Any]]] | None


class EventLog(Protocol):
    """Bound to the caller's transaction: rows, rollups and the journal offset land together."""

    async def ingest(self, records: Sequence[CloseRecord]) -> Sequence[CloseRecord]:
        """Add the records not yet there (by id). Return those that were new, in their order."""
        ...

    async def unknown(self, record_ids: Sequence[str]) -> set[str]:
        """Those of `record_ids` that are not here: what a second delivery has new."""
        ...

    async def get(self, record_id: str) -> CloseRecord | None: ...

    async def find(self, name: str, team_ids: Sequence[str] | None = None) -> CloseRecord | None:
        """By our id, or by the provider's; of these teams, None is any."""
        ...

    async def newest(
        self, *, limit: int, after_id: str | None = None, team_id: str | None = None
    ) -> Sequence[CloseRecord]:
        """Records by descending start. `after_id` gives those that arrived after it, oldest first.

        Arrival, not id: ids say when a request began, and a long one arrives late.
        """
        ...

    async def page(
        self, wanted: LogFilter, *, limit: int, after: Place | None = None
    ) -> Sequence[LogRow]:
        """The newest that are wanted; with `after`, what follows it."""
        ...

    async def part(self, wanted: LogFilter, size: int) -> Part:
        """For whoever wants very many rows: part by part, `until_ns` being the begin of the last."""
        ...

    async def last_arrival(self) -> int:
        """The number of the newest arrival; 0 for none."""
        ...

    async def arrived(
        self, wanted: LogFilter, *, after: int, limit: int
    ) -> Sequence[tuple[int, LogRow]]:
        """What is wanted of the arrivals after that number, in their order. For those who follow
        the log as it grows: what came long ago need not be told."""
        ...

    async def usage(
        self, wanted: LogFilter, by: Sequence[Group], *, limit: int, offset_ns: int = 0
    ) -> Sequence[UsageLine]:
        """Sums: by time where that is a group, then the costliest first. A day begins `offset_ns`
        before that of UTC.

        Where the filter asks for nothing else than what rollups are of, they answer: then times
        must be whole hours.
        """
        ...

    async def reconcile(self, from_ns: int, until_ns: int) -> Reconciled:
        """Compare rows, rollups and ledger over whole hours, at most a day."""
        ...

    async def latencies(
        self,
        wanted: LogFilter,
        by: Sequence[Group],
        percents: Sequence[float],
        *,
        limit: int,
        offset_ns: int = 0,
    ) -> Sequence[LatencyLine]:
        """Percentiles of the requests that were answered whole, the most requests first."""
        ...
