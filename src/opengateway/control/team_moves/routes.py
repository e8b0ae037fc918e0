"""Moves of teams, on the operator's socket alone: whoever moves a team holds both zones' keys."""

from __future__ import annotations

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field

from opengateway.control.access import Access, access
from opengateway.control.actor import CurrentActor
from opengateway.control.changes.routes import Changes
from opengateway.control.providers.tools import Desk
from opengateway.control.scope import Scope
from opengateway.control.team_moves.form import read_team_file, write_team_file
from opengateway.control.team_moves.service import TeamMoves

router = APIRouter(tags=["teams"])


class _Asked(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class Departure(_Asked):
    zone: str = Field(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$")


class Arrival(_Asked):
    """`public_key`: of the zone that signed the file."""

    file: str = Field(max_length=24_000_000)
    public_key: str = Field(min_length=64, max_length=66)


class DepartedView(BaseModel):
    file: str


class MovedKeyView(BaseModel):
    """`key` is the new secret. It is in this answer and nowhere else, ever."""

    was: str
    id: str
    name: str
    kind: str
    key: str = Field(repr=False)


class InvitedView(BaseModel):
    email: str
    role: str
    token: str = Field(repr=False)


class ArrivedView(BaseModel):
    team_id: str
    name: str
    amount_nanos: int
    keys: list[MovedKeyView]
    members: list[str]
    invited: list[InvitedView]


@router.post("/teams/{team_id}/departure", openapi_extra=access(Access.INTERNAL))
async def depart(
    team_id: str,
    wanted: Departure,
    request: Request,
    scope: Scope,
    changes: Changes,
    actor: CurrentActor,
) -> DepartedView:
    """A frozen team's signed file. Its credit is gone from here afterwards, and it stays frozen."""
    moves = TeamMoves(scope, changes, actor)
    left = await moves.leave(team_id, wanted.zone)
    if isinstance(left, str):
        return DepartedView(file=left)
    text = request.app.state.parts.checkpoints.signed(write_team_file(left)).decode()
    await moves.keep(left.id, text)
    return DepartedView(file=text)


@router.post("/team-arrivals", status_code=201, openapi_extra=access(Access.INTERNAL))
async def arrive(
    wanted: Arrival, scope: Scope, changes: Changes, actor: CurrentActor, desk: Desk
) -> ArrivedView:
    """The team of a file, once: with its credit, new keys in place of the old, people invited."""
    file = read_team_file(wanted.file, wanted.public_key)
    arrived = await TeamMoves(scope, changes, actor).arrive(file)
    scope.after_commit(desk.publisher.changed)  # snapshots carry a team's own ceiling
    return ArrivedView(
        team_id=arrived.team.id,
        name=arrived.team.name,
        amount_nanos=arrived.amount_nanos,
        keys=[
            MovedKeyView(was=was, id=key.id, name=key.name, kind=key.kind, key=secret)
            for was, key, secret in arrived.keys
        ],
        members=arrived.joined,
        invited=[InvitedView(email=e, role=r, token=t) for e, r, t in arrived.invited],
    )
