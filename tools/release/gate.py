"""Compares the API with that of the last release. Fails on a breaking change that is not announced.

python tools/release/gate.py            compare with tools/release/surface.txt
python tools/release/gate.py --renew    what is there now is what was released
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "tools")]

from control_openapi import described
from tools.release import surface

from opengateway.http.data_openapi import document as data_document

BASELINE = ROOT / "tools/release/surface.txt"


def current() -> set[str]:
    """Of both planes."""
    data: dict[str, Any] = json.loads(data_document(""))
    return surface.surface(described()) | surface.surface(data)


def announced() -> bool:
    """A removal is announced by a fragment."""
    return any((ROOT / "changes").glob("*.removal.md"))


def main(arguments: list[str]) -> int:
    now = current()
    if "--renew" in arguments:
        BASELINE.write_text("\n".join(sorted(now)) + "\n")
        print(f"{len(now)} promises written")
        return 0
    before = set(BASELINE.read_text().splitlines())
    for line in surface.added(before, now):
        print(f"new: {line}")
    broken = surface.breaking(before, now)
    for line in broken:
        print(line)
    if broken and not announced():
        print(
            f"{len(broken)} breaking changes of the API. Take them back, or announce them: a fragment"
            " changes/<name>.removal.md that says what callers do instead, and a new major version"
            " (a new minor one before 1.0).",
            file=sys.stderr,
        )
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
