"""The caller's side of one exchange, whatever server carries it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

Headers = Sequence[tuple[bytes, bytes]]


class Caller(Protocol):
    async def start(self, status: int, headers: Headers) -> None:
        """Send status and headers. Once."""
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
