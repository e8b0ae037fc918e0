"""Providers that are added while the product runs: they serve, stream and bill, and are gone again."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from e2e.operating import operator
from e2e.product import PRICE, Product, Simulator, Zone, product, run, simulator, until

CANARY = "sk-canary-5f0c7e1b9a3d4c2e"


@pytest.fixture(scope="module")
def upstream() -> Iterator[Simulator]:
    with simulator() as running:
        yield running


@pytest.fixture(scope="module")
def running(upstream: Simulator, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    zone = Zone(upstream, tmp_path_factory.mktemp("desk"))
    zone.components = {"billing": {"use": "ledger"}}
    zone.extra = {"outbound": {"allow": ["127.0.0.1"]}}
    zone.provider("first", "vllm")
    zone.model("acme/one", ("first", "one"))
    zone.model("acme/two", ("later", "two"), ("first", "two"))
    zone.providers["later"] = {}
    del zone.providers["later"]
    zone.model("acme/two", ("first", "two"))
    with product(zone) as started:
        run("credits", "grant", "--zone", str(started.zone_file), "--team", "e2e", "--usd", "5")
        yield started


def hello(model: str, **extra: Any) -> dict[str, Any]:
    return {"model": model, "messages": [{"role": "user", "content": "hello"}], **extra}


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
                        "upstream_model": "new",
                        "context": 131072,
                        "price": dict(PRICE),
                    }
                ]
            },
        },
    )
    operator(running, "POST", f"/admin/models/{model['id']}/publish", {})
    until(lambda: running.chat(hello("house/new"))[0] == 200)
    status, body, headers = running.chat(hello("house/new"))
    assert (status, headers["x-opengateway-provider"]) == (200, "later")
    status, stream, headers = running.chat(hello("house/new", stream=True))
    assert status == 200
    assert stream.rstrip().endswith(b"data: [DONE]")
    record = running.record(headers["x-request-id"])
    assert record["provider"] == "later"
    assert record["cost_nanos"] > 0
