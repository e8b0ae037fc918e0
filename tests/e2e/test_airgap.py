"""A room without a network: the product serves there, and asks for nothing beyond it."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from e2e import airgap_story

pytestmark = pytest.mark.slow
_MAY_NOT = "this user may not make a network namespace"


def _seen(folder: Path, *options: str, under: tuple[str, ...] = ()) -> dict[str, object]:
    done = subprocess.run(
        [*under, sys.executable, airgap_story.__file__, str(folder), *options],
        capture_output=True,
        text=True,
        timeout=600 if under else 100,
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
    assert (seen["signed_in"], seen["redeemed"], seen["balance"]) == (200, 201, 3_000_000_000)
    assert seen["again"] == 200
    # The kernel counts every packet that wanted out: none of start, chat, sign-in and restart did.
    assert seen["before"] == 0
    assert seen["refused"] == 0
    # It would have counted: a name that the zone allows was asked for, and its model is 503.
    assert seen["beyond"] == 503
    assert isinstance(seen["missed"], int)
    assert seen["missed"] > 0


STRACE = shutil.which("strace")
if os.environ.get("OPENGATEWAY_SOAK") and STRACE:  # every system call of every process: minutes

    def test_no_process_even_tries_to_reach_beyond_the_room(tmp_path: Path) -> None:
        log = tmp_path / "calls"
        watched = ("-f", "-qq", "-e", "trace=connect,sendto,sendmsg,sendmmsg", "-o", str(log))
        seen = _seen(tmp_path, "--within", under=(str(STRACE), *watched))
        assert (seen["chat"], seen["again"], seen["before"]) == (200, 200, 0)
        calls = log.read_text()
        assert "AF_UNIX" in calls
        tried = set(re.findall(r'sin6?_addr=[^"]*"([^"]+)"', calls))
        tried |= set(re.findall(r'inet_pton\(AF_INET6, "([^"]+)"', calls))
        print(f"addresses that {len(calls.splitlines())} calls named: {sorted(tried)}")
        assert tried <= {"127.0.0.1", "::1"}
