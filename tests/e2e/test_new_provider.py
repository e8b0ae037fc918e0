"""A provider that the product never heard of, added to a zone that already runs: no line of code."""

from __future__ import annotations

import json
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest

from e2e.conftest import CHAT, small_zone
from e2e.product import Product, Simulator, Zone, http, product, run, until

NEW = "acme/talker"
CALLER = "house/caller"
HELLO = [{"role": "user", "content": "hello there"}]
TOOL = {"type": "function", "function": {"name": "look", "parameters": {"type": "object"}}}


def grown(zone: Zone) -> None:
    """What an operator adds: a vendor with its own quirks, and a server like one that is known."""
    zone.provider(
        "acme",
        "lmstudio",
        country="KR",
        profile={
            "rename": {"max_completion_tokens": "max_tokens"},
            "drop": ["logit_bias"],
            "json_object": False,
            "max_n": 1,
        },
    )
    zone.providers["acme"]["name"] = "Acme"
    zone.provider("house", "clova", like="clova")
    zone.model(NEW, ("acme", "sim-chat"))
    zone.model(CALLER, ("house", "sim-tools"))


@pytest.fixture(scope="module")
def served(provider: Simulator, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    """The zone served without it, was stopped, and is served with it: team and key are the old."""
    zone = small_zone(provider, tmp_path_factory)
    zone.components = {"billing": {"use": "ledger"}}
    with product(zone) as before:
        run(
            *("credits", "grant", "--zone", str(before.zone_file)),
            *("--team", "e2e", "--usd", "5.00", "--json"),
        )
        key = before.key
        status, raw, _ = before.chat({"model": NEW, "messages": HELLO})
        assert status == 404, raw
        before.stop()
    grown(zone)
    with product(zone) as running:
        running.key = key
        until(lambda: running.knows(key))
        yield running


def answered(raw: bytes) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(raw)
    return found


def chunks(raw: bytes) -> list[dict[str, Any]]:
    lines = [line[6:] for line in raw.split(b"\n") if line.startswith(b"data: ")]
    assert lines.pop() == b"[DONE]"
    return [json.loads(line) for line in lines]


def cost_of(usage: dict[str, Any]) -> int:
    per_token = {"prompt_tokens": Decimal("0.20"), "completion_tokens": Decimal("0.60")}
    return int(sum(usage[name] * price for name, price in per_token.items()) * 1000)


def test_it_serves_bills_and_says_who_it_is(served: Product) -> None:
    status, raw, told = served.chat(
        {
            "model": NEW,
            "messages": HELLO,
            "max_completion_tokens": 40,
            "logit_bias": {"1": 1},
            "response_format": {"type": "json_object"},
        }
    )
    assert status == 200, raw
    assert told["x-opengateway-provider"] == "acme"
    assert told["x-opengateway-dropped-params"] == "logit_bias"
    record = served.record(told["x-request-id"])
    assert record["cost_nanos"] == cost_of(answered(raw)["usage"])


def test_it_streams_and_the_stream_is_billed(served: Product) -> None:
    status, raw, told = served.chat(
        {
            "model": "talker",  # its bare name, which is nobody else's
            "messages": HELLO,
            "stream": True,
            "stream_options": {"include_usage": True},
        }
    )
    assert status == 200, raw
    shown = chunks(raw)
    assert {c["model"] for c in shown} == {NEW}
    record = served.record(told["x-request-id"])
    assert record["cost_nanos"] == cost_of(shown[-1]["usage"])
    spent = sum(r.get("cost_nanos", 0) for r in served.records())
    headers = {"authorization": f"Bearer {served.key}"}

    def settled() -> bool:
        data = json.loads(http(served.url + "/v1/credits", headers=headers)[1], parse_float=Decimal)
        return bool(data["data"]["total_usage"] == Decimal(spent) / 10**9)

    until(settled, 10, every_s=0.3)
    done = run("ledger", "verify", "--zone", str(served.zone_file), "--json", check=False)
    assert done.returncode == 0, done.stdout


def test_calls_stream_where_the_vendor_cannot_stream_them(served: Product) -> None:
    status, raw, _ = served.chat(
        {"model": CALLER, "messages": HELLO, "tools": [TOOL], "stream": True}
    )
    assert status == 200, raw
    calls = [
        call
        for chunk in chunks(raw)
        for choice in chunk["choices"]
        for call in choice["delta"].get("tool_calls", ())
    ]
    assert [call["function"]["name"] for call in calls if call["function"].get("name")] == ["look"]


def test_it_does_not_do_in_silence_what_it_cannot(served: Product) -> None:
    status, raw, _ = served.chat({"model": NEW, "messages": HELLO, "n": 2})
    assert status == 400
    assert answered(raw)["error"]["param"] == "n"


def test_it_is_listed_for_both_kinds_of_client(served: Product) -> None:
    headers = {"authorization": f"Bearer {served.key}"}
    listed = answered(http(served.url + "/v1/models", headers=headers)[1])["data"]
    assert {CHAT, NEW, CALLER} <= {m["id"] for m in listed}
    (place,) = answered(http(f"{served.url}/v1/models/{NEW}/endpoints", headers=headers)[1])[
        "data"
    ]["endpoints"]
    assert (place["provider_id"], place["country"], place["evidence"]) == (
        "acme",
        "KR",
        "configured",
    )
    cards = {"x-api-key": served.key, "anthropic-version": "2023-06-01"}
    page = answered(http(served.url + "/v1/models?limit=2", headers=cards)[1])
    assert [c["type"] for c in page["data"]] == ["model", "model"]
    assert page["has_more"]
    one = answered(http(f"{served.url}/v1/models/{NEW}", headers=cards)[1])
    assert (one["type"], one["id"]) == ("model", NEW)
