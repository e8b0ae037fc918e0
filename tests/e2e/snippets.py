"""The product that the documents' snippets are run against: the development zone, its simulator as every provider."""

from __future__ import annotations

from pathlib import Path

import yaml

from e2e.product import ROOT, Simulator, Zone

AT = {"anthropic": "/anthropic", "google": "/gemini", "cohere": "/cohere"}
"""Where the simulator speaks the wires of providers that do not speak OpenAI's."""
OPENAI_SHAPED = ("openai", "groq", "deepseek", "mistral", "openrouter", "together")


def development_zone(provider: Simulator, home: Path) -> Zone:
    """What `make run` starts, as it would be with providers' keys set."""
    told = yaml.safe_load((ROOT / "deploy/zones/dev.yaml").read_text())
    zone = Zone(provider, home)
    zone.provider("simulator", "openai")
    zone.providers["simulator"]["base_url"] = provider.url + "/v1"
    for name in OPENAI_SHAPED:
        zone.provider(name)
    for name, path in AT.items():
        zone.provider_at(name, path)
    zone.models = told["models"]
    zone.components = {"billing": {"use": "ledger"}}
    return zone
