"""What an OpenAPI document promises, as lines that can be compared.

op   GET /teams/{team_id}
sees GET /teams query.limit integer optional
in   POST /teams body.name string required
out  GET /teams 200.data[].id string
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

MAX_DEPTH = 8
METHODS = ("get", "post", "put", "patch", "delete")


def surface(document: dict[str, Any]) -> set[str]:
    return set(_lines(document))


def breaking(old: set[str], new: set[str]) -> list[str]:
    """What callers of the old surface would trip over in the new one."""
    told = [f"gone: {line}" for line in sorted(old - new) if not _is_lifted(line, new)]
    named = {_name(line) for line in old if line.startswith(("in", "sees"))}
    operations = {line.split(" ", 1)[1].strip() for line in old if line.startswith("op")}
    for line in sorted(new - old):
        demanded = line.startswith(("in", "sees")) and line.endswith(" required")
        if demanded and _operation(line) in operations and _name(line) not in named:
            told.append(f"demanded now: {line}")
    return told


def added(old: set[str], new: set[str]) -> list[str]:
    return [line for line in sorted(new - old) if line.startswith("op")]


def _is_lifted(line: str, new: set[str]) -> bool:
    """What had to be given need not be any more."""
    return line.endswith(" required") and line.removesuffix("required") + "optional" in new


def _name(line: str) -> str:
    """Without type and demand."""
    return " ".join(line.split()[:4])


def _operation(line: str) -> str:
    return " ".join(line.split()[1:3])


def _lines(document: dict[str, Any]) -> Iterator[str]:
    for path, item in document.get("paths", {}).items():
        for method in METHODS:
            if method not in item:
                continue
            operation = item[method]
            name = f"{method.upper()} {path}"
            yield f"op   {name}"
            for parameter in [*item.get("parameters", ()), *operation.get("parameters", ())]:
                parameter = _resolved(document, parameter)
                demand = "required" if parameter.get("required") else "optional"
                kind = _kind(document, parameter.get("schema", {}))
                yield f"sees {name} {parameter['in']}.{parameter['name']} {kind} {demand}"
            body = _resolved(document, operation.get("requestBody", {}))
            for schema in _schemas(body):
                yield from _members(document, schema, f"in   {name} body", demands=True)
            for status, reply in operation.get("responses", {}).items():
                if not status.startswith("2"):
                    continue
                for schema in _schemas(_resolved(document, reply)):
                    yield from _members(document, schema, f"out  {name} {status}", demands=False)


def _schemas(holder: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for media in holder.get("content", {}).values():
        if "schema" in media:
            yield media["schema"]


def _members(
    document: dict[str, Any], schema: dict[str, Any], place: str, *, demands: bool, depth: int = 0
) -> Iterator[str]:
    schema = _resolved(document, schema)
    if depth > MAX_DEPTH:
        return
    for part in (*schema.get("allOf", ()), *schema.get("anyOf", ()), *schema.get("oneOf", ())):
        yield from _members(document, part, place, demands=demands, depth=depth + 1)
    if "items" in schema:
        yield from _members(
            document, schema["items"], f"{place}[]", demands=demands, depth=depth + 1
        )
    required = set(schema.get("required", ()))
    for name, member in schema.get("properties", {}).items():
        line = f"{place}.{name} {_kind(document, member)}"
        yield f"{line} {'required' if name in required else 'optional'}" if demands else line
        yield from _members(document, member, f"{place}.{name}", demands=demands, depth=depth + 1)


def _kind(document: dict[str, Any], schema: dict[str, Any]) -> str:
    schema = _resolved(document, schema)
    parts = [*schema.get("anyOf", ()), *schema.get("oneOf", ())]
    if parts:
        return "|".join(sorted({_kind(document, part) for part in parts}))
    if "enum" in schema:
        return "enum(" + ",".join(str(value) for value in schema["enum"]) + ")"
    kind = schema.get("type", "any")
    return "|".join(sorted(kind)) if isinstance(kind, list) else str(kind)


def _resolved(document: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    reference = schema.get("$ref")
    if not isinstance(reference, str):
        return schema
    found: Any = document
    for part in reference.removeprefix("#/").split("/"):
        found = found[part]
    resolved: dict[str, Any] = found
    return resolved
