"""Checking what an identity provider says of a person (OpenID Connect Core 1.0, 3.1.3.7)."""

from __future__ import annotations

import hmac
from base64 import urlsafe_b64decode
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from opengateway.control.identity.emails import normal_email
from opengateway.control.identity.settings import OidcSettings
from opengateway.domain.errors import InvalidRequest, NotAuthenticated
from opengateway.kit import json

SKEW_S: Final = 60
MAX_TOKEN_CHARACTERS: Final = 32 * 1024
_MAX_GROUPS: Final = 500


class IdTokenRefused(NotAuthenticated):
    """What is wrong is for the log; a stranger learns nothing from it."""

    code = "single_sign_on_failed"

    def __init__(self, why: str) -> None:
        super().__init__("single sign-on failed; begin again")
        self.why = why


@dataclass(frozen=True, slots=True)
class Person:
    """A person as the provider vouches for. `email` only where it says that it is verified."""

    subject: str
    email: str | None
    name: str
    groups: tuple[str, ...]
    authenticated_at_s: int | None
    """When they last proved who they are to the provider."""


def kid_of(token: str) -> str | None:
    """The id of the key that a token says it is signed with. Raises `IdTokenRefused`."""
    if len(token) > MAX_TOKEN_CHARACTERS or not token.isascii() or token.count(".") != 2:
        raise IdTokenRefused("not a compact JWS")
    head = token.partition(".")[0]
    try:
        header = json.loads(urlsafe_b64decode(head + "=" * (-len(head) % 4)))
    except (ValueError, json.DecodeError, RecursionError):
        raise IdTokenRefused("its header cannot be read") from None
    kid = header.get("kid") if isinstance(header, dict) else None
    if kid is not None and not isinstance(kid, str):
        raise IdTokenRefused("its kid is no string")
    return kid


def verified_claims(
    token: str, keys: Mapping[str, Any], oidc: OidcSettings, nonce: str, now_s: int
) -> Mapping[str, Any]:
    """The claims of an ID token that is the provider's, for us, of this trip. Raises
    `IdTokenRefused`."""
    try:
        found = jwt.decode(
            token, KeySet.import_key_set({"keys": list(keys["keys"])}), list(oidc.algorithms)
        )
    except (JoseError, ValueError, KeyError, TypeError) as error:
        raise IdTokenRefused(f"its signature: {type(error).__name__}") from None
    claims: Mapping[str, Any] = found.claims
    if claims.get("iss") != oidc.issuer:
        raise IdTokenRefused("another issuer")
    audience = claims.get("aud")
    audiences = audience if isinstance(audience, list) else [audience]
    if oidc.client_id not in audiences:
        raise IdTokenRefused("another audience")
    azp = claims.get("azp")
    if azp != oidc.client_id and (azp is not None or len(audiences) > 1):
        raise IdTokenRefused("issued to another client")
    expires, issued = _seconds(claims, "exp"), _seconds(claims, "iat")
    if expires is None or now_s >= expires + SKEW_S:
        raise IdTokenRefused("expired")
    if issued is None or issued > now_s + SKEW_S:
        raise IdTokenRefused("issued in the future")
    not_before = _seconds(claims, "nbf")
    if not_before is not None and not_before > now_s + SKEW_S:
        raise IdTokenRefused("not valid yet")
    told = claims.get("nonce")
    if not isinstance(told, str) or not hmac.compare_digest(told.encode(), nonce.encode()):
        raise IdTokenRefused("another nonce")
    subject_of(claims)
    return claims


def subject_of(claims: Mapping[str, Any]) -> str:
    subject = claims.get("sub")
    if not isinstance(subject, str) or not 0 < len(subject) <= 255 or "\0" in subject:
        raise IdTokenRefused("no subject")
    return subject


def person_of(claims: Mapping[str, Any], oidc: OidcSettings) -> Person:
    """Reads claims that were verified."""
    email = None
    if isinstance(told := claims.get("email"), str) and claims.get("email_verified") is True:
        try:
            email = normal_email(told)
        except InvalidRequest:
            email = None
    name = claims.get("name")
    groups = claims.get(oidc.groups_claim)
    groups = groups[:_MAX_GROUPS] if isinstance(groups, list) else []
    return Person(
        subject=subject_of(claims),
        email=email,
        name=name if isinstance(name, str) else "",
        groups=tuple(group for group in groups if isinstance(group, str)),
        authenticated_at_s=_seconds(claims, "auth_time"),
    )


def _seconds(claims: Mapping[str, Any], name: str) -> int | None:
    value = claims.get(name)
    # A bool is an int in Python, and no time.
    ok = isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e12
    return int(value) if ok else None  # type: ignore[arg-type]
