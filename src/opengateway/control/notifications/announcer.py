"""Tells a team of something, every way that it asked for, in the transaction of what happened."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from opengateway.control.mail.letters import written
from opengateway.control.mail.outbox import Outbox
from opengateway.control.memberships.repository import MembershipRepository
from opengateway.control.notifications.models import Notification
from opengateway.control.notifications.repository import NotificationRepository
from opengateway.control.notifications.words import ALERT_WORDS
from opengateway.control.scope import ControlScope
from opengateway.control.teams.repository import TeamRepository
from opengateway.control.webhooks.queue import DeliveryQueue
from opengateway.domain.announcements import EventKind

MAX_LETTERS: Final = 20
"""Of one announcement."""


class Announcer:
    def __init__(self, scope: ControlScope) -> None:
        self._scope = scope
        self._notifications = NotificationRepository(scope.session)
        self._deliveries = DeliveryQueue(scope)

    async def tell(
        self, team_id: str, kind: EventKind, data: Mapping[str, Any], **words: str
    ) -> None:
        """Put it into the desk, in the queues of the team's webhooks, and into the outbox.

        `data` is what programs and the desk get; `words` fill the letter of that kind.
        """
        scope = self._scope
        await self._notifications.add(
            Notification(
                id=scope.new_id("ntf_"),
                team_id=team_id,
                kind=kind.value,
                data=dict(data),
                created_at_ns=scope.clock.now_ns(),
            )
        )
        await self._deliveries.put_all(team_id, kind, data)
        if scope.mail.sends:
            await self._write(team_id, kind, words)

    async def _write(self, team_id: str, kind: EventKind, words: Mapping[str, str]) -> None:
        team = await TeamRepository(self._scope.session).get(team_id)
        outbox = Outbox(self._scope)
        for address, locale in (await self._readers(team_id)).items():
            name = team.name if team is not None else team_id
            letter = written(ALERT_WORDS[kind.value], locale, address, team=name, **words)
            await outbox.post(letter)

    async def _readers(self, team_id: str) -> dict[str, str]:
        """Addresses with their languages: who owns the team or does its billing, then others."""
        members = MembershipRepository(self._scope.session)
        found: dict[str, str] = {}
        for _, user in await members.in_roles(team_id, ("owner", "billing"), limit=MAX_LETTERS):
            found[user.email] = user.locale
        settings = await self._notifications.settings(team_id)
        for address in settings.emails if settings is not None else ():
            found.setdefault(address, "en")
        return dict(list(found.items())[:MAX_LETTERS])
