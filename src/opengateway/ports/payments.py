"""How money comes in from outside: a payment processor, as control sees it.

Calls go over the network: never inside a transaction. Each takes a `ref`, under which the processor
does a thing once, however often it is asked.
"""

from __future__ import annotations

from typing import Protocol

from opengateway.domain.errors import CapacityError, NotAllowed, Unprocessable
from opengateway.domain.payments import ChargeAsk, Charged, Checkout, CheckoutAsk, ProcessorEvent


class ProcessorUnavailable(CapacityError):
    """It did not answer, or told of trouble of its own. Whether it did the thing is not known."""

    code = "payments_unavailable"


class ProcessorRefused(Unprocessable):
    """It will not do this, now or later."""

    code = "payment_refused"


class ForgedEvent(NotAllowed):
    """Not from the processor, too old, or no event."""

    code = "event_not_verified"


class PaymentProcessor(Protocol):
    """Raises `ProcessorUnavailable` and `ProcessorRefused`."""

    @property
    def name(self) -> str:
        """As the ledger has it: `cash:{name}`."""
        ...

    @property
    def takes_events(self) -> bool:
        """Whether it can tell a true event from a forged one. Else none is taken at all."""
        ...

    async def new_customer(self, *, team_id: str, name: str, ref: str) -> str: ...

    async def new_checkout(self, ask: CheckoutAsk) -> Checkout: ...

    async def new_setup(self, *, customer_id: str, return_url: str, ref: str) -> Checkout:
        """A page where somebody leaves a method without paying."""
        ...

    async def charge(self, ask: ChargeAsk) -> Charged: ...

    async def refund(self, *, intent_id: str, cents: int, ref: str) -> str:
        """Its id at the processor."""
        ...

    async def forget_method(self, method_id: str) -> None: ...

    def event(self, payload: bytes, signature: str) -> ProcessorEvent:
        """Raises `ForgedEvent`. Asks nobody."""
        ...
