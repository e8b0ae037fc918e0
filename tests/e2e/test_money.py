"""Credit, limits and idempotency keys as a team meets them: through the whole product."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from typing import Any

import pytest

from e2e.conftest import CHAT, FAST, small_zone
from e2e.product import Product, Simulator, http, product, run, until

BODY: dict[str, Any] = {
    "model": FAST,
    "max_tokens": 50,
    "messages": [{"role": "user", "content": "say something"}],
}


@pytest.fixture(scope="module")
def selling(provider: Simulator, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    zone = small_zone(provider, tmp_path_factory)
    zone.components = {"billing": {"use": "ledger"}}
    with product(zone) as running:
        yield running


def team_key(target: Product, team: str, usd: str | None = None) -> str:
    zone = str(target.zone_file)
    if usd is not None:
        run("credits", "grant", "--zone", zone, "--team", team, "--usd", usd, "--json")
    made = json.loads(
        run("keys", "create", "--zone", zone, "--team", team, "--name", "k", "--json").stdout
    )
    until(lambda: target.knows(made["key"]))
    return str(made["key"])


def ask(
    target: Product, key: str, body: dict[str, Any] = BODY, **headers: str
) -> tuple[int, Any, dict[str, str]]:
    status, raw, told = target.chat(body, {"authorization": f"Bearer {key}", **headers})
    return status, json.loads(raw) if raw.startswith(b"{") else raw, told


def credits(target: Product, key: str) -> dict[str, Decimal]:
    status, raw, _ = http(target.url + "/v1/credits", headers={"authorization": f"Bearer {key}"})
    assert status == 200, raw
    found: dict[str, Decimal] = json.loads(raw, parse_float=Decimal, parse_int=Decimal)["data"]
    return found


def verify(target: Product) -> Any:
    done = run("ledger", "verify", "--zone", str(target.zone_file), "--json", check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(done.stdout)


def test_without_credit_nothing_is_sent_and_the_refusal_says_what_to_do(
    selling: Product, provider: Simulator
) -> None:
    key = team_key(selling, "poor")
    before = provider.stats().get("requests", None)
    status, body, told = ask(selling, key)
    assert status == 402
    assert body["error"]["type"] == "billing_error"
    assert body["error"]["code"] == "team_credit_exhausted"
    assert "add credit" in body["error"]["message"]
    assert told["x-should-retry"] == "false"
    if before is not None:
        assert provider.stats()["requests"] == before


def test_what_a_request_costs_leaves_the_balance_to_the_nano_dollar(selling: Product) -> None:
    key = team_key(selling, "payer", "1.00")
    assert credits(selling, key) == {"total_credits": Decimal(1), "total_usage": Decimal(0)}
    status, body, told = ask(selling, key)
    assert status == 200
    usage = body["usage"]
    cost = (
        usage["prompt_tokens"] * Decimal("0.20") + usage["completion_tokens"] * Decimal("0.60")
    ) / 10**6
    record = selling.record(told["x-request-id"])
    assert record["cost_nanos"] == int(cost * 10**9)
    assert record["lease_id"]
    until(lambda: credits(selling, key)["total_usage"] == cost, 10, every_s=0.3)
    verify(selling)


def test_a_refusal_names_the_output_that_would_be_served(selling: Product) -> None:
    key = team_key(selling, "modest", "0.0001")
    status, body, _ = ask(selling, key, {**BODY, "model": CHAT, "max_tokens": 10_000})
    assert status == 402
    assert body["error"]["param"] == "max_tokens"
    words = body["error"]["message"].replace(",", "").split()
    fits = int(words[words.index("max_tokens") + 2])
    assert ask(selling, key, {**BODY, "model": CHAT, "max_tokens": fits})[0] == 200


def test_a_stream_that_outruns_the_credit_ends_with_an_error(selling: Product) -> None:
    # Room for the first 4,096 tokens that are held, and not for the next.
    key = team_key(selling, "outrun", "0.0040")
    text = "[[simulate gap_s=0]] tell a very long story of 9000 words"
    body = {
        "model": CHAT,
        "stream": True,
        "max_tokens": 16_000,
        "messages": [{"role": "user", "content": text}],
    }
    status, raw, _ = ask(selling, key, body)
    assert status == 200
    assert b"[DONE]" not in raw
    assert b"team_credit_exhausted" in raw.splitlines()[-2] + raw.splitlines()[-1] + raw[-600:]
    verify(selling)


def test_many_at_once_are_served_as_far_as_the_credit_goes(selling: Product) -> None:
    # Held at their dearest: 50 tokens of output, and the input's bound.
    key = team_key(selling, "crowd", "0.002")
    with ThreadPoolExecutor(40) as pool:
        answers = list(pool.map(lambda _: ask(selling, key)[0], range(120)))
    assert set(answers) <= {200, 402}
    assert 200 in answers

    def settled() -> bool:
        stand = credits(selling, key)
        return bool(stand["total_usage"] <= stand["total_credits"])

    until(settled, 10, every_s=0.3)
    verify(selling)


def test_the_same_request_sent_again_is_answered_again_and_charged_once(
    selling: Product,
) -> None:
    key = team_key(selling, "careful", "1.00")
    name = uuid.uuid4().hex
    first = ask(selling, key, **{"idempotency-key": name})
    again = ask(selling, key, **{"idempotency-key": name})
    assert first[0] == again[0] == 200
    assert again[1] == first[1]
    assert again[2]["x-opengateway-idempotent-replay"] == "true"
    assert again[2]["x-request-id"] == first[2]["x-request-id"]
    other = ask(selling, key, {**BODY, "max_tokens": 51}, **{"idempotency-key": name})
    assert (other[0], other[1]["error"]["code"]) == (422, "idempotency_mismatch")
    stream = {**BODY, "stream": True}
    name = uuid.uuid4().hex
    assert ask(selling, key, stream, **{"idempotency-key": name})[0] == 200
    done = ask(selling, key, stream, **{"idempotency-key": name})
    assert (done[0], done[1]["error"]["code"]) == (409, "idempotency_finished")


def test_what_a_key_is_and_used(selling: Product) -> None:
    key = team_key(selling, "curious", "2.50")
    assert ask(selling, key)[0] == 200
    status, raw, _ = http(selling.url + "/v1/key", headers={"authorization": f"Bearer {key}"})
    data = json.loads(raw)["data"]
    assert status == 200
    assert data["name"] == "k"
    assert data["limit"] is None
    assert data["zone"] == "test"


def test_the_ledger_is_whole_after_all_of_it(selling: Product) -> None:
    assert verify(selling)
