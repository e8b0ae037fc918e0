"""Writing changes and reading them in order, or learning that one is too far behind."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import msgspec

from opengateway.control.changes.feed import ChangeFeed
from opengateway.control.changes.models import Change
from opengateway.control.changes.repository import ChangeRepository
from opengateway.control.scope import ControlScope
from opengateway.kit import json

KEPT: Final = 10_000
"""The newest changes that are kept. A reader further behind must take everything anew."""
PAGE: Final = 1_000
_PRUNE_EVERY: Final = 100


class ChangeRow(msgspec.Struct, frozen=True):
    """A change as it is sent. `row` is the JSON that was written, not read again."""

    seq: int
    kind: str
    id: str
    row: json.Raw


class Behind(Exception):
    """The reader's position is not in what is kept: it must take everything anew."""


class ChangeLog:
    """Writes and reads changes. The caller owns the transaction."""

    def __init__(self, scope: ControlScope, feed: ChangeFeed) -> None:
        self._changes = ChangeRepository(scope.session)
        self._clock = scope.clock
        self._after_commit = scope.after_commit
        self._feed = feed

    async def record(self, kind: str, subject_id: str, row: Any | None) -> int:
        """Add a change to the mutation's own transaction; readers are woken once it is committed.

        `row` is the whole new row (a struct), None when it is gone.
        """
        change = Change(
            kind=kind,
            subject_id=subject_id,
            row=None if row is None else json.dumps(row).decode(),
            at_ns=self._clock.now_ns(),
        )
        seq = await self._changes.add(change)
        if seq > KEPT and seq % _PRUNE_EVERY == 0:
            await self._changes.prune_up_to(seq - KEPT)
        self._after_commit(lambda: self._feed.committed(seq))
        return seq

    async def after(self, seq: int) -> Sequence[ChangeRow]:
        """What changed after `seq`, at most `PAGE` of it, oldest first.

        Raises `Behind` when changes after `seq` are no longer kept, and when `seq` is ahead of the
        newest: then this is not the store that the reader knew (restored from a copy, or new).
        """
        rows = await self._changes.after(seq, PAGE)
        if rows:
            gap = rows[0].seq > seq + 1 and await self._changes.oldest() > seq + 1
        else:
            gap = seq > await self._changes.newest()
        if gap:
            raise Behind
        return [
            ChangeRow(c.seq, c.kind, c.subject_id, json.Raw((c.row or "null").encode()))
            for c in rows
        ]
