"""Every query on the journal's bookkeeping. Nothing here decides anything."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import msgspec
from sqlalchemy import delete, func, select, update

from opengateway.control.settler.models import JournalGateway, JournalSegment, OpenRequest
from opengateway.domain.records import OpenRecord
from opengateway.kit import bulk, json
from opengateway.kit.db import AsyncSession, Turn, take_turn

_decode: Final = msgspec.json.Decoder(OpenRecord).decode
_BATCH: Final = 500

_STANDING: Final = bulk.Sql("SELECT acked FROM journal_segments WHERE gateway = ? AND segment = ?")
_SEEN: Final = bulk.Sql(
    "INSERT INTO journal_gateways (gateway, first_seen_ns, last_seen_ns, voided) VALUES (?, ?, ?, 0)"
    " ON CONFLICT (gateway) DO UPDATE SET last_seen_ns = excluded.last_seen_ns"
)
_MOVE: Final = bulk.Sql(
    "INSERT INTO journal_segments (gateway, segment, acked) VALUES (?, ?, ?)"
    " ON CONFLICT (gateway, segment) DO UPDATE SET acked = excluded.acked"
    " WHERE journal_segments.acked = ?"
)
_OPEN: Final = bulk.Sql(
    "INSERT INTO open_requests (id, gateway, record) VALUES (?, ?, ?) ON CONFLICT (id) DO NOTHING"
)
_CLOSE: Final = bulk.Sql("DELETE FROM open_requests WHERE id = ?")


@dataclass(frozen=True, slots=True)
class Bookkeeping:
    """What one push changes besides the event log. `acked` was the segment's offset before."""

    gateway: str
    segment: str
    acked: int
    consumed: int
    opened: Sequence[OpenRecord]
    closed: Sequence[str]
    """Ids that may stand as open."""


class JournalRepository:
    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def acked(self, gateway: str, segment: str) -> int:
        """The offset up to which the segment is settled; nobody else settles until we are done."""
        await take_turn(self._session, Turn.JOURNAL)
        (found,) = await bulk.run(self._session, [_STANDING.once(gateway, segment)])
        return int(found.rows[0][0]) if found.rows else 0

    async def book(self, push: Bookkeeping, now_ns: int) -> bool:
        """Write it all. False, and nothing of it may be committed, where another has moved the
        segment's offset meanwhile."""
        acked = push.acked + push.consumed
        calls = [
            _SEEN.once(push.gateway, now_ns, now_ns),
            _MOVE.once(push.gateway, push.segment, acked, push.acked),
        ]
        if push.opened:
            calls.append(_OPEN.each([_open_row(push.gateway, r) for r in push.opened]))
        if push.closed:
            calls.append(_CLOSE.each([(record_id,) for record_id in push.closed]))
        _, moved, *_ = await bulk.run(self._session, calls)
        return moved.changed == 1

    async def forget_segments(self, gateway: str, keep: int) -> None:
        """Drop the offsets of a gateway's oldest segments, which it deleted long ago."""
        names = (
            select(JournalSegment.segment)
            .where(JournalSegment.gateway == gateway)
            .order_by(JournalSegment.segment.desc())
            .offset(keep)
            .limit(_BATCH)
        )
        old = (await self._session.scalars(names)).all()
        if old:
            await self._session.execute(
                delete(JournalSegment).where(
                    JournalSegment.gateway == gateway, JournalSegment.segment.in_(old)
                )
            )

    async def finish(self, gateway: str, voided: int, now_ns: int) -> None:
        """The gateway is dead and its journal consumed; `voided` of its requests were open."""
        await self._session.execute(
            update(JournalGateway)
            .where(JournalGateway.gateway == gateway)
            .values(
                finished_at_ns=func.coalesce(JournalGateway.finished_at_ns, now_ns),
                voided=JournalGateway.voided + voided,
            )
        )

    async def remove_open(self, record_ids: Sequence[str]) -> None:
        if record_ids:
            await bulk.run(self._session, [_CLOSE.each([(i,) for i in record_ids])])

    async def open_of(self, gateway: str, limit: int) -> Sequence[OpenRecord]:
        statement = (
            select(OpenRequest.record)
            .where(OpenRequest.gateway == gateway)
            .order_by(OpenRequest.id)
            .limit(limit)
        )
        return [_decode(text) for text in await self._session.scalars(statement)]

    async def count_open(self) -> int:
        return await self._session.scalar(select(func.count()).select_from(OpenRequest)) or 0

    async def gateways(self, limit: int) -> Sequence[JournalGateway]:
        """The newest first."""
        statement = select(JournalGateway).order_by(JournalGateway.gateway.desc()).limit(limit)
        return (await self._session.scalars(statement)).all()

    async def forget_finished(self, keep: int) -> None:
        """Drop the bookkeeping of finished gateways, but for the newest `keep` of them."""
        finished = (
            select(JournalGateway.gateway)
            .where(JournalGateway.finished_at_ns.is_not(None))
            .order_by(JournalGateway.gateway.desc())
            .offset(keep)
            .limit(_BATCH)
        )
        old = (await self._session.scalars(finished)).all()
        if old:
            gone = delete(JournalGateway).where(JournalGateway.gateway.in_(old))
            await self._session.execute(gone)


def _open_row(gateway: str, record: OpenRecord) -> tuple[str, str, str]:
    return record.id, gateway, json.dumps(record).decode()
