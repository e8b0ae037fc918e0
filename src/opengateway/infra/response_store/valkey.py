"""Responses kept for all gateways of a zone, in Valkey. Only teams that want it come here."""

from __future__ import annotations

from collections import deque
from typing import Final

from opengateway.domain.errors import CapacityError
from opengateway.infra.shared_state.valkey import Valkey, ValkeyAway
from opengateway.kit.clock import Clock
from opengateway.ports.response_store import KEPT_BYTES, KEPT_S

MAX_BYTES: Final = 256 * 1024 * 1024
_PREFIX: Final = "og:response:"


class ValkeyResponseStore:
    """Implements `ports.response_store.ResponseStore`.

    `beside` is a way to Valkey with a deadline that a value of megabytes can keep. `max_bytes`
    bounds what this gateway keeps there within the time that a value is kept.
    """

    def __init__(
        self,
        beside: Valkey,
        clock: Clock,
        *,
        max_bytes: int = MAX_BYTES,
        kept_s: float = KEPT_S,
    ) -> None:
        self._beside = beside
        self._now = clock.monotonic
        self._max_bytes = max_bytes
        self._kept_s = kept_s
        self._stored: deque[tuple[float, int]] = deque()
        self._stored_bytes = 0
        self.evictions = 0

    async def put(self, scope: str, value: bytes) -> bool:
        if len(value) > KEPT_BYTES or not self._has_room(len(value)):
            self.evictions += 1
            return False
        try:
            await self._beside.call("SET", _PREFIX + scope, value, "PX", int(self._kept_s * 1e3))
        except ValkeyAway:
            self.evictions += 1
            return False
        return True

    async def get(self, scope: str) -> bytes | None:
        try:
            found = await self._beside.call("GET", _PREFIX + scope)
        except ValkeyAway:
            raise _away() from None
        assert found is None or isinstance(found, bytes)
        return found

    async def delete(self, scope: str) -> bool:
        try:
            return bool(await self._beside.call("DEL", _PREFIX + scope))
        except ValkeyAway:
            raise _away() from None

    def _has_room(self, size: int) -> bool:
        now = self._now()
        while self._stored and self._stored[0][0] <= now:
            self._stored_bytes -= self._stored.popleft()[1]
        if self._stored_bytes + size > self._max_bytes:
            return False
        self._stored.append((now + self._kept_s, size))
        self._stored_bytes += size
        return True


def _away() -> CapacityError:
    return CapacityError(
        "kept responses cannot be read now; try again in a moment, or send the whole conversation",
        code="response_store_unavailable",
        retry_after_s=1.0,
    )
