"""The zone's OpenID Connect provider over HTTP: discovery, keys, the exchange of a code.

Calls go to the issuer's own origin, and to hosts that the zone file names, and to no other: what a
discovery document says cannot make us call into somebody's network. No redirects, no cookies,
no environment; https, save on loopback.
"""

from __future__ import annotations

import asyncio
import ssl
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import quote

import aiohttp

from opengateway.infra.aiohttp_connector import CheckedResolver
from opengateway.infra.outbound import AllowAddress, target_of
from opengateway.kit import json
from opengateway.kit.clock import Clock
from opengateway.ports.identity_provider import (
    CodeExchange,
    CodeRefused,
    IdentityProviderFault,
    ProviderMetadata,
    Tokens,
)

METADATA_S: Final = 3_600.0
KEYS_S: Final = 600.0
KEYS_AGAIN_S: Final = 10.0
"""Keys are fetched anew for an unknown `kid` at most this often: a flood of made-up ones is free."""
AGAIN_S: Final = 5.0
"""A provider in trouble is asked anew after so long."""
_TIMEOUT_S: Final = 10.0
_MAX_BYTES: Final = 512 * 1024
_MAX_KEYS: Final = 64


@dataclass(frozen=True, slots=True)
class ProviderAccess:
    """How the provider is reached. `hosts` may be called beside the issuer's own."""

    issuer: str
    client_id: str
    client_secret: str | None = field(repr=False)
    hosts: tuple[str, ...] = ()
    proxy: str | None = field(default=None, repr=False)
    allow: AllowAddress | None = None


class HttpIdentityProvider:
    def __init__(self, access: ProviderAccess, tls: ssl.SSLContext, clock: Clock) -> None:
        self._access = access
        self._tls = tls
        self._clock = clock
        self._session: aiohttp.ClientSession | None = None
        self._fetching = asyncio.Lock()
        self._metadata: tuple[float, ProviderMetadata] | None = None
        self._fault: tuple[float, str] | None = None
        self._keys: tuple[float, Mapping[str, Any]] | None = None

    async def metadata(self) -> ProviderMetadata:
        async with self._fetching:
            now = self._clock.monotonic()
            if self._metadata is not None and now - self._metadata[0] < METADATA_S:
                return self._metadata[1]
            if self._fault is not None and now - self._fault[0] < AGAIN_S:
                raise IdentityProviderFault(self._fault[1])
            url = self._access.issuer.rstrip("/") + "/.well-known/openid-configuration"
            try:
                found = self._read_metadata(await self._get(url))
            except IdentityProviderFault as fault:
                # Whoever waits behind the lock must not wait for the same time-out, one by one.
                self._fault = (self._clock.monotonic(), str(fault))
                raise
            self._metadata, self._fault = (now, found), None
            return found

    def _read_metadata(self, told: Mapping[str, Any]) -> ProviderMetadata:
        # Character by character (OpenID Connect Discovery 1.0, 4.3).
        if told.get("issuer") != self._access.issuer:
            raise IdentityProviderFault("its metadata names another issuer than the zone file")
        methods = told.get("code_challenge_methods_supported")
        if isinstance(methods, list) and "S256" not in methods:
            raise IdentityProviderFault("it does not know PKCE with S256")
        urls = [told.get(n) for n in ("authorization_endpoint", "token_endpoint", "jwks_uri")]
        for url in urls:
            self._check(url)
        userinfo = told.get("userinfo_endpoint")
        if userinfo is not None:
            self._check(userinfo)
        auth = told.get("token_endpoint_auth_methods_supported")
        return ProviderMetadata(
            issuer=self._access.issuer,
            authorization_endpoint=str(urls[0]),
            token_endpoint=str(urls[1]),
            jwks_uri=str(urls[2]),
            userinfo_endpoint=userinfo,
            says_issuer=told.get("authorization_response_iss_parameter_supported") is True,
            # Basic is the default where nothing is said (Discovery 1.0, 3).
            basic_auth=not isinstance(auth, list) or "client_secret_basic" in auth,
        )

    async def keys(self, kid: str | None) -> Mapping[str, Any]:
        metadata = await self.metadata()
        async with self._fetching:
            now = self._clock.monotonic()
            if self._keys is not None:
                at, known = self._keys
                lacks = kid is not None and all(k.get("kid") != kid for k in known["keys"])
                if now - at < (KEYS_AGAIN_S if lacks else KEYS_S):
                    return known
            found = await self._get(metadata.jwks_uri)
            keys = found.get("keys")
            if not isinstance(keys, list) or not all(isinstance(key, dict) for key in keys):
                raise IdentityProviderFault("its keys are not a JWK Set")
            # Only public ones that verify signatures; what else stands there is not ours to use.
            usable = [k for k in keys[:_MAX_KEYS] if k.get("kty") in ("RSA", "EC", "OKP")]
            self._keys = (now, {"keys": [k for k in usable if k.get("use", "sig") == "sig"]})
            return self._keys[1]

    async def exchange(self, exchange: CodeExchange) -> Tokens:
        metadata = await self.metadata()
        access = self._access
        form = {
            "grant_type": "authorization_code",
            "code": exchange.code,
            "redirect_uri": exchange.redirect_uri,
            "code_verifier": exchange.verifier,
        }
        auth: str | None = None
        if access.client_secret is None:
            form["client_id"] = access.client_id
        elif metadata.basic_auth:
            # Both parts are form-encoded first (RFC 6749, 2.3.1).
            pair = f"{quote(access.client_id, safe='')}:{quote(access.client_secret, safe='')}"
            auth = "Basic " + b64encode(pair.encode()).decode()
        else:
            form |= {"client_id": access.client_id, "client_secret": access.client_secret}
        status, told = await self._call("POST", metadata.token_endpoint, form, auth)
        id_token, access_token = told.get("id_token"), told.get("access_token", "")
        if status == 400 and told.get("error") == "invalid_grant":
            raise CodeRefused("the identity provider does not take this code")
        if status != 200 or not isinstance(id_token, str) or not isinstance(access_token, str):
            code = told.get("error")
            said = f" ({code[:60]!r})" if isinstance(code, str) else ""
            raise IdentityProviderFault(f"its token endpoint answered {status}{said}")
        return Tokens(id_token, access_token)

    async def userinfo(self, access_token: str) -> Mapping[str, Any]:
        metadata = await self.metadata()
        if metadata.userinfo_endpoint is None:
            raise IdentityProviderFault("it has no userinfo endpoint")
        url = metadata.userinfo_endpoint
        status, told = await self._call("GET", url, None, f"Bearer {access_token}")
        if status != 200:
            raise IdentityProviderFault(f"its userinfo endpoint answered {status}")
        return told

    async def aclose(self) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None

    # --- HTTP ------------------------------------------------------------------------------------

    async def _get(self, url: str) -> Mapping[str, Any]:
        self._check(url)
        status, told = await self._call("GET", url, None, None)
        if status != 200:
            raise IdentityProviderFault(f"it answered {status}")
        return told

    async def _call(
        self,
        method: str,
        url: str,
        form: Mapping[str, str] | None,
        auth: str | None,
    ) -> tuple[int, Mapping[str, Any]]:
        """Status and JSON object. `auth` is the Authorization header."""
        headers = {"accept": "application/json"} | ({"authorization": auth} if auth else {})
        try:
            async with self._open().request(
                method,
                url,
                data=form,
                allow_redirects=False,
                proxy=self._access.proxy,
                headers=headers,
            ) as answer:
                body = await answer.content.read(_MAX_BYTES + 1)
                while body and len(body) <= _MAX_BYTES and not answer.content.at_eof():
                    body += await answer.content.read(_MAX_BYTES + 1 - len(body))
                status = answer.status
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            # The kind alone: the text may hold the proxy's URL.
            raise IdentityProviderFault(f"it cannot be reached: {type(error).__name__}") from None
        if len(body) > _MAX_BYTES:
            raise IdentityProviderFault(f"it answered with more than {_MAX_BYTES} bytes")
        try:
            told = json.loads(body)
        except (json.DecodeError, RecursionError):
            told = None
        if not isinstance(told, dict):
            raise IdentityProviderFault(f"it answered {status} without JSON")
        return status, told

    def _check(self, url: object) -> None:
        """Raises `IdentityProviderFault` unless `url` may be called, or a browser be sent there."""
        if not isinstance(url, str):
            raise IdentityProviderFault("its metadata lacks an endpoint")
        try:
            target, own = target_of(url), target_of(self._access.issuer)
        except ValueError:
            raise IdentityProviderFault("its metadata holds what is no URL") from None
        scheme, host, port = target.origin
        known = target.origin == own.origin or (host in self._access.hosts and port == 443)
        if not known:
            raise IdentityProviderFault(
                f"its metadata points to {host[:100]!r}, which is neither the issuer's origin nor in"
                " auth.oidc.hosts"
            )
        if scheme != "https" and not target.is_loopback:
            raise IdentityProviderFault("it must be reached over https")

    def _open(self) -> aiohttp.ClientSession:
        if self._session is None:
            allow = self._access.allow
            connector = aiohttp.TCPConnector(
                limit=8,
                ssl=self._tls,
                resolver=CheckedResolver(allow) if allow is not None else None,
            )
            self._session = aiohttp.ClientSession(
                connector=connector,
                cookie_jar=aiohttp.DummyCookieJar(),
                timeout=aiohttp.ClientTimeout(total=_TIMEOUT_S),
                trust_env=False,
            )
        return self._session
