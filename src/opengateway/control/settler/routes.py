"""Where gateways push their journals."""

from __future__ import annotations

from typing import Annotated, cast

from fastapi import APIRouter, Depends, Query, Request, Response

from opengateway.control.access import Access, access
from opengateway.control.replies import JsonReply
from opengateway.control.scope import Scope
from opengateway.control.settler.metrics import SettlerMetrics
from opengateway.control.settler.service import OutOfPlace, Push, Settler

router = APIRouter(tags=["journal"])


async def _metrics(request: Request) -> SettlerMetrics:
    return cast(SettlerMetrics, request.app.state.settler_metrics)


async def _settler(scope: Scope, metrics: Annotated[SettlerMetrics, Depends(_metrics)]) -> Settler:
    return Settler(scope, metrics)


@router.post("/journal", openapi_extra=access(Access.INTERNAL))
async def take_journal(
    request: Request,
    settler: Annotated[Settler, Depends(_settler)],
    gateway: Annotated[str, Query(pattern=r"^gw_[0-9a-f]{32}$")],
    segment: Annotated[str, Query(pattern=r"^segment-[0-9]{8}\.ogj$")],
    offset: Annotated[int, Query(ge=0)],
    final: Annotated[bool, Query()] = False,
) -> Response:
    """Take journal bytes; answer with the offset up to which they are settled.

    409 with the offset at which this segment goes on; 422 when the bytes there are damaged.
    """
    push = Push(gateway, segment, offset, final, await request.body())
    try:
        return JsonReply(await settler.take(push))
    except OutOfPlace as error:
        return JsonReply({"expected": error.expected}, status_code=409)
