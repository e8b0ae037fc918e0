"""What is in the medium, as CycloneDX 1.6 (ECMA-424): each wheel with version, licence and hash.

Nothing of it depends on when or where it was made: the same wheels give the same bytes.
"""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterable
from email.message import Message
from email.parser import BytesHeaderParser
from pathlib import Path
from typing import Any, Final

from opengateway.compose.bundle.medium import sha256_of
from opengateway.domain.errors import OperatorError

_METADATA_BYTES: Final = 4 * 1024 * 1024


def bill_of(name: str, version: str, wheels: Iterable[Path]) -> bytes:
    """The document for the product `name` made of `wheels`. Raises `OperatorError` for a bad wheel."""
    found = sorted((_component(wheel) for wheel in wheels), key=lambda item: str(item["bom-ref"]))
    root = f"pkg:pypi/{name}@{version}"
    document = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {
            "component": {
                "type": "application",
                "name": name,
                "version": version,
                "bom-ref": root,
                "purl": root,
            }
        },
        "components": [item for item in found if item["bom-ref"] != root],
        "dependencies": [
            {"ref": root, "dependsOn": [i["bom-ref"] for i in found if i["bom-ref"] != root]}
        ],
    }
    return json.dumps(document, indent=1, sort_keys=True).encode() + b"\n"


def _component(wheel: Path) -> dict[str, Any]:
    metadata = _metadata(wheel)
    name, version = str(metadata["Name"]), str(metadata["Version"])
    reference = f"pkg:pypi/{name.lower().replace('_', '-')}@{version}"
    component: dict[str, Any] = {
        "type": "library",
        "name": name,
        "version": version,
        "bom-ref": reference,
        "purl": reference,
        "hashes": [{"alg": "SHA-256", "content": sha256_of(wheel)}],
    }
    if licence := _licence(metadata):
        component["licenses"] = [licence]
    if summary := metadata["Summary"]:
        component["description"] = str(summary)
    return component


def _metadata(wheel: Path) -> Message:
    try:
        with zipfile.ZipFile(wheel) as archive:
            paths = [n for n in archive.namelist() if n.endswith(".dist-info/METADATA")]
            # A wheel may carry others' metadata deeper down; its own stands at the top.
            path = min(paths, key=lambda n: n.count("/"))
            if archive.getinfo(path).file_size > _METADATA_BYTES:
                raise OperatorError(f"{wheel.name}: its metadata is too large")
            return BytesHeaderParser().parsebytes(archive.read(path))
    except (OSError, ValueError, zipfile.BadZipFile) as error:
        raise OperatorError(f"{wheel.name}: not a wheel: {error}") from None


def _licence(metadata: Message) -> dict[str, Any] | None:
    if expression := metadata["License-Expression"]:
        return {"expression": str(expression)}
    named = [
        value.rpartition(" :: ")[2]
        for value in metadata.get_all("Classifier", [])
        if value.startswith("License :: ")
    ]
    # The free text may be a whole licence; its first line names it.
    text = named[0] if named else str(metadata["License"] or "").strip().partition("\n")[0]
    return {"license": {"name": text[:200]}} if text else None
