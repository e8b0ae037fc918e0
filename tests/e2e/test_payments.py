"""A payment through the whole product: asked for with a key, told by the processor, read as a paper."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator

import pytest

from e2e.operating import USD, new_team, verify
from e2e.product import Product, Simulator, Zone, http, product, until
from stripe_stub import KEY, SECRET, StripeStub, signed, stripe_stub_apart

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def stub() -> Iterator[StripeStub]:
    """In a loop of its own: the product is another process."""
    with stripe_stub_apart() as stub:
        yield stub


@pytest.fixture(scope="module")
def shop(
    provider: Simulator, stub: StripeStub, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Product]:
    os.environ |= {"OG_TEST_STRIPE_KEY": KEY, "OG_TEST_STRIPE_SECRET": SECRET}
    zone = Zone(provider, tmp_path_factory.mktemp("zone"))
    zone.provider("main", "openai")
    zone.model("lab/fast", ("main", "sim-fast"))
    zone.components["payments"] = {
        "use": "stripe",
        "secret_key": "env:OG_TEST_STRIPE_KEY",
        "webhook_secret": "env:OG_TEST_STRIPE_SECRET",
        "api_url": stub.url,
    }
    with product(zone) as running:
        yield running


def tell(running: Product, body: bytes, signature: str) -> int:
    headers = {"stripe-signature": signature, "content-type": "application/json"}
    url = f"{running.url}/api/v1/payments/stripe/webhook"
    return http(url, method="POST", body=body, headers=headers)[0]


def test_a_top_up_is_paid_told_booked_and_printed(shop: Product, stub: StripeStub) -> None:
    team = new_team(shop, "buyer")
    page = team.done("POST", "/topups", {"usd": "50"})
    assert page["url"].startswith(stub.url)
    events = [signed(event) for event in stub.pay()]
    assert tell(shop, events[0][0], events[1][1]) == 403
    for body, signature in (*events, *events):
        assert tell(shop, body, signature) == 200
    until(lambda: team.balance() == (50 * USD, 0))
    (paper,) = team.done("GET", "/documents")["data"]
    status, raw, _ = http(
        f"{shop.url}/api/v1/teams/{team.id}/documents/{paper['id']}/pdf",
        headers={"authorization": f"Bearer {team.manager}"},
    )
    assert (status, raw[:8]) == (200, b"%PDF-1.7")
    verify(shop)


def test_secrets_of_the_processor_are_in_no_file_of_the_product(
    shop: Product, stub: StripeStub
) -> None:
    team = new_team(shop, "curious")
    team.done("POST", "/topups", {"usd": "5"})
    home = shop.zone_file.parent
    looked = 0
    for path in home.rglob("*"):
        if path.is_file():
            data = path.read_bytes()
            looked += 1
            for secret in (KEY, SECRET):
                assert secret.encode() not in data, path
    assert looked > 5
    assert json.dumps(team.done("GET", "/payment-settings")).find("sk_") == -1
