"""Finds every error code that a caller can be shown, by reading the source."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from opengateway.domain import errors as tree

IMITATIONS = ("simulator",)
"""Packages that speak with other services' error codes."""


FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


@dataclass(frozen=True)
class Code:
    """One error code as it is shown to callers."""

    code: str
    status: int
    type: str


def tree_classes() -> dict[str, type[tree.GatewayError]]:
    """Every class of the tree that is known to `domain/errors.py`, by name."""
    found: dict[str, type[tree.GatewayError]] = {}
    waiting: list[type[tree.GatewayError]] = [tree.GatewayError]
    while waiting:
        kind = waiting.pop()
        found[kind.__name__] = kind
        waiting += [sub for sub in kind.__subclasses__() if sub.__module__ == tree.__name__]
    return found


class CodeFinder:
    """Finds the codes given where errors are made: `InvalidRequest("...", code="...")`.

    Follows names of constants, names assigned in the same function, and functions that hand their
    parameter `code` on. What it cannot follow stops it: a code must be findable by reading.
    """

    def __init__(self, source: Path, classes: dict[str, type[tree.GatewayError]]) -> None:
        self._classes = classes
        self._modules = {
            path: ast.parse(path.read_text("utf-8"))
            for path in sorted(source.rglob("*.py"))
            if path.relative_to(source).parts[0] not in IMITATIONS
        }
        self._constants = dict(self._find_constants())
        self._givers = dict(self._find_givers())

    def codes(self) -> Iterator[Code]:
        yield from self._codes_of_classes()
        for path, function, call in self._calls():
            name = _name_of(call.func)
            if (kind := self._classes.get(name)) is not None:
                given = _argument(call, "code", None)
            elif name in self._givers:
                kind, position = self._givers[name]
                given = _argument(call, "code", position)
            else:
                continue
            if given is None or _is_handed_on(given, function):
                continue
            try:
                for code in self._values(given, function):
                    yield Code(code, kind.status, kind.type)
            except LookupError as unknown:
                raise SystemExit(
                    f"{path}:{call.lineno}: cannot tell which error code {unknown} is"
                ) from None

    def _codes_of_classes(self) -> Iterator[Code]:
        """Codes that a slice's own error classes carry: `class LastOwner(Conflict): code = "..."`."""
        told = {n: (c.code, c.status, c.type) for n, c in self._classes.items()}
        waiting = [n for m in self._modules.values() for n in m.body if isinstance(n, ast.ClassDef)]
        found = True
        while found:
            found = False
            for node in list(waiting):
                bases = [_name_of(base) for base in node.bases]
                base = next((told[name] for name in bases if name in told), None)
                if base is None or node.name in self._classes:
                    continue
                own = _class_constants(node)
                code = str(own.get("code", base[0]))
                status, kind = int(own.get("status", base[1])), str(own.get("type", base[2]))
                told[node.name] = (code, status, kind)
                waiting.remove(node)
                found = True
                yield Code(code, status, kind)

    def _calls(self) -> Iterator[tuple[Path, ast.AST, ast.Call]]:
        for path, module in self._modules.items():
            for function in [module, *(n for n in ast.walk(module) if isinstance(n, FUNCTIONS))]:
                for node in _own_nodes(function):
                    if isinstance(node, ast.Call):
                        yield path, function, node

    def _find_constants(self) -> Iterator[tuple[str, str]]:
        for module in self._modules.values():
            for node in module.body:
                value = getattr(node, "value", None)
                if isinstance(value, ast.Constant) and isinstance(value.value, str):
                    for target in _targets(node):
                        yield target, value.value

    def _find_givers(self) -> Iterator[tuple[str, tuple[type[tree.GatewayError], int]]]:
        for _, function, call in self._calls():
            kind = self._classes.get(_name_of(call.func))
            given = _argument(call, "code", None)
            if kind is None or given is None or not isinstance(function, FUNCTIONS):
                continue
            names = [a.arg for a in function.args.args]
            if isinstance(given, ast.Name) and given.id == "code" and "code" in names:
                yield function.name, (kind, names.index("code"))

    def _values(self, expression: ast.expr, function: ast.AST) -> Iterator[str]:
        match expression:
            case ast.Constant(value=str(text)):
                yield text
            case ast.IfExp(body=one, orelse=other):
                yield from self._values(one, function)
                yield from self._values(other, function)
            case ast.Name(id=name) | ast.Attribute(attr=name):
                assigned = [
                    node.value
                    for node in _own_nodes(function)
                    if isinstance(node, ast.Assign) and name in _targets(node)
                ]
                for value in assigned:
                    yield from self._values(value, function)
                if not assigned:
                    yield self._constants[name]
            case _:
                raise LookupError(ast.unparse(expression))


def _own_nodes(function: ast.AST) -> Iterator[ast.AST]:
    """The nodes of a function or module, without those of functions inside it."""
    for child in ast.iter_child_nodes(function):
        if not isinstance(child, FUNCTIONS):
            yield child
            yield from _own_nodes(child)


def _class_constants(node: ast.ClassDef) -> dict[str, str | int]:
    return {
        name: part.value.value
        for part in node.body
        if isinstance(part, ast.Assign | ast.AnnAssign)
        and isinstance(part.value, ast.Constant)
        and isinstance(part.value.value, str | int)
        for name in _targets(part)
    }


def _name_of(function: ast.expr) -> str:
    match function:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
    return ""


def _targets(node: ast.AST) -> list[str]:
    targets = getattr(node, "targets", None) or [getattr(node, "target", None)]
    return [t.id for t in targets if isinstance(t, ast.Name)]


def _argument(call: ast.Call, name: str, position: int | None) -> ast.expr | None:
    for keyword in call.keywords:
        if keyword.arg == name:
            return keyword.value
    if position is not None and position < len(call.args):
        return call.args[position]
    return None


def _is_handed_on(given: ast.expr, function: ast.AST) -> bool:
    """`code=error.code`, or the parameter of a function that is followed by its callers."""
    if isinstance(given, ast.Attribute):
        return given.attr == "code"
    parameters = function.args.args if isinstance(function, FUNCTIONS) else []
    return isinstance(given, ast.Name) and given.id in [a.arg for a in parameters]
