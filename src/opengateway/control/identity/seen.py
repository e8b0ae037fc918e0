"""When sessions were last used, held in memory between writes."""

from __future__ import annotations

from typing import Final

MAX_HELD: Final = 50_000


class Seen:
    """Keeps the newest use of each session, so that reading does not write.

    A request that only reads has a connection that cannot write, and one write a request would
    make the store's one writer the limit of the whole UI. A killed process loses what it held: then
    a session may end for idleness some seconds too early.
    """

    def __init__(self) -> None:
        self._at_ns: dict[str, int] = {}

    def note(self, session_id: str, at_ns: int) -> None:
        if len(self._at_ns) < MAX_HELD or session_id in self._at_ns:
            self._at_ns[session_id] = at_ns

    def newest(self, session_id: str, stored_ns: int) -> int:
        return max(stored_ns, self._at_ns.get(session_id, 0))

    def forget(self, session_id: str) -> None:
        self._at_ns.pop(session_id, None)

    def take(self) -> dict[str, int]:
        """All that is held, which is then held no longer."""
        held, self._at_ns = self._at_ns, {}
        return held

    def put_back(self, held: dict[str, int]) -> None:
        """What could not be written. Newer uses stay."""
        self._at_ns = {**held, **self._at_ns}
