"""An answer as its reader sees it, while it comes and after its connection went on to others."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Protocol

from opengateway.domain.errors import ErrorClass, UpstreamError
from opengateway.infra.outbound import OutboundLimits


class Source(Protocol):
    """The connection an answer comes over."""

    limits: OutboundLimits
    loop: asyncio.AbstractEventLoop

    def drained(self) -> None: ...
    def abort(self) -> None: ...


class Response:
    """Implements `ports.transport.UpstreamResponse`."""

    __slots__ = ("_broken", "_parts", "_sink", "_source", "_waiter", "headers", "status")

    def __init__(
        self, status: int, headers: Mapping[str, str], source: Source, parts: list[bytes]
    ) -> None:
        self.status = status
        self.headers = headers
        self._source: Source | None = source
        # The connection's own list for as long as the body comes: the parser appends to it.
        self._parts = parts
        self._broken: str | None = None
        self._waiter: asyncio.Future[None] | None = None
        self._sink: Callable[[bytes], bool] | None = None

    async def chunk(self) -> bytes:
        while not self._parts:
            source = self._source
            if source is None:
                if self._broken is None:
                    return b""
                raise UpstreamError(
                    ErrorClass.ABORTED,
                    "the provider's connection broke while it answered",
                    upstream_status=self.status,
                    detail=self._broken,
                )
            waiter = self._waiter = source.loop.create_future()
            try:
                await waiter
            except BaseException:
                self.abort()
                raise
        return self._take()

    async def pump(self, sink: Callable[[bytes], bool]) -> bool:
        while True:
            while self._parts:
                if not sink(self._take()):
                    return False
            source = self._source
            if source is None:
                return await self.chunk() == b""  # which knows whether that was the end
            waiter = self._waiter = source.loop.create_future()
            self._sink = sink
            try:
                await waiter
            except BaseException:
                self.abort()
                raise
            stopped = self._sink is None
            self._sink = None
            if stopped:
                return False

    async def read(self, limit_bytes: int) -> bytes:
        pieces: list[bytes] = []
        size = 0
        while piece := await self.chunk():
            size += len(piece)
            if size > limit_bytes:
                self.abort()
                raise UpstreamError(
                    ErrorClass.MALFORMED,
                    f"the provider's answer is larger than {limit_bytes} bytes",
                    upstream_status=self.status,
                )
            pieces.append(piece)
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    async def release(self) -> None:
        source = self._source
        if source is None:
            return
        end = source.loop.call_later(source.limits.drain_s, self.abort)
        rest = source.limits.drain_bytes
        try:
            while rest > 0 and (data := await self.chunk()):
                rest -= len(data)
        except UpstreamError:
            pass
        finally:
            end.cancel()
        self.abort()

    def abort(self) -> None:
        """Without effect once the answer is complete: the connection is another's by then."""
        source = self._source
        if source is not None:
            self._parts = []
            self.ended("aborted by us")
            source.abort()

    def arrived(self) -> None:
        """More waits in the list."""
        sink = self._sink
        if sink is not None:
            try:
                if sink(self._take()):
                    return
            except Exception as bug:  # noqa: BLE001 - the sink's owner waits for it
                if self._waiter is not None and not self._waiter.done():
                    self._waiter.set_exception(bug)
                self._waiter = None
                return
            self._sink = None
        self._wake()

    def _wake(self) -> None:
        waiter = self._waiter
        if waiter is not None:
            self._waiter = None
            if not waiter.done():
                waiter.set_result(None)

    def ended(self, broken: str | None = None) -> None:
        """Nothing more will come; `broken` says why if that is not the end of the body."""
        self._source = None
        self._broken = broken
        # What is not read yet is kept here: the connection's list is the next answer's.
        self._parts = self._parts[:]
        self._wake()

    def _take(self) -> bytes:
        parts = self._parts
        if len(parts) == 1:
            data = parts.pop()
        else:
            data = b"".join(parts)
            parts.clear()
        if self._source is not None:
            self._source.drained()
        return data
