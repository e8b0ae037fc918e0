"""The caller's side of one exchange, whatever server carries it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol


class Caller(Protocol):
    def start(self, status: int, head: bytes) -> None:
        """Set status and headers. Once. They leave with the first `write`.

        `head` is header lines, each with its CRLF, without those that frame the body.
        """
        ...

    def put(self, body: bytes) -> bool:
        """Send body bytes, and more will follow. False when the caller does not read as fast: then
        `write`, which waits, comes before the next `put`."""
        ...

    async def write(self, body: bytes, *, last: bool) -> None:
        """Send body bytes; waits while the caller does not read. `last` ends the answer."""
        ...

    def on_gone(self, callback: Callable[[], None] | None) -> None:
        """Call `callback` as soon as the caller's connection is lost (None: no longer)."""
        ...

    def abort(self) -> None:
        """Close the caller's connection without a proper end."""
        ...
