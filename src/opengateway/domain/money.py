"""Money as integers. One nano-dollar is 10^-9 US dollars; nothing here is a float."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from typing import NewType

Nanos = NewType("Nanos", int)
"""An amount in nano-dollars."""

NANOS_PER_USD = 1_000_000_000
UNITS_PER_PRICE = 1_000_000
"""Prices are quoted for a million units (tokens, characters, images, ...)."""


def usd_to_nanos(text: str) -> Nanos:
    """A decimal string of US dollars to nano-dollars.

    Raises `ValueError` for what is not a finite, non-negative decimal, or is finer than a nano.
    """
    try:
        amount = Decimal(text)
    except InvalidOperation:
        raise ValueError(f"{text!r} is not a decimal amount") from None
    if not amount.is_finite() or amount < 0:
        raise ValueError(f"{text!r} is not a finite amount of at least 0")
    nanos = amount * NANOS_PER_USD
    if nanos != nanos.to_integral_value():
        raise ValueError(f"{text!r} is finer than a nano-dollar")
    return Nanos(int(nanos))


def nanos_to_usd(amount: int) -> str:
    """Nano-dollars to the shortest exact decimal string of US dollars."""
    text = f"{Decimal(amount) / NANOS_PER_USD:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def price_units(quantity: int, nanos_per_million: int) -> Nanos:
    """What `quantity` units cost at a price per million, rounded up to a whole nano-dollar."""
    return Nanos(-(-quantity * nanos_per_million // UNITS_PER_PRICE))
