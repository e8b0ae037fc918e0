"""Putting together what a zone sells by: the payment processor, and what runs beside the requests."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any

from opengateway.compose.components import SlotName, find
from opengateway.compose.registry import REGISTRY
from opengateway.compose.selling_rules import SellingPlan
from opengateway.control.changes.feed import ChangeFeed
from opengateway.control.mail.outbox import OpenScope
from opengateway.control.newcomers.jobs import NewcomerJobs
from opengateway.control.payments.jobs import PaymentJobs
from opengateway.control.selling import Selling
from opengateway.infra.paper.layout import PdfPress
from opengateway.kit.clock import Clock
from opengateway.ports.payments import PaymentProcessor


@dataclass(frozen=True, slots=True)
class SellingAccess:
    """`plan` with the way out of the zone."""

    plan: SellingPlan = field(default_factory=SellingPlan)
    proxy: str | None = field(default=None, repr=False)
    ca_file: str | None = None


def selling_of(access: SellingAccess) -> Selling:
    """Loads the processor's library, where the zone has one."""
    plan = access.plan
    processor: PaymentProcessor | None = None
    if plan.access is not None:
        factory = find(REGISTRY, SlotName.PAYMENTS, "stripe")
        assert factory is not None, "the zone file was checked against the registry"
        processor = factory.load()(
            secret_key=plan.access.secret_key,
            webhook_secret=plan.access.webhook_secret,
            api_url=plan.access.api_url,
            proxy=access.proxy,
            ca_file=access.ca_file,
        )
    return Selling(plan.rules, processor, PdfPress())


def selling_jobs(
    selling: Selling, open_scope: OpenScope, feed: ChangeFeed, clock: Clock
) -> tuple[Callable[[], Coroutine[Any, Any, None]], ...]:
    newcomers = NewcomerJobs(open_scope, feed, clock).run
    if selling.processor is None:
        return (newcomers,)
    return (newcomers, PaymentJobs(open_scope, selling.processor, clock).run)
