"""Who sells in a zone and by which rules: what stands on its papers, and what new customers get."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Seller:
    """As it stands on receipts and invoices. `registration_number` is the tax office's."""

    name: str = ""
    address: tuple[str, ...] = ()
    registration_number: str = ""
    email: str = ""


@dataclass(frozen=True, slots=True)
class Tax:
    """Added to what is paid. `ppm`: millionths."""

    name: str = "Tax"
    ppm: int = 0


@dataclass(frozen=True, slots=True)
class FreeTier:
    """Limits of a team that never bought credit; None is no limit."""

    rpm: int | None = None
    tpm: int | None = None
    concurrency: int | None = None


@dataclass(frozen=True, slots=True)
class SellingRules:
    seller: Seller = field(default_factory=Seller)
    tax: Tax = field(default_factory=Tax)
    display_currency: str = "USD"
    min_cents: int = 500
    max_cents: int = 1_000_000
    welcome_nanos: int = 0
    """Given once to each verified person, with their first team; 0 is nothing."""
    welcome_days: int | None = None
    free_tier: FreeTier | None = None
    approval_above_nanos: int = 100 * 10**9
    """Credit that one person alone may give and take by hand within 24 hours."""
