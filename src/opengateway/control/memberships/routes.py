"""A team's members over HTTP."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Response
from pydantic import BaseModel, Field

from opengateway.control.access import permits
from opengateway.control.actor import CurrentActor
from opengateway.control.bodies import AtOnce, Page, PerMinute, example, input_example
from opengateway.control.changes.routes import Changes
from opengateway.control.conditions import IfMatch, show_version
from opengateway.control.memberships.models import Membership
from opengateway.control.memberships.service import MembershipService
from opengateway.control.paging import After, Limit, next_page, place_of
from opengateway.control.scope import Scope
from opengateway.control.sessions.web import user_of
from opengateway.control.users.models import User
from opengateway.domain.principal import RateLimits
from opengateway.policies.permissions import Role

router = APIRouter(tags=["members"])
_LIMITS: Final[dict[str, Any]] = {"rpm": 60, "tpm": None, "concurrency": None}


class TeamRole(StrEnum):
    """What somebody is in a team."""

    OWNER = "owner"
    ADMIN = "admin"
    BILLING = "billing"
    MEMBER = "member"
    VIEWER = "viewer"


class MemberLimits(BaseModel):
    """On all the keys that the member made in this team, together; null means no limit."""

    model_config = input_example(**_LIMITS)

    rpm: PerMinute | None = None
    tpm: PerMinute | None = None
    concurrency: AtOnce | None = None


class MemberPatch(BaseModel):
    """What is left out, or null, stays."""

    model_config = input_example(role="admin")

    role: TeamRole | None = Field(None, strict=False)
    limits: MemberLimits | None = None


class MemberView(BaseModel):
    model_config = example(
        user_id="usr_0192f0c1a2b37c4d8e9fa0b1c2d3e4f7",
        email="kim@example.com",
        name="Kim",
        role="member",
        limits=_LIMITS,
        created_at_ns=1_764_000_000_000_000_000,
        version=1,
    )

    user_id: str
    email: str
    name: str
    role: str
    limits: MemberLimits
    created_at_ns: int
    version: int

    @classmethod
    def of(cls, row: Membership, user: User) -> MemberView:
        return cls(
            user_id=user.id,
            email=user.email,
            name=user.name,
            role=row.role,
            limits=MemberLimits(rpm=row.rpm, tpm=row.tpm, concurrency=row.concurrency),
            created_at_ns=row.created_at_ns,
            version=row.version,
        )


async def _service(scope: Scope, changes: Changes, actor: CurrentActor) -> MembershipService:
    return MembershipService(scope, changes, actor)


Members = Annotated[MembershipService, Depends(_service)]
_ONE = "/teams/{team_id}/members/{user_id}"


@router.get("/teams/{team_id}/members", openapi_extra=permits("members.read"))
async def list_members(
    team_id: str, members: Members, after: After = "", limit: Limit = 100
) -> Page[MemberView]:
    """Who is in the team."""
    rows = await members.page(team_id, after=place_of(after), limit=limit)
    return Page(
        data=[MemberView.of(row, user) for row, user in rows],
        next=next_page(rows, limit, lambda row: row[1].id),
    )


@router.get(_ONE, openapi_extra=permits("members.read"))
async def get_member(
    team_id: str, user_id: str, members: Members, response: Response
) -> MemberView:
    """One member."""
    row, user = await members.get(team_id, user_id)
    show_version(response, row.version)
    return MemberView.of(row, user)


@router.patch(_ONE, openapi_extra=permits("members.update"))
async def change_member(
    team_id: str,
    user_id: str,
    wanted: MemberPatch,
    members: Members,
    response: Response,
    if_match: IfMatch = None,
) -> MemberView:
    """Give a member another role, or limits. Only an owner makes or touches an owner; nobody raises
    themselves; the last owner stays one."""
    limits = wanted.limits
    row, user = await members.change(
        team_id,
        user_id,
        role=None if wanted.role is None else Role(wanted.role.value),
        limits=None if limits is None else RateLimits(limits.rpm, limits.tpm, limits.concurrency),
        if_match=if_match,
    )
    show_version(response, row.version)
    return MemberView.of(row, user)


@router.delete(_ONE, status_code=204, openapi_extra=permits("members.remove"))
async def remove_member(
    team_id: str, user_id: str, members: Members, if_match: IfMatch = None
) -> None:
    """Take somebody out of the team. Keys that they made stay: rotate those that they know."""
    await members.remove(team_id, user_id, if_match=if_match)


@router.post("/teams/{team_id}/leave", status_code=204, openapi_extra=permits("team.leave"))
async def leave_team(team_id: str, members: Members, actor: CurrentActor) -> None:
    """Leave the team yourself. The last owner cannot."""
    user_id, _ = user_of(actor)
    await members.remove(team_id, user_id)
