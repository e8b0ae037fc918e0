"""Forgets bodies when their time is over, or when their team or their member is gone."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Final

from opengateway.control.kept_bodies.repository import BodyRepository, kept_since
from opengateway.kit.clock import Clock
from opengateway.kit.db import AsyncSession
from opengateway.kit.log import get_logger

PAUSE_S: Final = 600.0
_BATCH: Final = 200
log = get_logger(__name__)

OpenSession = Callable[[], AbstractAsyncContextManager[AsyncSession]]


class BodyChores:
    """One for the process. `writing` gives a session that the caller commits."""

    def __init__(
        self, reading: OpenSession, writing: OpenSession, clock: Clock, kept_days: int
    ) -> None:
        self._reading = reading
        self._writing = writing
        self._clock = clock
        self._kept_days = kept_days

    async def run(self) -> None:
        while True:
            await asyncio.sleep(PAUSE_S)
            try:
                await self.once()
            except Exception as error:  # noqa: BLE001 - a chore is done again, whatever it was
                log.error("bodies were not forgotten", error=str(error)[:500])

    async def once(self) -> int:
        """Everything that is due. Returns how many bodies that were."""
        now_ns = self._clock.now_ns()
        async with self._reading() as session:
            rows = BodyRepository(session)
            teams = await rows.teams()
            days = await rows.days(teams, self._kept_days)
        gone = 0
        for team in teams:
            before = kept_since(now_ns, days[team]) if team in days else None
            while True:
                async with self._writing() as session:
                    count = await BodyRepository(session).forget_before(team, before, _BATCH)
                    await session.commit()
                gone += count
                if count < _BATCH:
                    break
        while True:
            async with self._writing() as session:
                count = await BodyRepository(session).forget_departed(_BATCH)
                await session.commit()
            gone += count
            if count < _BATCH:
                return gone
