"""Putting together what signing in needs: settings, sealed secrets, mail, the identity provider."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from opengateway.compose.components import EditionName
from opengateway.compose.egress import is_inside
from opengateway.compose.zone import Zone
from opengateway.control.identity.settings import OidcGrant, OidcSettings, SignInSettings
from opengateway.control.identity.tools import SignInTools
from opengateway.control.mail.outbox import OpenScope, Postman
from opengateway.control.sign_in.chores import SignInChores
from opengateway.infra.mail.none import NoMail
from opengateway.infra.mail.options import SmtpOptions, SmtpTls
from opengateway.infra.mail.smtp import SmtpMailer
from opengateway.infra.outbound import AllowAddress, tls_context
from opengateway.infra.secret_box import AesSecretBox
from opengateway.kit.clock import Clock
from opengateway.ports.mail import Mailer
from opengateway.ports.secret_box import SecretBox

if TYPE_CHECKING:
    from opengateway.infra.identity_provider import ProviderAccess


@dataclass(frozen=True, slots=True)
class SmtpAccess:
    options: SmtpOptions
    password: str | None = field(repr=False)


@dataclass(frozen=True, slots=True)
class SignInPlan:
    """What a zone says, resolved. `data_keys` by version."""

    settings: SignInSettings
    data_keys: Mapping[int, bytes] = field(repr=False)
    provider: ProviderAccess | None = None
    smtp: SmtpAccess | None = None
    ca_file: str | None = None


@dataclass(frozen=True, slots=True)
class SignInHouse:
    """What lives as long as the process. Close it at the end."""

    tools: SignInTools
    mail: Mailer
    secret_box: SecretBox

    async def aclose(self) -> None:
        if self.tools.identity_provider is not None:
            await self.tools.identity_provider.aclose()


def plan_of(zone: Zone, data_keys: Mapping[int, bytes]) -> SignInPlan:
    auth = zone.auth
    mail = zone.components.mail.options
    settings = SignInSettings(
        zone=zone.name,
        public_url=zone.listen.public_url,
        password=auth.password,
        signup=auth.signup,
        domains=auth.domains,
        idle_s=auth.session.idle_s,
        absolute_s=auth.session.absolute_s,
        oidc=_oidc(zone),
    )
    smtp = None
    if isinstance(mail, SmtpOptions):
        smtp = SmtpAccess(mail, zone.sign_in_secrets.mail_password)
    return SignInPlan(
        settings=settings,
        data_keys=data_keys,
        provider=_provider(zone),
        smtp=smtp,
        ca_file=zone.outbound.ca_file,
    )


def _oidc(zone: Zone) -> OidcSettings | None:
    config = zone.auth.oidc
    if config is None:
        return None
    values = msgspec.structs.asdict(config)
    grants = tuple(OidcGrant(g.group, g.team, g.role) for g in config.grants)
    return OidcSettings(
        **{**values, "grants": grants, "client_secret": zone.sign_in_secrets.oidc_client_secret}
    )


def _provider(zone: Zone) -> ProviderAccess | None:
    config = zone.auth.oidc
    if config is None:
        return None
    from opengateway.infra.identity_provider import ProviderAccess

    return ProviderAccess(
        issuer=config.issuer,
        client_id=config.client_id,
        client_secret=zone.sign_in_secrets.oidc_client_secret,
        hosts=config.hosts,
        proxy=zone.outbound.proxy,
        allow=_inside(zone) if zone.edition is EditionName.AIRGAP else None,
    )


def _inside(zone: Zone) -> AllowAddress:
    """In an airgap a name may lead to private addresses, or where `outbound.allow` says so."""
    rules = zone.outbound.allow

    def allow(host: str, address: str) -> bool:
        return is_inside(host, rules) or is_inside(address, rules)

    return allow


def open_sign_in(plan: SignInPlan, clock: Clock) -> SignInHouse:
    """Raises `OSError` when the zone's `ca_file` cannot be read."""
    ca_file = Path(plan.ca_file) if plan.ca_file else None
    provider = None
    if plan.provider is not None:
        # Here: its library takes a tenth of a second of every start.
        from opengateway.infra.identity_provider import HttpIdentityProvider

        provider = HttpIdentityProvider(plan.provider, tls_context(ca_file), clock)
    mail: Mailer = NoMail()
    if plan.smtp is not None:
        options = plan.smtp.options
        context = None
        if options.tls is not SmtpTls.OFF:
            context = tls_context(ca_file)
        mail = SmtpMailer(options, plan.smtp.password, context, clock)
    tools = SignInTools(plan.settings, provider)
    return SignInHouse(tools, mail, AesSecretBox(plan.data_keys))


def sign_in_jobs(
    house: SignInHouse, open_scope: OpenScope, clock: Clock
) -> tuple[Callable[[], Coroutine[Any, Any, None]], ...]:
    """What runs beside the requests: uses of sessions are written, letters are sent."""
    chores = SignInChores(open_scope, house.tools)
    if not house.mail.sends:
        return (chores.run,)
    return (chores.run, Postman(open_scope, house.mail, clock).run)
