"""Every query on the smoke tests' tables. Nothing here decides anything."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from sqlalchemy import delete, func, select, update

from opengateway.control.smoke.models import (
    CatalogueProposal,
    OperatorTeam,
    ProposalState,
    RunState,
    SmokeCell,
    SmokeResult,
    SmokeRun,
)
from opengateway.kit.db import AsyncSession

_LIVING: Final = (RunState.WAITING.value, RunState.RUNNING.value)


class SmokeRepository:
    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def add(self, row: SmokeRun | SmokeResult | SmokeCell | CatalogueProposal) -> None:
        self._session.add(row)
        await self._session.flush()

    async def add_team(self, row: OperatorTeam) -> None:
        self._session.add(row)
        await self._session.flush()

    async def operator_team(self, name: str) -> OperatorTeam | None:
        return await self._session.get(OperatorTeam, name)

    async def operator_team_ids(self) -> Sequence[str]:
        return (await self._session.scalars(select(OperatorTeam.team_id))).all()

    # --- runs ------------------------------------------------------------------------------------

    async def run(self, run_id: str) -> SmokeRun | None:
        return await self._session.get(SmokeRun, run_id)

    async def runs(self, *, before: str, limit: int) -> Sequence[SmokeRun]:
        """Newest first."""
        statement = select(SmokeRun).order_by(SmokeRun.id.desc()).limit(limit)
        if before:
            statement = statement.where(SmokeRun.id < before)
        return (await self._session.scalars(statement)).all()

    async def runs_since(self, since_ns: int, limit: int) -> Sequence[SmokeRun]:
        """Oldest first."""
        statement = (
            select(SmokeRun)
            .where(SmokeRun.started_at_ns >= since_ns)
            .order_by(SmokeRun.id)
            .limit(limit)
        )
        return (await self._session.scalars(statement)).all()

    async def living(self) -> int:
        statement = select(func.count()).select_from(SmokeRun).where(SmokeRun.state.in_(_LIVING))
        return await self._session.scalar(statement) or 0

    async def break_living(self, detail: str, now_ns: int) -> None:
        """Runs of a process that is gone."""
        await self._session.execute(
            update(SmokeRun)
            .where(SmokeRun.state.in_(_LIVING))
            .values(state=RunState.BROKEN.value, detail=detail, finished_at_ns=now_ns)
        )

    async def prune(self, before_ns: int) -> None:
        """Forget runs that began before then, with their results."""
        old = select(SmokeRun.id).where(SmokeRun.started_at_ns < before_ns)
        await self._session.execute(delete(SmokeResult).where(SmokeResult.run_id.in_(old)))
        await self._session.execute(delete(SmokeRun).where(SmokeRun.started_at_ns < before_ns))

    # --- results ---------------------------------------------------------------------------------

    async def results(self, run_id: str, *, after: str, limit: int) -> Sequence[SmokeResult]:
        """In the order in which they came."""
        statement = (
            select(SmokeResult)
            .where(SmokeResult.run_id == run_id, SmokeResult.id > after)
            .order_by(SmokeResult.id)
            .limit(limit)
        )
        return (await self._session.scalars(statement)).all()

    async def request_ids(self, run_id: str) -> Sequence[str]:
        statement = select(SmokeResult.request_id).where(
            SmokeResult.run_id == run_id, SmokeResult.request_id != ""
        )
        return (await self._session.scalars(statement)).all()

    # --- what stands -----------------------------------------------------------------------------

    async def cell(self, cell_id: str) -> SmokeCell | None:
        return await self._session.get(SmokeCell, cell_id)

    async def cells(self, *, after: str, limit: int) -> Sequence[SmokeCell]:
        statement = select(SmokeCell).where(SmokeCell.id > after).order_by(SmokeCell.id)
        return (await self._session.scalars(statement.limit(limit))).all()

    async def last_success_by_place(self) -> Sequence[tuple[str, str, int]]:
        """(provider, region) and when something worked there last."""
        statement = (
            select(SmokeCell.provider, SmokeCell.region, func.max(SmokeCell.succeeded_at_ns))
            .where(SmokeCell.succeeded_at_ns.is_not(None))
            .group_by(SmokeCell.provider, SmokeCell.region)
            .order_by(SmokeCell.provider, SmokeCell.region)
        )
        return [(p, r, int(at or 0)) for p, r, at in await self._session.execute(statement)]

    async def verdicts(self) -> Sequence[tuple[str, str, int]]:
        """How many cells stand at each (provider, verdict)."""
        statement = (
            select(SmokeCell.provider, SmokeCell.verdict, func.count())
            .group_by(SmokeCell.provider, SmokeCell.verdict)
            .order_by(SmokeCell.provider, SmokeCell.verdict)
        )
        return [(p, v, int(n)) for p, v, n in await self._session.execute(statement)]

    async def forget_cells(self, before_ns: int) -> None:
        """Those that were not tried since: their endpoints are not served any more."""
        await self._session.execute(delete(SmokeCell).where(SmokeCell.at_ns < before_ns))

    # --- proposals -------------------------------------------------------------------------------

    async def proposal(self, proposal_id: str) -> CatalogueProposal | None:
        return await self._session.get(CatalogueProposal, proposal_id)

    async def last_proposal(self, cell_id: str) -> CatalogueProposal | None:
        statement = (
            select(CatalogueProposal)
            .where(CatalogueProposal.cell_id == cell_id)
            .order_by(CatalogueProposal.id.desc())
            .limit(1)
        )
        found: CatalogueProposal | None = await self._session.scalar(statement)
        return found

    async def proposals(
        self, *, state: str | None, before: str, limit: int
    ) -> Sequence[CatalogueProposal]:
        """Newest first."""
        statement = select(CatalogueProposal).order_by(CatalogueProposal.id.desc()).limit(limit)
        if state is not None:
            statement = statement.where(CatalogueProposal.state == state)
        if before:
            statement = statement.where(CatalogueProposal.id < before)
        return (await self._session.scalars(statement)).all()

    async def proposals_since(self, since_ns: int, limit: int) -> Sequence[CatalogueProposal]:
        statement = (
            select(CatalogueProposal)
            .where(CatalogueProposal.created_at_ns >= since_ns)
            .order_by(CatalogueProposal.id)
            .limit(limit)
        )
        return (await self._session.scalars(statement)).all()

    async def count_open_proposals(self) -> int:
        statement = select(func.count()).select_from(CatalogueProposal)
        statement = statement.where(CatalogueProposal.state == ProposalState.OPEN.value)
        return await self._session.scalar(statement) or 0
