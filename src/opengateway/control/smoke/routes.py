"""Smoke tests over HTTP, for the platform's people: run them, read them, see what they propose."""

from __future__ import annotations

from typing import Annotated, cast

from fastapi import APIRouter, Depends, Query, Request

from opengateway.control.access import permits_platform
from opengateway.control.actor import CurrentActor
from opengateway.control.bodies import Page
from opengateway.control.paging import After, Limit, next_page, place_of
from opengateway.control.scope import Scope
from opengateway.control.smoke.desk import SmokeDesk
from opengateway.control.smoke.repository import SmokeRepository
from opengateway.control.smoke.schemas import (
    NewSmokeRun,
    ProposalView,
    SmokeCellView,
    SmokeResultView,
    SmokeRunView,
)
from opengateway.control.smoke.service import SmokeService

router = APIRouter(prefix="/admin/smoke", tags=["smoke tests"])


async def _service(scope: Scope, actor: CurrentActor) -> SmokeService:
    return SmokeService(scope, actor)


async def _desk(request: Request) -> SmokeDesk:
    return cast(SmokeDesk, request.app.state.smoke_desk)


Smoke = Annotated[SmokeService, Depends(_service)]
Desk = Annotated[SmokeDesk, Depends(_desk)]


@router.get("", openapi_extra=permits_platform("system.read"))
async def list_smoke_cells(
    scope: Scope, after: After = "", limit: Limit = 100
) -> Page[SmokeCellView]:
    """How every feature of every endpoint stands, as it was tried last."""
    rows = await SmokeRepository(scope.session).cells(after=place_of(after), limit=limit)
    return Page(
        data=[SmokeCellView.of(row) for row in rows],
        next=next_page(rows, limit, lambda row: row.id),
    )


@router.get("/runs", openapi_extra=permits_platform("system.read"))
async def list_smoke_runs(
    scope: Scope, after: After = "", limit: Limit = 100
) -> Page[SmokeRunView]:
    """Runs, newest first."""
    rows = await SmokeRepository(scope.session).runs(before=place_of(after), limit=limit)
    return Page(
        data=[SmokeRunView.of(row) for row in rows],
        next=next_page(rows, limit, lambda row: row.id),
    )


@router.post("/runs", status_code=202, openapi_extra=permits_platform("system.write"))
async def start_smoke_run(
    wanted: NewSmokeRun, smoke: Smoke, desk: Desk, scope: Scope
) -> SmokeRunView:
    """Begin a run. It is paid by the operator's own team; its results come as they are found."""
    run = await smoke.begin(wanted.wish())
    scope.after_commit(lambda: desk.ask(run.id))
    return SmokeRunView.of(run)


@router.get("/runs/{run_id}", openapi_extra=permits_platform("system.read"))
async def get_smoke_run(run_id: str, smoke: Smoke) -> SmokeRunView:
    """One run."""
    return SmokeRunView.of(await smoke.get(run_id))


@router.get("/runs/{run_id}/results", openapi_extra=permits_platform("system.read"))
async def list_smoke_results(
    run_id: str, smoke: Smoke, scope: Scope, after: After = "", limit: Limit = 100
) -> Page[SmokeResultView]:
    """A run's results, in the order in which they came."""
    await smoke.get(run_id)
    rows = await SmokeRepository(scope.session).results(run_id, after=place_of(after), limit=limit)
    return Page(
        data=[SmokeResultView.of(row) for row in rows],
        next=next_page(rows, limit, lambda row: row.id),
    )


@router.get("/proposals", openapi_extra=permits_platform("system.read"))
async def list_proposals(
    scope: Scope,
    state: Annotated[str | None, Query(pattern="^(open|dismissed|mended)$")] = None,
    after: After = "",
    limit: Limit = 100,
) -> Page[ProposalView]:
    """What the tests propose to change in the catalogue, newest first."""
    rows = await SmokeRepository(scope.session).proposals(
        state=state, before=place_of(after), limit=limit
    )
    return Page(
        data=[ProposalView.of(row) for row in rows],
        next=next_page(rows, limit, lambda row: row.id),
    )


@router.post("/proposals/{proposal_id}/dismiss", openapi_extra=permits_platform("system.write"))
async def dismiss_proposal(proposal_id: str, smoke: Smoke) -> ProposalView:
    """Leave the catalogue as it is. It is proposed anew once it has worked, and fails again."""
    return ProposalView.of(await smoke.dismiss(proposal_id))
