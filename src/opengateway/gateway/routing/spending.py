"""What was spent with each credential, against its cap: then others are asked.

A gateway counts its own by the provider's prices, as requests end, and hears of the others each second
(`notes.py`): what runs at the moment when the cap is reached is not stopped. A cap is a bound of
money and not of health: what has reached it is asked no more, also where nobody else is left.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

import msgspec

from opengateway.domain.catalog import Provider
from opengateway.domain.usage import SpendCap

OTHERS: Final = 64
ROWS: Final = 2_000
_DAY_NS: Final = 86_400 * 10**9


class SpentRow(msgspec.Struct, array_like=True):
    provider: str
    credential: str
    period: str
    nanos: int


def period_of(cap: SpendCap, wall_ns: int) -> str:
    """`2026-11-25` or `2026-11`, of UTC."""
    day = datetime.fromtimestamp(wall_ns // _DAY_NS * 86_400, UTC)
    return day.strftime("%Y-%m-%d" if cap.per == "day" else "%Y-%m")


class SpendBook:
    """One of a gateway process. Holds rows of credentials that have a cap, and no others."""

    __slots__ = ("_full", "_others", "_own")

    def __init__(self) -> None:
        self._own: dict[tuple[str, str], SpentRow] = {}
        self._others: dict[str, list[SpentRow]] = {}
        self._full: dict[tuple[str, str], tuple[str, int]] = {}
        """Credential to the period in which it has reached its cap, and that cap: one may be raised.
        """

    def spent(self, provider: Provider, credential: str, nanos: int, wall_ns: int) -> None:
        """A request with that credential ended, and cost so much."""
        cap = provider.spend_caps.get(credential)
        if cap is None or nanos <= 0:
            return
        period, at = period_of(cap, wall_ns), (provider.id, credential)
        row = self._own.get(at)
        if row is None or row.period != period:
            row = self._own[at] = SpentRow(*at, period, 0)
        row.nanos += nanos
        self._look(provider, credential, cap, period)

    def is_full(self, provider: Provider, credential: str, wall_ns: int) -> bool:
        cap = provider.spend_caps.get(credential)
        if cap is None:
            return False
        period = period_of(cap, wall_ns)
        if self._full.get((provider.id, credential)) == (period, cap.nanos):
            return True
        return self._look(provider, credential, cap, period)

    def _look(self, provider: Provider, credential: str, cap: SpendCap, period: str) -> bool:
        if self.total(provider.id, credential, period) < cap.nanos:
            return False
        self._full[provider.id, credential] = period, cap.nanos
        return True

    def total(self, provider: str, credential: str, period: str) -> int:
        """Of all gateways that were heard of."""
        at = (provider, credential, period)
        rows = [*self._own.values(), *(row for other in self._others.values() for row in other)]
        return sum(row.nanos for row in rows if (row.provider, row.credential, row.period) == at)

    # --- other gateways, and over a restart ------------------------------------------------------

    def told(self) -> list[SpentRow]:
        return list(self._own.values())[:ROWS]

    def hear(self, gateway: str, rows: list[SpentRow]) -> None:
        """Another gateway's own rows: they take the place of what it said last."""
        if gateway not in self._others and len(self._others) >= OTHERS:
            del self._others[next(iter(self._others))]
        self._others[gateway] = [row for row in rows[:ROWS] if row.nanos >= 0]

    def restore(self, rows: list[SpentRow]) -> None:
        for row in rows[:ROWS]:
            if row.nanos >= 0:
                self._own[row.provider, row.credential] = row
