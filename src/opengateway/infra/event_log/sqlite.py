"""The event log beside the control store: `event_log: {use: local}` (decision 9).

Portable SQL; only the setting of the store's connections knows SQLite. What is filtered or summed
has a column; the whole record is kept as JSON, so that nothing is lost and an operator can read it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import msgspec
from sqlalchemy import Index, String, Text, insert, or_, select
from sqlalchemy.orm import Mapped, mapped_column

from opengateway.domain.records import CloseRecord
from opengateway.domain.usage import Usage
from opengateway.kit import json
from opengateway.kit.db import SERIAL, AsyncSession, Base

_decode: Final = msgspec.json.Decoder(CloseRecord).decode
_BATCH: Final = 500
"""Ids in one statement: SQLite allows 32,766 parameters, PostgreSQL 65,535; plans stay small."""

_LARGEST: Final = 2**63 - 1
"""What a column can hold. A provider that claims more tokens must not stop the whole journal."""


class RequestRow(Base):
    """A request that ended. `arrival` counts the order in which records came in.

    Ids sort by when a request began. A long request arrives after shorter ones that began later,
    so whoever follows the log must go by `arrival`, or would miss it.
    """

    __tablename__ = "requests"
    __table_args__ = (Index(None, "team_id", "id"), {"sqlite_autoincrement": True})

    arrival: Mapped[int] = mapped_column(SERIAL, primary_key=True, autoincrement=True)
    id: Mapped[str] = mapped_column(String(64), unique=True)
    team_id: Mapped[str] = mapped_column(String(64))
    key_id: Mapped[str] = mapped_column(String(64))
    zone: Mapped[str] = mapped_column(String(64))
    started_at_ns: Mapped[int]
    operation: Mapped[str] = mapped_column(String(64))
    dialect: Mapped[str] = mapped_column(String(64))
    stream: Mapped[bool]
    model: Mapped[str | None] = mapped_column(Text)
    provider: Mapped[str | None] = mapped_column(Text)
    endpoint_id: Mapped[str | None] = mapped_column(Text)
    ending: Mapped[str] = mapped_column(String(32))
    status: Mapped[int]
    error_code: Mapped[str | None] = mapped_column(Text)
    cost_nanos: Mapped[int]
    price_id: Mapped[str | None] = mapped_column(Text)
    input_tokens: Mapped[int]
    output_tokens: Mapped[int]
    usage_estimated: Mapped[bool]
    attempts: Mapped[int]
    overhead_us: Mapped[int]
    first_token_ms: Mapped[float | None]
    total_ms: Mapped[float]
    session_id: Mapped[str | None] = mapped_column(Text)
    record: Mapped[str] = mapped_column(Text)


class SqlEventLog:
    """`EventLog` on the caller's session: rows land with whatever else that session writes."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def ingest(self, records: Sequence[CloseRecord]) -> int:
        by_id: dict[str, CloseRecord] = {}
        for record in records:
            by_id.setdefault(record.id, record)
        fresh = await self.unknown(list(by_id))
        rows = [_row(record) for record in by_id.values() if record.id in fresh]
        connection = await self._session.connection()
        for at in range(0, len(rows), _BATCH):
            await connection.execute(insert(RequestRow), rows[at : at + _BATCH])
        return len(rows)

    async def unknown(self, record_ids: Sequence[str]) -> set[str]:
        missing = set(record_ids)
        for at in range(0, len(record_ids), _BATCH):
            batch = record_ids[at : at + _BATCH]
            found = await self._session.scalars(
                select(RequestRow.id).where(RequestRow.id.in_(batch))
            )
            missing.difference_update(found)
        return missing

    async def get(self, record_id: str) -> CloseRecord | None:
        statement = select(RequestRow.record).where(RequestRow.id == record_id)
        text = await self._session.scalar(statement)
        return None if text is None else _decode(text)

    async def newest(
        self, *, limit: int, after_id: str | None = None, team_id: str | None = None
    ) -> Sequence[CloseRecord]:
        statement = select(RequestRow.record).limit(limit)
        if team_id is not None:
            statement = statement.where(RequestRow.team_id == team_id)
        if after_id is None:
            statement = statement.order_by(RequestRow.id.desc())
        else:
            last = select(RequestRow.arrival).where(RequestRow.id == after_id).scalar_subquery()
            # An id that is not here (pruned, or of another store) still says a time.
            unknown = last.is_(None) & (RequestRow.id > after_id)
            statement = statement.where(or_(RequestRow.arrival > last, unknown))
            statement = statement.order_by(RequestRow.arrival)
        return [_decode(text) for text in await self._session.scalars(statement)]


def _row(record: CloseRecord) -> dict[str, Any]:
    usage = Usage(record.usage)
    return {
        "id": record.id,
        "team_id": record.team_id,
        "key_id": record.key_id,
        "zone": record.zone,
        "started_at_ns": record.started_at_ns,
        "operation": record.operation,
        "dialect": record.dialect,
        "stream": record.stream,
        "model": record.model,
        "provider": record.provider,
        "endpoint_id": record.endpoint_id,
        "ending": record.ending.value,
        "status": record.status,
        "error_code": record.error.code if record.error else None,
        "cost_nanos": min(record.cost_nanos, _LARGEST),
        "price_id": record.price_id,
        "input_tokens": min(usage.input_tokens, _LARGEST),
        "output_tokens": min(usage.output_tokens, _LARGEST),
        "usage_estimated": record.usage_estimated,
        "attempts": len(record.attempts),
        "overhead_us": record.overhead_us,
        "first_token_ms": record.first_token_ms,
        "total_ms": record.total_ms,
        "session_id": record.session_id,
        "record": json.dumps(record).decode(),
    }
