"""What a leased purse does, without waiting or asking anybody: a state machine.

`asking` adds what is asked of the ledger. `hold`, `extend` and `close` touch nothing but memory. Between two calls, for every lease:

    granted = free + held on it + spent on it + returned
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Final

from opengateway.domain.errors import GatewayError, InsufficientFunds
from opengateway.domain.money import Nanos
from opengateway.domain.principal import Principal
from opengateway.infra.purse.allowance import Allowance, Positions
from opengateway.infra.purse.messages import LeaseAsk
from opengateway.infra.purse.refusals import (
    frozen,
    no_longer_usable,
    out_of_reach,
    stopping,
    too_many_waiting,
)
from opengateway.infra.purse.returns import ReturnBox
from opengateway.infra.purse.state import Account, Hold, Lease, Waiter
from opengateway.kit.clock import Clock
from opengateway.kit.ids import NewId

MOST: Final = 10**15
"""The largest hold: 1 million US dollars. More would not fit what the ledger takes."""
MAX_WAITING: Final = 10_000
_PAUSE_S: Final = 0.05
"""Between two asks for more than is needed now."""


class LeaseDesk:
    """Not thread-safe: one event loop owns it. `on_work` is called when there is something to send."""

    def __init__(
        self,
        clock: Clock,
        new_id: NewId,
        positions: Positions,
        on_work: Callable[[], None] = lambda: None,
    ) -> None:
        self.holds: dict[str, Hold] = {}
        self.accounts: dict[str, Account] = {}
        self.teams: dict[str, Allowance] = {}
        self.lessees: dict[str, Account] = {}
        """By lease."""
        self.out_of_reach = False
        self.stopping = False
        self.waiting = 0
        self.clock = clock
        self._now_ns = clock.now_ns
        self._new_id = new_id
        self._positions = positions
        self._on_work = on_work
        self._to_ask: deque[Account] = deque()
        self._again: deque[LeaseAsk] = deque()
        self._asking: dict[str, Account] = {}
        self.returns = ReturnBox()

    # --- the hot path ---------------------------------------------------------------------------

    def hold(self, principal: Principal, hold_id: str, amount: Nanos) -> bool:
        account = self.accounts.get(principal.key_id)
        if account is None:
            return False
        lease = account.lease
        if (
            lease is None
            or lease.free < amount
            or account.waiting
            or self._now_ns() >= lease.until_ns
        ):
            return False
        holds = self.holds
        assert hold_id not in holds, f"hold {hold_id!r} is open already"
        lease.free -= amount
        lease.open += 1
        account.uses += 1
        account.learn(amount)
        holds[hold_id] = Hold(account, lease, amount)
        if lease.free < account.reserve:
            self._ask_ahead(account)
        return True

    def lease_of(self, hold_id: str) -> str:
        lease = self.holds[hold_id].lease
        return lease.id if lease is not None else ""

    def extend(self, hold_id: str, amount: Nanos) -> bool:
        hold = self.holds[hold_id]
        lease = hold.lease
        if lease is None or lease.free < amount or hold.account.waiting:
            return False
        lease.free -= amount
        hold.amount += amount
        if lease.free < hold.account.reserve:
            self._ask_ahead(hold.account)
        return True

    def close(self, hold_id: str, actual: Nanos) -> None:
        hold = self.holds.pop(hold_id)
        lease, account = hold.lease, hold.account
        if lease is None:
            account.allowance.close(hold.amount, actual)
            return
        lease.open -= 1
        lease.free += hold.amount - actual
        if lease is not account.lease:
            self._wind_up(account, lease)
        elif lease.free < 0:
            self.drain(account)
        elif account.waiting or account.direct:
            self._serve(account)

    # --- requests that must wait ------------------------------------------------------------------

    def want(self, principal: Principal, hold_id: str, amount: int) -> Waiter:
        """A hold that memory does not cover, as `hold` has said. Done at once, or when it wakes.

        Raises what `Purse.secure` raises, where that is known already.
        """
        assert hold_id not in self.holds, f"hold {hold_id!r} is open already"
        account = self._account(principal)
        waiter = Waiter(account, hold_id, amount, None)
        account.uses += 1
        account.learn(amount)
        if error := self._cannot(account):
            raise error
        if amount == 0:
            self.holds[hold_id] = Hold(account, None, 0)
            waiter.finish()
        elif amount > MOST:
            raise InsufficientFunds("the request may cost more than 1,000,000 US dollars")
        else:
            self._wait(waiter)
        return waiter

    def want_more(self, hold_id: str, amount: int) -> Waiter:
        """The same for a request that runs. It may be put on another lease: see `lease_of`."""
        hold = self.holds[hold_id]
        waiter = Waiter(hold.account, hold_id, amount, hold)
        if error := self._cannot(hold.account):
            waiter.finish(error)
        elif hold.amount + amount > MOST:
            waiter.finish(InsufficientFunds("the request costs more than 1,000,000 US dollars"))
        elif amount == 0:
            waiter.finish()
        else:
            self._wait(waiter)
        return waiter

    def _cannot(self, account: Account) -> GatewayError | None:
        if account.allowance.state.frozen:
            return frozen()
        if not account.usable:
            return no_longer_usable()
        return stopping() if self.stopping else None

    def _wait(self, waiter: Waiter) -> None:
        account = waiter.account
        if not account.waiting and self._grant(waiter):
            waiter.finish()
            return
        self._queue(account)
        if self.out_of_reach:
            self._allow(waiter)
        elif self.waiting >= MAX_WAITING:
            waiter.finish(too_many_waiting())
        else:
            account.waiting.append(waiter)
            self.waiting += 1

    def give_up(self, waiter: Waiter) -> None:
        """Nobody waits any more. What it was granted is released."""
        if not waiter.is_done:
            waiter.account.waiting.remove(waiter)
            self.waiting -= 1
            waiter.is_done = True
            self._serve(waiter.account)
        elif waiter.error is None and waiter.more is None:
            self.close(waiter.hold_id, Nanos(0))

    def _grant(self, waiter: Waiter) -> bool:
        account = waiter.account
        lease = account.lease
        if lease is None or self._now_ns() >= lease.until_ns:
            return False
        needs = waiter.needs(lease)
        if lease.free < needs:
            return False
        lease.free -= needs
        self._put(waiter, lease)
        return True

    def _allow(self, waiter: Waiter) -> None:
        """The ledger is out of reach: the allowance, or 503."""
        if waiter.account.allowance.take(waiter.needs(None)):
            self._put(waiter, None)
            waiter.finish()
        else:
            waiter.finish(out_of_reach())

    def _put(self, waiter: Waiter, lease: Lease | None) -> None:
        """What the waiter needs was taken from `lease`, or from the allowance."""
        hold = waiter.more
        if hold is None:
            self.holds[waiter.hold_id] = Hold(waiter.account, lease, waiter.amount)
            if lease is not None:
                lease.open += 1
            return
        before = hold.lease
        if before is lease and lease is not None:
            hold.amount += waiter.amount
            return
        hold.lease = lease
        released, hold.amount = hold.amount, hold.amount + waiter.amount
        if lease is not None:
            lease.open += 1
        if before is None:
            hold.account.allowance.close(released, 0)
            return
        before.open -= 1
        before.free += released
        if before is not hold.account.lease:
            self._wind_up(hold.account, before)

    def _grant_waiting(self, account: Account) -> None:
        while account.waiting and self._grant(account.waiting[0]):
            self.waiting -= 1
            account.waiting.popleft().finish()

    def _serve(self, account: Account) -> None:
        """Grant what is waited for, in order. With little left nothing is kept for later."""
        self._grant_waiting(account)
        if account.waiting:
            self._queue(account)
        elif account.direct and account.lease is not None and account.lease.free > 0:
            self.give_back(account.lease, account.lease.free)

    # --- asking -----------------------------------------------------------------------------------

    def _ask_ahead(self, account: Account) -> None:
        if account.direct or account.ask is not None or account.queued or self.stopping:
            return
        if self.clock.monotonic() - account.asked_at >= _PAUSE_S:
            self._queue(account)

    def _queue(self, account: Account) -> None:
        if account.ask is None and not account.queued:
            account.queued = True
            self._to_ask.append(account)
            self._on_work()

    # --- giving back ------------------------------------------------------------------------------

    def drain(self, account: Account) -> None:
        """Nothing new begins on the account's lease; it is given back as what runs on it ends."""
        lease, account.lease = account.lease, None
        if lease is not None:
            account.draining[lease.id] = lease
            self._wind_up(account, lease)
        if account.waiting:
            self._queue(account)

    def _wind_up(self, account: Account, lease: Lease) -> None:
        if lease.open == 0 and (account.ask is None or account.ask.lease_id != lease.id):
            del account.draining[lease.id]
            del self.lessees[lease.id]
            self.give_back(lease, max(0, lease.free), closed=True)
        elif lease.free > 0:
            self.give_back(lease, lease.free)

    def give_back(self, lease: Lease, amount: int, *, closed: bool = False) -> None:
        lease.free -= amount
        lease.returned += amount
        self.returns.add(lease, amount, closed=closed)
        self._on_work()

    # --- who it is for ----------------------------------------------------------------------------

    def _account(self, principal: Principal) -> Account:
        account = self.accounts.get(principal.key_id)
        if account is None:
            allowance = self.allowance(principal.team_id)
            account = Account(principal.key_id, principal.team_id, allowance)
            self.accounts[principal.key_id] = account
        return account

    def allowance(self, team_id: str) -> Allowance:
        allowance = self.teams.get(team_id)
        if allowance is None:
            allowance = self.teams[team_id] = Allowance(team_id, self._positions)
        return allowance

    def shut(self, account: Account, why: GatewayError) -> None:
        """Give all back; refuse who waits."""
        while account.waiting:
            self.waiting -= 1
            account.waiting.popleft().finish(why)
        self.drain(account)
