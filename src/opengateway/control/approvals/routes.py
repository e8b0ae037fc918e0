"""Credit that is given or taken by people, with a second one above a limit."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Header, Query, Response
from pydantic import BaseModel

from opengateway.control.access import permits_platform
from opengateway.control.actor import CurrentActor
from opengateway.control.approvals.models import Approval
from opengateway.control.approvals.service import ApprovalService
from opengateway.control.bodies import Page, example
from opengateway.control.ledger.schemas import BookedView, NewAdjustment, NewGrant
from opengateway.control.ledger.service import MoneyService
from opengateway.control.paging import After, Limit, next_page, place_of
from opengateway.control.scope import Scope
from opengateway.control.sessions.web import require_step_up
from opengateway.domain.money import nanos_to_usd

router = APIRouter(prefix="/admin", tags=["money"])


class ApprovalView(BaseModel):
    """What waits for a second person, or was decided. `amount_usd` is without its sign; `usd` in the
    payload has it. One that waits for seven days is over."""

    model_config = example(
        id="apr_0192f0c1a2b37c4d8e9fa0b1c2d3e4f5",
        kind="adjustment",
        team_id="team_0192f0c1a2b37c4d8e9fa0b1c2d3e4f6",
        usd="-250.00",
        amount_usd="250",
        reason="booked twice by hand",
        state="pending",
        asked_by="usr_0192f0c1a2b37c4d8e9fa0b1c2d3e4f7",
        asked_at_ns=1_764_000_000_000_000_000,
        expires_at_ns=1_764_604_800_000_000_000,
        decided_by=None,
        decided_at_ns=None,
        entry_id=None,
    )

    id: str
    kind: str
    team_id: str
    usd: str
    amount_usd: str
    reason: str
    state: str
    asked_by: str
    asked_at_ns: int
    expires_at_ns: int
    decided_by: str | None
    decided_at_ns: int | None
    entry_id: str | None

    @classmethod
    def of(cls, row: Approval) -> ApprovalView:
        told = {"usd": row.payload["usd"], "amount_usd": nanos_to_usd(row.amount_nanos)}
        names = (name for name in cls.model_fields if name not in told)
        return cls.model_validate({**told, **{name: getattr(row, name) for name in names}})


async def _approvals(
    scope: Scope,
    actor: CurrentActor,
    idempotency_key: Annotated[str | None, Header(max_length=200)] = None,
) -> ApprovalService:
    money = MoneyService(scope, actor, idempotency_key)
    above = scope.selling.rules.approval_above_nanos
    return ApprovalService(scope, actor, money, above, idempotency_key)


Approvals = Annotated[ApprovalService, Depends(_approvals)]
_ASKED = {202: {"model": ApprovalView, "description": "A second person has to approve it."}}


@router.post(
    "/teams/{team_id}/grants",
    status_code=201,
    openapi_extra=permits_platform("ledger.grant"),
    dependencies=[require_step_up],
    responses=_ASKED,  # type: ignore[arg-type]
)
async def grant(
    team_id: str, wanted: NewGrant, approvals: Approvals, response: Response
) -> BookedView | ApprovalView:
    """Give credit, or book a payment that came in by hand. Above what one person may move in a day
    it waits for a second one."""
    return _told(await approvals.grant(team_id, wanted), response)


@router.post(
    "/teams/{team_id}/adjustments",
    status_code=201,
    openapi_extra=permits_platform("ledger.adjust"),
    dependencies=[require_step_up],
    responses=_ASKED,  # type: ignore[arg-type]
)
async def adjust(
    team_id: str, wanted: NewAdjustment, approvals: Approvals, response: Response
) -> BookedView | ApprovalView:
    """Correct a balance. What was booked stays booked; this is a new entry. Above what one person may
    move in a day it waits for a second one."""
    return _told(await approvals.adjust(team_id, wanted), response)


@router.get("/approvals", openapi_extra=permits_platform("approvals.read"))
async def list_approvals(
    approvals: Approvals,
    state: Annotated[
        Literal["", "pending", "approved", "rejected"],
        Query(description="Empty for all.", examples=["pending"]),
    ] = "",
    after: After = "",
    limit: Limit = 100,
) -> Page[ApprovalView]:
    """What waits for a second person, and what was decided, newest first."""
    rows = await approvals.page(state, before=place_of(after), limit=limit)
    return Page(
        data=[ApprovalView.of(row) for row in rows],
        next=next_page(rows, limit, lambda row: row.id),
    )


@router.post(
    "/approvals/{approval_id}/approve",
    openapi_extra=permits_platform("approvals.decide"),
    dependencies=[require_step_up],
)
async def approve(approval_id: str, approvals: Approvals) -> ApprovalView:
    """Book it now. Not by who asked for it."""
    return ApprovalView.of(await approvals.approve(approval_id))


@router.post(
    "/approvals/{approval_id}/reject",
    openapi_extra=permits_platform("approvals.decide"),
    dependencies=[require_step_up],
)
async def reject(approval_id: str, approvals: Approvals) -> ApprovalView:
    """Nothing is booked. Who asked takes it back by this, too."""
    return ApprovalView.of(await approvals.reject(approval_id))


def _told(done: object, response: Response) -> BookedView | ApprovalView:
    if isinstance(done, Approval):
        response.status_code = 202
        return ApprovalView.of(done)
    return BookedView.of(done)  # type: ignore[arg-type]
