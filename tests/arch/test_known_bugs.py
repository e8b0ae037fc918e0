"""The table of known bugs: every number once, and every test that it names is there to be run."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest

TESTS = Path(__file__).resolve().parents[1]
TABLE = TESTS.parent / "docs" / "handbook" / "known-bugs.md"
_ROW = re.compile(r"^\| (E\d+) \| (.+?) \| (.*) \|$", re.MULTILINE)
ROWS = _ROW.findall(TABLE.read_text("utf-8"))


@cache
def functions_of(place: str) -> frozenset[str]:
    """The tests that pytest collects of a file, by its source."""
    body = ast.parse((TESTS / place).read_text("utf-8")).body
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef)
    return frozenset(n.name for n in body if isinstance(n, kinds) and n.name.startswith("test_"))


def missing_tests(cell: str) -> list[str]:
    named = re.findall(r"`([\w/]+\.py)::(\w+)`", cell)
    return [
        f"{place}::{name}"
        for place, name in named
        if not (TESTS / place).is_file() or name not in functions_of(place)
    ]


def test_every_number_has_one_row() -> None:
    assert [number for number, _, _ in ROWS] == [f"E{n}" for n in range(1, 47)]


@pytest.mark.parametrize(("number", "fault", "cell"), ROWS, ids=[row[0] for row in ROWS])
def test_each_row_names_tests_that_exist(number: str, fault: str, cell: str) -> None:
    assert "::" in cell or "cannot apply" in fault, f"{number} has neither a test nor a reason"
    assert missing_tests(cell) == []


def test_a_test_that_is_not_there_is_seen() -> None:
    wrong = "`unit/wires/test_wire_stream.py::test_nothing_of_the_kind`, `unit/none.py::test_x`"
    assert len(missing_tests(wrong)) == 2
