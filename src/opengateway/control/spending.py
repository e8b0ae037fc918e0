"""What lives as long as the process and what the slices of spending share."""

from __future__ import annotations

from dataclasses import dataclass

from opengateway.control.prices.publisher import PricePublisher
from opengateway.kit.addresses import OutboundRules


@dataclass(frozen=True, slots=True)
class SpendingTools:
    publisher: PricePublisher
    outbound_rules: OutboundRules
    """Where webhooks may go."""
