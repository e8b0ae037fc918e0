"""Where request records end up and are asked for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from opengateway.domain.records import CloseRecord


class EventLog(Protocol):
    """Bound to the settler's transaction: rows and the journal offset land together."""

    async def ingest(self, records: Sequence[CloseRecord]) -> Sequence[CloseRecord]:
        """Add the records not yet there (by id). Return those that were new, in their order."""
        ...

    async def unknown(self, record_ids: Sequence[str]) -> set[str]:
        """Those of `record_ids` that are not here: what a second delivery has new."""
        ...

    async def get(self, record_id: str) -> CloseRecord | None: ...

    async def newest(
        self, *, limit: int, after_id: str | None = None, team_id: str | None = None
    ) -> Sequence[CloseRecord]:
        """Records by descending id. `after_id` gives those that arrived after it, oldest first.

        Arrival, not id: ids say when a request began, and a long one arrives late.
        """
        ...
