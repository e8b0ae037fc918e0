"""uvicorn, with what a gateway needs on top: bounds on the head, and a word when a caller leaves."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from uvicorn import Config, Server
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from opengateway.http.asgi import CONNECTION, App, Connection

_HEAD_BYTES = 64 * 1024
_HEAD_S = 15.0


class GatewayProtocol(HttpToolsProtocol):
    """One connection. Adds three things to uvicorn's protocol:

    - a caller's leaving is told at once through `Connection.on_lost` (decision 20);
    - a request's head is bounded in bytes and in time (a slow head would hold a connection for ever);
    - what is not HTTP is answered in the API's own envelope.
    """

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self._head_bytes = 0
        self._in_head = False
        self._head_timer: asyncio.TimerHandle | None = self.loop.call_later(
            _HEAD_S, self._head_too_slow
        )

    def _head_too_slow(self) -> None:
        self._head_timer = None
        if not self.transport.is_closing():
            self.transport.close()

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._head_bytes = 0
        self._in_head = True
        scope: Any = self.scope
        scope[CONNECTION] = Connection(self._abort)

    def on_url(self, url: bytes) -> None:
        self._count(len(url))
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        self._count(len(name) + len(value) + 4)
        super().on_header(name, value)

    def _count(self, size: int) -> None:
        self._head_bytes += size
        if self._head_bytes > _HEAD_BYTES:
            raise _HeadTooLarge

    def on_headers_complete(self) -> None:
        self._in_head = False
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None
        super().on_headers_complete()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self._in_head and self._head_timer is None:
            # The head of a kept connection's next request came in part: only then a timer.
            self._head_timer = self.loop.call_later(_HEAD_S, self._head_too_slow)

    def send_400_response(self, msg: str) -> None:
        if self._head_bytes > _HEAD_BYTES:
            self.transport.write(_HEAD_TOO_LARGE)
        else:
            self.transport.write(_NOT_HTTP)
        self.transport.close()

    def _abort(self) -> None:
        if not self.transport.is_closing():
            self.transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None
        super().connection_lost(exc)
        cycle: RequestResponseCycle | None = self.cycle
        if cycle is not None and not cycle.response_complete:
            scope: Any = cycle.scope
            on_lost = scope[CONNECTION].on_lost
            if on_lost is not None:
                on_lost()


class _HeadTooLarge(Exception):
    """Raised inside a parser callback: httptools stops and reports a parser error."""


def _answer(status_line: bytes, code: str, message: str) -> bytes:
    body = (
        f'{{"error":{{"message":"{message}","type":"invalid_request_error",'
        f'"param":null,"code":"{code}"}}}}'
    ).encode()
    return (
        b"HTTP/1.1 %s\r\ncontent-type: application/json\r\nconnection: close\r\n"
        b"content-length: %d\r\n\r\n%s" % (status_line, len(body), body)
    )


_HEAD_TOO_LARGE = _answer(
    b"431 Request Header Fields Too Large",
    "headers_too_large",
    "the request's head is larger than 64 KiB; send fewer or shorter headers",
)
_NOT_HTTP = _answer(
    b"400 Bad Request",
    "invalid_http",
    "this is not a valid HTTP/1.1 request; a header may hold a forbidden character",
)


class QuietServer(Server):
    """A second server of a process: the first one owns the signals."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def new_server(
    app: App,
    *,
    drain_s: float,
    owns_signals: bool = True,
    certificate: tuple[str, str] | None = None,
) -> Server:
    """A server for sockets that are already bound. `drain_s` bounds a graceful stop.

    `certificate` is the paths of a PEM certificate chain and of its key: then it speaks TLS.
    """
    cert_file, key_file = certificate or (None, None)
    config = Config(
        app,
        http=GatewayProtocol,
        interface="asgi3",
        loop="uvloop",
        ws="none",
        lifespan="off",
        access_log=False,
        log_config=None,
        proxy_headers=False,
        server_header=False,
        ssl_certfile=cert_file,
        ssl_keyfile=key_file,
        timeout_keep_alive=75,
        timeout_graceful_shutdown=int(drain_s),
    )
    return Server(config) if owns_signals else QuietServer(config)
