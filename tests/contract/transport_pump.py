"""The transport contract: a body that is handed on where it comes."""

from __future__ import annotations

import asyncio

import pytest

from contract.scripted_server import Peer, scripted
from contract.transport_case import CHUNKED, END, HELLO, TransportCase, fetch, post, saying
from opengateway.ports.transport import UpstreamTransport

WORLD = b"6\r\n world\r\n"


class PumpContract(TransportCase):
    async def test_each_piece_is_handed_on_as_it_comes(self, transport: UpstreamTransport) -> None:
        more = asyncio.Event()

        async def script(peer: Peer) -> None:
            await peer.request()
            await peer.say(CHUNKED + HELLO)
            await more.wait()
            await peer.say(WORLD + END)

        pieces: list[bytes] = []

        def sink(piece: bytes) -> bool:
            pieces.append(piece)
            more.set()
            return True

        async with scripted(script) as server:
            response = await transport.send(post(server.origin))
            assert await asyncio.wait_for(response.pump(sink), 2) is True
            assert pieces[0] == b"hello"
            assert b"".join(pieces) == b"hello world"
            await response.release()

    async def test_a_sink_that_stops_gets_nothing_more_until_it_is_pumped_again(
        self, transport: UpstreamTransport
    ) -> None:
        sent = asyncio.Event()

        async def script(peer: Peer) -> None:
            await peer.request()
            await peer.say(CHUNKED + HELLO)
            await asyncio.sleep(0.01)
            await peer.say(WORLD)
            await peer.say(END)
            sent.set()

        pieces: list[bytes] = []

        def once(piece: bytes) -> bool:
            pieces.append(piece)
            return False

        async with scripted(script) as server:
            response = await transport.send(post(server.origin))
            assert await response.pump(once) is False
            assert pieces == [b"hello"]
            await sent.wait()
            await asyncio.sleep(0.01)
            assert pieces == [b"hello"]
            assert await response.pump(once) is False
            assert await response.pump(once) is True
            assert pieces == [b"hello", b" world"]
            await response.release()

    async def test_what_a_sink_raises_reaches_whoever_pumps(
        self, transport: UpstreamTransport
    ) -> None:
        async def script(peer: Peer) -> None:
            await peer.request()
            await peer.say(CHUNKED)
            await asyncio.sleep(0.01)
            await peer.say(HELLO)
            await peer.gone()

        def sink(piece: bytes) -> bool:
            raise LookupError("a bug of the sink")

        async with scripted(script) as server:
            response = await transport.send(post(server.origin))
            with pytest.raises(LookupError):
                await asyncio.wait_for(response.pump(sink), 2)
            response.abort()

    async def test_whoever_pumps_may_be_cancelled(self, transport: UpstreamTransport) -> None:
        async def script(peer: Peer) -> None:
            await peer.request()
            await peer.say(CHUNKED + HELLO)
            await peer.gone()

        got = asyncio.Event()

        def sink(piece: bytes) -> bool:
            got.set()
            return True

        async with scripted(script) as server:
            response = await transport.send(post(server.origin))
            pumping = asyncio.create_task(response.pump(sink))
            await asyncio.wait_for(got.wait(), 2)
            pumping.cancel()
            with pytest.raises(asyncio.CancelledError):
                await pumping
            await asyncio.wait_for(server.peers[0].left.wait(), 2)

    async def test_a_connection_serves_again_after_a_pumped_body(
        self, transport: UpstreamTransport
    ) -> None:
        async with scripted(saying(CHUNKED + HELLO + END)) as server:
            for _ in range(3):
                response = await transport.send(post(server.origin))
                assert await response.pump(lambda _: True) is True
                await response.release()
            assert await fetch(transport, server.origin) == b"hello"
            assert len(server.peers) == 1
