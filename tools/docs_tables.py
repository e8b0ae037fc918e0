"""Renews what the docs say about errors and providers from the data that the product runs on.

    python tools/docs_tables.py           rewrites the generated parts of the pages
    python tools/docs_tables.py --check   exits 1 if one is out of date

A generated part stands between `<!-- generated: NAME -->` and `<!-- /generated -->`.
"""

from __future__ import annotations

import ast
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from opengateway.domain import errors as tree
from opengateway.policies.errors import ERROR_POLICIES

ROOT = Path(__file__).resolve().parents[1]
SOURCE = ROOT / "src" / "opengateway"
PAGES = ROOT / "docs" / "src" / "content" / "docs"
NOTES = ROOT / "docs" / "error-notes.toml"
PROVIDERS = SOURCE / "catalog" / "providers.toml"

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


def error_codes() -> list[Code]:
    """The published list, by status and name."""
    classes = tree_classes()
    found = {Code(c.code, c.status, c.type) for c in classes.values()}
    found |= {Code(p.code, p.status, p.type) for p in ERROR_POLICIES.values()}
    found |= set(CodeFinder(SOURCE, classes).codes())
    return sorted(found, key=lambda c: (c.code, c.status))


def notes() -> dict[str, dict[str, str]]:
    return tomllib.loads(NOTES.read_text("utf-8"))


def errors_part() -> str:
    """A heading for every code, so that each has its own anchor; then the failover table."""
    codes, words = error_codes(), notes()
    names = sorted({c.code for c in codes})
    if missing := [n for n in names if n not in words]:
        raise SystemExit(f"docs/error-notes.toml lacks {', '.join(missing)}")
    if unknown := [n for n in words if n not in names]:
        raise SystemExit(
            f"docs/error-notes.toml describes what is never shown: {', '.join(unknown)}"
        )
    lines = ["## Codes", ""]
    for name in names:
        shown = [c for c in codes if c.code == name]
        statuses = ", ".join(str(s) for s in sorted({c.status for c in shown}))
        types = ", ".join(f"`{t}`" for t in sorted({c.type for c in shown}))
        lines += [
            f"### `{name}`",
            "",
            f"**{statuses}** · type {types}",
            "",
            words[name]["when"],
            "",
            f"**What to do:** {words[name]['do']}",
            "",
        ]
    return "\n".join(lines + failover_lines())


def failover_lines() -> list[str]:
    lines = [
        "## Failover",
        "",
        "What happens when a provider fails before the first content, by the kind of trouble. The",
        "code is what the caller sees when nobody else could serve. The records name the kind as",
        "`error_class`.",
        "",
        "| Kind of trouble | Code | Status | Same endpoint again | Another endpoint | Fallback model |",
        "|---|---|---|---|---|---|",
    ]
    for kind, policy in ERROR_POLICIES.items():
        again = f"{policy.same_endpoint} time" if policy.same_endpoint else "no"
        elsewhere = (
            "only a larger context"
            if policy.next_endpoint == "larger"
            else _yes(policy.next_endpoint)
        )
        lines.append(
            f"| `{kind.value}` | [`{policy.code}`](#{policy.code}) | {policy.status} | {again} "
            f"| {elsewhere} | {_yes(policy.next_model)} |"
        )
    return [*lines, ""]


def _yes(value: object) -> str:
    return "yes" if value else "no"


def struct_fields(path: Path, name: str) -> list[tuple[str, str, str]]:
    """Name, default and docstring of each field of a struct, as its source says."""
    module = ast.parse(path.read_text("utf-8"))
    body = next(n for n in module.body if isinstance(n, ast.ClassDef) and n.name == name).body
    found: list[tuple[str, str, str]] = []
    for node, after in zip(body, [*body[1:], None], strict=True):
        if not isinstance(node, ast.AnnAssign) or not isinstance(node.target, ast.Name):
            continue
        words = ""
        if isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant):
            words = " ".join(str(after.value.value).split())
        default = ast.unparse(node.value) if node.value is not None else "none"
        found.append((node.target.id, default, words))
    return found


PLAIN_FIELDS = {
    "min_temperature": "Lower values are raised to it.",
    "max_temperature": "Higher values are lowered to it.",
    "max_stop": "More stop sequences than this are refused before sending.",
    "models": "Rules for models by the beginning of their name: `prefix`, `reasoning`, `reasoning_in`.",
}
"""What is said of profile fields whose source has no words of its own."""


def profile_part() -> str:
    lines = ["| Key | Default | What |", "|---|---|---|"]
    for name, default, words in profile_fields():
        words = words or PLAIN_FIELDS.get(name, "")
        if not words:
            raise SystemExit(f"Profile.{name} has no docstring, and PLAIN_FIELDS has none for it")
        lines.append(f"| `{name}` | `{_as_yaml(default)}` | {words} |")
    return "\n".join(lines)


def _as_yaml(default: str) -> str:
    plain = {"()": "[]", "None": "null", "True": "true", "False": "false", "''": '""'}
    return plain.get(default, default.strip("'"))


def providers_part() -> str:
    """One section for each provider: where it is, what is known of it, how it bends the wire."""
    providers = sorted(tomllib.loads(PROVIDERS.read_text("utf-8")).items())
    known = {name for name, _, _ in profile_fields()}
    lines = ["| Provider | Id | Where | Key | Evidence |", "|---|---|---|---|---|"]
    for provider_id, provider in providers:
        auth = provider.get("auth", "bearer")
        anchor = provider["name"].lower().replace(" ", "-")
        lines.append(
            f"| [{provider['name']}](#{anchor}) | `{provider_id}` | `{provider['base_url']}` "
            f"| {AUTH.get(auth, f'header `{auth}`')} | {provider.get('evidence', 'documented')} |"
        )
    for _, provider in providers:
        profile = {k: v for k, v in provider.get("profile", {}).items() if k in known}
        lines += ["", f"### {provider['name']}", "", _about(provider), ""]
        lines += ["| Profile | |", "|---|---|"] if profile else [PLAIN_PROFILE]
        lines += [f"| `{key}` | {_shown(value)} |" for key, value in profile.items()]
    return "\n".join(lines)


PLAIN_PROFILE = "Its profile is that of the OpenAI wire itself."
AUTH = {"bearer": "yes", "none": "none by default"}


def profile_fields() -> list[tuple[str, str, str]]:
    return struct_fields(SOURCE / "domain" / "catalog.py", "Profile")


def _about(provider: dict[str, Any]) -> str:
    docs = provider.get("docs_url", "")
    where = f", {provider['country']}" if provider.get("country") else ""
    link = f" · [its documentation]({docs})" if docs else ""
    stops = "stops" if provider.get("cancel_stops_billing", True) else "does not stop"
    return (
        f"{provider['name']}{where}{link}. Closing the connection {stops} its count of a running"
        " answer."
    )


def _shown(value: Any) -> str:
    match value:
        case bool():
            return "yes" if value else "no"
        case "":
            return "it has none"
        case dict():
            return ", ".join(f"`{k}` → `{v}`" for k, v in value.items())
        case [dict(), *_]:
            return _rules(value)
        case list():
            return ", ".join(f"`{v}`" for v in value)
        case _:
            return f"`{value}`"


def _rules(rules: list[dict[str, str]]) -> str:
    """Model rules, gathered by what they say."""
    gathered: dict[str, list[str]] = {}
    for rule in rules:
        says = ", ".join(f"{k} `{v}`" for k, v in rule.items() if k != "prefix")
        gathered.setdefault(says, []).append(f"`{rule['prefix']}`")
    return "<br/>".join(f"{says}: {', '.join(names)}" for says, names in gathered.items())


PARTS = {
    "reference/errors.md": ("errors", errors_part),
    "reference/providers.md": ("providers", providers_part),
    "operate/zone-file.md": ("profile", profile_part),
}


def renewed(page: Path, name: str, content: str) -> str:
    """The page's text with its generated part replaced."""
    before, start, rest = page.read_text("utf-8").partition(f"<!-- generated: {name} -->")
    _, end, after = rest.partition("<!-- /generated -->")
    if not start or not end:
        raise SystemExit(f"{page} has no generated part {name!r}")
    return f"{before}{start}\n\n{content.strip()}\n\n{end}{after}"


def stale_pages() -> dict[Path, str]:
    """Pages whose generated part is out of date, with what they should say."""
    wanted = {
        PAGES / page: renewed(PAGES / page, name, make()) for page, (name, make) in PARTS.items()
    }
    return {page: text for page, text in wanted.items() if page.read_text("utf-8") != text}


def main() -> int:
    stale = stale_pages()
    if "--check" in sys.argv[1:]:
        for page in stale:
            print(f"{page.relative_to(ROOT)} is out of date: run tools/docs_tables.py")
        return 1 if stale else 0
    for page, text in stale.items():
        page.write_text(text, "utf-8")
        print(f"renewed {page.relative_to(ROOT)}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
