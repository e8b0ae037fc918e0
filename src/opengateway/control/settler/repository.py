"""Every query on the journal's bookkeeping. Nothing here decides anything."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec
from sqlalchemy import delete, func, insert, select

from opengateway.control.settler.models import JournalGateway, JournalSegment, OpenRequest
from opengateway.domain.records import OpenRecord
from opengateway.kit import json
from opengateway.kit.db import AsyncSession

_decode: Final = msgspec.json.Decoder(OpenRecord).decode
_BATCH: Final = 500


class JournalRepository:
    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def gateway(self, gateway: str, now_ns: int) -> JournalGateway:
        """The gateway's row, made at its first push."""
        row = await self._session.get(JournalGateway, gateway)
        if row is None:
            row = JournalGateway(gateway=gateway, first_seen_ns=now_ns, last_seen_ns=now_ns)
            row.voided = 0
            self._session.add(row)
            await self._session.flush()
        return row

    async def acked(self, gateway: str, segment: str) -> int:
        row = await self._session.get(JournalSegment, (gateway, segment))
        return row.acked if row else 0

    async def set_acked(self, gateway: str, segment: str, acked: int) -> None:
        await self._session.merge(JournalSegment(gateway=gateway, segment=segment, acked=acked))

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

    async def add_open(self, gateway: str, records: Sequence[OpenRecord]) -> None:
        """Add those that are not there yet."""
        by_id = {record.id: record for record in records}
        for batch in _batches(list(by_id)):
            known = await self._session.scalars(
                select(OpenRequest.id).where(OpenRequest.id.in_(batch))
            )
            for record_id in known:
                del by_id[record_id]
        if not by_id:
            return
        connection = await self._session.connection()
        rows = [
            {"id": record.id, "gateway": gateway, "record": json.dumps(record).decode()}
            for record in by_id.values()
        ]
        await connection.execute(insert(OpenRequest), rows)

    async def remove_open(self, record_ids: Sequence[str]) -> None:
        connection = await self._session.connection()
        for batch in _batches(record_ids):
            await connection.execute(delete(OpenRequest).where(OpenRequest.id.in_(batch)))

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


def _batches(ids: Sequence[str]) -> list[Sequence[str]]:
    return [ids[at : at + _BATCH] for at in range(0, len(ids), _BATCH)]
