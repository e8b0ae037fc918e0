"""A real Prometheus scrapes the real product under load and faults: what dashboards ask has an answer,
and alerts fire and go."""

from __future__ import annotations

import json
import math
import sys
import threading
from collections.abc import Iterator
from contextlib import suppress

import pytest

from e2e.product import ROOT, Product, Simulator, Zone, product, run, simulator, until
from prometheus import Prometheus, prometheus

sys.path.insert(0, str(ROOT))
from tools.monitoring import alerts, dashboards

HASTE = 60
"""Minutes become seconds."""
QUIET = {
    # No provider of this zone keeps conversations in one place.
    "Stickiness",
    "Stickiness that hit",
}


@pytest.fixture(scope="module")
def provider() -> Iterator[Simulator]:
    with simulator() as running:
        yield running


@pytest.fixture(scope="module")
def gateway(provider: Simulator, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    zone = Zone(provider, tmp_path_factory.mktemp("zone"))
    zone.provider("main", "openai")
    zone.provider("spare", "openai")
    zone.model("lab/two", ("main", "sim-chat"), ("spare", "sim-chat"))
    zone.models["lab/two"]["capabilities"] = ["tools"]
    zone.models["lab/two"]["endpoints"][1]["priority"] = 1
    zone.components = {"billing": {"use": "ledger"}}
    with product(zone) as running:
        run("credits", "grant", "--zone", str(running.zone_file), "--team", "e2e", "--usd", "50")
        yield running


@pytest.fixture(scope="module")
def watched(gateway: Product, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prometheus]:
    rules = alerts.rules(alerts.load(), hasten=HASTE)
    with prometheus(tmp_path_factory.mktemp("prometheus"), gateway.metrics_port, rules) as running:
        yield running


@pytest.fixture(scope="module")
def _load(gateway: Product, watched: Prometheus) -> Iterator[None]:
    """Calls all the while, whole and streamed, some of them wrong."""
    stop = threading.Event()

    def call() -> None:
        turn = 0
        words = " ".join(["the same beginning"] * 600)
        while not stop.wait(0.1):
            turn += 1
            body = {"model": "lab/two", "messages": [{"role": "user", "content": words}]}
            if turn % 3 == 0:
                body["stream"] = True
            if turn % 7 == 0:
                body["max_tokens"] = "wrong"
            with suppress(OSError):
                gateway.chat(body)

    thread = threading.Thread(target=call, daemon=True)
    thread.start()
    yield
    stop.set()
    thread.join(20)


FAILS_OVER = ({"match": {"model": "sim-chat", "every": 2}, "fault": {"status": 503}},)
EVERYTHING_FAILS = ({"fault": {"status": 500}},)
KEY_REFUSED = ({"match": {"every": 5, "times": 3}, "fault": {"status": 401}},)


def settled(query: str) -> str:
    """A panel's query with Grafana's variables filled in."""
    return (
        query.replace("$__rate_interval", "20s")
        .replace("[1h]", "[30s]")
        .replace('"$model"', '".*"')
        .replace('"$provider"', '".*"')
    )


@pytest.mark.usefixtures("_load")
def test_every_panel_has_data_and_every_rule_runs(
    gateway: Product, watched: Prometheus, provider: Simulator
) -> None:
    tested = run("smoke", "--zone", str(gateway.zone_file), "--json", check=False)
    assert json.loads(tested.stdout)["ok"], tested.stdout
    provider.faults(*FAILS_OVER)
    until(lambda: watched.ask("sum(rate(opengateway_failovers_total[20s])) > 0"), 60, every_s=1)
    empty = {(board, title, query) for board, title, query in dashboards.asks()}

    def nothing_empty() -> bool:
        for board, title, query in sorted(empty):
            found = watched.ask(settled(query))
            numbers = [float(row["value"][1]) for row in found]
            if title in QUIET or not all(math.isnan(number) for number in numbers or [math.nan]):
                empty.discard((board, title, query))
        return not empty

    with suppress(AssertionError):
        until(nothing_empty, 40, every_s=2)
    assert empty == set()
    groups = watched.get("/api/v1/rules")["groups"]
    rules = [rule for group in groups for rule in group["rules"]]
    assert len(rules) == len(alerts.load())
    assert [rule["name"] for rule in rules if rule["health"] != "ok"] == []
    provider.reset()


@pytest.mark.usefixtures("_load")
def test_alerts_fire_and_go(gateway: Product, watched: Prometheus, provider: Simulator) -> None:
    def fires(name: str) -> None:
        until(lambda: name in watched.firing(), 60, every_s=0.5)

    def goes(name: str) -> None:
        until(lambda: name not in watched.firing(), 90, every_s=0.5)

    assert "HighErrorRate" not in watched.firing()
    provider.faults(*EVERYTHING_FAILS)
    fires("HighErrorRate")
    provider.reset()
    goes("HighErrorRate")

    provider.faults(*KEY_REFUSED)
    fires("CredentialRefused")
    provider.reset()
    goes("CredentialRefused")
