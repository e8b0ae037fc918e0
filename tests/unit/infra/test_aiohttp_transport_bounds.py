"""What the aiohttp transport bounds, and what it says of proxies."""

from __future__ import annotations

import asyncio

import pytest

from contract.scripted_server import Peer, scripted
from contract.transport_case import fetch, post, saying
from opengateway.domain.errors import ErrorClass, UpstreamError
from opengateway.infra.aiohttp_transport import AiohttpTransport
from opengateway.infra.outbound import OutboundLimits

NOTHING = b"HTTP/1.1 204 No Content\r\n\r\n"


async def test_connections_and_those_who_wait_for_one_are_bounded() -> None:
    """One connection, one that waits for it; the next is refused at once, the waiter is served."""

    async def script(peer: Peer) -> None:
        while True:
            await peer.request()
            await go_on.wait()
            await peer.say(NOTHING)

    go_on = asyncio.Event()
    transport = AiohttpTransport(limits=OutboundLimits(connections_per_origin=1, opening=1))
    async with scripted(script) as server:
        served = asyncio.create_task(fetch(transport, server.origin))
        await server.seen(1)
        waiting = asyncio.create_task(fetch(transport, server.origin))
        await asyncio.sleep(0)
        with pytest.raises(UpstreamError) as caught:
            await transport.send(post(server.origin))
        assert caught.value.error_class is ErrorClass.CONNECT
        go_on.set()
        assert await asyncio.gather(served, waiting) == [b"", b""]
        assert len(server.peers) == 1
    await transport.aclose()


async def test_who_waits_for_a_connection_waits_no_longer_than_for_connecting() -> None:
    transport = AiohttpTransport(limits=OutboundLimits(connections=1))
    async with scripted(saying()) as server:
        holding = asyncio.create_task(transport.send(post(server.origin)))
        await server.seen(1)
        with pytest.raises(UpstreamError) as caught:
            await transport.send(post(server.origin, connect_timeout_s=0.05))
        assert caught.value.error_class is ErrorClass.CONNECT
        holding.cancel()
        await asyncio.gather(holding, return_exceptions=True)
    await transport.aclose()


async def test_an_idle_connection_is_not_used_past_its_time() -> None:
    transport = AiohttpTransport(limits=OutboundLimits(idle_s=0.02))
    async with scripted(saying(NOTHING)) as server:
        await fetch(transport, server.origin)
        await asyncio.sleep(0.05)
        await fetch(transport, server.origin)
    assert len(server.peers) == 2
    await transport.aclose()


async def test_closing_the_transport_closes_its_connections() -> None:
    transport = AiohttpTransport()
    async with scripted(saying(NOTHING)) as server:
        await fetch(transport, server.origin)
        await transport.aclose()
        await asyncio.wait_for(server.peers[0].left.wait(), 0.2)


@pytest.mark.parametrize("scheme", ["http", "https"])
async def test_a_proxy_that_refuses_or_is_away_is_no_connection_and_its_password_is_not_told(
    scheme: str,
) -> None:
    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.answer(b"", status="407 Proxy Authentication Required")

    details = []
    async with scripted(script) as server:
        proxy = server.origin.replace("://", "://user:pa55@")
        transport = AiohttpTransport(proxy=proxy)
        if scheme == "https":  # over plain HTTP the proxy's answer is the answer
            with pytest.raises(UpstreamError) as caught:
                await transport.send(post(f"{scheme}://provider.invalid"))
            assert caught.value.error_class is ErrorClass.CONNECT
            details.append(caught.value)
            (asked,) = server.requests
            assert asked.line.startswith("CONNECT provider.invalid:443")
    with pytest.raises(UpstreamError) as caught:
        await transport.send(post(f"{scheme}://provider.invalid"))
    assert caught.value.error_class is ErrorClass.CONNECT
    for error in (*details, caught.value):
        assert "pa55" not in f"{error.message} {error.detail}"
    await transport.aclose()
