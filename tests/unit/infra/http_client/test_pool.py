"""Which connection is used, and that no place is ever lost."""

from __future__ import annotations

import asyncio

import pytest

from contract.scripted_server import Peer, ScriptedServer, scripted
from contract.transport_bounds import NOTHING, saying_after
from contract.transport_case import fetch, post, saying, saying_once
from opengateway.domain.errors import ErrorClass, UpstreamError
from opengateway.infra.http_client import pool as pool_module
from opengateway.infra.http_client.connection import Connection
from opengateway.infra.http_client.transport import HttpClientTransport
from opengateway.infra.outbound import OutboundLimits


async def open_together(
    transport: HttpClientTransport, server: ScriptedServer, count: int, go_on: asyncio.Event
) -> None:
    """As many connections as requests; all are kept afterwards."""
    tasks = [asyncio.create_task(fetch(transport, server.origin)) for _ in range(count)]
    await server.seen(count)
    go_on.set()
    await asyncio.gather(*tasks)


def places(transport: HttpClientTransport) -> tuple[int, list[int]]:
    pool = transport._pool
    return pool._count, [origin.count for origin in pool._origins.values()]


async def test_the_connection_used_last_is_used_first(transport: HttpClientTransport) -> None:
    go_on = asyncio.Event()
    async with scripted(saying_after(go_on)) as server:
        await open_together(transport, server, 3, go_on)
        for _ in range(4):
            await fetch(transport, server.origin)
        assert sorted(len(peer.requests) for peer in server.peers) == [1, 1, 5]


async def test_unused_connections_are_closed_though_nobody_asks_for_one() -> None:
    transport = HttpClientTransport(limits=OutboundLimits(idle_s=0.04))
    go_on = asyncio.Event()
    async with scripted(saying_after(go_on)) as server:
        await open_together(transport, server, 2, go_on)
        assert places(transport) == (2, [2])
        await asyncio.sleep(0.1)
        assert places(transport) == (0, [0])
    await transport.aclose()


async def test_a_connection_is_not_used_past_its_time_though_nobody_closed_it_yet(
    transport: HttpClientTransport,
) -> None:
    """The event loop may have been busy when that was due."""
    async with scripted(saying(NOTHING)) as server:
        await fetch(transport, server.origin)
        (connection,) = transport._pool._open
        connection.idle_since -= 30.0
        await fetch(transport, server.origin)
        assert len(server.peers) == 2
        assert connection.closed


async def test_a_connection_in_use_is_kept_beyond_the_time_of_unused_ones() -> None:
    transport = HttpClientTransport(limits=OutboundLimits(idle_s=0.05))
    async with scripted(saying(NOTHING)) as server:
        for _ in range(5):
            await fetch(transport, server.origin)
            await asyncio.sleep(0.02)
        assert len(server.peers) == 1
    await transport.aclose()


async def test_an_old_connection_is_not_kept(
    transport: HttpClientTransport, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However busy it is: a new one asks for the name again."""
    monkeypatch.setattr(pool_module, "_AGE_S", 0.02)
    async with scripted(saying(NOTHING)) as server:
        await fetch(transport, server.origin)
        await asyncio.sleep(0.03)
        await fetch(transport, server.origin)
        assert len(server.peers) == 1
        await fetch(transport, server.origin)
        assert len(server.peers) == 2


async def test_a_stale_connection_is_replaced_at_the_limit() -> None:
    """The others that are kept are not trusted, and one makes place."""

    async def script(peer: Peer) -> None:
        await peer.request()
        if peer.number < 2:
            await all_open.wait()
        await peer.answer(b"ok")
        await peer.reader.readuntil(b"\r\n\r\n")

    all_open = asyncio.Event()
    transport = HttpClientTransport(limits=OutboundLimits(connections_per_origin=2))
    async with scripted(script) as server:
        await open_together(transport, server, 2, all_open)
        assert await fetch(transport, server.origin, connect_timeout_s=0.5) == b"ok"
        assert places(transport) == (2, [2])
    await transport.aclose()


async def test_below_the_limit_nobody_elses_wait_costs_a_connection() -> None:
    go_on = asyncio.Event()
    transport = HttpClientTransport(limits=OutboundLimits(connections_per_origin=1))
    async with scripted(saying_after(go_on)) as busy, scripted(saying(NOTHING)) as other:
        tasks = [asyncio.create_task(fetch(transport, busy.origin)) for _ in range(2)]
        await busy.seen(1)
        for _ in range(3):
            await fetch(transport, other.origin)
        assert len(other.peers) == 1
        go_on.set()
        await asyncio.gather(*tasks)
    await transport.aclose()


async def test_at_the_limit_a_connection_given_back_makes_place_for_another_origin() -> None:
    go_on = asyncio.Event()
    transport = HttpClientTransport(limits=OutboundLimits(connections=1))
    async with scripted(saying_after(go_on)) as one, scripted(saying(NOTHING)) as other:
        first = asyncio.create_task(fetch(transport, one.origin))
        await one.seen(1)
        second = asyncio.create_task(fetch(transport, other.origin))
        await asyncio.sleep(0.01)
        go_on.set()
        assert await asyncio.gather(first, second) == [b"", b""]
        assert places(transport)[0] == 1
    await transport.aclose()


async def test_a_place_that_is_freed_stays_with_its_origin_while_somebody_waits_there() -> None:
    """Else one origin's queue could take every place from the others."""
    transport = HttpClientTransport(limits=OutboundLimits(connections=2))
    closing = b"HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n"
    async with scripted(saying()) as greedy, scripted(saying_once(closing)) as modest:
        holding = [asyncio.create_task(fetch(transport, greedy.origin))]
        await greedy.seen(1)
        first = asyncio.create_task(fetch(transport, modest.origin))
        holding += [asyncio.create_task(fetch(transport, greedy.origin)) for _ in range(3)]
        second = asyncio.create_task(fetch(transport, modest.origin))
        assert await asyncio.wait_for(first, 2) == b""
        assert await asyncio.wait_for(second, 2) == b""
        for task in holding:
            task.cancel()
        await asyncio.gather(*holding, return_exceptions=True)
    await transport.aclose()


async def test_a_replay_does_not_take_a_used_connection_it_is_offered() -> None:
    """That could be as stale, and a request goes out twice at most."""
    transport = HttpClientTransport(limits=OutboundLimits(connections=1))
    pool = transport._pool
    async with scripted(saying()) as server:
        holding = asyncio.create_task(fetch(transport, server.origin))
        await server.seen(1)
        (used,), (origin,) = pool._open, pool._origins.values()
        replay = asyncio.create_task(pool.acquire(origin, 2, fresh=True))
        await asyncio.sleep(0)
        used.data_received(NOTHING)
        assert await holding == b""
        assert await replay is not used
        assert used.closed
        assert places(transport) == (1, [1])
    await transport.aclose()


@pytest.mark.parametrize("keeps", [True, False], ids=["a connection", "a place"])
async def test_what_is_given_to_one_who_leaves_goes_to_the_next(keeps: bool) -> None:
    """Cancelled between being told and running: the moment at which a place could get lost."""

    async def script(peer: Peer) -> None:
        if peer.number == 0:
            await peer.request()
        while True:
            await peer.request()
            await peer.answer(b"last")

    transport = HttpClientTransport(limits=OutboundLimits(connections=1))
    pool = transport._pool
    async with scripted(script) as server:
        first = asyncio.create_task(fetch(transport, server.origin))
        await server.seen(1)
        leaving = asyncio.create_task(fetch(transport, server.origin))
        await asyncio.sleep(0)
        last = asyncio.create_task(fetch(transport, server.origin))
        await asyncio.sleep(0)
        (connection,), (origin,) = pool._open, pool._origins.values()
        told = origin.waiters[0]
        end = b"" if keeps else b"connection: close\r\n"
        connection.data_received(b"HTTP/1.1 200 OK\r\n" + end + b"content-length: 0\r\n\r\n")
        assert told.result() is (connection if keeps else None)
        leaving.cancel()
        assert await asyncio.wait_for(first, 2) == b""
        assert await asyncio.wait_for(last, 2) == b"last"
        assert leaving.cancelled()
        assert places(transport) == (1, [1])
    await transport.aclose()


async def test_a_connection_that_is_closed_at_once_keeps_no_place() -> None:
    async def script(peer: Peer) -> None:
        await peer.say(b"SSH-2.0-OpenSSH\r\n")  # speaks before it is asked

    transport = HttpClientTransport(limits=OutboundLimits(connections=1))
    async with scripted(script) as rude, scripted(saying(NOTHING)) as server:
        for _ in range(3):
            with pytest.raises(UpstreamError):
                await transport.send(post(rude.origin))
        assert await fetch(transport, server.origin, connect_timeout_s=0.5) == b""
        await asyncio.sleep(0)
        assert places(transport)[0] == 1
    await transport.aclose()


async def test_a_connection_that_speaks_before_it_is_lent_is_not_lent(
    transport: HttpClientTransport, monkeypatch: pytest.MonkeyPatch
) -> None:
    pool = transport._pool
    connect = pool._connect

    async def greeted(origin: pool_module.Origin) -> Connection:
        connection = await connect(origin)
        connection.data_received(b"SSH-2.0-OpenSSH\r\n")
        return connection

    monkeypatch.setattr(pool, "_connect", greeted)
    async with scripted(saying(NOTHING)) as server:
        with pytest.raises(UpstreamError) as caught:
            await transport.send(post(server.origin))
        await asyncio.sleep(0.01)
        assert server.requests == []
    assert caught.value.error_class is ErrorClass.CONNECT
    assert places(transport) == (0, [0])


async def test_whoever_fails_to_connect_keeps_no_place() -> None:
    transport = HttpClientTransport(limits=OutboundLimits(connections=1))
    async with scripted(saying(NOTHING)) as server:
        for url in ("http://127.0.0.1:1", "https://" + server.origin.partition("//")[2]):
            with pytest.raises(UpstreamError) as caught:
                await transport.send(post(url, connect_timeout_s=0.5))
            assert caught.value.error_class is ErrorClass.CONNECT
        assert await fetch(transport, server.origin, connect_timeout_s=0.5) == b""
        assert places(transport)[0] == 1
    await transport.aclose()


async def test_every_way_an_exchange_ends_gives_its_place_back() -> None:
    transport = HttpClientTransport()
    async with scripted(saying_once(b"HTTP/1.1 200 OK\r\n\r\nall")) as server:
        assert await fetch(transport, server.origin) == b"all"
    async with scripted(saying_once(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\ncut")) as server:
        with pytest.raises(UpstreamError):
            await fetch(transport, server.origin)
    async with scripted(saying(b"garbage\r\n\r\n")) as server:
        with pytest.raises(UpstreamError):
            await fetch(transport, server.origin)
    async with scripted(saying()) as server:
        task = asyncio.create_task(fetch(transport, server.origin))
        await server.seen(1)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    assert places(transport) == (0, [0, 0, 0, 0])
    assert transport._pool._open == {}
    await transport.aclose()


async def test_closing_tells_those_who_wait_and_refuses_those_who_come() -> None:
    transport = HttpClientTransport(limits=OutboundLimits(connections=1))
    async with scripted(saying()) as server:
        holding = asyncio.create_task(transport.send(post(server.origin)))
        await server.seen(1)
        waiting = asyncio.create_task(transport.send(post(server.origin)))
        await asyncio.sleep(0)
        await transport.aclose()
        ends = await asyncio.gather(holding, waiting, return_exceptions=True)
        with pytest.raises(UpstreamError) as caught:
            await transport.send(post(server.origin))
    classes = [end.error_class for end in (*ends, caught.value) if isinstance(end, UpstreamError)]
    assert classes == [ErrorClass.ABORTED, ErrorClass.CONNECT, ErrorClass.CONNECT]
    assert places(transport) == (0, [0])
