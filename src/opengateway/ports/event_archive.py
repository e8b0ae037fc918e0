"""Where the log's older rows lie, out of the control store."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Any, Protocol

import msgspec

Values = Sequence[Any]


class Segment(msgspec.Struct, frozen=True):
    """A part of the log that is written and never changed. `until_ns` is not included."""

    name: str
    from_ns: int
    until_ns: int
    min_id: str
    max_id: str
    rows: int
    size_bytes: int


class EventArchive(Protocol):
    """Segments are listed in the control store, with what was moved out of there in one
    transaction: who reads both in one transaction sees every row once."""

    @property
    def speaks(self) -> str:
        """Its dialect of SQL."""
        ...

    async def close(self) -> None: ...

    async def write(self, name: str, batches: AsyncIterator[Sequence[Values]]) -> Segment | None:
        """Make a segment of rows in the order of the log's columns, durable when this returns. One of
        this name that is there is replaced: nobody lists it. None where there were no rows."""
        ...

    async def merge(self, name: str, segments: Sequence[Segment]) -> Segment:
        """Make one of several."""
        ...

    async def ask(
        self, segments: Sequence[Segment], text: str, values: Sequence[Any]
    ) -> Sequence[Values]:
        """What a statement says of the rows of these segments; it names them `{source}`."""
        ...

    def stream(
        self, segments: Sequence[Segment], text: str, values: Sequence[Any], size: int
    ) -> AsyncIterator[Sequence[Values]]:
        """The same in parts of at most `size` rows, in the statement's order: for what is long. What
        is removed meanwhile ends it with an error, and never early."""
        ...

    async def remove(self, names: Sequence[str]) -> None:
        """Those that are not there are passed over."""
        ...

    async def names(self) -> Sequence[str]:
        """What is there, listed or not."""
        ...
