"""Responses that a team wants kept, so that `previous_response_id` and `GET` find them (decision 29).

Scopes and values are opaque here: a scope is a digest of the team and the id, a value is sealed
before it comes. What is kept is kept for 24 hours.
"""

from __future__ import annotations

from typing import Final, Protocol

KEPT_S: Final = 24 * 3600.0
KEPT_BYTES: Final = 4 * 1024 * 1024
"""Of one value; a larger one is not kept."""


class ResponseStore(Protocol):
    """Implementations: `infra/response_store/`. Bounded; what leaves before its time is counted."""

    evictions: int

    async def put(self, scope: str, value: bytes) -> bool:
        """Keep a value. False where it is not kept: too large, no room, the store out of reach."""
        ...

    async def get(self, scope: str) -> bytes | None:
        """The value; None where there is none. Raises `CapacityError` (503) where the store is out
        of reach: a conversation must not go on without what was said."""
        ...

    async def delete(self, scope: str) -> bool:
        """Whether there was one. Raises `CapacityError` (503)."""
        ...
