"""What the suites of the transport contract share."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from contract.scripted_server import Peer
from opengateway.domain.errors import ErrorClass, UpstreamError
from opengateway.infra.outbound import OutboundLimits
from opengateway.ports.transport import UpstreamRequest, UpstreamResponse, UpstreamTransport

SOON_S = 0.2
"""Within this a peer must see that a connection was closed."""

CHUNKED = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"
HELLO = b"5\r\nhello\r\n"
END = b"0\r\n\r\n"


def post(url: str, **members: Any) -> UpstreamRequest:
    defaults: dict[str, Any] = {
        "body": b'{"a":1}',
        "headers": {"content-type": "application/json"},
        "credential": None,
        "connect_timeout_s": 2.0,
    }
    return UpstreamRequest(url=url, **{**defaults, **members})


def saying(*pieces: bytes) -> Callable[[Peer], Awaitable[None]]:
    """A script that answers each request of a connection with these bytes, and stays."""

    async def script(peer: Peer) -> None:
        while True:
            await peer.request()
            for piece in pieces:
                await peer.say(piece)

    return script


def saying_once(*pieces: bytes) -> Callable[[Peer], Awaitable[None]]:
    """The same for one request; then the connection is closed."""

    async def script(peer: Peer) -> None:
        await peer.request()
        for piece in pieces:
            await peer.say(piece)

    return script


async def whole(response: UpstreamResponse) -> bytes:
    parts = []
    while part := await response.chunk():
        parts.append(part)
    return b"".join(parts)


async def fetch(transport: UpstreamTransport, url: str, **members: Any) -> bytes:
    response = await transport.send(post(url, **members))
    body = await response.read(10_000_000)
    await response.release()
    return body


class TransportCase:
    """What the suites share: how a transport is made, and what a refusal is."""

    def make(
        self,
        *,
        proxy: str | None = None,
        ca_file: Path | None = None,
        allow_address: Callable[[str, str], bool] | None = None,
        limits: OutboundLimits | None = None,
    ) -> UpstreamTransport:
        raise NotImplementedError

    @pytest.fixture
    async def transport(self) -> AsyncIterator[UpstreamTransport]:
        transport = self.make()
        yield transport
        await transport.aclose()

    async def refused(
        self, transport: UpstreamTransport, url: str, expected: ErrorClass, **members: Any
    ) -> UpstreamError:
        with pytest.raises(UpstreamError) as caught:
            await transport.send(post(url, **members))
        assert caught.value.error_class is expected
        return caught.value
