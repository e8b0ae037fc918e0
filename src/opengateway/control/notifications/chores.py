"""Forgets old notifications, and alerts of periods that are over."""

from __future__ import annotations

import asyncio
from typing import Final

from opengateway.control.mail.outbox import OpenScope
from opengateway.control.notifications.repository import NotificationRepository
from opengateway.kit.clock import Clock
from opengateway.kit.log import get_logger

_DAY_NS: Final = 86_400 * 1_000_000_000
_ALERTS_DAYS: Final = 62
"""Longer than the longest period that ends, and what may still be settled of it."""

log = get_logger(__name__)


class NotificationChores:
    def __init__(self, open_scope: OpenScope, clock: Clock, kept_days: int) -> None:
        self._open_scope = open_scope
        self._clock = clock
        self._kept_days = kept_days

    async def run(self, every_s: float = 3600.0) -> None:
        """For ever."""
        while True:
            try:
                await self.turn()
            except Exception as error:
                log.error("notification_chores_failed", exc_info=error)
            await asyncio.sleep(every_s)

    async def turn(self) -> None:
        now_ns = self._clock.now_ns()
        async with self._open_scope() as scope:
            await NotificationRepository(scope.session).prune(
                notified_before_ns=now_ns - self._kept_days * _DAY_NS,
                alerted_before_ns=now_ns - _ALERTS_DAYS * _DAY_NS,
            )
