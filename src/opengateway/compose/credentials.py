"""The zone's secrets as credentials, each bound to its provider's origins.

Snapshots come and go: what signs, or holds a token, is made once and kept.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final
from urllib.parse import urlsplit

import msgspec

from opengateway.compose.provider_secrets import (
    AccessToken,
    AwsKeys,
    Secret,
    Secrets,
    ServiceAccount,
)
from opengateway.compose.references import References
from opengateway.domain.catalog import Provider, Snapshot
from opengateway.domain.vault import ProviderSecret, SealedCredential
from opengateway.infra.authorizers import AwsSigner, FileToken
from opengateway.kit.clock import Clock
from opengateway.kit.sigv4 import AwsKey
from opengateway.ports.transport import Authorizer, Credential, UpstreamTransport

_AUTHORIZERS: Final = 4096
VaultSecrets = Mapping[tuple[str, str], tuple[SealedCredential, ProviderSecret]]
"""(provider, credential's name) to its envelope and what is in it."""


class Credentials:
    """Makes what a snapshot's providers are called with."""

    def __init__(
        self,
        secrets: Secrets,
        references: References,
        transport: UpstreamTransport,
        clock: Clock,
    ) -> None:
        self._secrets = secrets
        self._references = references
        self._transport = transport
        self._clock = clock
        self._authorizers: dict[tuple[str, str, bytes], Authorizer] = {}

    def of(
        self, snapshot: Snapshot, vault: VaultSecrets | None = None
    ) -> dict[tuple[str, str], Credential]:
        """(provider, credential) to the credential. `vault`: the database's, which come after the
        zone file's."""
        found: dict[tuple[str, str], Credential] = {}
        for (provider_id, name), (sealed, given) in (vault or {}).items():
            provider = snapshot.providers.get(provider_id)
            if provider is not None and provider.auth != "none":
                found[provider_id, name] = self._bound(
                    provider, name, of_vault(given), sealed.sealed
                )
        for provider in snapshot.providers.values():
            if provider.auth == "none":
                continue
            for name in provider.credentials:
                secret = self._secrets.get(provider.id, {}).get(name)
                if secret is not None:
                    found[provider.id, name] = self._bound(provider, name, secret)
        return found

    def _bound(
        self, provider: Provider, name: str, secret: Secret, which: bytes = b""
    ) -> Credential:
        if isinstance(secret, str):
            return _plain(provider, name, secret)
        key = (provider.id, name, which)  # another envelope is another secret
        authorizer = self._authorizers.get(key)
        if authorizer is None:
            if len(self._authorizers) >= _AUTHORIZERS:
                self._authorizers.clear()
            made = bound(provider, name, secret, self._references, self._transport, self._clock)
            assert made.authorizer is not None, "what is no plain key has an authorizer"
            authorizer = self._authorizers[key] = made.authorizer
        origin, *others = _origins(provider)
        return Credential(name, "", origin, origins=tuple(others), authorizer=authorizer)


def bound(
    provider: Provider,
    name: str,
    secret: Secret,
    references: References,
    transport: UpstreamTransport,
    clock: Clock,
) -> Credential:
    """A credential of its own, for the provider's origins alone."""
    if isinstance(secret, str):
        return _plain(provider, name, secret)
    origin, *others = _origins(provider)
    authorizer = _authorizer(secret, references, transport, clock)
    return Credential(name, "", origin, origins=tuple(others), authorizer=authorizer)


def _plain(provider: Provider, name: str, secret: str) -> Credential:
    origin, *rest = _origins(provider)
    others = tuple(rest)
    if provider.auth == "bearer":
        return Credential(name, secret, origin, origins=others)
    header = provider.auth.lower()
    return Credential(name, secret, origin, header=header, prefix="", origins=others)


def _origins(provider: Provider) -> list[str]:
    urls = (provider.base_url, *provider.regional_urls.values())
    return list(dict.fromkeys(map(_origin, urls)))


def _authorizer(
    secret: AccessToken | AwsKeys | ServiceAccount,
    references: References,
    transport: UpstreamTransport,
    clock: Clock,
) -> Authorizer:
    match secret:
        case AccessToken():
            reference = secret.reference
            is_file = reference.startswith("file:")
            read = (lambda: references.read(reference)) if is_file else None
            return FileToken(secret.token, read, clock)
        case AwsKeys():
            return AwsSigner(secret.key, secret.region, clock)
        case ServiceAccount():
            # Only here: who has none does not pay for loading it.
            from opengateway.infra.google_tokens import GoogleTokens

            return GoogleTokens(
                secret.client_email,
                secret.private_key,
                secret.private_key_id,
                secret.token_uri,
                transport,
                clock,
            )


def of_vault(secret: ProviderSecret) -> Secret:
    """One of the forms that the zone file's have. It was checked when it was given."""
    if secret.access_token is not None:
        return AccessToken(secret.access_token, "vault:")
    if secret.service_account is not None:
        return msgspec.json.decode(secret.service_account, type=ServiceAccount)
    if secret.aws_access_key_id is not None:
        key = AwsKey(
            secret.aws_access_key_id, secret.aws_secret_access_key or "", secret.aws_session_token
        )
        return AwsKeys(key, secret.region)
    return secret.api_key or ""


def _origin(base_url: str) -> str:
    url = urlsplit(base_url)
    port = url.port or (443 if url.scheme == "https" else 80)
    return f"{url.scheme}://{url.hostname}:{port}"
