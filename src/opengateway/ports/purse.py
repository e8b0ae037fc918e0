"""The gateway's side of money: in memory, synchronous, integers only (decision 10)."""

from __future__ import annotations

from typing import Protocol

from opengateway.domain.money import Nanos
from opengateway.domain.principal import Principal


class Purse(Protocol):
    """Holds before the call, closes after it. A hold is closed exactly once."""

    def hold(self, principal: Principal, hold_id: str, amount: Nanos) -> None:
        """Reserve, or raise `InsufficientFunds` (402) or `CapacityError` (ledger out of reach)."""
        ...

    def extend(self, hold_id: str, amount: Nanos) -> bool:
        """Reserve more for a running request; False when there is no more."""
        ...

    def close(self, hold_id: str, actual: Nanos) -> None:
        """Spend `actual`, release the rest. Closing what is not open is a bug of ours."""
        ...
