"""A room without a network: the product serves there, and asks for nothing beyond it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from e2e import airgap_story

pytestmark = pytest.mark.slow
_MAY_NOT = "this user may not make a network namespace"


def _seen(folder: Path) -> dict[str, object]:
    done = subprocess.run(
        [sys.executable, airgap_story.__file__, str(folder)],
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    if done.returncode != 0 and "unshare" in done.stderr:
        pytest.skip(_MAY_NOT)
    assert done.returncode == 0, done.stderr[-4000:]
    told: dict[str, object] = json.loads(done.stdout.splitlines()[-1])
    return told


def test_a_room_without_a_network_is_all_that_the_product_needs(tmp_path: Path) -> None:
    seen = _seen(tmp_path)
    assert seen["chat"] == 200
    assert seen["said"]
    assert seen["stream"]
    assert (seen["app"], seen["docs"]) == (200, 200)
    # The kernel counts every packet that wanted out: none of start, chat, pages and docs did.
    assert seen["before"] == 0
    assert seen["refused"] == 0
    # It would have counted: a name that the zone allows was asked for, and its model is 503.
    assert seen["beyond"] == 503
    assert isinstance(seen["missed"], int)
    assert seen["missed"] > 0
