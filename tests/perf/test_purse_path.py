"""What a leased purse costs a request in steady state, in units of `calibration`
(tests/perf/test_hot_path.py). A budget is twice what was measured."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from itertools import count

import pytest

from opengateway.domain.money import Nanos
from opengateway.domain.principal import KeyKind, Principal
from opengateway.infra.purse import LeasedPurse
from opengateway.kit.clock import SystemClock
from perf.test_hot_path import Step, ratio_of
from unit.infra.purse.model_ledger import Line, ModelLedger

CALLER = Principal("key_0", "team", "k", KeyKind.INFERENCE, "00", 1, "hint", 0)
HOLD, COST = Nanos(50_000), Nanos(9_000)
KEYS = 10_000


def working_purse() -> LeasedPurse:
    """With a lease for each of many keys. The one that is measured has plenty."""
    ledger = ModelLedger(SystemClock(), 10**18)
    line = Line(ledger)
    purse = line.purse()
    for number in range(KEYS):
        caller = Principal(f"key_{number}", "team", "k", KeyKind.INFERENCE, "00", 1, "hint", 0)
        purse.want(caller, f"first_{number}", HOLD)
    while asks := purse.next_asks():
        purse.answered(asks, ledger.take("gw_1", asks))
    lease = purse.accounts["key_0"].lease
    assert lease is not None
    lease.granted += 10**15
    lease.free += 10**15
    return purse


def hold_and_close() -> Step:
    purse, numbers = working_purse(), count()

    def request() -> None:
        hold_id = f"gen_{next(numbers):032x}"
        assert purse.hold(CALLER, hold_id, HOLD)
        purse.lease_of(hold_id)
        purse.close(hold_id, COST)

    return request


def extend_a_hold() -> Step:
    purse = working_purse()
    assert purse.hold(CALLER, "stream", HOLD)
    return lambda: purse.extend("stream", Nanos(1))


@pytest.mark.parametrize(("make", "budget"), [(hold_and_close, 3.4), (extend_a_hold, 0.6)])
async def test_a_leased_purse_stays_within_its_budget(
    make: Callable[[], Step], budget: float
) -> None:
    ratio = await asyncio.to_thread(ratio_of, make, budget)
    print(f"{make.__name__}: {ratio:.2f} of {budget} units")
    assert ratio <= budget
