"""Where a run is asked for and picked up: the API asks, a job of the process carries out."""

from __future__ import annotations

import asyncio


class SmokeDesk:
    """Wakes who carries runs out. What there is to do stands in the store."""

    def __init__(self) -> None:
        self._asked = asyncio.Event()
        self.waiting: list[str] = []
        """Ids of runs that this process was asked for."""

    def ask(self, run_id: str) -> None:
        """Called after the commit."""
        self.waiting.append(run_id)
        self._asked.set()

    async def next(self) -> str:
        """The oldest run that waits; waits for one."""
        while not self.waiting:
            self._asked.clear()
            await self._asked.wait()
        return self.waiting.pop(0)
