"""What one connection does beyond the contract: its bounds, and the narrow moments."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from contract.scripted_server import Peer, ScriptedServer, scripted
from contract.tls_material import Authority
from contract.transport_case import CHUNKED, END, HELLO, SOON_S, fetch, post, saying, whole
from opengateway.domain.errors import ErrorClass, UpstreamError
from opengateway.infra.http_client.connection import Connection
from opengateway.infra.http_client.response import Response
from opengateway.infra.http_client.transport import HttpClientTransport

OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


async def refused(transport: HttpClientTransport, url: str) -> str:
    with pytest.raises(UpstreamError) as caught:
        await transport.send(post(url))
    assert caught.value.error_class is ErrorClass.MALFORMED
    return caught.value.detail


# --- bounds ----------------------------------------------------------------------------------------
async def test_interim_answers_are_counted(transport: HttpClientTransport) -> None:
    async with scripted(saying(CONTINUE * 32 + OK)) as server:
        assert await fetch(transport, server.origin) == b"ok"
    async with scripted(saying(CONTINUE * 33 + OK)) as server:
        assert "interim" in await refused(transport, server.origin)


async def test_headers_of_interim_answers_do_not_count_for_the_final_one(
    transport: HttpClientTransport,
) -> None:
    early = b"HTTP/1.1 103 Early Hints\r\n" + b"link: <x>\r\n" * 100 + b"\r\n"
    async with scripted(saying(early * 2 + OK)) as server:
        assert await fetch(transport, server.origin) == b"ok"


@pytest.mark.parametrize("grows", [b"HTTP/1.1 200 ", b"HTTP/1.1 200 OK\r\nx: "])
async def test_a_head_without_end_is_given_up(transport: HttpClientTransport, grows: bytes) -> None:
    async def script(peer: Peer) -> None:
        nonlocal said
        await peer.request()
        await peer.say(grows)
        while True:
            await peer.say(b"y" * 8192)
            said += 8192
            await asyncio.sleep(0)

    said = 0
    async with scripted(script) as server:
        await asyncio.wait_for(refused(transport, server.origin), 5)
    assert said < 8_000_000  # the systems' own buffers hold some of it


@pytest.mark.parametrize(
    "grows", [b"x: y\r\n" * 200, b"x: " + b"y" * 8000 + b"\r\n"], ids=["many", "large"]
)
async def test_trailers_without_end_are_given_up(
    transport: HttpClientTransport, grows: bytes
) -> None:
    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.say(CHUNKED + HELLO + b"0\r\n")
        await read.wait()
        while True:
            await peer.say(grows)
            await asyncio.sleep(0)

    read = asyncio.Event()
    async with scripted(script) as server:
        response = await transport.send(post(server.origin))
        assert await response.chunk() == b"hello"
        read.set()
        with pytest.raises(UpstreamError):
            await asyncio.wait_for(response.chunk(), 5)
        await response.release()


@pytest.mark.parametrize("coding", ["gzip", "gzip, chunked", "chunked, gzip", "identity"])
async def test_a_transfer_coding_that_was_not_asked_for_is_refused(
    transport: HttpClientTransport, coding: str
) -> None:
    answer = f"HTTP/1.1 200 OK\r\ntransfer-encoding: {coding}\r\n\r\n".encode() + HELLO + END
    async with scripted(saying(answer)) as server:
        assert "transfer coding" in await refused(transport, server.origin)


@pytest.mark.parametrize("size", [1, 3000], ids=["pieces", "bytes"])
async def test_a_reader_that_stops_holds_little(transport: HttpClientTransport, size: int) -> None:
    """At most 64 pieces or 256 KiB, and what came with the last read."""
    piece = b"%x\r\n%b\r\n" % (size, b"x" * size)

    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.say(CHUNKED)
        for _ in range(2000):
            await peer.say(piece)
            await asyncio.sleep(0)
        await peer.say(END)
        await peer.request()

    async with scripted(script) as server:
        response = await transport.send(post(server.origin))
        await asyncio.sleep(0.3)
        held = response._parts
        assert len(held) < 1000
        assert sum(map(len, held)) < 600_000
        assert len(await whole(response)) == 2000 * size
        await response.release()


async def test_waiting_pieces_come_as_one(transport: HttpClientTransport) -> None:
    async with scripted(saying(CHUNKED + HELLO * 3 + END)) as server:
        response = await transport.send(post(server.origin))
        await asyncio.sleep(0.01)
        assert await response.chunk() == b"hellohellohello"
        assert await response.chunk() == b""
        await response.release()


# --- connections that are not used again -----------------------------------------------------------
@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 2\r\n\r\nok",
        b"HTTP/1.0 200 OK\r\ncontent-length: 2\r\n\r\nok",
    ],
)
async def test_a_connection_the_peer_wants_to_close_is_closed(
    transport: HttpClientTransport, answer: bytes
) -> None:
    async with scripted(saying(answer)) as server:
        assert await fetch(transport, server.origin) == b"ok"
        await asyncio.wait_for(server.peers[0].left.wait(), SOON_S)


async def test_an_early_answer_ends_the_connection_though_the_body_is_sent_later(
    transport: HttpClientTransport,
) -> None:
    async def script(peer: Peer) -> None:
        await peer.reader.readuntil(b"\r\n\r\n")
        await peer.say(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n")
        await answered.wait()
        read = 0
        while read < len(body):
            read += len(await peer.reader.read(1 << 20))
        everything.set()
        await peer.say(b"ok")
        await peer.gone()
        closed.set()

    body = b"x" * 20_000_000
    answered, everything, closed = asyncio.Event(), asyncio.Event(), asyncio.Event()
    async with scripted(script) as server:
        response = await transport.send(post(server.origin, body=body))
        answered.set()
        assert await asyncio.wait_for(response.read(9), 5) == b"ok"
        assert everything.is_set()
        await response.release()
        await asyncio.wait_for(closed.wait(), SOON_S)


async def test_an_idle_connection_that_is_closed_is_not_tried(
    transport: HttpClientTransport,
) -> None:
    """Known without a request that fails: nothing is sent twice."""

    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.say(OK)

    async with scripted(script) as server:
        assert await fetch(transport, server.origin) == b"ok"
        await asyncio.sleep(0.02)
        assert transport._pool._open == {}


async def test_an_idle_connection_that_says_anything_is_closed(
    transport: HttpClientTransport,
) -> None:
    """Even an empty line, which a parser would pass over."""

    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.say(OK)
        await idle.wait()
        await peer.say(b"\r\n")
        await peer.gone()

    idle = asyncio.Event()
    async with scripted(script) as server:
        assert await fetch(transport, server.origin) == b"ok"
        idle.set()
        await asyncio.wait_for(server.peers[0].left.wait(), SOON_S)


async def test_an_idle_connection_is_not_lent_once_its_end_is_known(
    transport: HttpClientTransport,
) -> None:
    """The event loop tells the end of what comes first, and of the connection a turn later."""
    async with scripted(saying(OK)) as server:
        await fetch(transport, server.origin)
        (connection,) = transport._pool._open
        connection.eof_received()
        assert connection.closed
        assert transport._pool.take(*transport._pool._origins.values()) is None


async def test_an_answer_while_the_system_holds_some_of_the_request_ends_the_connection(
    transport: HttpClientTransport,
) -> None:
    async with scripted(silent_at_first) as server:
        task, connection = await waiting_sender(transport, server)
        server.peers[0].writer.transport.pause_reading()  # type: ignore[attr-defined]
        connection._transport.write(b"x" * 20_000_000)
        connection.data_received(OK)
        assert connection.closed
        assert await (await task).read(2) == b"ok"


# --- cancelled at the very moment when the answer is there -----------------------------------------
async def silent_at_first(peer: Peer) -> None:
    """The first answer is the test's to give, in the moment it wants."""
    if peer.number == 0:
        await peer.request()
    while True:
        await peer.request()
        await peer.say(OK)


async def waiting_sender(
    transport: HttpClientTransport, server: ScriptedServer
) -> tuple[asyncio.Task[Response], Connection]:
    task = asyncio.create_task(transport.send(post(server.origin)))
    await server.seen(1)
    (connection,) = transport._pool._open
    return task, connection


async def test_a_cancelled_sender_whose_answer_is_complete_harms_no_other(
    transport: HttpClientTransport,
) -> None:
    """By then the connection is another's."""
    async with scripted(silent_at_first) as server:
        task, connection = await waiting_sender(transport, server)
        connection.data_received(OK)
        assert transport._pool.take(*transport._pool._origins.values()) is connection
        other = connection.begin(b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: ", b"", False)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert await (await other).read(2) == b"ok"


@pytest.mark.parametrize("order", ["answer first", "cancel first"])
async def test_a_cancelled_sender_whose_answer_goes_on_closes_it(
    transport: HttpClientTransport, order: str
) -> None:
    """Both within one turn of the event loop, before the sender runs."""
    async with scripted(silent_at_first) as server:
        task, connection = await waiting_sender(transport, server)
        if order == "cancel first":
            task.cancel()
        connection.data_received(CHUNKED + HELLO)
        assert connection.closed == (order == "cancel first")
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert connection.closed
        await asyncio.wait_for(server.peers[0].left.wait(), SOON_S)


async def test_an_abort_ends_the_wait_of_its_reader(transport: HttpClientTransport) -> None:
    async with scripted(saying(CHUNKED)) as server:
        response = await transport.send(post(server.origin))
        reader = asyncio.create_task(response.chunk())
        await asyncio.sleep(0)
        response.abort()
        with pytest.raises(UpstreamError) as caught:
            await asyncio.wait_for(reader, SOON_S)
        assert caught.value.error_class is ErrorClass.ABORTED


async def test_what_came_before_a_cut_is_given_first(transport: HttpClientTransport) -> None:
    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.say(CHUNKED + HELLO + b"zz")

    async with scripted(script) as server:
        response = await transport.send(post(server.origin))
        assert await response.chunk() == b"hello"
        with pytest.raises(UpstreamError):
            await response.chunk()


# --- TLS -------------------------------------------------------------------------------------------
@pytest.fixture
async def secure(tmp_path: Path) -> AsyncIterator[tuple[HttpClientTransport, Authority]]:
    authority = Authority(tmp_path)
    transport = HttpClientTransport(ca_file=authority.file)
    yield transport, authority
    await transport.aclose()


async def test_large_bodies_go_both_ways_over_tls(
    secure: tuple[HttpClientTransport, Authority],
) -> None:
    transport, authority = secure
    body = os.urandom(3_000_000)

    async def script(peer: Peer) -> None:
        while True:
            await peer.answer((await peer.request()).body)

    async with scripted(script, authority.server("127.0.0.1")) as server:
        for _ in range(2):
            assert await fetch(transport, server.origin, body=body) == body
        assert len(server.peers) == 1


async def test_the_name_is_told_and_http_1_1_is_asked_for(
    secure: tuple[HttpClientTransport, Authority],
) -> None:
    transport, authority = secure
    context = authority.server("localhost")
    context.set_alpn_protocols(["h2", "http/1.1"])
    names: list[str] = []
    context.sni_callback = lambda _, name, __: names.append(name)
    chosen: list[str | None] = []

    async def script(peer: Peer) -> None:
        await peer.request()
        chosen.append(peer.writer.get_extra_info("ssl_object").selected_alpn_protocol())
        await peer.say(OK)

    async with scripted(script, context) as server:
        assert await fetch(transport, f"https://localhost:{server.port}") == b"ok"
    assert (names, chosen) == (["localhost"], ["http/1.1"])
