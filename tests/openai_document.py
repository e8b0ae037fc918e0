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
    opened: dict[str, Any] = _with_nulls(schemas)
    return opened


def _with_nulls(schema: Any) -> Any:
    """The document writes `nullable: true`, which is OpenAPI 3.0 and which JSON Schema, as which 3.1
    is read, does not know: OpenAI's own answers have these nulls."""
    if isinstance(schema, list):
        return [_with_nulls(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    inner = {name: _with_nulls(value) for name, value in schema.items() if name != "nullable"}
    return {"anyOf": [inner, {"type": "null"}]} if schema.get("nullable") is True else inner


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
