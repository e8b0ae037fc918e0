"""From a YAML tree to typed structs, noting every fault with its key and line.

msgspec's own `convert` stops at the first fault and names no line, so this walks the tree and asks
msgspec about the leaves only.
"""

from __future__ import annotations

from difflib import get_close_matches
from enum import StrEnum
from types import NoneType, UnionType
from typing import Annotated, Any, Final, Literal, Union, get_args, get_origin

import msgspec

from opengateway.compose.faults import Faults, join
from opengateway.compose.references import BadReference, References, is_reference
from opengateway.compose.yaml_tree import Listing, Mapping, Node, Scalar

BAD: Final[Any] = object()
"""What could not be read; its fault is noted."""

_NOUNS: Final[dict[Any, str]] = {
    str: "a string",
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    NoneType: "nothing",
}


class Shaper:
    """Reads nodes as types. Strings of the form `env:NAME` and `file:PATH` are read through,
    except where the type says that the reference itself is meant."""

    __slots__ = ("_faults", "_references")

    def __init__(self, faults: Faults, references: References) -> None:
        self._faults = faults
        self._references = references

    def read(self, node: Node, type_: Any, path: str) -> Any:
        """The value, or `BAD` after noting what is wrong."""
        bare, meta = _unwrap(type_)
        if meta and (meta.extra or {}).get("raw"):
            return node
        if get_origin(bare) in (Union, UnionType):
            if isinstance(node, Scalar) and node.value is None:
                return None
            return self.read(node, next(t for t in get_args(bare) if t is not NoneType), path)
        if partial := (meta.extra or {}).get("partial_of") if meta else None:
            return self._partial(node, partial, path)
        if isinstance(bare, type) and issubclass(bare, msgspec.Struct):
            return self._struct(node, bare, path)
        if get_origin(bare) is dict:
            return self._dict(node, get_args(bare)[1], path)
        if get_origin(bare) is tuple:
            return self._tuple(node, get_args(bare)[0], path)
        return self._leaf(node, type_, path)

    def _struct(self, node: Node, type_: type[msgspec.Struct], path: str) -> Any:
        entries = self._entries(node, path)
        if entries is None:
            return BAD
        values = self.fields(entries, type_, path)
        if BAD in values.values():
            return BAD
        # `from` is a word of Python's: such a key is called otherwise in the struct.
        names = {field.encode_name: field.name for field in msgspec.structs.fields(type_)}
        return type_(**{names[key]: value for key, value in values.items()})

    def _partial(self, node: Node, type_: type[msgspec.Struct], path: str) -> Any:
        """Some fields of a struct, as plain values: they are laid over others later."""
        entries = self._entries(node, path)
        if entries is None:
            return BAD
        values = self._given(entries, type_, path)
        return BAD if BAD in values.values() else values

    def fields(
        self, entries: dict[str, Node], type_: type[msgspec.Struct], path: str
    ) -> dict[str, Any]:
        """The value of every field that is given or must be; `BAD` where one is wrong or missing."""
        values = self._given(entries, type_, path)
        for field in msgspec.structs.fields(type_):
            if field.required and field.encode_name not in entries:
                self._faults.add(join(path, field.encode_name), "is missing; it has no default")
                values[field.encode_name] = BAD
        return values

    def _given(
        self, entries: dict[str, Node], type_: type[msgspec.Struct], path: str
    ) -> dict[str, Any]:
        types = {field.encode_name: field.type for field in msgspec.structs.fields(type_)}
        values: dict[str, Any] = {}
        for key, child in entries.items():
            if key in types:
                values[key] = self.read(child, types[key], join(path, key))
            else:
                self._faults.add(join(path, key), unknown(key, types))
                values[key] = BAD
        return values

    def _dict(self, node: Node, type_: Any, path: str) -> Any:
        entries = self._entries(node, path)
        if entries is None:
            return BAD
        values = {key: self.read(child, type_, join(path, key)) for key, child in entries.items()}
        return {key: value for key, value in values.items() if value is not BAD}

    def _tuple(self, node: Node, type_: Any, path: str) -> Any:
        if not isinstance(node, Listing):
            self._faults.add(path, f"expected a list, got {_got(node)}")
            return BAD
        values = [self.read(c, type_, f"{path}[{i}]") for i, c in enumerate(node.items)]
        return BAD if any(value is BAD for value in values) else tuple(values)

    def _entries(self, node: Node, path: str) -> dict[str, Node] | None:
        if isinstance(node, Mapping):
            return node.entries
        self._faults.add(path, f"expected a mapping of keys to values, got {_got(node)}")
        return None

    def _leaf(self, node: Node, type_: Any, path: str) -> Any:
        bare, meta = _unwrap(type_)
        keeps_reference = bool(meta and (meta.extra or {}).get("reference"))
        value = node.value if isinstance(node, Scalar) else BAD
        seen_elsewhere = False
        if isinstance(value, str) and is_reference(value) and not keeps_reference:
            try:
                value = self._references.read(value)
            except BadReference as error:
                self._faults.add(path, str(error))
                return BAD
            seen_elsewhere = True
        try:
            return msgspec.convert(value, type_, strict=not seen_elsewhere)
        except msgspec.ValidationError:
            self._faults.add(path, _mismatch(node, bare, meta, seen_elsewhere))
            return BAD


def unknown(key: str, known: dict[str, Any]) -> str:
    """What is said of a key that nobody reads."""
    near = get_close_matches(key[:80], known, n=1, cutoff=0.6)
    return f"unknown key; did you mean {near[0]!r}?" if near else _one_of(known)


def _one_of(known: dict[str, Any]) -> str:
    return f"unknown key; known here: {', '.join(known)}" if known else "unknown key; none is read"


def _unwrap(type_: Any) -> tuple[Any, msgspec.Meta | None]:
    if get_origin(type_) is Annotated:
        bare, *rest = get_args(type_)
        return bare, next((m for m in rest if isinstance(m, msgspec.Meta)), None)
    return type_, None


def _mismatch(node: Node, type_: Any, meta: msgspec.Meta | None, seen_elsewhere: bool) -> str:
    """What was expected and what came. A value is repeated only where it can be no secret."""
    if words := _choices(type_):
        literal = isinstance(node, Scalar) and isinstance(node.value, str) and not seen_elsewhere
        got = repr(node.value[:60]) if literal else _got(node)  # type: ignore[union-attr, index]
        return f"expected one of {words}; got {got}"
    expected = meta.description if meta and meta.description else _NOUNS.get(type_, "another value")
    number = isinstance(node, Scalar) and isinstance(node.value, bool | int | float)
    quotes = "; put it in quotes" if number and type_ is str else ""
    return f"expected {expected}, got {_got(node)}{quotes}"


def _choices(type_: Any) -> str:
    """The values of an enum or a literal type, for people; empty for any other type."""
    if get_origin(type_) is Literal:
        return ", ".join(get_args(type_))
    if isinstance(type_, type) and issubclass(type_, StrEnum):
        return ", ".join(member.value for member in type_)
    return ""


def _got(node: Node) -> str:
    match node:
        case Listing():
            return "a list"
        case Mapping():
            return "a mapping"
        case Scalar(value=None):
            return "nothing"
        case Scalar(value=bool() as value):
            return "true" if value else "false"
        case Scalar(value=int() | float() as value):
            return repr(value)[:40]
        case _:
            return "a string"
