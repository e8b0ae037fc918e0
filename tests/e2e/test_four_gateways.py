"""500 calls at once on what pays for 10: a balance, a budget, a limit of requests a minute. With one
gateway and with four, on the embedded stores and on PostgreSQL and Valkey."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass

import pytest

from e2e.operating import SOAK, USD, Team, flood, gateways, knows, new_team, servers, tally, verify
from e2e.product import Product, Simulator, Zone, product, until

pytestmark = pytest.mark.slow

CALLS = 500
PAID_FOR = 10
MODEL = "lab/dollar"
BODY = json.dumps(
    {"model": MODEL, "max_tokens": 50, "messages": [{"role": "user", "content": "go"}]}
).encode()
SLACK_S = 4.0
"""A minute is counted in seconds, and those of gateways and of Valkey begin at other moments."""
PRICE = {"input": "0", "output": "20000"}
"""The simulator's fixed answer has 50 tokens: one dollar, and as much is held before."""


@dataclass(frozen=True)
class Place:
    """A product, and the addresses of all gateways that serve it."""

    product: Product
    urls: list[str]
    shared: bool

    def team(self, name: str, usd: str) -> Team:
        team = new_team(self.product, name, usd)
        self.learn(team.key)
        return team

    def learn(self, key: str) -> None:
        for url in self.urls:
            until(lambda url=url: knows(url, key))

    def at_once(self, key: str, count: int = CALLS) -> dict[str, int]:
        began = time.monotonic()
        found = tally(flood(self.urls, key, BODY, count))
        took_s = time.monotonic() - began
        print(f"\n{len(self.urls)} gateways, {count} calls in {took_s:.1f} s: {found}")
        return found


PLACES = [("embedded", 4), ("servers", 4)]
if SOAK:  # what four do right, one does: it has nobody to agree with
    PLACES += [("embedded", 1), ("servers", 1)]


@pytest.fixture(scope="module", params=PLACES, ids=lambda p: f"{p[0]}-{p[1]}")
def place(
    request: pytest.FixtureRequest,
    provider: Simulator,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Place]:
    stores, count = request.param
    zone = Zone(provider, tmp_path_factory.mktemp("zone"))
    zone.provider("main", "openai")
    zone.model(MODEL, ("main", "sim-fast"), price=PRICE)
    zone.components = {"billing": {"use": "ledger"}}
    with ExitStack() as stack:
        if stores == "servers":
            zone.components |= stack.enter_context(servers()).components
            # Exactness is asked for here, not haste: this machine runs other tests beside it.
            zone.components["shared_state"] = {
                **zone.components["shared_state"],
                "deadline_ms": 1000,
            }
        running = stack.enter_context(product(zone))
        urls = stack.enter_context(gateways(running, count))
        yield Place(running, urls, stores == "servers")


def settled(team: Team, available: int) -> None:
    """All that was held is charged or given back, and so much is left."""
    until(lambda: team.balance() == (available, 0), 30, every_s=0.2)


def test_a_balance_serves_exactly_what_it_pays_for(place: Place) -> None:
    team = place.team("balance", str(PAID_FOR))
    assert place.at_once(team.key) == {
        "200": PAID_FOR,
        "402 team_credit_exhausted": CALLS - PAID_FOR,
    }
    settled(team, 0)
    # What comes later is there for whoever asks next, at whichever gateway.
    team.grant("3")
    assert place.at_once(team.key, 40)["200"] == 3
    settled(team, 0)
    verify(place.product)


def test_what_is_left_of_a_balance_is_never_refused(place: Place) -> None:
    """One after the other, at gateways in turn: each may have leased what the next one asks for."""
    team = place.team("rest", str(PAID_FOR))
    for number in range(PAID_FOR):
        url = place.urls[number % len(place.urls)]
        (answer,) = flood([url], team.key, BODY, 1)
        assert answer.status == 200, (number, answer.body)
    assert place.at_once(team.key, 4) == {"402 team_credit_exhausted": 4}
    settled(team, 0)


def test_a_budget_serves_exactly_what_it_allows(place: Place) -> None:
    team = place.team("budget", "1000")
    wish = {"scope": "team", "period": "lifetime", "limit_nanos": PAID_FOR * USD}
    budget = team.done("POST", "/budgets", wish)
    assert place.at_once(team.key) == {
        "200": PAID_FOR,
        "402 budget_exceeded": CALLS - PAID_FOR,
    }
    settled(team, (1000 - PAID_FOR) * USD)
    stand = team.done("GET", f"/budgets/{budget['id']}")
    assert (stand["spent_nanos"], stand["leased_nanos"]) == (PAID_FOR * USD, 0)
    wider = {"limit_nanos": (PAID_FOR + 2) * USD}
    team.done("PATCH", f"/budgets/{budget['id']}", wider)
    assert place.at_once(team.key, 40)["200"] == 2
    settled(team, (1000 - PAID_FOR - 2) * USD)
    verify(place.product)


def test_requests_a_minute_are_exactly_as_many(place: Place) -> None:
    # Where no Valkey is, each gateway counts for itself; a zone file that wants several is refused.
    allowed = PAID_FOR * (1 if place.shared else len(place.urls))
    team = place.team("pace", "1000")
    key = team.new_key(rpm=PAID_FOR)["key"]
    place.learn(key)
    time.sleep(0.2)
    began = time.monotonic()
    answers = flood(place.urls, key, BODY, CALLS)
    assert tally(answers) == {"200": allowed, "429 rate_limit_exceeded": CALLS - allowed}
    if not (SOAK or (place.shared and len(place.urls) > 1)):
        return  # a minute's wait: in the hardest place alone, and in all of them in `make soak`
    # Whoever comes when he was told to is served, and not a request more than allowed.
    while (answer := flood(place.urls[:1], key, BODY, 1)[0]).status != 200:
        assert answer.code == "rate_limit_exceeded"
        assert time.monotonic() - began < 60 + SLACK_S
        time.sleep(float(answer.headers["retry-after"]))
    assert time.monotonic() - began > 60
    time.sleep(SLACK_S)
    found = place.at_once(key, 60)
    assert found == {"200": allowed - 1, "429 rate_limit_exceeded": 61 - allowed}
