"""Webhooks of a team: where it is told, of what, and under which secret."""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import Sequence
from typing import Any, Final

from opengateway.control.actor import Actor
from opengateway.control.conditions import must_match
from opengateway.control.scope import ControlScope
from opengateway.control.webhooks.models import Webhook, WebhookDelivery
from opengateway.control.webhooks.queue import DeliveryQueue
from opengateway.control.webhooks.repository import WebhookRepository
from opengateway.control.webhooks.signing import new_secret
from opengateway.domain.announcements import EventKind
from opengateway.domain.errors import Conflict, InvalidRequest, NotFound
from opengateway.kit.addresses import OutboundRules
from opengateway.ports.secret_box import SecretBox

MAX_PER_TEAM: Final = 20
OVERLAP_NS: Final = 24 * 3600 * 1_000_000_000
"""How long the secret before the last rotation signs as well."""


class WebhookNotFound(NotFound):
    code = "webhook_not_found"


class TooManyWebhooks(Conflict):
    code = "too_many_webhooks"


class WebhookService:
    """The caller owns the transaction; nothing here sends anything."""

    def __init__(self, scope: ControlScope, actor: Actor, rules: OutboundRules) -> None:
        self._webhooks = WebhookRepository(scope.session)
        self._scope = scope
        self._actor = actor
        self._rules = rules

    async def create(
        self, team_id: str, url: str, events: Sequence[EventKind]
    ) -> tuple[Webhook, str]:
        """The webhook and its secret, which is shown once. Raises `InvalidRequest`,
        `TooManyWebhooks`."""
        self._check_url(url)
        if len(await self._webhooks.of_team(team_id)) >= MAX_PER_TEAM:
            raise TooManyWebhooks(f"the team has {MAX_PER_TEAM} webhooks; delete one first")
        scope = self._scope
        now_ns = scope.clock.now_ns()
        secret, webhook_id = new_secret(), scope.new_id("wh_")
        webhook = Webhook(
            id=webhook_id,
            team_id=team_id,
            url=url,
            events=sorted({kind.value for kind in events}),
            secret=sealed(scope.secret_box, webhook_id, secret),
            disabled=False,
            created_at_ns=now_ns,
            updated_at_ns=now_ns,
        )
        await self._webhooks.add(webhook)
        await self._note("webhook.created", webhook, None, told(webhook))
        return webhook, secret

    async def list(self, team_id: str) -> Sequence[Webhook]:
        return await self._webhooks.of_team(team_id)

    async def get(self, team_id: str, webhook_id: str) -> Webhook:
        """Raises `WebhookNotFound`, for another team's webhook too."""
        webhook = await self._webhooks.get(team_id, webhook_id)
        if webhook is None:
            raise WebhookNotFound(f"there is no webhook {webhook_id!r}", param="webhook_id")
        return webhook

    async def change(
        self,
        team_id: str,
        webhook_id: str,
        *,
        url: str | None,
        events: Sequence[EventKind] | None,
        disabled: bool | None,
        if_match: str | None,
    ) -> Webhook:
        """What is None stays. Raises `WebhookNotFound`, `InvalidRequest`, `PreconditionFailed`."""
        webhook = await self.get(team_id, webhook_id)
        must_match(if_match, webhook.version)
        before = told(webhook)
        if url is not None:
            self._check_url(url)
            webhook.url = url
        if events is not None:
            webhook.events = sorted({kind.value for kind in events})
        if disabled is not None:
            webhook.disabled = disabled
            webhook.failing_since_ns = None
        if told(webhook) == before:
            return webhook
        webhook.updated_at_ns = self._scope.clock.now_ns()
        await self._scope.session.flush()
        await self._note("webhook.changed", webhook, before, told(webhook))
        return webhook

    async def rotate(self, team_id: str, webhook_id: str) -> tuple[Webhook, str]:
        """A new secret, shown once. The one before signs beside it for a day."""
        webhook = await self.get(team_id, webhook_id)
        now_ns = self._scope.clock.now_ns()
        secret = new_secret()
        webhook.old_secret, webhook.old_until_ns = webhook.secret, now_ns + OVERLAP_NS
        webhook.secret = sealed(self._scope.secret_box, webhook.id, secret)
        webhook.updated_at_ns = now_ns
        await self._scope.session.flush()
        await self._note("webhook.secret_rotated", webhook, None, None)
        return webhook, secret

    async def delete(self, team_id: str, webhook_id: str, *, if_match: str | None) -> None:
        """With its deliveries. Raises `WebhookNotFound`, `PreconditionFailed`."""
        webhook = await self.get(team_id, webhook_id)
        must_match(if_match, webhook.version)
        await self._note("webhook.deleted", webhook, told(webhook), None)
        await self._webhooks.remove(webhook)

    async def test(self, team_id: str, webhook_id: str) -> WebhookDelivery:
        """Send one event now, to see whether it arrives. Raises `WebhookNotFound`, `Conflict`."""
        webhook = await self.get(team_id, webhook_id)
        delivery = await DeliveryQueue(self._scope).put(webhook, EventKind.WEBHOOK_TEST, {})
        if delivery is None:
            raise Conflict("too much waits for this webhook already; see its deliveries")
        return delivery

    async def deliveries(
        self, team_id: str, webhook_id: str, *, before: str, limit: int
    ) -> Sequence[WebhookDelivery]:
        """Newest first. Raises `WebhookNotFound`."""
        webhook = await self.get(team_id, webhook_id)
        return await self._webhooks.deliveries(team_id, webhook.id, before=before, limit=limit)

    async def redeliver(self, team_id: str, webhook_id: str, delivery_id: str) -> WebhookDelivery:
        """Try one again now. Raises `WebhookNotFound`, `NotFound`, `Conflict` for a pending one."""
        await self.get(team_id, webhook_id)
        delivery = await self._webhooks.delivery(team_id, delivery_id)
        if delivery is None or delivery.webhook_id != webhook_id:
            raise NotFound(f"there is no delivery {delivery_id!r}", code="delivery_not_found")
        if delivery.state == "pending":
            raise Conflict("it waits to be sent already")
        delivery.state, delivery.finished_at_ns = "pending", None
        delivery.next_attempt_ns = self._scope.clock.now_ns()
        await self._scope.session.flush()
        return delivery

    def _check_url(self, url: str) -> None:
        problem = self._rules.problem(url)
        if problem is not None:
            raise InvalidRequest(f"'url' {problem}", param="url")

    async def _note(self, action: str, webhook: Webhook, before: Any, after: Any) -> None:
        await self._scope.audit(
            self._actor,
            action,
            object_id=webhook.id,
            before=before,
            after=after,
            team_id=webhook.team_id,
        )


def told(webhook: Webhook) -> dict[str, Any]:
    """A webhook as the audit log keeps it: without secrets, and without what a URL may hide."""
    return {
        "url": webhook.url.partition("?")[0],
        "events": list(webhook.events),
        "disabled": webhook.disabled,
    }


def sealed(box: SecretBox, webhook_id: str, secret: str) -> str:
    return b64encode(box.seal(secret.encode(), f"webhook:{webhook_id}")).decode()


def secrets_of(webhook: Webhook, box: SecretBox, now_ns: int) -> list[str]:
    """The secrets that sign now, the newest first. Raises `Unsealable`."""
    kept = [webhook.secret]
    if webhook.old_secret is not None and now_ns < (webhook.old_until_ns or 0):
        kept.append(webhook.old_secret)
    return [box.open(b64decode(s), f"webhook:{webhook.id}").decode() for s in kept]
