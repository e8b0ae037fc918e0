"""Key states from control, asked once a second for each key at most."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from opengateway.domain.errors import CapacityError
from opengateway.infra.journal.shipper import ControlUnreachable
from opengateway.kit.clock import Clock
from opengateway.ports.key_state import KeyState

_FRESH_S = 1.0
_DEADLINE_S = 5.0
_KEYS = 1024

Ask = Callable[[str], Awaitable[KeyState | None]]
"""Raises `ControlUnreachable`; None where there is no such key."""


class ControlKeyStates:
    """Implements `ports.key_state.KeyStates`. Callers of one key share one question."""

    def __init__(self, ask: Ask, clock: Clock) -> None:
        self._ask = ask
        self._now = clock.monotonic
        self._answers: dict[str, tuple[float, asyncio.Task[KeyState]]] = {}

    async def of(self, key_id: str) -> KeyState:
        now = self._now()
        known = self._answers.get(key_id)
        if known is None or now - known[0] >= _FRESH_S or known[1].cancelled():
            if len(self._answers) >= _KEYS:
                del self._answers[next(iter(self._answers))]
            self._answers.pop(key_id, None)
            known = self._answers[key_id] = (now, asyncio.create_task(self._asked(key_id)))
            known[1].add_done_callback(_seen)
        # One caller's leaving must not end the question of the others.
        return await asyncio.shield(known[1])

    async def _asked(self, key_id: str) -> KeyState:
        try:
            async with asyncio.timeout(_DEADLINE_S):
                found = await self._ask(key_id)
        except (ControlUnreachable, TimeoutError):
            found = None
        if found is None:
            self._answers.pop(key_id, None)
            raise CapacityError(
                "what this key stands at is not known now; try again in a moment",
                code="key_state_unavailable",
                retry_after_s=1.0,
            )
        return found


def _seen(task: asyncio.Task[KeyState]) -> None:
    """Nobody may be waiting for a failure any more."""
    if not task.cancelled():
        task.exception()
