"""A gateway's health on disk, so that a restart does not have to find out anew what is out."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from opengateway.kit import framing

_NAME: Final = "health.ogh"
_MAX_BYTES: Final = 8 * 1024 * 1024


class HealthFile:
    """One checked frame. A damaged or missing file is no health: never a reason not to start."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / _NAME

    def load(self) -> bytes | None:
        try:
            if self._path.stat().st_size > _MAX_BYTES:
                return None
            frames, _ = framing.scan(self._path.read_bytes())
        except (OSError, framing.CorruptFrame):
            return None
        return bytes(frames[0]) if frames else None

    def save(self, note: bytes) -> None:
        """Whole or not at all. Raises `OSError`."""
        # Gateways of one home write the same file; the last one counts, and each has its own draft.
        draft = self._path.with_suffix(f".{os.getpid()}.draft")
        handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(handle, "wb") as file:
            file.write(framing.frame(note))
        draft.replace(self._path)
