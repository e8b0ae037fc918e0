"""JSON Schemas without the keywords that the vendor refuses (E25).

A schema that holds none of them leaves byte for byte as it came. What a keyword said is kept where
there is another way to say it: an exclusive bound becomes an inclusive one, a format is described.
"""

from __future__ import annotations

from typing import Any, Final

from opengateway.domain.catalog import Profile
from opengateway.kit.json import JsonObject, Raw, dumps, loads

_MAPS: Final = frozenset(
    ("properties", "patternProperties", "$defs", "definitions", "dependentSchemas")
)
"""Keywords whose members are names of the caller's, not keywords."""
_VALUES: Final = frozenset(("enum", "const", "default", "required", "examples", "example"))
"""Keywords whose values are the caller's, not schemas."""
_BOUNDS: Final = (("exclusiveMinimum", "minimum", 1), ("exclusiveMaximum", "maximum", -1))


def stripped(schema: Raw, profile: Profile) -> Raw:
    """The schema as the vendor takes it."""
    text = bytes(schema)
    refused = profile.strip_schema_keys
    if not any(f'"{word}"'.encode() in text for word in refused):
        return schema
    return Raw(dumps(_schema(loads(text), frozenset(refused))))


def _schema(schema: Any, refused: frozenset[str]) -> Any:
    if isinstance(schema, list):
        return [_schema(item, refused) for item in schema]
    if not isinstance(schema, dict):
        return schema
    kept: JsonObject = {}
    for key, value in schema.items():
        if key in refused:
            continue
        if key in _MAPS and isinstance(value, dict):
            kept[key] = {name: _schema(inner, refused) for name, inner in value.items()}
        else:
            kept[key] = value if key in _VALUES else _schema(value, refused)
    _keep_bounds(schema, kept, refused)
    if "format" in refused and isinstance(form := schema.get("format"), str):
        said = kept.get("description")
        note = f"(format: {form})"
        kept["description"] = f"{said} {note}" if isinstance(said, str) and said else note
    return kept


def _keep_bounds(schema: JsonObject, kept: JsonObject, refused: frozenset[str]) -> None:
    for exclusive, inclusive, step in _BOUNDS:
        bound = schema.get(exclusive)
        if exclusive not in refused or isinstance(bound, bool) or inclusive in kept:
            continue
        if isinstance(bound, int | float):
            is_whole = schema.get("type") == "integer" and isinstance(bound, int)
            kept[inclusive] = bound + step if is_whole else bound
