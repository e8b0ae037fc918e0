"""Providers that are added while the product runs: they serve, stream and bill, and are gone again."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator
from typing import Any

import pytest

from e2e.operating import operator
from e2e.product import PRICE, Product, Simulator, Zone, http, product, run, simulator, until

CANARY = "sk-canary-5f0c7e1b9a3d4c2e"


@pytest.fixture(scope="module")
def upstream() -> Iterator[Simulator]:
    with simulator() as running:
        yield running


@pytest.fixture(scope="module")
def running(upstream: Simulator, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    zone = Zone(upstream, tmp_path_factory.mktemp("desk"))
    zone.components = {"billing": {"use": "ledger"}}
    zone.outbound = {"allow": ["127.0.0.1"]}
    zone.provider("first", "vllm")
    zone.model("acme/one", ("first", "sim-chat"))
    with product(zone) as started:
        run("credits", "grant", "--zone", str(started.zone_file), "--team", "e2e", "--usd", "5")
        yield started


def hello(model: str, **extra: Any) -> dict[str, Any]:
    return {"model": model, "messages": [{"role": "user", "content": "hello"}], **extra}


def test_a_teams_own_policy_is_a_ceiling_within_seconds(running: Product) -> None:
    team_id = operator(running, "GET", "/team?team=e2e")["id"]
    place = f"/teams/{team_id}/routing"
    shown = operator(running, "PUT", place, {"ignore": ["first"]})
    assert shown["served"] == shown["models"] - 1
    until(lambda: running.chat(hello("acme/one"))[0] == 403)
    _, answer, _ = running.chat(hello("acme/one", provider={"only": ["first"]}))
    assert json.loads(answer)["error"]["code"] == "team_policy"
    operator(running, "PUT", place, {})
    until(lambda: running.chat(hello("acme/one"))[0] == 200)


def test_a_provider_added_at_run_time_serves_streams_and_bills(
    running: Product, upstream: Simulator
) -> None:
    made = operator(
        running,
        "POST",
        "/admin/providers",
        {"id": "later", "wire": "openai", "base_url": upstream.url + "/as/vllm/v1"},
    )
    assert (made["source"], made["read_only"], made["credentials"]) == ("database", False, 0)
    credential = operator(
        running,
        "POST",
        "/admin/providers/later/credentials",
        {"name": "main", "secret": {"api_key": CANARY}},
    )
    assert CANARY not in json.dumps(credential)
    tested = operator(running, "POST", "/admin/providers/later/test", {"credential": "main"})
    assert tested["ok"], tested
    model = operator(
        running,
        "POST",
        "/admin/models",
        {
            "model_id": "house/new",
            "config": {
                "endpoints": [
                    {
                        "provider": "later",
                        "upstream_model": "sim-chat",
                        "context": 131072,
                        "price": dict(PRICE),
                    }
                ]
            },
        },
    )
    operator(running, "POST", f"/admin/models/{model['id']}/publish", {})
    until(lambda: running.chat(hello("house/new"))[0] == 200)
    status, _, headers = running.chat(hello("house/new"))
    assert (status, headers["x-opengateway-provider"]) == (200, "later")
    status, stream, headers = running.chat(hello("house/new", stream=True))
    assert status == 200
    assert stream.rstrip().endswith(b"data: [DONE]")
    record = running.record(headers["x-request-id"])
    assert record["provider"] == "later"
    assert record["cost_nanos"] > 0


def test_a_rotated_credential_is_used_and_a_disabled_one_is_not(
    running: Product, upstream: Simulator
) -> None:
    (row,) = operator(running, "GET", "/admin/providers/later/credentials")["data"]
    place = f"/admin/credentials/{row['id']}"
    operator(running, "POST", f"{place}/rotate", {"secret": {"api_key": CANARY + "-second"}})
    until(lambda: running.chat(hello("house/new"))[0] == 200)
    operator(running, "PATCH", place, {"disabled": True})
    until(lambda: running.chat(hello("house/new"))[0] == 404)
    operator(running, "PATCH", place, {"disabled": False})
    until(lambda: running.chat(hello("house/new"))[0] == 200)


def test_a_credential_that_has_spent_its_cap_is_asked_no_more_until_it_may_spend_more(
    running: Product,
) -> None:
    (row,) = operator(running, "GET", "/admin/providers/later/credentials")["data"]
    place = f"/admin/credentials/{row['id']}"

    def told() -> tuple[int, str | None]:
        status, body, _ = running.chat(hello("house/new"))
        return status, None if status == 200 else json.loads(body)["error"]["code"]

    operator(running, "PATCH", place, {"spend_cap_usd": "0.000000001", "spend_cap_period": "month"})
    # What is asked before the gateway hears of the cap is not counted; the first after it is served.
    until(lambda: told() == (503, "upstream_quota"))
    assert told() == (503, "upstream_quota")
    assert running.chat(hello("acme/one"))[0] == 200
    operator(running, "PATCH", place, {"spend_cap_usd": "5"})
    until(lambda: told() == (200, None))
    operator(running, "PATCH", place, {"spend_cap_usd": None, "spend_cap_period": None})


def test_a_gateway_that_starts_alone_opens_its_sealed_copy_and_no_secret_lies_on_the_disk(
    running: Product,
) -> None:
    assert running.chat(hello("house/new"))[0] == 200
    home = running.zone_file.parent
    kept = [path for path in home.rglob("*") if path.is_file()]
    assert any(path.suffix == ".ogv" for path in kept)
    found = [path for path in kept if CANARY.encode() in path.read_bytes()]
    assert found == []
    # While control is stopped there is nothing but the copies; a snapshot whose vault cannot be
    # opened is not put in force, and the model would not be known.
    stopped = running.pid("control")
    os.kill(stopped, signal.SIGSTOP)
    try:
        os.kill(running.pid("gateway"), signal.SIGKILL)
        known = {"authorization": f"Bearer {running.key}"}
        until(lambda: http(running.url + "/v1/models/house/new", headers=known)[0] == 200, 30)
    finally:
        os.kill(stopped, signal.SIGCONT)
    until(lambda: running.chat(hello("house/new"))[0] == 200, 30)


def test_a_drained_endpoint_gets_nothing_and_a_withdrawn_model_is_gone(running: Product) -> None:
    (found,) = operator(running, "GET", "/admin/endpoints?model=house/new")["data"]
    wish = {"endpoint_id": found["endpoint_id"], "drained": True, "force": True}
    assert operator(running, "PUT", "/admin/endpoints", wish)["served"] is False
    until(lambda: running.chat(hello("house/new"))[0] == 404)
    operator(running, "PUT", "/admin/endpoints", {"endpoint_id": found["endpoint_id"]})
    until(lambda: running.chat(hello("house/new"))[0] == 200)
    (model,) = operator(running, "GET", "/admin/models?model=house/new")["data"]
    operator(running, "POST", f"/admin/models/{model['id']}/withdraw")
    until(lambda: running.chat(hello("house/new"))[0] == 404)
    assert json.loads(run("ledger", "verify", "--zone", str(running.zone_file), "--json").stdout)
