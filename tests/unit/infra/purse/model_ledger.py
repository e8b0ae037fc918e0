"""A ledger as small as can be, with the rules that a purse relies on (src/opengateway/ledger)."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

from opengateway.infra.journal.shipper import ControlUnreachable
from opengateway.infra.purse import LeasedPurse
from opengateway.infra.purse.messages import (
    LeaseAnswer,
    LeaseAsk,
    LeaseReturn,
    Refusal,
    Renewal,
)
from opengateway.kit.clock import Clock
from opengateway.kit.ids import IdSource

LEASE_NS = 600 * 1_000_000_000


@dataclass
class ModelLease:
    key_id: str
    gateway: str
    amount: int = 0
    settled: int = 0
    returned: int = 0
    closing: bool = False
    seq: int = 0

    @property
    def remaining(self) -> int:
        return self.amount - self.settled - self.returned


@dataclass
class ModelLedger:
    """One team. `settle` is what the journal brings."""

    clock: Clock
    available: int
    frozen: bool = False
    promo_only: bool = False
    leases: dict[str, ModelLease] = field(default_factory=dict)
    answers: dict[str, LeaseAnswer] = field(default_factory=dict)
    charged: int = 0
    overrun: int = 0
    asked: list[LeaseAsk] = field(default_factory=list)

    def take(self, gateway: str, asks: Sequence[LeaseAsk]) -> list[LeaseAnswer]:
        self.asked.extend(asks)
        return [self._take(gateway, ask) for ask in asks]

    def _take(self, gateway: str, ask: LeaseAsk) -> LeaseAnswer:
        assert 0 < ask.least <= ask.amount
        if (earlier := self.answers.get(ask.ask_id)) is not None:
            return earlier
        if self.frozen:
            return self._refuse(ask, "team_frozen")
        if self.available < ask.least:
            return self._refuse(ask, "insufficient_funds")
        direct = self.available < 20 * ask.least
        granted = ask.least if direct else max(ask.least, min(ask.amount, self.available // 4))
        lease = self.leases.get(ask.lease_id or "")
        lease_id = ask.lease_id or ""
        if lease is None or lease.closing or (lease.gateway, lease.key_id) != (gateway, ask.key_id):
            lease_id = f"lea_{len(self.leases)}"
            lease = self.leases[lease_id] = ModelLease(ask.key_id, gateway)
        lease.amount += granted
        self.available -= granted
        answer = LeaseAnswer(
            ask.ask_id,
            lease_id=lease_id,
            granted=granted,
            expires_at_ns=self.clock.now_ns() + LEASE_NS,
            available_nanos=self.available,
            promo_only=self.promo_only,
            direct=direct,
        )
        self.answers[ask.ask_id] = answer
        return answer

    def _refuse(self, ask: LeaseAsk, code: str) -> LeaseAnswer:
        return LeaseAnswer(ask.ask_id, refused=Refusal(code, code, "balance", self.available))

    def give_back(self, gateway: str, returns: Sequence[LeaseReturn]) -> None:
        for given in returns:
            lease = self.leases[given.lease_id]
            assert lease.gateway == gateway
            if given.seq <= lease.seq:
                continue
            lease.seq = given.seq
            assert 0 <= given.amount <= lease.remaining, "more is given back than there is"
            lease.returned += given.amount
            lease.closing |= given.closed
            self.available += given.amount

    def renew(self, gateway: str, lease_ids: Sequence[str]) -> Renewal:
        gone = [i for i in lease_ids if i not in self.leases or self.leases[i].closing]
        return Renewal(self.clock.now_ns() + LEASE_NS, tuple(gone))

    def settle(self, lease_id: str, amount: int) -> None:
        self.charged += amount
        lease = self.leases.get(lease_id)
        covered = 0 if lease is None else min(amount, lease.remaining)
        if lease is not None:
            lease.settled += covered
        self.overrun += amount - covered
        self.available -= amount - covered

    @property
    def held(self) -> int:
        return sum(lease.remaining for lease in self.leases.values())


class Line:
    """`LeaseClient` over a ledger in memory. `down`: no call comes back; `deaf`: nor does it arrive."""

    def __init__(self, ledger: ModelLedger, gateway: str = "gw_1") -> None:
        self.ledger = ledger
        self.gateway = gateway
        self.down = False
        self.deaf = False
        self.calls = 0
        self.slow = asyncio.Event()
        """Answers wait for it."""
        self.slow.set()
        self.bugs: list[BaseException] = []
        self.written = self.settled = 0

    def purse(self) -> LeasedPurse:
        clock = self.ledger.clock
        return LeasedPurse(
            self,
            clock,
            IdSource(clock),
            lambda: (self.written, self.settled),
            lambda _, bug: self.bugs.append(bug),
        )

    async def take(self, asks: Sequence[LeaseAsk]) -> Sequence[LeaseAnswer]:
        await self._arrive()
        answers = self.ledger.take(self.gateway, asks)
        await self._come_back()
        return answers

    async def give_back(self, returns: Sequence[LeaseReturn]) -> None:
        await self._arrive()
        self.ledger.give_back(self.gateway, returns)
        await self._come_back()

    async def renew(self, lease_ids: Sequence[str]) -> Renewal:
        await self._arrive()
        return self.ledger.renew(self.gateway, lease_ids)

    async def _arrive(self) -> None:
        self.calls += 1
        if self.deaf:
            raise ControlUnreachable("not there")
        await self.slow.wait()

    async def _come_back(self) -> None:
        if self.down:
            raise ControlUnreachable("no answer")
