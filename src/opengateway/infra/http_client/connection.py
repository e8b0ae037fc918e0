"""One connection: writes a request, reads its answer, and goes back to its pool.

No task and no timer of its own: whoever sends waits for one future, and the event loop calls the
rest. The parser is llhttp, strict; what it lets through is bounded here.
"""

from __future__ import annotations

import asyncio
from typing import Final, Protocol, TypeAlias, cast

import httptools

from opengateway.domain.errors import ErrorClass, UpstreamError
from opengateway.infra.http_client.response import Response
from opengateway.infra.outbound import OutboundLimits

State: TypeAlias = int
# In the order of an exchange. Plain integers: they are compared several times for each read.
_IDLE: Final = 0
_WAITING: Final = 1
"""For the head of an answer."""
_BODY: Final = 2
_DONE: Final = 3
"""The answer is complete, within one call of `data_received`."""
_CLOSED: Final = 4

_JOINED_BYTES: Final = 64 * 1024
"""A body up to this is copied behind its head: one write costs less than the copy."""
_PIECE_BYTES: Final = 256 * 1024
_WAITING_PARTS: Final = 64
_INTERIM: Final = 32
"""Answers of status 1xx before the final one."""
_BODILESS: Final = frozenset((204, 304))
_SWITCHING_PROTOCOLS: Final = 101


class StaleConnection(Exception):
    """A kept connection was closed before it said anything: the request may be sent again."""


class _Refused(Exception):
    """What the parser would take and we do not. Raised through it."""


class Owner(Protocol):
    """Whoever keeps connections: told once when one is free, and once when it is gone."""

    def give_back(self, connection: Connection) -> None: ...

    def forget(self, connection: Connection) -> None: ...


class _Names(dict[bytes, str]):
    """Names of headers in lower case; the usual ones are met in every answer."""

    def __missing__(self, name: bytes) -> str:
        text = name.decode("latin-1").lower()
        if len(self) < 1024 and len(name) <= 64:
            self[name] = text
        return text


_names: Final = _Names()


class Connection(asyncio.Protocol):
    """States above. It is used for one exchange at a time, by whoever took it from the pool."""

    def __init__(
        self, owner: Owner, limits: OutboundLimits, loop: asyncio.AbstractEventLoop
    ) -> None:
        self._owner = owner
        self.limits = limits
        self.loop = loop
        self.opened_at = loop.time()
        self.idle_since = 0.0
        self._state: State = _IDLE
        self._used = False
        self._waiter: asyncio.Future[Response] | None = None
        self._response: Response | None = None
        self._fault = ""
        self._read_paused = self._write_paused = False
        self._unsent: memoryview | None = None
        self._parts: list[bytes] = []
        # The parser calls these by name; the most frequent one without any Python in between.
        self.on_body = self._parts.append
        self._parser = httptools.HttpResponseParser(self)
        self._reset(bodiless=False)

    def _reset(self, *, bodiless: bool) -> None:
        self._bodiless = bodiless
        self._headers: dict[str, str] = {}
        self._count = self._meta = self._size = self._buffered = self._interim = 0
        self._keep = self._until_close = False

    @property
    def closed(self) -> bool:
        return self._state == _CLOSED

    # --- for the sender ----------------------------------------------------------------------------
    def begin(self, head: bytes, body: bytes, bodiless: bool) -> asyncio.Future[Response]:
        """Write a request; `head` ends before the digits of its length. Never on a closed one.

        The future raises `StaleConnection`, or `UpstreamError` (aborted, malformed).
        """
        self._reset(bodiless=bodiless)
        self._state = _WAITING
        waiter = self._waiter = self.loop.create_future()
        size = len(body)
        if size <= _JOINED_BYTES:
            self._transport.write(b"%b%d\r\n\r\n%b" % (head, size, body))
        else:
            self._transport.write(b"%b%d\r\n\r\n" % (head, size))
            self._unsent = memoryview(body)
            self._pump()
        return waiter

    def give_up(self, waiter: asyncio.Future[Response]) -> None:
        """The sender was cancelled. Closes the connection, unless it went on to another."""
        if self._waiter is waiter:
            self.abort()
        elif waiter.done() and not waiter.cancelled() and waiter.exception() is None:
            waiter.result().abort()

    def drained(self) -> None:
        """The reader took all that waited."""
        self._buffered = 0
        if self._read_paused:
            self._read_paused = False
            self._transport.resume_reading()

    def abort(self) -> None:
        """Close now; what is unsent is thrown away. May be repeated."""
        if self._state != _CLOSED:
            self._transport.abort()
            self._lost("aborted by us")

    # --- called by the event loop ------------------------------------------------------------------
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's are not subclasses of it.
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        state = self._state
        if state == _IDLE:  # it speaks unasked: whatever it says must answer nobody
            self.abort()
            return
        if state == _CLOSED:
            return
        size = self._size = len(data)
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            self._unreadable(error)
            return
        state = self._state
        if state == _DONE:
            self._finish()
            return
        if self._parts:
            self._meta = 0
            self._buffered += size
            if not self._read_paused and (
                self._buffered > 4 * self.limits.buffer_bytes or len(self._parts) > _WAITING_PARTS
            ):
                self._read_paused = True
                self._transport.pause_reading()
        else:
            # A head, trailers, a chunk's extensions: what grows without giving body is bounded.
            self._meta += size
            if self._meta > 8 * self.limits.header_bytes or self._count > self.limits.headers:
                self._unreadable(_Refused("the answer's head is too large"))
                return
        response = self._response
        if response is not None:
            if self._waiter is not None:
                self._deliver(response)
            elif self._parts:
                response.arrived()

    def eof_received(self) -> None:
        """A clean end: over TLS this comes only when the peer said so (close_notify)."""
        if self._state == _BODY and self._until_close:
            self._finish()
        elif self._state == _IDLE:
            self.abort()
        # Returning nothing lets the event loop close, and `connection_lost` comes next.

    def connection_lost(self, error: Exception | None) -> None:
        if self._state != _CLOSED:
            reason = type(error).__name__ if error is not None else "closed by the peer"
            if isinstance(error, OSError) and error.strerror:
                reason = f"{reason}: {error.strerror}"
            self._lost(reason)
        del self._parser  # it holds this connection, and nothing comes any more

    def pause_writing(self) -> None:
        self._write_paused = True

    def resume_writing(self) -> None:
        self._write_paused = False
        if self._unsent is not None:
            self._pump()

    # --- called by the parser ----------------------------------------------------------------------
    def on_message_begin(self) -> None:
        if self._state != _WAITING:  # more than was asked for, behind the end of the answer
            raise _Refused("an answer that nobody asked for")

    def on_header(self, name: bytes, value: bytes) -> None:
        self._count += 1
        self._headers[_names[name]] = value.decode("latin-1")

    def on_headers_complete(self) -> None:
        parser, headers, limits = self._parser, self._headers, self.limits
        status = parser.get_status_code()
        if self._count > limits.headers:
            raise _Refused("too many headers")
        if self._meta + self._size > limits.header_bytes and any(
            len(name) + len(value) > limits.header_bytes for name, value in headers.items()
        ):
            raise _Refused("a header is too large")
        if status < 200:
            self._interim += 1
            if status == _SWITCHING_PROTOCOLS or self._interim > _INTERIM:
                self._fault = "the provider switched protocols unasked"
                raise _Refused("interim")
            return
        if headers.get("transfer-encoding", "chunked").lower() != "chunked":
            raise _Refused("a transfer coding that was not asked for")
        self._keep = parser.should_keep_alive() and self._unsent is None
        self._until_close = (
            "content-length" not in headers
            and "transfer-encoding" not in headers
            and status not in _BODILESS
        )
        self._response = Response(status, headers, self, self._parts)
        self._state = _BODY
        self._headers = {}  # trailers go there, and nowhere
        self._count = 0
        if self._bodiless:
            # The parser waits for a body; it is not used again.
            self._state = _DONE
            self._keep = False

    def on_message_complete(self) -> None:
        if self._state == _BODY:
            self._state = _DONE
        else:  # an interim answer: what it said is not the final one's
            self._headers = {}
            self._count = 0

    # --- what becomes of it ------------------------------------------------------------------------
    def _pump(self) -> None:
        """Write what the transport takes without holding much of it."""
        rest = self._unsent
        while rest and not self._write_paused:
            self._transport.write(rest[:_PIECE_BYTES])
            rest = rest[_PIECE_BYTES:]
        self._unsent = rest or None

    def _deliver(self, response: Response) -> None:
        waiter, self._waiter = self._waiter, None
        if waiter is None:
            return
        if waiter.done():  # the sender was cancelled and has not run since
            response.abort()
        else:
            waiter.set_result(response)

    def _finish(self) -> None:
        """The answer is complete: on to the next, or close."""
        response = self._response
        assert response is not None
        self._response = None
        if self._bodiless:
            self._parts.clear()
        response.ended()
        self._parts.clear()
        self._deliver(response)
        transport = self._transport
        if self._keep and transport.get_write_buffer_size() == 0:
            if self._read_paused:
                self._read_paused = False
                transport.resume_reading()
            self._used = True
            self._state = _IDLE
            self._owner.give_back(self)
        else:
            self.abort()

    def _unreadable(self, error: Exception) -> None:
        """The parser refused. Never quotes what came: it may echo a secret."""
        if self._state == _DONE:  # what came behind the end of the answer does not touch it
            self._keep = False
            self._finish()
            return
        if self._state == _BODY:
            response = self._response
            assert response is not None
            self._response = None
            response.ended("the body's framing is broken")
            self._deliver(response)
        elif self._waiter is not None and not self._waiter.done():
            cause = error.__context__ if isinstance(error.__context__, _Refused) else error
            message = self._fault or "the provider's answer is not HTTP"
            self._waiter.set_exception(
                UpstreamError(ErrorClass.MALFORMED, message, detail=f"{cause}")
            )
        self.abort()

    def _lost(self, reason: str) -> None:
        waiting = self._state == _WAITING
        self._state = _CLOSED
        self._unsent = None
        waiter, self._waiter = self._waiter, None
        response, self._response = self._response, None
        if response is not None:
            response.ended(reason)
        elif waiter is not None and not waiter.done():
            if waiting and self._used and not self._size:
                waiter.set_exception(StaleConnection())
            else:
                waiter.set_exception(
                    UpstreamError(
                        ErrorClass.ABORTED,
                        "the provider's connection broke before it answered",
                        detail=reason,
                    )
                )
        self._owner.forget(self)
