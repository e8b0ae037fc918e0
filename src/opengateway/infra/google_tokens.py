"""Google's access tokens, fetched with a service account's key and renewed before they end.

The account signs a statement (JWT, RS256) and exchanges it for a token of an hour (Google, "Using
OAuth 2.0 for Server to Server Applications"). A request that comes while a token is good never
waits: in its last fifth a new one is fetched beside it. One fetch at a time.
"""

from __future__ import annotations

import asyncio
import base64
import re
from collections.abc import Mapping
from typing import Final
from urllib.parse import quote

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from opengateway.domain.errors import OperatorError, UpstreamError
from opengateway.infra.authorizers import no_token
from opengateway.kit.clock import Clock
from opengateway.kit.json import dumps, loads
from opengateway.ports.transport import UpstreamRequest, UpstreamTransport

SCOPE: Final = "https://www.googleapis.com/auth/cloud-platform"
_GRANT: Final = "urn:ietf:params:oauth:grant-type:jwt-bearer"
_LIFE_S: Final = 3600
_RENEW_FROM: Final = 0.8
"""Of its life: from then on a new token is fetched beside it."""
_LEAST_LEFT_S: Final = 10.0
"""A token with less is as good as none."""
_PAUSE_S: Final = 10.0
"""After a fetch that failed, while the old token is still good."""
_NEW_S: Final = 60.0
_FETCH_S: Final = 15.0
_CONNECT_S: Final = 5.0
_TOKEN: Final = re.compile(r"[\x21-\x7e]+")
_ANSWER_BYTES: Final = 64 * 1024
_MAX_LIFE_S: Final = 24 * 3600


class GoogleTokens:
    """The tokens of one service account. See `ports.transport.Authorizer`."""

    def __init__(
        self,
        email: str,
        private_key: str,
        key_id: str,
        token_uri: str,
        transport: UpstreamTransport,
        clock: Clock,
    ) -> None:
        """Raises `OperatorError` for a key that is none."""
        self._email = email
        self._key = _rsa_key(email, private_key)
        self._key_id = key_id
        self._token_uri = token_uri
        self._transport = transport
        self._clock = clock
        self._token = ""
        self._renew_at = self._ends_at = self._got_at = clock.monotonic()
        self._fetching: asyncio.Task[None] | None = None

    async def authorize(self, request: UpstreamRequest) -> Mapping[str, str]:
        now = self._clock.monotonic()
        is_needed = now >= self._ends_at - _LEAST_LEFT_S
        fetching = self._fetching
        if fetching is None and (is_needed or now >= self._renew_at):
            fetching = self._fetching = asyncio.create_task(self._fetch())
            fetching.add_done_callback(self._fetched)
        if is_needed and fetching is not None:
            await asyncio.shield(fetching)  # who gives up waiting leaves it to the others
        return {"authorization": f"Bearer {self._token}"}

    def refused(self) -> bool:
        """It was withdrawn, or its account was: a new token shows which. One that is new already
        has shown it."""
        now = self._clock.monotonic()
        if now - self._got_at < _NEW_S:
            return False
        self._renew_at = self._ends_at = now
        return True

    def _fetched(self, task: asyncio.Task[None]) -> None:
        self._fetching = None
        if not task.cancelled():
            task.exception()  # told to those who wait; where nobody does, the next fetch tells it

    async def _fetch(self) -> None:
        """Raises `UpstreamError`."""
        self._renew_at = self._clock.monotonic() + _PAUSE_S
        try:
            async with asyncio.timeout(_FETCH_S):
                token, life_s = await self._exchanged()
        except TimeoutError:
            raise no_token("its issuer did not answer in time") from None
        now = self._got_at = self._clock.monotonic()
        self._token = token
        self._renew_at = now + life_s * _RENEW_FROM
        self._ends_at = now + life_s

    async def _exchanged(self) -> tuple[str, float]:
        """The token, and how many seconds it is good for. Raises `UpstreamError`."""
        statement = await asyncio.to_thread(self._statement)
        form = f"grant_type={quote(_GRANT, safe='')}&assertion={statement}"
        response = await self._transport.send(
            UpstreamRequest(
                self._token_uri,
                form.encode(),
                {
                    "content-type": "application/x-www-form-urlencoded",
                    "accept": "application/json",
                },
                None,
                _CONNECT_S,
                unique=True,
            )
        )
        try:
            body = await response.read(_ANSWER_BYTES)
        except BaseException:
            response.abort()
            raise
        await response.release()
        if response.status != 200:
            raise _refused(response.status, body)
        return _token_in(body)

    def _statement(self) -> str:
        now_s = self._clock.now_ns() // 1_000_000_000
        head = {"alg": "RS256", "typ": "JWT"}
        if self._key_id:
            head["kid"] = self._key_id
        claims = {
            "iss": self._email,
            "scope": SCOPE,
            "aud": self._token_uri,
            "iat": now_s,
            "exp": now_s + _LIFE_S,
        }
        signed = f"{_base64url(dumps(head))}.{_base64url(dumps(claims))}"
        signature = self._key.sign(signed.encode(), PKCS1v15(), SHA256())
        return f"{signed}.{_base64url(signature)}"


def _rsa_key(email: str, text: str) -> RSAPrivateKey:
    try:
        key = load_pem_private_key(text.encode(), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        key = None
    if not isinstance(key, RSAPrivateKey):
        raise OperatorError(
            f"the private key of the service account {email!r} cannot be read; give the key file"
            " as Google made it"
        )
    return key


def _base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _refused(status: int, body: bytes) -> UpstreamError:
    """What the issuer says of it is about the account, and holds no key."""
    try:
        told = loads(body)
    except (ValueError, RecursionError):
        told = None
    error = told.get("error") if isinstance(told, dict) else None
    said = f" and {error[:100]!r}" if isinstance(error, str) else ""
    return no_token(f"its issuer answered with status {status}{said}")


def _token_in(body: bytes) -> tuple[str, float]:
    try:
        told = loads(body)
    except (ValueError, RecursionError):
        told = None
    token = told.get("access_token") if isinstance(told, dict) else None
    life = told.get("expires_in", _LIFE_S) if isinstance(told, dict) else 0
    is_life = isinstance(life, int | float) and not isinstance(life, bool)
    if not isinstance(token, str) or not _TOKEN.fullmatch(token) or not is_life:
        raise no_token("its issuer gave an answer without one")
    return token, float(min(max(life, 0.0), _MAX_LIFE_S))
