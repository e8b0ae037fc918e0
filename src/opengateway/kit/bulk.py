"""Several statements of one transaction in one go, for what comes in by the hundred.

An ORM statement costs 150 us on SQLite, most of it on the way to the connection's thread and back,
four times; a batch makes that way once. The transaction is still the session's own.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count
from typing import Any, Final, TypeAlias, cast

from sqlalchemy.exc import IntegrityError, InterfaceError, OperationalError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession

Row: TypeAlias = Sequence[Any]
_LIKE_SQLALCHEMY: Final = (
    (sqlite3.IntegrityError, IntegrityError),
    (sqlite3.OperationalError, OperationalError),
    (sqlite3.InterfaceError, InterfaceError),
)


@dataclass(frozen=True, slots=True)
class Call:
    """One statement with its parameters: a tuple, or with `many` a list of tuples."""

    sqlite: str
    postgres: str
    parameters: Sequence[Any]
    many: bool


@dataclass(frozen=True, slots=True)
class Done:
    """What a call gave: the rows that it returned, and how many it changed (-1: not known)."""

    rows: Sequence[Row]
    changed: int


class Sql:
    """One statement for both databases: marks are `?` in SQLite's text, `$1` in PostgreSQL's.

    Where only the marks differ, PostgreSQL's text is made of SQLite's.
    """

    def __init__(self, sqlite: str, postgres: str | None = None) -> None:
        self.sqlite = sqlite
        self.postgres = postgres or _numbered(sqlite)

    def once(self, *parameters: Any) -> Call:
        return Call(self.sqlite, self.postgres, parameters, many=False)

    def each(self, rows: Sequence[Row]) -> Call:
        """For every row. Returns no rows."""
        return Call(self.sqlite, self.postgres, rows, many=True)


def is_sqlite(session: AsyncSession) -> bool:
    return session.get_bind().dialect.name == "sqlite"


async def run(session: AsyncSession, calls: Sequence[Call]) -> list[Done]:
    """Run `calls` in order in the session's transaction. Raises what SQLAlchemy would raise.

    What the session itself has not flushed is not seen.
    """
    connection = await session.connection()
    if is_sqlite(session):
        return await _on_sqlite(connection, calls)
    return [await _on_postgres(connection, call) for call in calls]


async def _on_sqlite(connection: AsyncConnection, calls: Sequence[Call]) -> list[Done]:
    driver: Any = (await connection.get_raw_connection()).driver_connection
    # aiosqlite has no public way to run more than one statement in its thread at a time.
    done = await driver._execute(_in_thread, driver._conn, calls)
    return cast("list[Done]", done)


def _in_thread(connection: sqlite3.Connection, calls: Sequence[Call]) -> list[Done]:
    done: list[Done] = []
    for call in calls:
        execute = connection.executemany if call.many else connection.execute
        try:
            cursor = execute(call.sqlite, call.parameters)
            done.append(Done(cursor.fetchall(), cursor.rowcount))
        except sqlite3.Error as error:
            for kind, told in _LIKE_SQLALCHEMY:
                if isinstance(error, kind):
                    raise told(call.sqlite, None, error) from error
            raise
    return done


async def _on_postgres(connection: AsyncConnection, call: Call) -> Done:
    parameters: Any = list(call.parameters) if call.many else tuple(call.parameters)
    result = await connection.exec_driver_sql(call.postgres, parameters or None)
    if not result.returns_rows:
        return Done((), result.rowcount)
    rows = [tuple(row) for row in result]
    return Done(rows, len(rows))


def _numbered(sql: str) -> str:
    first, *rest = sql.split("?")
    numbers = count(1)
    return first + "".join(f"${next(numbers)}{part}" for part in rest)
