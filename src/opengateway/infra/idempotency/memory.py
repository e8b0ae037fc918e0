"""Claims of one gateway, in its own memory: they end with it."""

from __future__ import annotations

from dataclasses import dataclass

from opengateway.kit.clock import Clock
from opengateway.ports.idempotency import KEPT_S, Found

MAX_CLAIMS = 50_000
MAX_BYTES = 64 * 1024 * 1024


@dataclass(slots=True)
class _Entry:
    owner: str
    note: bytes
    reply: bytes | None = None
    until: float | None = None
    """None while in flight."""


class MemoryIdempotencyStore:
    """Implements `ports.idempotency.IdempotencyStore`.

    `max_claims` bounds those that are finished; those in flight are bounded by the requests.
    """

    def __init__(
        self, clock: Clock, *, max_claims: int = MAX_CLAIMS, max_bytes: int = MAX_BYTES
    ) -> None:
        self._now = clock.monotonic
        self._max_claims = max_claims
        self._max_bytes = max_bytes
        self._running: dict[str, _Entry] = {}
        self._finished: dict[str, _Entry] = {}
        """In the order in which they ended."""
        self.reply_bytes = 0
        self.evictions = 0

    def __len__(self) -> int:
        return len(self._running) + len(self._finished)

    async def claim(self, scope: str, owner: str, note: bytes) -> Found | None:
        self._expire()
        entry = self._running.get(scope) or self._finished.get(scope)
        if entry is not None:
            return Found(entry.owner, entry.note, entry.until is not None, entry.reply)
        self._running[scope] = _Entry(owner, note)
        return None

    async def keep(self, scope: str, owner: str, reply: bytes | None) -> None:
        entry = self._running.get(scope)
        if entry is None or entry.owner != owner:
            return
        del self._running[scope]
        entry.until = self._now() + KEPT_S
        entry.reply = reply
        self._finished[scope] = entry
        self.reply_bytes += len(reply or b"")
        self._expire()
        while len(self._finished) > self._max_claims:
            self._remove(next(iter(self._finished)))
            self.evictions += 1
        if self.reply_bytes > self._max_bytes:
            self._drop_replies()

    def keep_later(self, scope: str, owner: str) -> None:
        entry = self._running.get(scope)
        if entry is not None and entry.owner == owner:
            del self._running[scope]
            entry.until = self._now() + KEPT_S
            self._finished[scope] = entry

    def drop(self, scope: str, owner: str) -> None:
        running = self._running.get(scope)
        if running is not None and running.owner == owner:
            del self._running[scope]
        finished = self._finished.get(scope)
        if finished is not None and finished.owner == owner:
            self._remove(scope)

    def _expire(self) -> None:
        now = self._now()
        while self._finished:
            scope, entry = next(iter(self._finished.items()))
            if entry.until is not None and entry.until > now:
                break
            self._remove(scope)

    def _drop_replies(self) -> None:
        """The oldest first; that they were done is still known. To 9/10, so that it is rare."""
        for entry in self._finished.values():
            if self.reply_bytes <= self._max_bytes * 9 // 10:
                break
            if entry.reply is not None:
                self.reply_bytes -= len(entry.reply)
                entry.reply = None
                self.evictions += 1

    def _remove(self, scope: str) -> None:
        self.reply_bytes -= len(self._finished.pop(scope).reply or b"")
