"""Where gateways of a zone find each other's pins of conversations. Contract suite: tests/contract/pin_store.py."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol


class PinStore(Protocol):
    """Best effort. A request waits for `find` at most 50 ms, once a conversation."""

    async def find(self, digest: bytes) -> bytes | None:
        """Another gateway's note. None where there is none, or no answer in time. Raises nothing."""
        ...

    async def keep(self, pins: Sequence[tuple[bytes, bytes, float]]) -> None:
        """Digest, note, and for how many seconds it holds. Raises nothing."""
        ...


NOTE_BYTES = 2_048
"""A longer note is not kept."""
BATCH = 1_000
