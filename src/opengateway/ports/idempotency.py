"""What became of a request that named itself with an `Idempotency-Key` (decision 31).

A claim is in flight until it is kept (finished: perhaps charged, never to be done again) or dropped
(nothing was charged: free again). What is finished is remembered for ten minutes. Scopes, notes and
replies are opaque here, and hold nothing of the caller's in clear.
"""

from __future__ import annotations

from typing import Final, Protocol

import msgspec

KEPT_S: Final = 600.0
HOLD_S: Final = 60.0
"""For how long a claim outlives the gateway that made it."""


class Found(msgspec.Struct, frozen=True):
    """Somebody claimed the scope before. `owner` is that request's id, `note` what it left."""

    owner: str
    note: bytes
    finished: bool
    reply: bytes | None = None


class IdempotencyStore(Protocol):
    """Implementations: `infra/idempotency/`. Bounded; what leaves before its time is counted."""

    evictions: int
    """Replies, and in the worst case claims, that were not kept for their ten minutes."""

    async def claim(self, scope: str, owner: str, note: bytes) -> Found | None:
        """Claim `scope`; None: it is ours. Of many at once exactly one gets None.

        Raises `CapacityError` (503) where the store is out of reach: done without it, the request
        could be charged twice.
        """
        ...

    async def keep(self, scope: str, owner: str, reply: bytes | None) -> None:
        """Our claim is finished. Returns once that is known to all gateways; out of reach, it is
        tried again beside the requests. Raises nothing."""
        ...

    def keep_later(self, scope: str, owner: str) -> None:
        """The same without a reply and without waiting."""
        ...

    def drop(self, scope: str, owner: str) -> None:
        """Our claim, kept or not, is void: the scope is free again."""
        ...
