from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError, SQLAlchemyError

from opengateway.infra.database import AsyncSession, Database
from opengateway.kit.bulk import Sql, run

ADD = Sql("INSERT INTO open_requests (id, gateway, record) VALUES (?, ?, ?)")
ADD_NEW = Sql(ADD.sqlite + " ON CONFLICT (id) DO NOTHING")
MOVE = Sql("UPDATE open_requests SET gateway = ? WHERE id <> ?")
ALL = Sql("SELECT id, gateway FROM open_requests ORDER BY id")


@pytest.fixture
async def database(store_url: str) -> AsyncIterator[Database]:
    database = Database(store_url)
    yield database
    await database.close()


def rows(*ids: str) -> list[tuple[str, str, str]]:
    return [(record_id, "g", "{}") for record_id in ids]


async def test_statements_run_in_order_and_say_what_they_gave_and_changed(
    database: Database,
) -> None:
    async with database.write() as session:
        _, again, moved, found = await run(
            session,
            [
                ADD.each(rows("a", "b", "c")),
                ADD_NEW.once("a", "other", "{}"),
                MOVE.once("h", "c"),
                ALL.once(),
            ],
        )
    assert (again.changed, moved.changed) == (0, 2)
    assert list(found.rows) == [("a", "h"), ("b", "h"), ("c", "g")]


async def test_they_are_part_of_the_sessions_transaction(database: Database) -> None:
    async def count(session: AsyncSession) -> int:
        return await session.scalar(text("SELECT count(*) FROM open_requests")) or 0

    async with database.write() as session:
        await run(session, [ADD.each(rows("a", "b"))])
        assert await count(session) == 2
        await session.rollback()
        await run(session, [ADD.each(rows("c"))])
        await session.commit()
    async with database.read() as session:
        assert await count(session) == 1


async def test_what_the_store_refuses_is_raised_as_sqlalchemy_raises_it(database: Database) -> None:
    async with database.write() as session:
        with pytest.raises(IntegrityError):
            await run(session, [ADD.each(rows("a", "a"))])
        await session.rollback()
        with pytest.raises(SQLAlchemyError):
            await run(session, [Sql("SELECT nothing FROM nowhere").once()])
