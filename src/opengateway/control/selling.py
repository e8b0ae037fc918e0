"""What every slice that sells may use: the zone's rules, and the payment processor if it has one."""

from __future__ import annotations

from dataclasses import dataclass, field

from opengateway.domain.selling import SellingRules
from opengateway.ports.paper import PaperPress
from opengateway.ports.payments import PaymentProcessor


@dataclass(frozen=True, slots=True)
class Selling:
    rules: SellingRules = field(default_factory=SellingRules)
    processor: PaymentProcessor | None = None
    press: PaperPress | None = None
    """Prints papers, where a zone does."""
