"""Kept bodies over HTTP: one request's, a search, erasing a team's; and where gateways push them.

Reading is a permission of its own, and every reading is audited before anything is shown.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import asdict
from typing import Annotated, Any, Final, cast

from fastapi import APIRouter, Depends, Query, Request, Response
from pydantic import BaseModel

from opengateway.control.access import Access, access, permits, permits_in_own_teams
from opengateway.control.actor import CurrentActor
from opengateway.control.authority import OwnTeams
from opengateway.control.bodies import example
from opengateway.control.kept_bodies.repository import BodyRepository
from opengateway.control.kept_bodies.schemas import BodyView, FoundBodies, SearchTerms, body_view
from opengateway.control.kept_bodies.service import KeptBodies, Window
from opengateway.control.logs.desk import LogDesk
from opengateway.control.paging import request_cursor, request_place
from opengateway.control.replies import JsonReply
from opengateway.control.scope import ControlScope, Scope
from opengateway.domain.errors import CapacityError, NotFound
from opengateway.domain.kept_body import BadBody
from opengateway.ports.secret_box import Unsealable

router = APIRouter(tags=["logs"])
internal = APIRouter(tags=["logs"])
_READ: Final = "logs.bodies.read"
_ERASED: Final = 2_000
"""In one transaction."""

OpenScope = Callable[[], AbstractAsyncContextManager[ControlScope]]


class BodyNotKept(NotFound):
    code = "body_not_kept"


async def _opening(request: Request) -> OpenScope:
    """Readers write too: their entry of the audit log, in a transaction of its own."""
    return cast(OpenScope, request.app.state.open_scope)


async def _log_desk(request: Request) -> LogDesk:
    return cast(LogDesk, request.app.state.log_desk)


Opening = Annotated[OpenScope, Depends(_opening)]
Desk = Annotated[LogDesk, Depends(_log_desk)]


@router.get("/logs/bodies", openapi_extra=permits_in_own_teams(_READ), response_model=FoundBodies)
async def search_bodies(
    terms: Annotated[SearchTerms, Query()],
    teams: OwnTeams,
    scope: Scope,
    opening: Opening,
    desk: Desk,
    actor: CurrentActor,
) -> Response:
    """Requests of a team whose kept body has a text, newest first. They lie encrypted: each is
    opened and looked into, so give times; it stops after 2,000 bodies or 2 seconds and says where."""
    (team_id,) = teams
    window = Window(terms.from_ns, terms.until_ns, request_place(terms.after))
    bodies = KeptBodies(scope)
    finding = await bodies.find(
        terms.text, team_id, window, days=desk.bodies_days, limit=terms.limit
    )
    # What was looked for stays out of it: it may be what the bodies hold.
    read = {"scanned": finding.scanned, "shown": [found.request_id for found in finding.data]}
    async with opening() as writing:
        await writing.audit(
            actor, "bodies.searched", object_id=team_id, after=read, team_id=team_id
        )
    return JsonReply(
        {
            "data": [_found(asdict(found)) for found in finding.data],
            "scanned": finding.scanned,
            "unreadable": finding.unreadable,
            "next": None if finding.next is None else request_cursor(finding.next),
        }
    )


@router.get(
    "/logs/{request_id}/body", openapi_extra=permits_in_own_teams(_READ), response_model=BodyView
)
async def read_body(
    request_id: str, teams: OwnTeams, opening: Opening, desk: Desk, actor: CurrentActor
) -> Response:
    """What a caller sent and was answered, where the team keeps that. The reading is audited."""
    try:
        async with opening() as writing:
            read = await KeptBodies(writing).get(request_id, teams, desk.bodies_days)
            if read is not None:
                row, body, until_ns = read
                await writing.audit(actor, "body.read", object_id=request_id, team_id=row.team_id)
                shown = body_view(row, body, until_ns)
    except (Unsealable, BadBody):
        raise BodyNotKept(
            "the body cannot be opened: it was sealed under a key that is gone", param="request_id"
        ) from None
    if read is None:
        raise BodyNotKept(
            f"no body is kept of request {request_id!r}: the team or the key did not keep bodies,"
            " the request said so, or its time is over",
            param="request_id",
        )
    return JsonReply(shown, headers={"cache-control": "no-store"})


class Erased(BaseModel):
    model_config = example(erased=412, left=0)

    erased: int
    left: int


@router.delete("/teams/{team_id}/bodies", openapi_extra=permits("body_logging.write"))
async def erase_bodies(team_id: str, scope: Scope, actor: CurrentActor) -> Erased:
    """Forget kept bodies of the team now, at most 2,000 a call. `left`: call again."""
    rows = BodyRepository(scope.session)
    erased = await rows.forget_before(team_id, None, _ERASED)
    left = await rows.count(team_id)
    await scope.audit(
        actor, "bodies.erased", object_id=team_id, after={"bodies": erased}, team_id=team_id
    )
    return Erased(erased=erased, left=left)


@internal.post("/bodies", openapi_extra=access(Access.INTERNAL))
async def take_bodies(request: Request, scope: Scope, desk: Desk) -> Response:
    """Sealed bodies from a gateway. Taking them twice changes nothing; 503 where there is no room."""
    if not desk.has_room():
        raise CapacityError("the store's disk is nearly full: bodies wait, then are dropped")
    return JsonReply({"kept": await KeptBodies(scope).take(await request.body())})


def _found(shown: dict[str, Any]) -> dict[str, Any]:
    shown["id"] = shown.pop("request_id")
    return shown
