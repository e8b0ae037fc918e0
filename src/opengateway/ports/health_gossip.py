"""How gateways of a zone hear of each other's health. Contract suite: tests/contract/health_gossip.py."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol


class HealthGossip(Protocol):
    """Best effort: a note may be lost, come late, or come twice. Nothing waits for it."""

    async def exchange(self, mine: bytes) -> Sequence[bytes]:
        """Leave this gateway's note, which takes the place of its last one, and get what the others
        left lately, at most `MOST` of them. Raises nothing; without an answer it is none."""
        ...

    async def leave(self) -> None:
        """This gateway is going: others need not hear of it any more. Raises nothing."""
        ...


MOST = 64
NOTE_BYTES = 64 * 1024
"""A longer note is not told."""
FRESH_S = 15.0
