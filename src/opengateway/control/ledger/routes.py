"""Money over HTTP: a team's own, what the platform's people book, and what the operator may ask."""

from __future__ import annotations

from typing import Annotated, Final

from fastapi import APIRouter, Depends, Header, Query, Request, Response

from opengateway.control.access import Access, access, permits, permits_platform
from opengateway.control.actor import CurrentActor
from opengateway.control.bodies import Page
from opengateway.control.leases.desk import LeaseDesk
from opengateway.control.ledger.schemas import (
    BalanceView,
    BookedView,
    LedgerEntryView,
    NewChargeback,
    NewOperatorGrant,
    NewRefund,
    OperatorGrantView,
)
from opengateway.control.ledger.service import MoneyService
from opengateway.control.paging import After, Limit, cursor, following, number_of
from opengateway.control.replies import JsonReply
from opengateway.control.scope import ControlScope, Scope
from opengateway.control.sessions.web import require_step_up
from opengateway.control.teams.repository import TeamRepository
from opengateway.control.teams.service import TeamService, TeamStatus, no_such_team
from opengateway.ports.ledger_book import Violation

router = APIRouter(tags=["money"])
admin = APIRouter(tags=["money"])
internal = APIRouter(tags=["money"])
MAX_VIOLATIONS: Final = 200
_NEWEST: Final = 2**62


async def _money(
    scope: Scope,
    actor: CurrentActor,
    idempotency_key: Annotated[str | None, Header(max_length=200)] = None,
) -> MoneyService:
    return MoneyService(scope, actor, idempotency_key)


Money = Annotated[MoneyService, Depends(_money)]


@router.get("/teams/{team_id}/balance", openapi_extra=permits("billing.read"))
async def get_balance(team_id: str, scope: Scope) -> BalanceView:
    """What the team has, and the credits that it consists of."""
    return await _balance(scope, team_id)


@router.get("/teams/{team_id}/ledger", openapi_extra=permits("billing.read"))
async def list_entries(
    team_id: str, scope: Scope, after: After = "", limit: Limit = 100
) -> Page[LedgerEntryView]:
    """Everything that was booked, newest first."""
    found = await scope.ledger.statements.entries(
        team_id, before=number_of(after) or _NEWEST, limit=limit
    )
    last = following(found, limit)
    return Page(
        data=[LedgerEntryView.of(entry) for entry in found],
        next=None if last is None else cursor(last.seq),
    )


@admin.get("/admin/teams/{team_id}/balance", openapi_extra=permits_platform("ledger.read"))
async def get_any_balance(team_id: str, scope: Scope) -> BalanceView:
    """Any team's balance."""
    return await _balance(scope, team_id)


@admin.post(
    "/admin/teams/{team_id}/refunds",
    status_code=201,
    openapi_extra=permits_platform("ledger.refund"),
    dependencies=[require_step_up],
)
async def refund(team_id: str, wanted: NewRefund, money: Money) -> BookedView:
    """Give a payment or a charge back, never more of it than is left."""
    return BookedView.of(await money.refund(team_id, wanted))


@admin.post(
    "/admin/teams/{team_id}/chargebacks",
    status_code=201,
    openapi_extra=permits_platform("ledger.chargeback"),
    dependencies=[require_step_up],
)
async def charge_back(team_id: str, wanted: NewChargeback, money: Money) -> BookedView:
    """Book a payment that its payer took back."""
    return BookedView.of(await money.charge_back(team_id, wanted))


@internal.post("/grants", status_code=201, openapi_extra=access(Access.INTERNAL))
async def operator_grant(
    wanted: NewOperatorGrant, money: Money, scope: Scope, actor: CurrentActor
) -> OperatorGrantView:
    """Give credit to a team by its id or name; a new name makes the team."""
    team = await TeamService(scope, actor).find_or_make(wanted.team)
    booked = BookedView.of(await money.grant(team.id, wanted))
    return OperatorGrantView(**booked.model_dump(), team_id=team.id)


@internal.get("/ledger/verify", openapi_extra=access(Access.INTERNAL))
async def verify(
    request: Request, scope: Scope, only: Annotated[list[str] | None, Query(max_length=16)] = None
) -> Response:
    """Prove the invariants of the whole ledger, or those named. Reads one state of the store."""
    found: list[Violation] = []
    counts: dict[str, int] = {}
    desk: LeaseDesk = request.app.state.lease_desk
    checks = scope.ledger.statements.verify(only or (), attentive_since_ns=desk.attentive_since_ns)
    async for violation in checks:
        counts[violation.invariant] = counts.get(violation.invariant, 0) + 1
        if counts[violation.invariant] <= MAX_VIOLATIONS:
            found.append(violation)
    return JsonReply({"violations": found, "counts": counts})


async def _balance(scope: ControlScope, team_id: str) -> BalanceView:
    team = await TeamRepository(scope.session).get(team_id)
    if team is None:
        raise no_such_team(team_id)
    balance = await scope.ledger.statements.balance(team_id)
    return BalanceView.of(balance, frozen=team.status == TeamStatus.FROZEN)
