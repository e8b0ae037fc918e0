"""The purse where nothing is billed."""

from __future__ import annotations

from opengateway.domain.money import Nanos
from opengateway.domain.principal import Principal


class UnlimitedPurse:
    """`billing: off`: usage is priced and logged, nothing is held. It still counts what is open,
    so that a request which never closes is seen."""

    def __init__(self) -> None:
        self.open_holds: dict[str, int] = {}

    def hold(self, principal: Principal, hold_id: str, amount: Nanos) -> bool:
        assert hold_id not in self.open_holds, f"hold {hold_id!r} is open already"
        self.open_holds[hold_id] = amount
        return True

    async def secure(self, principal: Principal, hold_id: str, amount: Nanos) -> None:
        self.hold(principal, hold_id, amount)

    def lease_of(self, hold_id: str) -> str:
        return ""

    def extend(self, hold_id: str, amount: Nanos) -> bool:
        self.open_holds[hold_id] += amount
        return True

    async def secure_more(self, hold_id: str, amount: Nanos) -> bool:
        return self.extend(hold_id, amount)

    def close(self, hold_id: str, actual: Nanos) -> None:
        del self.open_holds[hold_id]
