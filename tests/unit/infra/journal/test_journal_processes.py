"""The journal in real processes: killed at random moments, and on a disk that is truly full."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from pathlib import Path

import pytest

from contract.journal import a_close, an_open
from opengateway.infra.journal.folder import claim
from unit.infra.journal.disk import records_in

pytestmark = pytest.mark.slow

SOAK = os.environ.get("OPENGATEWAY_SOAK") == "1"
PATHS = os.pathsep.join(filter(None, sys.path))

WRITER = """
import os, sys
from pathlib import Path
from contract.journal import a_close, an_open
from opengateway.infra.journal.writer import FileJournal
from opengateway.kit.clock import SystemClock

journal = FileJournal(
    Path(sys.argv[1]), SystemClock(), segment_bytes=50_000, reserve_bytes=100_000, sync_records=16
)
number = 0
while True:
    journal.open(an_open(number))
    os.write(1, b"%d\\n" % (2 * number))
    journal.close(a_close(number))
    os.write(1, b"%d\\n" % (2 * number + 1))
    number += 1
"""

FILLER = """
import os, resource, sys
from pathlib import Path
from contract.journal import a_close, an_open
from opengateway.domain.errors import CapacityError
from opengateway.infra.journal.writer import FileJournal
from opengateway.kit.clock import ManualClock
from opengateway.kit.log import configure

configure("gateway")
journal = FileJournal(Path(sys.argv[1]), ManualClock(), reserve_bytes=100_000)
if sys.argv[2] == "limit":
    resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, resource.RLIM_INFINITY))
opened = closed = 0
try:
    while True:
        journal.open(an_open(opened))
        opened += 1
except CapacityError:
    pass
assert not journal.accepts_new_work
try:
    while True:
        journal.close(a_close(closed))
        closed += 1
except CapacityError:
    pass
os._exit(os.write(1, b"%d %d" % (opened, closed)) and 0)
"""


def start(script: str, *args: object) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-c", script, *map(str, args)],
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": PATHS},
    )


def killed_while_writing(folder: Path, after_s: float) -> int:
    """Runs the writer until `after_s` after its first record; gives how many it reported."""
    with start(WRITER, folder) as process:
        assert process.stdout is not None
        reports = bytearray(os.read(process.stdout.fileno(), 1))
        deadline = time.monotonic() + after_s
        while time.monotonic() < deadline:
            reports += os.read(process.stdout.fileno(), 65_536)
        process.kill()
        reports += process.stdout.read()
    return bytes(reports).count(b"\n")


@pytest.mark.parametrize("seed", range(200 if SOAK else 20))
def test_what_was_written_before_a_sigkill_is_on_disk(tmp_path: Path, seed: int) -> None:
    folder = tmp_path / "journal" / "gw_a"
    reported = killed_while_writing(folder, random.Random(seed).uniform(0.0, 0.06))
    found = records_in(folder)
    # The kill may fall between the write and the report of it.
    assert reported <= len(found) <= reported + 1
    for number, record in enumerate(found):
        assert record == (a_close if number % 2 else an_open)(number // 2)
    lock = claim(folder)
    assert lock is not None, "the dead hold no lock"
    os.close(lock)


def _mount(place: Path) -> bool:
    """A file system of 300 kB; False for whoever may not mount one."""
    place.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=300k", "tmpfs", str(place)]
    try:
        return subprocess.run(command, capture_output=True, check=False).returncode == 0
    except FileNotFoundError:
        return False


@pytest.fixture(params=["limit", "mount"] if os.geteuid() == 0 else ["limit"])
def small_disk(request: pytest.FixtureRequest, tmp_path: Path):
    """Where the kernel itself says that no more fits: a mount, or else a limit of file size."""
    way, place = request.param, tmp_path / "disk"
    if way == "mount" and _mount(place):
        yield "mount", place
        subprocess.run(["umount", "-l", str(place)], check=True)
    else:
        yield "limit", place


def test_a_disk_that_is_truly_full_loses_nothing_that_was_accepted(small_disk) -> None:
    way, place = small_disk
    process = start(FILLER, place / "journal" / "gw_a", way)
    report, _ = process.communicate(timeout=30)
    assert process.returncode == 0
    opened, closed = map(int, report.split())
    assert opened > 100
    assert closed > 50, "the reserve was there for them"
    found = records_in(place / "journal" / "gw_a")
    assert found == [
        *(an_open(number) for number in range(opened)),
        *(a_close(number) for number in range(closed)),
    ]
