"""PostgreSQL as the control store: how it is reached, and what its sessions are set to.

Several writers work at once, at READ COMMITTED: what is read and then written needs a row lock, a
guarded update or a turn (`kit.db.take_turn`). Read sessions see one state from their first
statement on, as they do on SQLite, and cannot write.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final
from urllib.parse import parse_qsl, quote, unquote, urlsplit

import asyncpg
from sqlalchemy import event, text
from sqlalchemy.engine import ExceptionContext
from sqlalchemy.exc import DataError, DBAPIError, OperationalError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, AsyncSession, create_async_engine

from opengateway.domain.errors import OperatorError
from opengateway.kit.db import Turn, take_turn

OLDEST: Final = 15
"""The oldest major version that still gets fixes (postgresql.org/support/versioning, 2026-11)."""

CONNECT_S: Final = 5.0
COMMAND_S: Final = 12.0
"""Where the server itself is frozen or cut off, it cannot keep its own time: then ours ends it."""
POOL_WAIT_S: Final = 10.0
TROUBLE: Final = (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError, ValueError)
"""What reaching a server raises: no server, no answer, refused, a URL that is none."""
_CLASSES_OF_TROUBLE: Final = ("08", "53", "57", "58")
"""SQLSTATE: connection, no room (memory, disk, connections), stopped by an operator, system."""
_STATES_OF_TROUBLE: Final = frozenset(("25P03", "40001", "40P01", "55P03", "25006"))
"""Idle too long in a transaction, serialisation, deadlock, lock not had in time, a standby."""
_WRITERS: Final = 8
_READERS: Final = 8
CONNECTIONS: Final = _WRITERS + _READERS
"""Of one control process, at most."""
_SETTINGS: Final = {
    "application_name": "opengateway control",
    # The answer to a pushed journal lets the gateway delete its copy: it must be on the disk.
    "synchronous_commit": "on",
    # No statement of ours takes long; one that does holds up others, and is better told 503.
    "lock_timeout": "5s",
    "statement_timeout": "10s",
    "idle_in_transaction_session_timeout": "15s",
    "timezone": "UTC",
    # Short statements: compiling them costs more than it saves.
    "jit": "off",
}


def shown(url: str) -> str:
    """Where a URL leads, for people: without user, password and options."""
    try:
        parts = urlsplit(url)
        query = dict(parse_qsl(parts.query))
        host = parts.netloc.rpartition("@")[2] or query.get("host", "localhost")
        return f"postgresql://{quote(unquote(host), safe=':/,[]')}{parts.path}"
    except ValueError:
        return "postgresql://?"


def open_engine(url: str, *, writes: bool, **settings: str) -> AsyncEngine:
    """An engine on `url`, a libpq URL with all that libpq knows (`sslmode`, `sslrootcert`, `host`).

    `settings` replace those of every session.
    """
    chosen = {**_SETTINGS, **settings}
    if not writes:
        chosen["default_transaction_read_only"] = "on"
        chosen["default_transaction_isolation"] = "repeatable read"

    async def connect() -> Any:
        try:
            return await asyncpg.connect(
                url, timeout=CONNECT_S, command_timeout=COMMAND_S, server_settings=chosen
            )
        except TROUBLE as error:
            raise OperationalError("connect", None, error) from error

    engine = create_async_engine(
        "postgresql+asyncpg://",
        async_creator=connect,
        pool_size=_WRITERS if writes else _READERS,
        max_overflow=0,
        pool_timeout=POOL_WAIT_S,
        # A restarted server is found here, one short question ahead, and not by a request.
        pool_pre_ping=True,
    )
    event.listen(engine.sync_engine, "handle_error", _named, retval=True)
    return engine


def _named(context: ExceptionContext) -> BaseException | None:
    """The kind of an error, which the driver's adapter leaves at "some error of the database".

    Its parameters are left out: they hold what callers sent.
    """
    error = context.original_exception
    if isinstance(error, TimeoutError | OSError):
        return OperationalError(context.statement, None, error)
    state = getattr(error, "sqlstate", None) or ""
    if state.startswith(_CLASSES_OF_TROUBLE) or state in _STATES_OF_TROUBLE:
        return OperationalError(context.statement, None, error)
    if state.startswith("22"):
        return DataError(context.statement, None, error)
    return None


@asynccontextmanager
async def migrating(url: str) -> AsyncIterator[AsyncConnection]:
    """The one transaction that migrates; another process that wants to waits for its end.

    DDL is transactional: whatever kills it leaves nothing behind. Raises `OperatorError`.
    """
    # A large table may take its time; who waits for another process waits for all of it.
    engine = open_engine(url, writes=True, lock_timeout="60s", statement_timeout="0")
    try:
        async with engine.begin() as connection:
            async with AsyncSession(connection) as session:
                await take_turn(session, Turn.MIGRATION)
                number = await session.scalar(text("SELECT current_setting('server_version_num')"))
            if int(number) < OLDEST * 10_000:
                raise OperatorError(
                    f"the control store {shown(url)!r} is PostgreSQL {int(number) // 10_000};"
                    f" {OLDEST} or newer is needed"
                )
            yield connection
    except (*TROUBLE, DBAPIError) as error:
        raise OperatorError(
            f"the control store {shown(url)!r} cannot be used: {trouble_of(error)}"
        ) from error
    finally:
        await engine.dispose()


@asynccontextmanager
async def _connected(url: str) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(url, timeout=CONNECT_S, command_timeout=CONNECT_S)
    try:
        yield connection
    finally:
        await connection.close(timeout=1)


async def look(url: str) -> str:
    """The server's version, such as `18.6`. Raises `OperatorError` in one line, no password."""
    try:
        async with _connected(url) as connection:
            version = str(await connection.fetchval("SHOW server_version")).partition(" ")[0]
    except TROUBLE as error:
        raise OperatorError(trouble_of(error)) from None
    if int(version.partition(".")[0]) < OLDEST:
        raise OperatorError(f"version {version}; {OLDEST} or newer is needed")
    return version


async def room(url: str) -> int:
    """How many connections the server gives to whoever is no superuser. Raises `OperatorError`."""
    kept = ("superuser_reserved_connections", "reserved_connections")
    try:
        async with _connected(url) as connection:
            most = int(await connection.fetchval("SHOW max_connections"))
            names = "SELECT setting FROM pg_settings WHERE name = ANY($1)"
            rows = await connection.fetch(names, list(kept))
    except TROUBLE as error:
        raise OperatorError(trouble_of(error)) from None
    return most - sum(int(row[0]) for row in rows)


def trouble_of(error: BaseException) -> str:
    """One line about why a store cannot be used. It never holds the password."""
    cause: BaseException = error
    while (inner := getattr(cause, "orig", None) or cause.__cause__) and inner is not cause:
        cause = inner
    match cause:
        case TimeoutError():
            return f"it does not answer within {CONNECT_S:g} s"
        case asyncpg.InvalidPasswordError() | asyncpg.InvalidAuthorizationSpecificationError():
            return "it refuses the user or the password; check both"
        case asyncpg.InvalidCatalogNameError():
            return "there is no such database; create it"
        case asyncpg.InsufficientPrivilegeError():
            return f"the user lacks a right: {cause.args[0]}"
        case asyncpg.PostgresError():
            return str(cause.args[0])
        case asyncpg.InterfaceError() | ValueError():
            return "the URL is not understood; write postgresql://USER:PASSWORD@HOST:PORT/DATABASE"
        case OSError():
            return "nothing listens there"
        case _:
            return type(cause).__name__
