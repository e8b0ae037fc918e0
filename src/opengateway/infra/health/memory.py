"""Gossip within one process: the board is shared by whoever was given it."""

from __future__ import annotations

from collections.abc import Sequence

from opengateway.kit.clock import Clock
from opengateway.ports.health_gossip import FRESH_S, MOST, NOTE_BYTES


class Board:
    """The notes of all gateways of a process, newest last."""

    def __init__(self) -> None:
        self.notes: dict[str, tuple[float, bytes]] = {}


class MemoryHealthGossip:
    """A zone with `shared_state: memory` has one gateway, which is alone on its board."""

    def __init__(self, gateway_id: str, clock: Clock, board: Board | None = None) -> None:
        self._gateway_id = gateway_id
        self._clock = clock
        self._board = board if board is not None else Board()

    async def exchange(self, mine: bytes) -> Sequence[bytes]:
        notes, now = self._board.notes, self._clock.monotonic()
        notes.pop(self._gateway_id, None)
        for gateway in [g for g, (at, _) in notes.items() if now - at > FRESH_S]:
            del notes[gateway]
        others = [note for _, note in notes.values()][-MOST:]
        if len(mine) <= NOTE_BYTES:
            notes[self._gateway_id] = now, mine
        return others

    async def leave(self) -> None:
        self._board.notes.pop(self._gateway_id, None)
