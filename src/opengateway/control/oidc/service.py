"""Single sign-on: code flow with PKCE, state and nonce, against the one provider of the zone."""

from __future__ import annotations

import hashlib
import hmac
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlencode

import msgspec

from opengateway.control.identity.settings import SECOND_NS, OidcSettings
from opengateway.control.oidc.claims import (
    IdTokenRefused,
    Person,
    kid_of,
    person_of,
    subject_of,
    verified_claims,
)
from opengateway.control.scope import ControlScope
from opengateway.domain.errors import CapacityError, NotFound
from opengateway.kit.chance import random_bytes
from opengateway.kit.log import get_logger
from opengateway.ports.identity_provider import (
    CodeExchange,
    CodeRefused,
    IdentityProvider,
    IdentityProviderFault,
)

CALLBACK: Final = "/api/v1/auth/oidc/callback"
_MAX_CODE: Final = 2_048

log = get_logger(__name__)


class OidcBegun(msgspec.Struct, frozen=True):
    """A trip to the provider, kept in a sealed cookie. The issuer too: a zone file may change."""

    issuer: str
    state: str
    nonce: str
    verifier: str
    return_to: str
    invitation: str | None = None


class OidcOff(NotFound):
    code = "single_sign_on_off"

    def __init__(self) -> None:
        super().__init__("this zone has no single sign-on (auth.oidc)")


class OidcTrip:
    """Goes to the provider and comes back. Touches no table and holds no connection."""

    def __init__(self, scope: ControlScope) -> None:
        settings, provider = scope.sign_in.settings, scope.sign_in.identity_provider
        if settings.oidc is None or provider is None:
            raise OidcOff
        self._scope = scope
        self._oidc: OidcSettings = settings.oidc
        self._provider: IdentityProvider = provider
        self._redirect_uri = settings.public_url + CALLBACK

    async def begin(
        self, return_to: str, invitation: str | None, *, fresh: bool
    ) -> tuple[str, OidcBegun]:
        """Where to send the browser. `fresh`: the provider shall ask who they are, again."""
        begun = OidcBegun(
            issuer=self._oidc.issuer,
            state=_random(),
            nonce=_random(),
            verifier=_random(),
            return_to=return_to,
            invitation=invitation,
        )
        try:
            metadata = await self._provider.metadata()
        except IdentityProviderFault as fault:
            raise self._unavailable(fault) from None
        asked = {
            "response_type": "code",
            "client_id": self._oidc.client_id,
            "redirect_uri": self._redirect_uri,
            "scope": " ".join(self._oidc.scopes),
            "state": begun.state,
            "nonce": begun.nonce,
            "code_challenge": challenge_of(begun.verifier),
            "code_challenge_method": "S256",
        }
        if fresh:
            asked |= {"prompt": "login", "max_age": "0"}
        joint = "&" if "?" in metadata.authorization_endpoint else "?"
        return f"{metadata.authorization_endpoint}{joint}{urlencode(asked)}", begun

    async def finish(self, begun: OidcBegun, told: Mapping[str, str]) -> Person:
        """Who came back. `told` are the parameters of the callback.

        Raises `IdTokenRefused`, `CapacityError` when the provider cannot be reached.
        """
        code = await self._check_answer(begun, told)
        try:
            tokens = await self._provider.exchange(
                CodeExchange(code, begun.verifier, self._redirect_uri)
            )
            keys = await self._provider.keys(kid_of(tokens.id_token))
            now_s = self._scope.clock.now_ns() // SECOND_NS
            claims = verified_claims(tokens.id_token, keys, self._oidc, begun.nonce, now_s)
            if "email" not in claims and tokens.access_token:
                claims = await self._with_userinfo(claims, tokens.access_token)
        except CodeRefused:
            raise IdTokenRefused("the provider does not take the code") from None
        except IdentityProviderFault as fault:
            raise self._unavailable(fault) from None
        return person_of(claims, self._oidc)

    async def _check_answer(self, begun: OidcBegun, told: Mapping[str, str]) -> str:
        """The code. Everything that shows another trip, or another provider, is refused first."""
        if not hmac.compare_digest(told.get("state", "").encode(), begun.state.encode()):
            raise IdTokenRefused("another state")
        if begun.issuer != self._oidc.issuer:
            raise IdTokenRefused("begun with another issuer")
        try:
            metadata = await self._provider.metadata()
        except IdentityProviderFault as fault:
            raise self._unavailable(fault) from None
        issuer = told.get("iss")
        if issuer != metadata.issuer and (issuer is not None or metadata.says_issuer):
            raise IdTokenRefused("the answer is another provider's")  # mix-up (RFC 9207)
        if "error" in told:
            raise IdTokenRefused(f"the provider says {told['error'][:60]!r}")
        code = told.get("code", "")
        if not 0 < len(code) <= _MAX_CODE:
            raise IdTokenRefused("no code")
        return code

    async def _with_userinfo(
        self, claims: Mapping[str, Any], access_token: str
    ) -> Mapping[str, Any]:
        more = await self._provider.userinfo(access_token)
        # Of the same person, or an access token was swapped (Core 1.0, 5.3.2).
        if more.get("sub") != subject_of(claims):
            raise IdTokenRefused("its userinfo is of somebody else")
        return {**more, **claims}

    def _unavailable(self, fault: IdentityProviderFault) -> CapacityError:
        log.error("identity_provider_fault", error=str(fault))
        return CapacityError(
            "the identity provider does not answer as it should; try again later",
            code="identity_provider_unavailable",
            retry_after_s=30,
        )


def challenge_of(verifier: str) -> str:
    """RFC 7636, 4.2, S256."""
    digest = hashlib.sha256(verifier.encode()).digest()
    return urlsafe_b64encode(digest).decode().rstrip("=")


def _random() -> str:
    return urlsafe_b64encode(random_bytes(32)).decode().rstrip("=")
