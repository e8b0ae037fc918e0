"""Where request records end up and are asked for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from opengateway.domain.records import CloseRecord


class EventLog(Protocol):
    """Bound to the settler's transaction: rows and the journal offset land together."""

    async def ingest(self, records: Sequence[CloseRecord]) -> int:
        """Add the records not yet there (by id). Return how many were new."""
        ...

    async def get(self, record_id: str) -> CloseRecord | None: ...

    async def newest(
        self, *, limit: int, after_id: str | None = None, team_id: str | None = None
    ) -> Sequence[CloseRecord]:
        """Records by descending id; `after_id` gives those newer than it, oldest first."""
        ...
