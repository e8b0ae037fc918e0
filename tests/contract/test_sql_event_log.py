from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from contract.event_log import EventLogContract
from opengateway.infra.database import Database
from opengateway.infra.event_log.sql import SqlEventLog
from opengateway.ports.event_log import EventLog


class TestSqlEventLog(EventLogContract):
    """On SQLite and on PostgreSQL."""

    @pytest.fixture(autouse=True)
    def store(self, store_url: str) -> None:
        self.url = store_url

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[EventLog]:
        database = Database(self.url)
        try:
            async with database.write() as session:
                yield SqlEventLog(session)
                await session.commit()
        finally:
            await database.close()
