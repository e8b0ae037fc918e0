"""Rows as a file for people to take away."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any, Protocol


class RowFiles(Protocol):
    """Implementation: `infra/event_log/parquet_file.py`."""

    def parquet(
        self, names: Sequence[str], batches: AsyncIterator[Sequence[Sequence[Any]]]
    ) -> AbstractAsyncContextManager[Path]:
        """A Parquet file of the batches' rows, which is gone at the end of the block. `names` are
        members of a `LogRow`. Raises `CapacityError` where it cannot be written."""
        ...
