"""The snippets of the documents, and the product that they are run against: the development zone, with
its simulator as every provider."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import yaml

from e2e.product import ROOT, Simulator, Zone, free_port, http, until
from opengateway.catalog.loader import load_catalogue
from opengateway.compose.simulated import names_of

SITE = ROOT / "docs/src/content/docs"
FENCE = re.compile(r"^([ \t]*)```(\w+)([^\n]*)\n(.*?)^\1```", re.DOTALL | re.MULTILINE)
AT = {"anthropic": "/anthropic", "google": "/gemini", "cohere": "/cohere"}
"""Where the simulator speaks the wires of providers that do not speak OpenAI's."""
OPENAI_SHAPED = ("openai", "groq", "deepseek", "mistral", "openrouter", "together")


@dataclass(frozen=True)
class Snippet:
    page: str
    language: str
    title: str
    code: str
    number: int
    """Its place on the page."""

    def __str__(self) -> str:
        return f"{self.page}#{self.number}"


def snippets() -> list[Snippet]:
    """Of the English pages: those of translations say the same (tests/arch/test_translations.py)."""
    found = []
    for path in sorted(SITE.rglob("*.md*")):
        page = str(path.relative_to(SITE))
        if page.startswith(("ko/", "ja/")):
            continue
        for number, match in enumerate(FENCE.finditer(path.read_text()), 1):
            code = re.sub(rf"^{match[1]}", "", match[4], flags=re.MULTILINE)
            found.append(Snippet(page, match[2], match[3].strip(), code, number))
    return found


@contextmanager
def knowing_simulator() -> Iterator[Simulator]:
    """One that knows every model of the catalogue."""
    port = free_port()
    names = ",".join(names_of(load_catalogue()))
    process = subprocess.Popen(
        [
            *(sys.executable, "-m", "opengateway.simulator.serve"),
            *("--port", str(port), "--models", names),
        ],
        stdout=subprocess.DEVNULL,
    )
    try:
        until(lambda: http(f"http://127.0.0.1:{port}/healthz")[0] == 200)
        yield Simulator(port, process)
    finally:
        process.terminate()
        process.wait(10)


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
    zone.provider_at("azure", "/azure/openai/v1")
    zone.providers["azure"] |= {"region": "koreacentral", "zdr": True}
    zone.models = told["models"]
    zone.components = {"billing": {"use": "ledger"}}
    return zone
