"""What keeps health and pins beside the request path: gossip each second, a copy on disk, old rows
dropped."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

from opengateway.gateway.routing import notes
from opengateway.gateway.routing.health_table import HealthTable
from opengateway.gateway.routing.router import Router
from opengateway.kit.clock import Clock
from opengateway.ports.health_gossip import HealthGossip

GOSSIP_EVERY_S: Final = 1.0
KEEP_EVERY_S: Final = 5.0
CLEAN_EVERY_S: Final = 60.0


class HealthUpkeep:
    """`save` writes to disk and may raise `OSError`; `tell(event, detail)` is the process's log."""

    def __init__(
        self,
        table: HealthTable,
        gossip: HealthGossip,
        save: Callable[[bytes], None],
        clock: Clock,
        tell: Callable[[str, str], None],
    ) -> None:
        self._table = table
        self._gossip = gossip
        self._save = save
        self._clock = clock
        self._tell = tell
        self._kept_at = self._cleaned_at = clock.monotonic()
        self._unwritable = False

    def restore(self, note: bytes | None) -> bool:
        """Before the first request: what the last run left. False where there is nothing of use."""
        if note is None:
            return False
        clock = self._clock
        return notes.restore(self._table, note, clock.monotonic(), clock.now_ns())

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            await self.once()
            await asyncio.sleep(GOSSIP_EVERY_S)

    async def once(self) -> None:
        """One round. Raises nothing."""
        clock, table = self._clock, self._table
        now = clock.monotonic()
        for note in await self._gossip.exchange(notes.told(table, now, clock.now_ns())):
            notes.hear(table, note, clock.monotonic(), clock.now_ns())
        if now - self._kept_at >= KEEP_EVERY_S:
            self.keep()
        if now - self._cleaned_at >= CLEAN_EVERY_S:
            self._cleaned_at = now
            table.forget_unused(now)

    def keep(self) -> None:
        """Write the copy now; also when the gateway stops."""
        clock = self._clock
        self._kept_at = clock.monotonic()
        try:
            self._save(notes.kept(self._table, clock.monotonic(), clock.now_ns()))
        except OSError as error:
            if not self._unwritable:  # once: the disk's trouble has its own alarms
                self._tell("health_copy_unwritable", str(error))
            self._unwritable = True
        else:
            self._unwritable = False


class PinUpkeep:
    """Tells other gateways where conversations went."""

    def __init__(self, router: Router) -> None:
        self._router = router

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            await self.once()
            await asyncio.sleep(GOSSIP_EVERY_S)

    async def once(self) -> None:
        """One round. Raises nothing."""
        router = self._router
        if router.pins is None:
            router.stickiness.news.clear()
        elif news := router.stickiness.told(router.now()):
            await router.pins.keep(news)
