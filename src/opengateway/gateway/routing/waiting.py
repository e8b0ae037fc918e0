"""The deadline queue before endpoints that have no room, and what is shed where it is full."""

from __future__ import annotations

import asyncio
from typing import Final

from opengateway.domain.errors import CapacityError
from opengateway.domain.principal import Principal
from opengateway.domain.routing import Priority
from opengateway.gateway.routing.health import Health

WAITING: Final = 1_000
"""Requests that wait in one gateway, before whatever endpoint."""
WAIT_S: Final = 5.0
"""At most, however far the deadline is: who waits longer is better told to come again."""
_RANK: Final = {Priority.HIGH: 0, Priority.NORMAL: 1, Priority.LOW: 2}
_SHED_AT: Final = {Priority.HIGH: 1.0, Priority.NORMAL: 0.95, Priority.LOW: 0.8}
SHED_FROM: Final = min(_SHED_AT.values())
"""Of what a gateway may run at once: below, nobody is turned away."""


def priority_of(principal: Principal) -> Priority:
    """A key's `metadata.priority`: high, normal (also without it), or low."""
    try:
        return Priority(principal.metadata.get("priority", Priority.NORMAL))
    except ValueError:
        return Priority.NORMAL


def is_shed(priority: Priority, in_flight: int, limit: int) -> bool:
    """Whether a gateway that is as full as that turns such a request away: low priority first."""
    return in_flight >= limit * _SHED_AT[priority]


class NoRoom(CapacityError):
    """No endpoint had room in time, or others went first."""

    code = "capacity_exhausted"


class _Waiter:
    __slots__ = ("cell", "free", "priority")

    def __init__(self, cell: Health, priority: Priority, free: asyncio.Future[bool]) -> None:
        self.cell = cell
        self.priority = priority
        self.free = free
        """True: there is room. False: shed for one of higher priority."""


class Waiting:
    """Who waits for room, in the order of priority, then of coming."""

    __slots__ = ("_waiters", "shed")

    def __init__(self) -> None:
        self._waiters: list[_Waiter] = []
        self.shed = 0

    def __bool__(self) -> bool:
        return bool(self._waiters)

    def __len__(self) -> int:
        return len(self._waiters)

    async def room(self, cell: Health, priority: Priority, most_s: float) -> None:
        """Wait until the endpoint and the credential have room. Raises `NoRoom`.

        There is no await between the return and the caller's taking its place.
        """
        loop = asyncio.get_running_loop()
        until = loop.time() + min(most_s, WAIT_S)
        while not cell.has_room:
            self._make_place(priority)
            waiter = _Waiter(cell, priority, loop.create_future())
            self._waiters.append(waiter)
            try:
                await asyncio.wait((waiter.free,), timeout=max(0.0, until - loop.time()))
            finally:
                if waiter in self._waiters:
                    self._waiters.remove(waiter)
            if not waiter.free.done():
                raise _no_room("no endpoint had room in time")
            if not waiter.free.result():
                raise _no_room("requests of higher priority went first")

    def freed(self) -> None:
        """A request ended: whoever is first in line and has room now may go."""
        for waiter in sorted(self._waiters, key=lambda w: _RANK[w.priority]):
            if waiter.cell.has_room and not waiter.free.done():
                self._waiters.remove(waiter)
                waiter.free.set_result(True)
                return

    def _make_place(self, priority: Priority) -> None:
        if len(self._waiters) < WAITING:
            return
        last = max(enumerate(self._waiters), key=lambda at: (_RANK[at[1].priority], at[0]))[1]
        self.shed += 1
        if _RANK[last.priority] <= _RANK[priority]:
            raise _no_room("too many requests wait already")
        self._waiters.remove(last)
        if not last.free.done():
            last.free.set_result(False)


def _no_room(why: str) -> NoRoom:
    return NoRoom(
        f"the providers serve as many requests as they can, and {why}; try again in a moment",
        retry_after_s=1.0,
    )
