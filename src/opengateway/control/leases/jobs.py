"""What the ledger needs done by itself: leases that nobody renews come back, credits expire."""

from __future__ import annotations

import asyncio
from typing import Final

from opengateway.control.leases.desk import LeaseDesk, OpenScope
from opengateway.control.settler.repository import JournalRepository
from opengateway.kit.clock import Clock
from opengateway.kit.log import get_logger

EVERY_S: Final = 10.0
ATTENTIVE_NS: Final = 60 * 1_000_000_000
"""After a start, or a stop of the whole process, gateways are given this long to be heard of: they could
not renew while nobody listened, and must not lose for it what they are spending."""
_MISSED_NS: Final = 30 * 1_000_000_000
"""A turn that comes later than this: the process stood still."""
_AT_ONCE: Final = 100
"""Leases or teams of one transaction: the store has other things to do."""
_TURNS: Final = 100
_GATEWAYS: Final = 1_000

log = get_logger(__name__)


class LedgerJobs:
    def __init__(self, open_scope: OpenScope, desk: LeaseDesk, clock: Clock) -> None:
        self._open_scope = open_scope
        self._desk = desk
        self._clock = clock
        self._last_ns = clock.now_ns()

    async def run(self) -> None:
        """For ever, from the start on."""
        while True:
            try:
                await self.turn()
            except Exception as error:
                log.error("ledger_jobs_failed", exc_info=error)
            await asyncio.sleep(EVERY_S)

    async def turn(self) -> None:
        now_ns = self._clock.now_ns()
        if now_ns - self._last_ns > _MISSED_NS:
            self._desk.attentive_since_ns = now_ns
        self._last_ns = now_ns
        if now_ns - self._desk.attentive_since_ns >= ATTENTIVE_NS:
            await self.sweep()
        await self.expire()

    async def sweep(self) -> int:
        """Return what expired leases of gateways that are gone have left."""
        swept = 0
        for _ in range(_TURNS):
            async with self._open_scope() as scope:
                gateways = await JournalRepository(scope.session).gateways(limit=_GATEWAYS)
                alive = {g.gateway: g.last_seen_ns for g in gateways if g.finished_at_ns is None}
                found = await scope.ledger.leases.sweep(alive, _AT_ONCE)
            swept += found
            if found < _AT_ONCE:
                break
        if swept:
            log.warning("leases_swept", count=swept)
        return swept

    async def expire(self) -> int:
        """Take what has expired and is not held. A team that holds is looked at again next time."""
        async with self._open_scope() as scope:
            return await scope.ledger.credits.expire(_AT_ONCE)
