"""Proofs of identity that a fixed header cannot give: AWS's signatures, and tokens from a file.

See `ports.transport.Authorizer`. Each is of one credential, and outlives snapshots.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Mapping
from typing import Final
from urllib.parse import urlsplit

from opengateway.domain.errors import ErrorClass, UpstreamError
from opengateway.kit.clock import Clock
from opengateway.kit.sigv4 import AwsKey, SignatureScope, signed_headers
from opengateway.ports.transport import UpstreamRequest

_BEDROCK: Final = "bedrock"
_MANTLE: Final = "bedrock-mantle"
_REGION_IN_HOST: Final = re.compile(
    r"(?:bedrock-runtime(?:-fips)?|bedrock-mantle)\.([a-z0-9-]+)\."
    r"(?:vpce\.)?(?:amazonaws\.com(?:\.cn)?|api\.aws)"
)
_FALLBACK_REGION: Final = "us-east-1"
READ_AGAIN_S: Final = 30.0
"""How long a token that was read from a file is taken as the newest."""


class AwsSigner:
    """Signs each request with an access key (Signature Version 4)."""

    __slots__ = ("_clock", "_key", "_region")

    def __init__(self, key: AwsKey, region: str | None, clock: Clock) -> None:
        """`region` is for addresses that do not say one: a proxy's, a VPC endpoint's."""
        self._key = key
        self._region = region
        self._clock = clock

    async def authorize(self, request: UpstreamRequest) -> Mapping[str, str]:
        host = urlsplit(request.url).hostname or ""
        found = _REGION_IN_HOST.search(host)
        region = found[1] if found else self._region or _FALLBACK_REGION
        return signed_headers(
            self._key,
            SignatureScope(region, _MANTLE if host.startswith(_MANTLE) else _BEDROCK),
            method=request.method,
            url=request.url,
            headers=request.headers,
            body=request.body,
            at_s=self._clock.now_ns() // 1_000_000_000,
        )

    def refused(self) -> bool:
        """A signature that was refused is refused again."""
        return False


class FileToken:
    """A token that somebody else renews in a file, or one that never changes."""

    __slots__ = ("_clock", "_read", "_read_at", "_token")

    def __init__(self, token: str, read: Callable[[], str] | None, clock: Clock) -> None:
        """`read` gives what is in the file now, and raises `ValueError` where that is nothing."""
        self._token = token
        self._read = read
        self._clock = clock
        self._read_at = clock.monotonic()

    async def authorize(self, request: UpstreamRequest) -> Mapping[str, str]:
        if self._read is not None and self._clock.monotonic() - self._read_at >= READ_AGAIN_S:
            await self._renew(self._read)
        return {"authorization": f"Bearer {self._token}"}

    async def _renew(self, read: Callable[[], str]) -> None:
        self._read_at = self._clock.monotonic()
        try:
            token = await asyncio.to_thread(read)
        except ValueError:
            return  # half written, or gone for now: the one that is known may still be good
        if token.isascii() and token.isprintable() and " " not in token:
            self._token = token

    def refused(self) -> bool:
        """Another try is worth it where the file may hold a newer one."""
        if self._read is None:
            return False
        self._read_at -= READ_AGAIN_S
        return True


def no_token(why: str) -> UpstreamError:
    return UpstreamError(ErrorClass.AUTH, f"no token could be had for the provider: {why}")
