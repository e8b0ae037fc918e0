"""The one seam to providers: send a request, get status, headers and a stream of bytes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

import msgspec


class Authorizer(Protocol):
    """Proves who sends a request where a fixed header cannot: a signature, or a token that ages."""

    async def authorize(self, request: UpstreamRequest) -> Mapping[str, str]:
        """The headers to add, for this request alone. Waits only where nothing usable is at hand.

        Raises `UpstreamError`.
        """
        ...

    def refused(self) -> bool:
        """The provider took it for nobody (401). Whether another try may fare better."""
        ...


@dataclass(frozen=True, slots=True)
class Credential:
    """A provider's secret, bound to the origins it may be sent to (scheme, host and port)."""

    name: str
    secret: str = field(repr=False)
    origin: str
    header: str = "authorization"
    prefix: str = "Bearer "
    origins: tuple[str, ...] = ()
    """Others beside `origin`: the regions of one provider."""
    authorizer: Authorizer | None = field(default=None, repr=False)
    """Instead of the header; `secret` is empty then."""


class UpstreamRequest(msgspec.Struct, frozen=True):
    """One POST. The transport adds the credential, and only if `url` is of its origin.

    `headers` are not changed once given: a transport may know them again by their identity.
    """

    url: str
    body: bytes
    headers: Mapping[str, str]
    credential: Credential | None
    connect_timeout_s: float
    method: str = "POST"
    unique: bool = False
    """Its headers are of this request alone, and its URL is sent byte for byte."""


class UpstreamResponse(Protocol):
    """An answer whose headers are in. Whoever gets it must `release` or `abort` it, once."""

    status: int
    headers: Mapping[str, str]
    """Names in lower case; a repeated header keeps its last value."""

    async def read(self, limit_bytes: int) -> bytes:
        """The whole body. Raises `UpstreamError` (malformed) past the limit, (aborted) if cut."""
        ...

    async def chunk(self) -> bytes:
        """The next bytes as they come; empty at the end. Raises `UpstreamError` (aborted) if the
        connection broke, which is not an end."""
        ...

    async def pump(self, sink: Callable[[bytes], bool]) -> bool:
        """Hand the body to `sink` piece by piece, as it comes and where it comes: nobody is woken
        for a piece. True once the body is over, False when `sink` returned False.

        Raises what `sink` raises, and what `chunk` does.
        """
        ...

    async def release(self) -> None:
        """Done with it. The connection is kept only if the body was read to its end."""
        ...

    def abort(self) -> None:
        """Close the connection now. May be called at any time, more than once."""
        ...


class UpstreamTransport(Protocol):
    """Implementations: `infra/aiohttp_transport.py`; the own client comes next.

    Promises: identity encoding, no redirects, no cookies, no environment proxies unless
    configured, TLS verified. Cancelling `send` or `chunk` closes the connection.
    """

    async def send(self, request: UpstreamRequest) -> UpstreamResponse:
        """Send and wait for the response headers.

        Raises `UpstreamError`: (connect) when nothing was sent, (aborted) when the connection
        broke afterwards.
        """
        ...

    async def aclose(self) -> None: ...
