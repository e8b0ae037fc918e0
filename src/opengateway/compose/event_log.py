"""Putting together the log of requests: where rows lie, what keeps them in order, who reads them."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any, Final

from opengateway.compose.zone import Zone
from opengateway.control.kept_bodies.chores import BodyChores
from opengateway.control.logs.desk import LogDesk
from opengateway.infra.database import AsyncSession, Database
from opengateway.infra.event_log.archived import ArchivedEventLog
from opengateway.infra.event_log.archiving import LogChores
from opengateway.infra.event_log.clickhouse import ClickHouseArchive
from opengateway.infra.event_log.clickhouse_http import ClickHouseHttp
from opengateway.infra.event_log.options import ArchiveOptions
from opengateway.infra.event_log.parquet import ParquetArchive
from opengateway.infra.event_log.parquet_file import ParquetFiles
from opengateway.infra.event_log.seeding import Seeder
from opengateway.infra.event_log.sql import SqlEventLog
from opengateway.kit.clock import Clock
from opengateway.kit.ids import NewId
from opengateway.ports.event_archive import EventArchive
from opengateway.ports.event_log import EventLog

_SPARED_BYTES: Final = 512 * 1024 * 1024
"""Of the store's disk: bodies stop here, and what is billed goes on (decision 8)."""


@dataclass(frozen=True, slots=True)
class LogPlan:
    """What a zone says. Older rows go to a folder or to a server; without either they stay."""

    archive: Path | None = None
    server_url: str = field(default="", repr=False)
    options: ArchiveOptions = field(default_factory=ArchiveOptions)
    kept_days: int = 400
    bodies_days: int = 30
    exports: Path | None = None
    """Where files are made that somebody takes away."""
    store: Path | None = None
    """The folder of the control store, where it is a file."""


def log_plan_of(zone: Zone) -> LogPlan:
    slot = zone.components.event_log
    plan = LogPlan(
        kept_days=zone.retention.records_days,
        bodies_days=zone.retention.bodies_days,
        exports=zone.home / "exports",
        store=None if zone.stores.control_store else zone.home,
    )
    if slot.use != "local":
        return replace(plan, server_url=zone.stores.event_log)
    assert isinstance(slot.options, ArchiveOptions)
    return replace(plan, archive=zone.home / "archive", options=slot.options)


class LogHouse:
    """The log of one control process."""

    def __init__(self, plan: LogPlan, database: Database, clock: Clock, new_id: NewId) -> None:
        self._database = database
        self._archive = _archive_of(plan)
        self.desk = LogDesk(
            self._reading,
            clock,
            bodies_days=plan.bodies_days,
            has_room=partial(_has_room, plan.store),
            files=None if plan.exports is None else ParquetFiles(plan.exports, new_id),
        )
        self.seeder = Seeder(database.write, self._archive, new_id)
        chores = LogChores(
            *(database.read, database.write, clock, self._archive, plan.kept_days, new_id)
        )
        self.bodies = BodyChores(database.read, database.write, clock, plan.bodies_days)
        self.jobs: tuple[Callable[[], Coroutine[Any, Any, None]], ...] = (
            chores.run,
            self.bodies.run,
        )

    def of(self, session: AsyncSession) -> EventLog:
        """The log in that session's transaction."""
        if self._archive is None:
            return SqlEventLog(session)
        return ArchivedEventLog(session, self._archive)

    @asynccontextmanager
    async def _reading(self) -> AsyncIterator[EventLog]:
        async with self._database.read() as session:
            yield self.of(session)

    async def aclose(self) -> None:
        if self._archive is not None:
            await self._archive.close()


def _has_room(store: Path | None) -> bool:
    return store is None or shutil.disk_usage(store).free >= _SPARED_BYTES


def _archive_of(plan: LogPlan) -> EventArchive | None:
    if plan.archive is not None:
        return ParquetArchive(plan.archive, plan.options)
    if plan.server_url:
        server = ClickHouseHttp(plan.server_url)
        return ClickHouseArchive(server.run, plan.kept_days, close=server.aclose)
    return None
