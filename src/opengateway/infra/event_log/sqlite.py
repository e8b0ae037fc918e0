"""The event log beside the control store: `event_log: {use: local}` (decision 9).

Portable SQL: it lies in the control store, SQLite or PostgreSQL. What is filtered or summed
has a column; the whole record is kept as JSON, so that nothing is lost and an operator can read it.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
from operator import attrgetter
from typing import Any, Final

import msgspec
from sqlalchemy import Index, String, Text, or_, select
from sqlalchemy.orm import Mapped, mapped_column

from opengateway.domain.records import CloseRecord
from opengateway.domain.usage import INPUT_TOKENS, OUTPUT_TOKENS
from opengateway.kit import bulk, json
from opengateway.kit.db import SERIAL, AsyncSession, Base, Turn, take_turn

_decode: Final = msgspec.json.Decoder(CloseRecord).decode
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


_PLAIN: Final = (
    *("id", "team_id", "key_id", "zone", "started_at_ns", "operation", "dialect", "stream"),
    *("model", "provider", "endpoint_id", "price_id", "usage_estimated", "overhead_us"),
    *("first_token_ms", "total_ms", "session_id", "status"),
)
"""Columns that are a member of the record as it stands."""
_COLUMNS: Final = (
    *_PLAIN,
    *("ending", "error_code", "cost_nanos", "input_tokens", "output_tokens", "attempts", "record"),
)
_TYPES: Final = {
    **dict.fromkeys(("started_at_ns", "overhead_us", "status", "cost_nanos"), "bigint"),
    **dict.fromkeys(("input_tokens", "output_tokens", "attempts"), "bigint"),
    **dict.fromkeys(("stream", "usage_estimated"), "boolean"),
    **dict.fromkeys(("first_token_ms", "total_ms"), "double precision"),
}
_INTO: Final = f"INSERT INTO requests ({', '.join(_COLUMNS)}) "
_TOGETHER: Final = 32
"""Rows of one statement on SQLite: 800 of the 32,766 parameters that it allows."""


def _insert(rows: int) -> bulk.Sql:
    """That many rows on SQLite; on PostgreSQL any number, a column for each parameter."""
    marks = f"({', '.join('?' * len(_COLUMNS))})"
    arrays = ", ".join(f"${n}::{_TYPES.get(c, 'text')}[]" for n, c in enumerate(_COLUMNS, 1))
    return bulk.Sql(
        f"{_INTO} VALUES {', '.join([marks] * rows)} ON CONFLICT (id) DO NOTHING",
        f"{_INTO} SELECT * FROM unnest({arrays}) ON CONFLICT (id) DO NOTHING RETURNING id",
    )


_ONE: Final = _insert(1)
_SOME: Final = _insert(_TOGETHER)
_NEWEST: Final = bulk.Sql("SELECT coalesce(max(arrival), 0) FROM requests")
_ARRIVED: Final = bulk.Sql("SELECT id FROM requests WHERE arrival > ?")
_KNOWN: Final = bulk.Sql(
    "SELECT value FROM json_each(?) WHERE value IN (SELECT id FROM requests)",
    "SELECT id FROM requests WHERE id IN (SELECT json_array_elements_text($1::json))",
)


class SqlEventLog:
    """`EventLog` on the caller's session: rows land with whatever else that session writes."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def ingest(self, records: Sequence[CloseRecord]) -> Sequence[CloseRecord]:
        if len({record.id for record in records}) < len(records):
            # Of two with one id the first counts.
            records = list({record.id: record for record in reversed(records)}.values())[::-1]
        if not records:
            return ()
        rows = [_row(record) for record in records]
        if bulk.is_sqlite(self._session):
            new = await self._add_on_sqlite(rows)
        else:
            # So that `arrival` grows in the order of commits: who follows the log misses nothing.
            await take_turn(self._session, Turn.JOURNAL)
            (done,) = await bulk.run(
                self._session, [_ONE.once(*map(list, zip(*rows, strict=True)))]
            )
            new = None if len(done.rows) == len(rows) else {row[0] for row in done.rows}
        return records if new is None else [r for r in records if r.id in new]

    async def _add_on_sqlite(self, rows: list[tuple[Any, ...]]) -> set[str] | None:
        """The ids that were new; None where all were, as nearly always."""
        whole = len(rows) // _TOGETHER * _TOGETHER
        calls = [
            _SOME.once(*chain.from_iterable(rows[at : at + _TOGETHER]))
            for at in range(0, whole, _TOGETHER)
        ]
        if whole < len(rows):
            calls.append(_ONE.each(rows[whole:]))
        newest, *added = await bulk.run(self._session, [_NEWEST.once(), *calls])
        if sum(done.changed for done in added) == len(rows):
            return None
        # The store has one writer: what stands behind the newest of before is what we added.
        (arrived,) = await bulk.run(self._session, [_ARRIVED.once(newest.rows[0][0])])
        return {row[0] for row in arrived.rows}

    async def unknown(self, record_ids: Sequence[str]) -> set[str]:
        if not record_ids:
            return set()
        ids = json.dumps(record_ids).decode()
        (known,) = await bulk.run(self._session, [_KNOWN.once(ids)])
        return set(record_ids).difference(row[0] for row in known.rows)

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


_plain: Final = attrgetter(*_PLAIN)
_encode: Final = json.dumps
_INPUT: Final = frozenset(INPUT_TOKENS)
_OUTPUT: Final = frozenset(OUTPUT_TOKENS)


def _row(record: CloseRecord) -> tuple[Any, ...]:
    """Its values in the order of `_COLUMNS`."""
    tokens_in = tokens_out = 0
    for dimension, quantity in record.usage.items():
        if dimension in _INPUT:
            tokens_in += quantity
        elif dimension in _OUTPUT:
            tokens_out += quantity
    return (
        *_plain(record),
        record.ending.value,
        record.error.code if record.error else None,
        min(record.cost_nanos, _LARGEST),
        min(tokens_in, _LARGEST),
        min(tokens_out, _LARGEST),
        len(record.attempts),
        _encode(record).decode(),
    )
