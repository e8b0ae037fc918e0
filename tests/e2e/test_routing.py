"""Where requests go, as their callers see it."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from e2e.conftest import small_zone
from e2e.product import PRICE, Product, Simulator, http, product

WARM = "lab/warm"
"""A model whose two providers read what they have cached for less."""
BODY = {"model": WARM, "messages": [{"role": "user", "content": "hello there"}]}


@pytest.fixture(scope="module")
def gateway(provider: Simulator, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    zone = small_zone(provider, tmp_path_factory)
    zone.model(WARM, ("main", "sim-chat"), ("spare", "sim-chat"))
    for endpoint in zone.models[WARM]["endpoints"]:
        endpoint["price"] = {**PRICE, "cache_read": "0.02"}
    with product(zone) as running:
        yield running


def test_a_conversation_comes_back_to_the_provider_that_has_it_cached(gateway: Product) -> None:
    seen: list[tuple[str, str]] = []
    for _ in range(4):
        status, _, headers = gateway.chat({**BODY, "session_id": "warm"})
        assert status == 200
        seen.append((headers["x-opengateway-sticky"], headers["x-opengateway-provider"]))
    home = seen[0][1]
    assert seen == [("miss", home), *[("hit", home)] * 3]
    by_header = gateway.chat(BODY, {"x-session-id": "warm"})[2]
    assert by_header["x-opengateway-sticky"] == "hit"
    assert gateway.chat(BODY)[2]["x-opengateway-sticky"] == "none"
    assert gateway.record(headers["x-request-id"])["routing"]["sticky"] == "hit"


def test_it_moves_within_the_request_when_that_provider_fails(
    gateway: Product, provider: Simulator
) -> None:
    asked = {**BODY, "session_id": "moving"}
    home = gateway.chat(asked)[2]["x-opengateway-provider"]
    # The first try and the one in place: what is worth a second try there.
    provider.faults({"match": {"nth": [1, 2]}, "fault": {"status": 500}})
    try:
        status, _, headers = gateway.chat(asked)
    finally:
        provider.reset()
    assert (status, headers["x-opengateway-sticky"]) == (200, "moved")
    assert headers["x-opengateway-attempts"] == "3"
    other = headers["x-opengateway-provider"]
    assert other != home
    assert gateway.chat(asked)[2]["x-opengateway-provider"] == other


def test_debug_routing_tells_the_way_in_answers_streams_and_errors(
    gateway: Product, provider: Simulator
) -> None:
    asked = {**BODY, "session_id": "told", "debug": {"routing": True}}
    _, raw, _ = gateway.chat(asked)
    told = json.loads(raw)["extra"]["routing"]
    assert told["sticky"] == {"result": "miss", "key_source": "session_id"}
    assert {row["endpoint"].split("/")[0] for row in told["candidates"]["order"]} == {
        "main",
        "spare",
    }
    assert [attempt["status"] for attempt in told["attempts"]] == ["succeeded"]
    _, raw, _ = gateway.chat({**asked, "stream": True})
    last = raw.split(b"data: ")[-2]
    assert json.loads(last)["extra"]["routing"]["sticky"]["result"] == "hit"
    provider.faults({"fault": {"status": 400}})
    try:
        status, raw, _ = gateway.chat(asked)
    finally:
        provider.reset()
    assert status == 400
    assert json.loads(raw)["extra"]["routing"]["attempts"][0]["status"] == "failed"


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/responses", {"input": "hello"}),
        ("/v1/messages", {"messages": BODY["messages"], "max_tokens": 20}),
    ],
)
def test_debug_routing_tells_the_way_on_every_surface(
    gateway: Product, path: str, body: dict[str, object]
) -> None:
    asked = {**body, "model": WARM, "debug": {"routing": True}}

    def ask(**more: object) -> bytes:
        headers = {"authorization": f"Bearer {gateway.key}", "content-type": "application/json"}
        sent = json.dumps({**asked, **more}).encode()
        status, raw, _ = http(gateway.url + path, method="POST", body=sent, headers=headers)
        assert status == 200, raw
        return raw

    told = json.loads(ask())["extra"]["routing"]
    assert [attempt["status"] for attempt in told["attempts"]] == ["succeeded"]
    events = [part.split(b"data: ")[1] for part in ask(stream=True).split(b"\n\n") if part]
    (note,) = (json.loads(data) for data in events if b'"extra"' in data)
    assert note["extra"]["routing"]["candidates"]["order"]
    assert b'"extra"' not in events[-1]
