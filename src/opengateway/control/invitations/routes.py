"""Invitations over HTTP."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response
from pydantic import BaseModel, Field

from opengateway.control.access import Access, access, permits
from opengateway.control.actor import Actor, CurrentActor
from opengateway.control.bodies import Page, example, input_example
from opengateway.control.changes.routes import Changes
from opengateway.control.conditions import IfMatch, show_version
from opengateway.control.idempotency.edge import keep_instead
from opengateway.control.invitations.models import Invitation
from opengateway.control.invitations.service import InvitationService
from opengateway.control.mail.letters import letter
from opengateway.control.mail.outbox import Outbox
from opengateway.control.memberships.routes import TeamRole
from opengateway.control.paging import After, Limit, next_page, place_of
from opengateway.control.scope import ControlScope, Scope
from opengateway.control.sessions.web import user_of
from opengateway.control.teams.service import TeamService
from opengateway.control.users.repository import UserRepository
from opengateway.control.users.service import UserService
from opengateway.policies.permissions import Role

router = APIRouter(tags=["invitations"])
_VIEW: dict[str, Any] = {
    "id": "inv_0192f0c1a2b37c4d8e9fa0b1c2d3e4f8",
    "email": "lee@example.com",
    "role": "member",
    "state": "waiting",
    "created_by": "usr_0192f0c1a2b37c4d8e9fa0b1c2d3e4f7",
    "created_at_ns": 1_764_000_000_000_000_000,
    "expires_at_ns": 1_764_604_800_000_000_000,
    "sent": 1,
    "version": 1,
}


class NewInvitation(BaseModel):
    model_config = input_example(email="lee@example.com", role="member")

    email: str = Field(min_length=3, max_length=254)
    role: TeamRole = Field(strict=False)


class InvitationView(BaseModel):
    """`state` is one of waiting, accepted, revoked, expired."""

    model_config = example(**_VIEW)

    id: str
    email: str
    role: str
    state: str
    created_by: str | None
    created_at_ns: int
    expires_at_ns: int
    sent: int
    version: int


class SentInvitation(InvitationView):
    """`link` is there only where the zone sends no mail, and only in this answer: hand it over."""

    model_config = example(**_VIEW, link=None)

    link: str | None = Field(repr=False)


class Acceptance(BaseModel):
    model_config = input_example(token="ogi_(43 characters)")

    token: str = Field(min_length=1, max_length=100, repr=False)


class Joined(BaseModel):
    model_config = example(team_id="team_0192f0c1a2b37c4d8e9fa0b1c2d3e4f6", role="member")

    team_id: str
    role: str


async def _service(scope: Scope, changes: Changes, actor: CurrentActor) -> InvitationService:
    return InvitationService(scope, changes, actor)


Invitations = Annotated[InvitationService, Depends(_service)]
_ONE = "/teams/{team_id}/invitations/{invitation_id}"


@router.get("/teams/{team_id}/invitations", openapi_extra=permits("invitations.read"))
async def list_invitations(
    team_id: str, invitations: Invitations, after: After = "", limit: Limit = 100
) -> Page[InvitationView]:
    """A team's invitations, oldest first, past ones included."""
    rows = await invitations.page(team_id, after=place_of(after), limit=limit)
    return Page(
        data=[InvitationView.model_validate(_shown(invitations, row)) for row in rows],
        next=next_page(rows, limit, lambda row: row.id),
    )


@router.post(
    "/teams/{team_id}/invitations", status_code=201, openapi_extra=permits("invitations.create")
)
async def invite(
    team_id: str,
    wanted: NewInvitation,
    invitations: Invitations,
    scope: Scope,
    actor: CurrentActor,
    request: Request,
    response: Response,
) -> SentInvitation:
    """Invite somebody by e-mail. It can be taken once, within seven days."""
    made, token = await invitations.invite(team_id, wanted.email, Role(wanted.role.value))
    return await _sent(invitations, made, token, scope, actor, request, response)


@router.post(_ONE + "/resend", openapi_extra=permits("invitations.create"))
async def resend_invitation(
    team_id: str,
    invitation_id: str,
    invitations: Invitations,
    scope: Scope,
    actor: CurrentActor,
    request: Request,
    response: Response,
    if_match: IfMatch = None,
) -> SentInvitation:
    """Send it again, with a new link for seven days; the link before serves no more."""
    made, token = await invitations.resend(team_id, invitation_id, if_match=if_match)
    return await _sent(invitations, made, token, scope, actor, request, response)


@router.delete(_ONE, status_code=204, openapi_extra=permits("invitations.revoke"))
async def revoke_invitation(
    team_id: str, invitation_id: str, invitations: Invitations, if_match: IfMatch = None
) -> None:
    """Take an invitation back."""
    await invitations.revoke(team_id, invitation_id, if_match=if_match)


@router.post("/invitations/accept", openapi_extra=access(Access.SIGNED_IN))
async def accept_invitation(
    wanted: Acceptance, invitations: Invitations, scope: Scope, actor: CurrentActor
) -> Joined:
    """Join the team, as the person who was invited."""
    user_id, _ = user_of(actor)
    user = await UserService(scope, actor).locked(user_id)
    joined = await invitations.accept(wanted.token, user)
    return Joined(team_id=joined.team_id, role=joined.role)


async def _sent(
    invitations: InvitationService,
    made: Invitation,
    token: str,
    scope: ControlScope,
    actor: Actor,
    request: Request,
    response: Response,
) -> SentInvitation:
    """Post the letter, or show the link to who invites where there is no mail."""
    link = f"{scope.sign_in.settings.public_url}/invitations/accept#token={token}"
    inviter = None
    if actor.user_id is not None:
        inviter = await UserRepository(scope.session).get(actor.user_id)
    team = await TeamService(scope, actor).live(made.team_id)
    mail = letter(
        "invitation",
        inviter.locale if inviter else "en",
        made.email,
        link,
        team=team.name,
        by=inviter.name if inviter else "OpenGateway",
    )
    posted = await Outbox(scope).post(mail, keep_s=7 * 24 * 3600)
    shown = _shown(invitations, made)
    keep_instead(request, SentInvitation.model_validate({**shown, "link": None}))
    show_version(response, made.version)
    return SentInvitation.model_validate({**shown, "link": None if posted else link})


def _shown(invitations: InvitationService, row: Invitation) -> dict[str, Any]:
    columns = {name: getattr(row, name) for name in InvitationView.model_fields if name != "state"}
    return {**columns, "state": invitations.state(row).value}
