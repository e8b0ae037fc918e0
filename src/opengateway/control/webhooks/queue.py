"""Events wait here for their webhooks, written in the transaction of what happened."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from opengateway.control.scope import ControlScope
from opengateway.control.webhooks.models import Webhook, WebhookDelivery
from opengateway.control.webhooks.repository import WebhookRepository
from opengateway.domain.announcements import EventKind
from opengateway.kit import json
from opengateway.kit.log import get_logger

MAX_PENDING: Final = 1_000
"""For each webhook. One that does not answer keeps no more than this."""
MAX_PAYLOAD_BYTES: Final = 64 * 1024

log = get_logger(__name__)


class DeliveryQueue:
    """The caller owns the transaction."""

    def __init__(self, scope: ControlScope) -> None:
        self._scope = scope
        self._webhooks = WebhookRepository(scope.session)

    async def put_all(self, team_id: str, kind: EventKind, data: Mapping[str, Any]) -> int:
        """Queue the event for every webhook of the team that wants its kind. How many did."""
        event_id = self._scope.new_id("evt_")
        queued = 0
        for webhook in await self._webhooks.of_team(team_id):
            if not webhook.disabled and (not webhook.events or kind.value in webhook.events):
                queued += await self.put(webhook, kind, data, event_id) is not None
        return queued

    async def put(
        self, webhook: Webhook, kind: EventKind, data: Mapping[str, Any], event_id: str = ""
    ) -> WebhookDelivery | None:
        """Queue it for one. None, and logged, where too much waits for it already."""
        scope = self._scope
        if await self._webhooks.count_pending(webhook.id) >= MAX_PENDING:
            log.warning("webhook_queue_full", webhook_id=webhook.id, event_type=kind.value)
            return None
        now_ns = scope.clock.now_ns()
        moment = datetime.fromtimestamp(now_ns // 1_000_000_000, UTC)
        event = {
            "type": kind.value,
            "timestamp": moment.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "data": {"team_id": webhook.team_id, **data},
        }
        payload = json.dumps(event)
        assert len(payload) <= MAX_PAYLOAD_BYTES, "events are made of ids and numbers"
        delivery = WebhookDelivery(
            id=scope.new_id("whd_"),
            webhook_id=webhook.id,
            team_id=webhook.team_id,
            event_id=event_id or scope.new_id("evt_"),
            event_type=kind.value,
            payload=payload.decode(),
            state="pending",
            attempts=[],
            next_attempt_ns=now_ns,
            created_at_ns=now_ns,
        )
        await self._webhooks.add(delivery)
        return delivery
