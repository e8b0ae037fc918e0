"""The transport contract: connections, how they end, and with whom they are made."""

from __future__ import annotations

import asyncio
import os
import socket
import time
from collections.abc import Awaitable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from contract.scripted_server import Peer, ScriptedServer, scripted
from contract.tls_material import Authority
from contract.transport_case import (
    CHUNKED,
    END,
    HELLO,
    SOON_S,
    TransportCase,
    fetch,
    post,
    saying,
    saying_once,
    whole,
)
from opengateway.domain.errors import ErrorClass, UpstreamError
from opengateway.ports.transport import Credential, UpstreamTransport


class ConnectionsContract(TransportCase):
    # --- connections -------------------------------------------------------------------------------
    async def test_a_refused_connection_is_told_as_such(self, transport: UpstreamTransport) -> None:
        with socket.socket() as unused:
            unused.bind(("127.0.0.1", 0))
            port = unused.getsockname()[1]
            await self.refused(transport, f"http://127.0.0.1:{port}", ErrorClass.CONNECT)

    async def test_an_unknown_name_is_told_as_such(self, transport: UpstreamTransport) -> None:
        await self.refused(transport, "http://provider.invalid", ErrorClass.CONNECT)

    async def test_a_connection_that_never_opens_times_out(
        self, transport: UpstreamTransport
    ) -> None:
        listener = socket.socket()
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        port = listener.getsockname()[1]
        waiting = []
        for _ in range(4):  # fill the backlog: what comes after gets no answer to its SYN
            filler = socket.socket()
            filler.setblocking(False)
            filler.connect_ex(("127.0.0.1", port))
            waiting.append(filler)
        try:
            began = time.monotonic()
            await self.refused(
                transport, f"http://127.0.0.1:{port}", ErrorClass.CONNECT, connect_timeout_s=0.1
            )
            assert 0.05 < time.monotonic() - began < 1
        finally:
            for each in (*waiting, listener):
                each.close()

    async def test_a_whole_answer_lets_its_connection_be_used_again(
        self, transport: UpstreamTransport
    ) -> None:
        async with scripted(saying(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok")) as server:
            for _ in range(3):
                assert await fetch(transport, server.origin) == b"ok"
        assert len(server.peers) == 1

    async def test_release_waits_a_moment_for_the_last_bytes(
        self, transport: UpstreamTransport
    ) -> None:
        async def script(peer: Peer) -> None:
            while True:
                await peer.request()
                await peer.say(CHUNKED + HELLO)
                await asyncio.sleep(0.01)
                await peer.say(END)

        async with scripted(script) as server:
            for _ in range(2):
                response = await transport.send(post(server.origin))
                assert await response.chunk() == b"hello"
                await response.release()
        assert len(server.peers) == 1

    async def test_release_closes_what_goes_on(self, transport: UpstreamTransport) -> None:
        async with scripted(saying(CHUNKED + HELLO)) as server:
            response = await transport.send(post(server.origin))
            assert await response.chunk() == b"hello"
            began = time.monotonic()
            await response.release()
            await asyncio.wait_for(server.peers[0].left.wait(), SOON_S)
            assert time.monotonic() - began < SOON_S
            await response.release()
            response.abort()

    async def test_an_answer_before_the_whole_request_does_not_keep_the_connection(
        self, transport: UpstreamTransport
    ) -> None:
        async def script(peer: Peer) -> None:
            await peer.reader.readuntil(b"\r\n\r\n")
            await peer.say(b"HTTP/1.1 413 Too Large\r\ncontent-length: 3\r\n\r\nbig")
            await let_go.wait()
            await peer.gone()
            closed.set()

        let_go, closed = asyncio.Event(), asyncio.Event()
        async with scripted(script) as server:
            response = await transport.send(post(server.origin, body=b"x" * 20_000_000))
            assert (response.status, await response.read(10)) == (413, b"big")
            await response.release()
            let_go.set()
            await asyncio.wait_for(closed.wait(), 2)

    async def test_a_kept_connection_that_was_closed_is_replaced_unnoticed(
        self, transport: UpstreamTransport
    ) -> None:
        """The server closes just as the second request arrives, without an answer."""

        async def script(peer: Peer) -> None:
            await peer.request()
            await peer.answer(b"first")
            await peer.reader.readuntil(b"\r\n\r\n") if peer.number == 0 else await peer.gone()

        async with scripted(script) as server:
            assert await fetch(transport, server.origin, body=b"1") == b"first"
            assert await fetch(transport, server.origin, body=b"2") == b"first"
        assert [seen.body for seen in server.requests] == [b"1", b"2"]
        assert len(server.peers) == 2

    async def test_several_stale_connections_cost_one_replay(
        self, transport: UpstreamTransport
    ) -> None:
        async def script(peer: Peer) -> None:
            await peer.request()
            if peer.number < 3:
                await all_open.wait()
            await peer.answer(b"ok")
            await peer.reader.readuntil(b"\r\n\r\n")

        all_open = asyncio.Event()
        async with scripted(script) as server:
            first = [asyncio.create_task(fetch(transport, server.origin)) for _ in range(3)]
            await server.seen(3)
            all_open.set()
            await asyncio.gather(*first)
            assert await fetch(transport, server.origin) == b"ok"

    async def test_a_new_connection_that_closes_is_not_tried_again(
        self, transport: UpstreamTransport
    ) -> None:
        async with scripted(saying_once()) as server:
            await self.refused(transport, server.origin, ErrorClass.ABORTED)
        assert len(server.requests) == 1

    @pytest.mark.parametrize(
        "begun", [b"H", b"HTTP/1.1 200 OK\r\ncontent-le", b"HTTP/1.1 100 C\r\n\r\n"]
    )
    async def test_an_answer_that_began_is_never_asked_for_again(
        self, transport: UpstreamTransport, begun: bytes
    ) -> None:
        async def script(peer: Peer) -> None:
            await peer.request()
            await peer.answer(b"ok")
            await peer.request()
            await peer.say(begun)

        async with scripted(script) as server:
            assert await fetch(transport, server.origin) == b"ok"
            await self.refused(transport, server.origin, ErrorClass.ABORTED)
        assert len(server.requests) == 2

    async def test_what_a_kept_connection_says_unasked_answers_nobody(
        self, transport: UpstreamTransport
    ) -> None:
        async def script(peer: Peer) -> None:
            await peer.request()
            await peer.answer(b"yours")
            await idle.wait()
            await peer.answer(b"unasked", status="408 Request Timeout")
            said.set()
            while True:
                await peer.request()
                await peer.answer(b"unasked too")

        idle, said = asyncio.Event(), asyncio.Event()
        async with scripted(script) as server:
            assert await fetch(transport, server.origin) == b"yours"
            idle.set()
            await said.wait()
            await asyncio.sleep(0.02)
            assert await fetch(transport, server.origin) == b"yours"
        assert len(server.peers) == 2

    @pytest.mark.parametrize(
        "surplus", [b"HTTP/1.1 200 OK\r\ncontent-len", b"HTTP/1.1 204 N\r\n\r\n", b"garbage"]
    )
    async def test_what_comes_behind_an_answer_answers_nobody(
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
                with suppress(UpstreamError):  # it may spoil its own answer, but no other's
                    assert await fetch(transport, server.origin) == b"first"

    async def test_an_unread_answer_does_not_hinder_the_next(
        self, transport: UpstreamTransport
    ) -> None:
        body = b"x" * 300_000
        async with scripted(
            saying(b"HTTP/1.1 200 OK\r\ncontent-length: 300000\r\n\r\n" + body)
        ) as server:
            unread = await transport.send(post(server.origin))
            await asyncio.sleep(0.02)
            assert await asyncio.wait_for(fetch(transport, server.origin), 2) == body
            assert await asyncio.wait_for(unread.read(300_000), 2) == body
            await unread.release()

    # --- ending early ------------------------------------------------------------------------------
    async def test_abort_closes_at_once_and_may_be_repeated(
        self, transport: UpstreamTransport
    ) -> None:
        async with scripted(saying(CHUNKED + HELLO)) as server:
            response = await transport.send(post(server.origin))
            response.abort()
            await asyncio.wait_for(server.peers[0].left.wait(), SOON_S)
            response.abort()
            with pytest.raises(UpstreamError):
                await response.chunk()
            await response.release()

    async def test_aborting_a_finished_answer_harms_no_other(
        self, transport: UpstreamTransport
    ) -> None:
        async with scripted(saying(CHUNKED, HELLO, END)) as server:
            first = await transport.send(post(server.origin))
            assert await whole(first) == b"hello"
            await first.release()
            second = await transport.send(post(server.origin))
            first.abort()
            assert await whole(second) == b"hello"
            await second.release()
        assert len(server.peers) == 1

    async def cancelled(self, work: Awaitable[Any], server: ScriptedServer) -> None:
        """The server sees the connection close soon after the work was cancelled."""
        task = asyncio.ensure_future(work)
        await server.seen(1)
        await asyncio.sleep(0.02)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await asyncio.wait_for(server.peers[0].left.wait(), SOON_S)

    async def test_cancelling_send_closes_the_connection(
        self, transport: UpstreamTransport
    ) -> None:
        async with scripted(saying()) as server:
            await self.cancelled(transport.send(post(server.origin)), server)

    @pytest.mark.parametrize("way", ["chunk", "read"])
    async def test_cancelling_a_read_closes_the_connection(
        self, transport: UpstreamTransport, way: str
    ) -> None:
        async with scripted(saying(CHUNKED + HELLO)) as server:
            response = await transport.send(post(server.origin))
            assert await response.chunk() == b"hello"
            work = response.chunk() if way == "chunk" else response.read(100)
            await self.cancelled(work, server)
            await response.release()

    async def test_cancelling_while_a_large_body_is_sent_frees_the_connection(
        self, transport: UpstreamTransport
    ) -> None:
        """The peer does not read: what is unsent must not hold the connection open for ever."""

        async def script(peer: Peer) -> None:
            peer.writer.transport.pause_reading()  # type: ignore[attr-defined]
            accepted.set()
            await asyncio.Event().wait()

        accepted = asyncio.Event()
        async with scripted(script) as server:
            task = asyncio.create_task(transport.send(post(server.origin, body=b"x" * 20_000_000)))
            await accepted.wait()
            await asyncio.sleep(0.05)
            before = len(os.listdir("/proc/self/fd"))
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            await asyncio.sleep(0.05)
            assert len(os.listdir("/proc/self/fd")) == before - 1

    async def test_a_slow_reader_slows_the_provider(self, transport: UpstreamTransport) -> None:
        """What the systems' own buffers hold is not counted: some megabytes on loopback."""
        total, piece, sent = 64 * 1024 * 1024, b"x" * 65_536, 0

        async def script(peer: Peer) -> None:
            nonlocal sent
            await peer.request()
            await peer.say(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % total)
            while sent < total:
                await peer.say(piece)
                sent += len(piece)
            await peer.gone()

        async with scripted(script) as server:
            response = await transport.send(post(server.origin))
            assert await response.chunk()
            before = -1
            while sent != before:
                before = sent
                await asyncio.sleep(0.05)
            assert sent < total / 2
            response.abort()

    async def test_two_hundred_requests_at_once_do_not_mix(
        self, transport: UpstreamTransport
    ) -> None:
        async def script(peer: Peer) -> None:
            while True:
                seen = await peer.request()
                await peer.say(CHUNKED + b"4\r\n" + seen.body[:4] + b"\r\n")
                await asyncio.sleep(0)
                await peer.say(b"4\r\n" + seen.body[4:] + b"\r\n" + END)

        async with scripted(script) as server:
            bodies = [f"{number:08d}".encode() for number in range(200)]
            for _ in range(2):
                got = await asyncio.gather(
                    *(fetch(transport, server.origin, body=body) for body in bodies)
                )
                assert list(got) == bodies
        assert len(server.peers) <= 200

    # --- who is spoken to --------------------------------------------------------------------------
    async def test_a_certificate_of_an_unknown_authority_is_refused(
        self, transport: UpstreamTransport, tmp_path: Path
    ) -> None:
        authority = Authority(tmp_path)
        async with scripted(
            saying(b"HTTP/1.1 204 No Content\r\n\r\n"), authority.server("127.0.0.1")
        ) as server:
            error = await self.refused(transport, server.origin, ErrorClass.CONNECT)
        assert "certificate" in error.detail
        assert server.requests == []

    async def test_a_certificate_of_the_configured_authority_is_taken(self, tmp_path: Path) -> None:
        authority = Authority(tmp_path)
        transport = self.make(ca_file=authority.file)
        answer = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"
        async with scripted(saying(answer), authority.server("127.0.0.1")) as server:
            credential = Credential("main", "s3cret", server.origin)
            for _ in range(2):
                assert await fetch(transport, server.origin, credential=credential) == b"ok"
            assert len(server.peers) == 1
            response = await transport.send(post(server.origin))
            response.abort()
        await transport.aclose()

    async def test_a_certificate_for_another_name_is_refused(self, tmp_path: Path) -> None:
        authority = Authority(tmp_path)
        transport = self.make(ca_file=authority.file)
        async with scripted(
            saying(b"HTTP/1.1 204 No Content\r\n\r\n"), authority.server("other.example")
        ) as server:
            await self.refused(transport, server.origin, ErrorClass.CONNECT)
        await transport.aclose()

    async def test_cancelling_within_the_tls_handshake_closes_the_connection(
        self, transport: UpstreamTransport
    ) -> None:
        async def script(peer: Peer) -> None:
            await peer.reader.read(1)  # the client's hello; nobody answers it
            hello.set()
            await peer.gone()
            closed.set()

        hello, closed = asyncio.Event(), asyncio.Event()
        async with scripted(script) as server:
            url = server.origin.replace("http:", "https:")
            task = asyncio.create_task(transport.send(post(url)))
            await hello.wait()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            await asyncio.wait_for(closed.wait(), SOON_S)
            await self.refused(transport, url, ErrorClass.CONNECT, connect_timeout_s=0.1)

    @pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
    async def test_an_address_that_is_not_allowed_is_not_connected_to(self, host: str) -> None:
        asked: list[tuple[str, str]] = []

        def allow(name: str, address: str) -> bool:
            asked.append((name, address))
            return False

        transport = self.make(allow_address=allow)
        async with scripted(saying(b"HTTP/1.1 204 No Content\r\n\r\n")) as server:
            await self.refused(transport, f"http://{host}:{server.port}", ErrorClass.CONNECT)
        await transport.aclose()
        assert server.peers == []
        assert (host, "127.0.0.1") in asked

    async def test_an_allowed_address_is_connected_to(self) -> None:
        transport = self.make(allow_address=lambda _, address: address == "127.0.0.1")
        async with scripted(saying(b"HTTP/1.1 204 No Content\r\n\r\n")) as server:
            assert await fetch(transport, f"http://localhost:{server.port}") == b""
        await transport.aclose()
