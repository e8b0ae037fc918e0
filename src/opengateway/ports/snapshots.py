"""The configuration in force."""

from __future__ import annotations

from typing import Protocol

from opengateway.domain.catalog import Snapshot


class SnapshotSource(Protocol):
    def current(self) -> Snapshot:
        """The newest verified snapshot. Raises `CapacityError` (503) while there is none."""
        ...
