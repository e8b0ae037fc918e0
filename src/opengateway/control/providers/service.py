"""Providers that are added at run time: beside the zone file's, which the desk cannot change."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import msgspec
from sqlalchemy.exc import IntegrityError

from opengateway.catalog.compiler import known_provider, resolve_provider
from opengateway.catalog.config import ProviderConfig
from opengateway.control.actor import Actor
from opengateway.control.conditions import must_match
from opengateway.control.providers.models import ProviderRow
from opengateway.control.providers.repository import ProviderRepository
from opengateway.control.providers.tools import DeskTools
from opengateway.control.scope import ControlScope
from opengateway.domain.catalog import Provider
from opengateway.domain.errors import (
    Conflict,
    InvalidRequest,
    NotAllowed,
    NotFound,
    OperatorError,
)
from opengateway.domain.routing import within

MAX_PROVIDERS: Final = 500
_PLACED: Final = (
    *("like", "wire", "base_url", "regions", "region", "project", "resource", "auth"),
)
"""What decides where a secret is sent, and how: not changed under one that is kept."""
_SECRET_HEADERS: Final = frozenset(
    ("authorization", "proxy-authorization", "cookie", "x-api-key", "api-key", "x-goog-api-key")
)


class ProviderNotFound(NotFound):
    code = "provider_not_found"


class ReadOnly(Conflict):
    code = "zone_file_wins"


class HasCredentials(Conflict):
    code = "provider_has_credentials"


class TooManyProviders(Conflict):
    code = "too_many_providers"


def no_such_provider(provider_id: str) -> ProviderNotFound:
    return ProviderNotFound(f"there is no provider {provider_id!r} here", param="provider")


class ProviderService:
    """The caller owns the transaction. Snapshots follow once it is committed."""

    def __init__(self, scope: ControlScope, actor: Actor, tools: DeskTools) -> None:
        self._rows = ProviderRepository(scope.session)
        self._scope = scope
        self._actor = actor
        self._tools = tools

    def resolved(self, provider_id: str, config: ProviderConfig) -> Provider:
        """Wire, address and all that a gateway would go by. Raises `InvalidRequest`."""
        try:
            return resolve_provider(provider_id, config, self._tools.catalogue, ())
        except OperatorError as error:
            raise InvalidRequest(error.message) from None
        except msgspec.ValidationError as error:
            raise InvalidRequest(f"'profile': {error}", param="profile") from None

    async def config(self, provider_id: str) -> ProviderConfig:
        """The zone file's, the database's, or the bundled catalogue's of a provider that has none.

        Raises `ProviderNotFound`.
        """
        if (found := self._tools.zone.providers.get(provider_id)) is not None:
            return found
        row = await self._rows.provider(provider_id)
        if row is not None:
            return config_of(row)
        if provider_id in self._tools.catalogue.providers:
            return ProviderConfig()
        raise no_such_provider(provider_id)

    async def for_teams(self, provider_id: str) -> Provider:
        """A provider for which a team may bring its own credential: the zone uses it, or the
        catalogue knows it, and the zone's policy allows it.

        Raises `ProviderNotFound`, `InvalidRequest`, `NotAllowed`.
        """
        row = await self._rows.provider(provider_id)
        config = await self.config(provider_id)
        provider = self.resolved(provider_id, config)
        if row is not None and row.disabled:
            raise no_such_provider(provider_id)
        if provider.auth == "none":
            raise InvalidRequest(f"{provider_id!r} needs no credential", param="provider")
        if row is None and provider_id not in self._tools.zone.providers:
            for url in {provider.base_url, *provider.regional_urls.values()}:
                self._check_place(url)
        policy = self._tools.zone.policy
        places = {provider_id, *(f"{provider_id}/{region}" for region in provider.regional_urls)}
        outside = (
            (policy.only and not any(within(p, slug) for p in places for slug in policy.only))
            or provider_id in policy.ignore
            or (policy.countries and provider.country not in policy.countries)
            or (policy.zdr and not provider.zdr)
            or (policy.deny_data_collection and provider.collects_data)
        )
        if outside:
            raise NotAllowed(
                f"the policy of the zone {self._scope.zone!r} does not allow {provider_id!r}",
                code="zone_mismatch",
                param="provider",
            )
        return provider

    async def row(self, provider_id: str) -> ProviderRow:
        """Raises `ReadOnly` for the zone file's, `ProviderNotFound`."""
        self._refuse_zones(provider_id)
        row = await self._rows.provider(provider_id)
        if row is None:
            raise no_such_provider(provider_id)
        return row

    async def add(self, provider_id: str, wanted: Mapping[str, Any]) -> ProviderRow:
        """Raises `InvalidRequest`, `ReadOnly`, `Conflict`, `TooManyProviders`."""
        self._refuse_zones(provider_id)
        config = self._checked(provider_id, wanted)
        if await self._rows.count_providers() >= MAX_PROVIDERS:
            raise TooManyProviders(f"there are {MAX_PROVIDERS} providers; delete one first")
        if await self._rows.provider(provider_id) is not None:
            raise Conflict(f"there is a provider {provider_id!r} already", param="id")
        now_ns = self._scope.clock.now_ns()
        row = ProviderRow(
            id=provider_id,
            config=_stored(config),
            disabled=False,
            created_at_ns=now_ns,
            updated_at_ns=now_ns,
        )
        try:
            await self._rows.add(row)
        except IntegrityError as error:
            raise Conflict(f"there is a provider {provider_id!r} already", param="id") from error
        await self._tools.applied(self._scope)
        await self._note("provider.created", row, None, row.config)
        return row

    async def change(
        self,
        provider_id: str,
        wanted: Mapping[str, Any],
        *,
        disabled: bool | None,
        if_match: str | None,
    ) -> ProviderRow:
        """What is left out stays. Raises `InvalidRequest`, `ReadOnly`, `ProviderNotFound`,
        `HasCredentials`, `PreconditionFailed`."""
        row = await self.row(provider_id)
        must_match(if_match, row.version)
        before = {**row.config, "disabled": row.disabled}
        config = self._checked(provider_id, {**row.config, **wanted})
        after = _stored(config)
        moved = [name for name in _PLACED if after.get(name) != row.config.get(name)]
        if moved and await self._rows.has_credentials(provider_id):
            raise HasCredentials(
                f"{', '.join(moved)} cannot change while {provider_id!r} has credentials: they"
                " would be sent elsewhere; delete them first, or add another provider",
                param=moved[0],
            )
        row.config = after
        if disabled is not None:
            row.disabled = disabled
        if {**row.config, "disabled": row.disabled} != before:
            row.updated_at_ns = self._scope.clock.now_ns()
            await self._tools.applied(self._scope)
            told = {**row.config, "disabled": row.disabled}
            await self._note("provider.changed", row, before, told)
        return row

    async def delete(self, provider_id: str, *, if_match: str | None) -> None:
        """Raises `ReadOnly`, `ProviderNotFound`, `HasCredentials`, `PreconditionFailed`."""
        row = await self.row(provider_id)
        must_match(if_match, row.version)
        if await self._rows.has_credentials(provider_id):
            raise HasCredentials(f"{provider_id!r} has credentials; delete them first")
        await self._rows.remove(row)
        await self._tools.applied(self._scope)
        await self._note("provider.deleted", row, row.config, None)

    def _refuse_zones(self, provider_id: str) -> None:
        if provider_id in self._tools.zone.providers:
            raise ReadOnly(
                f"the zone file says what {provider_id!r} is; change it there", param="provider"
            )

    def _checked(self, provider_id: str, wanted: Mapping[str, Any]) -> ProviderConfig:
        """Raises `InvalidRequest`."""
        given = {name: value for name, value in wanted.items() if value is not None}
        try:
            config = msgspec.convert(given, ProviderConfig)
        except msgspec.ValidationError as error:
            raise InvalidRequest(str(error)) from None
        for name in config.headers:
            if name.lower() in _SECRET_HEADERS:
                raise InvalidRequest(
                    f"{name!r} is no header to set here; give the secret as a credential",
                    param="headers",
                )
        if (
            config.like is not None
            and known_provider(provider_id, config, self._tools.catalogue) is None
        ):
            raise InvalidRequest(f"'like': the catalogue knows no {config.like!r}", param="like")
        provider = self.resolved(provider_id, config)
        for url in {provider.base_url, *provider.regional_urls.values()}:
            self._check_place(url)
        return config

    def _check_place(self, url: str) -> None:
        if "{" in url:
            raise InvalidRequest(
                f"the address {url[:200]!r} has places to fill: give region, project or resource",
                param="base_url",
            )
        if "?" in url:
            raise InvalidRequest("'base_url' may not hold a '?'", param="base_url")
        problem = self._tools.rules.problem(url)
        if problem is not None:
            raise InvalidRequest(
                f"'base_url' {problem}; the zone file's outbound.allow can list its host",
                param="base_url",
            )

    async def _note(self, action: str, row: ProviderRow, before: Any, after: Any) -> None:
        await self._scope.audit(
            self._actor, action, object_id=row.id, before=told(before), after=told(after)
        )


def config_of(row: ProviderRow) -> ProviderConfig:
    return msgspec.convert(row.config, ProviderConfig)


def told(config: Any) -> Any:
    """For the audit log: plain values, and no float."""
    if isinstance(config, Mapping):
        return {str(name): told(value) for name, value in config.items()}
    if isinstance(config, list | tuple):
        return [told(value) for value in config]
    return str(config) if isinstance(config, float) else config


def _stored(config: ProviderConfig) -> dict[str, Any]:
    """What was given, and nothing that was not."""
    stored: dict[str, Any] = msgspec.to_builtins(config)
    empty = msgspec.to_builtins(ProviderConfig())
    return {name: value for name, value in stored.items() if value != empty[name]}
