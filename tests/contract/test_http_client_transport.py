"""The own client keeps the transport's contract."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from contract.scripted_server import Peer, scripted
from contract.tls_material import Authority
from contract.transport import TransportContract
from contract.transport_case import fetch, post
from opengateway.domain.errors import UpstreamError
from opengateway.infra.outbound import OutboundLimits
from opengateway.infra.transports import new_transport
from opengateway.ports.transport import UpstreamTransport


class TestHttpClientTransport(TransportContract):
    """As the gateway makes it: what goes through a proxy goes over aiohttp."""

    def make(
        self,
        *,
        proxy: str | None = None,
        ca_file: Path | None = None,
        allow_address: Callable[[str, str], bool] | None = None,
        limits: OutboundLimits | None = None,
    ) -> UpstreamTransport:
        return new_transport(
            proxy=proxy, ca_file=ca_file, allow_address=allow_address, limits=limits
        )

    # --- more than the contract asks ---------------------------------------------------------------
    @pytest.mark.parametrize(
        "surplus", [b"HTTP/1.1 200 OK\r\ncontent-len", b"HTTP/1.1 204 N\r\n\r\n", b"garbage"]
    )
    async def test_an_answer_with_more_behind_it_is_whole_and_ends_its_connection(
        self, transport: UpstreamTransport, surplus: bytes
    ) -> None:
        """In one segment with the answer, so that it is there when the answer is complete."""

        async def script(peer: Peer) -> None:
            await peer.request()
            await peer.say(b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nfirst" + surplus)
            await peer.request()
            await peer.say(b"gth: 5\r\n\r\nwrong")

        async with scripted(script) as server:
            for _ in range(2):
                assert await fetch(transport, server.origin) == b"first"
        assert len(server.peers) == 2

    async def test_over_tls_a_body_without_length_ends_only_when_the_peer_says_so(
        self, tmp_path: Path
    ) -> None:
        """Else whoever sits in between could cut it. The peer's word is close_notify."""
        authority = Authority(tmp_path)

        async def script(peer: Peer) -> None:
            await peer.request()
            await peer.say(b"HTTP/1.1 200 OK\r\n\r\npart")
            if peer.number == 0:
                await told.wait()
                peer.reset()  # FIN without close_notify: all that was said has been read

        told = asyncio.Event()
        transport = new_transport(ca_file=authority.file)
        async with scripted(script, authority.server("127.0.0.1")) as server:
            response = await transport.send(post(server.origin))
            assert await response.chunk() == b"part"
            told.set()
            loop = type(asyncio.get_running_loop())
            if loop.__module__.startswith("uvloop"):
                with pytest.raises(UpstreamError):
                    await asyncio.wait_for(response.chunk(), 2)
            else:  # asyncio's own loop does not tell the two ends apart
                assert await response.chunk() == b""
            await response.release()
            assert await fetch(transport, server.origin) == b"part"
        await transport.aclose()
