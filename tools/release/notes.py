"""Of the fragments under `changes/`: the changelog, the upgrade note, and what the app shows as new."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FRAGMENT = re.compile(r"(?P<name>.+)\.(?P<kind>[a-z]+)\.md")
ASKS_SOMETHING = ("security", "billing", "deprecation", "removal")
"""Kinds that an operator reads before upgrading."""
SHOWN = ("feature", "provider", "model", "fix")
"""Kinds that the app shows."""
RELEASES_SHOWN = 5


@dataclass(frozen=True)
class Fragment:
    path: Path
    kind: str
    text: str


def kinds() -> dict[str, str]:
    """Each kind and its heading, in the order of the changelog."""
    types = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["towncrier"]["type"]
    return {kind["directory"]: kind["name"] for kind in types}


def fragments(folder: Path = ROOT / "changes") -> list[Fragment]:
    """Raises `ValueError` for a file that is of no kind."""
    known, found = kinds(), []
    for path in sorted(folder.glob("*.md")):
        named = FRAGMENT.fullmatch(path.name)
        if path.name == "README.md":
            continue
        if named is None or named["kind"] not in known:
            raise ValueError(
                f"{path.name}: must be NAME.KIND.md, with a kind of {', '.join(known)}"
            )
        found.append(Fragment(path, named["kind"], " ".join(path.read_text().split())))
    return found


def changelog(version: str, day: str, found: Iterable[Fragment]) -> str:
    """The section of one version."""
    found, lines = list(found), [f"## {version} ({day})", ""]
    for kind, heading in kinds().items():
        texts = [f.text for f in found if f.kind == kind]
        if texts:
            lines += [f"### {heading}", "", *(f"- {text}" for text in texts), ""]
    return "\n".join(lines)


def upgrade_note(version: str, found: Iterable[Fragment], migrations: Iterable[str]) -> str:
    """What to know, and to do, before this version is installed."""
    found, names = list(found), kinds()
    lines = [f"# Upgrading to {version}", ""]
    migrations = list(migrations)
    if migrations:
        lines += [
            (
                "Take a copy of the control store first. The first control process of the new version brings the"
                " store to its schema; migrations only add, so the version before runs on it too:"
            ),
            "",
            *(f"- {line}" for line in migrations),
            "",
        ]
    else:
        lines += ["The store's schema does not change: going back is starting the old version.", ""]
    for kind in ASKS_SOMETHING:
        texts = [f.text for f in found if f.kind == kind]
        if texts:
            lines += [f"## {names[kind]}", "", *(f"- {text}" for text in texts), ""]
    lines += [
        "## Steps",
        "",
        "1. `opengateway doctor --zone FILE` with the new version: the zone file must be sound.",
        "2. Stop one member at a time: it drains, and the others serve. Start it with the new version.",
        "3. `opengateway ledger verify --zone FILE` and `opengateway smoke --zone FILE --level live`.",
        "",
    ]
    return "\n".join(lines)


def whats_new(log: str, found: Iterable[Fragment], version: str = "", day: str = "") -> str:
    """Of the newest versions, the newest first: `found` is the coming one's, the rest of the changelog's."""
    newest = [{"kind": f.kind, "text": f.text} for f in found if f.kind in SHOWN]
    releases: list[dict[str, object]] = []
    if newest:
        releases.append({"version": version or None, "date": day or None, "entries": newest})
    return json.dumps([*releases, *_released(log)][:RELEASES_SHOWN], indent=1) + "\n"


def _released(log: str) -> Iterable[dict[str, object]]:
    """What the changelog says of each version, of the kinds that are shown."""
    of_heading = {heading: kind for kind, heading in kinds().items()}
    for section in re.split(r"^## ", log, flags=re.MULTILINE)[1:]:
        title, _, body = section.partition("\n")
        named = re.fullmatch(r"(\S+) \((\S+)\)", title.strip())
        kind, entries = "", []
        for line in body.splitlines():
            if line.startswith("### "):
                kind = of_heading.get(line[4:].strip(), "")
            elif line.startswith("- ") and kind in SHOWN:
                entries.append({"kind": kind, "text": line[2:]})
        if named and entries:
            yield {"version": named[1], "date": named[2], "entries": entries}


def into_changelog(text: str, section: str) -> str:
    """The new section stands first."""
    mark = "<!-- towncrier release notes start -->\n"
    before, found, after = text.partition(mark)
    if not found:
        raise ValueError("CHANGELOG.md has lost the mark after which sections stand")
    return f"{before}{mark}\n{section.rstrip()}\n{after}"


def migrations_since(known: set[str]) -> list[str]:
    """First lines of migrations that the last release did not have."""
    folder = ROOT / "src/opengateway/infra/migrations/versions"
    return [
        f"{path.stem}: {path.read_text().splitlines()[0].strip(chr(34))}"
        for path in sorted(folder.glob("v[0-9]*.py"))
        if path.stem not in known
    ]


def main() -> int:
    """Writes what the app shows as new in this tree: what was released, and what was not yet."""
    target = ROOT / "src/opengateway/assets/whats-new.json"
    target.parent.mkdir(exist_ok=True)
    target.write_text(whats_new((ROOT / "CHANGELOG.md").read_text(), fragments()))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
