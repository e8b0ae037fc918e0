"""A purse against a model of the ledger: whatever order things happen in, nothing is spent that was
not leased, every hold is closed once, and no lease is left behind."""

from __future__ import annotations

import os
from itertools import count

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from opengateway.domain.errors import GatewayError
from opengateway.domain.money import Nanos
from opengateway.domain.principal import KeyKind, Principal, TeamState
from opengateway.infra.purse.asking import AskingDesk
from opengateway.infra.purse.messages import LeaseAsk
from opengateway.infra.purse.state import Waiter
from opengateway.infra.purse.upkeep import Upkeep
from opengateway.kit.clock import ManualClock
from unit.infra.purse.model_ledger import ModelLedger

SOAK = os.environ.get("OPENGATEWAY_SOAK") == "1"
GATEWAYS = ("gw_1", "gw_2")
pytestmark = pytest.mark.timeout(1_800 if SOAK else 120)
KEYS = ("key_a", "key_b", "key_c")
START = 100_000
ALLOWANCE = 5_000
"""5 % of it, and what a team is given here."""
AMOUNTS = st.integers(0, 3_000)
ids = count()


def principal(key_id: str, *, disabled: bool = False) -> Principal:
    return Principal(
        key_id, "team", key_id, KeyKind.INFERENCE, "00", 1, "hint", 0, disabled=disabled
    )


class Gateway:
    """A purse, what it holds by the test's own count, and its journal."""

    def __init__(self, name: str, clock: ManualClock) -> None:
        self.name = name
        self.journal: list[tuple[str, int]] = []
        self.settled = 0
        self.desk = AskingDesk(
            clock,
            lambda prefix: f"{prefix}{name}_{next(ids)}",
            lambda: (len(self.journal), self.settled),
        )
        self.upkeep = Upkeep(self.desk)
        self.running: dict[str, int] = {}
        self.waiting: dict[str, Waiter] = {}
        self.sent: list[list[LeaseAsk]] = []

    def note(self) -> None:
        """Move on who was answered."""
        for hold_id, waiter in list(self.waiting.items()):
            if waiter.is_done:
                del self.waiting[hold_id]
                if waiter.error is None:
                    self.running[hold_id] = self.running.get(hold_id, 0) + waiter.amount

    def close(self, hold_id: str, actual: int) -> None:
        self.journal.append((self.desk.lease_of(hold_id), actual))
        self.desk.close(hold_id, Nanos(actual))
        del self.running[hold_id]
        self.note()


class PurseMachine(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.clock = ManualClock()
        self.ledger = ModelLedger(self.clock, START)
        self.gateways = {name: Gateway(name, self.clock) for name in GATEWAYS}

    # --- requests -----------------------------------------------------------------------------

    @rule(name=st.sampled_from(GATEWAYS), key=st.sampled_from(KEYS), amount=AMOUNTS)
    def begin(self, name: str, key: str, amount: int) -> None:
        gateway, hold_id = self.gateways[name], f"hold_{next(ids)}"
        if gateway.desk.hold(principal(key), hold_id, Nanos(amount)):
            gateway.running[hold_id] = amount
            return
        try:
            gateway.waiting[hold_id] = gateway.desk.want(principal(key), hold_id, amount)
        except GatewayError:
            return
        gateway.note()

    @rule(name=st.sampled_from(GATEWAYS), which=st.integers(0, 9), amount=AMOUNTS)
    def go_on(self, name: str, which: int, amount: int) -> None:
        gateway = self.gateways[name]
        if (hold_id := pick(gateway.running, which)) is None or hold_id in gateway.waiting:
            return
        if gateway.desk.extend(hold_id, Nanos(amount)):
            gateway.running[hold_id] += amount
        else:
            gateway.waiting[hold_id] = gateway.desk.want_more(hold_id, amount)
            gateway.note()

    @rule(name=st.sampled_from(GATEWAYS), which=st.integers(0, 9), share=st.integers(0, 100))
    def end(self, name: str, which: int, share: int) -> None:
        gateway = self.gateways[name]
        if (hold_id := pick(gateway.running, which)) is not None and hold_id not in gateway.waiting:
            gateway.close(hold_id, gateway.running[hold_id] * share // 100)

    @rule(name=st.sampled_from(GATEWAYS), which=st.integers(0, 9))
    def leave(self, name: str, which: int) -> None:
        """A caller leaves while its request waits."""
        gateway = self.gateways[name]
        if (hold_id := pick(gateway.waiting, which)) is not None:
            gateway.desk.give_up(gateway.waiting.pop(hold_id))
            gateway.note()

    # --- the way to the ledger ----------------------------------------------------------------

    @rule(
        name=st.sampled_from(GATEWAYS),
        which=st.integers(0, 3),
        fate=st.sampled_from(("answered", "answered", "on the way", "lost", "never came")),
    )
    def ask(self, name: str, which: int, fate: str) -> None:
        gateway = self.gateways[name]
        if asks := gateway.desk.next_asks():
            gateway.sent.append(asks)
        gateway.note()
        if fate == "on the way" or not gateway.sent:
            return
        asks = gateway.sent.pop(which % len(gateway.sent))
        answers = self.ledger.take(name, asks) if fate != "never came" else []
        if fate == "answered":
            gateway.desk.answered(asks, answers)
        else:
            gateway.desk.unanswered(asks)
        gateway.note()

    @rule(name=st.sampled_from(GATEWAYS), fate=st.sampled_from(("confirmed", "lost", "never came")))
    def give_back(self, name: str, fate: str) -> None:
        desk = self.gateways[name].desk
        if returns := desk.returns.next():
            if fate != "never came":
                self.ledger.give_back(name, returns)
            if fate == "confirmed":
                desk.returns.confirmed()

    @rule(name=st.sampled_from(GATEWAYS), share=st.integers(1, 100))
    def settle(self, name: str, share: int) -> None:
        self.settle_up_to(self.gateways[name], share)

    def settle_up_to(self, gateway: Gateway, share: int = 100) -> None:
        more = -(-(len(gateway.journal) - gateway.settled) * share // 100)
        for lease_id, actual in gateway.journal[gateway.settled : gateway.settled + more]:
            self.ledger.settle(lease_id, actual)
        gateway.settled += more

    # --- what else happens --------------------------------------------------------------------

    @rule(
        what=st.sampled_from(("time", "time", "renewal", "recall", "key", "team", "promo")),
        number=st.integers(0, 3),
    )
    def meanwhile(self, what: str, number: int) -> None:
        if what == "time":
            self.clock.advance((0.1, 1.0, 11.0, 700.0)[number])
        elif what == "promo":
            self.ledger.promo_only = number == 0
        elif what == "team":
            self.ledger.frozen = number == 0
        for name, gateway in self.gateways.items():
            upkeep = gateway.upkeep
            if what == "time":
                upkeep.look()
            elif what == "renewal":
                lease_ids = upkeep.to_renew()
                upkeep.renewed(lease_ids, self.ledger.renew(name, lease_ids))
            elif what == "recall":
                upkeep.recall([*self.ledger.leases])
            elif what == "key":
                row = None if number == 0 else principal(KEYS[0], disabled=number == 1)
                upkeep.key_changed(KEYS[0], row)
            elif what == "team":
                allowance = (None, 0, ALLOWANCE, None)[number]
                upkeep.team_changed(TeamState("team", number == 0, allowance))
            gateway.note()

    # --- what must hold -----------------------------------------------------------------------

    @invariant()
    def every_lease_adds_up(self) -> None:
        for name, gateway in self.gateways.items():
            held: dict[str, int] = {}
            for hold_id, hold in gateway.desk.holds.items():
                assert hold.amount == gateway.running[hold_id]
                lease_id = gateway.desk.lease_of(hold_id)
                held[lease_id] = held.get(lease_id, 0) + hold.amount
            assert gateway.desk.holds.keys() == gateway.running.keys()
            spent: dict[str, int] = {}
            for lease_id, actual in gateway.journal:
                spent[lease_id] = spent.get(lease_id, 0) + actual
            for account in gateway.desk.accounts.values():
                for lease in account.leases:
                    used = held.get(lease.id, 0) + spent.get(lease.id, 0)
                    assert lease.free >= 0
                    assert lease.granted == lease.free + used + lease.returned
                    assert gateway.desk.lessees[lease.id] is account
            for lease_id, lease in self.ledger.leases.items():
                if lease.gateway == name:
                    used = held.get(lease_id, 0) + spent.get(lease_id, 0)
                    assert used <= lease.amount - lease.returned, "spent and given back"

    @invariant()
    def nothing_is_lost_or_made(self) -> None:
        assert self.ledger.available + self.ledger.held + self.ledger.charged == START

    @invariant()
    def who_waits_is_counted_and_asked_for(self) -> None:
        for gateway in self.gateways.values():
            desk = gateway.desk
            accounts = desk.accounts.values()
            assert desk.waiting == sum(len(a.waiting) for a in accounts) == len(gateway.waiting)
            assert all(a.queued or a.ask for a in accounts if a.waiting)

    @invariant()
    def past_leases_only_the_allowance_is_spent(self) -> None:
        settled = 0
        for gateway in self.gateways.values():
            desk, at = gateway.desk, gateway.settled
            settled += sum(actual for lease, actual in gateway.journal[:at] if not lease)
            unsettled = sum(actual for lease, actual in gateway.journal[at:] if not lease)
            held = sum(h.amount for h in desk.holds.values() if h.lease is None)
            assert unsettled + held <= ALLOWANCE
        assert self.ledger.overrun == settled

    def teardown(self) -> None:
        """All ends, the ledger answers again: then nothing is held and nothing is on its way."""
        for gateway in self.gateways.values():
            for waiter in gateway.waiting.values():
                gateway.desk.give_up(waiter)
            for hold_id in list(gateway.running):
                gateway.close(hold_id, gateway.running[hold_id] // 2)
            gateway.upkeep.stop()
            for _ in range(100):
                if not (gateway.desk.is_busy or gateway.sent):
                    break
                gateway.sent.append(gateway.desk.next_asks())
                for asks in gateway.sent:
                    gateway.desk.answered(asks, self.ledger.take(gateway.name, asks))
                gateway.sent.clear()
                self.ledger.give_back(gateway.name, gateway.desk.returns.next())
                gateway.desk.returns.confirmed()
            assert not gateway.desk.is_busy
            assert not gateway.desk.lessees
            self.settle_up_to(gateway)
        for lease in self.ledger.leases.values():
            assert lease.closing
            assert lease.remaining == 0
        self.nothing_is_lost_or_made()


def pick(of: dict[str, object] | dict[str, int] | dict[str, Waiter], which: int) -> str | None:
    names = list(of)
    return names[which % len(names)] if names else None


TestPurse = PurseMachine.TestCase
TestPurse.settings = settings(
    max_examples=4_000 if SOAK else 150, stateful_step_count=80, deadline=None
)
