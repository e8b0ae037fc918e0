"""The zone's secrets as credentials, each bound to its provider's origins.

Snapshots come and go: what signs, or holds a token, is made once and kept.
"""

from __future__ import annotations

from urllib.parse import urlsplit

from opengateway.compose.provider_secrets import (
    AccessToken,
    AwsKeys,
    Secret,
    Secrets,
    ServiceAccount,
)
from opengateway.compose.references import References
from opengateway.domain.catalog import Provider, Snapshot
from opengateway.infra.authorizers import AwsSigner, FileToken
from opengateway.kit.clock import Clock
from opengateway.ports.transport import Authorizer, Credential, UpstreamTransport


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
        self._authorizers: dict[tuple[str, str], Authorizer] = {}

    def of(self, snapshot: Snapshot) -> dict[tuple[str, str], Credential]:
        """(provider, credential) to the credential. Raises `OperatorError` for a key that is
        none."""
        found: dict[tuple[str, str], Credential] = {}
        for provider in snapshot.providers.values():
            if provider.auth == "none":
                continue
            for name in provider.credentials:
                secret = self._secrets.get(provider.id, {}).get(name)
                if secret is not None:
                    found[provider.id, name] = self._bound(provider, name, secret)
        return found

    def _bound(self, provider: Provider, name: str, secret: Secret) -> Credential:
        origin = _origin(provider.base_url)
        others = tuple(
            place
            for place in dict.fromkeys(map(_origin, provider.regional_urls.values()))
            if place != origin
        )
        if not isinstance(secret, str):
            authorizer = self._authorizers.get((provider.id, name))
            if authorizer is None:
                authorizer = self._authorizers[provider.id, name] = self._authorizer(secret)
            return Credential(name, "", origin, origins=others, authorizer=authorizer)
        if provider.auth == "bearer":
            return Credential(name, secret, origin, origins=others)
        header = provider.auth.lower()
        return Credential(name, secret, origin, header=header, prefix="", origins=others)

    def _authorizer(self, secret: AccessToken | AwsKeys | ServiceAccount) -> Authorizer:
        match secret:
            case AccessToken():
                reference = secret.reference
                is_file = reference.startswith("file:")
                read = (lambda: self._references.read(reference)) if is_file else None
                return FileToken(secret.token, read, self._clock)
            case AwsKeys():
                return AwsSigner(secret.key, secret.region, self._clock)
            case ServiceAccount():
                # Only here: who has none does not pay for loading it.
                from opengateway.infra.google_tokens import GoogleTokens

                return GoogleTokens(
                    secret.client_email,
                    secret.private_key,
                    secret.private_key_id,
                    secret.token_uri,
                    self._transport,
                    self._clock,
                )


def _origin(base_url: str) -> str:
    url = urlsplit(base_url)
    port = url.port or (443 if url.scheme == "https" else 80)
    return f"{url.scheme}://{url.hostname}:{port}"
