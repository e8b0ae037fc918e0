"""Notifications and what a team wants to be told of, over HTTP."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Response

from opengateway.control.access import permits
from opengateway.control.actor import CurrentActor
from opengateway.control.conditions import IfMatch, show_version
from opengateway.control.notifications.schemas import (
    AlertSettingsView,
    NewAlertSettings,
    NotificationPage,
    NotificationView,
    ReadUpTo,
)
from opengateway.control.notifications.service import NotificationService
from opengateway.control.paging import After, Limit, cursor, following, place_of
from opengateway.control.scope import Scope

router = APIRouter(prefix="/teams/{team_id}", tags=["notifications"])


async def _notification_service(scope: Scope, actor: CurrentActor) -> NotificationService:
    return NotificationService(scope, actor)


Notifications = Annotated[NotificationService, Depends(_notification_service)]


@router.get("/notifications", openapi_extra=permits("notifications.read"))
async def list_notifications(
    team_id: str, notifications: Notifications, after: After = "", limit: Limit = 50
) -> NotificationPage:
    """What the team was told in the last 400 days, newest first."""
    inbox = await notifications.inbox(team_id, before=place_of(after), limit=limit)
    last = following(inbox.rows, limit)
    return NotificationPage(
        data=[NotificationView.of(row, inbox.read_up_to) for row in inbox.rows],
        next=None if last is None else cursor(last.id),
        unread=inbox.unread,
    )


@router.post("/notifications/read", status_code=204, openapi_extra=permits("notifications.read"))
async def mark_notifications_read(
    team_id: str, seen: ReadUpTo, notifications: Notifications
) -> None:
    """Mark everything up to one of them as read, for the person who asks."""
    await notifications.read(team_id, seen.up_to)


@router.get("/alert-settings", openapi_extra=permits("notifications.read"))
async def get_alert_settings(
    team_id: str, notifications: Notifications, response: Response
) -> AlertSettingsView:
    settings = await notifications.settings(team_id)
    show_version(response, settings.version)
    return AlertSettingsView.of(settings)


@router.put("/alert-settings", openapi_extra=permits("notifications.write"))
async def set_alert_settings(
    team_id: str,
    wanted: NewAlertSettings,
    notifications: Notifications,
    response: Response,
    if_match: IfMatch = None,
) -> AlertSettingsView:
    """Say at which balance the team is told, and who gets mail beside owners and billing."""
    settings = await notifications.set(
        team_id,
        low_balance_nanos=wanted.low_balance_nanos,
        emails=wanted.emails,
        if_match=if_match,
    )
    show_version(response, settings.version)
    return AlertSettingsView.of(settings)
