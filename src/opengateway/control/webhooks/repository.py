"""Every query on webhooks and their deliveries. Nothing here decides anything."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import delete, func, select

from opengateway.control.webhooks.models import Webhook, WebhookDelivery
from opengateway.kit.db import AsyncSession


class WebhookRepository:
    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def add(self, row: Webhook | WebhookDelivery) -> None:
        """Write it now, so that a broken constraint is found here and not at the commit."""
        self._session.add(row)
        await self._session.flush()

    async def get(self, team_id: str, webhook_id: str) -> Webhook | None:
        statement = select(Webhook).where(Webhook.team_id == team_id, Webhook.id == webhook_id)
        return await self._session.scalar(statement)

    async def of_team(self, team_id: str) -> Sequence[Webhook]:
        """At most `MAX_PER_TEAM`, by age."""
        statement = select(Webhook).where(Webhook.team_id == team_id).order_by(Webhook.id)
        return (await self._session.scalars(statement)).all()

    async def remove(self, webhook: Webhook) -> None:
        """With its deliveries."""
        await self._session.execute(
            delete(WebhookDelivery).where(WebhookDelivery.webhook_id == webhook.id)
        )
        await self._session.delete(webhook)
        await self._session.flush()

    async def count_pending(self, webhook_id: str) -> int:
        statement = select(func.count()).where(
            WebhookDelivery.webhook_id == webhook_id, WebhookDelivery.state == "pending"
        )
        return await self._session.scalar(statement) or 0

    async def delivery(self, team_id: str, delivery_id: str) -> WebhookDelivery | None:
        statement = select(WebhookDelivery).where(
            WebhookDelivery.team_id == team_id, WebhookDelivery.id == delivery_id
        )
        return await self._session.scalar(statement)

    async def deliveries(
        self, team_id: str, webhook_id: str, *, before: str, limit: int
    ) -> Sequence[WebhookDelivery]:
        """Newest first; `before` is an id, "" for the newest."""
        statement = select(WebhookDelivery).where(
            WebhookDelivery.team_id == team_id, WebhookDelivery.webhook_id == webhook_id
        )
        if before:
            statement = statement.where(WebhookDelivery.id < before)
        statement = statement.order_by(WebhookDelivery.id.desc()).limit(limit)
        return (await self._session.scalars(statement)).all()

    async def due(self, now_ns: int, limit: int) -> Sequence[tuple[WebhookDelivery, Webhook]]:
        """What is to be sent now, the longest due first; locked where the store can."""
        statement = (
            select(WebhookDelivery, Webhook)
            .join(Webhook, Webhook.id == WebhookDelivery.webhook_id)
            .where(WebhookDelivery.next_attempt_ns <= now_ns)
            .order_by(WebhookDelivery.next_attempt_ns)
            .limit(limit)
            .with_for_update(skip_locked=True, of=WebhookDelivery)
        )
        return [(row[0], row[1]) for row in await self._session.execute(statement)]

    async def with_webhook(self, delivery_id: str) -> tuple[WebhookDelivery, Webhook] | None:
        statement = (
            select(WebhookDelivery, Webhook)
            .join(Webhook, Webhook.id == WebhookDelivery.webhook_id)
            .where(WebhookDelivery.id == delivery_id)
        )
        row = (await self._session.execute(statement)).first()
        return None if row is None else (row[0], row[1])

    async def prune(self, before_ns: int) -> None:
        """Forget deliveries that ended and are old."""
        await self._session.execute(
            delete(WebhookDelivery).where(
                WebhookDelivery.created_at_ns < before_ns, WebhookDelivery.state != "pending"
            )
        )
