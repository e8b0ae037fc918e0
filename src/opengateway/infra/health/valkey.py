"""Gossip over Valkey: one hash for a zone, one field for a gateway, one round trip a second."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Final

from opengateway.infra.shared_state.valkey import Valkey, ValkeyAway, ValkeyRefused
from opengateway.kit.clock import Clock
from opengateway.ports.health_gossip import FRESH_S, MOST, NOTE_BYTES

_STAMP: Final = struct.Struct(">q")
_DEAD_S: Final = 60.0
"""Whoever left a note so long ago is gone: whoever sees that takes it away."""
_KEPT_MS: Final = 120_000
_CLEANED: Final = 32


class ValkeyHealthGossip:
    """`shared` may be one that others use too: a call takes its deadline, and no request waits."""

    def __init__(self, shared: Valkey, zone: str, gateway_id: str, clock: Clock) -> None:
        self._shared = shared
        self._key = f"og:{zone}:health"
        self._gateway_id = gateway_id
        self._clock = clock
        self.failures = 0

    async def exchange(self, mine: bytes) -> Sequence[bytes]:
        now_ns = self._clock.now_ns()
        commands: list[tuple[str | bytes | int | float, ...]] = []
        if len(mine) <= NOTE_BYTES:
            commands.append(("HSET", self._key, self._gateway_id, _STAMP.pack(now_ns) + mine))
            commands.append(("PEXPIRE", self._key, _KEPT_MS))
        commands.append(("HLEN", self._key))
        try:
            count = int((await self._shared.batch(commands))[-1])
            if count > MOST * 2:
                # Far more than a zone has: it is emptied rather than read, and fills again.
                await self._shared.call("DEL", self._key)
                return ()
            found = await self._shared.call("HGETALL", self._key)
            return await self._others(found, now_ns)
        except (ValkeyAway, ValkeyRefused):
            self.failures += 1
            return ()

    async def leave(self) -> None:
        try:
            await self._shared.call("HDEL", self._key, self._gateway_id)
        except (ValkeyAway, ValkeyRefused):
            self.failures += 1

    async def _others(self, found: Sequence[bytes], now_ns: int) -> list[bytes]:
        fresh: list[bytes] = []
        dead: list[bytes] = []
        for gateway, note in zip(found[::2], found[1::2], strict=True):
            if gateway == self._gateway_id.encode() or len(note) > NOTE_BYTES + _STAMP.size:
                continue
            if len(note) < _STAMP.size:
                dead.append(gateway)
                continue
            age_s = (now_ns - _STAMP.unpack_from(note)[0]) / 1e9
            if age_s > _DEAD_S:
                dead.append(gateway)
            elif age_s <= FRESH_S:
                fresh.append(bytes(note[_STAMP.size :]))
        if dead:
            await self._shared.call("HDEL", self._key, *dead[:_CLEANED])
        return fresh[:MOST]
