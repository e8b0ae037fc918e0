"""The rules of the house bite: each seeded fault makes the rule fail that is there for it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from arch import test_house as house

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[2]
FUTURE = "from __future__ import annotations\n"


@pytest.fixture(scope="module")
def pristine(tmp_path_factory: pytest.TempPathFactory) -> Path:
    tree = tmp_path_factory.mktemp("tree")
    skip = shutil.ignore_patterns("assets", "__pycache__")
    shutil.copytree(ROOT / "src/opengateway", tree / "src/opengateway", ignore=skip)
    shutil.copy(ROOT / ".importlinter", tree)
    return tree


def plant(tree: Path, path: str, line: str) -> None:
    target = tree / "src/opengateway" / path
    target.parent.mkdir(parents=True, exist_ok=True)
    text = target.read_text() if target.exists() else FUTURE
    target.write_text(text.replace(FUTURE, FUTURE + line + "\n", 1))


def contracts_hold(tree: Path) -> tuple[bool, str]:
    linter = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run(
        [str(linter), "--no-cache"],
        cwd=tree,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": str(tree / "src")},
    )
    return done.returncode == 0, done.stdout


IMPORTS = [
    ("gateway/relay.py", "import opengateway.control.scope", "who may import whom"),
    ("domain/money.py", "import opengateway.ports.journal", "who may import whom"),
    ("infra/purse/unlimited.py", "import opengateway.gateway.relay", "who may import whom"),
    ("helpers/__init__.py", "x = 1", "who may import whom"),
    ("wires/openai_chat/reply.py", "import aiohttp", "Mapping and rules do no I/O"),
    ("gateway/state.py", "import sqlite3", "Mapping and rules do no I/O"),
    ("compose/gateway.py", "import fastapi", "The data-plane process never loads"),
    ("infra/feeds.py", "import sqlalchemy", "The data-plane process never loads"),
    ("gateway/watch.py", "import opengateway.gateway.relay", "Nothing goes in circles"),
]


def test_the_contracts_hold_in_a_copy(pristine: Path) -> None:
    holds, told = contracts_hold(pristine)
    assert holds, told


@pytest.mark.parametrize(("path", "line", "contract"), IMPORTS, ids=lambda v: str(v)[:40])
def test_a_forbidden_import_breaks_its_contract(
    pristine: Path, tmp_path: Path, path: str, line: str, contract: str
) -> None:
    tree = tmp_path / "tree"
    shutil.copytree(pristine, tree)
    plant(tree, path, line)
    holds, told = contracts_hold(tree)
    assert not holds
    broken = [row for row in told.splitlines() if row.endswith("BROKEN")]
    assert any(contract in row for row in broken), broken


def use(monkeypatch: pytest.MonkeyPatch, root: Path) -> None:
    """Let the rules of `test_house` look at another tree."""
    source = root / "src/opengateway"
    monkeypatch.setattr(house, "ROOT", root)
    monkeypatch.setattr(house, "SRC", source)
    monkeypatch.setattr(house, "PACKAGE_FILES", sorted(source.rglob("*.py")))


@pytest.mark.parametrize(
    ("rule", "path", "text"),
    [
        (house.test_no_file_is_too_long, "kit/long.py", "x = 1\n" * 401),
        (house.test_no_function_is_too_long, "kit/f.py", "def f():\n" + "    x = 1\n" * 60),
        (
            house.test_no_constructor_asks_for_too_much,
            "kit/c.py",
            "class C:\n    def __init__(self, a, b, c, d, e, f, g, h): ...\n",
        ),
        (house.test_modules_are_named_for_what_they_are, "kit/utils.py", '"""x"""\n'),
        (house.test_every_module_says_its_responsibility, "kit/silent.py", "x = 1\n"),
        (
            house.test_no_provider_is_known_by_name_outside_its_data,
            "gateway/named.py",
            'if provider == "groq":\n    pass\n',
        ),
    ],
    ids=lambda v: getattr(v, "__name__", "")[:50],
)
def test_a_fault_of_size_or_name_breaks_its_rule(
    pristine: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    rule: object,
    path: str,
    text: str,
) -> None:
    tree = tmp_path / "tree"
    shutil.copytree(pristine, tree)
    use(monkeypatch, tree)
    assert callable(rule)
    rule()  # the copy is well
    (tree / "src/opengateway" / path).write_text(text)
    use(monkeypatch, tree)
    with pytest.raises(AssertionError):
        rule()


@pytest.mark.parametrize("module", ["pydantic", "sqlalchemy", "fastapi", "typer"])
def test_a_gateway_that_loads_the_control_plane_is_caught(
    pristine: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, module: str
) -> None:
    tree = tmp_path / "tree"
    shutil.copytree(pristine, tree)
    plant(tree, "infra/feeds.py", f"import {module}")
    use(monkeypatch, tree)
    with pytest.raises(AssertionError):
        house.test_importing_the_gateway_process_loads_nothing_of_the_control_plane()
