"""When keys were last used: kept in memory, written once a minute.

Written with every push it would touch a page of the store for each key. A key that this process has
not seen before is written at once, so that no used key is shown as never used.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from opengateway.control.keys.repository import KeyRepository
from opengateway.control.scope import ControlScope

LAST_USED_STEP_NS: Final = 60 * 1_000_000_000
MAX_SEEN: Final = 200_000
"""Keys that are remembered. Past it all are forgotten: each costs one more write."""


class KeyUses:
    """One for the process."""

    def __init__(self) -> None:
        self._seen: set[str] = set()
        self._pending: dict[str, int] = {}
        self._written_at_ns = 0

    async def note(self, scope: ControlScope, used: Mapping[str, int]) -> None:
        """Remember when keys were used; write, in the scope's transaction, what is due."""
        if not used:
            return
        # A gateway's clock may be ahead; the next write must come all the same.
        newest_ns = min(max(used.values()), scope.clock.now_ns())
        due = newest_ns - self._written_at_ns >= LAST_USED_STEP_NS
        if due:
            pending = self._pending
            rows = {**used} | {k: at for k, at in pending.items() if at > used.get(k, 0)}
        else:
            rows = {key: at for key, at in used.items() if key not in self._seen}
        if rows:
            await KeyRepository(scope.session).mark_used(rows)
        scope.after_commit(lambda: self._committed(used, newest_ns, due=due))

    def _committed(self, used: Mapping[str, int], newest_ns: int, *, due: bool) -> None:
        if len(self._seen) > MAX_SEEN:
            self._seen.clear()
            self._pending.clear()
        self._seen.update(used)
        if due:
            self._pending.clear()
            self._written_at_ns = newest_ns
            return
        for key, at_ns in used.items():
            if at_ns > self._pending.get(key, 0):
                self._pending[key] = at_ns
