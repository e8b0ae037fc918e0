"""The zone's OpenID Connect provider, as far as it is spoken to over the network.

What it says is checked in `control/oidc`; here is only how it is fetched.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol


class IdentityProviderFault(Exception):
    """It does not answer, or not as OpenID Connect says. The message holds no secret."""


class CodeRefused(Exception):
    """It does not take this code: used before, too old, or begun by somebody else."""


@dataclass(frozen=True, slots=True)
class ProviderMetadata:
    """What we use of OpenID Connect Discovery 1.0, section 3. `issuer` was compared already."""

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    userinfo_endpoint: str | None
    says_issuer: bool
    """It names itself when it sends the browser back (RFC 9207)."""
    basic_auth: bool
    """A client secret goes into the Authorization header; else into the form."""


@dataclass(frozen=True, slots=True)
class CodeExchange:
    """What is sent for a code (RFC 6749, 4.1.3; RFC 7636, 4.5)."""

    code: str = field(repr=False)
    verifier: str = field(repr=False)
    redirect_uri: str = ""


@dataclass(frozen=True, slots=True)
class Tokens:
    """What a code was exchanged for, unverified."""

    id_token: str = field(repr=False)
    access_token: str = field(repr=False)


class IdentityProvider(Protocol):
    """Implementation: `infra/identity_provider.py`."""

    async def metadata(self) -> ProviderMetadata:
        """Raises `IdentityProviderFault`."""
        ...

    async def keys(self, kid: str | None) -> Mapping[str, Any]:
        """Its public keys as a JWK Set; fetched anew, not too often, if `kid` is not among them.

        Raises `IdentityProviderFault`.
        """
        ...

    async def exchange(self, exchange: CodeExchange) -> Tokens:
        """Raises `CodeRefused`, `IdentityProviderFault`."""
        ...

    async def userinfo(self, access_token: str) -> Mapping[str, Any]:
        """Claims that are not in the ID token (OpenID Connect Core 1.0, 5.3).

        Raises `IdentityProviderFault`.
        """
        ...

    async def aclose(self) -> None: ...
