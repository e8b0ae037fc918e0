"""Renews what the docs say about errors and providers from the data that the product runs on.

    python tools/docs_tables.py           rewrites the generated parts of the pages
    python tools/docs_tables.py --check   exits 1 if one is out of date

A generated part stands between `<!-- generated: NAME -->` and `<!-- /generated -->`.
"""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from client_part import clients_part, suites_part
from error_codes import Code, CodeFinder, tree_classes
from parameter_part import parameters_part
from replay_part import replay_part

from opengateway.policies.errors import ERROR_POLICIES
from opengateway.policies.settlement import SETTLEMENT

ROOT = Path(__file__).resolve().parents[1]
SOURCE = ROOT / "src" / "opengateway"
PAGES = ROOT / "docs" / "src" / "content" / "docs"
NOTES = ROOT / "docs" / "error-notes.toml"
FIELD_NOTES = ROOT / "docs" / "field-notes.toml"
PROVIDERS = SOURCE / "catalog" / "providers.toml"


def _slug(heading: str) -> str:
    """A heading's anchor, as the site makes it."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def error_codes() -> list[Code]:
    """The published list, by status and name."""
    classes = tree_classes()
    found = {Code(c.code, c.status, c.type) for c in classes.values()}
    found |= {Code(p.code, p.status, p.type) for p in ERROR_POLICIES.values()}
    found |= set(CodeFinder(SOURCE, classes).codes())
    return sorted(found, key=lambda c: (c.code, c.status))


def read_toml(path: Path) -> dict[str, Any]:
    return tomllib.loads(path.read_text("utf-8"))


def errors_part() -> str:
    """A heading for every code, so that each has its own anchor; then the failover table."""
    codes, words = error_codes(), read_toml(NOTES)
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
        "What happens when a provider fails before the first content, by the kind of trouble: whether",
        "the same endpoint is asked again, another endpoint of the same model, or a fallback model. The",
        "code is what the caller sees when nobody else could serve. Records name the kind as",
        "`error_class`.",
        "",
        "| Kind | Shown as | Again | Another | Fallback |",
        "|---|---|---|---|---|",
    ]
    for kind, policy in ERROR_POLICIES.items():
        again = "once" if policy.same_endpoint else "no"
        larger = policy.next_endpoint == "larger"
        another = "if its context is larger" if larger else _yes(policy.next_endpoint)
        lines.append(
            f"| `{kind.value}` | [`{policy.code}`](#{policy.code}) | {again} | {another} "
            f"| {_yes(policy.next_model)} |"
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


def fields_part(path: Path, name: str) -> str:
    """A table of a struct's fields. The docs' own words go before the source's."""
    notes = read_toml(FIELD_NOTES)[name]
    lines = ["| Key | Default | What |", "|---|---|---|"]
    for field, default, words in struct_fields(path, name):
        words = notes.pop(field, words)
        if not words:
            raise SystemExit(f"{name}.{field} has no docstring, and docs/field-notes.toml no words")
        lines.append(f"| `{field}` | `{_as_yaml(default)}` | {words} |")
    if notes:
        raise SystemExit(f"docs/field-notes.toml: {name} has no {', '.join(notes)}")
    return "\n".join(lines)


def profile_part() -> str:
    return fields_part(SOURCE / "domain" / "catalog.py", "Profile")


def faults_part() -> str:
    return fields_part(SOURCE / "simulator" / "faults.py", "Fault")


def matches_part() -> str:
    return fields_part(SOURCE / "simulator" / "faults.py", "Match")


def _as_yaml(default: str) -> str:
    plain = {"()": "[]", "None": "null", "True": "true", "False": "false", "''": '""'}
    return plain.get(default, default.strip("'"))


def providers_part() -> str:
    """One section for each provider: where it is, what is known of it, how it bends the wire."""
    providers = sorted(read_toml(PROVIDERS).items())
    known = {name for name, _, _ in profile_fields()}
    lines = ["| Provider | Id | Where | Key | Evidence |", "|---|---|---|---|---|"]
    for provider_id, provider in providers:
        auth = provider.get("auth", "bearer")
        anchor = _slug(provider["name"])
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
AUTH = {"bearer": "yes", "none": "no"}


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


ENDINGS = {
    "completed": "the answer came whole",
    "client_gone": "the caller left, or took too long to read",
    "upstream_broke": "the provider broke off after the first content; the stream ended with an error",
    "refused": "an error was answered before any content",
    "failed": "an error of ours",
    "void": "the gateway died before the end was written",
}


def settlement_part() -> str:
    """What is charged at each ending, from the policy itself."""
    said = {"price": "the usage", "zero": "nothing"}
    guessed = {"estimate": "an estimate, marked", "zero": "nothing"}
    lines = [
        "| Ending | What happened | The provider told the usage | It did not |",
        "|---|---|---|---|",
    ]
    for ending, policy in SETTLEMENT.items():
        lines.append(
            f"| `{ending.value}` | {ENDINGS[ending.value]} | {said[policy.known]} "
            f"| {guessed[policy.missing]} |"
        )
    return "\n".join(lines)


def cancel_part() -> str:
    """What each provider of the catalogue does when its connection is closed."""
    lines = ["| Provider | Counts on after the caller left |", "|---|---|"]
    for _, provider in sorted(read_toml(PROVIDERS).items()):
        stops = provider.get("cancel_stops_billing", True)
        lines.append(
            f"| {provider['name']} | {'no' if stops else 'yes, to the end of the answer'} |"
        )
    return "\n".join(lines)


def roles_part() -> str:
    """What each role of a team may do, as `policies/permissions.toml` says."""
    told = read_toml(SOURCE / "policies" / "permissions.toml")
    roles = [role for role in told["roles"] if not role.startswith("platform_")]
    names = ["management key" if role == "management_key" else role for role in roles]
    lines = [f"| Permission | {' | '.join(names)} |", "|---|" + "---|" * len(roles)]
    for permission, row in told["team"].items():
        cells = row.split()[: len(roles)]
        if "x" in cells:
            marks = " | ".join("yes" if cell == "x" else "" for cell in cells)
            lines.append(f"| `{permission}` | {marks} |")
    return "\n".join(lines)


PARTS = {
    "platform/teams.md": {"roles": roles_part},
    "explain/settlement.md": {"settlement": settlement_part, "cancel": cancel_part},
    "reference/errors.md": {"errors": errors_part},
    "reference/providers.md": {"providers": providers_part, "replay": replay_part},
    "reference/clients.md": {"clients": clients_part, "suites": suites_part},
    "reference/parameters.md": {"parameters": parameters_part},
    "operate/zone-file.md": {"profile": profile_part},
    "operate/simulator.md": {"faults": faults_part, "matches": matches_part},
}


def renewed(page: Path, parts: dict[str, Callable[[], str]]) -> str:
    """The page's text with its generated parts replaced."""
    text = page.read_text("utf-8")
    for name, make in parts.items():
        before, start, rest = text.partition(f"<!-- generated: {name} -->")
        _, end, after = rest.partition("<!-- /generated -->")
        if not start or not end:
            raise SystemExit(f"{page} has no generated part {name!r}")
        text = f"{before}{start}\n\n{make().strip()}\n\n{end}{after}"
    return text


def stale_pages() -> dict[Path, str]:
    """Pages whose generated parts are out of date, with what they should say."""
    wanted = {PAGES / page: renewed(PAGES / page, parts) for page, parts in PARTS.items()}
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
