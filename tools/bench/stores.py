"""PostgreSQL and Valkey for `--stores servers`: the packages that the tests use, but PostgreSQL as one
runs it for real, with every commit on the disk. The embedded store writes so, too."""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from processes import ROOT

sys.path.insert(0, str(ROOT / "tests"))
import store_servers

_DURABLE = {
    "fsync": "on",
    "full_page_writes": "on",
    "autovacuum": "on",
    "synchronous_commit": "on",
    "shared_buffers": "256MB",
}


@contextmanager
def running() -> Iterator[dict[str, str]]:
    """Both, with nothing in them. What a zone file's `env:` references read."""
    store_servers._QUICK.update(_DURABLE)
    places = [Path(tempfile.mkdtemp(prefix="ogb-", dir="/tmp")) for _ in range(2)]
    postgres = store_servers.PostgresServer(places[0])
    valkey = store_servers.ValkeyServer(places[1])
    try:
        postgres.start()
        valkey.start()
        yield {"BENCH_STORE": postgres.url("postgres"), "BENCH_SHARED": valkey.url()}
    finally:
        postgres.stop()
        valkey.stop()
        for place in places:
            shutil.rmtree(place, ignore_errors=True)
