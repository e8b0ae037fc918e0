"""The control store: connections, transactions and the schema's version (decision 3).

On SQLite: write-ahead log, one writer. `write` sessions share one connection and begin with
`BEGIN IMMEDIATE`, so writers queue in this process, in order, instead of racing for the file's
lock; `read` sessions see the last commit, wait for nobody, and cannot write.

`synchronous=FULL`, not NORMAL: in WAL mode NORMAL does not sync at commit, so a power cut could
take back a commit that a gateway was already told of. The answer to a pushed journal lets the
gateway delete its copy; what it acknowledges must be on the disk. One sync per push costs little.

On PostgreSQL (`infra/postgres.py`): several writers at once.
"""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from sqlalchemy import Column, Connection, String, Table, event, select, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DatabaseError
from sqlalchemy.ext.asyncio import (
    AsyncEngine,
    AsyncSession,
    async_sessionmaker,
    create_async_engine,
)

from opengateway.domain.errors import OperatorError
from opengateway.kit.db import Base

HEAD: Final = "0022"
"""The newest migration. Known here so that a start on a current database need not load Alembic
(0.25 s); a test holds it to `migrations/versions`."""

SCHEMA_FLOOR: Final = Table(
    "schema_floor", Base.metadata, Column("revision", String(32), primary_key=True)
)
"""Revisions that a program must know to run on the store: of migrations that take something away."""
BUSY_TIMEOUT_MS: Final = 5_000
_READERS: Final = 4
_SQLITE_SETTINGS: Final = (
    f"PRAGMA busy_timeout={BUSY_TIMEOUT_MS}",
    "PRAGMA journal_mode=WAL",
    "PRAGMA synchronous=FULL",
    "PRAGMA foreign_keys=ON",
    # A long reader can keep the log from being folded back; what it grew to is given back after.
    "PRAGMA journal_size_limit=67108864",
)


class Database:
    """Sessions on one store. Whoever opens a session owns its transaction."""

    def __init__(self, url: str) -> None:
        """`url`: of `sqlite_url`, or `postgresql://...`."""
        self._file = None if _is_postgres(url) else make_url(url).database
        self._writer = _engine(url, writes=True)
        self._reader = _engine(url, writes=False)
        self.write = async_sessionmaker(self._writer, expire_on_commit=False)
        self.read = async_sessionmaker(self._reader, expire_on_commit=False)

    async def copy_to(self, target: Path) -> bool:
        """Write one state of a SQLite store to a new file, while it is used. False: it is a server's,
        and is copied with the server's own tools. Raises `OSError`."""
        if self._file is None:
            return False
        source = self._file

        def copy() -> None:
            with target.open("xb"):
                target.chmod(0o600)
            # One step of SQLite's own backup: a reader's, so that nobody waits for it.
            with (
                closing(sqlite3.connect(f"file:{quote(source)}?mode=ro", uri=True)) as here,
                closing(sqlite3.connect(target)) as there,
            ):
                here.backup(there)

        await asyncio.to_thread(copy)
        return True

    async def close(self) -> None:
        """Close all connections. SQLite folds the log back into the file at the last one."""
        await self._reader.dispose()
        await self._writer.dispose()


def sqlite_url(path: str) -> str:
    """The URL of a database file. `path` is absolute."""
    return f"sqlite+aiosqlite:///{path}"


def _engine(url: str, *, writes: bool) -> AsyncEngine:
    if _is_postgres(url):
        from opengateway.infra.postgres import open_engine

        return open_engine(url, writes=writes)
    engine = create_async_engine(
        url,
        pool_size=1 if writes else _READERS,
        max_overflow=0,
        # Longer than any transaction of ours; then the caller is told 503, not kept for ever.
        pool_timeout=30,
    )
    settings = _SQLITE_SETTINGS if writes else (*_SQLITE_SETTINGS, "PRAGMA query_only=ON")
    begin = "BEGIN IMMEDIATE" if writes else "BEGIN"

    @event.listens_for(engine.sync_engine, "connect")
    def _configure(connection: Any, _record: object) -> None:
        # The driver's own implicit BEGIN is off (it comes late, and not before DDL); ours is below.
        connection.isolation_level = None
        cursor = connection.cursor()
        for setting in settings:
            cursor.execute(setting)
        cursor.close()

    @event.listens_for(engine.sync_engine, "begin")
    def _begin(connection: Connection) -> None:
        # SQLite keeps a transaction open whose COMMIT failed, and the pool takes a failed commit
        # for an end: without this, one full disk would break the connection for good.
        driver: Any = connection.connection.driver_connection
        if driver.in_transaction:
            connection.exec_driver_sql("ROLLBACK")
        connection.exec_driver_sql(begin)

    return engine


async def migrate(url: str) -> str:
    """Bring the store to this version's schema, in one transaction. Return its revision.

    Idempotent; safe to be killed at any point, and run by several processes at once. Raises
    `OperatorError` when the store is newer than this program, or cannot be used.
    """
    if _is_postgres(url):
        from opengateway.infra.postgres import migrating

        async with migrating(url) as connection:
            await connection.run_sync(_bring_up)
        return HEAD
    engine = _engine(url, writes=True)
    try:
        async with engine.begin() as connection:
            await connection.run_sync(_bring_up)
    except DatabaseError as error:
        raise OperatorError(
            f"the control store {shown(url)!r} cannot be used: {error.orig}"
        ) from error
    finally:
        await engine.dispose()
    return HEAD


def shown(url: str) -> str:
    """Where the store is, for people: without user and password."""
    if _is_postgres(url):
        from opengateway.infra import postgres

        return postgres.shown(url)
    return make_url(url).database or url


def _is_postgres(url: str) -> bool:
    return url.startswith(("postgresql://", "postgres://"))


def _bring_up(connection: Connection) -> None:
    revision = _revision(connection)
    if revision == HEAD:
        return
    from opengateway.infra.migrations.run import known, upgrade

    if revision is not None and revision not in known():
        _require_known(connection, revision, known())
        return
    upgrade(connection, HEAD)


def _require_known(connection: Connection, revision: str, known: frozenset[str]) -> None:
    """A newer version was here, and what it added does no harm. Raises `OperatorError` where it took
    something away (`schema_floor`), or where nobody can tell."""
    needed = None
    if connection.dialect.has_table(connection, SCHEMA_FLOOR.name):
        needed = set(connection.scalars(select(SCHEMA_FLOOR.c.revision)))
    if needed is None or not needed <= known:
        raise OperatorError(
            f"the control store has the schema {revision!r} of another version of opengateway; run"
            " that version or a newer one"
        )


def _revision(connection: Connection) -> str | None:
    """The store's migration, None when it is new. Alembic keeps it in `alembic_version`."""
    if not connection.dialect.has_table(connection, "alembic_version"):
        return None
    revision: str | None = connection.scalar(text("SELECT version_num FROM alembic_version"))
    return revision


__all__ = [
    "BUSY_TIMEOUT_MS",
    "HEAD",
    "AsyncSession",
    "Database",
    "migrate",
    "shown",
    "sqlite_url",
]
