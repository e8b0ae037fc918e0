"""A team's own key: on every surface and every fallback for this team alone, and for the fee alone."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from e2e.operating import operator
from e2e.product import PRICE, Product, Simulator, Zone, http, product, run, simulator, until

SECRET = "sk-canary-own-0a1b2c3d4e5f6071"
OWN_ONLY, BOTH, EMBED = "house/own", "house/both", "house/embed"


@pytest.fixture(scope="module")
def upstream() -> Iterator[Simulator]:
    with simulator() as running:
        yield running


@pytest.fixture(scope="module")
def running(upstream: Simulator, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    zone = Zone(upstream, tmp_path_factory.mktemp("own"))
    zone.components = {"billing": {"use": "ledger"}}
    zone.outbound = {"allow": ["127.0.0.1"]}
    zone.sections = {"pricing": {"own_key_fee_percent": "10"}}
    zone.provider("first", "vllm")
    zone.model(BOTH, ("first", "sim-chat"))
    with product(zone) as started:
        run("credits", "grant", "--zone", str(started.zone_file), "--team", "e2e", "--usd", "5")
        place = {"wire": "openai", "base_url": upstream.url + "/as/vllm/v1"}
        operator(started, "POST", "/admin/providers", {"id": "theirs", **place})
        publish(started, OWN_ONLY, "sim-chat", "chat")
        publish(started, EMBED, "sim-embed", "embedding")
        yield started


def publish(target: Product, model_id: str, upstream: str, kind: str) -> None:
    """A model of a provider at which the platform has no credential."""
    endpoint = {"provider": "theirs", "upstream_model": upstream, "context": 8192, "price": PRICE}
    config = {"kind": kind, "endpoints": [endpoint]}
    made = operator(target, "POST", "/admin/models", {"model_id": model_id, "config": config})
    operator(target, "POST", f"/admin/models/{made['id']}/publish")


@pytest.fixture(scope="module")
def team_id(running: Product) -> str:
    return str(operator(running, "GET", "/team?team=e2e")["id"])


@pytest.fixture(scope="module")
def other(running: Product) -> dict[str, str]:
    """A key of another team, which has credit."""
    zone = str(running.zone_file)
    run("credits", "grant", "--zone", zone, "--team", "other", "--usd", "5")
    done = run("keys", "create", "--zone", zone, "--team", "other", "--name", "k", "--json")
    made: dict[str, str] = json.loads(done.stdout)
    until(lambda: running.knows(made["key"]))
    return made


def ask(running: Product, key: str, path: str, body: dict[str, Any]) -> tuple[int, bytes, str]:
    status, answer, headers = http(
        running.url + path,
        method="POST",
        body=json.dumps(body).encode(),
        headers={"authorization": f"Bearer {key}", "content-type": "application/json"},
    )
    return status, answer, headers.get("x-request-id", "")


def surfaces(model: str) -> list[tuple[str, dict[str, Any]]]:
    messages = [{"role": "user", "content": "hello"}]
    return [
        ("/v1/chat/completions", {"model": model, "messages": messages}),
        ("/v1/chat/completions", {"model": model, "messages": messages, "stream": True}),
        ("/v1/messages", {"model": model, "messages": messages, "max_tokens": 50}),
        ("/v1/messages", {"model": model, "messages": messages, "max_tokens": 50, "stream": True}),
        ("/v1/responses", {"model": model, "input": "hello"}),
        ("/v1/responses", {"model": model, "input": "hello", "stream": True}),
    ]


def test_a_teams_own_key_serves_that_team_on_every_surface_for_the_fee(
    running: Product, team_id: str
) -> None:
    made = operator(
        running,
        "POST",
        f"/teams/{team_id}/credentials",
        {"provider": "theirs", "name": "ours", "secret": {"api_key": SECRET}},
    )
    assert made["test"]["ok"], made
    chat = surfaces(OWN_ONLY)[0]
    until(lambda: ask(running, running.key, *chat)[0] == 200)
    before = operator(running, "GET", f"/admin/teams/{team_id}/balance")
    embedding = ("/v1/embeddings", {"model": EMBED, "input": "a text of some length"})
    for path, body in (*surfaces(OWN_ONLY), embedding):
        status, answer, request_id = ask(running, running.key, path, body)
        assert status == 200, (path, answer)
        record = running.record(request_id)
        assert [a["credential"] for a in record["attempts"]] == [made["log_name"]]
        list_price = cost_of(record)
        assert list_price > 0
        assert record["cost_nanos"] == record["fee_nanos"] == -(-list_price // 10)
        assert record.get("provider_cost_nanos", 0) == 0
    assert b"credential" not in answer
    after = until(lambda: settled(running, team_id, before))
    assert 0 < before["available_nanos"] + before["held_nanos"] - after < 10**7


def settled(running: Product, team_id: str, before: dict[str, Any]) -> int | None:
    now = operator(running, "GET", f"/admin/teams/{team_id}/balance")
    left = int(now["available_nanos"] + now["held_nanos"])
    return left if left < before["available_nanos"] + before["held_nanos"] else None


def cost_of(record: dict[str, Any]) -> int:
    """By the list's price: 0.20 and 0.60 US dollars for a million tokens."""
    usage = record["usage"]
    rates = {"input_tokens": 200, "output_tokens": 600, "reasoning_tokens": 600}
    rates["cache_read_tokens"] = rates["cache_write_tokens"] = 200
    return sum(quantity * rates[dimension] for dimension, quantity in usage.items())


def test_no_other_team_is_served_by_it_on_any_surface_or_fallback(
    running: Product, other: dict[str, str], upstream: Simulator
) -> None:
    key = other["key"]
    for path, body in surfaces(OWN_ONLY):
        assert ask(running, key, path, body)[0] == 404, path
    assert ask(running, key, "/v1/embeddings", {"model": EMBED, "input": "a"})[0] == 404
    listed = http(running.url + "/v1/models", headers={"authorization": f"Bearer {key}"})[1]
    assert OWN_ONLY not in listed.decode()
    assert BOTH in listed.decode()
    # The platform's endpoint fails, and the fallback is the other team's alone.
    upstream.faults({"fault": {"status": 500}})
    try:
        body = surfaces(BOTH)[0][1] | {"models": [OWN_ONLY]}
        status, _, request_id = ask(running, key, "/v1/chat/completions", body)
        record = running.record(request_id)
        assert all(a["provider"] == "first" for a in record["attempts"]), (status, record)
    finally:
        upstream.reset()


def test_the_price_of_a_key_that_is_both_is_the_one_that_served(
    running: Product, team_id: str, upstream: Simulator
) -> None:
    made = operator(
        running,
        "POST",
        f"/teams/{team_id}/credentials",
        {"provider": "first", "name": "ours", "secret": {"api_key": SECRET}, "preferred": False},
    )
    place = f"/teams/{team_id}/credentials/{made['id']}"
    chat = surfaces(BOTH)[0]

    def credential() -> str:
        status, _, request_id = ask(running, running.key, *chat)
        assert status == 200
        return str(running.record(request_id)["attempts"][-1]["credential"])

    # The platform's endpoint may still be cooling down from the fault of the test before.
    until(lambda: credential() == "main")
    operator(running, "PATCH", place, {"preferred": True})
    until(lambda: credential() == made["log_name"])
    # It fails, and the platform's serves: for the list's price, without a fee.
    upstream.faults({"match": {"key": SECRET}, "fault": {"status": 500}})
    try:
        status, _, request_id = ask(running, running.key, *chat)
        record = running.record(request_id)
    finally:
        upstream.reset()
    assert (status, [a["credential"] for a in record["attempts"]][-1]) == (200, "main")
    assert made["log_name"] in [a["credential"] for a in record["attempts"]]
    assert (record["cost_nanos"], record.get("fee_nanos", 0)) == (cost_of(record), 0)
    operator(running, "DELETE", place)
    until(lambda: credential() == "main")


def test_the_secret_is_in_no_log_record_answer_or_file(running: Product) -> None:
    home = running.zone_file.parent
    found = [
        path for path in home.rglob("*") if path.is_file() and SECRET.encode() in path.read_bytes()
    ]
    assert found == []
    assert run("ledger", "verify", "--zone", str(running.zone_file)).returncode == 0
