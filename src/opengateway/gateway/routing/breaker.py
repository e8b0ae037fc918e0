"""The breaker of one scope: out, half open, in again.

    in    -> out   a streak of failures, too many failures of the last ones, or at once by class
    out            until a time; a later reason only ever makes it longer
    out   -> half  the time has passed: one trial at a time
    half  -> in    two trials went well; then a slow start
    half  -> out   a trial failed: again, for longer

Pure: the time and the jitter are given.
"""

from __future__ import annotations

import math
from typing import Any, Final

from opengateway.policies.health import RestKind, Scope

Key = tuple[str, ...]

RETRY_AFTER_CAP_S: Final = 600.0
FORGOTTEN_AFTER_S: Final = 300.0
"""Each of these without a new opening takes one doubling back."""
STREAK_KEPT_S: Final = 600.0
WINS: Final = 2
_TRIAL_KEPT_S: Final = 900.0
"""A trial that nobody ended is over: beyond any deadline."""
_MOST_DOUBLINGS: Final = 16


class Breaker:
    """One scope's state. `until` is when it is half open, in monotonic seconds; 0 when it is in."""

    __slots__ = (
        "_trial_at",
        "cells",
        "changed_at",
        "failed_at",
        "heard",
        "key",
        "kind",
        "opened_at",
        "openings",
        "out",
        "reason",
        "scope",
        "streak",
        "until",
        "wins",
    )

    def __init__(self, scope: Scope, key: Key) -> None:
        self.scope = scope
        self.key = key
        self.cells: list[Any] = []
        """The endpoints that it holds."""
        self.out = False
        self.until = 0.0
        self.kind = RestKind.FAULT
        self.reason = ""
        """The class of trouble that opened it."""
        self.streak = 0.0
        self.failed_at = -math.inf
        self.openings = 0.0
        self.wins = 0
        self.changed_at = -math.inf
        """When it last went out or came in."""
        self.opened_at = -math.inf
        """When it last went out by what was seen here: what began before says nothing of now."""
        self.heard = False
        """It is out on another gateway's word alone: not told on."""
        self._trial_at = -math.inf

    # --- looking ---------------------------------------------------------------------------------

    def is_out(self, now: float) -> bool:
        return self.out and self.until > now

    def is_half(self, now: float) -> bool:
        return self.out and self.until <= now

    def may_try(self, now: float) -> bool:
        """Whether a trial may begin: half open, and no other trial is running."""
        return self.is_half(now) and now - self._trial_at >= _TRIAL_KEPT_S

    # --- events ----------------------------------------------------------------------------------

    def begin_trial(self, now: float) -> None:
        self._trial_at = now

    def end_trial(self) -> None:
        """Whatever came of it: verdicts are `succeeded` and `open`."""
        self._trial_at = -math.inf

    def count(self, weight: float, now: float) -> float:
        """A failure of the streak. Returns the streak."""
        if now - self.failed_at > STREAK_KEPT_S:
            self.streak = 0.0
        self.failed_at = now
        self.streak += weight
        return self.streak

    def open(
        self, now: float, seconds: float, kind: RestKind, reason: str, *, heard: bool = False
    ) -> None:
        """Out for `seconds` from now, or as long as it was anyway if that is longer."""
        until = now + seconds
        if until >= self.until or not self.out:
            self.until = until
            self.kind = kind
            self.reason = reason
        self.heard = heard and (self.heard or not self.out)
        if not self.out:
            self.changed_at = now
        if not heard:
            self.opened_at = now
        self.out = True
        self.wins = 0
        self.streak = 0.0

    def doubled(self, now: float, base_s: float, max_s: float) -> float:
        """How long the next opening lasts: base, twice that, ... at most `max_s`. Counts it."""
        since = now - self.changed_at
        if since < math.inf:
            self.openings = max(0.0, self.openings - since / FORGOTTEN_AFTER_S)
        self.openings = min(self.openings + 1, _MOST_DOUBLINGS)
        return min(max_s, base_s * 2.0 ** (math.ceil(self.openings) - 1))

    def succeeded(self, now: float, began: float) -> bool:
        """A request that began then went well. True if that brought it in again."""
        self.streak = 0.0
        if not self.out or began < self.opened_at:
            return False
        if self.kind is RestKind.REST:
            # It was asked although it rested, because nothing else was left: it does not any more.
            return self._come_in(now)
        self.until = min(self.until, now)
        self.wins += 1
        return self.wins >= WINS and self._come_in(now)

    def rested(self, now: float) -> bool:
        """Bring it in if it only rested, and has. True if so: no trial is needed for that."""
        if self.out and self.kind is RestKind.REST and self.until <= now:
            return self._come_in(now)
        return False

    def half_open(self, now: float) -> None:
        """Another gateway found it well: it may be tried now, and one good trial is enough."""
        if self.out and self.kind is not RestKind.REST:
            self.until = min(self.until, now)
            self.wins = max(self.wins, WINS - 1)

    def _come_in(self, now: float) -> bool:
        self.out = False
        self.heard = False
        self.until = 0.0
        self.wins = 0
        self.changed_at = now
        return True
