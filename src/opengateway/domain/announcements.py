"""What a team can be told of: in the desk, by mail, and to webhooks. Published names."""

from __future__ import annotations

from enum import StrEnum
from typing import Final


class EventKind(StrEnum):
    BUDGET_ALERT = "budget.alert"
    """`level` per cent (80 or 100) of a budget are spent."""
    BALANCE_LOW = "balance.low"
    BALANCE_EMPTY = "balance.empty"
    PAYMENT_FAILED = "payment.failed"
    """The saved payment method could not be charged."""
    WEBHOOK_DISABLED = "webhook.disabled"
    """A webhook failed for too long and is not called any more."""
    WEBHOOK_TEST = "webhook.test"
    """Sent by the test button, to one webhook alone."""


SUBSCRIBABLE: Final = tuple(k for k in EventKind if k is not EventKind.WEBHOOK_TEST)
