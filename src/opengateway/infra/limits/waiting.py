"""Waiting for an answer that a request needs, and no longer than it may."""

from __future__ import annotations

import asyncio
from typing import Any

_LATE_S = 0.01
_GIVEN_AGAIN = 20


async def done_in_time(future: asyncio.Future[Any], deadline_s: float) -> bool:
    """Whether `future` ends in time; it is not cancelled. Where this loop itself was late, the time
    is given once more: our own delay is not the store's."""
    loop = asyncio.get_running_loop()
    for _ in range(1 + _GIVEN_AGAIN):
        due = loop.time() + deadline_s
        await asyncio.wait((future,), timeout=deadline_s)
        if future.done() or loop.time() - due < _LATE_S:
            break
    return future.done()
