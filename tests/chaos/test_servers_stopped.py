"""PostgreSQL and Valkey stand still under load while a team pays: traffic goes on or is told 503,
never that a key is bad or a purse empty; afterwards all adds up."""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import signal
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import asyncpg
import pytest

from e2e.conftest import FAST, small_zone
from e2e.operating import SOAK, Answer, Servers, Team, chat, new_team, servers, verify
from e2e.product import Product, product, simulator, until
from stores import apart

pytestmark = pytest.mark.slow

STOPPED_S = 60.0 if SOAK else 8.0
WORKERS = 8
RECOVERED_S = 5.0
BODY = json.dumps(
    {"model": FAST, "max_tokens": 50, "messages": [{"role": "user", "content": "go"}]}
).encode()


@dataclass(frozen=True)
class Place:
    product: Product
    servers: Servers


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    with simulator() as provider, servers() as stores:
        zone = small_zone(provider, tmp_path_factory)
        zone.components = {"billing": {"use": "ledger"}, **stores.components}
        with product(zone) as running:
            yield Place(running, stores)


async def load(
    url: str, key: str, for_s: float, pause_s: float = 0.01
) -> list[tuple[float, Answer]]:
    """What every call was told, and when."""
    found: list[tuple[float, Answer]] = []
    end = time.monotonic() + for_s

    async def worker() -> None:
        while time.monotonic() < end:
            answer = await chat(url, key, BODY)
            found.append((time.monotonic(), answer))
            await asyncio.sleep(pause_s)

    await asyncio.gather(*(worker() for _ in range(WORKERS)))
    return found


def stopped(pid: int, url: str, key: str, for_s: float) -> list[tuple[float, Answer]]:
    os.kill(pid, signal.SIGSTOP)
    try:
        return asyncio.run(load(url, key, for_s))
    finally:
        os.kill(pid, signal.SIGCONT)


def recovered(place: Place, key: str) -> float:
    """Seconds until 20 calls in a row are served."""
    began = time.monotonic()
    in_a_row = 0
    while in_a_row < 20:
        (answer,) = [asyncio.run(chat(place.product.url, key, BODY))]
        in_a_row = in_a_row + 1 if answer.status == 200 else 0
        assert time.monotonic() - began < 2 * RECOVERED_S, (answer.status, answer.code)
    return time.monotonic() - began


async def _rows(url: str, statement: str) -> list[Any]:
    connection = await asyncpg.connect(url)
    try:
        return [tuple(row) for row in await connection.fetch(statement)]
    finally:
        await connection.close()


def reconciled(place: Place, team: Team, usd: int, served: set[str]) -> None:
    """Whoever was served is charged once; the balance is what is left to the nano-dollar."""
    url = place.servers.postgres.url("postgres")

    def told() -> dict[str, int]:
        where = f"where team_id = '{team.id}'"
        return dict(apart(_rows(url, f"select request_id, amount from ledger_settlements {where}")))

    until(lambda: served <= set(told()) and team.balance()[1] == 0, 60, every_s=0.5)
    charged = told()
    assert all(charged[id_] > 0 for id_ in served)
    until(lambda: team.balance() == (usd * 10**9 - sum(told().values()), 0), 10, every_s=0.5)
    verify(place.product)


def counts(answers: list[tuple[float, Answer]]) -> dict[str, int]:
    return dict(Counter(f"{a.status} {a.code}".strip() for _, a in answers))


def ids(answers: list[tuple[float, Answer]]) -> set[str]:
    return {a.request_id for _, a in answers if a.status == 200}


def test_a_stopped_database_loses_nothing_and_blames_nobody(place: Place) -> None:
    team = new_team(place.product, "stopped", "1000")
    url = place.product.url
    before = asyncio.run(load(url, team.key, 1.0))
    # The postmaster's backends are processes of their own: all of them stand still.
    pids = [place.servers.postgres.pid, *children(place.servers.postgres.pid)]
    for pid in pids[1:]:
        os.kill(pid, signal.SIGSTOP)
    try:
        during = stopped(pids[0], url, team.key, STOPPED_S)
    finally:
        for pid in pids[1:]:
            os.kill(pid, signal.SIGCONT)
    back_s = recovered(place, team.key)
    print(f"\nPostgreSQL for {STOPPED_S:.0f} s: {counts(during)}; back after {back_s:.1f} s")
    assert {a.status for _, a in during} <= {200, 503}, counts(during)
    assert len(ids(during)) > 0
    assert back_s < RECOVERED_S
    reconciled(place, team, 1000, ids(before) | ids(during))


def test_past_what_may_be_spent_without_the_database_it_is_503(place: Place) -> None:
    # A gift only: then nothing may be spent beyond what is leased (decision 12).
    team = new_team(place.product, "small")
    team.grant("1", paid=False)
    key = team.new_key(limit_usd="0.002")["key"]  # about 50 of what the load asks
    url = place.product.url
    assert asyncio.run(chat(url, key, BODY)).status == 200
    pids = [place.servers.postgres.pid, *children(place.servers.postgres.pid)]
    for pid in pids[1:]:
        os.kill(pid, signal.SIGSTOP)
    try:
        during = stopped(pids[0], url, key, STOPPED_S / 2)
    finally:
        for pid in pids[1:]:
            os.kill(pid, signal.SIGCONT)
    print(f"\nPostgreSQL, small limit: {counts(during)}")
    assert {a.status for _, a in during} <= {200, 503}, counts(during)
    assert 503 in {a.status for _, a in during}
    # Then the ledger says what is so: the limit is spent, or it is not yet.
    until(lambda: asyncio.run(chat(url, key, BODY)).status in (200, 402), RECOVERED_S)
    until(lambda: team.balance()[1] == 0, 60, every_s=0.5)
    verify(place.product)


def test_a_stopped_valkey_costs_nobody_a_request(place: Place) -> None:
    team = new_team(place.product, "limited", "1000")
    key = team.new_key(rpm=1_000_000, tpm=100_000_000, concurrency=1_000)["key"]
    url = place.product.url
    before = asyncio.run(load(url, key, 1.0))
    assert counts(before) == {"200": len(before)}
    during = stopped(place.servers.valkey.pid, url, key, STOPPED_S)
    back_s = recovered(place, key)
    slowest_s = gaps(during)
    print(
        f"\nValkey for {STOPPED_S:.0f} s: {counts(during)}; longest silence {slowest_s:.2f} s;"
        f" back after {back_s:.1f} s"
    )
    assert counts(during) == {"200": len(during)}
    assert slowest_s < 2.0
    assert back_s < RECOVERED_S
    reconciled(place, team, 1000, ids(before) | ids(during))


def gaps(answers: list[tuple[float, Answer]]) -> float:
    """The longest time, in seconds, in which nobody got an answer."""
    times = sorted(at for at, _ in answers)
    return max(later - sooner for sooner, later in itertools.pairwise(times))


def children(pid: int) -> list[int]:
    found = []
    with open(f"/proc/{pid}/task/{pid}/children") as file:
        found = [int(text) for text in file.read().split()]
    return found
