"""uvicorn, with what a gateway needs on top: bounds on the head, a word when a caller leaves, and a
direct way for the data plane."""

from __future__ import annotations

import asyncio
import socket
import urllib.parse
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, cast

import httptools
from uvicorn import Config, Server
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from opengateway.http.asgi import App
from opengateway.http.direct import DirectApp, DirectCall
from opengateway.kit.log import get_logger

_HEAD_BYTES = 64 * 1024
_HEAD_S = 15.0
_WAITING_CALLS = 16
_WAITING_BYTES = 64 * 1024
_LINGER_S = 2.0

log = get_logger("http")


class GatewayProtocol(HttpToolsProtocol):
    """One connection. What it changes in uvicorn's protocol:

    - a request's head is bounded in bytes and in time (a slow head would hold a connection for ever);
    - what is not HTTP is answered in the API's own envelope;
    - requests that the app calls its own (`DirectApp`) are served without ASGI, and told at once when
      their caller leaves (decision 20);
    - the timer of an idle connection is moved, not made anew for each request.
    """

    cycle: Any
    """uvicorn's, or a `DirectCall`, which looks like it."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        app: Any = self.app
        self._app: DirectApp | None = app if hasattr(app, "owns") else None
        self._head_bytes = 0
        self._in_head = False
        self._head_timer: asyncio.TimerHandle | None = None
        self._idle_since: float | None = None
        self._idle_timer: asyncio.TimerHandle | None = None
        self._is_lingering = False
        self._call: DirectCall | None = None
        """The direct call whose body is arriving."""
        self._served: DirectCall | None = None
        """The direct call that is being answered."""

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self._head_timer = self.loop.call_later(_HEAD_S, self._head_too_slow)

    def _head_too_slow(self) -> None:
        self._head_timer = None
        if not self.transport.is_closing():
            self.transport.close()

    # --- what arrives ----------------------------------------------------------------------------

    def data_received(self, data: bytes) -> None:
        if self._is_lingering:
            return
        self._idle_since = None
        if self._in_head:
            self._head_bytes += len(data)
        else:
            self._head_bytes = len(data)
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserError:
            self.send_400_response("")
            return
        except httptools.HttpParserUpgrade:
            pass  # nothing is spoken here but HTTP/1.1: the request is answered as it stands
        if self._in_head:
            if self._head_bytes > _HEAD_BYTES:
                self.send_400_response("")
            elif self._head_timer is None:
                # The head of a kept connection's next request came in part: only then a timer.
                self._head_timer = self.loop.call_later(_HEAD_S, self._head_too_slow)
        elif self._call is not None:
            self._body_goes_on(self._call)

    def on_message_begin(self) -> None:
        self.url = b""
        self.headers = []
        self.expect_100_continue = False
        self._in_head = True

    def on_header(self, name: bytes, value: bytes) -> None:
        self.headers.append((name, value))

    def on_headers_complete(self) -> None:
        self._in_head = False
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None
        if self._head_bytes > _HEAD_BYTES:  # at most: the data may hold some of the body
            size = len(self.url) + sum(len(name) + len(value) + 4 for name, value in self.headers)
            if size > _HEAD_BYTES:
                raise _HeadTooLarge
            self._head_bytes = 0
        app = self._app
        if app is not None:
            path = self._path()
            if app.owns(path):
                self._begin_call(app, path)
                return
        self._begin_asgi()

    def _path(self) -> str:
        url = self.url
        if not url.startswith(b"/") or b"?" in url or b"#" in url:
            url = httptools.parse_url(url).path or b"/"
        path = url.decode("ascii")
        return urllib.parse.unquote(path) if "%" in path else path

    def _begin_asgi(self) -> None:
        url, headers = self.url, [(name.lower(), value) for name, value in self.headers]
        super().on_message_begin()
        self.url = url
        self.headers[:] = headers
        self.expect_100_continue = _expects_continue(headers)
        super().on_headers_complete()

    def _begin_call(self, app: DirectApp, path: str) -> None:
        parser, existing = self.parser, self.cycle
        old_version = parser.get_http_version() != "1.1"
        call = DirectCall(
            cast(Any, self),
            parser.get_method().decode("ascii"),
            path,
            self.headers,
            keep_alive=not old_version and parser.should_keep_alive(),
            old_version=old_version,
            query=self.url.partition(b"?")[2].decode("latin-1"),
        )
        self._call = call
        self.cycle = call
        if existing is None or existing.response_complete:
            call.is_turn = True
        else:  # uvicorn's own queue of what a caller sends without waiting for answers
            # Who is not read from is not seen to leave either: a few may wait.
            if len(self.pipeline) >= _WAITING_CALLS:
                self.flow.pause_reading()
            self.pipeline.appendleft((cast(Any, call), cast(Any, app)))

    def on_body(self, body: bytes) -> None:
        call = self._call
        if call is None:
            if not isinstance(self.cycle, DirectCall):
                super().on_body(body)
            return
        if call.response_complete:
            return
        assert self._app is not None
        call.take(body, self._app.body_bytes)
        if not call.is_turn and call.size > _WAITING_BYTES:
            self.flow.pause_reading()

    def on_message_complete(self) -> None:
        call = self._call
        if call is None:
            if not isinstance(self.cycle, DirectCall):
                super().on_message_complete()
            return
        self._call = None
        call.stop_waiting()
        if call.response_complete:
            return
        call.is_ready = True
        if call.is_turn:
            self._serve(call)

    def _body_goes_on(self, call: DirectCall) -> None:
        """A body did not come whole with its head: its head is looked at meanwhile."""
        app = self._app
        assert app is not None
        if call.response_complete or not call.is_turn or self._is_lingering:
            return
        if not call.is_checked:
            call.is_checked = True
            call.expects_continue = _expects_continue(self.headers)
            app.check(call)
            if call.is_answered():
                return
        if call.is_ready:  # there is more than will be read
            call.stop_waiting()
            self._call = None
            call.keep_alive = False
            self._serve(call)
        else:
            call.wait_for_body(app.body_idle_s)

    # --- serving ---------------------------------------------------------------------------------

    def _serve(self, call: DirectCall) -> None:
        self._served = call
        task = self.loop.create_task(self._run(call))
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    async def _run(self, call: DirectCall) -> None:
        """The connection's edge: what leaves the app is a bug, and is told as one."""
        assert self._app is not None
        try:
            await self._app.serve(call)
        except BaseException as bug:
            log.error("bug", step="http", exc_info=bug)
            call.keep_alive = False
            if call.is_begun:
                self.transport.close()
            else:
                call.answer(500, b"content-type: application/json\r\n", _BUG)
        else:
            if not call.response_complete and not call.disconnected:
                self.transport.close()  # cut off on purpose, or a bug: never a good end

    def _start_asgi_task(self, cycle: Any, app: Any) -> None:
        if not isinstance(cycle, DirectCall):
            super()._start_asgi_task(cycle, app)
            return
        cycle.is_turn = True
        if cycle.is_ready:
            self._serve(cycle)
        elif self._call is cycle:
            self._body_goes_on(cycle)

    def on_response_complete(self) -> None:
        self._served = None
        self.server_state.total_requests += 1
        if self.transport.is_closing() or self._is_lingering:
            return
        self.flow.resume_reading()
        if self.pipeline:
            self._start_asgi_task(*self.pipeline.pop())
            return
        self._idle_since = self.loop.time()
        if self._idle_timer is None:
            self._idle_timer = self.loop.call_later(self.timeout_keep_alive, self._look_if_idle)

    def linger(self) -> None:
        """Close, but listen for a while without keeping anything: a caller who is still sending
        would get a reset in place of the answer that tells it why."""
        if not self.transport.can_write_eof():  # TLS
            self.transport.close()
            return
        self._is_lingering = True
        self.transport.write_eof()
        self._idle_timer = self.loop.call_later(_LINGER_S, self.transport.close)

    def _look_if_idle(self) -> None:
        self._idle_timer = None
        if self._idle_since is None or self.transport.is_closing():
            return
        left_s = self._idle_since + self.timeout_keep_alive - self.loop.time()
        if left_s <= 0:
            self.transport.close()
        else:
            self._idle_timer = self.loop.call_later(left_s, self._look_if_idle)

    def send_400_response(self, msg: str) -> None:
        too_large = self._head_bytes > _HEAD_BYTES
        self.transport.write(_HEAD_TOO_LARGE if too_large else _NOT_HTTP)
        self.transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        for timer in (self._head_timer, self._idle_timer):
            if timer is not None:
                timer.cancel()
        self._head_timer = self._idle_timer = None
        super().connection_lost(exc)
        calls = {self._served, self._call} - {None}
        self._served = self._call = None
        for call in calls:
            cast(DirectCall, call).lost()


def _expects_continue(headers: list[tuple[bytes, bytes]]) -> bool:
    return any(n.lower() == b"expect" and v.lower() == b"100-continue" for n, v in headers)


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


_BUG = (
    b'{"error":{"message":"the gateway made a mistake","type":"server_error","param":null,'
    b'"code":"internal_error"}}'
)


class MainServer(Server):
    """The server that SIGTERM and SIGINT stop. uvicorn would raise the signal again once it is down;
    that would end the process before it has given back its leases and shipped its journal."""

    on_stop: Callable[[], None] | None = None
    """Called when the graceful stop begins."""

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        if self.on_stop is not None:
            self.on_stop()
        await super().shutdown(sockets)

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        with super().capture_signals():
            yield
            self._captured_signals.clear()


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
    on_stop: Callable[[], None] | None = None,
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
    if not owns_signals:
        return QuietServer(config)
    server = MainServer(config)
    server.on_stop = on_stop
    return server
