"""The event log over HTTP."""

from __future__ import annotations

from typing import Annotated, Final

from fastapi import APIRouter, Query, Response

from opengateway.control.access import Access, access
from opengateway.control.replies import JsonReply
from opengateway.control.scope import Scope

router = APIRouter(tags=["events"])
_ID: Final = r"^[A-Za-z0-9_-]+$"


@router.get("/events", openapi_extra=access(Access.INTERNAL))
async def events(
    scope: Scope,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
    after: Annotated[str | None, Query(max_length=64, pattern=_ID)] = None,
    team: Annotated[str | None, Query(max_length=64, pattern=_ID)] = None,
) -> Response:
    """Records, newest first; with `after`, those that arrived after that one, oldest first."""
    found = await scope.event_log.newest(limit=limit, after_id=after, team_id=team)
    return JsonReply({"data": found})
