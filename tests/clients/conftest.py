"""The running product that official clients and suites are pointed at."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from e2e.product import Product, Zone, product, simulator

MODELS = {"OpenAI": "lab/chat", "Anthropic": "lab/claude", "Gemini": "lab/gemini"}
"""By who serves: a client of one shape is served by providers of the others."""
REASONERS = {
    "OpenAI": "lab/claude-opus-gpt-5-openai",
    "Anthropic": "lab/claude-opus-gpt-5-anthropic",
    "Gemini": "lab/claude-opus-gpt-5-gemini",
}
"""The same that reason. Suites ask for thoughts where a model's name is one that thinks."""


@pytest.fixture(scope="session")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    with simulator() as provider:
        zone = Zone(provider, tmp_path_factory.mktemp("zone"))
        zone.provider("openai")
        zone.provider_at("anthropic", "/anthropic")
        zone.provider_at("google", "/gemini")
        zone.model(MODELS["OpenAI"], ("openai", "sim-chat"))
        zone.model(MODELS["Anthropic"], ("anthropic", "sim-claude"))
        zone.model(MODELS["Gemini"], ("google", "sim-gemini-3"), reasoning=True)
        zone.model(REASONERS["OpenAI"], ("openai", "sim-reasoner"), reasoning=True)
        zone.model(REASONERS["Anthropic"], ("anthropic", "sim-claude-think"), reasoning=True)
        zone.model(REASONERS["Gemini"], ("google", "sim-gemini-3"), reasoning=True)
        with product(zone) as running:
            yield running
