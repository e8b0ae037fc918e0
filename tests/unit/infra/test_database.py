from __future__ import annotations

import asyncio
import sqlite3
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import create_engine, text
from sqlalchemy.exc import OperationalError

import opengateway.compose.control  # noqa: F401 - loads the models of every slice
from opengateway.domain.errors import OperatorError
from opengateway.infra.database import HEAD, Database, migrate, sqlite_url
from opengateway.infra.migrations.run import newest, upgrade
from opengateway.kit.db import Base
from stores import migrated_store


def test_the_known_head_is_the_newest_migration() -> None:
    assert newest() == HEAD


def test_migrations_make_exactly_the_tables_that_the_models_describe() -> None:
    engine = create_engine(f"sqlite:///{migrated_store()}")
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert len(Base.metadata.tables) > 40, "not all models were loaded"
        assert compare_metadata(context, Base.metadata) == []
    engine.dispose()


async def test_migrating_twice_changes_nothing(tmp_path: Path) -> None:
    url = sqlite_url(str(tmp_path / "a.sqlite3"))
    assert await migrate(url) == HEAD
    assert await migrate(url) == HEAD


async def test_a_newer_schema_that_only_added_is_run_on(tmp_path: Path) -> None:
    path = tmp_path / "a.sqlite3"
    await migrate(sqlite_url(str(path)))
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
        connection.execute("ALTER TABLE teams ADD COLUMN later TEXT")
        # What took something away before, and is known here.
        connection.execute("INSERT INTO schema_floor VALUES (?)", (HEAD,))
    connection.close()
    await migrate(sqlite_url(str(path)))
    with sqlite3.connect(path) as connection:
        assert connection.execute("SELECT * FROM alembic_version").fetchall() == [("9999",)]
    connection.close()


@pytest.mark.parametrize(
    "change", ["INSERT INTO schema_floor VALUES ('9998')", "DROP TABLE schema_floor"]
)
async def test_a_newer_schema_that_took_something_away_is_refused_with_words(
    tmp_path: Path, change: str
) -> None:
    path = tmp_path / "a.sqlite3"
    await migrate(sqlite_url(str(path)))
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
        connection.execute(change)
    connection.close()
    with pytest.raises(OperatorError, match="another version"):
        await migrate(sqlite_url(str(path)))


async def test_a_file_that_is_no_store_is_refused_with_words(tmp_path: Path) -> None:
    path = tmp_path / "a.sqlite3"
    path.write_bytes(b"this is not a database, not at all" * 100)
    with pytest.raises(OperatorError, match="cannot be used"):
        await migrate(sqlite_url(str(path)))


async def test_a_migration_that_does_not_reach_its_commit_leaves_nothing(tmp_path: Path) -> None:
    path = tmp_path / "a.sqlite3"
    database = Database(sqlite_url(str(path)))
    async with database.write() as session:
        connection = await session.connection()
        await connection.run_sync(upgrade, HEAD)
        assert await session.scalar(text("SELECT count(*) FROM teams")) == 0
    await database.close()
    with sqlite3.connect(path) as after:
        assert after.execute("SELECT count(*) FROM sqlite_master").fetchone() == (0,)
    after.close()


async def test_connections_are_set_for_what_is_promised(tmp_path: Path) -> None:
    database = Database(sqlite_url(str(tmp_path / "a.sqlite3")))
    async with database.write() as session:
        settings = {
            name: await session.scalar(text(f"PRAGMA {name}"))
            for name in ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
        }
    await database.close()
    assert settings == {
        "journal_mode": "wal",
        "synchronous": 2,  # FULL
        "foreign_keys": 1,
        "busy_timeout": 5000,
    }


async def test_writers_queue_and_lose_no_update(tmp_path: Path) -> None:
    database = Database(sqlite_url(str(tmp_path / "a.sqlite3")))
    async with database.write() as session:
        await session.execute(text("CREATE TABLE t (n INTEGER)"))
        await session.execute(text("INSERT INTO t VALUES (0)"))
        await session.commit()

    async def add_one() -> None:
        async with database.write() as session:
            seen = await session.scalar(text("SELECT n FROM t"))
            await asyncio.sleep(0)
            await session.execute(text("UPDATE t SET n = :n"), {"n": seen + 1})
            await session.commit()

    await asyncio.gather(*(add_one() for _ in range(20)))
    async with database.read() as session:
        assert await session.scalar(text("SELECT n FROM t")) == 20
    await database.close()


async def test_a_reader_sees_the_last_commit_while_a_writer_works_and_cannot_write(
    tmp_path: Path,
) -> None:
    database = Database(sqlite_url(str(tmp_path / "a.sqlite3")))
    async with database.write() as writer, database.read() as reader:
        await writer.execute(text("CREATE TABLE t (n INTEGER)"))
        await writer.commit()
        await writer.execute(text("INSERT INTO t VALUES (1)"))
        assert await reader.scalar(text("SELECT count(*) FROM t")) == 0
        with pytest.raises(OperationalError, match="readonly"):
            await reader.execute(text("DELETE FROM t"))
    await database.close()


async def test_who_may_write_holds_the_writers_place_from_the_first_look(tmp_path: Path) -> None:
    """Else two who looked could both decide to write, and one would fail at its first write."""
    path = tmp_path / "a.sqlite3"
    database = Database(sqlite_url(str(path)))
    stranger = sqlite3.connect(path, isolation_level=None, timeout=0)
    async with database.write() as session:
        await session.scalar(text("SELECT 1"))
        with pytest.raises(sqlite3.OperationalError, match="locked"):
            stranger.execute("BEGIN IMMEDIATE")
    stranger.close()
    await database.close()
