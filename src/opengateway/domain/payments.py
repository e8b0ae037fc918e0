"""Payments as the product knows them, whoever processes them. Amounts of money that moves outside are
in cents, credit is in nano-dollars."""

from __future__ import annotations

from enum import StrEnum
from typing import Final

import msgspec

from opengateway.domain.money import NANOS_PER_USD

NANOS_PER_CENT: Final = NANOS_PER_USD // 100
PPM: Final = 1_000_000


class PaymentKind(StrEnum):
    CHECKOUT = "checkout"
    """Somebody pays on the processor's own page."""
    RECHARGE = "recharge"
    """The saved method is charged while nobody is there."""


class PaymentState(StrEnum):
    NEW = "new"  # written down, not yet known to the processor
    OPEN = "open"  # the processor knows it; whether it is paid is not known yet
    PAID = "paid"  # it is credit
    FAILED = "failed"
    EXPIRED = "expired"
    MISMATCHED = "mismatched"  # the processor took another amount: no credit, a person must look


UNPAID: Final = (PaymentState.NEW, PaymentState.OPEN)


class ToldKind(StrEnum):
    """What a processor tells."""

    PAID = "paid"
    PENDING = "pending"  # a page was left, the money is on its way
    FAILED = "failed"
    EXPIRED = "expired"
    REFUNDED = "refunded"
    REFUND_FAILED = "refund_failed"
    DISPUTED = "disputed"  # taken from us
    REINSTATED = "reinstated"  # given back to us
    METHOD_SAVED = "method_saved"
    METHOD_KNOWN = "method_known"  # what a saved method looks like
    METHOD_GONE = "method_gone"
    OTHER = "other"


class ProcessorEvent(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that a processor told, in our words. `object_id` is the refund's or dispute's."""

    id: str
    kind: ToldKind
    type: str
    """In the processor's words."""
    payment_id: str | None = None
    session_id: str | None = None
    intent_id: str | None = None
    object_id: str | None = None
    refund_id: str | None = None
    """Ours, where we asked for the refund."""
    customer_id: str | None = None
    method_id: str | None = None
    method_label: str | None = None
    cents: int = 0
    currency: str = ""


class Checkout(msgspec.Struct, frozen=True):
    """A page of the processor's."""

    id: str
    url: str


class CheckoutAsk(msgspec.Struct, frozen=True, kw_only=True):
    """`ref` makes it once, however often it is asked for. `return_url` gets `?payment=done` or
    `?payment=cancelled`."""

    ref: str
    customer_id: str
    cents: int
    currency: str
    description: str
    save_method: bool
    return_url: str


class ChargeAsk(msgspec.Struct, frozen=True, kw_only=True):
    ref: str
    customer_id: str
    method_id: str
    cents: int
    currency: str
    description: str


class Charged(msgspec.Struct, frozen=True):
    """`state`: paid, open (it may still become either) or failed, with the processor's reason."""

    state: PaymentState
    intent_id: str | None
    cents: int = 0
    currency: str = ""
    reason: str = ""


def tax_cents(net_cents: int, tax_ppm: int) -> int:
    """Rounded half up, once."""
    return (net_cents * tax_ppm * 2 + PPM) // (2 * PPM)


def share_nanos(whole_nanos: int, cents: int, total_cents: int) -> int:
    """The part of a credit that a part of its payment stands for, cut to a nano-dollar."""
    return whole_nanos * min(cents, total_cents) // total_cents
