"""A team's own credentials at providers: added, tested, rotated, and used for this team alone."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Response
from pydantic import BaseModel, Field

from opengateway.catalog.desk import DeskCredential
from opengateway.control.access import permits
from opengateway.control.actor import CurrentActor
from opengateway.control.bodies import Name, example, input_example
from opengateway.control.conditions import IfMatch, show_version
from opengateway.control.prices.publisher import Trial
from opengateway.control.providers.credentials import CredentialService, check_secret
from opengateway.control.providers.models import CredentialRow
from opengateway.control.providers.schemas import ProviderId, Rotation, Secret, TestView
from opengateway.control.providers.service import ProviderService
from opengateway.control.providers.testing import UNOPENED, probed
from opengateway.control.providers.tools import Desk
from opengateway.control.scope import Scope
from opengateway.control.sessions.web import require_step_up
from opengateway.domain.errors import Conflict, InvalidRequest
from opengateway.ports.provider_probe import ProbeResult

router = APIRouter(prefix="/teams/{team_id}/credentials", tags=["own credentials"])
_READ = permits("own_credentials.read")
_WRITE = permits("own_credentials.write")


class CredentialRefused(InvalidRequest):
    code = "credential_refused"


class NewOwnCredential(BaseModel):
    """`preferred`: before the platform's credentials; else after them. It is tested before it is
    kept, unless `untested` says otherwise."""

    model_config = input_example(
        provider="openai", name="ours", secret={"api_key": "sk-example-0123456789"}, preferred=True
    )

    provider: ProviderId
    name: Name
    secret: Secret = Field(repr=False)
    preferred: bool = True
    untested: bool = False


class OwnCredentialPatch(BaseModel):
    """What is left out stays."""

    model_config = input_example(preferred=False)

    preferred: bool = Field(True, validate_default=False)
    disabled: bool = Field(False, validate_default=False)

    def columns(self) -> dict[str, Any]:
        return self.model_dump(exclude_unset=True)


class OwnCredentialView(BaseModel):
    """`log_name` is what the attempts in the log call it. The secret is shown nowhere."""

    model_config = example(
        id="cred_0192f0c1a2b37c4d8e9fa0b1c2d3e4f8",
        log_name="own:cred_0192f0c1a2b37c4d8e9fa0b1c2d3e4f8",
        provider="openai",
        name="ours",
        form="api_key",
        hint="...6789",
        preferred=True,
        disabled=False,
        tested_at_ns=None,
        test=None,
        created_at_ns=1_764_000_000_000_000_000,
        rotated_at_ns=None,
        version=1,
    )

    id: str
    log_name: str
    provider: str
    name: str
    form: str
    hint: str
    preferred: bool
    disabled: bool
    tested_at_ns: int | None
    test: TestView | None
    created_at_ns: int
    rotated_at_ns: int | None
    version: int

    @classmethod
    def of(cls, row: CredentialRow) -> OwnCredentialView:
        result = row.test_result
        return cls(
            id=row.id,
            log_name=f"own:{row.id}",
            provider=row.provider_id,
            name=row.name,
            form=row.form,
            hint=row.hint,
            preferred=row.preferred,
            disabled=row.disabled,
            tested_at_ns=row.tested_at_ns,
            test=None if result is None else TestView.model_validate(result),
            created_at_ns=row.created_at_ns,
            rotated_at_ns=row.rotated_at_ns,
            version=row.version,
        )


class OwnCredentialList(BaseModel):
    data: list[OwnCredentialView]


async def _services(
    team_id: str, scope: Scope, actor: CurrentActor, desk: Desk
) -> tuple[CredentialService, ProviderService]:
    return CredentialService(scope, actor, desk, team_id), ProviderService(scope, actor, desk)


Services = Annotated[tuple[CredentialService, ProviderService], Depends(_services)]


@router.get("", openapi_extra=_READ)
async def list_own_credentials(team_id: str, services: Services) -> OwnCredentialList:
    """All of the team's own credentials."""
    rows = await services[0].all()
    return OwnCredentialList(data=[OwnCredentialView.of(row) for row in rows])


@router.post("", status_code=201, openapi_extra=_WRITE, dependencies=[require_step_up])
async def add_own_credential(
    team_id: str,
    wanted: NewOwnCredential,
    scope: Scope,
    services: Services,
    desk: Desk,
    response: Response,
) -> OwnCredentialView:
    """Bring a key: one real request tells whether it opens the provider, then it is sealed and used
    from the next snapshot on."""
    credentials, providers = services
    provider = await providers.for_teams(wanted.provider)
    secret = wanted.secret.sealed_form()
    result = None
    if not wanted.untested:
        check_secret(secret, provider.wire, desk.rules)
        trial = DeskCredential("trial", provider.id, wanted.name, team_id)
        served = await desk.tried(scope, Trial(credentials=(trial,)))
        result = await probed(scope, desk, provider, wanted.name, secret, None, served)
        if not result.ok:
            raise CredentialRefused(_told(result), param="secret")
    row = await credentials.add(
        provider.id, provider.wire, wanted.name, secret, preferred=wanted.preferred
    )
    if result is not None:
        row = await credentials.tested(row.id, result)
    show_version(response, row.version)
    return OwnCredentialView.of(row)


@router.patch("/{credential_id}", openapi_extra=_WRITE)
async def change_own_credential(
    team_id: str,
    credential_id: str,
    wanted: OwnCredentialPatch,
    services: Services,
    response: Response,
    if_match: IfMatch = None,
) -> OwnCredentialView:
    """Prefer it or not, disable it, or let it be used again."""
    row = await services[0].change(credential_id, wanted.columns(), if_match=if_match)
    show_version(response, row.version)
    return OwnCredentialView.of(row)


@router.delete("/{credential_id}", status_code=204, openapi_extra=_WRITE)
async def delete_own_credential(
    team_id: str, credential_id: str, services: Services, if_match: IfMatch = None
) -> None:
    """Forget the secret."""
    await services[0].delete(credential_id, if_match=if_match)


@router.post("/{credential_id}/rotate", openapi_extra=_WRITE, dependencies=[require_step_up])
async def rotate_own_credential(
    team_id: str,
    credential_id: str,
    wanted: Rotation,
    services: Services,
    response: Response,
    if_match: IfMatch = None,
) -> OwnCredentialView:
    """Put another secret in its place."""
    credentials, providers = services
    row = await credentials.get(credential_id)
    provider = await providers.for_teams(row.provider_id)
    row = await credentials.rotate(
        credential_id, provider.wire, wanted.secret.sealed_form(), if_match=if_match
    )
    show_version(response, row.version)
    return OwnCredentialView.of(row)


@router.post("/{credential_id}/test", openapi_extra=_WRITE)
async def test_own_credential(
    team_id: str, credential_id: str, scope: Scope, services: Services, desk: Desk
) -> TestView:
    """Ask the provider something small now: one real request, paid by the team at the provider."""
    credentials, providers = services
    row = await credentials.get(credential_id)
    provider = await providers.for_teams(row.provider_id)
    try:
        secret = credentials.opened(row)
    except UNOPENED as error:
        raise Conflict(f"the credential cannot be opened: {error}; rotate it") from None
    result = await probed(scope, desk, provider, row.name, secret, None)
    await credentials.tested(credential_id, result)
    return TestView.model_validate(result, from_attributes=True)


def _told(result: ProbeResult) -> str:
    status = f" ({result.status})" if result.status is not None else ""
    return (
        f"the provider does not take it: {result.error}{status}: {result.message[:200]};"
        " nothing was kept"
    )
