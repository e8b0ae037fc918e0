"""The page of clients: what came of the last run of `make clients`."""

from __future__ import annotations

import json
from pathlib import Path

MATRIX = Path(__file__).resolve().parents[1] / "docs" / "client-matrix.json"
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
