"""The stores that other tests stand on: real, fresh, fast enough, and gone afterwards."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import asyncpg
import pytest
import redis

import stores
from store_servers import PostgresServer, ValkeyServer

pytestmark = pytest.mark.slow

TESTS = Path(__file__).resolve().parents[2]
_USES_BOTH = """
import os, pathlib, time
def test_one(postgres_url, valkey_url):
    run = os.environ["OPENGATEWAY_TEST_RUN"]
    pathlib.Path(os.environ["TELL"]).write_text(run)
    if os.environ["THEN"] == "hang":
        time.sleep(60)
"""


@pytest.mark.parametrize("turn", [1, 2])
async def test_each_test_has_a_database_of_its_own_at_the_newest_schema(
    postgres_url: str, turn: int
) -> None:
    connection = await asyncpg.connect(postgres_url)
    try:
        assert await connection.fetchval("SELECT count(*) FROM teams") == 0
        await connection.execute(
            "INSERT INTO changes (seq, kind, subject_id, at_ns) VALUES (1, 'key', 'k', 0)"
        )
    finally:
        await connection.close()


@pytest.mark.parametrize("turn", [1, 2])
def test_each_test_has_an_empty_valkey(valkey_url: str, turn: int) -> None:
    with redis.Redis.from_url(valkey_url) as client:
        assert client.dbsize() == 0
        client.set("left", "behind")


async def test_an_own_postgres_finds_its_data_after_a_crash(own_postgres: PostgresServer) -> None:
    url = own_postgres.url("postgres")
    connection = await asyncpg.connect(url)
    await connection.execute("CREATE TABLE t AS SELECT 1 AS n")
    own_postgres.stop(signal.SIGQUIT)
    own_postgres.start()
    connection = await asyncpg.connect(url)
    assert await connection.fetchval("SELECT n FROM t") == 1
    await connection.close()


def test_an_own_valkey_can_be_frozen(own_valkey: ValkeyServer) -> None:
    os.kill(own_valkey.pid, signal.SIGSTOP)
    with (
        redis.Redis.from_url(own_valkey.url(), socket_timeout=0.05, retry=None) as client,
        pytest.raises(redis.TimeoutError),
    ):
        client.ping()


@pytest.mark.parametrize("end", ["well", "by SIGKILL"])
def test_no_server_outlives_its_run(tmp_path: Path, end: str) -> None:
    """Whatever ends the run: here one that is named anew, apart from this one."""
    (tmp_path / "test_inner.py").write_text(_USES_BOTH)
    (tmp_path / "conftest.py").write_text((TESTS / "conftest.py").read_text())
    told = tmp_path / "told"
    environment = {**os.environ, "TELL": str(told), "THEN": "hang" if end != "well" else "end"}
    environment["PYTHONPATH"] = os.pathsep.join((str(TESTS), str(TESTS.parent / "src")))
    environment.pop(stores.RUN)
    inner = subprocess.Popen(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(tmp_path)],
        env=environment,
        cwd=tmp_path,
        stdout=subprocess.DEVNULL,
    )
    if end == "by SIGKILL":
        _wait(lambda: told.exists() and told.read_text() != "")
        inner.kill()
    code = inner.wait(60)
    assert code == (0 if end == "well" else -signal.SIGKILL)
    run = told.read_text()
    if end != "well":
        _wait(lambda: not _left_of(run))
    assert _left_of(run) == []


def _left_of(run: str) -> list[str]:
    """Folders and processes of a run: each process has the folder's name among its arguments."""
    found = [str(path) for path in Path("/tmp").glob(f"ogt-{run}-*")]
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if f"ogt-{run}-".encode() in entry.read_bytes():
                found.append(str(entry))
        except OSError:
            pass
    return found


def _wait(ask: object) -> None:
    assert callable(ask)
    deadline = time.monotonic() + 20
    while not ask():
        assert time.monotonic() < deadline
        time.sleep(0.02)
