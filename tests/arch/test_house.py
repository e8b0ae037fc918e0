"""What the type checker and the import linter cannot say: sizes, names, what a process loads."""

from __future__ import annotations

import ast
import datetime
import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SRC = ROOT / "src" / "opengateway"
PACKAGE_FILES = sorted(p for p in SRC.rglob("*.py") if "migrations/versions" not in str(p))
TEST_FILES = sorted((ROOT / "tests").rglob("*.py"))
EXCEPTIONS = tomllib.loads((ROOT / "tests/arch/exceptions.toml").read_text())

SOURCE_LINES, TEST_LINES, FUNCTION_LINES, CONSTRUCTOR_ARGUMENTS = 400, 600, 60, 7
FORBIDDEN_NAMES = {"utils", "helpers", "manager", "common", "base", "misc"}


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


def excused(rule: str, what: str) -> bool:
    """An exception holds until its day, and not a day longer."""
    row = EXCEPTIONS.get(rule, {}).get(what)
    return row is not None and row["until"] >= datetime.date.today()


def functions(path: Path) -> Iterator[tuple[str, ast.FunctionDef | ast.AsyncFunctionDef]]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield f"{name(path)}:{node.name}", node


def test_no_file_is_too_long() -> None:
    long = [
        (name(path), lines)
        for files, limit in ((PACKAGE_FILES, SOURCE_LINES), (TEST_FILES, TEST_LINES))
        for path in files
        if (lines := len(path.read_text().splitlines())) > limit and not excused("file", name(path))
    ]
    assert long == []


def test_no_function_is_too_long() -> None:
    long = [
        (where, lines)
        for path in PACKAGE_FILES
        for where, node in functions(path)
        if (lines := (node.end_lineno or 0) - node.lineno + 1) > FUNCTION_LINES
        and not excused("function", where)
    ]
    assert long == []


def test_no_constructor_asks_for_too_much() -> None:
    greedy = [
        where
        for path in PACKAGE_FILES
        for where, node in functions(path)
        if node.name == "__init__"
        and len(node.args.args) + len(node.args.kwonlyargs) - 1 > CONSTRUCTOR_ARGUMENTS
        and not excused("constructor", where)
    ]
    assert greedy == []


def test_exceptions_say_why_and_end() -> None:
    for rule, rows in EXCEPTIONS.items():
        for what, row in rows.items():
            assert row["reason"], (rule, what)
            assert row["until"] >= datetime.date.today(), f"{what} has run out"


def test_modules_are_named_for_what_they_are() -> None:
    assert [name(p) for p in PACKAGE_FILES if p.stem in FORBIDDEN_NAMES] == []


def test_every_module_says_its_responsibility() -> None:
    silent = [
        name(p)
        for p in PACKAGE_FILES
        if p.name != "__init__.py" and not ast.get_docstring(ast.parse(p.read_text()))
    ]
    assert silent == []


def provider_ids() -> set[str]:
    found = set(tomllib.loads((SRC / "catalog/providers.toml").read_text()))
    assert len(found) >= 9
    # Also names of a wire, of the API that we speak, and of services in AWS signatures.
    return found - {"openai", "bedrock", "bedrock-mantle"}


def test_no_provider_is_known_by_name_outside_its_data() -> None:
    """A vendor's ways are data in the catalogue; a name check is a bug in waiting."""
    known = provider_ids()
    offenders = [
        f"{name(path)}:{node.lineno} {node.value!r}"
        for path in PACKAGE_FILES
        if path.relative_to(SRC).parts[0] not in ("catalog", "providers", "simulator")
        and path != SRC / "domain/origins.py"  # makers, of whom some serve as well
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Constant) and node.value in known
    ]
    assert offenders == []


def test_locks_hold_hashes_and_no_addresses() -> None:
    for lock in sorted((ROOT / "requirements").glob("*.lock")):
        text = lock.read_text()
        assert "://" not in text, lock.name
        pins = re.findall(r"^[a-z0-9_.-]+(?:\[.*?\])?==", text, re.MULTILINE)
        assert pins, lock.name
        assert text.count("--hash=sha256:") >= len(pins), lock.name
    for lock in [
        *ROOT.glob("docs/package-lock.json"),
        *ROOT.glob("tests/e2e/node/package-lock.json"),
        *ROOT.glob("bench/peers/package-lock.json"),
    ]:
        assert '"resolved": "http' not in lock.read_text(), name(lock)


def tracked() -> list[Path]:
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard", "-z"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    return [p for n in listed.split("\0") if n and (p := ROOT / n).is_file()]


def test_no_file_names_a_machine_s_path() -> None:
    pattern = re.compile(rb"(?<![.\w])/(?:work|root|farm)/[a-z]|/tmp/[a-z]+-[0-9]")
    own = Path(__file__).resolve()
    assert [name(p) for p in tracked() if p != own and pattern.search(p.read_bytes())] == []


def run_python(code: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": str(SRC.parent)},
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


FORBIDDEN_IN_A_GATEWAY = ("pydantic", "fastapi", "starlette", "sqlalchemy", "duckdb", "typer")


def test_importing_the_gateway_process_loads_nothing_of_the_control_plane() -> None:
    loaded = run_python(
        "import sys, opengateway.compose.gateway; print(' '.join(m.split('.')[0] for m in sys.modules))"
    ).split()
    assert [m for m in FORBIDDEN_IN_A_GATEWAY if m in loaded] == []
    assert "uvicorn" in loaded


@pytest.mark.parametrize("module", ["opengateway", "opengateway.kit.json", "opengateway.cli.main"])
def test_importing_starts_nothing(module: str) -> None:
    told = run_python(f"import threading, {module}; print(threading.active_count())")
    assert told.strip() == "1"


def test_the_pipeline_lists_its_twelve_steps() -> None:
    text = ast.get_docstring(ast.parse((SRC / "gateway/pipeline.py").read_text())) or ""
    assert re.findall(r"^ *(\d+)\. `(\w+)`", text, re.MULTILINE) == [
        (str(i + 1), step)
        for i, step in enumerate(
            [
                "accept",
                "authenticate",
                "decode",
                "resolve",
                "admit",
                "route",
                "attempt",
                "commit",
                "relay",
                "close",
                "settle",
                "record",
            ]
        )
    ]
