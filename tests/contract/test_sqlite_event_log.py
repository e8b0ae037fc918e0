from __future__ import annotations

import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from contract.event_log import EventLogContract
from control_plane import migrated_store
from opengateway.infra.database import Database, sqlite_url
from opengateway.infra.event_log.sqlite import SqlEventLog
from opengateway.ports.event_log import EventLog


class TestSqliteEventLog(EventLogContract):
    @pytest.fixture(autouse=True)
    def store(self, tmp_path: Path) -> None:
        self.path = tmp_path / "store.sqlite3"
        shutil.copy(migrated_store(), self.path)

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[EventLog]:
        database = Database(sqlite_url(str(self.path)))
        try:
            async with database.write() as session:
                yield SqlEventLog(session)
                await session.commit()
        finally:
            await database.close()
