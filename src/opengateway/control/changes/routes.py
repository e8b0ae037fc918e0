"""The feed of changes that gateways follow."""

from __future__ import annotations

from typing import Annotated, cast

from fastapi import APIRouter, Depends, Query, Request, Response

from opengateway.control.access import Access, access
from opengateway.control.changes.feed import ChangeFeed
from opengateway.control.changes.service import Behind, ChangeLog
from opengateway.control.replies import MAX_WAIT_S, JsonReply
from opengateway.control.scope import Scope

router = APIRouter(tags=["changes"])


async def _feed(request: Request) -> ChangeFeed:
    return cast(ChangeFeed, request.app.state.change_feed)


Feed = Annotated[ChangeFeed, Depends(_feed)]


async def _change_log(scope: Scope, feed: Feed) -> ChangeLog:
    return ChangeLog(scope, feed)


Changes = Annotated[ChangeLog, Depends(_change_log)]


@router.get("/changes", openapi_extra=access(Access.INTERNAL))
async def changes(
    feed: Feed,
    log: Changes,
    after: Annotated[int, Query(ge=0)] = 0,
    wait_s: Annotated[float, Query(ge=0, le=MAX_WAIT_S)] = 0,
) -> Response:
    """What changed after a number, as soon as there is something, else empty after `wait_s`.

    409 when the changes in between are no longer kept: take the whole table again.
    """
    # Waits on memory: a transaction is begun only when there is something to read.
    await feed.wait_past(after, wait_s)
    try:
        rows = await log.after(after)
    except Behind:
        return JsonReply({"resync": True}, status_code=409)
    return JsonReply({"seq": rows[-1].seq if rows else after, "changes": rows})
