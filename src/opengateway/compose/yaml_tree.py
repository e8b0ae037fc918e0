"""A YAML file as a tree that remembers where everything stands, within bounds.

Only the safe, plain part of YAML: no anchors (a few lines can name a billion nodes), no tags that
make objects, no key twice. Numbers and booleans are read as YAML 1.1 reads them.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeAlias

import yaml
from yaml.composer import Composer
from yaml.constructor import SafeConstructor
from yaml.resolver import Resolver

MAX_BYTES: Final = 1024 * 1024
MAX_DEPTH: Final = 24
MAX_NODES: Final = 50_000
_PREFIX: Final = "tag:yaml.org,2002:"

Plain: TypeAlias = str | int | float | bool | None


@dataclass(frozen=True, slots=True)
class Scalar:
    line: int
    value: Plain


@dataclass(frozen=True, slots=True)
class Listing:
    line: int
    items: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Mapping:
    """`lines` says where each key stands."""

    line: int
    entries: dict[str, Node]
    lines: dict[str, int]


Node: TypeAlias = Scalar | Listing | Mapping


class BadYaml(ValueError):
    """The file is not plain YAML. `line` counts from 1; 0 when it is about the whole file."""

    def __init__(self, line: int, problem: str) -> None:
        super().__init__(problem)
        self.line = line
        self.problem = problem


class _PlainComposer(Composer):
    """Composes nodes; refuses anchors, depth and number before they can cost anything."""

    _depth = 0
    _nodes = 0

    def compose_node(self, parent: yaml.Node | None, index: object) -> yaml.Node | None:
        event: Any = self.peek_event()  # type: ignore[attr-defined]
        line = event.start_mark.line + 1
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None) is not None:
            raise BadYaml(line, "anchors and aliases are not read; write the value out")
        if self._depth >= MAX_DEPTH:
            raise BadYaml(line, f"nested deeper than {MAX_DEPTH} levels")
        self._nodes += 1
        if self._nodes > MAX_NODES:
            raise BadYaml(line, f"more than {MAX_NODES} keys and values")
        self._depth += 1
        try:
            return super().compose_node(parent, index)  # type: ignore[arg-type]
        finally:
            self._depth -= 1


class _PythonLoader(_PlainComposer, yaml.SafeLoader):
    pass


def _new_loader(text: str) -> Any:
    """libyaml's reader where it is there: a zone of 100 models takes 0.35 s without it."""
    if not yaml.__with_libyaml__:
        return _PythonLoader(text)

    reader: Any = yaml.CSafeLoader.__mro__[1]  # CParser, which has no types

    class Loader(_PlainComposer, reader, Resolver):  # type: ignore[misc]
        def __init__(self, text: str) -> None:
            reader.__init__(self, text)
            Composer.__init__(self)
            Resolver.__init__(self)

    return Loader(text)


def read_text(path: Path) -> str:
    """The file's text. Raises `BadYaml` if it cannot be read, is too large or not UTF-8."""
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except OSError as error:
        reason = (error.strerror or "unknown reason").lower()
        raise BadYaml(0, f"the zone file cannot be read: {reason}") from error
    if len(data) > MAX_BYTES:
        raise BadYaml(0, f"the zone file is larger than {MAX_BYTES} bytes")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise BadYaml(line, "not UTF-8 text; save the file as UTF-8") from error


def parse(text: str) -> Mapping:
    """The document in `text`, which must be one mapping. Raises `BadYaml`."""
    loader = None
    try:
        loader = _new_loader(text)  # reads the start of the text already
        root = loader.get_single_node()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise BadYaml(mark.line + 1 if mark else 0, f"not YAML: {error.problem}") from error
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise BadYaml(line, "not YAML: a control character stands here") from error
    finally:
        if loader is not None:
            loader.dispose()
    if root is None:
        raise BadYaml(0, "the zone file is empty; it begins with `zone: NAME`")
    tree = _convert(root)
    if not isinstance(tree, Mapping):
        raise BadYaml(tree.line, "expected a mapping of keys to values at the top")
    return tree


def _convert(node: yaml.Node) -> Node:
    line = node.start_mark.line + 1
    if isinstance(node, yaml.CollectionNode) and node.tag not in (f"{_PREFIX}map", f"{_PREFIX}seq"):
        raise BadYaml(line, f"the tag {node.tag[:60]!r} is not read; leave it out")
    if isinstance(node, yaml.MappingNode):
        return _mapping(node, line)
    if isinstance(node, yaml.SequenceNode):
        return Listing(line, tuple(_convert(item) for item in node.value))
    assert isinstance(node, yaml.ScalarNode)
    return Scalar(line, _scalar(node, line))


def _mapping(node: yaml.MappingNode, line: int) -> Mapping:
    entries: dict[str, Node] = {}
    lines: dict[str, int] = {}
    for key_node, value_node in node.value:
        at = key_node.start_mark.line + 1
        if not isinstance(key_node, yaml.ScalarNode):
            raise BadYaml(at, "a key must be a plain word")
        key = str(key_node.value)
        if key in entries:
            raise BadYaml(at, f"the key {key[:60]!r} stands twice; first on line {lines[key]}")
        entries[key] = _convert(value_node)
        lines[key] = at
    return Mapping(line, entries, lines)


def _scalar(node: yaml.ScalarNode, line: int) -> Plain:
    # A new one each time: it holds no state between scalars, and its methods want an instance.
    read = SafeConstructor()
    try:
        match node.tag.removeprefix(_PREFIX):
            case "str" | "timestamp" | "value" | "merge":
                return str(node.value)  # a date is a string to us
            case "null":
                return None
            case "bool":
                return bool(read.construct_yaml_bool(node))
            case "int":
                return int(read.construct_yaml_int(node))
            case "float":
                return float(read.construct_yaml_float(node))
    except ValueError:
        raise BadYaml(line, "a number that cannot be read; put text in quotes") from None
    raise BadYaml(line, f"the tag {node.tag[:60]!r} is not read; leave it out")
