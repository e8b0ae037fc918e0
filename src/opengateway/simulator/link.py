"""One caller's connection: what ASGI gives, and the byte-level access that faults need."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Any, cast

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Headers = Iterable[tuple[bytes, bytes]]

EXTENSION = "opengateway.link"
_LINGER_NOW = struct.pack("ii", 1, 0)


class CallerGone(Exception):
    """The caller closed its connection while a reply was being made."""


class Cut(Exception):
    """A fault ends the connection where no server hook can: the server must drop it."""


class Link:
    """One TCP connection as the server's protocol sees it; lives as long as the connection."""

    __slots__ = ("_waiter", "gone", "protocol")

    def __init__(self, protocol: SimulatorProtocol | None) -> None:
        self.protocol = protocol
        self.gone = False
        self._waiter: asyncio.Future[None] | None = None

    def lost(self) -> None:
        """The caller is gone: whoever pauses learns it at once."""
        self.gone = True
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    async def pause(self, seconds: float) -> None:
        """Sleep, but no longer than the caller stays. Raises `CallerGone`."""
        if self.gone:
            raise CallerGone
        waiter = self._waiter = asyncio.get_running_loop().create_future()
        timer = asyncio.get_running_loop().call_later(seconds, _wake, waiter)
        try:
            await waiter
        finally:
            timer.cancel()
            self._waiter = None
        if self.gone:
            raise CallerGone

    def transport(self) -> asyncio.Transport | None:
        return self.protocol.transport if self.protocol is not None else None


def _wake(waiter: asyncio.Future[None]) -> None:
    if not waiter.done():
        waiter.set_result(None)


class SimulatorProtocol(HttpToolsProtocol):
    """uvicorn's protocol with a link for each connection."""

    link: Link

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        self.link = Link(self)
        super().connection_made(transport)

    def connection_lost(self, exc: Exception | None) -> None:
        self.link.lost()
        super().connection_lost(exc)

    def eof_received(self) -> None:
        # Nobody who still wants the reply half-closes here; the transport closes right after this.
        self.link.lost()
        super().eof_received()

    def on_message_begin(self) -> None:
        super().on_message_begin()
        cast(Scope, self.scope)["extensions"] = {EXTENSION: self.link}


class Reply:
    """Writes one response. Knows how many body bytes went out; raises `CallerGone`."""

    __slots__ = ("_chunked", "_receiver", "_send", "bytes_sent", "link", "started")

    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self._send = send
        self._receiver: asyncio.Task[None] | None = None
        self.bytes_sent = 0
        self.started = False
        self._chunked = False
        link = (scope.get("extensions") or {}).get(EXTENSION)
        if link is None:  # another server, or none: disconnects come through receive()
            link = Link(None)
            self._receiver = asyncio.create_task(_watch(receive, link))
        self.link: Link = link

    def end(self) -> None:
        """Let go of what watches for the caller."""
        if self._receiver is not None:
            self._receiver.cancel()

    async def start(self, status: int, headers: Headers, *, length: int | None = None) -> None:
        if self.link.gone:
            raise CallerGone
        head = list(headers)
        if length is not None:
            head.append((b"content-length", b"%d" % length))
        self.started = True
        self._chunked = length is None
        await self._send({"type": "http.response.start", "status": status, "headers": head})

    async def write(self, data: bytes, *, last: bool = False) -> None:
        if self.link.gone:
            raise CallerGone
        await self._send({"type": "http.response.body", "body": data, "more_body": not last})
        self.bytes_sent += len(data)

    async def pause(self, seconds: float) -> None:
        await self.link.pause(seconds)

    async def cut(self, *, reset: bool, inside_chunk: bool = False) -> None:
        """End the connection here: FIN, or RST with `reset`; the response stays unfinished."""
        transport = self.link.transport()
        if transport is None:
            raise Cut
        if inside_chunk and self._chunked:
            transport.write(b"400\r\ndata: {")
        if reset:
            await self._flush(transport)
            wire = transport.get_extra_info("socket")
            if wire is not None:
                wire.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_NOW)
            transport.abort()
        else:
            transport.close()
        await self._until_gone()

    async def write_raw(self, data: bytes) -> None:
        """Bytes past the server's framing, and then the end of the connection."""
        transport = self.link.transport()
        if transport is None:
            raise Cut
        self.started = True
        transport.write(data)
        self.bytes_sent += len(data)
        transport.close()
        await self._until_gone()

    async def _flush(self, transport: asyncio.Transport) -> None:
        """What was written should reach the caller before the reset does; bounded to 0.2 s."""
        for _ in range(20):
            await asyncio.sleep(0.01)
            if transport.get_write_buffer_size() == 0:
                return

    async def _until_gone(self) -> None:
        """Until the server knows too, so that it does not answer on its own."""
        try:
            await self.link.pause(5.0)
        except CallerGone:
            pass


async def _watch(receive: Receive, link: Link) -> None:
    while not link.gone:
        if (await receive())["type"] == "http.disconnect":
            link.lost()


async def read_body(scope: Scope, receive: Receive, limit: int) -> bytes | None:
    """The whole body; None when it is larger than `limit`. Raises `CallerGone`."""
    chunks: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise CallerGone
        chunk = message.get("body", b"")
        size += len(chunk)
        if size > limit:
            return None
        if chunk:
            chunks.append(chunk)
        if not message.get("more_body", False):
            break
    link = (scope.get("extensions") or {}).get(EXTENSION)
    if isinstance(link, Link) and link.protocol is not None:
        # The server stops reading while a large body waits; a disconnect must still be seen.
        link.protocol.flow.resume_reading()
    return chunks[0] if len(chunks) == 1 else b"".join(chunks)
