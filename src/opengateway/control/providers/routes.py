"""Providers and credentials over HTTP, for the operator's people."""

from __future__ import annotations

from collections import Counter
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Response

from opengateway.catalog.config import NAME_PATTERN
from opengateway.control.access import permits_platform
from opengateway.control.actor import CurrentActor
from opengateway.control.conditions import IfMatch, show_version
from opengateway.control.providers.credentials import CredentialService
from opengateway.control.providers.models import ProviderRow
from opengateway.control.providers.repository import PLATFORM, ProviderRepository
from opengateway.control.providers.schemas import (
    CredentialList,
    CredentialPatch,
    CredentialView,
    NewCredential,
    NewProvider,
    ProviderList,
    ProviderPatch,
    ProviderView,
    Rewrapped,
    Rotation,
    TestOf,
    TestView,
)
from opengateway.control.providers.service import ProviderService, config_of
from opengateway.control.providers.testing import UNOPENED, probed
from opengateway.control.providers.tools import Desk, DeskTools
from opengateway.control.scope import ControlScope, Scope
from opengateway.control.sessions.web import require_step_up
from opengateway.domain.errors import InvalidRequest
from opengateway.domain.vault import ProviderSecret

router = APIRouter(prefix="/admin", tags=["providers"])
ProviderPath = Annotated[str, Path(pattern=NAME_PATTERN, max_length=63, examples=["house-vllm"])]


async def _provider_service(scope: Scope, actor: CurrentActor, desk: Desk) -> ProviderService:
    return ProviderService(scope, actor, desk)


async def _credential_service(scope: Scope, actor: CurrentActor, desk: Desk) -> CredentialService:
    return CredentialService(scope, actor, desk)


Providers = Annotated[ProviderService, Depends(_provider_service)]
Credentials = Annotated[CredentialService, Depends(_credential_service)]


@router.get("/providers", openapi_extra=permits_platform("providers.read"))
async def list_providers(scope: Scope, providers: Providers, desk: Desk) -> ProviderList:
    """All providers: the zone file's, read-only here, and those that were added."""
    return ProviderList(data=await _Views(scope, providers, desk).all())


@router.post(
    "/providers",
    status_code=201,
    openapi_extra=permits_platform("providers.write"),
    dependencies=[require_step_up],
)
async def add_provider(
    wanted: NewProvider, scope: Scope, providers: Providers, desk: Desk, response: Response
) -> ProviderView:
    """Add a provider: gateways know it with the next snapshot, within seconds and without a start."""
    row = await providers.add(wanted.id, wanted.fields())
    show_version(response, row.version)
    return await _Views(scope, providers, desk).of(row)


@router.get("/providers/{provider}", openapi_extra=permits_platform("providers.read"))
async def get_provider(
    provider: ProviderPath, scope: Scope, providers: Providers, desk: Desk, response: Response
) -> ProviderView:
    """One provider."""
    views = _Views(scope, providers, desk)
    if provider in desk.zone.providers:
        return await views.of_zone(provider)
    row = await providers.row(provider)
    show_version(response, row.version)
    return await views.of(row)


@router.patch(
    "/providers/{provider}",
    openapi_extra=permits_platform("providers.write"),
    dependencies=[require_step_up],
)
async def change_provider(
    provider: ProviderPath,
    wanted: ProviderPatch,
    scope: Scope,
    providers: Providers,
    desk: Desk,
    response: Response,
    if_match: IfMatch = None,
) -> ProviderView:
    """Change or disable it. Where its secrets go cannot change while it has some."""
    row = await providers.change(
        provider, wanted.fields(), disabled=wanted.disabled, if_match=if_match
    )
    show_version(response, row.version)
    return await _Views(scope, providers, desk).of(row)


@router.delete(
    "/providers/{provider}",
    status_code=204,
    openapi_extra=permits_platform("providers.write"),
    dependencies=[require_step_up],
)
async def delete_provider(
    provider: ProviderPath, providers: Providers, if_match: IfMatch = None
) -> None:
    """Delete one without credentials. Its records stay."""
    await providers.delete(provider, if_match=if_match)


@router.post(
    "/providers/{provider}/test",
    openapi_extra=permits_platform("providers.write"),
)
async def test_provider(
    provider: ProviderPath,
    wanted: TestOf,
    scope: Scope,
    providers: Providers,
    credentials: Credentials,
    desk: Desk,
) -> TestView:
    """Ask the provider something small now, with a credential of it: one real request, on us."""
    config = await providers.config(provider)
    found = providers.resolved(provider, config)
    name, secret, credential_id = "", None, None
    if wanted.credential is not None or found.auth != "none":
        name, secret, credential_id = await _credential(
            provider, wanted.credential, credentials, desk
        )
    result = await probed(scope, desk, found, name, secret, wanted.model)
    if credential_id is not None:
        await credentials.tested(credential_id, result)
    return TestView.model_validate(result, from_attributes=True)


@router.get("/providers/{provider}/credentials", openapi_extra=permits_platform("providers.read"))
async def list_credentials(
    provider: ProviderPath, providers: Providers, credentials: Credentials, desk: Desk
) -> CredentialList:
    """The platform's credentials: the zone file's, read-only, and those that were added. Never a
    secret."""
    await providers.config(provider)
    zones = [CredentialView.of_zone(provider, n) for n in desk.zone.credentials.get(provider, ())]
    rows = [row for row in await credentials.all() if row.provider_id == provider]
    return CredentialList(data=[*zones, *map(CredentialView.of, rows)])


@router.post(
    "/providers/{provider}/credentials",
    status_code=201,
    openapi_extra=permits_platform("providers.write"),
    dependencies=[require_step_up],
)
async def add_credential(
    provider: ProviderPath,
    wanted: NewCredential,
    scope: Scope,
    providers: Providers,
    credentials: Credentials,
    desk: Desk,
    response: Response,
) -> CredentialView:
    """Seal a secret of the provider's, and use it from the next snapshot on."""
    config = await providers.config(provider)
    rows = ProviderRepository(scope.session)
    if provider not in desk.zone.providers and await rows.provider(provider) is None:
        raise InvalidRequest(
            f"{provider!r} is not used here yet; add it first: POST /api/v1/admin/providers",
            param="provider",
        )
    resolved = providers.resolved(provider, config)
    row = await credentials.add(
        provider, resolved.wire, wanted.name, wanted.secret.sealed_form(), **wanted.cap()
    )
    show_version(response, row.version)
    return CredentialView.of(row)


@router.patch(
    "/credentials/{credential_id}",
    openapi_extra=permits_platform("providers.write"),
    dependencies=[require_step_up],
)
async def change_credential(
    credential_id: str,
    wanted: CredentialPatch,
    credentials: Credentials,
    response: Response,
    if_match: IfMatch = None,
) -> CredentialView:
    """Disable it, let it be used again, or set what it may spend."""
    row = await credentials.change(credential_id, wanted.columns(), if_match=if_match)
    show_version(response, row.version)
    return CredentialView.of(row)


@router.delete(
    "/credentials/{credential_id}",
    status_code=204,
    openapi_extra=permits_platform("providers.write"),
    dependencies=[require_step_up],
)
async def delete_credential(
    credential_id: str, credentials: Credentials, if_match: IfMatch = None
) -> None:
    """Forget the secret. Requests that run end with it; no new one uses it."""
    await credentials.delete(credential_id, if_match=if_match)


@router.post(
    "/credentials/{credential_id}/rotate",
    openapi_extra=permits_platform("providers.write"),
    dependencies=[require_step_up],
)
async def rotate_credential(
    credential_id: str,
    wanted: Rotation,
    providers: Providers,
    credentials: Credentials,
    response: Response,
    if_match: IfMatch = None,
) -> CredentialView:
    """Put another secret in its place. Test it, then withdraw the old one at the provider."""
    row = await credentials.get(credential_id)
    config = await providers.config(row.provider_id)
    wire = providers.resolved(row.provider_id, config).wire
    row = await credentials.rotate(
        credential_id, wire, wanted.secret.sealed_form(), if_match=if_match
    )
    show_version(response, row.version)
    return CredentialView.of(row)


@router.post(
    "/credentials/rewrap",
    openapi_extra=permits_platform("providers.write"),
    dependencies=[require_step_up],
)
async def rewrap_credentials(credentials: Credentials) -> Rewrapped:
    """Close all secrets, teams' own too, under the newest key of the zone."""
    return Rewrapped(rewrapped=await credentials.rewrap())


async def _credential(
    provider: str, name: str | None, credentials: CredentialService, desk: DeskTools
) -> tuple[str, ProviderSecret | None, str | None]:
    """Name, secret (None for the zone file's) and id. Raises `InvalidRequest`."""
    zones = desk.zone.credentials.get(provider, ())
    if name in zones or (name is None and zones):
        return name or zones[0], None, None
    rows = [
        row
        for row in await credentials.all()
        if row.provider_id == provider and name in (None, row.name)
    ]
    if not rows:
        raise InvalidRequest(f"{provider!r} has no such credential", param="credential")
    try:
        return rows[0].name, credentials.opened(rows[0]), rows[0].id
    except UNOPENED as error:
        raise InvalidRequest(
            f"the credential cannot be opened here: {error}; rotate it", param="credential"
        ) from None


class _Views:
    """Providers with what is counted of them."""

    def __init__(self, scope: ControlScope, providers: ProviderService, desk: DeskTools) -> None:
        self._rows = ProviderRepository(scope.session)
        self._providers = providers
        self._desk = desk
        self._found: Counter[str] | None = None

    async def all(self) -> list[ProviderView]:
        zones = [await self.of_zone(provider_id) for provider_id in self._desk.zone.providers]
        rows = await self._rows.providers()
        added = [await self.of(row) for row in rows if row.id not in self._desk.zone.providers]
        return [*zones, *added]

    async def of_zone(self, provider_id: str) -> ProviderView:
        config = self._desk.zone.providers[provider_id]
        return ProviderView.of(
            self._providers.resolved(provider_id, config),
            config,
            credentials=len(self._desk.zone.credentials.get(provider_id, ()))
            + (await self._counted())[provider_id],
            endpoints=self._endpoints()[provider_id],
            stored=None,
        )

    async def of(self, row: ProviderRow) -> ProviderView:
        config = config_of(row)
        return ProviderView.of(
            self._providers.resolved(row.id, config),
            config,
            credentials=(await self._counted())[row.id],
            endpoints=self._endpoints()[row.id],
            stored=(row.disabled, row.created_at_ns, row.version),
        )

    async def _counted(self) -> Counter[str]:
        if self._found is None:
            rows = await self._rows.credentials_of(PLATFORM)
            self._found = Counter(row.provider_id for row in rows if not row.disabled)
        return self._found

    def _endpoints(self) -> Counter[str]:
        snapshot = self._desk.publisher.snapshot
        models = snapshot.models.values() if snapshot is not None else ()
        return Counter(e.provider_id for model in models for e in model.endpoints)
