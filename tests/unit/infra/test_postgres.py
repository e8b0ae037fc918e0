from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path

import asyncpg
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, text
from sqlalchemy.exc import DataError, DBAPIError, OperationalError

from asgi_client import call
from control_plane import control_in
from opengateway.domain.errors import OperatorError
from opengateway.infra.database import HEAD, Database, migrate
from opengateway.infra.migrations.run import upgrade
from opengateway.infra.postgres import look, open_engine, room, shown, trouble_of
from opengateway.kit.db import Base, Turn, take_turn
from store_servers import PostgresServer


async def test_several_processes_may_migrate_at_once_and_again(blank_postgres_url: str) -> None:
    done = await asyncio.gather(*(migrate(blank_postgres_url) for _ in range(4)))
    assert [*done, await migrate(blank_postgres_url)] == [HEAD] * 5


async def test_a_migration_that_dies_leaves_nothing(blank_postgres_url: str) -> None:
    database = Database(blank_postgres_url)
    async with database.write() as session:
        connection = await session.connection()
        await connection.run_sync(upgrade, HEAD)
        assert await session.scalar(text("SELECT count(*) FROM teams")) == 0
        pid = await session.scalar(text("SELECT pg_backend_pid()"))
        killer = await asyncpg.connect(blank_postgres_url)
        await killer.execute("SELECT pg_terminate_backend($1)", pid)
        tables = "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'"
        assert await killer.fetchval(tables) == 0
        await killer.close()
        with pytest.raises(DBAPIError):
            await session.commit()
    await database.close()
    assert await migrate(blank_postgres_url) == HEAD


async def test_migrations_make_exactly_the_tables_that_the_models_describe(
    postgres_url: str,
) -> None:
    def differences(connection: Connection) -> list[object]:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        return list(compare_metadata(context, Base.metadata))

    engine = open_engine(postgres_url, writes=False)
    async with engine.connect() as connection:
        assert await connection.run_sync(differences) == []
    await engine.dispose()


async def test_a_store_of_a_newer_version_is_refused_with_words(postgres_url: str) -> None:
    connection = await asyncpg.connect(postgres_url)
    await connection.execute("UPDATE alembic_version SET version_num = '9999'")
    await migrate(postgres_url)  # that only added
    await connection.execute("INSERT INTO schema_floor VALUES ('9998')")
    await connection.close()
    with pytest.raises(OperatorError, match="another version"):
        await migrate(postgres_url)


async def test_what_stands_in_the_way_is_told_without_the_password(postgres_url: str) -> None:
    elsewhere = postgres_url.replace("postgres@", "postgres:s3cret@")
    for url, words in (
        ("postgresql://u:s3cret@127.0.0.1:1/og", "'postgresql://127.0.0.1:1/og'.*nothing listens"),
        (elsewhere.replace("/og_test", "/no_test"), "/no_test.*no such database"),
        ("postgresql://u:s3cret@127.0.0.1:port/og", "not understood"),
    ):
        with pytest.raises(OperatorError, match=words) as told:
            await migrate(url)
        assert "s3cret" not in told.value.message


def test_a_shown_url_holds_neither_user_nor_password_nor_options() -> None:
    url = "postgresql://me:pa%2Fss@db.example:5432,db2.example:5433/og?sslmode=require&password=x"
    assert shown(url) == "postgresql://db.example:5432,db2.example:5433/og"
    assert shown("postgresql://me@/og?host=/run/pg") == "postgresql:///run/pg/og"
    assert shown("postgresql://[broken") == "postgresql://?"


async def test_sessions_are_set_for_what_is_promised(postgres_url: str) -> None:
    database = Database(postgres_url)
    names = ("synchronous_commit", "lock_timeout", "statement_timeout")
    names += ("idle_in_transaction_session_timeout", "transaction_isolation")
    async with database.write() as session:
        writes = [await session.scalar(text(f"SHOW {name}")) for name in names]
    async with database.read() as session:
        reads = await session.scalar(text("SHOW transaction_isolation"))
    await database.close()
    assert writes == ["on", "5s", "10s", "15s", "read committed"]
    assert reads == "repeatable read"


async def test_a_reader_sees_one_state_and_cannot_write(postgres_url: str) -> None:
    """The key table and the number of its newest change belong together."""
    database = Database(postgres_url)
    count = text("SELECT count(*) FROM teams")
    async with database.read() as reader, database.write() as writer:
        assert await reader.scalar(count) == 0
        await writer.execute(text("INSERT INTO teams (id, name, created_at_ns) VALUES ('a','b',1)"))
        await writer.commit()
        assert await reader.scalar(count) == 0
        with pytest.raises(OperationalError, match="read-only"):
            await reader.execute(text("DELETE FROM teams"))
    async with database.read() as reader:
        assert await reader.scalar(count) == 1
    await database.close()


async def test_a_turn_is_waited_for_and_taken_twice_is_taken_once(postgres_url: str) -> None:
    database = Database(postgres_url)
    async with database.write() as one, database.write() as other:
        await take_turn(one, Turn.CHANGES)
        await take_turn(one, Turn.CHANGES)
        await take_turn(other, Turn.JOURNAL)  # nobody's
        waiting = asyncio.create_task(take_turn(other, Turn.CHANGES))
        await asyncio.sleep(0.05)
        assert not waiting.done()
        await one.commit()
        await asyncio.wait_for(waiting, 2)
    await database.close()


async def test_a_turn_that_does_not_come_is_trouble_of_the_store(postgres_url: str) -> None:
    database = Database(postgres_url)
    async with database.write() as one, database.write() as other:
        await take_turn(one, Turn.CHANGES)
        await other.execute(text("SET LOCAL lock_timeout = '10ms'"))
        with pytest.raises(OperationalError, match="lock timeout"):
            await take_turn(other, Turn.CHANGES)
    await database.close()


async def test_a_value_that_cannot_be_stored_is_the_callers(
    postgres_url: str, tmp_path: Path
) -> None:
    async with control_in(tmp_path, postgres_url) as house:
        reply = await call(house.internal_app, "GET", "/internal/v1/events?limit=1&after=%00")
        assert (reply.status, reply.json()["error"]["code"]) == (400, "invalid_request")
        async with house.parts.database.write() as session:
            with pytest.raises(DataError):
                await session.execute(text("SELECT CAST(:x AS bigint)"), {"x": 2**70})


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGQUIT], ids=["stopped", "crashed"])
async def test_a_lost_store_is_503_and_found_again_after_its_restart(
    own_postgres: PostgresServer, tmp_path: Path, number: signal.Signals
) -> None:
    async with control_in(tmp_path, own_postgres.url("postgres")) as house:

        async def statuses() -> list[int]:
            wanted = {"team": "a", "name": os.urandom(4).hex()}
            made = await call(house.internal_app, "POST", "/internal/v1/keys", payload=wanted)
            read = await call(house.internal_app, "GET", "/internal/v1/key-table")
            return [made.status, read.status]

        assert await statuses() == [201, 200]
        own_postgres.stop(number)
        for _ in range(3):
            assert await statuses() == [503, 503]
        own_postgres.start()
        assert await statuses() == [201, 200]
        table = await call(house.internal_app, "GET", "/internal/v1/key-table")
        assert len(table.json()["keys"]) == 2


async def test_the_version_is_read_and_an_old_one_refused(postgres_url: str) -> None:
    assert (await look(postgres_url)).startswith("18.")
    assert 20 < await room(postgres_url) < 10_000


def test_trouble_is_told_in_one_line() -> None:
    assert trouble_of(TimeoutError()) == "it does not answer within 5 s"
    wrong = asyncpg.InvalidPasswordError('password authentication failed for user "u"')
    assert trouble_of(wrong) == "it refuses the user or the password; check both"
    assert trouble_of(OperationalError("connect", None, ConnectionRefusedError())) == (
        "nothing listens there"
    )
