"""The zone file's `selling` section and its payments slot."""

from __future__ import annotations

from pathlib import Path

import pytest

from opengateway.compose.faults import ZoneFaults
from opengateway.compose.zone import Zone, load_zone
from opengateway.domain.selling import FreeTier, Seller, Tax

ENV = {"STRIPE_KEY": "sk_test_1", "STRIPE_SECRET": "whsec_1"}
HEAD = "zone: kr\nproviders: {simulator: {wire: openai, bundled: true}}\n"
STRIPE = "components: {payments: {use: stripe, secret_key: env:STRIPE_KEY"


def load(tmp_path: Path, text: str) -> Zone:
    path = tmp_path / "z.yaml"
    path.write_text(HEAD + text)
    return load_zone(path, ENV)


def faults(tmp_path: Path, text: str) -> str:
    with pytest.raises(ZoneFaults) as caught:
        load(tmp_path, text)
    return caught.value.message


def test_a_zone_that_says_nothing_sells_nothing(tmp_path: Path) -> None:
    plan = load(tmp_path, "").selling
    assert plan.access is None
    assert (plan.rules.welcome_nanos, plan.rules.free_tier, plan.rules.tax.ppm) == (0, None, 0)
    assert plan.rules.approval_above_nanos == 100 * 10**9


def test_rules_are_read_exactly(tmp_path: Path) -> None:
    rules = load(
        tmp_path,
        "selling:\n"
        "  seller: {name: 예시, address: [서울], registration_number: '123'}\n"
        "  tax: {name: VAT, percent: '7.7'}\n"
        "  display_currency: KRW\n"
        "  welcome_usd: '5.50'\n"
        "  free_tier: {rpm: 20}\n"
        "  approval_above_usd: '0.50'\n",
    ).selling.rules
    assert rules.seller == Seller("예시", ("서울",), "123")
    assert rules.tax == Tax("VAT", 77_000)
    assert (rules.welcome_nanos, rules.free_tier) == (5_500_000_000, FreeTier(rpm=20))
    assert rules.approval_above_nanos == 500_000_000


def test_stripe_is_reached_with_secrets_that_no_repr_shows(tmp_path: Path) -> None:
    zone = load(tmp_path, f"{STRIPE}, webhook_secret: env:STRIPE_SECRET, max_usd: '50'}}}}")
    access = zone.selling.access
    assert access is not None
    assert (access.secret_key, access.webhook_secret) == ("sk_test_1", "whsec_1")
    assert zone.selling.rules.max_cents == 5_000
    assert "sk_test_1" not in repr(zone)
    assert "whsec_1" not in repr(zone)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("components: {payments: {use: stripe}}", "components.payments"),
        (f"{STRIPE}}}}}".replace("env:STRIPE_KEY", "sk_live_oops"), "components.payments"),
        (f"{STRIPE}}}}}".replace("STRIPE_KEY", "NOT_SET"), "components.payments.secret_key"),
        (f"{STRIPE}, api_url: 'http://evil.example'}}}}", "must begin with https://"),
        (f"{STRIPE}, min_usd: '50', max_usd: '5'}}}}", "components.payments.min_usd"),
        (f"edition: airgap\n{STRIPE}}}}}", "reaches the internet"),
        ("selling: {tax: {percent: '10'}}", "selling.seller.registration_number"),
        ("selling: {tax: {percent: 10}}", "selling.tax.percent"),
        ("selling: {display_currency: won}", "selling.display_currency"),
        ("selling: {approval_above_usd: 100}", "selling.approval_above_usd"),
        ("selling: {approval_above_usd: '-1'}", "selling.approval_above_usd"),
    ],
)
def test_what_cannot_work_is_told_by_its_place(tmp_path: Path, text: str, told: str) -> None:
    said = faults(tmp_path, text)
    assert told in said
    assert "sk_live_oops" not in said
