"""What is on its way back to the ledger."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from opengateway.infra.purse.messages import LeaseReturn
from opengateway.infra.purse.state import Lease

_TOGETHER: Final = 500


class ReturnBox:
    """Amounts by lease, until the ledger has them. What was sent and not confirmed is sent again as
    it is, before anything newer: a later `seq` that came first would make the ledger pass it over."""

    def __init__(self) -> None:
        self._waiting: dict[str, tuple[Lease, int, bool]] = {}
        self._sent: list[LeaseReturn] = []

    def __len__(self) -> int:
        return len(self._waiting) + len(self._sent)

    def add(self, lease: Lease, amount: int, *, closed: bool) -> None:
        _, before, was_closed = self._waiting.get(lease.id, (lease, 0, False))
        self._waiting[lease.id] = (lease, before + amount, was_closed or closed)

    def next(self) -> Sequence[LeaseReturn]:
        """What to send now: the same until it is `confirmed`."""
        if not self._sent:
            for lease_id in list(self._waiting)[:_TOGETHER]:
                lease, amount, closed = self._waiting.pop(lease_id)
                lease.seq += 1
                self._sent.append(LeaseReturn(lease_id, amount, closed, lease.seq))
        return tuple(self._sent)

    def confirmed(self) -> None:
        self._sent.clear()
