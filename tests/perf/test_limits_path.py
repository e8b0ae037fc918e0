"""What limits cost on the request path, in units of the calibration loop (see test_hot_path.py)."""

from __future__ import annotations

from functools import partial
from itertools import cycle

import pytest

from opengateway.domain.principal import Principal, RateLimits, TeamState
from opengateway.domain.usage import Dimension, Usage
from opengateway.gateway.access import check_access
from opengateway.gateway.limits import Rates
from opengateway.infra.limits.memory import MemoryRateBook
from perf.test_hot_path import CLOCK, Budget, Step, chat, principal, ratio_of, served

MANY = 10**12
PLENTY = RateLimits(MANY, MANY, MANY)
USAGE = Usage({Dimension.INPUT: 40, Dimension.OUTPUT: 50})


def limited(number: int) -> Principal:
    fields = {f: getattr(principal(number), f) for f in Principal.__struct_fields__}
    more = {"rpm": MANY, "tpm": MANY, "concurrency": MANY, "user_id": "usr_1"}
    return Principal(**{**fields, **more, "ips": ("10.0.0.0/8",)})


def new_rates(team: TeamState) -> Rates:
    return Rates(MemoryRateBook(CLOCK), {team.team_id: team})


def find_no_limits() -> Step:
    rates = new_rates(TeamState("team_1"))
    callers = cycle([principal(n) for n in range(64)])
    return lambda: rates.rows(next(callers))


def take_and_settle() -> Step:
    """Requests, tokens and concurrency at all three levels."""
    team = TeamState("team_1", False, None, MANY, MANY, MANY, {"usr_1": PLENTY})
    rates = new_rates(team)
    callers = cycle([limited(n) for n in range(64)])
    request = chat()
    _, endpoint, _ = served()

    def step() -> None:
        rows = rates.rows(next(callers))
        assert rows is not None
        taken = rates.take(rows, request, endpoint)
        assert taken is not None
        rates.settle(taken, USAGE)

    return step


def tell_the_figures() -> Step:
    team = TeamState("team_1", rpm=MANY, tpm=MANY)
    rates = new_rates(team)
    rows = rates.rows(limited(1))
    assert rows is not None
    _, endpoint, _ = served()
    assert rates.take(rows, chat(), endpoint) is not None
    return partial(rates.headers, rows)


def check_the_address() -> Step:
    return partial(check_access, limited(1), "10.1.2.3", TeamState("team_1"))


BUDGETS = (
    Budget(find_no_limits, 0.5),
    Budget(take_and_settle, 9),
    Budget(tell_the_figures, 5),
    Budget(check_the_address, 0.5),
)


@pytest.mark.parametrize("budget", BUDGETS, ids=lambda b: b.make.__name__)
def test_limits_stay_within_their_budget(budget: Budget) -> None:
    ratio = ratio_of(budget.make, budget.ratio)
    print(f"{budget.make.__name__}: {ratio:.2f} of {budget.ratio} units")
    assert ratio <= budget.ratio, f"{budget.make.__name__} takes {ratio:.1f} units"
