"""One connection: writes a request, reads its answer, and goes back to its pool.

No task and no timer of its own: whoever sends waits for one future, and the event loop calls the
rest. The parser is llhttp, strict; what it lets through is bounded here.
"""

from __future__ import annotations

import asyncio
import ssl
from functools import lru_cache
from typing import Final, Protocol, cast

import httptools

from opengateway.domain.errors import ErrorClass, UpstreamError
from opengateway.infra.http_client.response import Response
from opengateway.infra.outbound import OutboundLimits

# What a connection is at, in the order of an exchange. Plain integers: they are compared often.
# Waiting is for the head of an answer; done lasts as long as one call of `data_received`.
_IDLE, _WAITING, _BODY, _DONE, _CLOSED = range(5)

_JOINED_BYTES: Final = 64 * 1024
"""A body up to this is copied behind its head: one write costs less than the copy."""
_PIECE_BYTES: Final = 256 * 1024
_WAITING_PARTS: Final = 64
_INTERIM: Final = 32
"""Answers of status 1xx before the final one."""


class StaleConnection(Exception):
    """A kept connection was closed before it said anything: the request may be sent again."""


class _Refused(Exception):
    """What the parser would take and we do not. Raised through it."""


def described(error: Exception) -> str:
    """For the record: what the system says, never what a peer says."""
    name = type(error).__name__
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"{name}: certificate: {error.verify_message}"
    return f"{name}: {error.strerror}" if isinstance(error, OSError) and error.strerror else name


class Owner(Protocol):
    """Whoever keeps connections: told when one is free, and once when it is gone."""

    def give_back(self, connection: Connection, /) -> None: ...
    def forget(self, connection: Connection, /) -> None: ...


@lru_cache(maxsize=512)
def _name(raw: bytes) -> str:
    return raw.decode("latin-1").lower()


class Connection(asyncio.Protocol):
    """States above. It is used for one exchange at a time, by whoever took it from the pool."""

    def __init__(
        self, owner: Owner, limits: OutboundLimits, loop: asyncio.AbstractEventLoop
    ) -> None:
        self._owner, self.limits, self.loop = owner, limits, loop
        self.opened_at = self.idle_since = loop.time()
        self._state = _IDLE
        self._used = False
        self._waiter: asyncio.Future[Response] | None = None
        self._response: Response | None = None
        self._read_paused = self._write_paused = False
        self._unsent: memoryview | None = None
        self._parts: list[bytes] = []
        # The parser calls these by name; the most frequent one without any Python in between.
        self.on_body = self._parts.append
        self._parser = httptools.HttpResponseParser(self)

    @property
    def closed(self) -> bool:
        return self._state == _CLOSED

    # --- for the sender ----------------------------------------------------------------------------
    def begin(self, head: bytes, body: bytes, bodiless: bool) -> asyncio.Future[Response]:
        """Write a request; `head` ends before the digits of its length. Never on a closed one.

        The future raises `StaleConnection`, or `UpstreamError` (aborted, malformed).
        """
        self._bodiless = bodiless
        self._headers: dict[str, str] = {}
        self._count = self._meta = self._size = self._buffered = self._interim = 0
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
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is no subclass of it

    def data_received(self, data: bytes) -> None:
        if self._state == _IDLE:
            self.abort()  # it speaks unasked: whatever it says must answer nobody
        if self._state == _CLOSED:
            return
        size = self._size = len(data)
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            self._unreadable(error)
            return
        if self._state == _DONE:
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
            self._lost("closed by the peer" if error is None else described(error))
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
        self._headers[_name(name)] = value.strip().decode("latin-1")

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
            if self._interim > _INTERIM:
                raise _Refused("too many interim answers")
            return  # the parser itself refuses 101
        if headers.get("transfer-encoding", "chunked").lower() != "chunked":
            raise _Refused("a transfer coding that was not asked for")
        self._keep = parser.should_keep_alive() and self._unsent is None
        self._until_close = "content-length" not in headers and "transfer-encoding" not in headers
        self._response = Response(status, headers, self, self._parts)
        self._state = _BODY
        self._headers = {}  # trailers go there, and nowhere
        self._count = 0
        if self._bodiless:  # the parser waits for a body: it is not used again
            self._state, self._keep = _DONE, False

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
        if waiter is not None and not waiter.done():
            waiter.set_result(response)
        elif waiter is not None:  # the sender was cancelled and has not run since
            response.abort()

    def _finish(self) -> None:
        """The answer is complete: on to the next, or close."""
        response, self._response = self._response, None
        assert response is not None
        if self._bodiless:
            self._parts.clear()
        response.ended()
        self._parts.clear()
        self._deliver(response)
        if self._keep and self._transport.get_write_buffer_size() == 0:
            self.drained()
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
            response, self._response = self._response, None
            assert response is not None
            response.ended("the body's framing is broken")
            self._deliver(response)
        elif self._waiter is not None and not self._waiter.done():
            cause = error.__context__ if isinstance(error.__context__, _Refused) else error
            message = "the provider's answer is not the HTTP that was asked for"
            self._waiter.set_exception(
                UpstreamError(ErrorClass.MALFORMED, message, detail=f"{cause}")
            )
        self.abort()

    def _lost(self, reason: str) -> None:
        self._state, self._unsent = _CLOSED, None
        waiter, self._waiter = self._waiter, None
        response, self._response = self._response, None
        if response is not None:
            response.ended(reason)
        elif waiter is not None and not waiter.done():
            message = "the provider's connection broke before it answered"
            broken = UpstreamError(ErrorClass.ABORTED, message, detail=reason)
            waiter.set_exception(StaleConnection() if self._used and not self._size else broken)
        self._owner.forget(self)
