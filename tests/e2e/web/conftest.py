"""One product with its pages, and one browser, for all stories of the web app."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, sync_playwright

from e2e.conftest import CHAT, FAST, TWO
from e2e.product import ROOT, Product, Simulator, product
from e2e.web.browsing import WebZone
from stores import Chromium
from stripe_stub import KEY, SECRET, StripeStub, stripe_stub_apart

BUILT = ROOT / "src" / "opengateway" / "assets" / "web" / "index.html"


@pytest.fixture(scope="session")
def stripe() -> Iterator[StripeStub]:
    """Where cards are typed; in a loop of its own, for the product is another process."""
    with stripe_stub_apart() as stub:
        yield stub


@pytest.fixture(scope="session")
def site(
    provider: Simulator, stripe: StripeStub, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Product]:
    assert BUILT.is_file(), "the web app is not built: run `make web`"
    os.environ |= {"OG_TEST_STRIPE_KEY": KEY, "OG_TEST_STRIPE_SECRET": SECRET}
    zone = WebZone(provider, tmp_path_factory.mktemp("web"))
    zone.components = {
        "billing": {"use": "ledger"},
        "payments": {
            "use": "stripe",
            "secret_key": "env:OG_TEST_STRIPE_KEY",
            "webhook_secret": "env:OG_TEST_STRIPE_SECRET",
            "api_url": stripe.url,
        },
    }
    zone.outbound = {"allow": ["127.0.0.1"]}
    zone.provider("main", "openai")
    zone.provider("spare", "groq")
    zone.model(FAST, ("main", "sim-fast"))
    zone.model(CHAT, ("main", "sim-chat"))
    zone.model(TWO, ("main", "sim-chat"), ("spare", "sim-chat"))
    with product(zone) as running:
        yield running


@pytest.fixture(scope="session")
def origin(site: Product) -> str:
    return f"http://localhost:{site.port}"


@pytest.fixture(scope="session")
def browser(chromium: Chromium) -> Iterator[Browser]:
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(**chromium.launch_options)
        yield running
        running.close()
