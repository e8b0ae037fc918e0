"""What becomes of an outcome: a row, what stands now, and a proposal where the catalogue is wrong."""

from __future__ import annotations

import hashlib
from typing import Final

from opengateway.control.actor import Actor
from opengateway.control.scope import ControlScope
from opengateway.control.smoke.models import (
    CatalogueProposal,
    OperatorTeam,
    ProposalKind,
    ProposalState,
    RunState,
    SmokeCell,
    SmokeResult,
    SmokeRun,
)
from opengateway.control.smoke.repository import SmokeRepository
from opengateway.control.teams.service import TeamService
from opengateway.domain.errors import Conflict, NotFound
from opengateway.domain.smoke import CLAIMED, Cell, Feature, Outcome, SmokeWish, Verdict
from opengateway.kit.log import get_logger

TEAM_NAME: Final = "Smoke tests"
OPERATOR_TEAM: Final = "smoke"
MAX_DETAIL: Final = 500
_COUNTED: Final = {
    Verdict.PASS: "passed",
    Verdict.FAIL: "failed",
    Verdict.UNAVAILABLE: "unavailable",
    Verdict.SKIPPED: "skipped",
}
_GONE: Final = ("404 model_unavailable_upstream", "404 model_gone")
_MEMBERS: Final = {
    Feature.TOOLS: "take 'tools' out of 'capabilities'",
    Feature.STRUCTURED_OUTPUT: "take 'structured_output' out of 'capabilities'",
    Feature.VISION: "take 'image' out of 'input_modalities', or of the endpoint's 'modalities'",
    Feature.REASONING: "take 'reasoning' out of 'capabilities'",
    Feature.CACHE: "take 'prompt_caching' out of 'capabilities'",
}

log = get_logger(__name__)


class RunNotFound(NotFound):
    code = "smoke_run_not_found"


class ProposalNotFound(NotFound):
    code = "proposal_not_found"


class SmokeBusy(Conflict):
    code = "smoke_busy"


class SmokeService:
    """The caller owns the transaction."""

    def __init__(self, scope: ControlScope, actor: Actor) -> None:
        self._rows = SmokeRepository(scope.session)
        self._scope = scope
        self._actor = actor

    async def begin(self, wish: SmokeWish) -> SmokeRun:
        """A run that waits to be carried out. Raises `SmokeBusy`: one at a time is enough."""
        if await self._rows.living():
            raise SmokeBusy("smoke tests are running; wait until they are done")
        run = SmokeRun(
            id=self._scope.new_id("smk_"),
            level=wish.level.value,
            models=wish.models,
            state=RunState.WAITING.value,
            cap_nanos=wish.cap_nanos,
            started_at_ns=self._scope.clock.now_ns(),
        )
        await self._rows.add(run)
        after = {"level": run.level, "models": run.models}
        await self._scope.audit(self._actor, "smoke.started", object_id=run.id, after=after)
        return run

    async def get(self, run_id: str) -> SmokeRun:
        """Raises `RunNotFound`."""
        run = await self._rows.run(run_id)
        if run is None:
            raise RunNotFound(f"there is no run {run_id!r}", param="run_id")
        return run

    async def planned(self, run_id: str, cells: int) -> None:
        run = await self.get(run_id)
        run.state, run.planned = RunState.RUNNING.value, cells

    async def note(self, run_id: str, outcome: Outcome) -> None:
        """One outcome: its row, what stands, and what it speaks for."""
        cell, now_ns = outcome.cell, self._scope.clock.now_ns()
        run = await self.get(run_id)
        counter = _COUNTED[outcome.verdict]
        setattr(run, counter, getattr(run, counter) + 1)
        detail = outcome.detail[:MAX_DETAIL]
        await self._rows.add(
            SmokeResult(
                id=self._scope.new_id("smr_"),
                run_id=run_id,
                **_columns(cell),
                verdict=outcome.verdict.value,
                detail=detail,
                request_id=outcome.request_id[:64],
                duration_ms=outcome.duration_ms,
                first_token_ms=outcome.first_token_ms,
                at_ns=now_ns,
            )
        )
        if outcome.verdict is not Verdict.SKIPPED:
            failing_since_ns = await self._stand(run_id, outcome, now_ns)
            await self._propose(run_id, outcome, now_ns, failing_since_ns)

    async def finish(self, run_id: str, state: RunState, cost_nanos: int, detail: str = "") -> None:
        run = await self.get(run_id)
        run.state, run.detail = state.value, detail[:MAX_DETAIL]
        run.cost_nanos = cost_nanos
        run.finished_at_ns = self._scope.clock.now_ns()

    async def dismiss(self, proposal_id: str) -> CatalogueProposal:
        """A person says that nothing is to be changed. Raises `ProposalNotFound`, `Conflict`."""
        proposal = await self._rows.proposal(proposal_id)
        if proposal is None:
            raise ProposalNotFound(f"there is no proposal {proposal_id!r}", param="proposal_id")
        if proposal.state != ProposalState.OPEN.value:
            raise Conflict(f"the proposal is {proposal.state} already", code="proposal_closed")
        self._close(proposal, ProposalState.DISMISSED, self._scope.clock.now_ns())
        await self._scope.session.flush()
        await self._scope.audit(self._actor, "proposal.dismissed", object_id=proposal.id)
        return proposal

    async def team_id(self) -> str:
        """The operator's own team, which pays for the tests; made when it is first asked for."""
        known = await self._rows.operator_team(OPERATOR_TEAM)
        if known is not None:
            return known.team_id
        team = await TeamService(self._scope, self._actor).make(TEAM_NAME)
        now_ns = self._scope.clock.now_ns()
        await self._rows.add_team(
            OperatorTeam(name=OPERATOR_TEAM, team_id=team.id, created_at_ns=now_ns)
        )
        return team.id

    async def _stand(self, run_id: str, outcome: Outcome, now_ns: int) -> int | None:
        """Since when it fails."""
        cell_id = cell_id_of(outcome.cell)
        passed = outcome.verdict is Verdict.PASS
        row = await self._rows.cell(cell_id)
        if row is None:
            row = SmokeCell(
                id=cell_id,
                **_columns(outcome.cell),
                succeeded_at_ns=None,
                failing_since_ns=None,
                verdict="",
                detail="",
                run_id=run_id,
                at_ns=now_ns,
            )
            self._scope.session.add(row)
        row.verdict, row.detail = outcome.verdict.value, outcome.detail[:MAX_DETAIL]
        row.run_id, row.at_ns = run_id, now_ns
        if passed:
            row.succeeded_at_ns, row.failing_since_ns = now_ns, None
        elif row.failing_since_ns is None:
            row.failing_since_ns = now_ns
        await self._scope.session.flush()
        return row.failing_since_ns

    async def _propose(
        self, run_id: str, outcome: Outcome, now_ns: int, failing_since_ns: int | None
    ) -> None:
        cell_id = cell_id_of(outcome.cell)
        last = await self._rows.last_proposal(cell_id)
        is_open = last is not None and last.state == ProposalState.OPEN.value
        if outcome.verdict is Verdict.PASS:
            if last is not None and is_open:
                self._close(last, ProposalState.MENDED, now_ns)
            return
        kind, change = _speaks_for(outcome)
        # What a person dismissed is not proposed again until it has worked in between.
        known = last is not None and last.created_at_ns >= (failing_since_ns or 0)
        if kind is None or is_open or known:
            return
        proposal = CatalogueProposal(
            id=self._scope.new_id("cpr_"),
            cell_id=cell_id,
            kind=kind.value,
            **_columns(outcome.cell),
            change=change,
            detail=outcome.detail[:MAX_DETAIL],
            state=ProposalState.OPEN.value,
            run_id=run_id,
            created_at_ns=now_ns,
            closed_at_ns=None,
        )
        await self._rows.add(proposal)
        log.warning(
            "catalogue_drift",
            model=proposal.model,
            endpoint=proposal.endpoint_id,
            feature=proposal.feature,
            change=change,
        )

    @staticmethod
    def _close(proposal: CatalogueProposal, state: ProposalState, now_ns: int) -> None:
        proposal.state, proposal.closed_at_ns = state.value, now_ns


def cell_id_of(cell: Cell) -> str:
    named = f"{cell.endpoint_id}\n{cell.region}\n{cell.feature.value}"
    return hashlib.sha256(named.encode()).hexdigest()


def _speaks_for(outcome: Outcome) -> tuple[ProposalKind | None, str]:
    cell = outcome.cell
    if outcome.verdict is not Verdict.FAIL:
        return None, ""
    if outcome.detail.startswith(_GONE):
        return ProposalKind.GONE, f"take the endpoint {cell.endpoint_id!r} out of {cell.model!r}"
    if cell.feature in CLAIMED:
        return ProposalKind.LOST, f"{_MEMBERS[cell.feature]} of {cell.model!r}"
    return None, ""


def _columns(cell: Cell) -> dict[str, str]:
    return {
        "model": cell.model,
        "endpoint_id": cell.endpoint_id,
        "provider": cell.provider,
        "region": cell.region,
        "feature": cell.feature.value,
    }
