"""Broadcasts over HTTP. Who may have a team told by webhooks may send its requests on."""

from __future__ import annotations

from typing import Annotated, cast

from fastapi import APIRouter, Depends, Request

from opengateway.control.access import permits
from opengateway.control.actor import CurrentActor
from opengateway.control.broadcasts.schemas import (
    BroadcastChange,
    BroadcastList,
    BroadcastView,
    MadeBroadcast,
    NewBroadcast,
)
from opengateway.control.broadcasts.service import BroadcastService
from opengateway.control.scope import Scope
from opengateway.kit.addresses import OutboundRules

router = APIRouter(prefix="/teams/{team_id}/broadcasts", tags=["broadcasts"])


async def _service(request: Request, scope: Scope, actor: CurrentActor) -> BroadcastService:
    return BroadcastService(scope, actor, cast(OutboundRules, request.app.state.outbound_rules))


Broadcasts = Annotated[BroadcastService, Depends(_service)]


@router.get("", openapi_extra=permits("webhooks.read"))
async def list_broadcasts(team_id: str, broadcasts: Broadcasts) -> BroadcastList:
    """Where the team's requests are sent as they end."""
    return BroadcastList(data=[BroadcastView.of(row) for row in await broadcasts.list(team_id)])


@router.post("", status_code=201, openapi_extra=permits("webhooks.write"))
async def create_broadcast(
    team_id: str, wanted: NewBroadcast, broadcasts: Broadcasts
) -> MadeBroadcast:
    """Send each request that ends from now on: as a trace (`otlp`), in signed messages (`webhook`),
    or as objects of storage that speaks S3. Prompts and answers are in none of them."""
    made, secret = await broadcasts.create(
        team_id, wanted.kind, wanted.url, wanted.region, wanted.secrets()
    )
    return MadeBroadcast(broadcast=BroadcastView.of(made), secret=secret)


@router.patch("/{broadcast_id}", openapi_extra=permits("webhooks.write"))
async def change_broadcast(
    team_id: str, broadcast_id: str, change: BroadcastChange, broadcasts: Broadcasts
) -> BroadcastView:
    """Disable it, or go on with what ends from now on."""
    return BroadcastView.of(await broadcasts.set_disabled(team_id, broadcast_id, change.disabled))


@router.delete("/{broadcast_id}", status_code=204, openapi_extra=permits("webhooks.write"))
async def delete_broadcast(team_id: str, broadcast_id: str, broadcasts: Broadcasts) -> None:
    """Send nothing more there."""
    await broadcasts.delete(team_id, broadcast_id)
