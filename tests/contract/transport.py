"""What every `UpstreamTransport` must do, on the wire. Subclass it and say how to make one."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from contract.scripted_server import Peer, ScriptedServer, scripted
from contract.tls_material import Authority
from opengateway.domain.errors import ErrorClass, UpstreamError
from opengateway.ports.transport import (
    Credential,
    UpstreamRequest,
    UpstreamResponse,
    UpstreamTransport,
)

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


class TransportContract:
    def make(
        self,
        *,
        proxy: str | None = None,
        ca_file: Path | None = None,
        allow_address: Callable[[str, str], bool] | None = None,
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

    async def cut(self, transport: UpstreamTransport, *pieces: bytes) -> None:
        """A body that breaks off after `pieces` is told as broken, by `chunk` and by `read`."""
        async with scripted(saying_once(*pieces)) as server:
            response = await transport.send(post(server.origin))
            with pytest.raises(UpstreamError) as caught:
                await whole(response)
            assert caught.value.error_class is ErrorClass.ABORTED
            await response.release()
            response = await transport.send(post(server.origin))
            with pytest.raises(UpstreamError) as caught:
                await response.read(1000)
            assert caught.value.error_class is ErrorClass.ABORTED
            response.abort()

    # --- what goes out -----------------------------------------------------------------------------
    async def test_the_request_goes_out_as_it_was_given(self, transport: UpstreamTransport) -> None:
        async with scripted(saying(b"HTTP/1.1 204 No Content\r\n\r\n")) as server:
            credential = Credential("main", "s3cret", server.origin)
            response = await transport.send(
                post(
                    f"{server.origin}/v1/chat/completions?a=b%20c",
                    body=b'{"b":2}',
                    headers={"content-type": "application/json", "X-Title": "t"},
                    credential=credential,
                )
            )
            assert await response.chunk() == b""
            await response.release()
        (seen,) = server.requests
        assert seen.line == "POST /v1/chat/completions?a=b%20c HTTP/1.1"
        assert seen.body == b'{"b":2}'
        assert seen.headers["authorization"] == "Bearer s3cret"
        assert seen.headers["content-type"] == "application/json"
        assert seen.headers["x-title"] == "t"
        assert seen.headers["content-length"] == "7"
        assert seen.headers["accept-encoding"] == "identity"
        assert seen.headers["host"] == f"127.0.0.1:{server.port}"
        assert "transfer-encoding" not in seen.headers
        assert "cookie" not in seen.headers

    async def test_a_key_may_go_into_a_header_of_its_own(
        self, transport: UpstreamTransport
    ) -> None:
        async with scripted(saying(b"HTTP/1.1 204 No Content\r\n\r\n")) as server:
            credential = Credential("main", "s3cret", server.origin, header="X-Api-Key", prefix="")
            headers = {"x-api-key": "overridden", "Accept-Encoding": "gzip"}
            await fetch(transport, server.origin, credential=credential, headers=headers)
        (seen,) = server.requests
        assert seen.headers["x-api-key"] == "s3cret"
        assert seen.headers["accept-encoding"] == "identity"
        assert "authorization" not in seen.headers

    @pytest.mark.parametrize(
        "origin",
        ["http://127.0.0.1:1", "https://127.0.0.1:{port}", "http://127.0.0.2:{port}", "http://x"],
    )
    async def test_a_credential_never_goes_to_another_origin(
        self, transport: UpstreamTransport, origin: str
    ) -> None:
        async with scripted(saying(b"HTTP/1.1 204 No Content\r\n\r\n")) as server:
            credential = Credential("main", "s3cret", origin.format(port=server.port))
            with pytest.raises(AssertionError) as caught:
                await transport.send(post(server.origin, credential=credential))
        assert "s3cret" not in str(caught.value)
        assert server.peers == []

    async def test_cookies_are_not_sent_back(self, transport: UpstreamTransport) -> None:
        answer = b"HTTP/1.1 200 OK\r\nset-cookie: a=1; path=/\r\ncontent-length: 0\r\n\r\n"
        async with scripted(saying(answer)) as server:
            await fetch(transport, server.origin)
            await fetch(transport, server.origin)
        assert ["cookie" in seen.headers for seen in server.requests] == [False, False]

    async def test_a_proxy_of_the_environment_is_ignored(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "ALL_PROXY"):
            monkeypatch.setenv(name, "http://127.0.0.1:9")
        transport = self.make()
        async with scripted(saying(b"HTTP/1.1 204 No Content\r\n\r\n")) as server:
            assert await fetch(transport, server.origin) == b""
        await transport.aclose()

    async def test_a_configured_proxy_is_used_but_not_for_loopback(self) -> None:
        answer = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"
        async with scripted(saying(answer)) as proxy, scripted(saying(answer)) as local:
            transport = self.make(proxy=proxy.origin)
            assert await fetch(transport, "http://provider.invalid/v1") == b"ok"
            assert await fetch(transport, local.origin) == b"ok"
            await transport.aclose()
        assert [seen.line for seen in proxy.requests] == [
            "POST http://provider.invalid/v1 HTTP/1.1"
        ]
        assert len(local.requests) == 1

    # --- what comes back ---------------------------------------------------------------------------
    async def test_status_headers_and_body_are_exact(self, transport: UpstreamTransport) -> None:
        answer = (
            b"HTTP/1.1 429 Slow Down\r\nRetry-After: 3\r\nX-Twice: a\r\nx-twice: b\r\n"
            b"Content-Length: 4\r\n\r\n\x00\xff\r\n"
        )
        async with scripted(saying(answer)) as server:
            response = await transport.send(post(server.origin))
            assert response.status == 429
            assert response.headers["retry-after"] == "3"
            assert response.headers["x-twice"] == "b"
            assert await response.read(4) == b"\x00\xff\r\n"
            await response.release()

    async def test_a_chunked_body_is_exact_and_comes_as_it_is_sent(
        self, transport: UpstreamTransport
    ) -> None:
        go_on = asyncio.Event()

        async def script(peer: Peer) -> None:
            await peer.request()
            await peer.say(CHUNKED + HELLO)
            await go_on.wait()
            await peer.say(b"3;ext=1\r\n wo\r\n3\r\nrld\r\n" + END)
            await peer.gone()

        async with scripted(script) as server:
            response = await transport.send(post(server.origin))
            assert await response.chunk() == b"hello"
            go_on.set()
            assert await whole(response) == b" world"
            assert await response.chunk() == b""
            await response.release()

    async def test_a_body_may_end_with_the_connection(self, transport: UpstreamTransport) -> None:
        async with scripted(saying_once(b"HTTP/1.1 200 OK\r\n\r\nall of it")) as server:
            response = await transport.send(post(server.origin))
            assert await response.read(100) == b"all of it"
            await response.release()

    async def test_interim_answers_are_passed_over(self, transport: UpstreamTransport) -> None:
        answer = (
            b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: <x>\r\n\r\n"
            b"HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\nx"
        )
        async with scripted(saying(answer)) as server:
            response = await transport.send(post(server.origin))
            assert (response.status, await response.read(9)) == (200, b"x")
            assert "link" not in response.headers
            await response.release()

    async def test_a_redirect_is_an_answer_and_not_followed(
        self, transport: UpstreamTransport
    ) -> None:
        async def script(peer: Peer) -> None:
            while True:
                await peer.request()
                await peer.answer(b"", f"location: {server.origin}/else", status="307 Temporary")

        async with scripted(script) as server:
            response = await transport.send(post(server.origin))
            assert response.status == 307
            await response.release()
        assert len(server.requests) == 1

    async def test_a_compressed_answer_is_not_decompressed(
        self, transport: UpstreamTransport
    ) -> None:
        answer = b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: 4\r\n\r\n\x1f\x8b\x00\x00"
        async with scripted(saying(answer)) as server:
            assert await fetch(transport, server.origin) == b"\x1f\x8b\x00\x00"

    async def test_a_cut_in_a_body_of_known_length_is_not_an_end(
        self, transport: UpstreamTransport
    ) -> None:
        await self.cut(transport, b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhello")

    @pytest.mark.parametrize("rest", [b"", b"5", b"5\r\n", b"5\r\nwor", b"0\r\n", b"0"])
    async def test_a_cut_in_a_chunked_body_is_not_an_end(
        self, transport: UpstreamTransport, rest: bytes
    ) -> None:
        await self.cut(transport, CHUNKED + HELLO + rest)

    async def test_a_malformed_chunk_is_not_an_end(self, transport: UpstreamTransport) -> None:
        async def script(peer: Peer) -> None:
            await peer.request()
            await peer.say(CHUNKED + HELLO)
            await go_on.wait()
            await peer.say(b"zz\r\n")
            await peer.gone()

        go_on = asyncio.Event()
        async with scripted(script) as server:
            response = await transport.send(post(server.origin))
            assert await response.chunk() == b"hello"
            go_on.set()
            with pytest.raises(UpstreamError) as caught:
                await response.chunk()
            assert caught.value.error_class is ErrorClass.ABORTED
            await asyncio.wait_for(server.peers[0].gone(), SOON_S)

    async def test_a_reset_is_not_the_end_of_a_body_without_length(
        self, transport: UpstreamTransport
    ) -> None:
        async def script(peer: Peer) -> None:
            await peer.request()
            await peer.say(b"HTTP/1.1 200 OK\r\n\r\npart")
            await told.wait()
            linger = b"\x01\x00\x00\x00\x00\x00\x00\x00"  # on, 0 s: close sends RST
            sock = peer.writer.get_extra_info("socket")
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            peer.reset()

        told = asyncio.Event()
        async with scripted(script) as server:
            response = await transport.send(post(server.origin))
            assert await response.chunk() == b"part"
            told.set()
            with pytest.raises(UpstreamError) as caught:
                await response.chunk()
            assert caught.value.error_class is ErrorClass.ABORTED
            await response.release()

    @pytest.mark.parametrize(
        "answer",
        [
            b"SSH-2.0-OpenSSH\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nx: " + b"y" * 70_000 + b"\r\n\r\n",
            b"HTTP/1.1 200 OK\r\n" + b"x: y\r\n" * 5000 + b"\r\n",
            b"HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\n",
            b"HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n",
        ],
        ids=["not HTTP", "a huge header", "many headers", "a wrong length", "an upgrade"],
    )
    async def test_an_answer_that_is_not_http_is_malformed(
        self, transport: UpstreamTransport, answer: bytes
    ) -> None:
        async with scripted(saying(answer)) as server:
            await self.refused(transport, server.origin, ErrorClass.MALFORMED)
            await asyncio.wait_for(server.peers[0].gone(), SOON_S)

    async def test_reading_stops_at_the_limit(self, transport: UpstreamTransport) -> None:
        body = b"x" * 1001
        async with scripted(saying(CHUNKED + b"3e9\r\n" + body + b"\r\n" + END)) as server:
            response = await transport.send(post(server.origin))
            with pytest.raises(UpstreamError) as caught:
                await response.read(1000)
            assert caught.value.error_class is ErrorClass.MALFORMED
            await response.release()
            response = await transport.send(post(server.origin))
            assert await response.read(1001) == body
            await response.release()

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
            await asyncio.wait_for(server.peers[0].gone(), SOON_S)
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
            response = await transport.send(post(server.origin, body=b"x" * 30_000_000))
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
            await peer.answer(b"unasked", status="408 Request Timeout")
            while True:
                await peer.request()
                await peer.answer(b"unasked too")

        async with scripted(script) as server:
            assert await fetch(transport, server.origin) == b"yours"
            await asyncio.sleep(0.02)
            assert await fetch(transport, server.origin) == b"yours"
        assert len(server.peers) == 2

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
            await asyncio.wait_for(server.peers[0].gone(), SOON_S)
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
        await asyncio.wait_for(server.peers[0].gone(), SOON_S)

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

    async def test_cancelling_the_sending_of_a_large_body_closes_the_connection(
        self, transport: UpstreamTransport
    ) -> None:
        """The peer does not read: there is unsent data, which must not hold the connection."""

        async def script(peer: Peer) -> None:
            peer.writer.transport.pause_reading()  # type: ignore[attr-defined]
            await let_go.wait()
            peer.writer.transport.resume_reading()  # type: ignore[attr-defined]
            await peer.gone()
            closed.set()

        let_go, closed = asyncio.Event(), asyncio.Event()
        async with scripted(script) as server:
            task = asyncio.create_task(transport.send(post(server.origin, body=b"x" * 30_000_000)))
            await asyncio.sleep(0.1)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            let_go.set()
            await asyncio.wait_for(closed.wait(), SOON_S)

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
