"""One simulator and one product for the stories that do not need their own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from e2e.product import Product, Simulator, Zone, product, simulator

FAST = "lab/fast"
CHAT = "lab/chat"
TWO = "lab/two"
TEXT = "lab/text"


def small_zone(provider: Simulator, tmp_path_factory: pytest.TempPathFactory) -> Zone:
    zone = Zone(provider, tmp_path_factory.mktemp("zone"))
    zone.provider("main", "openai", cancel_stops_billing=True)
    zone.provider("spare", "openai")
    zone.model(FAST, ("main", "sim-fast"))
    zone.model(CHAT, ("main", "sim-chat"))
    zone.model(TWO, ("main", "sim-chat"), ("spare", "sim-chat"))
    zone.model(TEXT, ("main", "sim-chat"))
    zone.models[TEXT]["input_modalities"] = ["text"]
    return zone


@pytest.fixture(scope="session")
def provider() -> Iterator[Simulator]:
    with simulator() as running:
        yield running


@pytest.fixture(scope="session")
def gateway(provider: Simulator, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    with product(small_zone(provider, tmp_path_factory)) as running:
        yield running
