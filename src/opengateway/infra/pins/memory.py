"""Pins within one process: for whoever was given the same board."""

from __future__ import annotations

from collections.abc import Sequence

from opengateway.kit.clock import Clock
from opengateway.ports.pins import NOTE_BYTES

_MOST = 65_536


class MemoryPinStore:
    """A zone with `shared_state: memory` has one gateway, and needs none of these."""

    def __init__(self, clock: Clock, board: dict[bytes, tuple[float, bytes]] | None = None) -> None:
        self._clock = clock
        self._board = board if board is not None else {}

    async def find(self, digest: bytes) -> bytes | None:
        until, note = self._board.get(digest, (0.0, b""))
        return note if until > self._clock.monotonic() else None

    async def keep(self, pins: Sequence[tuple[bytes, bytes, float]]) -> None:
        now = self._clock.monotonic()
        for digest, note, seconds in pins:
            if len(note) > NOTE_BYTES:
                continue
            if len(self._board) >= _MOST:
                del self._board[next(iter(self._board))]
            self._board[digest] = now + seconds, note
