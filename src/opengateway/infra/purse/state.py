"""What a leased purse knows: leases, the keys they are for, holds, and who waits."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Final

from opengateway.domain.errors import GatewayError
from opengateway.infra.purse.allowance import Allowance
from opengateway.infra.purse.messages import LeaseAsk

_FACTOR_MOST: Final = 32


class Lease:
    """`granted` = `free` + what is held + what was spent + `returned`, always.

    `free` is below 0 where requests cost more than was held for them.
    """

    __slots__ = ("ends_at_ns", "free", "granted", "id", "open", "returned", "seq", "until_ns")

    def __init__(self, lease_id: str) -> None:
        self.id = lease_id
        self.granted = self.free = self.returned = 0
        self.open = 0
        """Holds on it."""
        self.until_ns = 0
        """From then on it takes no new hold: it has expired, or a budget's period has ended."""
        self.ends_at_ns: int | None = None
        self.seq = 0

    def last_until(self, expires_at_ns: int) -> None:
        ends_at_ns = self.ends_at_ns
        self.until_ns = expires_at_ns if ends_at_ns is None else min(expires_at_ns, ends_at_ns)


class Account:
    """One key. New holds go on `lease`; what runs on a lease of `draining` ends there."""

    __slots__ = (
        *("allowance", "ask", "asked_at", "direct", "draining", "factor", "key_id", "lease"),
        *("lowest", "mean", "queued", "reserve", "seen", "team_id", "usable", "used_at", "uses"),
        "waiting",
    )

    def __init__(self, key_id: str, team_id: str, allowance: Allowance) -> None:
        self.key_id = key_id
        self.team_id = team_id
        self.allowance = allowance
        self.lease: Lease | None = None
        self.draining: dict[str, Lease] = {}
        self.waiting: deque[Waiter] = deque()
        self.ask: LeaseAsk | None = None
        """Sent, and not answered: one at a time."""
        self.queued = False
        """Wants to ask."""
        self.asked_at = float("-inf")
        self.usable = True
        self.direct = False
        self.mean = 0
        """Of what requests hold."""
        self.factor = 1
        """How many times the usual number of requests a lease should last for."""
        self.reserve = 0
        """Ask for more as soon as less than this is free."""
        self.uses = self.seen = 0
        self.used_at = 0.0
        self.lowest = 0

    @property
    def leases(self) -> list[Lease]:
        return [*self.draining.values(), *([self.lease] if self.lease else ())]

    @property
    def is_idle(self) -> bool:
        return not (self.lease or self.draining or self.waiting or self.ask or self.queued)

    def learn(self, amount: int) -> None:
        self.mean += (amount - self.mean) // 8 if self.mean else amount

    def wanted(self, least: int, now: float) -> int:
        """How much a lease should have: for 20 requests, at a fast pace for up to 640, and not more
        than 1 % of what the team has left; at least what is needed."""
        if now - self.asked_at < 1.0:
            self.factor = min(self.factor * 2, _FACTOR_MOST)
        elif now - self.asked_at > 10.0:
            self.factor = max(1, self.factor // 2)
        self.asked_at = now
        amount = 20 * self.mean * self.factor
        balance = self.allowance.balance
        if balance > 0:
            amount = min(amount, balance // 100)
        self.reserve = amount // 2
        return max(least, amount)


class Hold:
    """`lease` None: it draws on the allowance, or on nothing."""

    __slots__ = ("account", "amount", "lease")

    def __init__(self, account: Account, lease: Lease | None, amount: int) -> None:
        self.account = account
        self.lease = lease
        self.amount = amount


class Waiter:
    """A request that waits for the ledger. `more`: it runs already, and wants to hold more."""

    __slots__ = ("account", "amount", "error", "hold_id", "is_done", "more", "wake")

    def __init__(self, account: Account, hold_id: str, amount: int, more: Hold | None) -> None:
        self.account = account
        self.hold_id = hold_id
        self.amount = amount
        self.more = more
        self.is_done = False
        self.error: GatewayError | None = None
        self.wake: Callable[[], None] | None = None

    def needs(self, lease: Lease | None) -> int:
        """What `lease` must have free. One request draws on one lease: what runs on another is
        taken over whole."""
        if self.more is None or (lease is not None and self.more.lease is lease):
            return self.amount
        return self.more.amount + self.amount

    def finish(self, error: GatewayError | None = None) -> None:
        self.is_done, self.error = True, error
        if self.wake is not None:
            self.wake()
