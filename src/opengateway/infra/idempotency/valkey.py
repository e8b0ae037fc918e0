"""Claims of several gateways, in Valkey. Only requests with an `Idempotency-Key` come here."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Final

import msgspec

from opengateway.domain.errors import CapacityError
from opengateway.infra.shared_state.valkey import Script, Valkey, ValkeyAway
from opengateway.kit.clock import Clock
from opengateway.ports.idempotency import HOLD_S, KEPT_S, Found

MAX_BYTES: Final = 64 * 1024 * 1024
_PREFIX: Final = "og:once:"
_TICK_S: Final = 0.5
_BATCH: Final = 500
_UNTOLD: Final = 20_000

# A value begins with its owner, a NUL, and 0 (in flight) or 1 (finished). Each script acts only on its
# owner's claim.
_KEEP = Script("""
local raw = redis.call('GETRANGE', KEYS[1], 0, #ARGV[1])
if raw ~= '' and raw ~= ARGV[1] .. '\\0' then return 0 end
redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
return 1
""")
_DROP = Script("""
for i, key in ipairs(KEYS) do
  local head = ARGV[i] .. '\\0'
  if redis.call('GETRANGE', key, 0, #head - 1) == head then redis.call('DEL', key) end
end
""")
_RENEW = Script("""
for i, key in ipairs(KEYS) do
  local head = ARGV[i + 1] .. '\\0000'
  if redis.call('GETRANGE', key, 0, #head - 1) == head then
    redis.call('PEXPIRE', key, ARGV[1])
  end
end
""")


class _Value(msgspec.Struct):
    owner: str
    note: bytes
    finished: bool
    reply: bytes | None = None

    def packed(self) -> bytes:
        head = f"{self.owner}\0{int(self.finished)}".encode()
        return head + _encode((self.note, self.reply))


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(tuple[bytes, bytes | None]).decode


class ValkeyIdempotencyStore:
    """Implements `ports.idempotency.IdempotencyStore`. `run` must be running.

    `shared` is asked while a request waits, `beside` with a longer deadline: to keep an answer of a
    mebibyte, and beside the requests.
    """

    def __init__(
        self,
        shared: Valkey,
        beside: Valkey,
        clock: Clock,
        *,
        max_bytes: int = MAX_BYTES,
        hold_s: float = HOLD_S,
        kept_s: float = KEPT_S,
    ) -> None:
        self._shared = shared
        self._beside = beside
        self._now = clock.monotonic
        self._max_bytes = max_bytes
        self._hold_ms, self._kept_ms = int(hold_s * 1e3), int(kept_s * 1e3)
        self._mine: dict[str, _Value] = {}
        """Claims in flight, to be renewed."""
        self._untold: dict[str, tuple[_Value, float]] = {}
        """Finished, and not yet known to all; until when it matters."""
        self._telling: set[str] = set()
        """Of those, the ones that a request is telling itself, with the reply."""
        self._dropped: dict[str, str] = {}
        self._stored: deque[tuple[float, int]] = deque()
        self._stored_bytes = 0
        self._renew_at = 0.0
        self._wake = asyncio.Event()
        self.evictions = 0

    async def claim(self, scope: str, owner: str, note: bytes) -> Found | None:
        if (untold := self._untold.get(scope)) is not None:
            return _found(untold[0])
        value = _Value(owner, note, False)
        try:
            raw = await self._set(scope, value)
        except ValkeyAway:
            # Perhaps it was done. It is taken back, else the next try would find itself running.
            self._dropped[scope] = owner
            raise CapacityError(
                "requests with an Idempotency-Key cannot be told apart now; try again in a moment",
                code="idempotency_unavailable",
                retry_after_s=1.0,
            ) from None
        if raw is not None and (found := _unpacked(raw)).owner != owner:
            return found
        self._mine[scope] = value
        return None

    async def _set(self, scope: str, value: _Value) -> bytes | None:
        """What stood there, else nothing and now `value` does. Raises `ValkeyAway`.

        Tried once more: the store may be there and late, and a refusal costs its caller more than
        another 50 ms. What the first try did the second finds under our own name.
        """
        key, before = _PREFIX + scope, self._dropped.get(scope)
        words = ("SET", key, value.packed(), "NX", "GET", "PX", self._hold_ms)
        try:
            if before is not None:  # the last try was void, and that may not be told yet
                await self._shared.run(_DROP, [key], before)
            raw = await self._shared.call(*words)
        except ValkeyAway:
            if before is not None:
                raise
            raw = await self._shared.call(*words)
        if before is not None and self._dropped.get(scope) == before:
            del self._dropped[scope]
        assert raw is None or isinstance(raw, bytes)
        return raw

    async def keep(self, scope: str, owner: str, reply: bytes | None) -> None:
        value = self._mine.pop(scope, None)
        if value is None or value.owner != owner:
            return
        if reply is not None and not self._has_room(len(reply)):
            self.evictions += 1
            reply = None
        # Until it is known to all, this gateway at least knows that it was done.
        self._remember(scope, value)
        self._telling.add(scope)
        try:
            await self._tell(scope, _Value(owner, value.note, True, reply))
        except ValkeyAway:
            self.evictions += reply is not None
            self._wake.set()  # `run` tells it without the reply
        else:
            self._untold.pop(scope, None)
        finally:
            self._telling.discard(scope)

    def keep_later(self, scope: str, owner: str) -> None:
        value = self._mine.pop(scope, None)
        if value is not None and value.owner == owner:
            self._remember(scope, value)
            self._wake.set()

    def _remember(self, scope: str, value: _Value) -> None:
        while len(self._untold) >= _UNTOLD:
            del self._untold[next(iter(self._untold))]
            self.evictions += 1
        until = self._now() + self._kept_ms / 1e3
        self._untold[scope] = (_Value(value.owner, value.note, True), until)

    def drop(self, scope: str, owner: str) -> None:
        for known in (self._mine.get(scope), self._untold.get(scope, (None,))[0]):
            if known is not None and known.owner != owner:
                return
        self._mine.pop(scope, None)
        self._untold.pop(scope, None)
        self._dropped[scope] = owner
        self._wake.set()

    def _has_room(self, size: int) -> bool:
        """Whether this gateway's replies of the last ten minutes stay within their bound."""
        now = self._now()
        while self._stored and self._stored[0][0] <= now:
            self._stored_bytes -= self._stored.popleft()[1]
        if self._stored_bytes + size > self._max_bytes:
            return False
        self._stored.append((now + self._kept_ms / 1e3, size))
        self._stored_bytes += size
        return True

    async def _tell(self, scope: str, value: _Value) -> None:
        arguments = (value.owner, value.packed(), self._kept_ms)
        await self._beside.run(_KEEP, [_PREFIX + scope], *arguments)

    # --- beside the requests ---------------------------------------------------------------------

    async def run(self) -> None:
        """Tell what is finished or dropped, and keep alive what is in flight."""
        while True:
            try:
                await self.flush()
                await self._renew()
            except ValkeyAway:
                await asyncio.sleep(_TICK_S)
                continue
            self._wake.clear()
            if self._dropped or self._untold.keys() - self._telling:
                continue
            try:
                async with asyncio.timeout(self._hold_ms / 3e3):
                    await self._wake.wait()
            except TimeoutError:
                pass

    async def flush(self) -> None:
        """Raises `ValkeyAway`, with what is left still to be told."""
        now = self._now()
        for scope, (value, until) in list(self._untold.items()):
            if scope in self._telling:
                continue
            if until > now:
                await self._tell(scope, value)
            if self._untold.get(scope, (None,))[0] is value:
                del self._untold[scope]
        while self._dropped:
            batch = list(self._dropped.items())[:_BATCH]
            keys = [_PREFIX + scope for scope, _ in batch]
            owners = [owner for _, owner in batch]
            await self._beside.run(_DROP, keys, *owners)
            for scope, owner in batch:
                if self._dropped.get(scope) == owner:
                    del self._dropped[scope]

    async def _renew(self) -> None:
        now = self._now()
        if now < self._renew_at or not self._mine:
            return
        self._renew_at = now + self._hold_ms / 3e3
        claims = list(self._mine.items())
        for start in range(0, len(claims), _BATCH):
            batch = claims[start : start + _BATCH]
            keys = [_PREFIX + scope for scope, _ in batch]
            owners = [value.owner for _, value in batch]
            await self._beside.run(_RENEW, keys, self._hold_ms, *owners)

    async def aclose(self) -> None:
        """Tell what is left to tell, once."""
        try:
            await self.flush()
        except ValkeyAway:
            pass


def _found(value: _Value) -> Found:
    return Found(value.owner, value.note, value.finished, value.reply)


def _unpacked(raw: bytes) -> Found:
    owner, _, rest = raw.partition(b"\0")
    note, reply = _decode(memoryview(rest)[1:])
    return Found(owner.decode(), note, rest[:1] == b"1", reply)
