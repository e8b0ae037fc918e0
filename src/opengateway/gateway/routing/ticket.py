"""One attempt's place at its endpoint, and its word on how the endpoint did."""

from __future__ import annotations

from typing import Any

from opengateway.domain.errors import UpstreamError
from opengateway.gateway.routing.breaker import Breaker
from opengateway.gateway.routing.health import Health


class Ticket:
    """One attempt's place at its endpoint. Given back once, whatever happens."""

    __slots__ = ("_open", "_router", "_streams", "_trials", "_waits", "began", "cell")

    def __init__(self, router: Any, cell: Health, *, stream: bool, trial: bool) -> None:
        now = router.now()
        self._router = router
        self.cell = cell
        self.began = now
        self._open = True
        self._streams = self._waits = stream
        self._trials: tuple[Breaker, ...] = ()
        cell.limit.in_flight += 1
        cell.credential_limit.in_flight += 1
        cell.used_at = now
        if stream:
            if not cell.waiting:
                cell.heard_at = now
            cell.waiting += 1
        if trial:
            self._trials = tuple(breaker for breaker in cell.breakers if breaker.out)
            for breaker in self._trials:
                breaker.begin_trial(now)

    @property
    def is_trial(self) -> bool:
        return bool(self._trials)

    def answered(self, input_bytes: int) -> None:
        """The first content, or the whole answer, is here."""
        self._heard()
        self._end_trials()
        now = self._router.now()
        self._router.health.succeeded(
            self.cell, now, now - self.began, input_bytes, whole=not self._streams
        )

    def failed(self, error: UpstreamError, *, after_content: bool = False) -> None:
        self._heard()
        self._end_trials()
        self._router.health.failed(
            self.cell,
            error.error_class,
            self._router.now(),
            began=self.began,
            retry_after_s=error.retry_after_s,
            after_content=after_content,
        )

    def release(self) -> None:
        if not self._open:
            return
        self._open = False
        self._heard()
        self._end_trials()
        cell = self.cell
        cell.limit.in_flight -= 1
        cell.credential_limit.in_flight -= 1
        if self._router.waiting:
            self._router.waiting.freed()

    def _heard(self) -> None:
        if self._waits:
            self._waits = False
            self.cell.waiting -= 1

    def _end_trials(self) -> None:
        if self._trials:
            for breaker in self._trials:
                breaker.end_trial()
            self._trials = ()
