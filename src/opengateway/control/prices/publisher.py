"""Keeps the snapshot in force in step with the book of prices, the desk and the calendar."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from types import MappingProxyType
from typing import Final, NamedTuple

import msgspec

from opengateway.catalog.config import ModelConfig
from opengateway.catalog.desk import DeskCredential, DeskState
from opengateway.catalog.price_book import PriceBook, PriceEntry, PricesNow
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


_NONE: Final[Mapping[str, ModelConfig]] = MappingProxyType({})


class Compiled(NamedTuple):
    """A snapshot as gateways take it, and as control reads it."""

    signed: SignedSnapshot
    snapshot: Snapshot


class Trial(NamedTuple):
    """What is tried beside the committed rows, and at which time."""

    models: Mapping[str, ModelConfig] = _NONE
    credentials: Sequence[DeskCredential] = ()
    prices: Sequence[PriceEntry] = ()
    at_ns: int | None = None

    def over(self, book: PriceBook, desk: DeskState) -> tuple[PriceBook, DeskState]:
        catalogue = msgspec.structs.replace(
            desk.catalogue,
            models={**desk.catalogue.models, **self.models},
            credentials=(*desk.catalogue.credentials, *self.credentials),
        )
        everybody = [entry for entry in self.prices if entry.team_id is None]
        teams = [entry for entry in self.prices if entry.team_id is not None]
        return (
            msgspec.structs.replace(
                book,
                prices=(*book.prices, *everybody),
                overrides=(*book.overrides, *teams),
            ),
            msgspec.structs.replace(desk, catalogue=catalogue),
        )


Compile = Callable[[PricesNow, int, DeskState], Compiled]
"""Takes the prices that hold, the time and the desk's part of the configuration, and compiles and
signs what the zone serves.

Raises `OperatorError`.
"""
ReadDesk = Callable[[AsyncSession, int], Awaitable[DeskState]]
OpenSession = Callable[[], AbstractAsyncContextManager[AsyncSession]]


class PricePublisher:
    """Compiles when prices are added or the desk changes something, and when a date passes."""

    def __init__(
        self,
        board: SnapshotBoard,
        compile_: Compile | None,
        read: OpenSession,
        clock: Clock,
        read_desk: ReadDesk,
    ) -> None:
        self._board = board
        self._read_desk = read_desk
        self._compile = compile_
        self._read = read
        self._clock = clock
        self._changed = asyncio.Event()
        self.snapshot: Snapshot | None = None
        """What was published last, for the desk to show."""

    @property
    def compiles(self) -> bool:
        return self._compile is not None

    def changed(self) -> None:
        """Prices were added, or the desk changed something. Called after the commit."""
        self._changed.set()

    async def publish(self) -> int | None:
        """Compile from what is committed now. When the next date passes. Raises `OperatorError`."""
        now_ns = self._clock.now_ns()
        async with self._read() as session:
            compiled, ahead_ns = await self._compiled(session, now_ns)
        self.snapshot = compiled.snapshot
        self._board.publish(compiled.signed)
        return ahead_ns

    async def trial(self, session: AsyncSession, trial: Trial | None = None) -> Snapshot | None:
        """What would be served, by what this session sees and with what is tried. None where nothing
        is compiled here. Raises `OperatorError`."""
        if self._compile is None:
            return None
        trial = trial or Trial()
        now_ns = self._clock.now_ns() if trial.at_ns is None else trial.at_ns
        compiled, _ = await self._compiled(session, now_ns, trial)
        return compiled.snapshot

    async def _compiled(
        self, session: AsyncSession, now_ns: int, trial: Trial | None = None
    ) -> tuple[Compiled, int | None]:
        assert self._compile is not None, "a publisher that is run has something to compile with"
        book = await read_book(session)
        desk = await self._read_desk(session, now_ns)
        if trial is not None:
            book, desk = trial.over(book, desk)
        compiled = self._compile(book.at(now_ns), now_ns, desk)
        dates = [at for at in (book.next_change_ns(now_ns), desk.next_change_ns) if at is not None]
        return compiled, min(dates, default=None)

    async def run(self) -> None:
        """For ever: publish, then wait for the next row to begin or to be added."""
        while True:
            wait_s = _LONGEST_WAIT_S
            self._changed.clear()
            try:
                ahead_ns = await self.publish()
            except OperatorError as error:
                # Rows are checked when they are written; what is in force stays in force.
                log.error("prices_not_published", error=error.message)
            except Exception as error:
                log.error("prices_not_published", exc_info=error)
            else:
                if ahead_ns is not None:
                    wait_s = min(wait_s, (ahead_ns - self._clock.now_ns()) / 1e9)
            try:
                await asyncio.wait_for(self._changed.wait(), max(0.05, wait_s))
            except TimeoutError:
                continue
