"""What a team was told, how far a person has read it, and what the team wants to be told of."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from opengateway.control.actor import Actor
from opengateway.control.conditions import must_match
from opengateway.control.identity.emails import normal_email
from opengateway.control.notifications.alerts import DEFAULT_LOW_NANOS
from opengateway.control.notifications.models import (
    AlertSettings,
    Notification,
    NotificationMark,
)
from opengateway.control.notifications.repository import NotificationRepository
from opengateway.control.scope import ControlScope
from opengateway.domain.errors import InvalidRequest

MAX_UNREAD: Final = 100
"""Counted no further: `100` means 100 or more."""
MAX_EMAILS: Final = 10
MAX_NANOS: Final = 2**53 - 1


class Inbox(NamedTuple):
    rows: Sequence[Notification]
    unread: int
    read_up_to: str


class NotificationService:
    """The caller owns the transaction."""

    def __init__(self, scope: ControlScope, actor: Actor) -> None:
        self._rows = NotificationRepository(scope.session)
        self._scope = scope
        self._actor = actor

    async def inbox(self, team_id: str, *, before: str, limit: int) -> Inbox:
        """Newest first. A key reads without a mark of its own: everything is unread to it."""
        reader = self._actor.user_id
        mark = await self._rows.mark(team_id, reader) if reader is not None else None
        read_up_to = mark.read_up_to if mark is not None else ""
        return Inbox(
            rows=await self._rows.page(team_id, before=before, limit=limit),
            unread=await self._rows.unread(team_id, read_up_to, MAX_UNREAD),
            read_up_to=read_up_to,
        )

    async def read(self, team_id: str, up_to: str) -> None:
        """Mark everything up to that one as read. A mark never goes back.

        Raises `InvalidRequest` where nobody is signed in.
        """
        reader = self._actor.user_id
        if reader is None:
            raise InvalidRequest("only a person can have read something")
        mark = await self._rows.mark(team_id, reader)
        if mark is None:
            await self._rows.add(
                NotificationMark(team_id=team_id, user_id=reader, read_up_to=up_to)
            )
        elif up_to > mark.read_up_to:
            mark.read_up_to = up_to
            await self._scope.session.flush()

    async def settings(self, team_id: str) -> AlertSettings:
        """What the team has set, or the defaults, which are version 0 and not stored."""
        return await self._rows.settings(team_id) or AlertSettings(
            team_id=team_id,
            low_balance_nanos=DEFAULT_LOW_NANOS,
            emails=[],
            version=0,
            updated_at_ns=0,
        )

    async def set(
        self,
        team_id: str,
        *,
        low_balance_nanos: int | None,
        emails: Sequence[str],
        if_match: str | None,
    ) -> AlertSettings:
        """Replace the settings. Raises `InvalidRequest`, `PreconditionFailed`."""
        tidy = sorted({normal_email(address) for address in emails})
        if len(tidy) > MAX_EMAILS:
            raise InvalidRequest(f"'emails' has more than {MAX_EMAILS}", param="emails")
        stored = await self._rows.settings(team_id)
        must_match(if_match, 0 if stored is None else stored.version)
        now_ns = self._scope.clock.now_ns()
        before = None if stored is None else _told(stored)
        if stored is None:
            stored = AlertSettings(
                team_id=team_id,
                low_balance_nanos=low_balance_nanos,
                emails=tidy,
                updated_at_ns=now_ns,
            )
            await self._rows.add(stored)
        else:
            stored.low_balance_nanos, stored.emails = low_balance_nanos, tidy
            stored.updated_at_ns = now_ns
            await self._scope.session.flush()
        await self._scope.audit(
            self._actor,
            "alert_settings.changed",
            object_id=team_id,
            before=before,
            after=_told(stored),
            team_id=team_id,
        )
        return stored


def _told(settings: AlertSettings) -> dict[str, int | None]:
    """As the audit log keeps it: without people's addresses."""
    return {"low_balance_nanos": settings.low_balance_nanos, "emails": len(settings.emails)}
