"""How well each endpoint is, as far as this gateway has seen: a pure state machine.

A state is kept for each (provider, region, credential, model), and breakers for the scopes above
it. Which failure says what of which scope is data: `policies/health.toml`. Nothing here removes an
endpoint: health is a standing by which they are ordered, and the last one is asked when all others
are gone, also before a provider's own word to wait (`RESTING`) is over.
"""

from __future__ import annotations

import math
from enum import IntEnum
from typing import Final

from opengateway.gateway.routing.breaker import Breaker, Key
from opengateway.gateway.routing.concurrency import Limit
from opengateway.gateway.routing.latency import Latency
from opengateway.policies.health import RestKind

PRIOR_GOOD: Final = 19.8
PRIOR: Final = 20.0
"""What is expected before anything was seen: 99 of 100, worth 20 requests. One failure alone is no
news, two in a row are."""
MOST_SEEN: Final = 50.0
"""More than this says nothing of now."""
FORGETTING_S: Final = 20.0
WELL_FROM: Final = 0.92
DEGRADED_FROM: Final = 0.75
EJECT_AT: Final = 0.5
EJECT_SEEN: Final = 10.0
SLOW_START_S: Final = 30.0
SLOW_FROM: Final = 0.1
REGAIN_S: Final = 15.0
"""The slow start of what was behind only: with what is forgotten before, a minute in all."""
STALLED_S: Final = 10.0
"""Nothing of what was sent is answered for so long: others first."""
LEAST_STALL_S: Final = 2.0
_LOW_HEADROOM: Final = 0.1


class Standing(IntEnum):
    """In which order endpoints are asked; those of one standing by policy."""

    WELL = 0
    DEGRADED = 1
    POOR = 2
    HALF = 3  # one trial at a time; for others a last resort
    OUT = 4
    RESTING = 5  # told us to wait: asked before that only where nobody else is left


class Health:
    """One endpoint with one credential. `clear`: nothing is the matter, at a glance."""

    __slots__ = (
        "_at",
        "_headroom",
        "_headroom_until",
        "_is_behind",
        "_slow_for",
        "_slow_from",
        "_slow_since",
        "bad",
        "breakers",
        "by_scope",
        "clear",
        "credential_limit",
        "first",
        "good",
        "heard_at",
        "key",
        "limit",
        "pace",
        "used_at",
        "waiting",
        "whole",
    )

    def __init__(
        self, key: Key, breakers: tuple[Breaker, ...], credential_limit: Limit, now: float
    ) -> None:
        self.key = key
        self.breakers = breakers
        self.by_scope = {breaker.scope: breaker for breaker in breakers}
        self.limit = Limit()
        self.credential_limit = credential_limit
        self.good = self.bad = 0.0
        self.first = Latency()
        """To the first content of streams."""
        self.whole = Latency()
        """To whole answers."""
        self.pace = Latency()
        """Seconds for a token, once they come."""
        self.waiting = 0
        """Streams without their first content."""
        self.heard_at = self.used_at = self._at = now
        self.clear = not any(breaker.out or breaker.streak for breaker in breakers)
        self._slow_since = -math.inf
        self._slow_from = 1.0
        self._slow_for = SLOW_START_S
        self._is_behind = False
        self._headroom = 1.0
        self._headroom_until = 0.0
        for breaker in breakers:
            breaker.cells.append(self)

    # --- looking ---------------------------------------------------------------------------------

    @property
    def expected(self) -> float:
        """The share of requests that is expected to go well."""
        return (self.good + PRIOR_GOOD) / (self.good + self.bad + PRIOR)

    def standing(self, now: float) -> Standing:
        if self.clear:
            if self.waiting and self.is_stalled(now):
                return Standing.POOR
            return Standing.WELL
        return self._look(now)

    def is_stalled(self, now: float) -> bool:
        """Streams wait, and none was answered for much longer than it usually takes."""
        if not self.waiting:
            return False
        first = self.first
        limit = max(LEAST_STALL_S, 4 * first.p99) if first.settled else STALLED_S
        return now - self.heard_at > limit

    @property
    def back_at(self) -> float:
        """When it last came back; what began before says nothing of now."""
        return self._slow_since

    def weight(self, now: float) -> float:
        """Its share beside its equals: less after it came back, and near its limit."""
        if self.clear:
            return 1.0
        weight = 1.0
        slow_s = now - self._slow_since
        if slow_s < self._slow_for:
            weight = self._slow_from + (1 - self._slow_from) * slow_s / self._slow_for
        if now < self._headroom_until and self._headroom < _LOW_HEADROOM:
            weight *= max(self._headroom / _LOW_HEADROOM, 0.01)
        return weight

    def _look(self, now: float) -> Standing:
        worst = Standing.WELL
        quiet = True
        for breaker in self.breakers:
            if breaker.streak:
                quiet = False
            if not breaker.out:
                continue
            if breaker.rested(now):
                come_back(breaker, now)
                quiet = False
                continue
            quiet = False
            if breaker.until <= now:
                found = Standing.HALF
            else:
                found = Standing.RESTING if breaker.kind is RestKind.REST else Standing.OUT
            worst = max(worst, found)
        if worst is not Standing.WELL:
            return worst
        if self.bad:
            quiet = False
            self._forget(now)
            expected = self.expected
            if expected < WELL_FROM:
                self._is_behind = True
                return Standing.DEGRADED if expected >= DEGRADED_FROM else Standing.POOR
        if self.is_stalled(now):
            return Standing.POOR
        if self._is_behind:
            # Mostly because time passed, not because it went well: that has to show first.
            self._ramp(now, SLOW_FROM, REGAIN_S)
            return Standing.WELL
        if quiet and now - self._slow_since >= self._slow_for and now >= self._headroom_until:
            self.clear = True
        return Standing.WELL

    def rests_until(self) -> float:
        """When the last of the breakers that told us to wait is over; monotonic."""
        return max(
            (b.until for b in self.breakers if b.out and b.kind is RestKind.REST), default=0.0
        )

    def out_until(self) -> float:
        return max((b.until for b in self.breakers if b.out), default=0.0)

    def may_try(self, now: float) -> bool:
        """Whether a trial may begin: of all that is out of it, none is out longer or being tried."""
        return all(breaker.may_try(now) for breaker in self.breakers if breaker.out)

    @property
    def reasons(self) -> tuple[str, ...]:
        """`scope:class` of each breaker that is out."""
        return tuple(f"{b.scope.value}:{b.reason}" for b in self.breakers if b.out)

    @property
    def has_room(self) -> bool:
        return not (self.limit.is_full or self.credential_limit.is_full)

    # --- events ----------------------------------------------------------------------------------

    def _forget(self, now: float) -> None:
        """What was seen counts less as time passes."""
        passed = now - self._at
        if passed > 0.0:
            kept = math.exp(-passed / FORGETTING_S)
            self.good *= kept
            self.bad *= kept
            if self.bad < 0.05:
                self.bad = 0.0
            self._at = now

    def add_good(self, now: float) -> None:
        if self.bad:
            self._forget(now)
        else:
            self._at = now
        if self.good + self.bad < MOST_SEEN:
            self.good += 1.0
        else:
            self.good, self.bad = _capped(self.good + 1.0, self.bad)

    def add_bad(self, weight: float, now: float) -> None:
        self._forget(now)
        self.good, self.bad = _capped(self.good, self.bad + weight)
        self.clear = False

    def add_seen(self, good: float, bad: float, now: float) -> None:
        """What was seen before a restart."""
        if 0 <= good <= MOST_SEEN and 0 <= bad <= MOST_SEEN:
            self.good, self.bad = _capped(good, bad)
            self._at = now
            self.clear = self.clear and not bad

    def has_failed_too_often(self) -> bool:
        seen = self.good + self.bad
        return seen >= EJECT_SEEN and self.bad >= EJECT_AT * seen

    def start_slowly(self, now: float, openings: float) -> None:
        """It is back: a tenth of its share at first, less where it was out again and again."""
        self._ramp(now, SLOW_FROM / max(1.0, openings), SLOW_START_S)
        self.good = self.bad = 0.0
        self.heard_at = now

    def _ramp(self, now: float, from_share: float, seconds: float) -> None:
        self.clear = self._is_behind = False
        self._slow_since = now
        self._slow_from = from_share
        self._slow_for = seconds

    def set_headroom(self, share: float, seconds: float, now: float) -> None:
        """What the provider's rate headers say."""
        self._headroom = share
        self._headroom_until = now + seconds
        if share < _LOW_HEADROOM:
            self.clear = False


def _capped(good: float, bad: float) -> tuple[float, float]:
    seen = good + bad
    if seen <= MOST_SEEN:
        return good, bad
    return good * MOST_SEEN / seen, bad * MOST_SEEN / seen


def come_back(breaker: Breaker, now: float) -> None:
    """The breaker is in again: all that it holds start slowly."""
    for cell in breaker.cells:
        cell.start_slowly(now, breaker.openings)
