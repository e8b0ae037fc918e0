"""The release's bill of materials, CycloneDX 1.6: what a wheel needs by the lock, and what its pages are built of.

The airgap medium has a bill of its own, of the very files on it, with their licences.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

PINNED = re.compile(r"^([a-zA-Z0-9._-]+)==([^\s;\\]+)", re.MULTILINE)
ALGORITHMS = {"sha512": "SHA-512", "sha384": "SHA-384", "sha256": "SHA-256"}


def locked_packages(lock: str) -> Iterator[dict[str, Any]]:
    """Of a lock of Python's. One package has a file for each platform: their hashes are in the lock."""
    for name, version in PINNED.findall(lock):
        reference = f"pkg:pypi/{name.lower().replace('_', '-')}@{version}"
        yield {
            "type": "library",
            "name": name,
            "version": version,
            "purl": reference,
            "bom-ref": reference,
        }


def page_packages(lock: str) -> Iterator[dict[str, Any]]:
    """Of a lock of npm's, without what only builds or checks."""
    for path, entry in sorted(json.loads(lock)["packages"].items()):
        name = path.rpartition("node_modules/")[2]
        if not path or entry.get("dev") or entry.get("link") or "version" not in entry:
            continue
        reference = f"pkg:npm/{quote(name, safe='/')}@{entry['version']}"
        algorithm, _, digest = entry.get("integrity", "").partition("-")
        component = {
            "type": "library",
            "name": name,
            "version": entry["version"],
            "purl": reference,
            "bom-ref": reference,
        }
        if algorithm in ALGORITHMS:
            content = base64.b64decode(digest).hex()
            component["hashes"] = [{"alg": ALGORITHMS[algorithm], "content": content}]
        if isinstance(entry.get("license"), str):
            component["licenses"] = [{"license": {"name": entry["license"]}}]
        yield component


def release_bill(root: Path, wheel_bill: bytes) -> bytes:
    """`wheel_bill`, with everything that the wheel needs and is built of."""
    document = json.loads(wheel_bill)
    found = [
        *document["components"],
        *locked_packages((root / "requirements/runtime.lock").read_text()),
        *page_packages((root / "web/package-lock.json").read_text()),
        *page_packages((root / "docs/package-lock.json").read_text()),
    ]
    parts = {part["bom-ref"]: part for part in found}
    document["components"] = [parts[reference] for reference in sorted(parts)]
    (product,) = document["dependencies"]
    product["dependsOn"] = sorted(parts)
    return json.dumps(document, indent=1, sort_keys=True).encode() + b"\n"
