"""The transport contract: what goes out, and what comes back."""

from __future__ import annotations

import asyncio
import socket
import traceback

import pytest

from contract.scripted_server import Peer, scripted
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


class AnswersContract(TransportCase):
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
            response = await transport.send(post(server.origin))
            with pytest.raises(UpstreamError) as caught:
                await response.pump(lambda _: True)
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

    @pytest.mark.parametrize(
        "headers", [{"x": "a\r\nb: c"}, {"x\r\ny": "a"}], ids=["in a value", "in a name"]
    )
    async def test_a_header_cannot_bring_in_another(
        self, transport: UpstreamTransport, headers: dict[str, str]
    ) -> None:
        async with scripted(saying(b"HTTP/1.1 204 No Content\r\n\r\n")) as server:
            with pytest.raises(ValueError):
                await transport.send(post(server.origin, headers=headers))
            await asyncio.sleep(0.01)
        assert server.requests == []

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

    @pytest.mark.parametrize("status", ["204 No Content", "304 Not Modified"])
    async def test_an_answer_without_body_ends_with_its_head(
        self, transport: UpstreamTransport, status: str
    ) -> None:
        answer = f"HTTP/1.1 {status}\r\ncontent-length: 5\r\n\r\n".encode()
        async with scripted(saying(answer)) as server:
            for _ in range(2):
                assert await fetch(transport, server.origin) == b""
        assert len(server.peers) == 1

    async def test_the_answer_to_head_has_no_body(self, transport: UpstreamTransport) -> None:
        answer = b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n"
        async with scripted(saying(answer)) as server:
            for _ in range(2):
                assert await fetch(transport, server.origin, method="HEAD", body=b"") == b""

    async def test_trailers_are_passed_over(self, transport: UpstreamTransport) -> None:
        answer = CHUNKED + HELLO + b"0\r\nx-late: 1\r\ncontent-type: y\r\n\r\n"
        async with scripted(saying(answer)) as server:
            for _ in range(2):
                response = await transport.send(post(server.origin))
                assert await response.read(9) == b"hello"
                assert "x-late" not in response.headers
                await response.release()
        assert len(server.peers) == 1

    async def test_an_answer_within_the_bounds_is_taken(self, transport: UpstreamTransport) -> None:
        head = b"HTTP/1.1 200 OK\r\nlarge: " + b"y" * 16_000 + b"\r\n"
        head += b"".join(b"x-%d: %d\r\n" % (number, number) for number in range(100))
        async with scripted(saying(head + b"content-length: 2\r\n\r\n", b"ok")) as server:
            response = await transport.send(post(server.origin))
            assert len(response.headers["large"]) == 16_000
            assert response.headers["x-99"] == "99"
            assert await response.read(2) == b"ok"
            await response.release()

    async def test_an_answer_with_two_framings_is_malformed(
        self, transport: UpstreamTransport
    ) -> None:
        for head in (
            b"transfer-encoding: chunked\r\ncontent-length: 5\r\n",
            b"content-length: 5\r\ntransfer-encoding: chunked\r\n",
            b"content-length: 5\r\ncontent-length: 6\r\n",
        ):
            async with scripted(
                saying(b"HTTP/1.1 200 OK\r\n" + head + b"\r\n" + HELLO + END)
            ) as server:
                await self.refused(transport, server.origin, ErrorClass.MALFORMED)

    @pytest.mark.parametrize(
        "answer",
        [
            b"Bearer s3cret\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nyour key: Bearer s3cret\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nx: Bearer s3cret\x00\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nx: Bearer s3cret" + b"y" * 70_000 + b"\r\n\r\n",
        ],
    )
    async def test_a_malformed_answer_is_not_quoted(
        self, transport: UpstreamTransport, answer: bytes
    ) -> None:
        """It may hold the key that was sent."""
        async with scripted(saying(answer)) as server:
            credential = Credential("main", "s3cret", server.origin)
            error = await self.refused(
                transport, server.origin, ErrorClass.MALFORMED, credential=credential
            )
        assert "s3cret" not in error.detail
        assert "s3cret" not in "".join(traceback.format_exception(error))

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
                await asyncio.wait_for(response.chunk(), SOON_S)
            assert caught.value.error_class is ErrorClass.ABORTED
            await asyncio.wait_for(server.peers[0].left.wait(), SOON_S)

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
            await asyncio.wait_for(server.peers[0].left.wait(), SOON_S)

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
