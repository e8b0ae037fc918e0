"""Issuing, listing, changing, rotating and revoking API keys."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from opengateway.control.actor import Actor, ActorKind
from opengateway.control.changes.service import ChangeLog
from opengateway.control.conditions import must_match
from opengateway.control.keys.models import ApiKey
from opengateway.control.keys.repository import KeyRepository
from opengateway.control.keys.terms import check_within, tidy_terms
from opengateway.control.scope import ControlScope
from opengateway.control.teams.models import Team
from opengateway.control.teams.service import TeamService, tidy_name
from opengateway.domain.errors import Conflict, NotFound
from opengateway.domain.principal import KeyKind, Principal
from opengateway.kit import secrets
from opengateway.kit.db import Turn, take_turn

CHANGE_KIND: Final = "key"
MAX_LIVE_KEYS_PER_TEAM: Final = 10_000
"""Each is in every gateway's memory."""
MAX_OVERLAP_S: Final = 30 * 24 * 3600
DEFAULT_OVERLAP_S: Final = 24 * 3600
_AUDITED: Final = (
    "name",
    "kind",
    "disabled",
    "models",
    "providers",
    "ips",
    "rpm",
    "tpm",
    "concurrency",
    "body_logging",
    "strict_parameters",
    "limit_nanos",
    "limit_reset",
    "include_byok_in_limit",
    "expires_at_ns",
)


class KeyNotFound(NotFound):
    code = "key_not_found"


class TooManyKeys(Conflict):
    code = "too_many_keys"


class KeyRevoked(Conflict):
    code = "key_revoked"


class KeyService:
    """Issues, changes and revokes keys. The caller owns the transaction; nothing here commits."""

    def __init__(self, scope: ControlScope, changes: ChangeLog, actor: Actor) -> None:
        self._keys = KeyRepository(scope.session)
        self._teams = TeamService(scope, actor)
        self._scope = scope
        self._changes = changes
        self._actor = actor

    async def issue(self, *, team: str, name: str, management: bool) -> tuple[ApiKey, str]:
        """For the operator: the stored key and its secret, which is shown once and never kept.

        `team` is an id or a name; a new name makes the team.
        """
        name = tidy_name(name, param="name")
        owner = await self._teams.find_or_make(team)
        kind = KeyKind.MANAGEMENT if management else KeyKind.INFERENCE
        return await self._add(owner, name, kind, {})

    async def first_start(self) -> tuple[ApiKey, str] | None:
        """The very first key, for whoever started the product; None if there ever was one."""
        # Two starts at once would both find nothing. The turn ends with the transaction.
        await take_turn(self._scope.session, Turn.CHANGES)
        if await self._keys.any():
            return None
        owner = await self._teams.find_or_make("default")
        return await self._add(owner, "first", KeyKind.INFERENCE, {})

    async def create(
        self, team_id: str, name: str, kind: KeyKind, terms: Mapping[str, Any]
    ) -> tuple[ApiKey, str]:
        """A key of the team that may no more than its maker. Returns it and its secret.

        `terms` are columns of `ApiKey`. Raises `InvalidRequest`, `NotAllowed`, `TooManyKeys`.
        """
        self._check_kind(kind)
        self._check_terms(terms)
        owner = await self._teams.live(team_id)
        tidy = tidy_terms(terms, self._scope.clock.now_ns())
        return await self._add(owner, tidy_name(name, param="name"), kind, tidy)

    async def made_by(self, key: ApiKey, user_id: str) -> None:
        """A key that came with its team counts as this member's."""
        key.created_by = user_id
        await self._scope.session.flush()
        await self._changes.record(CHANGE_KIND, key.id, principal_of(key))

    async def list(self, team_id: str, *, after: str, limit: int) -> Sequence[ApiKey]:
        return await self._keys.list_for_team(team_id, after=after, limit=limit)

    async def list_named(self, team: str, *, after: str, limit: int) -> Sequence[ApiKey]:
        """For the operator, who may name the team."""
        owner = await self._teams.find(team)
        return await self._keys.list_for_team(owner.id, after=after, limit=limit)

    async def get(self, team_id: str, key_id: str) -> ApiKey:
        """Raises `KeyNotFound`, for another team's key too."""
        return _there(await self._keys.in_team(team_id, key_id), key_id)

    async def change(
        self, team_id: str, key_id: str, terms: Mapping[str, Any], *, if_match: str | None
    ) -> ApiKey:
        """Set columns of `ApiKey`. A member that is not given stays.

        Raises `KeyNotFound`, `KeyRevoked`, `InvalidRequest`, `NotAllowed`, `PreconditionFailed`.
        """
        key = await self._changeable(team_id, key_id, if_match)
        self._check_terms(terms)
        before = _told(key)
        tidy = tidy_terms(terms, self._scope.clock.now_ns())
        if "name" in tidy:
            tidy["name"] = tidy_name(tidy["name"], param="name")
        for column, value in tidy.items():
            setattr(key, column, value)
        await self._check_maker(key)
        if self._scope.session.is_modified(key):
            await self._scope.session.flush()
            await self._noted("key.changed", key, before, _told(key))
            await self._changes.record(CHANGE_KIND, key.id, principal_of(key))
        return key

    async def rotate(
        self, team_id: str, key_id: str, *, overlap_s: int, if_match: str | None
    ) -> tuple[ApiKey, str]:
        """A new secret for the same key; the one before is taken for `overlap_s` more.

        A second rotation ends the overlap of the first. Raises as `change` does.
        """
        key = await self._changeable(team_id, key_id, if_match)
        await self._check_maker(key)
        secret = secrets.new_secret(_PREFIX[KeyKind(key.kind)], self._scope.zone)
        until = self._scope.clock.now_ns() + overlap_s * 1_000_000_000
        key.old_digest = key.digest if overlap_s else None
        key.old_until_ns = until if overlap_s else None
        key.digest = secrets.digest(secret, self._scope.pepper.secret).hex()
        key.pepper_version = self._scope.pepper.version
        key.hint = secrets.hint(secret)
        await self._scope.session.flush()
        await self._noted("key.rotated", key, None, {"overlap_s": overlap_s})
        await self._changes.record(CHANGE_KIND, key.id, principal_of(key))
        return key, secret

    async def revoke_in(self, team_id: str, key_id: str, *, if_match: str | None) -> None:
        """Revoke one of the team's keys, for ever. Twice is once. Raises `KeyNotFound`."""
        key = _there(await self._keys.locked(team_id, key_id), key_id)
        self._check_whose(key)
        must_match(if_match, key.version)
        await self._revoke(key)

    async def revoke(self, key_id: str) -> None:
        """For the operator: by its id alone. Raises `KeyNotFound`."""
        await self._revoke(await self.of_any_team(key_id))

    async def of_any_team(self, key_id: str) -> ApiKey:
        """For the operator. Raises `KeyNotFound`."""
        return _there(await self._keys.get(key_id), key_id)

    async def revoke_all(self, team_id: str) -> int:
        """Every key of a team that goes. Return how many there were."""
        # All are locked before the first change is numbered: nobody waits for us both ways round.
        keys = await self._keys.live_locked(team_id)
        for key in keys:
            await self._revoke(key)
        return len(keys)

    async def table(self) -> Sequence[Principal]:
        """Every key that is not revoked, as gateways hold it."""
        return [principal_of(key) for key in await self._keys.not_revoked()]

    async def _revoke(self, key: ApiKey) -> None:
        if key.revoked_at_ns is not None:
            return
        key.revoked_at_ns = self._scope.clock.now_ns()
        key.old_digest = key.old_until_ns = None
        await self._scope.session.flush()
        await self._noted("key.revoked", key, None, None)
        await self._changes.record(CHANGE_KIND, key.id, principal_of(key))

    async def _changeable(self, team_id: str, key_id: str, if_match: str | None) -> ApiKey:
        key = _there(await self._keys.locked(team_id, key_id), key_id)
        self._check_whose(key)
        if key.revoked_at_ns is not None:
            raise KeyRevoked("the key is revoked, for ever; make another one", param="key_id")
        must_match(if_match, key.version)
        return key

    def _check_whose(self, key: ApiKey) -> None:
        self._check_kind(KeyKind(key.kind))
        if key.created_by is None or key.created_by != self._actor.user_id:
            self._actor.must("keys.any")

    def _check_kind(self, kind: KeyKind) -> None:
        if kind is KeyKind.MANAGEMENT:
            self._actor.must("management_keys.manage")

    def _check_terms(self, terms: Mapping[str, Any]) -> None:
        if terms.get("body_logging") is not None:
            self._actor.must("body_logging.write")

    async def _check_maker(self, key: ApiKey) -> None:
        if self._actor.kind is ActorKind.MANAGEMENT_KEY:
            assert self._actor.key_id is not None
            maker = await self._keys.get(self._actor.key_id)
            assert maker is not None, "a key acts that is not there"
            check_within(key, maker)

    async def _add(
        self, owner: Team, name: str, kind: KeyKind, terms: Mapping[str, Any]
    ) -> tuple[ApiKey, str]:
        if await self._keys.count_live(owner.id) >= MAX_LIVE_KEYS_PER_TEAM:
            raise TooManyKeys(
                f"team {owner.id!r} has {MAX_LIVE_KEYS_PER_TEAM} keys; revoke what is not used"
            )
        secret = secrets.new_secret(_PREFIX[kind], self._scope.zone)
        pepper = self._scope.pepper
        key = ApiKey(
            id=self._scope.new_id("key_"),
            team_id=owner.id,
            name=name,
            kind=kind.value,
            digest=secrets.digest(secret, pepper.secret).hex(),
            pepper_version=pepper.version,
            hint=secrets.hint(secret),
            created_by=self._actor.user_id,
            created_at_ns=self._scope.clock.now_ns(),
            **{**_EMPTY, **terms},
        )
        await self._check_maker(key)
        await self._keys.add(key)
        await self._noted("key.created", key, None, _told(key))
        await self._changes.record(CHANGE_KIND, key.id, principal_of(key))
        return key, secret

    async def _noted(self, action: str, key: ApiKey, before: object, after: object) -> None:
        await self._scope.audit(
            self._actor,
            action,
            object_id=key.id,
            before=before,
            after=after,
            team_id=key.team_id,
        )


_PREFIX: Final = {
    KeyKind.INFERENCE: secrets.INFERENCE_PREFIX,
    KeyKind.MANAGEMENT: secrets.MANAGEMENT_PREFIX,
}
_EMPTY: Final[Mapping[str, Any]] = {
    "models": [],
    "providers": [],
    "ips": [],
    "labels": {},
    "disabled": False,
    "include_byok_in_limit": False,
    "strict_parameters": False,
}


def _there(key: ApiKey | None, key_id: str) -> ApiKey:
    if key is None:
        raise KeyNotFound(f"there is no key {key_id!r}", param="id")
    return key


def _told(key: ApiKey) -> dict[str, Any]:
    """For the audit log: what the key may, without digests. Metadata is the caller's own."""
    return {name: getattr(key, name) for name in _AUDITED}


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
        providers=tuple(key.providers),
        ips=tuple(key.ips),
        rpm=key.rpm,
        tpm=key.tpm,
        concurrency=key.concurrency,
        user_id=key.created_by,
        metadata=dict(key.labels),
        body_logging=key.body_logging,
        strict_parameters=key.strict_parameters,
        old_digest=key.old_digest,
        old_until_ns=key.old_until_ns,
    )
