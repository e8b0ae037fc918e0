"""`opengateway credits grant` and `ledger verify`, as an operator types them."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

ZONE = "zone: test\nedition: selfhost\nhome: ./var\nproviders: {simulator: {wire: openai, bundled: true}}\n"


def run(*command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "opengateway.cli.main", *command],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_credit_is_given_to_the_nano_and_a_broken_ledger_is_told(tmp_path: Path) -> None:
    zone = tmp_path / "zone.yaml"
    zone.write_text(ZONE)
    at = ("--zone", str(zone))
    grant = ("credits", "grant", *at, "--team", "T", "--usd", "12.500000001", "--ref", "one")
    given = run(*grant, "--json")
    assert given.returncode == 0, given.stderr
    made = json.loads(given.stdout)
    assert made["amount_nanos"] == 12_500_000_001
    assert json.loads(run(*grant, "--json").stdout)["entry_id"] == made["entry_id"]
    wrong = run("credits", "grant", *at, "--team", "T", "--usd", "0.0000000001")
    assert (wrong.returncode, wrong.stdout) == (2, "")

    proved = run("ledger", "verify", *at, "--json")
    assert proved.returncode == 0, proved.stderr
    assert json.loads(proved.stdout)["ok"] is True

    (store,) = (tmp_path / "var").rglob("*.sqlite3")
    with sqlite3.connect(store) as connection:
        connection.execute("UPDATE ledger_teams SET available = available + 1")
    connection.close()
    broken = run("ledger", "verify", *at)
    assert broken.returncode == 1
    assert f"I3  {made['team_id']}: available is 12500000002" in broken.stdout
