"""Work that must outlive the request that began it, owned by the process."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

OnBug = Callable[[str, BaseException], None]


class Supervisor:
    """Holds background tasks so that none is lost, and drains them at shutdown.

    A task that raises is a bug of ours: it is handed to `on_bug` with the task's name.
    """

    def __init__(self, on_bug: OnBug) -> None:
        self._tasks: set[asyncio.Task[Any]] = set()
        self._on_bug = on_bug

    def start(self, work: Coroutine[Any, Any, None], *, name: str) -> asyncio.Task[None]:
        task = asyncio.create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self._on_bug(task.get_name(), error)

    async def drain(self, timeout_s: float) -> int:
        """Wait for what is still running, then cancel it. Return how many were cancelled."""
        if not self._tasks:
            return 0
        _, late = await asyncio.wait(set(self._tasks), timeout=timeout_s)
        for task in late:
            task.cancel()
        if late:
            await asyncio.gather(*late, return_exceptions=True)
        return len(late)
