"""Connections kept for reuse, how many there may be, and those who wait for one."""

from __future__ import annotations

import asyncio
import ssl
from collections import deque
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from opengateway.domain.errors import ErrorClass, UpstreamError
from opengateway.infra.http_client.addresses import Resolver, connected
from opengateway.infra.http_client.connection import Connection, described
from opengateway.infra.outbound import OutboundLimits

_AGE_S: Final = 300.0
"""A busy connection is closed after this: else a provider's new address would never be used."""
Waiters: TypeAlias = deque[asyncio.Future[Connection | None]]


@dataclass(slots=True, eq=False)
class Origin:
    """A scheme, host and port, with its connections. There are as many as the zone configures."""

    scheme: str
    host: str
    port: int
    count: int = 0
    """Connections, open and being opened."""
    idle: dict[Connection, None] = field(default_factory=dict)
    """The newest last: it is used first, so that the others can grow old."""
    waiters: Waiters = field(default_factory=deque)
    """None tells a waiter that it may open one: the place is already counted as its own."""


class Pool:
    """Implements `connection.Owner`. Bounds: `OutboundLimits`."""

    def __init__(
        self,
        limits: OutboundLimits,
        tls: ssl.SSLContext,
        resolver: Resolver,
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        self._limits, self._tls, self._resolver, self._loop = limits, tls, resolver, loop
        self._origins: dict[tuple[str, str, int], Origin] = {}
        self._open: dict[Connection, Origin] = {}
        self._count = self._opening = self._waiting = 0
        self._sweeper: asyncio.TimerHandle | None = None
        self._closed = False

    def origin(self, key: tuple[str, str, int]) -> Origin:
        return self._origins.setdefault(key, Origin(*key))

    def take(self, origin: Origin) -> Connection | None:
        """The connection that was used last, if it is not too old."""
        connection = next(reversed(origin.idle), None)
        if connection is None:
            return None
        if self._loop.time() - connection.idle_since >= self._limits.idle_s:
            for old in list(origin.idle):
                old.abort()
            return None
        del origin.idle[connection]
        return connection

    async def acquire(self, origin: Origin, within_s: float, *, fresh: bool) -> Connection:
        """Wait for a connection, or open one; never one that was used before if `fresh`.

        Raises `UpstreamError` (connect): nothing was sent.
        """
        if self._closed or self._opening >= self._limits.opening:
            raise UpstreamError(
                ErrorClass.CONNECT, "too many requests wait for a connection to the provider"
            )
        self._opening += 1
        try:
            async with asyncio.timeout(within_s):
                return await self._acquire(origin, fresh)
        except OSError as error:  # names, TCP, TLS and their time
            raise UpstreamError(
                ErrorClass.CONNECT, "the provider could not be reached", detail=described(error)
            ) from error
        finally:
            self._opening -= 1

    async def _acquire(self, origin: Origin, fresh: bool) -> Connection:
        while True:
            if self._has_place(origin) or self._make_place(origin):
                self._counted(origin, 1)
                break
            connection = await self._wait(origin)
            if connection is None:
                break
            if fresh:
                connection.abort()
            elif not connection.closed:
                return connection
        try:
            connection = await self._connect(origin)
            if self._closed or connection.closed:
                connection.abort()
                raise ConnectionResetError(None, "closed as soon as it was opened")
        except BaseException:
            self._free_place(origin)
            raise
        self._open[connection] = origin
        return connection

    async def _connect(self, origin: Origin) -> Connection:
        sock = await connected(await self._resolver(origin.host, origin.port))
        connection = Connection(self, self._limits, self._loop)
        await self._loop.create_connection(
            lambda: connection,
            sock=sock,
            ssl=self._tls if origin.scheme == "https" else None,
            server_hostname=origin.host if origin.scheme == "https" else None,
        )
        return connection

    async def _wait(self, origin: Origin) -> Connection | None:
        waiter: asyncio.Future[Connection | None] = self._loop.create_future()
        origin.waiters.append(waiter)
        self._waiting += 1
        try:
            return await waiter
        except BaseException:
            if waiter.cancelled() or waiter.exception() is not None:
                with suppress(ValueError):
                    origin.waiters.remove(waiter)
            elif (given := waiter.result()) is None:
                self._free_place(origin)
            elif not given.closed:
                self.give_back(given)
            raise
        finally:
            self._waiting -= 1

    def _counted(self, origin: Origin, change: int) -> None:
        origin.count += change
        self._count += change

    def _has_place(self, origin: Origin) -> bool:
        limits = self._limits
        return origin.count < limits.connections_per_origin and self._count < limits.connections

    def _make_place(self, origin: Origin) -> bool:
        """Close an unused connection: of this origin if it has its full share, else of any."""
        own = origin.count >= self._limits.connections_per_origin
        for each in (origin,) if own else self._origins.values():
            if each.idle:
                next(iter(each.idle)).abort()
                return self._has_place(origin)
        return False

    def _free_place(self, origin: Origin) -> None:
        """One connection less: whoever waits may open another instead."""
        if _tell(origin.waiters, None):
            return
        self._counted(origin, -1)
        if self._waiting:
            for other in self._origins.values():
                if other.waiters and self._has_place(other) and _tell(other.waiters, None):
                    self._counted(other, 1)
                    return

    def give_back(self, connection: Connection) -> None:
        origin = self._open[connection]
        now = self._loop.time()
        if self._closed or now - connection.opened_at > _AGE_S:
            connection.abort()
            return
        if self._waiting:
            if _tell(origin.waiters, connection):
                return
            if self._count >= self._limits.connections:
                connection.abort()  # others wait for its place
                return
        connection.idle_since = now
        origin.idle[connection] = None
        if self._sweeper is None:
            self._sweeper = self._loop.call_later(self._limits.idle_s / 2, self._sweep)

    def forget(self, connection: Connection) -> None:
        origin = self._open.pop(connection, None)
        if origin is not None:
            origin.idle.pop(connection, None)
            self._free_place(origin)

    def _sweep(self) -> None:
        self._sweeper = None
        before = self._loop.time() - self._limits.idle_s
        kept = False
        for origin in self._origins.values():
            for connection in list(origin.idle):
                if connection.idle_since > before:
                    kept = True
                    break
                connection.abort()
        if kept:
            self._sweeper = self._loop.call_later(self._limits.idle_s / 2, self._sweep)

    def close(self) -> None:
        """Close every connection, and tell those who wait."""
        self._closed = True
        if self._sweeper is not None:
            self._sweeper.cancel()
        for origin in self._origins.values():
            while origin.waiters:
                waiter = origin.waiters.popleft()
                if not waiter.done():
                    waiter.set_exception(ConnectionAbortedError(None, "the transport was closed"))
        for connection in list(self._open):
            connection.abort()
        self._resolver.close()


def _tell(waiters: Waiters, news: Connection | None) -> bool:
    """To the first who still waits; False if nobody does."""
    while waiters:
        waiter = waiters.popleft()
        if not waiter.done():
            waiter.set_result(news)
            return True
    return False
