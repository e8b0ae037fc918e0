"""Responses kept by one gateway, in its own memory: they end with it."""

from __future__ import annotations

from typing import Final

from opengateway.kit.clock import Clock
from opengateway.ports.response_store import KEPT_BYTES, KEPT_S

MAX_RESPONSES: Final = 100_000
MAX_BYTES: Final = 256 * 1024 * 1024


class MemoryResponseStore:
    """Implements `ports.response_store.ResponseStore`. The oldest leave first."""

    def __init__(
        self,
        clock: Clock,
        *,
        max_responses: int = MAX_RESPONSES,
        max_bytes: int = MAX_BYTES,
        kept_s: float = KEPT_S,
    ) -> None:
        self._now = clock.monotonic
        self._max_responses = max_responses
        self._max_bytes = max_bytes
        self._kept_s = kept_s
        self._kept: dict[str, tuple[float, bytes]] = {}
        """Until when, and what; in the order in which they came."""
        self.bytes = 0
        self.evictions = 0

    def __len__(self) -> int:
        return len(self._kept)

    async def put(self, scope: str, value: bytes) -> bool:
        self._expire()
        if len(value) > min(KEPT_BYTES, self._max_bytes):
            self.evictions += 1
            return False
        self._remove(scope)
        self._kept[scope] = (self._now() + self._kept_s, value)
        self.bytes += len(value)
        while self.bytes > self._max_bytes or len(self._kept) > self._max_responses:
            self._remove(next(iter(self._kept)))
            self.evictions += 1
        return True

    async def get(self, scope: str) -> bytes | None:
        self._expire()
        found = self._kept.get(scope)
        return None if found is None else found[1]

    async def delete(self, scope: str) -> bool:
        self._expire()
        return self._remove(scope)

    def _expire(self) -> None:
        now = self._now()
        while self._kept:
            scope, (until, _) = next(iter(self._kept.items()))
            if until > now:
                break
            self._remove(scope)

    def _remove(self, scope: str) -> bool:
        found = self._kept.pop(scope, None)
        if found is None:
            return False
        self.bytes -= len(found[1])
        return True
