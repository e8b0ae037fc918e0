"""What may be spent while the ledger is out of reach (decision 12)."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Final

from opengateway.domain.money import NANOS_PER_USD
from opengateway.domain.principal import TeamState

_SHARE: Final = 20
"""One part in this many of the last known balance."""
_MOST: Final = 20 * NANOS_PER_USD
_REMEMBERED: Final = 256

Positions = Callable[[], tuple[int, int]]
"""Bytes of the journal that were written, and that the settler has. They only grow."""


class Allowance:
    """One team's, at one gateway.

    What was spent of it counts until the settler has the records: an outage that ends and begins
    again does not give it anew.
    """

    def __init__(self, team_id: str, positions: Positions) -> None:
        self._positions = positions
        self._used = 0
        self._spent: deque[list[int]] = deque()
        """`[position, amount]`: settled once the settler has the journal up to the position."""
        self.state = TeamState(team_id)
        self.balance = 0
        """As last known; 0 while nothing is."""
        self.promo_only = False

    @property
    def limit(self) -> int:
        if self.state.frozen:
            return 0
        if self.state.outage_allowance_nanos is not None:
            return self.state.outage_allowance_nanos
        return 0 if self.promo_only else max(0, min(self.balance // _SHARE, _MOST))

    def take(self, amount: int) -> bool:
        """Reserve; False, and nothing done, where too little is left."""
        self._forget_settled()
        if self._used + amount > self.limit:
            return False
        self._used += amount
        return True

    def close(self, held: int, actual: int) -> None:
        """The record of it stands in the journal by now."""
        self._used += actual - held
        if actual:
            written, _ = self._positions()
            if len(self._spent) >= _REMEMBERED:
                self._spent[-1] = [written, self._spent[-1][1] + actual]
            else:
                self._spent.append([written, actual])

    def _forget_settled(self) -> None:
        if self._spent:
            _, settled = self._positions()
            while self._spent and self._spent[0][0] <= settled:
                self._used -= self._spent.popleft()[1]
