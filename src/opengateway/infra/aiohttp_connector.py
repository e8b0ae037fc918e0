"""aiohttp's connections, made to tell what the transport's port promises.

That is: whether a connection was used before and how many bytes of an answer came (replay), why a
connection was lost (a reset is not the end of a body without a length), that a body's framing broke.
Rests on three private names of aiohttp (`_factory`, `_payload`, `_loop`); the contract suite fails
if they change.
"""

from __future__ import annotations

import asyncio
from contextvars import ContextVar
from functools import partial
from pathlib import Path

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.client_proto import ResponseHandler
from aiohttp.client_reqrep import ClientRequest
from aiohttp.connector import Connection
from aiohttp.http import HttpProcessingError
from aiohttp.resolver import ThreadedResolver
from aiohttp.streams import StreamReader
from aiohttp.tracing import Trace

from opengateway.domain.errors import ErrorClass, UpstreamError
from opengateway.infra.outbound import AllowAddress, OutboundLimits, tls_context


class Handler(ResponseHandler):
    """One connection, with what aiohttp does not keep."""

    uses = 0
    received = 0
    """Bytes since the newest request went out."""
    lost_by: BaseException | None = None

    def data_received(self, data: bytes) -> None:
        self.received += len(data)
        payload = self._payload
        super().data_received(data)
        # A malformed chunk closes the connection, but whoever reads the body is not told (3.14.5).
        if (
            payload is not None
            and isinstance(self.exception(), HttpProcessingError)
            and not payload.is_eof()
            and payload.exception() is None
        ):
            payload.set_exception(aiohttp.ClientPayloadError("the body's framing is broken"))
            _wake_reader(payload)

    def connection_lost(self, exc: BaseException | None) -> None:
        self.lost_by = exc
        payload = self._payload
        super().connection_lost(exc)
        if payload is not None and payload.exception() is not None:
            _wake_reader(payload)


def _wake_reader(payload: StreamReader) -> None:
    """Whoever was woken by the end of a chunk, in the same turn, waits again without looking at
    the exception, and for ever (3.14.5). At the end of the stream it does not wait.
    """
    if not payload.is_eof():
        payload.feed_eof()


class Attempt:
    """What became of one sending, written by the connector for whoever sends."""

    __slots__ = ("fresh_only", "handler", "transport")

    def __init__(self, *, fresh_only: bool) -> None:
        self.fresh_only = fresh_only
        self.handler: Handler | None = None
        self.transport: asyncio.Transport | None = None

    @property
    def may_be_replayed(self) -> bool:
        """Whether the connection was used before, and nothing of an answer came over it."""
        handler = self.handler
        return (
            handler is not None
            and not self.fresh_only
            and handler.uses > 1
            and handler.received == 0
        )

    def abort(self) -> None:
        # Not `close`: that would first send what is buffered, to a peer that may never read.
        if self.transport is not None:
            self.transport.abort()


current_attempt: ContextVar[Attempt] = ContextVar("opengateway_upstream_attempt")
"""aiohttp calls the connector within the sender's task; this is how the two speak."""


class Connector(aiohttp.TCPConnector):
    """Bounds how many wait, tells the sender which connection it got, trusts no chatty one."""

    def __init__(
        self, limits: OutboundLimits, ca_file: Path | None, allow: AllowAddress | None
    ) -> None:
        super().__init__(
            limit=limits.connections,
            limit_per_host=limits.connections_per_origin,
            keepalive_timeout=limits.idle_s,
            ttl_dns_cache=limits.names_s,  # type: ignore[arg-type]
            ssl=tls_context(ca_file),
            resolver=CheckedResolver(allow) if allow is not None else None,
        )
        self._factory = partial(Handler, loop=self._loop)  # type: ignore[assignment]
        self._opening = 0
        self._opening_limit = limits.opening

    async def connect(
        self, req: ClientRequest, traces: list[Trace], timeout: aiohttp.ClientTimeout
    ) -> Connection:
        if self._opening >= self._opening_limit:
            raise UpstreamError(
                ErrorClass.CONNECT, "too many requests wait for a connection to the provider"
            )
        attempt = current_attempt.get()
        self._opening += 1
        try:
            while True:
                connection = await super().connect(req, traces, timeout)
                handler = connection.protocol
                assert isinstance(handler, Handler)
                # A kept connection that spoke unasked would answer this request with what it
                # said then; and after one turned out stale, its kept neighbours are not tried.
                if handler.uses and (attempt.fresh_only or handler.should_close):
                    connection.close()
                    continue
                handler.uses += 1
                handler.received = 0
                attempt.handler = handler
                attempt.transport = connection.transport
                return connection
        finally:
            self._opening -= 1


class CheckedResolver(AbstractResolver):
    """Gives only addresses that are allowed. What was checked is what is connected to."""

    def __init__(self, allow: AllowAddress) -> None:
        self._allow = allow
        self._inner = ThreadedResolver()

    async def resolve(self, host: str, port: int = 0, family: int = 0) -> list[ResolveResult]:
        found = await self._inner.resolve(host, port, family)  # type: ignore[arg-type]
        allowed = [result for result in found if self._allow(host, result["host"])]
        if not allowed:
            raise OSError(None, f"no address of {host!r} is allowed by the zone's outbound rules")
        return allowed

    async def close(self) -> None:
        await self._inner.close()
