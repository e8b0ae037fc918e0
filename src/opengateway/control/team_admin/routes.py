"""Teams over HTTP: one's own, and every one for the platform's people."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Response

from opengateway.control.access import Access, access, permits, permits_platform
from opengateway.control.actor import CurrentActor
from opengateway.control.bodies import Page
from opengateway.control.changes.routes import Changes
from opengateway.control.conditions import IfMatch, show_version
from opengateway.control.identity.caller import CurrentCaller
from opengateway.control.newcomers.devices import Device, known_device
from opengateway.control.paging import After, Limit, Search, next_page, place_of
from opengateway.control.scope import Scope
from opengateway.control.sessions.web import require_step_up, user_of
from opengateway.control.team_admin.schemas import (
    Freeze,
    NewTeam,
    TeamPatch,
    TeamView,
    check_reason,
)
from opengateway.control.team_admin.service import TeamLife
from opengateway.control.teams.service import TeamService

router = APIRouter(tags=["teams"])
admin = APIRouter(tags=["teams"])
internal = APIRouter(tags=["teams"])


async def _life(scope: Scope, changes: Changes, actor: CurrentActor) -> TeamLife:
    return TeamLife(scope, changes, actor)


Life = Annotated[TeamLife, Depends(_life)]


@router.get("/teams", openapi_extra=access(Access.SIGNED_IN))
async def list_my_teams(
    life: Life, actor: CurrentActor, after: After = "", limit: Limit = 100
) -> Page[TeamView]:
    """The teams that you are in."""
    user_id, _ = user_of(actor)
    rows = await life.mine(user_id, after=place_of(after), limit=limit)
    return Page(
        data=[TeamView.of(team, role) for team, role in rows],
        next=next_page(rows, limit, lambda row: row[0].id),
    )


@router.post("/teams", status_code=201, openapi_extra=access(Access.SIGNED_IN))
async def create_team(
    wanted: NewTeam,
    life: Life,
    scope: Scope,
    actor: CurrentActor,
    response: Response,
    caller: CurrentCaller,
    og_device: Device = "",
) -> TeamView:
    """Make a team, in this zone for ever, with you as its owner."""
    user_id, _ = user_of(actor)
    team = await life.create(wanted.name, user_id, caller, known_device(scope, response, og_device))
    show_version(response, team.version)
    return TeamView.of(team, "owner")


@router.get("/teams/{team_id}", openapi_extra=permits("team.read"))
async def get_team(team_id: str, life: Life, actor: CurrentActor, response: Response) -> TeamView:
    """One team."""
    team = await life.get(team_id)
    show_version(response, team.version)
    return TeamView.of(team, actor.role)


@router.patch("/teams/{team_id}", openapi_extra=permits("team.update"))
async def change_team(
    team_id: str,
    wanted: TeamPatch,
    life: Life,
    actor: CurrentActor,
    response: Response,
    if_match: IfMatch = None,
) -> TeamView:
    """Change a team. Its zone cannot be changed."""
    team = await life.change(team_id, wanted.columns(), if_match=if_match)
    show_version(response, team.version)
    return TeamView.of(team, actor.role)


@router.delete(
    "/teams/{team_id}",
    status_code=204,
    openapi_extra=permits("team.delete"),
    dependencies=[require_step_up],
)
async def delete_team(team_id: str, life: Life, if_match: IfMatch = None) -> None:
    """Delete a team: its keys are revoked, its balance is frozen, its records stay."""
    await life.delete(team_id, if_match=if_match)


@admin.get("/admin/teams", openapi_extra=permits_platform("teams.read"))
async def list_every_team(
    life: Life, search: Search = "", after: After = "", limit: Limit = 100
) -> Page[TeamView]:
    """Every team of the zone, deleted ones included, or those that are searched for."""
    rows = await life.every(after=place_of(after), limit=limit, search=search.strip())
    return Page(
        data=[TeamView.of(row, None) for row in rows],
        next=next_page(rows, limit, lambda row: row.id),
    )


@admin.post(
    "/admin/teams/{team_id}/freeze",
    openapi_extra=permits_platform("teams.freeze"),
    dependencies=[require_step_up],
)
async def freeze_team(team_id: str, wanted: Freeze, life: Life) -> TeamView:
    """Stop a team's spending. Gateways refuse its keys within seconds."""
    team = await life.set_frozen(team_id, frozen=True, reason=check_reason(wanted.reason))
    return TeamView.of(team, None)


@admin.post(
    "/admin/teams/{team_id}/unfreeze",
    openapi_extra=permits_platform("teams.freeze"),
    dependencies=[require_step_up],
)
async def unfreeze_team(team_id: str, wanted: Freeze, life: Life) -> TeamView:
    """Let a frozen team spend again."""
    team = await life.set_frozen(team_id, frozen=False, reason=check_reason(wanted.reason))
    return TeamView.of(team, None)


@internal.get("/teams", openapi_extra=access(Access.INTERNAL))
async def list_teams(life: Life, after: After = "", limit: Limit = 100) -> Page[TeamView]:
    """Every team, for the operator."""
    return await list_every_team(life, after=after, limit=limit)


@internal.post("/teams", status_code=201, openapi_extra=access(Access.INTERNAL))
async def make_team(wanted: NewTeam, scope: Scope, actor: CurrentActor) -> TeamView:
    """The team of this name, made if it is new: the operator's teams are found by their names."""
    team = await TeamService(scope, actor).find_or_make(wanted.name)
    return TeamView.of(team, None)


@internal.get("/team", openapi_extra=access(Access.INTERNAL))
async def find_team(
    scope: Scope,
    actor: CurrentActor,
    team: Annotated[str, Query(min_length=1, max_length=200)],
) -> TeamView:
    """The team of this id or name."""
    return TeamView.of(await TeamService(scope, actor).find(team), None)
