"""The zone file's `selling` section and its payments slot: rules between keys, and their secrets."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal

from opengateway.compose.components import Slot
from opengateway.compose.egress import host_of, url_problem
from opengateway.compose.faults import Faults
from opengateway.compose.references import BadReference, References, is_reference
from opengateway.compose.sign_in_rules import is_loopback
from opengateway.compose.zone_file import SellingConfig
from opengateway.domain.money import usd_to_nanos
from opengateway.domain.payments import PPM
from opengateway.domain.selling import FreeTier, Seller, SellingRules, Tax
from opengateway.infra.payments.options import StripeOptions


@dataclass(frozen=True, slots=True)
class PaymentAccess:
    """What the payment processor is reached with."""

    api_url: str
    secret_key: str = field(repr=False)
    webhook_secret: str | None = field(repr=False)


@dataclass(frozen=True, slots=True)
class SellingPlan:
    rules: SellingRules = field(default_factory=SellingRules)
    access: PaymentAccess | None = None


def check_selling(
    config: SellingConfig, payments: Slot | None, references: References, faults: Faults
) -> SellingPlan:
    """Note what cannot work, and read the secrets. `payments` is None when its slot has a fault."""
    seller, tax, free = config.seller, config.tax, config.free_tier
    if tax.percent != "0" and not seller.registration_number:
        faults.add("selling.seller.registration_number", "is missing: who charges tax has one")
    rules = SellingRules(
        seller=Seller(seller.name, seller.address, seller.registration_number, seller.email),
        tax=Tax(tax.name, int(Decimal(tax.percent) * PPM / 100)),
        display_currency=config.display_currency,
        welcome_nanos=int(usd_to_nanos(config.welcome_usd)),
        welcome_days=config.welcome_days,
        free_tier=None if free is None else FreeTier(free.rpm, free.tpm, free.concurrency),
        approval_above_nanos=int(usd_to_nanos(config.approval_above_usd)),
    )
    if payments is None or not isinstance(payments.options, StripeOptions):
        return SellingPlan(rules)
    return _with_stripe(rules, payments.options, references, faults)


def _with_stripe(
    rules: SellingRules, options: StripeOptions, references: References, faults: Faults
) -> SellingPlan:
    at = "components.payments"
    if problem := url_problem(options.api_url):
        faults.add(f"{at}.api_url", problem)
    elif options.api_url.startswith("http://") and not is_loopback(host_of(options.api_url)):
        faults.add(f"{at}.api_url", "must begin with https://")
    low, high = int(options.min_usd), int(options.max_usd)
    if not 1 <= low <= high:
        faults.add(f"{at}.min_usd", "must be 1 at least, and not above max_usd")
    key = _read(options.secret_key, f"{at}.secret_key", references, faults)
    secret = None
    if options.webhook_secret is not None:
        secret = _read(options.webhook_secret, f"{at}.webhook_secret", references, faults)
    if key is None:
        return SellingPlan(rules)
    bounded = SellingRules(
        **{
            **{name: getattr(rules, name) for name in SellingRules.__dataclass_fields__},
            "min_cents": low * 100,
            "max_cents": high * 100,
        }
    )
    return SellingPlan(bounded, PaymentAccess(options.api_url.rstrip("/"), key, secret))


def _read(text: str, path: str, references: References, faults: Faults) -> str | None:
    if not is_reference(text):
        faults.add(path, "a secret may not stand in this file; write env:NAME or file:PATH")
        return None
    try:
        return references.read(text)
    except BadReference as error:
        faults.add(path, str(error))
        return None
