"""The direct way of the data plane, over real sockets: framing, pipelining, bodies, leaving."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

import pytest

from opengateway.http.asgi import Receive, Scope, Send
from opengateway.http.direct import DirectCall
from opengateway.http.server import QuietServer, new_server

LIMIT = 1000


@dataclass
class Echo:
    """Owns `/v1/...`: answers with the body it got, or as a test says."""

    body_bytes: int = LIMIT
    body_idle_s: float = 0.1
    served: list[DirectCall] = field(default_factory=list)
    checked: list[DirectCall] = field(default_factory=list)
    answer: Callable[[DirectCall], Awaitable[None]] | None = None
    refuse_heads: bool = False

    def owns(self, path: str) -> bool:
        return path.startswith("/v1/")

    def check(self, call: DirectCall) -> None:
        self.checked.append(call)
        if self.refuse_heads:
            call.answer(401, b"x-told: early\r\n", b"no")

    async def serve(self, call: DirectCall) -> None:
        self.served.append(call)
        if self.answer is not None:
            await self.answer(call)
        elif call.is_too_large:
            call.answer(413, b"", b"too large")
        else:
            call.answer(200, b"x-path: %b\r\n" % call.path.encode(), call.body)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        message = await receive()
        body = b"asgi:" + message["body"]
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": body})


@asynccontextmanager
async def serving(app: Echo) -> AsyncIterator[tuple[str, int]]:
    listener = socket.create_server(("127.0.0.1", 0))
    server = new_server(app, drain_s=1, owns_signals=False)
    assert isinstance(server, QuietServer)
    task = asyncio.create_task(server.serve(sockets=[listener]))
    while not server.started:  # noqa: ASYNC110 - uvicorn tells nobody
        await asyncio.sleep(0.005)
    try:
        yield listener.getsockname()
    finally:
        server.should_exit = True
        await task


async def said(where: tuple[str, int], *pieces: bytes, pause_s: float = 0.0) -> bytes:
    """All that comes back until the connection is closed, or nothing more comes for a while."""
    reader, writer = await asyncio.open_connection(*where)
    for piece in pieces:
        writer.write(piece)
        await writer.drain()
        await asyncio.sleep(pause_s)
    got = b""
    try:
        async with asyncio.timeout(0.2):
            while data := await reader.read(65536):
                got += data
    except TimeoutError:
        got += b"<open>"
    writer.close()
    return got


def post(body: bytes, *headers: str, path: str = "/v1/echo", version: str = "1.1") -> bytes:
    lines = [f"POST {path} HTTP/{version}", "host: x", f"content-length: {len(body)}", *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def bodies(answers: bytes) -> list[bytes]:
    return [part.partition(b"\r\n\r\n")[2] for part in answers.split(b"HTTP/1.1 ")[1:]]


async def test_an_answer_says_its_length_and_the_connection_serves_on() -> None:
    async with serving(Echo()) as where:
        got = await said(where, post(b"one"), post(b"two"), pause_s=0.02)
    assert got.count(b"content-length: 3\r\n") == 2
    assert b"x-path: /v1/echo\r\n" in got
    assert bodies(got) == [b"one", b"two<open>"]


async def test_what_comes_at_once_is_answered_in_order() -> None:
    async def slow_first(call: DirectCall) -> None:
        await asyncio.sleep(0.05 if call.body == b"1" else 0)
        call.answer(200, b"", call.body)

    app = Echo(answer=slow_first)
    async with serving(app) as where:
        got = await said(where, post(b"1") + post(b"2") + post(b"3", path="/other") + post(b"4"))
    assert bodies(got)[:2] == [b"1", b"2"]
    assert b"asgi:3" in got
    assert got.endswith(b"4<open>")


async def test_ways_take_turns_on_one_connection() -> None:
    async with serving(Echo()) as where:
        got = await said(
            where, post(b"a", path="/x"), post(b"b"), post(b"c", path="/x"), pause_s=0.03
        )
    assert got.index(b"asgi:a") < got.index(b"x-path") < got.index(b"asgi:c")


async def test_a_stream_leaves_in_chunks_and_ends_with_one() -> None:
    async def stream(call: DirectCall) -> None:
        call.start(200, b"content-type: text/event-stream\r\n")
        assert call.put(b"one")
        await call.write(b"two", last=False)
        await call.write(b"", last=True)

    async with serving(Echo(answer=stream)) as where:
        got = await said(where, post(b""))
    assert b"transfer-encoding: chunked\r\n\r\n3\r\none\r\n3\r\ntwo\r\n0\r\n\r\n<open>" in got


async def test_before_http_1_1_a_stream_ends_with_the_connection() -> None:
    async def stream(call: DirectCall) -> None:
        call.start(200, b"")
        await call.write(b"one", last=False)
        await call.write(b"two", last=True)

    async with serving(Echo(answer=stream)) as where:
        got = await said(where, post(b"", version="1.0"))
    assert b"chunked" not in got
    assert got.endswith(b"connection: close\r\n\r\nonetwo")


async def test_a_caller_who_wants_the_connection_closed_gets_that() -> None:
    async with serving(Echo()) as where:
        got = await said(where, post(b"x", "connection: close"))
    assert b"connection: close\r\n" in got
    assert got.endswith(b"x")


async def test_head_has_the_length_and_no_body() -> None:
    async def page(call: DirectCall) -> None:
        call.answer(200, b"", b"12345")

    async with serving(Echo(answer=page)) as where:
        got = await said(where, b"HEAD /v1/x HTTP/1.1\r\nhost: x\r\n\r\n")
    assert got.endswith(b"content-length: 5\r\n\r\n<open>")


@pytest.mark.parametrize("url", ["/v1/a%62c?x=1", "http://h/v1/abc", "/v1/abc#f"])
async def test_a_path_is_found_in_every_form_of_a_target(url: str) -> None:
    async with serving(Echo()) as where:
        got = await said(where, post(b"", path=url))
    assert b"x-path: /v1/abc\r\n" in got


async def test_a_chunked_body_and_one_in_pieces_are_whole() -> None:
    chunked = b"POST /v1/x HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n"
    whole = post(b"abcdef")
    async with serving(Echo()) as where:
        got = await said(where, chunked, b"3\r\nabc\r\n", b"2\r\nde\r\n0\r\n\r\n", pause_s=0.01)
        assert bodies(got) == [b"abcde<open>"]
        got = await said(where, *(whole[at : at + 7] for at in range(0, len(whole), 7)))
        assert bodies(got) == [b"abcdef<open>"]


async def test_whoever_asks_whether_to_go_on_is_told_so() -> None:
    head = b"POST /v1/x HTTP/1.1\r\nhost: x\r\nexpect: 100-continue\r\ncontent-length: 2\r\n\r\n"
    async with serving(Echo()) as where:
        got = await said(where, head, b"ab", pause_s=0.03)
    assert got.startswith(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK")


async def test_a_long_body_is_refused_by_its_head() -> None:
    app = Echo(refuse_heads=True)
    async with serving(app) as where:
        got = await said(where, post(b"x" * 500)[:300], b"x" * 500, pause_s=0.03)
    assert got.startswith(b"HTTP/1.1 401")
    assert app.served == []


async def test_a_body_over_the_limit_is_read_on_and_not_kept() -> None:
    app = Echo()
    async with serving(app) as where:
        got = await said(where, post(b"x" * (LIMIT + 1)))
    assert got.startswith(b"HTTP/1.1 413")
    assert app.served[0].parts == []


async def test_a_body_far_over_the_limit_is_not_read_to_its_end() -> None:
    app = Echo()
    async with serving(app) as where:
        reader, writer = await asyncio.open_connection(*where)
        writer.write(post(b"x" * LIMIT)[:-LIMIT].replace(b"1000", b"9000000"))
        for _ in range(20):
            writer.write(b"y" * LIMIT)
            await asyncio.sleep(0.002)
        got = await asyncio.wait_for(reader.read(65536), 1)
        assert got.startswith(b"HTTP/1.1 413")
        assert b"connection: close" in got
        writer.close()


async def test_a_body_that_stops_arriving_ends_the_connection() -> None:
    app = Echo()
    async with serving(app) as where:
        began = asyncio.get_running_loop().time()
        reader, writer = await asyncio.open_connection(*where)
        writer.write(post(b"abc")[:-1])
        with suppress(ConnectionResetError):  # a plain end will do as well
            assert await asyncio.wait_for(reader.read(), 2) == b""
        writer.close()
        assert asyncio.get_running_loop().time() - began < 1
    assert app.served == []


async def test_leaving_is_told_at_once_to_whoever_serves() -> None:
    gone = asyncio.Event()
    ready = asyncio.Event()

    async def wait(call: DirectCall) -> None:
        call.on_gone(gone.set)
        ready.set()
        await gone.wait()

    async with serving(Echo(answer=wait)) as where:
        _, writer = await asyncio.open_connection(*where)
        # A second request behind it must not hide the first one's end.
        writer.write(post(b"1") + post(b"2"))
        await asyncio.wait_for(ready.wait(), 1)
        writer.transport.abort()
        await asyncio.wait_for(gone.wait(), 1)


async def test_a_bug_is_told_as_one_and_ends_the_connection() -> None:
    async def fail(call: DirectCall) -> None:
        raise LookupError("secret")

    async with serving(Echo(answer=fail)) as where:
        got = await said(where, post(b""))
    assert got.startswith(b"HTTP/1.1 500")
    assert b"secret" not in got
    assert b"connection: close" in got


async def test_an_answer_that_breaks_off_never_ends_well() -> None:
    async def half(call: DirectCall) -> None:
        call.start(200, b"")
        await call.write(b"one", last=False)

    async with serving(Echo(answer=half)) as where:
        got = await said(where, post(b""))
    assert got.endswith(b"3\r\none\r\n")


async def test_an_idle_connection_is_closed_after_its_time() -> None:
    app = Echo()
    listener = socket.create_server(("127.0.0.1", 0))
    server = new_server(app, drain_s=1, owns_signals=False)
    server.config.timeout_keep_alive = 0.15  # type: ignore[assignment]
    task = asyncio.create_task(server.serve(sockets=[listener]))
    while not server.started:  # noqa: ASYNC110 - uvicorn tells nobody
        await asyncio.sleep(0.005)
    reader, writer = await asyncio.open_connection(*listener.getsockname())
    for _ in range(3):  # each request puts it off
        writer.write(post(b"x"))
        assert (await reader.read(65536)).endswith(b"x")
        await asyncio.sleep(0.1)
    assert await asyncio.wait_for(reader.read(65536), 1) == b""
    writer.close()
    server.should_exit = True
    await task


async def test_a_head_over_its_bound_is_refused_and_a_large_body_is_not_taken_for_one() -> None:
    app = Echo(body_bytes=1_000_000)
    async with serving(app) as where:
        got = await said(where, post(b"", "x: " + "a" * 70_000))
        assert got.startswith(b"HTTP/1.1 431")
        got = await said(where, post(b"z" * 200_000))
        assert got.startswith(b"HTTP/1.1 200")
        got = await said(where, b"BREW /v1/x HTTP/1.1\r\n\r\n")
        assert got.startswith(b"HTTP/1.1 400")
