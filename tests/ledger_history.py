"""One seeded history of the ledger: gateways that lease, call, crash and send their journals again;
people that grant, refund and correct; time that passes; several things at once.

Everything goes through what runs in production: the settler with journal bytes, the book, the store.
What committed is done to `ledger_model.Model` in the same order, and both must agree to the nano.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, cast

import msgspec
from prometheus_client import CollectorRegistry
from sqlalchemy import text

from control_plane import PEPPER, closed, journal, opened
from ledger_model import Credit, Model
from ledger_world import new_budget, new_key, new_team
from opengateway.control.budgets.rows import BudgetRows
from opengateway.control.keys.models import ApiKey
from opengateway.control.keys.uses import KeyUses
from opengateway.control.leases.desk import subject_of
from opengateway.control.scope import ControlScope
from opengateway.control.settler.metrics import SettlerMetrics
from opengateway.control.settler.service import OutOfPlace, Push, Settler
from opengateway.domain.errors import Conflict, InsufficientFunds
from opengateway.domain.ledger import CreditKind, EntryKind
from opengateway.domain.records import CloseRecord, Ending, OpenRecord
from opengateway.infra.database import AsyncSession, Database
from opengateway.infra.event_log.sql import SqlEventLog
from opengateway.infra.ledger_book.rows import SqlLedgerRows
from opengateway.infra.mail.none import NoMail
from opengateway.kit.clock import ManualClock
from opengateway.kit.ids import IdSource
from opengateway.ledger.book import Book
from opengateway.ports.ledger_book import Ask, LeaseAsk, Leased, LeaseReturn
from opengateway.ports.ledger_book import Credit as NewCredit

SEGMENT = "segment-{:08}.ogj"
Effect = Callable[[], None]


class Crash(Exception):
    """The process died before its commit."""


@dataclass
class Gateway:
    """What a gateway's process and its disk know."""

    id: str
    leases: dict[str, list[Any]] = field(default_factory=dict)
    """By lease: [ask, what was granted, what its requests took, the last return's seq]."""
    open: dict[str, OpenRecord] = field(default_factory=dict)
    unsent: list[OpenRecord | CloseRecord] = field(default_factory=list)
    segment: int = 1
    offset: int = 0
    acked: list[tuple[str, int, bytes]] = field(default_factory=list)
    """Pushes that were taken: sent again, they must change nothing."""
    busy: bool = False
    """One push at a time, as the shipper does it."""


class History:
    def __init__(self, database: Database, seed: int, clock: ManualClock) -> None:
        self.database = database
        self.seed = seed
        self.random = random.Random(seed)
        self.clock = clock
        entropy = random.Random(seed + 10**6)
        self.new_id = IdSource(clock, entropy.randbytes)
        self.model = Model()
        self.metrics = SettlerMetrics(CollectorRegistry())
        self.teams = [self.new_id("team_") for _ in range(2)]
        self.keys: dict[str, str] = {}
        self.gateways = [Gateway(self.new_id("gw_")) for _ in range(3)]
        self.committed = 0
        self.crashed = 0
        self._number = 0

    # --- transactions ----------------------------------------------------------------------------
    def _scope(self, session: AsyncSession) -> ControlScope:
        hooks: list[Effect] = []
        nothing: Any = None
        return ControlScope(
            session=session,
            event_log=SqlEventLog(session),
            clock=self.clock,
            new_id=self.new_id,
            pepper=PEPPER,
            zone="test",
            mail=cast(Any, NoMail()),
            secret_box=nothing,
            ledger=Book(SqlLedgerRows(session), self.clock, self.new_id),
            billing=True,
            sign_in=nothing,
            after_commit=hooks.append,
            audit=nothing,
        )

    async def run_in(self, work: Callable[[ControlScope], Awaitable[Effect]]) -> bool:
        """One transaction; False where it crashed. The model follows at the very commit."""
        how = self.random.random()
        async with self.database.write() as session:
            effect = await work(self._scope(session))
            if how < 0.05:  # the process is killed: its connection drops
                await session.connection()
                await session.invalidate()
                self.crashed += 1
                return False
            if how < 0.1:  # something after it fails
                await session.rollback()
                self.crashed += 1
                return False
            await session.commit()
            effect()
            self.committed += 1
        return True

    async def until_done(self, work: Callable[[ControlScope], Awaitable[Effect]]) -> None:
        """Tried again until it commits, and now and then once more: the answer was lost."""
        while not await self.run_in(work):
            pass
        if self.random.random() < 0.15:
            await self.run_in(work)

    # --- the world -------------------------------------------------------------------------------
    async def begin(self) -> None:
        now_ns = self.clock.now_ns()
        async with self.database.write() as session:
            await Book(SqlLedgerRows(session), self.clock, self.new_id).settlements.mark_billing(
                True
            )
            for team_id in self.teams:
                session.add(new_team(team_id, now_ns))
            await session.flush()
            for team_id in self.teams:
                for n in range(2):
                    key_id = self.new_id("key_")
                    self.keys[key_id] = team_id
                    limit = self.random.choice([None, None, 400_000])
                    session.add(new_key(key_id, team_id, now_ns, limit))
                    if n == 0:
                        for period, limit in (("day", 500_000), ("month", 3_000_000)):
                            mode = self.random.choice(["block", "block", "alert"])
                            made = new_budget(self.new_id("bud_"), team_id, period, limit, mode)
                            session.add(made)
            await session.commit()
        for team_id in self.teams:
            await self.credit(team_id, 2_000_000)

    async def step(self) -> None:
        """One round: some things at once, then some time."""
        together = self.random.choice([1, 1, 2, 3, 4])
        deeds: list[Awaitable[None]] = [self._deed() for _ in range(together)]
        await asyncio.gather(*deeds)
        passed = self.random.choices(
            [0.0, 0.5, 20.0, 300.0, 700.0, 30_000.0], [40, 30, 15, 8, 4, 3]
        )
        self.clock.advance(passed[0])
        if passed[0] >= 300.0:
            await self.until_done(self._sweep)

    def _deed(self) -> Awaitable[None]:
        team_id = self.random.choice(self.teams)
        gateway = self.random.choice(self.gateways)
        deeds: list[tuple[int, Callable[[], Awaitable[None]]]] = [
            (26, lambda: self.lease(gateway)),
            (30, lambda: self.call(gateway)),
            (20, lambda: self.push(gateway)),
            (6, lambda: self.replay(gateway)),
            (10, lambda: self.give_back(gateway)),
            (2, lambda: self.die(gateway)),
            (5, lambda: self.credit(team_id, self.random.randint(1, 300_000))),
            (3, lambda: self.correct(team_id)),
            (3, lambda: self.refund_charge(team_id)),
            (2, lambda: self.pay_back(team_id)),
            (2, lambda: self.until_done(self._expire)),
            (2, self.renew),
            (2, lambda: self.change_budget(team_id)),
        ]
        weights = [weight for weight, _ in deeds]
        return self.random.choices([deed for _, deed in deeds], weights)[0]()

    def _next(self) -> int:
        self._number += 1
        return self._number

    # --- gateways --------------------------------------------------------------------------------
    async def lease(self, gateway: Gateway) -> None:
        key_id = self.random.choice(sorted(self.keys))
        least = self.random.randint(1, 30_000)
        amount = least * self.random.choice([1, 5, 20])
        own = [i for i, known in gateway.leases.items() if known[0].key_id == key_id]
        top_up = self.random.choice([None, *own]) if own else None
        ask_id = f"ask_{self._next()}"

        async def work(scope: ControlScope) -> Effect:
            key = await scope.session.get(ApiKey, key_id)
            assert key is not None
            now_ns = self.clock.now_ns()
            rows = await BudgetRows(scope.session).rows_for(subject_of(key), now_ns)
            ask = LeaseAsk(ask_id, key.team_id, key_id, key.created_by, top_up, amount, least, rows)
            (answer,) = await scope.ledger.leases.take(gateway.id, [ask])
            return lambda: self._leased(gateway, ask, answer, now_ns)

        await self.until_done(work)

    def _leased(self, gateway: Gateway, ask: LeaseAsk, answer: Any, now_ns: int) -> None:
        if isinstance(answer, Leased) and (ask.ask_id in self.model.given_back):
            self.model.team(ask.team_id).expire(now_ns)
            return  # the same answer once more: nothing moved
        expected = self.model.decide(ask.team_id, ask.budgets, ask.amount, ask.least, now_ns)
        if not isinstance(answer, Leased):
            assert answer.refused.row == expected, (answer, expected)
            return
        assert (answer.granted, answer.direct) == expected, (answer, expected)
        self.model.given_back[ask.ask_id] = 0
        self.model.take(ask, gateway.id, answer.lease_id, answer.granted, now_ns)
        known = gateway.leases.setdefault(answer.lease_id, [ask, 0, 0, 0])
        known[1] += answer.granted

    async def call(self, gateway: Gateway) -> None:
        """A request opens or closes, in the gateway's memory and journal alone."""
        if gateway.open and self.random.random() < 0.6:
            record = gateway.open.pop(self.random.choice(sorted(gateway.open)))
            gateway.unsent.append(self._close(gateway, record))
            return
        hold, lease_id = self.random.randint(1, 20_000), ""
        able = [i for i, v in gateway.leases.items() if v[1] - v[2] >= hold]
        if able and self.random.random() < 0.95:
            lease_id = self.random.choice(able)
            gateway.leases[lease_id][2] += hold
            key_id = gateway.leases[lease_id][0].key_id
        elif self.random.random() < 0.2:  # the outage allowance
            key_id = self.random.choice(sorted(self.keys))
        else:
            return
        request = self.new_id("gen_")
        record = opened(
            0,
            id=request,
            team_id=self.keys[key_id],
            key_id=key_id,
            gateway=gateway.id,
            lease_id=lease_id,
            hold_nanos=hold,
            started_at_ns=self.clock.now_ns(),
        )
        gateway.open[request] = record
        gateway.unsent.append(record)

    def _close(self, gateway: Gateway, record: OpenRecord) -> CloseRecord:
        """A whole answer, a cancelled one, a cut one, a refused one; now and then dearer than held."""
        ending = self.random.choice(
            [
                *(Ending.COMPLETED, Ending.COMPLETED, Ending.CLIENT_GONE),
                *(Ending.UPSTREAM_BROKE, Ending.REFUSED, Ending.FAILED),
            ]
        )
        free = ending in (Ending.REFUSED, Ending.FAILED)
        share = self.random.choice([0.1, 0.5, 0.9, 1.0, 1.0, 1.3])
        cost = 0 if free else int(record.hold_nanos * share)
        if record.lease_id in gateway.leases:
            gateway.leases[record.lease_id][2] += min(cost, record.hold_nanos) - record.hold_nanos
        return closed(
            0,
            id=record.id,
            team_id=record.team_id,
            key_id=record.key_id,
            gateway=gateway.id,
            lease_id=record.lease_id,
            started_at_ns=record.started_at_ns,
            ending=ending,
            cost_nanos=cost,
            fee_nanos=cost // 20,
            provider_cost_nanos=self.random.randint(0, 5_000),
            provider=self.random.choice(["acme", "other", None]),
        )

    async def push(self, gateway: Gateway, *, final: bool = False) -> None:
        if gateway.busy or not (gateway.unsent or final):
            return
        gateway.busy = True
        records, gateway.unsent = gateway.unsent, []
        body, still_open = journal(records), list(gateway.open.values())
        segment, offset = SEGMENT.format(gateway.segment), gateway.offset

        async def work(scope: ControlScope) -> Effect:
            push = Push(gateway.id, segment, offset, final, body)
            budgets = await self._budgets(scope, records)
            try:
                await Settler(scope, self.metrics, KeyUses()).take(push)
            except OutOfPlace:
                return lambda: None  # it was taken; its answer was lost
            return lambda: self._settled(gateway, records, budgets, still_open if final else None)

        await self.until_done(work)
        gateway.acked.append((segment, offset, body))
        gateway.offset += len(body)
        if self.random.random() < 0.2:
            gateway.segment, gateway.offset = gateway.segment + 1, 0
        gateway.busy = False

    async def _budgets(self, scope: ControlScope, records: list[Any]) -> dict[str, Any]:
        """Of what draws on no lease: the budgets in the period in which the batch's last one began."""
        began: dict[str, int] = {}
        for record in records:
            if record.lease_id == "" and isinstance(record, CloseRecord) and record.cost_nanos:
                began[record.key_id] = max(began.get(record.key_id, 0), record.started_at_ns)
        found = {}
        for key_id, at_ns in began.items():
            key = await scope.session.get(ApiKey, key_id)
            assert key is not None
            found[key_id] = await BudgetRows(scope.session).rows_for(subject_of(key), at_ns)
        return found

    def _settled(
        self,
        gateway: Gateway,
        records: list[Any],
        budgets: dict[str, Any],
        void: list[OpenRecord] | None,
    ) -> None:
        """`void`: what was open when the gateway died."""
        for record in records:
            if isinstance(record, CloseRecord):
                self.model.settle(record, budgets.get(record.key_id, ()))
        if void is not None:
            for record in void:
                made = closed(0, id=record.id, ending=Ending.VOID, cost_nanos=0)
                team, lease = record.team_id, record.lease_id
                made = msgspec.structs.replace(made, team_id=team, lease_id=lease)
                self.model.settle(made, ())
            for lease_id, lease in self.model.leases.items():
                if lease.gateway == gateway.id and not lease.ended:
                    self.model.end(lease_id, "closed")

    async def replay(self, gateway: Gateway) -> None:
        """Bytes that were taken come again, from where they were or under another segment's name."""
        if gateway.busy or not gateway.acked:
            return
        segment, offset, body = self.random.choice(gateway.acked)
        lost = self.random.random() < 0.3
        if lost:  # the bookkeeping of that segment is gone: records are known by their ids
            segment, offset = f"segment-9{self._next():07}.ogj", 0

        async def work(scope: ControlScope) -> Effect:
            push = Push(gateway.id, segment, offset, False, body)
            try:
                await Settler(scope, self.metrics, KeyUses()).take(push)
            except OutOfPlace:
                pass
            return lambda: None

        await self.run_in(work)

    async def give_back(self, gateway: Gateway) -> None:
        if not gateway.leases:
            return
        lease_id = self.random.choice(sorted(gateway.leases))
        _, granted, used, seq = gateway.leases[lease_id]
        in_use = any(r.lease_id == lease_id for r in gateway.open.values())
        done = not in_use and self.random.random() < 0.5
        idle = granted - used
        amount = idle if done else self.random.randint(0, max(0, idle))
        gateway.leases[lease_id][2] += amount
        gateway.leases[lease_id][3] = seq = seq + 1
        if done:
            del gateway.leases[lease_id]

        async def work(scope: ControlScope) -> Effect:
            given = LeaseReturn(lease_id, amount, done, seq)
            await scope.ledger.leases.give_back(gateway.id, [given])
            return lambda: self.model.give_back(lease_id, amount, done, seq)

        await self.until_done(work)

    async def die(self, gateway: Gateway) -> None:
        """SIGKILL: what was open stays open in the journal, what was leased is nobody's."""
        if gateway.busy or gateway not in self.gateways:
            return
        self.gateways[self.gateways.index(gateway)] = Gateway(self.new_id("gw_"))
        if self.random.random() < 0.8:
            await self.push(gateway, final=True)
        # Else its disk is lost with it: the sweeper takes the leases, nobody is charged.

    async def renew(self) -> None:
        gateway = self.random.choice(self.gateways)
        ids = sorted(gateway.leases)

        async def work(scope: ControlScope) -> Effect:
            renewal = await scope.ledger.leases.renew(gateway.id, ids)
            return lambda: self._renewed(gateway, ids, list(renewal.gone))

        await self.until_done(work)

    def _renewed(self, gateway: Gateway, ids: list[str], gone: list[str]) -> None:
        now_ns = self.clock.now_ns()
        for lease_id in ids:
            lease = self.model.leases[lease_id]
            over = lease.ends_ns is not None and lease.ends_ns <= now_ns
            assert (lease_id in gone) == (lease.state != "open" or over)
            if lease.state == "open":
                lease.expires_ns = now_ns + 600 * 10**9

    # --- people and jobs -------------------------------------------------------------------------
    async def credit(self, team_id: str, amount: int) -> None:
        paid = self.random.random() < 0.5
        kind = CreditKind.PAID if paid else CreditKind.PROMO
        source = EntryKind.TOPUP if paid else EntryKind.GRANT
        expires = None
        if not paid and self.random.random() < 0.7:
            expires = self.clock.now_ns() + self.random.choice([10, 1_000, 50_000]) * 10**9
        ask = Ask(f"{team_id}/{self._next()}", "history")
        seen: set[str] = set()

        async def work(scope: ControlScope) -> Effect:
            new = NewCredit(team_id, amount, kind, source, "cards" if paid else "", expires)
            booked = await scope.ledger.credits.add(new, ask)

            def effect() -> None:
                assert booked.again == bool(seen)
                if not seen:
                    assert booked.grant_id is not None
                    seen.add(booked.grant_id)
                    self.model.team(team_id).add(
                        Credit(
                            booked.grant_id, kind.value, amount, expires, amount if paid else None
                        )
                    )

            return effect

        await self.until_done(work)

    async def _once(
        self, team_id: str, call: Callable[[Any, Ask], Awaitable[Any]], effect: Effect
    ) -> None:
        """A correction that may be refused; done to the model at most once."""
        ask = Ask(f"{team_id}/{self._next()}", "history")

        async def work(scope: ControlScope) -> Effect:
            try:
                booked = await call(scope.ledger.credits, ask)
            except (Conflict, InsufficientFunds):
                return lambda: None
            return lambda: None if booked.again else effect()

        await self.until_done(work)

    async def correct(self, team_id: str) -> None:
        amount = self.random.randint(-100_000, 100_000) or 1
        team = self.model.team(team_id)
        credit_id = ""

        async def adjust(credits: Any, ask: Ask) -> Any:
            nonlocal credit_id
            booked = await credits.adjust(team_id, amount, CreditKind.PROMO, None, ask)
            credit_id = booked.grant_id or ""
            return booked

        def adjusted() -> None:
            if amount > 0:
                team.add(Credit(credit_id, "promo", amount, None))
                return
            assert team.available >= -amount
            team.available += amount
            team.spend(-amount)

        async def write_off(credits: Any, ask: Ask) -> Any:
            return await credits.write_off(team_id, ask)

        def written_off() -> None:
            assert team.total < 0
            team.available -= team.total

        if self.random.random() < 0.3:
            await self._once(team_id, write_off, written_off)
        else:
            await self._once(team_id, adjust, adjusted)

    async def refund_charge(self, team_id: str) -> None:
        own = [r for r, c in self.model.charges.items() if c[0] == team_id and c[1]]
        if not own:
            return
        request = self.random.choice(own)
        _, cost, _, _, paid = self.model.charges[request]
        amount = self.random.randint(1, cost)
        credit_id = ""

        async def refund(credits: Any, ask: Ask) -> Any:
            nonlocal credit_id
            booked = await credits.refund_charge(team_id, request, amount, ask)
            credit_id = booked.grant_id or ""
            return booked

        def refunded() -> None:
            back = self.model.given_back.get(request, 0) + amount
            assert back <= cost, "given back more than was charged"
            self.model.given_back[request] = back
            kind = "paid" if paid == cost else "promo"
            self.model.team(team_id).add(Credit(credit_id, kind, amount, None))
            self.model.revenue -= amount

        await self._once(team_id, refund, refunded)

    async def pay_back(self, team_id: str) -> None:
        """A refund of a payment, or a chargeback."""
        team = self.model.team(team_id)
        payments = [c for c in team.credits if c.payment]
        if not payments:
            return
        payment = self.random.choice(payments)
        assert payment.payment is not None
        amount = self.random.randint(1, payment.payment)
        forced = self.random.random() < 0.5

        async def pay(credits: Any, ask: Ask) -> Any:
            call = credits.charge_back if forced else credits.refund_payment
            return await call(team_id, payment.id, amount, ask)

        def paid() -> None:
            assert payment.payment is not None
            assert forced or min(payment.left, team.available) >= amount
            assert payment.payment >= amount
            payment.payment -= amount
            team.available -= amount
            team.spend(amount, first=payment.id)

        await self._once(team_id, pay, paid)

    async def change_budget(self, team_id: str) -> None:
        """A person moves a limit while it is in use."""
        factor, mode = self.random.choice([0.5, 2, 1]), self.random.choice(["block", "alert"])

        async def work(scope: ControlScope) -> Effect:
            await scope.session.execute(
                text(
                    "UPDATE budgets SET limit_nanos = CAST(limit_nanos * :f AS BIGINT), mode = :m"
                    " WHERE team_id = :t AND period = 'day'"
                ),
                {"f": factor, "m": mode, "t": team_id},
            )
            return lambda: None

        await self.run_in(work)

    async def _sweep(self, scope: ControlScope) -> Effect:
        now_ns = self.clock.now_ns()
        alive = {g.id: now_ns for g in self.gateways}
        await scope.ledger.leases.sweep(alive, 1_000)

        def effect() -> None:
            for lease_id, lease in self.model.leases.items():
                late = now_ns - lease.expires_ns
                if not lease.ended and late > (720 if lease.gateway in alive else 60) * 10**9:
                    self.model.end(lease_id, "expired")

        return effect

    async def _expire(self, scope: ControlScope) -> Effect:
        now_ns = self.clock.now_ns()
        await scope.ledger.credits.expire(1_000)
        return lambda: [t.expire(now_ns) for t in self.model.teams.values()] and None

    # --- the end ---------------------------------------------------------------------------------
    async def end(self) -> None:
        """Every gateway dies and is settled; long after, nothing may be held any more."""
        for gateway in list(self.gateways):
            gateway.busy = False
            await self.push(gateway, final=True)
        self.clock.advance(2_000)
        await self.until_done(self._sweep)
        await self.until_done(self._expire)
