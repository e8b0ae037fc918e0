"""One request of the data plane, served past ASGI: what arrives is collected by the parser's
callbacks, and an answer of one piece leaves in one write.

ASGI costs an event, a dictionary and a copy for each step (ADR-0018 has the figures). What it
gives - a choice of servers - is not needed where the server's protocol is our own subclass.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from functools import lru_cache
from typing import Any, Final, Protocol, cast

from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.http.httptools_impl import STATUS_LINE

_CONTINUE: Final = b"HTTP/1.1 100 Continue\r\n\r\n"


class Connection(Protocol):
    """What a call needs of the protocol that it arrived by."""

    transport: asyncio.Transport
    flow: FlowControl
    loop: asyncio.AbstractEventLoop
    server_state: Any
    client: tuple[str, int] | None

    def on_response_complete(self) -> None: ...
    def linger(self) -> None: ...


class _Nobody:
    """uvicorn wakes whoever waits for a message; nobody does."""

    def set(self) -> None: ...


@lru_cache(maxsize=1024)
def _name(raw: bytes) -> str:
    return raw.decode("latin-1").lower()


_dated: tuple[object, bytes] = (None, b"")


def _default_head(state: Any) -> bytes:
    """uvicorn's own headers (the date), as lines; it makes a new list once a second."""
    global _dated
    headers = state.default_headers
    if _dated[0] is not headers:
        _dated = (headers, b"".join(b"%b: %b\r\n" % pair for pair in headers))
    return _dated[1]


class DirectCall:
    """One request and its answer. Implements `ports.caller.Caller`.

    It also looks like uvicorn's cycle to uvicorn's protocol: `response_complete`, `keep_alive`,
    `disconnected`, `message_event`.
    """

    __slots__ = (
        "_chunked",
        "_head",
        "_old_version",
        "_on_gone",
        "_protocol",
        "_raw_headers",
        "_timer",
        "disconnected",
        "expects_continue",
        "is_checked",
        "is_cut",
        "is_ready",
        "is_too_large",
        "is_turn",
        "keep_alive",
        "message_event",
        "method",
        "parts",
        "path",
        "query",
        "response_complete",
        "size",
    )

    def __init__(
        self,
        protocol: Connection,
        method: str,
        path: str,
        raw_headers: list[tuple[bytes, bytes]],
        *,
        keep_alive: bool,
        old_version: bool,
        query: str = "",
    ) -> None:
        self._protocol = protocol
        self._raw_headers = raw_headers
        self._on_gone: Callable[[], None] | None = None
        self._head: bytes | None = None
        self._chunked = False
        self._old_version = old_version
        self.size = 0
        """Bytes of the body so far."""
        self._timer: asyncio.TimerHandle | None = None
        self.method = method
        self.path = path
        self.query = query
        self.keep_alive = keep_alive
        self.parts: list[bytes] = []
        self.is_turn = False
        """No request before it on this connection is still being served."""
        self.is_ready = False
        """The body is here, or as much of it as will be looked at."""
        self.is_checked = False
        self.is_too_large = False
        self.is_cut = False
        """More of the body comes than will be read."""
        self.expects_continue = False
        self.response_complete = False
        self.disconnected = False
        self.message_event = _Nobody()

    # --- what came -------------------------------------------------------------------------------

    @property
    def headers(self) -> dict[str, str]:
        """By lower-case name; of a repeated one the last."""
        return {_name(name): value.decode("latin-1") for name, value in self._raw_headers}

    @property
    def body(self) -> bytes:
        parts = self.parts
        return parts[0] if len(parts) == 1 else b"".join(parts)

    @property
    def peer(self) -> str:
        """The address that the connection comes from; empty where there is none."""
        client = self._protocol.client
        return client[0] if client else ""

    def take(self, part: bytes, limit_bytes: int) -> None:
        """A piece of the body. Beyond the limit it is read on without keeping it: a client that
        writes does not listen. Beyond four times the limit nothing more is read."""
        size = self.size = self.size + len(part)
        if size <= limit_bytes:
            self.parts.append(part)
            return
        self.parts.clear()
        self.is_too_large = True
        if size > 4 * limit_bytes:
            self.is_ready = self.is_cut = True

    def wait_for_body(self, idle_s: float) -> None:
        """The body goes on arriving: told that it may, and given `idle_s` for each next piece."""
        if self.expects_continue:
            self.expects_continue = False
            self._protocol.transport.write(_CONTINUE)
        self.stop_waiting()
        self._timer = self._protocol.loop.call_later(idle_s, self.abort)

    def stop_waiting(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def lost(self) -> None:
        """The connection is gone."""
        self.disconnected = True
        self.stop_waiting()
        if self._on_gone is not None:
            self._on_gone()

    # --- the answer ------------------------------------------------------------------------------

    def on_gone(self, callback: Callable[[], None] | None) -> None:
        self._on_gone = callback

    def abort(self) -> None:
        transport = self._protocol.transport
        if not transport.is_closing():
            transport.abort()

    def start(self, status: int, head: bytes) -> None:
        assert self._head is None, "an answer is begun once"
        self._head = STATUS_LINE[status] + _default_head(self._protocol.server_state) + head

    async def write(self, body: bytes, *, last: bool) -> None:
        if self._protocol.flow.write_paused and not self.disconnected:
            await self._protocol.flow.drain()
        self._send(body, last=last)

    def put(self, body: bytes) -> bool:
        self._send(body, last=False)
        return not self._protocol.flow.write_paused

    def _send(self, body: bytes, *, last: bool) -> None:
        if self.disconnected or self.response_complete:
            return
        head = self._head
        if head is not None and head:
            self._head = b""
            data = self._begun(head, body, last=last)
        elif self._chunked:
            data = b"%x\r\n%b\r\n" % (len(body), body) if body else b""
            if last:
                data += b"0\r\n\r\n"
        else:
            data = body
        if data:
            self._protocol.transport.write(data)
        if last:
            self._end()

    def answer(self, status: int, head: bytes, body: bytes) -> None:
        """A whole answer at once; for those of whom nothing waits in the connection."""
        if self.disconnected or self.response_complete:
            return
        self.start(status, head)
        data = self._begun(cast(bytes, self._head), body, last=True)
        self._head = b""
        self._protocol.transport.write(data)
        self._end()

    def _begun(self, head: bytes, body: bytes, *, last: bool) -> bytes:
        close = b"" if self.keep_alive else b"connection: close\r\n"
        if last:
            length = b"content-length: %d\r\n\r\n" % len(body)
            if self.method == "HEAD":
                body = b""
            return b"%b%b%b%b" % (head, close, length, body)
        if self._old_version:  # no chunks before HTTP/1.1: the end is the connection's end
            self.keep_alive = False
            return b"%bconnection: close\r\n\r\n%b" % (head, body)
        self._chunked = True
        first = b"%x\r\n%b\r\n" % (len(body), body) if body else b""
        return b"%b%btransfer-encoding: chunked\r\n\r\n%b" % (head, close, first)

    def _end(self) -> None:
        self.response_complete = True
        if not self.keep_alive:
            if self.is_cut or not self.is_ready:
                self._protocol.linger()
            else:
                self._protocol.transport.close()
        self._protocol.on_response_complete()

    def is_answered(self) -> bool:
        return self.response_complete

    @property
    def is_begun(self) -> bool:
        """Status and headers left."""
        return self._head == b""


class DirectApp(Protocol):
    """Serves calls. `http/data_app.DataApp` is it."""

    body_bytes: int
    body_idle_s: float

    def owns(self, path: str) -> bool:
        """Whether requests to that path are its own, however they look."""
        ...

    def check(self, call: DirectCall) -> None:
        """Look at the head while the body is still arriving; may answer."""
        ...

    def serve(self, call: DirectCall) -> Awaitable[None]:
        """Answer a call whose body is here."""
        ...
