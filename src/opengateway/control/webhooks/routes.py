"""Webhooks over HTTP."""

from __future__ import annotations

from typing import Annotated, cast

from fastapi import APIRouter, Depends, Request, Response

from opengateway.control.access import permits
from opengateway.control.actor import CurrentActor
from opengateway.control.conditions import IfMatch, show_version
from opengateway.control.paging import After, Limit, cursor, following, place_of
from opengateway.control.scope import Scope
from opengateway.control.webhooks.schemas import (
    DeliveryPage,
    DeliveryView,
    MadeWebhook,
    NewWebhook,
    WebhookChange,
    WebhookList,
    WebhookView,
)
from opengateway.control.webhooks.service import WebhookService
from opengateway.kit.addresses import OutboundRules

router = APIRouter(prefix="/teams/{team_id}/webhooks", tags=["webhooks"])


async def _webhook_service(request: Request, scope: Scope, actor: CurrentActor) -> WebhookService:
    return WebhookService(scope, actor, cast(OutboundRules, request.app.state.outbound_rules))


Webhooks = Annotated[WebhookService, Depends(_webhook_service)]


@router.get("", openapi_extra=permits("webhooks.read"))
async def list_webhooks(team_id: str, webhooks: Webhooks) -> WebhookList:
    """All webhooks of the team."""
    return WebhookList(data=[WebhookView.of(row) for row in await webhooks.list(team_id)])


@router.post("", status_code=201, openapi_extra=permits("webhooks.write"))
async def create_webhook(
    team_id: str, wanted: NewWebhook, webhooks: Webhooks, response: Response
) -> MadeWebhook:
    """Have events sent to an address, signed as the Standard Webhooks convention says.

    The secret is in this answer and nowhere else.
    """
    made, secret = await webhooks.create(team_id, wanted.url, wanted.events)
    show_version(response, made.version)
    return MadeWebhook(webhook=WebhookView.of(made), secret=secret)


@router.get("/{webhook_id}", openapi_extra=permits("webhooks.read"))
async def get_webhook(
    team_id: str, webhook_id: str, webhooks: Webhooks, response: Response
) -> WebhookView:
    webhook = await webhooks.get(team_id, webhook_id)
    show_version(response, webhook.version)
    return WebhookView.of(webhook)


@router.patch("/{webhook_id}", openapi_extra=permits("webhooks.write"))
async def change_webhook(
    team_id: str,
    webhook_id: str,
    change: WebhookChange,
    webhooks: Webhooks,
    response: Response,
    if_match: IfMatch = None,
) -> WebhookView:
    """Change the address or the kinds, disable it, or enable it again."""
    webhook = await webhooks.change(
        team_id,
        webhook_id,
        url=change.url,
        events=change.events,
        disabled=change.disabled,
        if_match=if_match,
    )
    show_version(response, webhook.version)
    return WebhookView.of(webhook)


@router.delete("/{webhook_id}", status_code=204, openapi_extra=permits("webhooks.write"))
async def delete_webhook(
    team_id: str, webhook_id: str, webhooks: Webhooks, if_match: IfMatch = None
) -> None:
    """Delete it, with the log of its deliveries."""
    await webhooks.delete(team_id, webhook_id, if_match=if_match)


@router.post("/{webhook_id}/rotate", openapi_extra=permits("webhooks.write"))
async def rotate_webhook_secret(
    team_id: str, webhook_id: str, webhooks: Webhooks, response: Response
) -> MadeWebhook:
    """A new secret. For a day, what is sent is signed with the old one as well."""
    webhook, secret = await webhooks.rotate(team_id, webhook_id)
    show_version(response, webhook.version)
    return MadeWebhook(webhook=WebhookView.of(webhook), secret=secret)


@router.post("/{webhook_id}/test", status_code=202, openapi_extra=permits("webhooks.write"))
async def test_webhook(team_id: str, webhook_id: str, webhooks: Webhooks) -> DeliveryView:
    """Send a `webhook.test` now. What came of it is in the deliveries."""
    return DeliveryView.of(await webhooks.test(team_id, webhook_id))


@router.get("/{webhook_id}/deliveries", openapi_extra=permits("webhooks.read"))
async def list_deliveries(
    team_id: str, webhook_id: str, webhooks: Webhooks, after: After = "", limit: Limit = 50
) -> DeliveryPage:
    """What was sent in the last 30 days, newest first, with every try and its answer."""
    rows = await webhooks.deliveries(team_id, webhook_id, before=place_of(after), limit=limit)
    last = following(rows, limit)
    return DeliveryPage(
        data=[DeliveryView.of(row) for row in rows],
        next=None if last is None else cursor(last.id),
    )


@router.post(
    "/{webhook_id}/deliveries/{delivery_id}/redeliver",
    status_code=202,
    openapi_extra=permits("webhooks.write"),
)
async def redeliver(
    team_id: str, webhook_id: str, delivery_id: str, webhooks: Webhooks
) -> DeliveryView:
    """Send it again now, with the same id, so that a receiver can tell that it is the same."""
    return DeliveryView.of(await webhooks.redeliver(team_id, webhook_id, delivery_id))
