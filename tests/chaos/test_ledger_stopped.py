"""The ledger stands still under load: traffic goes on within leases and the allowance, then it is told
503; afterwards every nano-dollar is where it belongs (decision 12)."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import time
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from e2e.conftest import FAST, small_zone
from e2e.product import Product, http, product, run, simulator, until

SOAK = bool(os.environ.get("OPENGATEWAY_SOAK"))
STOPPED_S = 60.0 if SOAK else 6.0
WORKERS = 8
BODY = json.dumps(
    {"model": FAST, "max_tokens": 50, "messages": [{"role": "user", "content": "go"}]}
).encode()


@pytest.fixture(scope="module")
def selling(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    with simulator() as provider:
        zone = small_zone(provider, tmp_path_factory)
        zone.components = {"billing": {"use": "ledger"}}
        with product(zone) as running:
            yield running


def team_key(target: Product, team: str, usd: str) -> str:
    zone = str(target.zone_file)
    run("credits", "grant", "--zone", zone, "--team", team, "--usd", usd, "--paid")
    made = json.loads(
        run("keys", "create", "--zone", zone, "--team", team, "--name", "k", "--json").stdout
    )
    until(lambda: target.knows(made["key"]))
    return str(made["key"])


def ask(target: Product, key: str) -> tuple[int, str | None]:
    status, raw, told = http(
        target.url + "/v1/chat/completions",
        method="POST",
        body=BODY,
        headers={"authorization": f"Bearer {key}", "content-type": "application/json"},
    )
    code = None if status == 200 else json.loads(raw)["error"]["code"]
    return status, code if code else told["x-request-id"]


async def load(target: Product, key: str, until_s: float) -> list[tuple[float, int, str | None]]:
    found: list[tuple[float, int, str | None]] = []

    async def worker() -> None:
        while time.monotonic() < until_s:
            status, what = await asyncio.to_thread(ask, target, key)
            found.append((time.monotonic(), status, what))

    await asyncio.gather(*(worker() for _ in range(WORKERS)))
    return found


def verify(target: Product) -> None:
    done = run("ledger", "verify", "--zone", str(target.zone_file), "--json", check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def stand(target: Product, key: str) -> dict[str, Any]:
    status, raw, _ = http(target.url + "/v1/credits", headers={"authorization": f"Bearer {key}"})
    assert status == 200, raw
    found: dict[str, Any] = json.loads(raw)["data"]
    return found


def test_a_stopped_ledger_is_never_told_as_a_bad_key_or_an_empty_purse(selling: Product) -> None:
    # 5 % of it, the allowance, is far more than is asked for meanwhile.
    key = team_key(selling, "rich", "100.00")
    one = selling.record(str(ask(selling, key)[1]))["cost_nanos"]
    assert one > 0
    before = asyncio.run(load(selling, key, time.monotonic() + 1.0))
    control = selling.pid("control")
    os.kill(control, signal.SIGSTOP)
    try:
        stopped = asyncio.run(load(selling, key, time.monotonic() + STOPPED_S))
    finally:
        os.kill(control, signal.SIGCONT)
    counts = Counter(status for _, status, _ in stopped)
    print(f"\nstopped for {STOPPED_S:.0f} s: {dict(counts)}")
    assert set(counts) == {200}, Counter(what for _, status, what in stopped if status != 200)
    resumed_s = time.monotonic()
    until(lambda: ask(selling, key)[0] == 200, 10)
    assert time.monotonic() - resumed_s < 5
    # All ask the same and are charged the same: the sum is known to the nano-dollar.
    served = sum(1 for _, status, _ in (*before, *stopped) if status == 200) + 2
    until(lambda: round(stand(selling, key)["total_usage"] * 1e9) == served * one, 30, every_s=0.5)
    verify(selling)


def test_past_what_may_be_spent_meanwhile_it_is_503(selling: Product) -> None:
    # The allowance of so small a balance is a few requests.
    key = team_key(selling, "small", "0.002")
    assert ask(selling, key)[0] == 200
    control = selling.pid("control")
    time.sleep(1.0)
    os.kill(control, signal.SIGSTOP)
    try:
        stopped = asyncio.run(load(selling, key, time.monotonic() + STOPPED_S / 2))
    finally:
        os.kill(control, signal.SIGCONT)
    counts = Counter(status for _, status, _ in stopped)
    codes = Counter(what for _, status, what in stopped if status != 200)
    assert set(counts) <= {200, 503}, codes
    assert counts[503] > 0
    assert set(codes) <= {"ledger_unreachable", "ledger_slow", "ledger_busy"}, codes
    until(lambda: ask(selling, key)[0] in (200, 402), 10)
    time.sleep(1.5)
    told = stand(selling, key)
    # Overspent at most by the allowance: 5 % of the balance.
    assert told["total_usage"] <= told["total_credits"] * 1.05
    verify(selling)
