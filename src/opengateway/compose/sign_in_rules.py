"""The zone file's `auth` section and mail: rules between keys, and the secrets that they point at."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Final

from opengateway.compose.components import EditionName, Slot
from opengateway.compose.egress import host_of, is_inside, url_problem
from opengateway.compose.faults import Faults
from opengateway.compose.references import BadReference, References, is_reference
from opengateway.compose.zone_file import OidcConfig, ZoneFile
from opengateway.domain.sign_up import SignUp

_DOMAIN: Final = re.compile(r"[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?")


@dataclass(frozen=True, slots=True)
class SignInSecrets:
    oidc_client_secret: str | None = field(default=None, repr=False)
    mail_password: str | None = field(default=None, repr=False)


def check_sign_in(
    file: ZoneFile, mail: Slot | None, references: References, faults: Faults
) -> SignInSecrets:
    """Note what cannot work, and read the secrets. `mail` is None when its slot has a fault."""
    auth = file.auth
    for index, domain in enumerate(auth.domains):
        if _DOMAIN.fullmatch(domain) is None:
            faults.add(
                f"auth.domains[{index}]", "expected a domain in lower case, like example.com"
            )
    if auth.signup is SignUp.DOMAINS and not auth.domains:
        faults.add("auth.domains", "is missing: signup is domains, so list them")
    sends = mail is not None and mail.use != "none"
    if auth.signup is not SignUp.INVITE and auth.password and mail is not None and not sends:
        faults.add(
            "auth.signup",
            f"is {auth.signup.value}, and nobody can prove their address without mail; set"
            " components.mail, or signup: invite",
        )
    if auth.session.idle_s > auth.session.absolute_s:
        faults.add("auth.session.idle_s", "is longer than absolute_s")
    client_secret = None
    if auth.oidc is not None:
        _check_oidc(auth.oidc, file, faults)
        client_secret = _read(
            auth.oidc.client_secret, "auth.oidc.client_secret", references, faults
        )
    password = None
    if sends and mail is not None:
        path = "components.mail.password"
        password = _read(getattr(mail.options, "password", None), path, references, faults)
        _check_mail(mail, file, faults)
    return SignInSecrets(client_secret, password)


def _check_oidc(oidc: OidcConfig, file: ZoneFile, faults: Faults) -> None:
    if problem := url_problem(oidc.issuer):
        faults.add("auth.oidc.issuer", problem)
        return
    host = host_of(oidc.issuer)
    if oidc.issuer.startswith("http://") and not is_loopback(host):
        faults.add("auth.oidc.issuer", "must begin with https://")
    if "openid" not in oidc.scopes:
        faults.add("auth.oidc.scopes", "must hold openid")
    if file.edition is not EditionName.AIRGAP:
        return
    for name in (host, *oidc.hosts):
        if not is_inside(name, file.outbound.allow):
            faults.add(
                "auth.oidc.issuer" if name == host else "auth.oidc.hosts",
                f"{name!r} is not a private address; an airgap zone calls only those, and what"
                " outbound.allow lists",
            )


def _check_mail(mail: Slot, file: ZoneFile, faults: Faults) -> None:
    options = mail.options
    host = str(getattr(options, "host", ""))
    if file.edition is EditionName.AIRGAP and not is_inside(host, file.outbound.allow):
        faults.add(
            "components.mail.host",
            f"{host[:100]!r} is not a private address; an airgap zone calls only those, and what"
            " outbound.allow lists",
        )
    user, password = getattr(options, "username", None), getattr(options, "password", None)
    if (user is None) != (password is None):
        faults.add("components.mail.username", "username and password go together")
    if password is not None and getattr(options, "tls", "") == "off" and not is_loopback(host):
        faults.add("components.mail.tls", "is off, and would send the password for all to read")


def is_loopback(host: str) -> bool:
    return host in ("localhost", "::1") or host.startswith("127.")


def _read(text: str | None, path: str, references: References, faults: Faults) -> str | None:
    if text is None:
        return None
    if not is_reference(text):
        faults.add(path, "a secret may not stand in this file; write env:NAME or file:PATH")
        return None
    try:
        return references.read(text)
    except BadReference as error:
        faults.add(path, str(error))
        return None
