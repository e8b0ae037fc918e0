"""Broadcasts of a team: where its requests are sent, how, and with which secrets."""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import Sequence
from typing import Any, Final
from urllib.parse import urlsplit

import msgspec

from opengateway.control.actor import Actor
from opengateway.control.broadcasts.calls import BroadcastKind, Secrets
from opengateway.control.broadcasts.models import Broadcast
from opengateway.control.broadcasts.repository import BroadcastRepository
from opengateway.control.scope import ControlScope
from opengateway.control.webhooks.signing import new_secret
from opengateway.domain.errors import Conflict, InvalidRequest, NotFound
from opengateway.kit import json
from opengateway.kit.addresses import OutboundRules
from opengateway.ports.secret_box import SecretBox

MAX_PER_TEAM: Final = 5
_decode: Final = msgspec.json.Decoder(Secrets).decode


class BroadcastNotFound(NotFound):
    code = "broadcast_not_found"


class BroadcastService:
    """The caller owns the transaction; nothing here sends anything."""

    def __init__(self, scope: ControlScope, actor: Actor, rules: OutboundRules) -> None:
        self._rows = BroadcastRepository(scope.session)
        self._scope = scope
        self._actor = actor
        self._rules = rules

    async def create(
        self, team_id: str, kind: BroadcastKind, url: str, region: str, secrets: Secrets
    ) -> tuple[Broadcast, str]:
        """The broadcast, from now on, and a webhook's secret. Raises `InvalidRequest`, `Conflict`."""
        self._check(kind, url, secrets)
        if len(await self._rows.of_team(team_id)) >= MAX_PER_TEAM:
            raise Conflict(f"the team has {MAX_PER_TEAM} broadcasts; delete one first")
        scope = self._scope
        signing = new_secret() if kind is BroadcastKind.WEBHOOK else ""
        broadcast_id, now_ns = scope.new_id("bc_"), scope.clock.now_ns()
        kept = msgspec.structs.replace(secrets, signing=signing)
        made = Broadcast(
            id=broadcast_id,
            team_id=team_id,
            kind=kind.value,
            url=url,
            settings={"region": region},
            secret=b64encode(
                scope.secret_box.seal(json.dumps(kept), _purpose(broadcast_id))
            ).decode(),
            disabled=False,
            arrival=await scope.event_log.last_arrival(),
            sent=0,
            failures=0,
            last_error="",
            next_attempt_ns=now_ns,
            created_at_ns=now_ns,
        )
        await self._rows.add(made)
        await self._note("broadcast.created", made)
        return made, signing

    async def list(self, team_id: str) -> Sequence[Broadcast]:
        return await self._rows.of_team(team_id)

    async def set_disabled(self, team_id: str, broadcast_id: str, disabled: bool) -> Broadcast:
        """Enabled again, it goes on with what ends from then on. Raises `BroadcastNotFound`."""
        found = await self._get(team_id, broadcast_id)
        if found.disabled != disabled:
            found.disabled = disabled
            if not disabled:
                found.arrival = await self._scope.event_log.last_arrival()
                found.failures, found.failing_since_ns = 0, None
                found.next_attempt_ns = self._scope.clock.now_ns()
            await self._scope.session.flush()
            await self._note("broadcast.changed", found)
        return found

    async def delete(self, team_id: str, broadcast_id: str) -> None:
        """Raises `BroadcastNotFound`."""
        found = await self._get(team_id, broadcast_id)
        await self._note("broadcast.deleted", found)
        await self._rows.remove(found)

    async def _get(self, team_id: str, broadcast_id: str) -> Broadcast:
        found = await self._rows.get(team_id, broadcast_id)
        if found is None:
            raise BroadcastNotFound(f"there is no broadcast {broadcast_id!r}", param="broadcast_id")
        return found

    def _check(self, kind: BroadcastKind, url: str, secrets: Secrets) -> None:
        problem = self._rules.problem(url)
        if problem is not None:
            raise InvalidRequest(f"'url' {problem}", param="url")
        if kind is BroadcastKind.S3:
            if urlsplit(url).query:
                raise InvalidRequest("'url' of storage must end with a path", param="url")
            if not (secrets.access_key_id and secrets.secret_access_key):
                raise InvalidRequest(
                    "storage needs 'access_key_id' and 'secret_access_key'", param="access_key_id"
                )

    async def _note(self, action: str, broadcast: Broadcast) -> None:
        told: dict[str, Any] = {
            "kind": broadcast.kind,
            "url": broadcast.url.partition("?")[0],
            "disabled": broadcast.disabled,
        }
        await self._scope.audit(
            self._actor,
            action,
            object_id=broadcast.id,
            after=told,
            team_id=broadcast.team_id,
        )


def secrets_of(broadcast: Broadcast, box: SecretBox) -> Secrets:
    """Raises `Unsealable`."""
    return _decode(box.open(b64decode(broadcast.secret), _purpose(broadcast.id)))


def _purpose(broadcast_id: str) -> str:
    return f"broadcast:{broadcast_id}"
