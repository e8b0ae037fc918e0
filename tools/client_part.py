"""The page of clients: what came of the last run of `make clients`."""

from __future__ import annotations

import json
from pathlib import Path

_DOCS = Path(__file__).resolve().parents[1] / "docs"
MATRIX = _DOCS / "client-matrix.json"
SUITES = _DOCS / "suite-matrix.json"
_SERVED = ("OpenAI", "Anthropic", "Gemini")
_FEATURES = ("chat", "stream", "tools", "structured")
_SHOWN = {"works": "yes", "fails": "**no**", "has none": "has none"}


def clients_part() -> str:
    found = json.loads(MATRIX.read_text("utf-8"))
    lines = [
        "| Client | Served by | Chat | Stream | Tools | Structured output |",
        "|---|---|---|---|---|---|",
    ]
    for name, served in sorted(found.items(), key=lambda row: row[0].lower()):
        for by, features in sorted(served.items()):
            cells = [_SHOWN.get(features.get(feature, ""), "not tried") for feature in _FEATURES]
            lines.append(f"| {name} | {by} | {' | '.join(cells)} |")
    return "\n".join(lines)


def suites_part() -> str:
    found = json.loads(SUITES.read_text("utf-8"))
    lines = [f"| Suite | {' | '.join(f'Served by {by}' for by in _SERVED)} |", "|---|---|---|---|"]
    for name, served in sorted(found.items(), key=lambda row: row[0].lower()):
        cells = [served.get(by, "not tried") for by in _SERVED]
        lines.append(f"| {name} | {' | '.join(_SHOWN.get(cell, cell) for cell in cells)} |")
    return "\n".join(lines)
