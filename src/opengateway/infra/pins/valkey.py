"""Pins over Valkey: one key for a conversation, which goes with the provider's cache."""

from __future__ import annotations

from collections.abc import Sequence

from opengateway.infra.shared_state.valkey import Valkey, ValkeyAway, ValkeyRefused
from opengateway.ports.pins import BATCH, NOTE_BYTES


class ValkeyPinStore:
    """`shared`'s deadline is how long a request waits for `find`."""

    def __init__(self, shared: Valkey, zone: str) -> None:
        self._shared = shared
        self._prefix = f"og:{zone}:pin:".encode()
        self.failures = 0

    async def find(self, digest: bytes) -> bytes | None:
        try:
            found = await self._shared.call("GET", self._prefix + digest.hex().encode())
        except (ValkeyAway, ValkeyRefused):
            self.failures += 1
            return None
        return found if isinstance(found, bytes) and len(found) <= NOTE_BYTES else None

    async def keep(self, pins: Sequence[tuple[bytes, bytes, float]]) -> None:
        commands = [
            ("SET", self._prefix + digest.hex().encode(), note, "PX", max(1, int(seconds * 1000)))
            for digest, note, seconds in pins
            if len(note) <= NOTE_BYTES
        ]
        try:
            for at in range(0, len(commands), BATCH):
                await self._shared.batch(commands[at : at + BATCH])
        except (ValkeyAway, ValkeyRefused):
            self.failures += 1
