"""OpenAI's OpenAPI document, where it lies beside the checkout: a judge of what we send."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

import jsonschema_rs
import pytest
import yaml

from recordings import RECORDINGS

DOCUMENT = RECORDINGS.parent / "openai-openapi.yaml"

needs_document = pytest.mark.skipif(
    not DOCUMENT.is_file(), reason="OpenAI's document is not beside this checkout (../shared/data)"
)


@cache
def _schemas() -> dict[str, Any]:
    text = DOCUMENT.read_bytes()
    loaded = yaml.load(text, Loader=yaml.CSafeLoader)
    # Examples hold dates, which JSON has no type for.
    schemas: dict[str, Any] = json.loads(json.dumps(loaded["components"]["schemas"], default=str))
    return schemas


@cache
def validator(name: str) -> Any:
    """A validator of the document's schema of that name."""
    root = {"$ref": f"#/components/schemas/{name}", "components": {"schemas": _schemas()}}
    return jsonschema_rs.Draft202012Validator(root)


def faults(name: str, value: Any) -> list[str]:
    """What the document says against `value`, in a few words each."""
    return [
        f"{'/'.join(map(str, error.instance_path))}: {error.message[:200]}"
        for error in validator(name).iter_errors(value)
    ]


@cache
def schema_of_event(kind: str) -> str:
    """The schema of a stream's event, by its type. Raises `KeyError` for what is not there."""
    for name, schema in _schemas().items():
        told = schema.get("properties", {}).get("type", {})
        if name.endswith("Event") and told.get("enum") == [kind]:
            return name
    raise KeyError(kind)
