"""Issuing, listing and revoking API keys."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from opengateway.control.changes.service import ChangeLog
from opengateway.control.keys.models import ApiKey
from opengateway.control.keys.repository import KeyRepository
from opengateway.control.scope import ControlScope
from opengateway.control.teams.models import Team
from opengateway.control.teams.repository import TeamRepository
from opengateway.control.teams.service import TeamService, tidy_name
from opengateway.domain.errors import Conflict, NotFound
from opengateway.domain.principal import KeyKind, Principal
from opengateway.kit import secrets

CHANGE_KIND: Final = "key"
MAX_LIVE_KEYS_PER_TEAM: Final = 10_000
"""Each is in every gateway's memory."""


class KeyNotFound(NotFound):
    code = "key_not_found"


class TooManyKeys(Conflict):
    code = "too_many_keys"


class KeyService:
    """Issues, lists and revokes keys. The caller owns the transaction; nothing here commits."""

    def __init__(self, scope: ControlScope, changes: ChangeLog) -> None:
        self._keys = KeyRepository(scope.session)
        self._teams = TeamService(TeamRepository(scope.session), scope.clock, scope.new_id)
        self._scope = scope
        self._changes = changes

    async def issue(self, *, team: str, name: str, management: bool) -> tuple[ApiKey, str]:
        """Return the stored key and its secret, which is shown once and never kept.

        `team` is an id or a name; a new name makes the team.
        """
        name = tidy_name(name, param="name")
        owner = await self._teams.find_or_make(team)
        if await self._keys.count_live(owner.id) >= MAX_LIVE_KEYS_PER_TEAM:
            raise TooManyKeys(
                f"team {owner.id!r} has {MAX_LIVE_KEYS_PER_TEAM} keys; revoke what is not used"
            )
        kind = KeyKind.MANAGEMENT if management else KeyKind.INFERENCE
        return await self._add(owner, name, kind)

    async def first_start(self) -> tuple[ApiKey, str] | None:
        """The very first key, for whoever started the product; None if there ever was one."""
        if await self._keys.any():
            return None
        owner = await self._teams.find_or_make("default")
        return await self._add(owner, "first", KeyKind.INFERENCE)

    async def list(self, *, team: str, after: str, limit: int) -> Sequence[ApiKey]:
        owner = await self._teams.find(team)
        return await self._keys.list_for_team(owner.id, after=after, limit=limit)

    async def revoke(self, key_id: str) -> None:
        """Gateways drop the key as soon as they read the change. Revoking twice is revoking once.

        Raises `KeyNotFound`.
        """
        key = await self._keys.get(key_id)
        if key is None:
            raise KeyNotFound(f"there is no key {key_id!r}", param="id")
        if key.revoked_at_ns is None:
            key.revoked_at_ns = self._scope.clock.now_ns()
            await self._changes.record(CHANGE_KIND, key.id, principal_of(key))

    async def table(self) -> Sequence[Principal]:
        """Every key that is not revoked, as gateways hold it."""
        return [principal_of(key) for key in await self._keys.not_revoked()]

    async def _add(self, owner: Team, name: str, kind: KeyKind) -> tuple[ApiKey, str]:
        prefix = (
            secrets.MANAGEMENT_PREFIX if kind is KeyKind.MANAGEMENT else secrets.INFERENCE_PREFIX
        )
        secret = secrets.new_secret(prefix)
        pepper = self._scope.pepper
        key = ApiKey(
            id=self._scope.new_id("key_"),
            team_id=owner.id,
            name=name,
            kind=kind.value,
            digest=secrets.digest(secret, pepper.secret).hex(),
            pepper_version=pepper.version,
            hint=secrets.hint(secret),
            models=[],
            disabled=False,
            created_at_ns=self._scope.clock.now_ns(),
        )
        await self._keys.add(key)
        await self._changes.record(CHANGE_KIND, key.id, principal_of(key))
        return key, secret


def principal_of(key: ApiKey) -> Principal:
    return Principal(
        key_id=key.id,
        team_id=key.team_id,
        name=key.name,
        kind=KeyKind(key.kind),
        digest=key.digest,
        pepper_version=key.pepper_version,
        hint=key.hint,
        created_at_ns=key.created_at_ns,
        expires_at_ns=key.expires_at_ns,
        revoked_at_ns=key.revoked_at_ns,
        disabled=key.disabled,
        models=tuple(key.models),
    )
