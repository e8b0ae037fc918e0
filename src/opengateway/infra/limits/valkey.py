"""Limits of several gateways, leased in slices from a shared count in Valkey (decision 34).

In a steady state a request touches memory alone: what is leased is renewed beside the requests.
Only a key's first request, and those near the end of a limit, ask and wait, 50 ms at most. While
Valkey is out of reach each gateway keeps to the limit divided by the gateways it last saw.
"""

from __future__ import annotations

import asyncio
from itertools import islice
from pathlib import Path
from typing import Final

import msgspec

from opengateway.infra.limits.account import LEASE_S, Account, Need, less_room
from opengateway.infra.limits.waiting import done_in_time
from opengateway.infra.shared_state.valkey import DEADLINE_S, Script, Valkey, ValkeyAway
from opengateway.kit.clock import Clock
from opengateway.ports.limits import MINUTE_S, Figure, LimitRow, Measure, RowSet, Short, Taken

_PREFIX: Final = "og:limit:"
_GATEWAYS: Final = "og:gateways"
_BEAT_S: Final = 2.0
_SEEN_S: Final = 15.0
_TICK_S: Final = 0.25
_IDLE_TICK_S: Final = 1.0
_ROUND: Final = 256
"""Scopes in one call."""
_AGAIN_S: Final = 0.5
_TELLING_S: Final = 1.5
"""After trouble, for how long a gateway goes on by its own share and only tells what it used."""
_TRIES: Final = 3
_MARGIN_MS: Final = 500
"""By so much the shared count's leases outlive ours."""
_SERVER_TIME: Final = "redis.call('TIME')"
_BEAT = """
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
if ARGV[1] ~= '' then redis.call('ZADD', KEYS[1], now, ARGV[1]) end
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now - tonumber(ARGV[2]))
redis.call('PEXPIRE', KEYS[1], tonumber(ARGV[2]))
return {now, redis.call('ZCARD', KEYS[1])}
"""

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(list[list[int]]).decode


class ValkeyRateBook:
    """Implements `ports.limits.RateBook`. `run` must be running; `aclose` gives all back.

    `shared` has a deadline of its own, longer than a request's: who waits does not wait for it.

    `gateways` is how many are believed to run until Valkey has told. `alone` counts what was taken
    by our own share, `asked` the requests that had to wait for an answer. `server_time` is Lua that
    gives the seconds and microseconds by which all gateways count.
    """

    def __init__(
        self,
        shared: Valkey,
        gateway: str,
        clock: Clock,
        *,
        gateways: int = 1,
        server_time: str = _SERVER_TIME,
        wait_s: float = DEADLINE_S,
    ) -> None:
        """`wait_s`: how long a request may wait for what it asks."""
        self._shared = shared
        self._wait_s = wait_s
        self._gateway = gateway
        self._now = clock.monotonic
        self._accounts: dict[str, Account] = {}
        lease = Path(__file__).with_name("lease.lua").read_text("utf-8")
        self._lease = Script(lease.replace(_SERVER_TIME, server_time))
        self._beat_script = Script(_BEAT.replace(_SERVER_TIME, server_time))
        self._wake = asyncio.Event()
        self._next: asyncio.Future[None] | None = None
        self._pressed: dict[str, Account] = {}
        """Those with somebody waiting, or nearly used up."""
        self._shift: int | None = None
        """Our seconds + this = the server's, rounded up: what we used never seems older."""
        self._seq = 0
        self._lost = False
        self._beat_at = float("-inf")
        self._alone_until = float("-inf")
        self.gateways = max(1, gateways)
        self.alone = 0
        self.asked = 0

    def __len__(self) -> int:
        return len(self._accounts)

    # --- on the request path ---------------------------------------------------------------------

    def take(self, rows: RowSet, least: int, wish: int, *, sparing: bool = False) -> Taken | None:
        """`sparing`: where the wish is not leased, be content with what is."""
        now = self._now()
        second = int(now)
        accounts = self._accounts
        found = []
        for row in rows.rows:
            account = accounts.get(row.scope)
            if account is None or now >= account.good_until:
                return None
            if account.row is not row and account.row != row:
                return None  # the limits were changed: `secure` takes them over
            if account.second != second:
                account.roll(second)
            if row.rpm is not None and account.spare_requests < 1:
                return None
            if row.concurrency is not None and account.spare_running < 1:
                return None
            if row.tpm is not None and (room := account.spare_tokens) < wish:
                if not sparing or room < least:
                    return None
                wish = room
            found.append(account)
        return self._count(rows, found, wish, now)

    def _count(self, rows: RowSet, found: list[Account], tokens: int, now: float) -> Taken:
        for account in found:
            row = account.row
            if row.rpm is not None:
                account.spare_requests -= 1
                if account.spare_requests < account.refill_at:
                    self._press(account)
            if row.tpm is not None:
                account.spare_tokens -= tokens
                account.wish = tokens
                if account.spare_tokens < account.refill_tokens_at:
                    self._press(account)
            if row.concurrency is not None:
                account.spare_running -= 1
            account.used_at = now
            account.running += 1
            account.requests += 1
            account.tokens += tokens
            cell = account.cell
            cell[0] += 1
            cell[1] += tokens
        return Taken(rows, tokens, account.second)

    async def secure(self, rows: RowSet, least: int, wish: int) -> Taken | tuple[Short, ...]:
        taken = self.take(rows, least, wish)
        for _ in range(_TRIES):
            if taken is not None:
                return taken
            now = self._now()
            if now < self._alone_until:
                break
            self.asked += 1
            if not await done_in_time(self._wait_for(rows, least, wish, now), self._wait_s):
                self._alone_until = self._now() + _TELLING_S
                break
            taken = self.take(rows, least, wish, sparing=True)
            heard = self._now() >= self._alone_until
            if taken is None and heard and not self._may_get(rows, least):
                return self._shorts(rows, least)
            # Else others were faster, and there is more.
        else:
            return taken or self._shorts(rows, least)
        return self._take_alone(rows, least, wish)

    def _wait_for(self, rows: RowSet, least: int, wish: int, now: float) -> asyncio.Future[None]:
        """Put the request's needs into the next round; its end."""
        for row in rows.rows:
            account = self._account(row, now)
            account.used_at = now
            account.wish = wish if row.tpm is not None else 0
            if account.need is None:
                account.need = Need()
            account.need.add(row, least, wish)
            self._pressed[row.scope] = account
        if self._next is None:
            self._next = asyncio.get_running_loop().create_future()
        self._wake.set()
        return self._next

    def _take_alone(self, rows: RowSet, least: int, wish: int) -> Taken | tuple[Short, ...]:
        """By our share of the limits, and by what we alone used in the last minute."""
        now = self._now()
        second = int(now)
        shorts: list[Short] = []
        for row in rows.rows:
            account = self._account(row, now)
            account.roll(second)
            share = self._share(row.rpm)
            if share is not None and account.requests >= share:
                wait_s = account.wait_s(now, 0, share - 1)
                shorts.append(Short(row, Measure.REQUESTS, wait_s))
            share = self._share(row.tpm)
            if share is not None and (room := share - account.tokens) < wish:
                wish = max(room, min(least, share))
                if room < wish:
                    wait_s = account.wait_s(now, 1, share - wish)
                    shorts.append(Short(row, Measure.TOKENS, wait_s))
            share = self._share(row.concurrency)
            if share is not None and account.running >= share:
                shorts.append(Short(row, Measure.CONCURRENCY, 1.0))
        if shorts:
            return tuple(shorts)
        for row in rows.rows:
            account = self._account(row, now)
            account.used_at = now
            account.take_alone(wish)
        self.alone += 1
        return Taken(rows, wish, second, leased=False)

    def _share(self, limit: int | None) -> int | None:
        return None if limit is None else max(min(limit, 1), limit // self.gateways)

    def settle(self, taken: Taken, tokens: int) -> None:
        assert taken.open, "a place is given back once"
        taken.open = False
        unused = taken.tokens - tokens
        for account in self._ended(taken):
            if unused > 0:
                # Ours again, while the minute it was counted in is not over. The shared count still
                # has it as used, until we tell that it is leased: the sum is the same.
                if account.take_back(taken.second, 0, unused) and taken.leased:
                    account.give_back(0, unused)
            elif unused < 0:
                account.count(0, -unused)  # it was used by now, at the latest

    def release(self, taken: Taken) -> None:
        assert taken.open, "a place is given back once"
        taken.open = False
        for account in self._ended(taken):
            if account.take_back(taken.second, 1, taken.tokens) and taken.leased:
                account.give_back(1, taken.tokens)

    def _ended(self, taken: Taken) -> list[Account]:
        now = self._now()
        accounts = [self._account(row, now) for row in taken.rows.rows]
        for account in accounts:
            account.roll(int(now))
            account.running -= 1
            if account.row.concurrency is not None and taken.leased:
                account.spare_running += 1
                if account.left[2] < 4 * self.gateways:
                    self._press(account)  # somebody may be refused for it elsewhere
        return accounts

    def figures(self, rows: RowSet) -> tuple[Figure | None, Figure | None]:
        """What is left as far as we know: at the shared count when it last answered, and here."""
        now = self._now()
        requests: Figure | None = None
        tokens: Figure | None = None
        for row in rows.rows:
            account = self._account(row, now)
            left_requests, left_tokens = account.room(self._share, now < self._alone_until)
            requests = less_room(requests, row.rpm, left_requests, account)
            tokens = less_room(tokens, row.tpm, left_tokens, account)
        return requests, tokens

    def _shorts(self, rows: RowSet, least: int) -> tuple[Short, ...]:
        now = self._now()
        return tuple(
            s for row in rows.rows for s in self._account(row, now).shorts(row, least, now)
        )

    def _may_get(self, rows: RowSet, least: int) -> bool:
        now = self._now()
        return all(self._account(row, now).may_get(row, least) for row in rows.rows)

    def _account(self, row: LimitRow, now: float) -> Account:
        account = self._accounts.get(row.scope)
        if account is None:
            account = self._accounts[row.scope] = Account(row, now)
        elif account.row is not row:
            account.row = row
        return account

    def _press(self, account: Account) -> None:
        account.refill_at = account.refill_tokens_at = -1
        self._pressed[account.row.scope] = account
        self._wake.set()

    # --- beside the requests ---------------------------------------------------------------------

    async def run(self) -> None:
        """Keep leases as large as they are used, tell what was used, and drop what is idle."""
        while True:
            now = self._now()
            if now - self._beat_at >= (_BEAT_S if self._shift is not None else _TICK_S):
                await self._beat(now)
            await self._rounds()
            self._forget()
            if self._pressed:
                continue
            self._wake.clear()
            tick_s = _TICK_S if self._accounts else _IDLE_TICK_S
            try:
                async with asyncio.timeout(tick_s):
                    await self._wake.wait()
            except TimeoutError:
                pass

    async def _beat(self, now: float) -> None:
        """Tell that we live, and learn how many do and what the server's time is."""
        self._beat_at = now
        seen_ms = int(_SEEN_S * 1e3)
        try:
            server_ms, gateways = await self._shared.run(
                self._beat_script, [_GATEWAYS], self._gateway, seen_ms
            )
        except ValkeyAway:
            self._away()
            return
        self.gateways = max(1, gateways)
        offset_s = server_ms / 1e3 - now  # of a moment after `now`: not too small
        if self._shift is None or not self._shift - 2 <= offset_s <= self._shift:
            self._shift = int(offset_s) + 1
        if self._lost:
            # The others come back in these moments: what each used alone has to be told first.
            self._lost = False
            self._alone_until = self._now() + _TELLING_S

    def _away(self) -> None:
        self._lost = True
        self._alone_until = float("inf")
        self._beat_at = self._now() - _BEAT_S + _AGAIN_S  # ask again soon

    async def _rounds(self) -> None:
        now = self._now()
        if self._shift is None or self._lost:
            self._pressed.clear()
            self._end_round(self._next)
            return
        # Who comes while a round is under way gets into the next one.
        ended, self._next = self._next, None
        due = self._pressed
        self._pressed = {}
        for scope, account in self._accounts.items():
            if scope not in due and account.is_due(now, self.gateways):
                due[scope] = account
        waiting = iter(due.values())
        while batch := list(islice(waiting, _ROUND)):
            if not await self._round(batch):
                break
        self._end_round(ended)

    def _end_round(self, round_: asyncio.Future[None] | None) -> None:
        if round_ is not None and not round_.done():
            round_.set_result(None)
        if round_ is self._next:
            self._next = None

    async def _round(self, batch: list[Account]) -> bool:
        """One call for many scopes. False: no answer."""
        assert self._shift is not None
        now = self._now()
        second = int(now)
        for account in batch:
            account.roll(second)
        self._seq += 1
        telling = now < self._alone_until
        asks = [a.ask(self._seq, now, self._shift, self.gateways, telling) for a in batch]
        ttl_ms = int(LEASE_S * 1e3) + _MARGIN_MS
        packed = _encode([self._gateway, self.gateways, ttl_ms, asks])
        keys = [_PREFIX + account.row.scope for account in batch]

        try:
            answers = _decode(await self._shared.run(self._lease, keys, packed))
        except ValkeyAway:
            self._away()
            return False
        for account, answer in zip(batch, answers, strict=True):
            account.heard(answer, now)
        return True

    def _forget(self) -> None:
        second = int(self._now())
        accounts = self._accounts
        for scope in list(islice(accounts, 64)):
            account = accounts.pop(scope)
            account.roll(second)
            kept = account.spare or account.untold or account.need is not None
            if kept or not account.idle or second - account.used_at < MINUTE_S:
                accounts[scope] = account  # to the end: others are looked at next time

    async def aclose(self) -> None:
        """Give back all that is leased and unused, and leave the list of gateways."""
        for account in self._accounts.values():
            account.used_at = float("-inf")
            account.need = None
        self._pressed = dict(self._accounts)
        await self._rounds()
        try:
            await self._shared.call("ZREM", _GATEWAYS, self._gateway)
        except ValkeyAway:
            pass
