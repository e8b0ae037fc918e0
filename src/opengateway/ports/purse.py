"""The gateway's side of money: in memory, integers only; it asks the ledger only when it runs out
(decisions 10 to 13)."""

from __future__ import annotations

from typing import Protocol

from opengateway.domain.money import Nanos
from opengateway.domain.principal import Principal


class Purse(Protocol):
    """Holds before the call, closes after it. A hold is closed exactly once.

    A hold draws on one lease, the budgets of which it is charged to; `lease_of` names it for the
    journal. `hold`, `extend` and `close` are synchronous and touch nothing but memory.
    """

    def hold(self, principal: Principal, hold_id: str, amount: Nanos) -> bool:
        """Reserve from what is leased; False, and nothing done, where that does not cover it."""
        ...

    async def secure(self, principal: Principal, hold_id: str, amount: Nanos) -> None:
        """Reserve, asking the ledger where need be.

        Raises `InsufficientFunds` or `BudgetExceeded` (402), `NotAllowed` (403: frozen), or
        `CapacityError` (503: the ledger is out of reach and the allowance is used up).
        """
        ...

    def lease_of(self, hold_id: str) -> str:
        """The id of the lease that an open hold draws on; empty where it draws on none."""
        ...

    def extend(self, hold_id: str, amount: Nanos) -> bool:
        """Reserve more for a running request from what is leased; False where that is too little."""
        ...

    async def secure_more(self, hold_id: str, amount: Nanos) -> bool:
        """Reserve more, asking the ledger where need be; False when there is no more."""
        ...

    def close(self, hold_id: str, actual: Nanos) -> None:
        """Spend `actual`, release the rest. Closing what is not open is a bug of ours."""
        ...
