"""A value that conforms to a JSON schema, repeatable from a seed, with the question's words in it."""

from __future__ import annotations

import re
from typing import Any

from opengateway.kit.chance import Chance

MAX_DEPTH = 12
MAX_VALUES = 20_000
_STOP = frozenset(
    [
        "a",
        "an",
        "the",
        "and",
        "or",
        "of",
        "to",
        "in",
        "for",
        "with",
        "what",
        "is",
        "are",
        "call",
        "use",
        "tool",
        "please",
        "get",
        "give",
        "me",
        "i",
        "you",
        "it",
        "on",
        "at",
        "how",
        "who",
        "when",
        "where",
        "which",
        "tell",
        "function",
        "now",
        "today",
        "name",
    ]
)
_FORMATS = {
    "date-time": "2026-01-15T09:30:00Z",
    "date": "2026-01-15",
    "time": "09:30:00",
    "email": "user@example.com",
    "uuid": "0194f7a0-0000-7000-8000-000000000001",
    "uri": "https://example.com/",
    "url": "https://example.com/",
    "hostname": "example.com",
    "ipv4": "192.0.2.1",
    "ipv6": "2001:db8::1",
}
_CANDIDATES = (
    "2026-01-15", "09:30", "12345", "1", "A1", "AB", "abc", "ABC", "user@example.com", "ABC-123",
    "a-b", "a_b", "#a0b1c2", "+821012345678", "010-1234-5678", "12345-6789", "1.2.3", "v1.0",
)  # fmt: skip


class Sampler:
    """Makes values for one schema. `question` gives names and numbers to choose from."""

    def __init__(self, schema: dict[str, Any], question: str, chance: Chance) -> None:
        self._root = schema
        self._chance = chance
        words = re.findall(r"[^\W\d_][\w'-]*", question[:4000])
        names = [word for word in words if word.lower() not in _STOP]
        proper = [word for word in names if word[0].isupper()]
        self._words = proper or names or ["example"]
        self._numbers = [float(each) for each in re.findall(r"\b\d{1,9}(?:\.\d{1,6})?\b", question)]
        self._next = 0
        self._made = 0

    def sample(self) -> Any:
        """A document; an object when the schema says nothing.

        Raises `ValueError` or `TypeError` for a schema that is malformed or asks for too much.
        """
        if not self._root or self._root == {"type": "object"}:
            return {"answer": self._word("answer")}
        return self._value(self._root, "answer", 0)

    def _value(self, schema: Any, name: str, depth: int) -> Any:
        self._made += 1
        if self._made > MAX_VALUES:
            raise ValueError(f"the schema asks for more than {MAX_VALUES} values")
        if not isinstance(schema, dict) or depth > MAX_DEPTH:
            return None if schema is not True else self._word(name)
        if "const" in schema:
            return schema["const"]
        if isinstance(schema.get("enum"), list) and schema["enum"]:
            return self._from_enum(schema["enum"])
        if isinstance(schema.get("$ref"), str):
            return self._value(self._resolve(schema["$ref"]), name, depth + 1)
        for union in ("anyOf", "oneOf"):
            if isinstance(schema.get(union), list) and schema[union]:
                return self._value(self._branch(schema[union], depth), name, depth + 1)
        if isinstance(schema.get("allOf"), list) and schema["allOf"]:
            return self._value(self._joined(schema), name, depth + 1)
        return self._typed(schema, self._kind(schema), name, depth)

    def _typed(self, schema: dict[str, Any], kind: str, name: str, depth: int) -> Any:
        match kind:
            case "object":
                return self._object(schema, depth)
            case "array":
                return self._array(schema, name, depth)
            case "integer" | "number":
                return self._number(schema, whole=kind == "integer")
            case "boolean":
                return self._chance.random() < 0.5
            case "null":
                return None
        return self._string(schema, name)

    def _kind(self, schema: dict[str, Any]) -> str:
        kind = schema.get("type")
        if isinstance(kind, list):
            kind = next((each for each in kind if each != "null"), "null")
        if isinstance(kind, str):
            return kind
        if "properties" in schema:
            return "object"
        return "array" if "items" in schema or "prefixItems" in schema else "string"

    def _object(self, schema: dict[str, Any], depth: int) -> dict[str, Any]:
        properties = schema.get("properties")
        properties = properties if isinstance(properties, dict) else {}
        required = schema.get("required")
        required = [each for each in required if isinstance(each, str)] if required else []
        # Near the limit of depth only what must be there, so that recursive schemas end.
        names = required if required or depth > 4 else list(properties)
        made = {each: self._value(properties.get(each, True), each, depth + 1) for each in names}
        return made

    def _array(self, schema: dict[str, Any], name: str, depth: int) -> list[Any]:
        prefix = schema.get("prefixItems")
        made = [self._value(each, name, depth + 1) for each in prefix or ()]
        least = min(int(schema.get("minItems") or 0), 100)
        most = int(schema.get("maxItems", 100))
        wanted = max(least, 0 if depth > 4 else 2)
        items = schema.get("items", True if wanted > len(made) else None)
        while items is not None and items is not False and len(made) < min(wanted, most):
            made.append(self._value(items, name, depth + 1))
        return made

    def _number(self, schema: dict[str, Any], *, whole: bool) -> float | int:
        low, high = schema.get("minimum"), schema.get("maximum")
        step: float = schema.get("multipleOf") or (1 if whole else 0.5)
        if isinstance(above := schema.get("exclusiveMinimum"), int | float):
            low = above + step
        if isinstance(below := schema.get("exclusiveMaximum"), int | float):
            high = below - step
        given = next((n for n in self._numbers if _fits(n, low, high, step)), None)
        if given is None:
            floor = low if low is not None else min(1, high) if high is not None else 1
            room = 9 if high is None else max(0, int((high - floor) / step))
            start = -(-floor // step) * step
            given = start + step * self._chance.randint(0, min(room, 9))
            if high is not None and given > high:
                given = start
        return int(given) if whole or float(given).is_integer() else float(given)

    def _string(self, schema: dict[str, Any], name: str) -> str:
        if (fixed := _FORMATS.get(str(schema.get("format")))) is not None:
            return fixed
        text = self._word(name)
        pattern = schema.get("pattern")
        if isinstance(pattern, str) and (found := _matching(pattern, text)) is not None:
            text = found
        least, most = schema.get("minLength"), schema.get("maxLength")
        if isinstance(least, int) and len(text) < least:
            text = (text + " ") * (min(least, 10_000) // (len(text) + 1) + 1)
            text = text[:least].replace(" ", "x")
        return str(text[:most]) if isinstance(most, int) else text

    def _word(self, name: str) -> str:
        word: str = self._words[self._next % len(self._words)]
        self._next += 1
        return word

    def _from_enum(self, values: list[Any]) -> Any:
        lowered = {word.lower() for word in self._words}
        for value in values:
            if isinstance(value, str) and value.lower() in lowered:
                return value
        return self._chance.choice(values)

    def _resolve(self, reference: str) -> Any:
        node: Any = self._root
        for step in reference.removeprefix("#").strip("/").split("/"):
            if not step:
                continue
            key = step.replace("~1", "/").replace("~0", "~")
            node = node.get(key) if isinstance(node, dict) else None
        return node

    def _branch(self, branches: list[Any], depth: int) -> Any:
        if depth > 3:  # a recursive schema ends through its null or its plainest branch
            for branch in branches:
                if isinstance(branch, dict) and branch.get("type") in ("null", "string", "integer"):
                    return branch
        return next((b for b in branches if b != {"type": "null"}), branches[0])

    def _joined(self, schema: dict[str, Any]) -> dict[str, Any]:
        whole: dict[str, Any] = {key: value for key, value in schema.items() if key != "allOf"}
        for part in schema["allOf"]:
            part = (
                self._resolve(part["$ref"]) if isinstance(part, dict) and "$ref" in part else part
            )
            if not isinstance(part, dict):
                continue
            for key, value in part.items():
                if key == "properties":
                    whole[key] = whole.get(key, {}) | value
                elif key == "required":
                    whole[key] = [*whole.get(key, []), *value]
                else:
                    whole[key] = value
        return whole


def _fits(value: float, low: Any, high: Any, step: float) -> bool:
    if (low is not None and value < low) or (high is not None and value > high):
        return False
    return abs(value / step - round(value / step)) < 1e-9


def _matching(pattern: str, text: str) -> str | None:
    """A known text that matches; only patterns that cannot run away are tried."""
    if len(pattern) > 200 or re.search(r"\)\s*[*+{]|[*+}]\s*[*+{]", pattern):
        return None
    try:
        compiled = re.compile(pattern)
    except re.error:
        return None
    return next((each for each in (text, *_CANDIDATES) if compiled.search(each)), None)
