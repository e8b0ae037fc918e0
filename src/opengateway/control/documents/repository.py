"""Every query on papers and on whom they are made out to. Nothing here decides anything."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from sqlalchemy import select, text

from opengateway.control.documents.models import BillingProfile, Document
from opengateway.kit.db import AsyncSession

# A row that is counted up under its lock: numbers have no gap, for what is undone gives its own back.
_NEXT: Final = text(
    "INSERT INTO document_series (series, last) VALUES (:series, 1)"
    " ON CONFLICT (series) DO UPDATE SET last = document_series.last + 1 RETURNING last"
)
_HOLD: Final = text(
    "INSERT INTO document_series (series, last) VALUES (:series, 0)"
    " ON CONFLICT (series) DO UPDATE SET last = document_series.last"
)
_KEYS: Final = text("SELECT id, name FROM api_keys WHERE team_id = :team_id")


class DocumentRepository:
    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def add(self, row: Document | BillingProfile) -> None:
        """Write it now, so that a broken constraint is found here and not at the commit."""
        self._session.add(row)
        await self._session.flush()

    async def hold(self, series: str) -> None:
        """Nobody else draws a number of the series until this transaction ends."""
        await self._session.execute(_HOLD, {"series": series})

    async def next_number(self, series: str) -> int:
        return int(await self._session.scalar(_NEXT, {"series": series}) or 0)

    async def get(self, team_id: str, document_id: str) -> Document | None:
        statement = select(Document).where(Document.id == document_id, Document.team_id == team_id)
        return await self._session.scalar(statement)

    async def of_subject(self, kind: str, team_id: str, subject_id: str) -> Document | None:
        statement = select(Document).where(
            Document.kind == kind,
            Document.team_id == team_id,
            Document.subject_id == subject_id,
        )
        return await self._session.scalar(statement)

    async def of_subjects(
        self, kind: str, team_id: str, subject_ids: Sequence[str]
    ) -> Sequence[Document]:
        statement = select(Document).where(
            Document.kind == kind,
            Document.team_id == team_id,
            Document.subject_id.in_(subject_ids),
        )
        return (await self._session.scalars(statement)).all() if subject_ids else ()

    async def of_team(self, team_id: str, *, before: str, limit: int) -> Sequence[Document]:
        """Newest first."""
        statement = select(Document).where(Document.team_id == team_id)
        if before:
            statement = statement.where(Document.id < before)
        statement = statement.order_by(Document.id.desc()).limit(limit)
        return (await self._session.scalars(statement)).all()

    async def profile(self, team_id: str) -> BillingProfile | None:
        return await self._session.get(BillingProfile, team_id)

    async def key_names(self, team_id: str) -> dict[str, str]:
        rows = await self._session.execute(_KEYS, {"team_id": team_id})
        return {row[0]: row[1] for row in rows}
