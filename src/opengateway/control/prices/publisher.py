"""Keeps the snapshot in force in step with the book of prices and with the calendar."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Final, NamedTuple

from opengateway.catalog.price_book import PriceBook, PricesNow
from opengateway.control.prices.service import read_book
from opengateway.control.snapshots.board import SignedSnapshot, SnapshotBoard
from opengateway.domain.catalog import Snapshot
from opengateway.domain.errors import OperatorError
from opengateway.kit.clock import Clock
from opengateway.kit.db import AsyncSession
from opengateway.kit.log import get_logger

_LONGEST_WAIT_S: Final = 60.0
"""The wall clock may be set, and another control process may write: look again after this."""

log = get_logger(__name__)


class Compiled(NamedTuple):
    """A snapshot as gateways take it, and as control reads it."""

    signed: SignedSnapshot
    snapshot: Snapshot


Compile = Callable[[PricesNow, int], Compiled]
"""Takes the prices that hold and the time, and compiles and signs what the zone serves.

Raises `OperatorError`.
"""
OpenSession = Callable[[], AbstractAsyncContextManager[AsyncSession]]


class PricePublisher:
    """Compiles when prices are added, and when one that was added before begins."""

    def __init__(
        self, board: SnapshotBoard, compile_: Compile | None, read: OpenSession, clock: Clock
    ) -> None:
        self._board = board
        self._compile = compile_
        self._read = read
        self._clock = clock
        self._changed = asyncio.Event()
        self.snapshot: Snapshot | None = None
        """What was published last, for the desk to show."""

    def changed(self) -> None:
        """Prices were added. Called after the commit."""
        self._changed.set()

    async def publish(self) -> PriceBook:
        """Compile from what is committed now. Returns the book. Raises `OperatorError`."""
        async with self._read() as session:
            book = await read_book(session)
        now_ns = self._clock.now_ns()
        assert self._compile is not None, "a publisher that is run has something to compile with"
        compiled = self._compile(book.at(now_ns), now_ns)
        self.snapshot = compiled.snapshot
        self._board.publish(compiled.signed)
        return book

    async def run(self) -> None:
        """For ever: publish, then wait for the next row to begin or to be added."""
        while True:
            wait_s = _LONGEST_WAIT_S
            self._changed.clear()
            try:
                book = await self.publish()
            except OperatorError as error:
                # Rows are checked when they are written; what is in force stays in force.
                log.error("prices_not_published", error=error.message)
            except Exception as error:
                log.error("prices_not_published", exc_info=error)
            else:
                ahead_ns = book.next_change_ns(self._clock.now_ns())
                if ahead_ns is not None:
                    wait_s = min(wait_s, (ahead_ns - self._clock.now_ns()) / 1e9)
            try:
                await asyncio.wait_for(self._changed.wait(), max(0.05, wait_s))
            except TimeoutError:
                continue
