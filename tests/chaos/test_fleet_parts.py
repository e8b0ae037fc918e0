"""A fleet under load, and each of its parts killed and frozen in turn: only what ran on a killed gateway
is lost, balances and limits are exact, and whoever asks is served again within five seconds.

Four gateways, two controls, PostgreSQL and Valkey are many processes for one machine: all of it in `make soak`.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field

import pytest

from chaos.test_servers_stopped import children
from e2e.operating import (
    SOAK,
    USD,
    Answer,
    Servers,
    Team,
    chat,
    gateways,
    new_team,
    servers,
    verify,
)
from e2e.product import Product, Zone, product, simulator, until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1_200)]

RATE = float(os.environ.get("OPENGATEWAY_SOAK_RATE", "300"))
STREAMED = 0.2
FROZEN_S = 6.0
AWAY_S = 300.0
RECOVERED_S = 5.0
MODEL = "lab/fast"


@dataclass
class Fleet:
    """`members` are whole products on one store; `urls` all gateways, `extra` those without a control."""

    members: list[Product]
    urls: list[str]
    stores: Servers
    key: str = ""
    found: list[tuple[float, str, Answer]] = field(default_factory=list)

    async def load(self, for_s: float, rate: float = RATE) -> None:
        """Requests at random gateways at a steady rate, a part of them streams; none is tried again."""
        running: set[asyncio.Task[None]] = set()
        began = time.monotonic()
        for number in itertools.count():
            due = began + number / rate
            if due > began + for_s:
                break
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            task = asyncio.create_task(self._one(number))
            running.add(task)
            task.add_done_callback(running.discard)
        await asyncio.gather(*running)

    async def _one(self, number: int) -> None:
        streamed = (number * 7919) % 100 < STREAMED * 100
        text = "[[simulate gap_s=0.02]] a story of 30 words" if streamed else "go"
        wish = {"model": MODEL, "max_tokens": 60, "stream": streamed}
        body = json.dumps({**wish, "messages": [{"role": "user", "content": text}]}).encode()
        url = self.urls[number % len(self.urls)]
        answer = await chat(url, self.key, body)
        self.found.append((time.monotonic(), url, answer))

    def back_s(self, since: float, url: str) -> float:
        """Until a gateway answers 20 in a row with 200, from `since`."""
        in_a_row, last = 0, since
        for at, where, answer in sorted(self.found, key=lambda row: row[0]):
            if at < since or where != url:
                continue
            in_a_row = in_a_row + 1 if answer.status == 200 else 0
            last = at if in_a_row == 1 else last
            if in_a_row == 20:
                return last - since
        return float("inf")


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    folder = tmp_path_factory.mktemp("fleet")
    with ExitStack() as stack:
        provider = stack.enter_context(simulator())
        stores = stack.enter_context(servers())
        zone = Zone(provider, folder / "a", components={**stores.components})
        zone.components["billing"] = {"use": "ledger"}
        zone.provider("main", "openai")
        zone.model(MODEL, ("main", "sim-fast"))
        other = Zone(provider, folder / "b", zone.providers, zone.models)
        other.components = zone.components
        one = stack.enter_context(product(zone))
        home = folder / "b" / "var"
        home.mkdir(mode=0o700, parents=True)
        (home / "secrets").symlink_to(folder / "a" / "var" / "secrets")
        two = stack.enter_context(product(other))
        urls = stack.enter_context(gateways(one, 2)) + stack.enter_context(gateways(two, 2))
        yield Fleet([one, two], urls, stores)


def whole(fleet: Fleet, team: Team, usd: int, since: int) -> None:
    """Whoever got an answer to the end is charged once, and nobody is charged for what is not recorded."""
    served = [a.request_id for _, _, a in fleet.found[since:] if a.status == 200]
    assert len(set(served)) == len(served)
    until(lambda: team.balance()[1] == 0, 120, every_s=0.5)
    verify(fleet.members[0])
    entries_usd = usd * USD - team.balance()[0]
    assert entries_usd > 0


Part = Callable[[Fleet], list[int]]
PARTS: dict[str, Part] = {
    "gateway": lambda f: [f.members[0].pid("gateway")],
    "control": lambda f: [f.members[0].pid("control")],
    "the other control": lambda f: [f.members[1].pid("control")],
    "postgres": lambda f: [f.stores.postgres.pid, *children(f.stores.postgres.pid)],
    "valkey": lambda f: [f.stores.valkey.pid],
}

if SOAK:

    @pytest.mark.parametrize("part", list(PARTS))
    def test_a_part_that_stands_still_is_missed_by_nobody_for_long(fleet: Fleet, part: str) -> None:
        team = new_team(fleet.members[0], f"frozen {part}", "1000")
        fleet.key, since = team.key, len(fleet.found)
        for url in fleet.urls:
            until(lambda url=url: _knows(url, team.key), 20)
        told = asyncio.run(_while_frozen(fleet, PARTS[part](fleet)))
        counts = Counter(f"{a.status} {a.code}".strip() for _, _, a in fleet.found[since:])
        backs = {url[-5:]: round(fleet.back_s(told, url), 2) for url in fleet.urls}
        print(f"\nSIGSTOP {part} for {FROZEN_S} s: {dict(counts)}; back after {backs}")
        # A frozen gateway's own callers wait, and are answered after it; 0 is a caller who gave up.
        assert {a.status for _, _, a in fleet.found[since:]} <= {200, 503, 0}, counts
        assert max(backs.values()) < RECOVERED_S
        whole(fleet, team, 1000, since)

    @pytest.mark.parametrize("part", ["gateway", "control", "the other control"])
    def test_a_part_that_is_killed_costs_only_what_ran_on_it(fleet: Fleet, part: str) -> None:
        team = new_team(fleet.members[0], f"killed {part}", "1000")
        fleet.key, since = team.key, len(fleet.found)
        for url in fleet.urls:
            until(lambda url=url: _knows(url, team.key), 20)
        told = asyncio.run(_killed(fleet, PARTS[part](fleet)))
        lost = [(url, a.status, a.code) for _, url, a in fleet.found[since:] if a.status != 200]
        backs = {url[-5:]: round(fleet.back_s(told, url), 2) for url in fleet.urls}
        print(f"\nSIGKILL {part}: {Counter(lost)}; back after {backs}")
        killed = fleet.members[0].url
        if part == "gateway":
            assert {url for url, status, _ in lost if status == 0} <= {killed}
        else:
            assert {status for _, status, _ in lost} <= {503}
        assert max(backs.values()) < RECOVERED_S
        whole(fleet, team, 1000, since)

    def test_control_and_all_stores_are_away_for_five_minutes(fleet: Fleet) -> None:
        team = new_team(fleet.members[0], "away", "10000")
        fleet.key, since = team.key, len(fleet.found)
        for url in fleet.urls:
            until(lambda url=url: _knows(url, team.key), 20)
        asyncio.run(fleet.load(5, 50))
        pids = [
            pid
            for name in ("control", "the other control", "postgres", "valkey")
            for pid in PARTS[name](fleet)
        ]
        for pid in pids:
            os.kill(pid, signal.SIGSTOP)
        try:
            asyncio.run(fleet.load(AWAY_S / 2, 20))
            os.kill(fleet.members[1].pid("gateway"), signal.SIGKILL)  # and starts from its disk
            asyncio.run(fleet.load(AWAY_S / 2, 20))
        finally:
            for pid in reversed(pids):
                os.kill(pid, signal.SIGCONT)
        told = time.monotonic()
        asyncio.run(fleet.load(15, 50))
        counts = Counter(f"{a.status} {a.code}".strip() for _, _, a in fleet.found[since:])
        again = [a.status for at, url, a in fleet.found[since:] if url == fleet.members[1].url]
        backs = {url[-5:]: round(fleet.back_s(told, url), 2) for url in fleet.urls}
        print(f"\naway for {AWAY_S:.0f} s: {dict(counts)}; back after {backs}")
        assert {a.status for _, _, a in fleet.found[since:]} <= {200, 503, 0}, counts
        assert counts["200"] > 0.9 * sum(counts.values())
        assert 200 in again
        assert max(backs.values()) < RECOVERED_S
        whole(fleet, team, 10000, since)


def _knows(url: str, key: str) -> bool:
    from e2e.operating import knows

    return knows(url, key)


async def _while_frozen(fleet: Fleet, pids: list[int]) -> float:
    running = asyncio.create_task(fleet.load(FROZEN_S + 12))
    await asyncio.sleep(3)
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    try:
        await asyncio.sleep(FROZEN_S)
    finally:
        for pid in reversed(pids):
            os.kill(pid, signal.SIGCONT)
    told = time.monotonic()
    await running
    return told


async def _killed(fleet: Fleet, pids: list[int]) -> float:
    running = asyncio.create_task(fleet.load(15))
    await asyncio.sleep(3)
    told = time.monotonic()
    for pid in pids:
        os.kill(pid, signal.SIGKILL)
    await running
    return told
