from __future__ import annotations

import ssl
from base64 import b64decode
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest
from aiohttp import web

from opengateway.infra import identity_provider
from opengateway.infra.identity_provider import HttpIdentityProvider, ProviderAccess
from opengateway.kit.clock import ManualClock
from opengateway.ports.identity_provider import CodeExchange, CodeRefused, IdentityProviderFault

EXCHANGE = CodeExchange("the code", "the verifier", "https://og.example/cb")
Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Provider:
    """Answers as it is told, and counts. `said` is laid over its metadata."""

    def __init__(self) -> None:
        self.said: dict[str, Any] = {}
        self.keys: Any = {"keys": [{"kty": "RSA", "kid": "a", "n": "x", "e": "AQAB"}]}
        self.token: tuple[int, Any] = (200, {"id_token": "a.b.c", "access_token": "t"})
        self.asked: list[str] = []
        self.forms: list[dict[str, str]] = []
        self.authorization: list[str | None] = []
        self.issuer = ""

    async def metadata(self, request: web.Request) -> web.StreamResponse:
        told = {
            "issuer": self.issuer,
            "authorization_endpoint": f"{self.issuer}/auth",
            "token_endpoint": f"{self.issuer}/token",
            "jwks_uri": f"{self.issuer}/keys",
            "userinfo_endpoint": f"{self.issuer}/me",
        }
        return web.json_response({k: v for k, v in (told | self.said).items() if v is not None})

    async def answer(self, request: web.Request) -> web.StreamResponse:
        self.asked.append(request.path)
        self.authorization.append(request.headers.get("authorization"))
        match request.path:
            case "/.well-known/openid-configuration":
                return await self.metadata(request)
            case "/keys":
                return web.json_response(self.keys)
            case "/token":
                self.forms.append(dict(await request.post()))  # type: ignore[arg-type]
                status, body = self.token
                return web.json_response(body, status=status)
            case "/me":
                return web.json_response({"sub": "x"})
            case "/big":
                return web.Response(body=b"[" + b" " * 600_000 + b"]")
            case "/away":
                raise web.HTTPFound(f"{self.issuer}/keys")
        return web.Response(status=404, text="not here")


@asynccontextmanager
async def serving(
    **access: Any,
) -> AsyncIterator[tuple[Provider, HttpIdentityProvider, ManualClock]]:
    provider, clock = Provider(), ManualClock()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", provider.answer)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    provider.issuer = f"http://127.0.0.1:{port}"
    terms = {"client_secret": "canary:secret", **access}
    client = HttpIdentityProvider(
        ProviderAccess(provider.issuer, "og id", **terms), ssl.create_default_context(), clock
    )
    try:
        yield provider, client, clock
    finally:
        await client.aclose()
        await runner.cleanup()


async def test_metadata_and_keys_are_fetched_once_and_kept_for_their_time() -> None:
    async with serving() as (provider, client, clock):
        for _ in range(3):
            assert (await client.metadata()).token_endpoint == f"{provider.issuer}/token"
            assert (await client.keys("a"))["keys"][0]["kid"] == "a"
        assert provider.asked == ["/.well-known/openid-configuration", "/keys"]
        clock.advance(601)
        await client.keys("a")
        assert provider.asked[2:] == ["/keys"]
        clock.advance(3_600)
        await client.metadata()
        assert len(provider.asked) == 4


async def test_made_up_key_ids_do_not_make_us_fetch() -> None:
    async with serving() as (provider, client, clock):
        await client.keys("a")
        for n in range(50):
            await client.keys(f"made up {n}")
        assert provider.asked.count("/keys") == 1
        clock.advance(11)
        provider.keys = {"keys": [{"kty": "EC", "kid": "new", "crv": "P-256"}]}
        assert [k["kid"] for k in (await client.keys("new"))["keys"]] == ["new"]
        assert provider.asked.count("/keys") == 2


async def test_only_keys_that_verify_signatures_are_taken() -> None:
    async with serving() as (provider, client, _):
        provider.keys = {
            "keys": [
                {"kty": "oct", "kid": "shared", "k": "AAAA"},
                {"kty": "RSA", "kid": "for encrypting", "use": "enc"},
                {"kty": "RSA", "kid": "good", "use": "sig"},
            ]
        }
        assert [k["kid"] for k in (await client.keys(None))["keys"]] == ["good"]
        provider.keys = {"keys": "none"}
    async with serving() as (provider, client, _):
        provider.keys = {"keys": "none"}
        with pytest.raises(IdentityProviderFault, match="JWK Set"):
            await client.keys(None)


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ({"issuer": "https://evil.example"}, "another issuer"),
        ({"issuer": None}, "another issuer"),
        ({"token_endpoint": "https://evil.example/token"}, "'evil.example', which is neither"),
        ({"jwks_uri": "http://169.254.169.254/keys"}, "which is neither"),
        ({"jwks_uri": "http://127.0.0.1:1/keys"}, "which is neither"),
        ({"jwks_uri": "file:///etc/passwd"}, "no URL"),
        ({"token_endpoint": None}, "lacks an endpoint"),
        ({"authorization_endpoint": "javascript:alert(1)"}, "no URL"),
        ({"userinfo_endpoint": "https://evil.example/me"}, "which is neither"),
        ({"code_challenge_methods_supported": ["plain"]}, "PKCE with S256"),
    ],
)
async def test_metadata_that_leads_elsewhere_is_refused(said: dict[str, Any], why: str) -> None:
    async with serving() as (provider, client, _):
        provider.said = said
        with pytest.raises(IdentityProviderFault, match=why):
            await client.metadata()
        assert provider.asked == ["/.well-known/openid-configuration"]


async def test_hosts_that_the_zone_names_may_be_called_over_https() -> None:
    async with serving(hosts=("keys.example",)) as (provider, client, _):
        provider.said = {"jwks_uri": "https://keys.example/keys"}
        assert (await client.metadata()).jwks_uri == "https://keys.example/keys"
    for url in ("http://keys.example/keys", "https://keys.example:8443/keys"):
        async with serving(hosts=("keys.example",)) as (provider, client, _):
            provider.said = {"jwks_uri": url}
            with pytest.raises(IdentityProviderFault):
                await client.metadata()


async def test_a_code_is_exchanged_with_our_secret_and_the_verifier() -> None:
    async with serving() as (provider, client, _):
        assert (await client.exchange(EXCHANGE)).id_token == "a.b.c"
        assert provider.forms == [
            {
                "grant_type": "authorization_code",
                "code": "the code",
                "redirect_uri": "https://og.example/cb",
                "code_verifier": "the verifier",
            }
        ]
        header = provider.authorization[-1]
        assert header is not None
        assert b64decode(header.removeprefix("Basic ")) == b"og%20id:canary%3Asecret"
    async with serving() as (provider, client, _):
        provider.said = {"token_endpoint_auth_methods_supported": ["client_secret_post"]}
        await client.exchange(EXCHANGE)
        assert provider.authorization[-1] is None
        assert provider.forms[0]["client_secret"] == "canary:secret"
    async with serving(client_secret=None) as (provider, client, _):
        await client.exchange(EXCHANGE)
        assert provider.authorization[-1] is None
        assert provider.forms[0]["client_id"] == "og id"
        assert "client_secret" not in provider.forms[0]


async def test_a_code_that_is_not_taken_is_told_from_a_provider_in_trouble() -> None:
    for token, kind in (
        ((400, {"error": "invalid_grant"}), CodeRefused),
        ((400, {"error": "invalid_client"}), IdentityProviderFault),
        ((401, {"error": "invalid_client"}), IdentityProviderFault),
        ((500, {}), IdentityProviderFault),
        ((200, {}), IdentityProviderFault),
        ((200, {"id_token": 7}), IdentityProviderFault),
        ((200, ["a"]), IdentityProviderFault),
        ((302, {}), IdentityProviderFault),
    ):
        async with serving() as (provider, client, _):
            provider.token = token
            with pytest.raises(kind) as told:
                await client.exchange(EXCHANGE)
            assert "canary" not in str(told.value)


async def test_what_is_too_large_elsewhere_or_no_json_is_a_fault() -> None:
    for path, why in (("/big", "more than"), ("/away", "answered 302"), ("/none", "without JSON")):
        async with serving() as (provider, client, _):
            provider.said = {"jwks_uri": f"{provider.issuer}{path}"}
            with pytest.raises(IdentityProviderFault, match=why):
                await client.keys(None)
    async with serving() as (provider, client, _):
        client._access = replace(client._access, issuer="http://127.0.0.1:1")
        with pytest.raises(IdentityProviderFault, match="cannot be reached"):
            await client.metadata()
    assert identity_provider._TIMEOUT_S <= 10


async def test_an_address_that_the_zone_does_not_allow_is_not_called() -> None:
    def nowhere(host: str, address: str) -> bool:
        return False

    async with serving(allow=nowhere) as (provider, client, _):
        name = provider.issuer.replace("127.0.0.1", "localhost")
        client._access = replace(client._access, issuer=name)
        with pytest.raises(IdentityProviderFault, match="cannot be reached"):
            await client.metadata()
        assert provider.asked == []


async def test_a_provider_in_trouble_is_not_asked_by_each_caller() -> None:
    async with serving() as (provider, client, clock):
        provider.said = {"issuer": "https://evil.example"}
        for _ in range(20):
            with pytest.raises(IdentityProviderFault, match="another issuer"):
                await client.metadata()
        assert len(provider.asked) == 1
        provider.said = {}
        clock.advance(6)
        await client.metadata()
