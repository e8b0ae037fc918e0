"""What an identity provider could say and must not be believed. The real one is in tests/e2e."""

from __future__ import annotations

import hmac
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import replace
from hashlib import sha256
from typing import Any

import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, KeySet, OctKey, RSAKey

from opengateway.control.identity.settings import OidcSettings
from opengateway.control.oidc.claims import IdTokenRefused, kid_of, person_of, verified_claims
from opengateway.kit import json

NOW = 1_764_000_000
NONCE = "n-of-this-trip"
OIDC = OidcSettings("https://idp.example", "og", None, "House")
RSA = RSAKey.generate_key(2048, parameters={"kid": "r1"})
EC = ECKey.generate_key("P-256", parameters={"kid": "e1"})
OTHER = RSAKey.generate_key(2048, parameters={"kid": "r1"})
KEYS: Mapping[str, Any] = KeySet([RSA, EC]).as_dict(private=False)
GOOD = {
    "iss": OIDC.issuer,
    "aud": "og",
    "sub": "person-1",
    "nonce": NONCE,
    "iat": NOW - 5,
    "exp": NOW + 300,
    "email": "Mina@Example.com",
    "email_verified": True,
}


def signed(claims: Mapping[str, Any], key: Any = RSA, **header: Any) -> str:
    header = {"alg": "RS256", "kid": "r1", **header}
    return jwt.encode(header, dict(claims), key, algorithms=[header["alg"]])


def check(token: str, oidc: OidcSettings = OIDC) -> Mapping[str, Any]:
    return verified_claims(token, KEYS, oidc, NONCE, NOW)


def b64(data: bytes) -> str:
    return urlsafe_b64encode(data).decode().rstrip("=")


def test_a_good_token_is_believed() -> None:
    for token in (
        signed(GOOD),
        signed(GOOD, EC, alg="ES256", kid="e1"),
        signed({**GOOD, "aud": ["og"]}),
        signed({**GOOD, "aud": ["og", "x"], "azp": "og"}),
        signed({**GOOD, "exp": NOW - 59}),  # our clocks may differ by a minute
        signed({**GOOD, "iat": NOW + 59}),
    ):
        assert person_of(check(token), OIDC).email == "mina@example.com"


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"iss": "https://idp.example/"}, "another issuer"),
        ({"iss": "https://evil.example"}, "another issuer"),
        ({"iss": None}, "another issuer"),
        ({"aud": "another"}, "another audience"),
        ({"aud": []}, "another audience"),
        ({"aud": {"og": 1}}, "another audience"),
        ({"aud": ["og", "x"]}, "issued to another client"),
        ({"azp": "x"}, "issued to another client"),
        ({"exp": NOW - 60}, "expired"),
        ({"exp": None}, "expired"),
        ({"exp": True}, "expired"),
        ({"exp": "9999999999"}, "expired"),
        ({"iat": NOW + 61}, "issued in the future"),
        ({"iat": None}, "issued in the future"),
        ({"nbf": NOW + 61}, "not valid yet"),
        ({"nonce": "n-of-another"}, "another nonce"),
        ({"nonce": None}, "another nonce"),
        ({"nonce": [NONCE]}, "another nonce"),
        ({"sub": ""}, "no subject"),
        ({"sub": 7}, "no subject"),
        ({"sub": "x" * 256}, "no subject"),
    ],
)
def test_a_claim_that_is_not_for_us_now_is_refused(change: dict[str, Any], why: str) -> None:
    with pytest.raises(IdTokenRefused) as refused:
        check(signed({k: v for k, v in {**GOOD, **change}.items() if v is not None}))
    assert refused.value.why == why
    # And a stranger is told nothing of it.
    assert refused.value.message == "single sign-on failed; begin again"


def test_a_signature_that_is_not_the_providers_is_refused() -> None:
    body = b64(json.dumps(GOOD))
    none = b64(b'{"alg":"none"}') + f".{body}."
    odd_none = b64(b'{"alg":"nOnE","kid":"r1"}') + f".{body}."
    # The public key taken for a shared secret (algorithm confusion).
    pem = RSA.as_pem(private=False)
    head = b64(b'{"alg":"HS256","kid":"r1"}')
    mac = b64(hmac.digest(pem, f"{head}.{body}".encode(), "sha256"))
    hs256 = f"{head}.{body}.{mac}"
    own_key = signed(GOOD, OTHER)
    named_inside = signed(GOOD, OTHER, jwk=OTHER.as_dict(private=False))
    good = signed(GOOD)
    bent = good[:-6] + ("AAAAAA" if good[-6:] != "AAAAAA" else "BBBBBB")
    for token in (
        none,
        odd_none,
        hs256,
        own_key,
        named_inside,
        bent,
        signed(GOOD, RSA, kid="unknown"),
        signed(GOOD, RSA, alg="PS256"),  # a good one, of an algorithm that the zone does not list
        signed(GOOD, EC, alg="ES256", kid="e1").replace(b64(b"e1"), b64(b"r1")) + "x",
        jwt.encode({"alg": "HS256"}, dict(GOOD), OctKey.import_key("s" * 32), algorithms=["HS256"]),
        *("", "a.b", "a.b.c", "....", "é.é.é"),
    ):
        with pytest.raises(IdTokenRefused):
            check(token)
    assert check(signed(GOOD, RSA, alg="PS256"), replace(OIDC, algorithms=("PS256",)))


def test_a_header_is_read_before_it_is_believed_and_is_bounded() -> None:
    assert kid_of(signed(GOOD)) == "r1"
    assert kid_of(b64(b"{}") + ".x.y") is None
    for bad in (
        "x" * 40_000,
        "a.b",
        b64(b"[]x") + ".x.y",
        b64(b'{"kid": 7}') + ".x.y",
        b64(b"[" * 3_000) + ".x.y",
        "é.x.y",
    ):
        with pytest.raises(IdTokenRefused):
            kid_of(bad)


@pytest.mark.parametrize("told", [None, False, "true", 1, "yes"])
def test_an_address_counts_only_where_the_provider_says_that_it_is_verified(told: object) -> None:
    assert person_of({**GOOD, "email_verified": told}, OIDC).email is None


def test_odd_claims_are_left_out_and_never_trusted() -> None:
    found = person_of(
        {**GOOD, "email": "no address", "name": 7, "groups": ["a", 7, None], "auth_time": True},
        OIDC,
    )
    assert (found.email, found.name, found.groups, found.authenticated_at_s) == (
        None,
        "",
        ("a",),
        None,
    )
    assert person_of({**GOOD, "groups": "admins"}, OIDC).groups == ()
    many = person_of({**GOOD, "groups": [str(n) for n in range(10_000)]}, OIDC).groups
    assert len(many) == 500


def test_the_challenge_is_that_of_the_standard() -> None:
    """RFC 7636, appendix B."""
    from opengateway.control.oidc.service import challenge_of

    verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
    assert challenge_of(verifier) == "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
    assert challenge_of(verifier) == b64(sha256(verifier.encode()).digest())
