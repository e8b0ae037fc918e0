"""One product with its pages, and one browser, for all stories of the web app."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, sync_playwright

from e2e.conftest import CHAT, FAST
from e2e.product import ROOT, Product, Simulator, product
from e2e.web.browsing import WebZone
from stores import Chromium

BUILT = ROOT / "src" / "opengateway" / "assets" / "web" / "index.html"


@pytest.fixture(scope="session")
def site(provider: Simulator, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    assert BUILT.is_file(), "the web app is not built: run `make web`"
    zone = WebZone(provider, tmp_path_factory.mktemp("web"))
    zone.components = {"billing": {"use": "ledger"}}
    zone.provider("main", "openai")
    zone.model(FAST, ("main", "sim-fast"))
    zone.model(CHAT, ("main", "sim-chat"))
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
