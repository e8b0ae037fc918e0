"""What a leased purse asks the ledger for, and what it does with the answer."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import Final

from opengateway.infra.purse.desk import MOST, LeaseDesk
from opengateway.infra.purse.messages import LeaseAnswer, LeaseAsk, Refusal
from opengateway.infra.purse.refusals import IS_FINAL, told_as
from opengateway.infra.purse.state import Account, Lease

_TOGETHER: Final = 256


class AskingDesk(LeaseDesk):
    """Of each key one ask is out at a time; it is sent until it is answered, under the same id."""

    @property
    def has_asks(self) -> bool:
        return bool(self._to_ask or self._again)

    @property
    def is_busy(self) -> bool:
        """Something is to be told to the ledger, or to be heard from it."""
        return bool(self._to_ask or self._again or self._asking or len(self.returns))

    def next_asks(self) -> list[LeaseAsk]:
        """What to ask now. Of each key one ask is out at a time; what was not answered comes again."""
        asks: list[LeaseAsk] = []
        while self._again and len(asks) < _TOGETHER:
            asks.append(self._again.popleft())
        while self._to_ask and len(asks) < _TOGETHER:
            account = self._to_ask.popleft()
            account.queued = False
            ask = self._ask_of(account) if account.ask is None else None
            if ask is not None:
                account.ask = ask
                self._asking[ask.ask_id] = account
                asks.append(ask)
        return asks

    def _ask_of(self, account: Account) -> LeaseAsk | None:
        lease = account.lease
        if lease is not None and self._now_ns() >= lease.until_ns:
            self.drain(account)
            lease = None
        self._grant_waiting(account)
        free = lease.free if lease is not None else 0
        if account.waiting:
            least = account.waiting[0].needs(lease) - free
            needed = sum(waiter.needs(lease) for waiter in account.waiting) - free
        elif (
            not account.mean or self._cannot(account) or (account.direct and not self.out_of_reach)
        ):
            return None
        else:
            # Nobody waits: more for later, or a try whether the ledger is back.
            least = needed = 1
        return LeaseAsk(
            ask_id=self._new_id("ask_"),
            key_id=account.key_id,
            lease_id=lease.id if lease is not None else None,
            amount=max(least, min(account.wanted(needed, self.clock.monotonic()), MOST)),
            least=least,
        )

    def answered(self, asks: Sequence[LeaseAsk], answers: Sequence[LeaseAnswer]) -> None:
        self.out_of_reach = False
        for answer in answers:
            account = self._asking.pop(answer.ask_id, None)
            if account is None or account.ask is None:
                continue
            ask, account.ask = account.ask, None
            if answer.refused is None:
                self._granted(account, answer)
            else:
                self._refused(account, ask, answer.refused)
            # A lease that ended meanwhile was kept for this answer.
            before = account.draining.get(ask.lease_id or "")
            if before is not None:
                self._wind_up(account, before)
        if any(ask.ask_id in self._asking for ask in asks):
            self.unanswered(asks)

    def unanswered(self, asks: Sequence[LeaseAsk]) -> None:
        """The ledger may have done them. They are sent again as they are; nobody waits for that."""
        self.out_of_reach = True
        left = [ask for ask in asks if ask.ask_id in self._asking]
        self._again.extend(left)
        for account in (*(self._asking[ask.ask_id] for ask in left), *self._to_ask):
            while account.waiting:
                self.waiting -= 1
                self._allow(account.waiting.popleft())
        self._on_work()

    def _granted(self, account: Account, answer: LeaseAnswer) -> None:
        account.allowance.balance = answer.available_nanos
        account.allowance.promo_only = answer.promo_only
        account.direct = answer.direct
        lease = account.draining.get(answer.lease_id) or account.lease
        if lease is None or lease.id != answer.lease_id:
            if account.lease is not None:
                self.drain(account)
            lease = account.lease = Lease(answer.lease_id)
            lease.ends_at_ns = answer.ends_at_ns
            self.lessees[lease.id] = account
        lease.granted += answer.granted
        lease.free += answer.granted
        lease.last_until(answer.expires_at_ns)
        if lease is account.lease and self._cannot(account):
            self.drain(account)
        self._serve(account)

    def _refused(self, account: Account, ask: LeaseAsk, refusal: Refusal) -> None:
        """Who needs as much as was refused is refused; the others ask for less."""
        if refusal.code not in IS_FINAL and refusal.available_nanos is not None:
            account.allowance.balance = refusal.available_nanos
        account.direct = True
        lease = account.lease
        self._grant_waiting(account)
        free = lease.free if lease is not None else 0
        waiting, account.waiting = account.waiting, deque()
        for waiter in waiting:
            needs = waiter.needs(lease)
            if refusal.code in IS_FINAL or needs - free >= ask.least:
                self.waiting -= 1
                waiter.finish(told_as(refusal, needs, free))
            else:
                account.waiting.append(waiter)
        self._serve(account)
