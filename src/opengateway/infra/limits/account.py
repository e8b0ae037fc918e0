"""One scope's limits as a gateway of several holds them: what it leased, and what it used.

used + leased <= limit          at the shared count, at any moment (lease.lua)
leased >= spare + running       here: what we may still use is never more than what they know of
"""

from __future__ import annotations

from collections.abc import Callable

from opengateway.infra.limits.window import MinuteWindow
from opengateway.ports.limits import Figure, LimitRow, Measure, Short

LEASE_S = 10.0
"""How long a lease may be used after it was asked for; the shared count keeps it a little longer."""
IDLE_S = 10.0
"""What nobody used for so long is given back."""
_RENEW_S = LEASE_S / 3
_TELL_S = 0.5


class Need:
    """What waiting requests lack of one scope, together; `unit` is the least tokens of one."""

    __slots__ = ("requests", "running", "tokens", "unit")

    def __init__(self) -> None:
        self.requests = self.tokens = self.running = 0
        self.unit = 1

    def add(self, row: LimitRow, least: int, wish: int) -> None:
        self.requests += row.rpm is not None
        self.running += row.concurrency is not None
        if row.tpm is not None:
            self.unit = min(self.unit, least) if self.tokens else least
            self.tokens += wish


class Account(MinuteWindow):
    """The window is of our own use alone: of it the truth is told, and by it we keep to our share
    while the shared count is out of reach."""

    __slots__ = (
        "asked_at",
        "batch",
        "denied_s",
        "good_until",
        "left",
        "need",
        "refill_at",
        "refill_tokens_at",
        "row",
        "spare_requests",
        "spare_running",
        "spare_tokens",
        "told",
        "unheard",
        "used_at",
        "wish",
    )

    def __init__(self, row: LimitRow, now: float) -> None:
        super().__init__()
        self.row = row
        self.spare_requests = self.spare_tokens = self.spare_running = 0
        self.good_until = self.asked_at = float("-inf")
        self.used_at = now
        self.refill_at = self.refill_tokens_at = -1
        """Below so many spare requests or tokens more are asked for; -1: already asked."""
        self.left = (0, 0, 0)
        """Of requests, tokens and places at the shared count when it last answered."""
        self.denied_s = 1.0
        """Seconds until the shared count would give what it denied last."""
        self.wish = 0
        self.told = (0, 0, 0)
        """Requests, tokens and places that we said we hold when we last asked."""
        self.need: Need | None = None
        self.batch = 0
        self.unheard: list[tuple[int, int, int]] = []
        """The marks of the last batch, until it is heard that they were taken."""

    # --- using -----------------------------------------------------------------------------------

    def give_back(self, requests: int, tokens: int) -> None:
        """What was leased and is not used after all."""
        if self.row.rpm is not None:
            self.spare_requests += requests
        if self.row.tpm is not None:
            self.spare_tokens += tokens

    def take_alone(self, tokens: int) -> None:
        """Count what is taken by our own share. What is leased goes first: it must not come on top."""
        self.spare_requests = max(0, self.spare_requests - 1)
        self.spare_tokens = max(0, self.spare_tokens - tokens)
        self.spare_running = max(0, self.spare_running - 1)
        self.running += 1
        self.count(1, tokens)

    def shorts(self, row: LimitRow, least: int, now: float) -> list[Short]:
        """What the shared count had too little of."""
        measures = (
            (Measure.REQUESTS, row.rpm, self.spare_requests, 1, 0),
            (Measure.TOKENS, row.tpm, self.spare_tokens, least, 1),
            (Measure.CONCURRENCY, row.concurrency, self.spare_running, 1, None),
        )
        return [
            Short(row, measure, 1.0 if index is None else self._wait_s(now, index, limit - needed))
            for measure, limit, spare, needed, index in measures
            if limit is not None and spare < needed
        ]

    def _wait_s(self, now: float, index: int, room: int) -> float:
        """As the shared count said; longer where what we used ourselves, of which it may not have
        known when it answered, fills the limit alone."""
        ours = self.tokens if index else self.requests
        own_s = self.wait_s(now, index, room) if ours > room else 0.0
        return max(self.denied_s, own_s)

    def room(self, share: Callable[[int | None], int | None], alone: bool) -> tuple[int, int]:
        """Requests and tokens that are left: of our share where we are alone, else as last heard."""
        if alone:
            requests, tokens = share(self.row.rpm), share(self.row.tpm)
            return (requests or 0) - self.requests, (tokens or 0) - self.tokens
        return self.left[0] + self.spare_requests, self.left[1] + self.spare_tokens

    def may_get(self, row: LimitRow, least: int) -> bool:
        """Whether the shared count had enough left for a request when it last answered."""
        return (
            (row.rpm is None or self.spare_requests + self.left[0] >= 1)
            and (row.tpm is None or self.spare_tokens + self.left[1] >= least)
            and (row.concurrency is None or self.spare_running + self.left[2] >= 1)
        )

    def low(self, gateways: int) -> bool:
        """Whether so little is left that others must not wait for what we hold in store."""
        row, few = self.row, 4 * gateways
        requests, tokens, running = self.left
        return (
            (row.rpm is not None and requests < few)
            or (row.concurrency is not None and running < few)
            or (row.tpm is not None and tokens < few * max(self.wish, 1))
        )

    # --- telling and asking ----------------------------------------------------------------------

    @property
    def spare(self) -> bool:
        return bool(self.spare_requests or self.spare_tokens or self.spare_running)

    @property
    def untold(self) -> bool:
        return bool(self.unheard) or any(c[0] != c[2] or c[1] != c[3] for c in self.cells.values())

    def is_due(self, now: float, gateways: int) -> bool:
        """Whether the shared count should hear from us though nobody waits."""
        since_s = now - self.asked_at
        if self.need is not None:
            return True
        if since_s >= _TELL_S and self.untold:
            return True
        if self.spare:
            return since_s >= _RENEW_S or now - self.used_at >= IDLE_S or self.low(gateways)
        return self.running > 0 and since_s >= _RENEW_S

    def ask(
        self, seq: int, now: float, shift: int, gateways: int, telling: bool = False
    ) -> list[object]:
        """An ask, in the order of lease.lua. `seq` is larger than that of any ask before, of an
        account of this scope that was dropped too. `shift`: from our seconds to the server's.
        `telling`: only what was used, and nothing wanted.
        """
        need = Need() if telling else self.need or Need()
        self.need = None
        self.asked_at = now
        if now >= self.good_until:
            # It ran out, and counts as used since: it must not be used here any more.
            self.spare_requests = self.spare_tokens = self.spare_running = 0
        waiting = need.requests or need.tokens or need.running
        idle = telling or now - self.used_at >= IDLE_S
        if not waiting and (idle or self.low(gateways)):
            self.spare_requests = self.spare_tokens = self.spare_running = 0
        if not self.unheard:
            self._mark(seq, shift)
        untold_requests = untold_tokens = 0
        for cell in self.cells.values():
            untold_requests += max(0, cell[0] - cell[2])
            untold_tokens += max(0, cell[1] - cell[3])
        row, recent = self.row, (0, 0) if idle else self._recent()
        limited = row.concurrency is not None
        least = (
            max(0, need.requests - self.spare_requests),
            max(0, need.tokens - self.spare_tokens),
            max(0, need.running - self.spare_running),
        )
        want = (
            max(0, 2 * recent[0] - self.spare_requests),
            max(0, 2 * recent[1] - self.spare_tokens),
            0 if idle else max(0, 1 + self.running // 2 - self.spare_running),
        )
        self.told = (
            self.spare_requests + untold_requests if row.rpm is not None else 0,
            self.spare_tokens + untold_tokens if row.tpm is not None else 0,
            self.spare_running + self.running if limited else 0,
        )
        return [
            seq,
            self.batch,
            self.unheard,
            *self.told,
            *(-1 if limit is None else limit for limit in (row.rpm, row.tpm, row.concurrency)),
            *least,
            *want,
            need.unit,
        ]

    def _mark(self, seq: int, shift: int) -> None:
        """A new batch of what was used since the last one. It is sent again until it is heard."""
        marks = []
        for second, cell in self.cells.items():
            requests, tokens = cell[0] - cell[2], cell[1] - cell[3]
            if requests or tokens:
                marks.append((second + shift, requests, tokens))
                cell[2], cell[3] = cell[0], cell[1]
        self.unheard = marks
        self.batch = seq

    def _recent(self) -> tuple[int, int]:
        """Of the busier of the last two seconds; at least a request's worth."""
        last = self.cells.get(self.second - 1, self.cell)
        return max(1, last[0], self.cell[0]), max(2 * self.wish, last[1], self.cell[1])

    def heard(self, answer: list[int], asked_at: float) -> None:
        """Take what was granted. `answer` is that of lease.lua; a stale one changes nothing."""
        taken, requests, tokens, running, *left, wait_ms = answer
        if not taken:
            return
        self.unheard = []
        # Whoever did not wait for this answer took of our own share: that is of this grant, too.
        used_requests = sum(cell[0] - cell[2] for cell in self.cells.values())
        used_tokens = sum(cell[1] - cell[3] for cell in self.cells.values())
        self.spare_requests = _still(self.spare_requests, self.told[0] - used_requests, requests)
        self.spare_tokens = _still(self.spare_tokens, self.told[1] - used_tokens, tokens)
        self.spare_running = _still(self.spare_running, self.told[2] - self.running, running)
        self.good_until = asked_at + LEASE_S
        self.left = (left[0], left[1], left[2])
        self.denied_s = wait_ms / 1e3
        self.refill_at = self.spare_requests // 2
        self.refill_tokens_at = self.spare_tokens // 2


def _still(spare: int, known: int, granted: int) -> int:
    """What may be used: never more than the shared count knows of, beside what is used already."""
    return max(0, min(spare, known) + granted)


def less_room(
    known: Figure | None, limit: int | None, room: int, account: Account
) -> Figure | None:
    """The figure with less room. When others' use is over is not known by the second."""
    if limit is None or (known is not None and known.remaining <= room):
        return known
    room = max(0, min(limit, room))
    reset_s = max(account.reset_s(0), account.reset_s(1), 1)
    return Figure(limit, room, reset_s if room < limit else 0)
