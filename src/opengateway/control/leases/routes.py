"""Leases over the internal socket, and what a key stands at."""

from __future__ import annotations

from typing import Annotated, cast

from fastapi import APIRouter, Depends, Query, Request, Response

from opengateway.control.access import Access, access
from opengateway.control.leases.desk import LeaseDesk
from opengateway.control.leases.state import key_state
from opengateway.control.leases.wire import Asks, Renewals, Returns, read
from opengateway.control.replies import JsonReply
from opengateway.control.scope import Scope

router = APIRouter(tags=["leases"])


async def _desk(request: Request) -> LeaseDesk:
    return cast(LeaseDesk, request.app.state.lease_desk)


Desk = Annotated[LeaseDesk, Depends(_desk)]


@router.post("/leases", openapi_extra=access(Access.INTERNAL))
async def take(request: Request, desk: Desk) -> Response:
    """Money for keys, in the order asked. Each is granted or refused by itself.

    Where a team's money lies at other gateways it is called back first: up to a second.
    """
    asked = await read(request, Asks)
    return JsonReply({"answers": await desk.take(asked.gateway, asked.asks)})


@router.post("/leases/return", openapi_extra=access(Access.INTERNAL))
async def give_back(request: Request, desk: Desk) -> Response:
    """Money that is not needed. A return that is told twice counts once."""
    given = await read(request, Returns)
    await desk.give_back(given.gateway, given.returns)
    return JsonReply({})


@router.post("/leases/renew", openapi_extra=access(Access.INTERNAL))
async def renew(request: Request, desk: Desk) -> Response:
    """Keep leases that are in use. Those in `gone` take no new hold."""
    asked = await read(request, Renewals)
    return JsonReply(await desk.renew(asked.gateway, asked.lease_ids))


@router.get("/key-state", openapi_extra=access(Access.INTERNAL))
async def show_key_state(
    scope: Scope, key_id: Annotated[str, Query(pattern=r"^[A-Za-z0-9_-]{1,64}$")]
) -> Response:
    """What a key spent and may spend, and its team's credit. Amounts in nano-dollars."""
    return JsonReply(await key_state(scope, key_id))
