"""The configuration in force, and its signed copies on disk: the newest three are kept."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import msgspec

from opengateway.domain.catalog import Snapshot
from opengateway.domain.errors import CapacityError
from opengateway.kit import signing
from opengateway.kit.json import DecodeError

KEPT = 3
_decode = msgspec.json.Decoder(Snapshot).decode


class BadSnapshot(ValueError):
    """The blob is not signed by this zone's control, or is not a snapshot of this version."""


class SnapshotHolder:
    """Implements `ports.snapshots.SnapshotSource`. Swapped whole, by reference."""

    def __init__(self, public_key: str, on_swap: Callable[[Snapshot], None]) -> None:
        self._public_key = public_key
        self._on_swap = on_swap
        self._current: Snapshot | None = None

    def current(self) -> Snapshot:
        if self._current is None:
            raise CapacityError(
                "the configuration is not loaded yet; try again in a moment",
                code="starting",
                retry_after_s=1.0,
            )
        return self._current

    @property
    def version(self) -> str:
        return self._current.version if self._current else ""

    def read(self, blob: bytes) -> Snapshot:
        """What is in it. Raises `BadSnapshot`."""
        try:
            return _decode(signing.verify(blob, self._public_key))
        except (ValueError, DecodeError) as error:
            raise BadSnapshot(str(error)) from None

    def put(self, snapshot: Snapshot) -> None:
        """Put in force. Raises `BadSnapshot` where its credentials are not at hand, and keeps what
        was in force before."""
        self._on_swap(snapshot)
        self._current = snapshot

    def take(self, blob: bytes) -> Snapshot:
        """Verify and put in force. Raises `BadSnapshot`."""
        snapshot = self.read(blob)
        self.put(snapshot)
        return snapshot


class SnapshotFiles:
    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def load(self, holder: SnapshotHolder) -> list[str]:
        """Take the newest copy that verifies. Returns the faults of those passed over."""
        faults = []
        for path in self._newest_first():
            try:
                holder.take(path.read_bytes())
                break
            except (OSError, BadSnapshot) as error:
                faults.append(f"{path.name}: {error}")
        return faults

    def save(self, blob: bytes, created_at_ns: int) -> None:
        """Whole or not at all. Raises `OSError`."""
        path = self._folder / f"snapshot-{created_at_ns:020d}.ogs"
        draft = path.with_suffix(".draft")
        handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(handle, "wb") as file:
            file.write(blob)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
        for old in self._newest_first()[KEPT:]:
            old.unlink(missing_ok=True)

    def _newest_first(self) -> list[Path]:
        return sorted(self._folder.glob("snapshot-*.ogs"), reverse=True)
