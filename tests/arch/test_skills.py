"""Skills are procedures over what is there: every command, target, path and skill that one names exists."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import typer.main

from opengateway.cli.main import app

ROOT = Path(__file__).resolve().parents[2]
SKILLS = ROOT / ".agents" / "skills"
SPAN = re.compile(r"`([^`\n]+)`")
OUR_COMMAND = re.compile(r"opengateway ((?:[a-z][a-z-]*)(?: [a-z][a-z-]*)*)")
OPTION = re.compile(r"(?<= )(--[a-z-]+)")
TARGET = re.compile(r"\bmake ([a-z][a-z-]*)")
ROOTS = (
    "src/",
    "docs/",
    "tests/",
    "tools/",
    "deploy/",
    "changes/",
    "requirements/",
    "web/",
    ".github/",
)
SHORT = (
    "catalog/",
    "checks/",
    "domain/",
    "policies/",
    "control/",
    "compose/",
    "gateway/",
    "wires/",
)
RENAMED = re.compile(r"[<{*]|NAME|VERSION|FILE|\.\.\.")
KNOWN_ELSEWHERE = {
    "add-model",
    "remove-model",
    "add-provider",
    "rotate-credential",
    "redeem-campaign",
}
"""Skills that other parts of the work bring; each must exist before a release."""

PAGES = sorted(SKILLS.glob("*/SKILL.md"))


def spans(path: Path) -> list[str]:
    return SPAN.findall(path.read_text())


def targets() -> set[str]:
    return set(re.findall(r"^([a-z][a-z-]*):", (ROOT / "Makefile").read_text(), re.MULTILINE))


def command_of(words: list[str]) -> tuple[Any, list[str]]:
    """The command that the words name, as far as they name one, and what is left of them."""
    found: Any = typer.main.get_command(app)
    rest = list(words)
    while rest and rest[0] in getattr(found, "commands", ()):
        found = found.commands[rest.pop(0)]
    return found, rest


@pytest.mark.parametrize("path", PAGES, ids=lambda p: p.parent.name)
def test_every_command_of_a_skill_is_there_with_its_options(path: Path) -> None:
    for span in spans(path):
        for line in OUR_COMMAND.finditer(span):
            found, rest = command_of(line[1].split())
            assert "--help" in span or not hasattr(found, "commands"), (
                f"{span!r}: no such command, {rest}"
            )
            known = {
                name for param in found.params for name in (*param.opts, *param.secondary_opts)
            }
            asked = set(OPTION.findall(span[line.start() :])) - {"--help"}
            assert asked <= known, f"{span!r}: no option {sorted(asked - known)}"


@pytest.mark.parametrize("path", PAGES, ids=lambda p: p.parent.name)
def test_every_target_and_path_of_a_skill_is_there(path: Path) -> None:
    known = targets()
    for span in spans(path):
        for target in TARGET.findall(span):
            assert target in known, f"{span!r}: no such target"
        for word in span.split():
            place = word.rstrip(",.:")
            if RENAMED.search(place):
                continue
            if place.startswith(ROOTS):
                assert (ROOT / place).exists(), f"{place!r} is not there"
            elif place.startswith(SHORT):
                assert (ROOT / "src/opengateway" / place).exists(), f"{place!r} is not there"


def test_a_skill_that_another_names_is_there() -> None:
    names = {path.parent.name for path in PAGES} | KNOWN_ELSEWHERE
    verb = re.compile(r"(?:add|remove|write|change|review|rotate|record|triage|redeem|sdk)-[a-z-]+")
    for path in PAGES:
        named = {span for span in spans(path) if verb.fullmatch(span)}
        assert named <= names, f"{path.parent.name} names {sorted(named - names)}"


def test_every_skill_is_in_the_index() -> None:
    listed = (ROOT / "AGENTS.md").read_text()
    assert [p.parent.name for p in PAGES if f"/{p.parent.name}/SKILL.md" not in listed] == []
