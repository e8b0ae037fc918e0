"""What a key may do, and how soon a change reaches the gateway: through the whole product."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from e2e.conftest import CHAT, FAST, TWO, small_zone
from e2e.operating import Answer, Team, chat, flood, knows, new_team, operator, tally
from e2e.product import Product, Simulator, product, until

pytestmark = pytest.mark.slow
SOON_S = 5.0


def body(model: str = FAST, text: str = "go", **more: Any) -> bytes:
    asked = {"model": model, "max_tokens": 50, **more}
    return json.dumps({**asked, "messages": [{"role": "user", "content": text}]}).encode()


@pytest.fixture(scope="module")
def place(provider: Simulator, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    zone = small_zone(provider, tmp_path_factory)
    zone.components = {"billing": {"use": "ledger"}}
    with product(zone) as running:
        yield running


@pytest.fixture(scope="module")
def team(place: Product) -> Team:
    return new_team(place, "rules", "100")


def ask(team: Team, key: str, sent: bytes | None = None) -> Answer:
    return asyncio.run(chat(team.product.url, key, sent or body()))


def seconds_until(told: Callable[[], bool]) -> float:
    began = time.monotonic()
    until(told, SOON_S, every_s=0.01)
    took_s = time.monotonic() - began
    print(f"\n{took_s:.2f} s")
    return took_s


def test_a_revoked_key_is_refused_within_seconds(team: Team) -> None:
    key = team.new_key()
    assert ask(team, key["key"]).status == 200
    team.done("DELETE", f"/keys/{key['id']}")
    assert seconds_until(lambda: ask(team, key["key"]).status == 401) < SOON_S
    assert ask(team, key["key"]).code == "key_revoked"


def test_a_disabled_key_is_refused_until_it_is_enabled_again(team: Team) -> None:
    key = team.new_key()
    team.done("PATCH", f"/keys/{key['id']}", {"disabled": True})
    assert seconds_until(lambda: ask(team, key["key"]).status in (401, 403)) < SOON_S
    team.done("PATCH", f"/keys/{key['id']}", {"disabled": False})
    assert seconds_until(lambda: ask(team, key["key"]).status == 200) < SOON_S


def test_a_frozen_team_is_refused_until_it_is_released(place: Product) -> None:
    cold = new_team(place, "cold", "5")
    assert ask(cold, cold.key).status == 200
    operator(place, "POST", f"/admin/teams/{cold.id}/freeze", {"reason": "a look at its spending"})
    assert seconds_until(lambda: ask(cold, cold.key).code == "team_frozen") < SOON_S
    operator(place, "POST", f"/admin/teams/{cold.id}/unfreeze", {"reason": "nothing was found"})
    assert seconds_until(lambda: ask(cold, cold.key).status == 200) < SOON_S


def test_after_a_rotation_the_old_secret_is_taken_until_its_time(team: Team) -> None:
    old = team.new_key()
    turned = team.done("POST", f"/keys/{old['id']}/rotate", {"overlap_s": 3})
    until(lambda: ask(team, turned["key"]).status == 200, SOON_S)
    assert ask(team, old["key"]).status == 200
    left_s = turned["old_until_ns"] / 1e9 - time.time()
    assert 0 < left_s <= 3
    time.sleep(left_s + 0.1)
    refused = ask(team, old["key"])
    assert (refused.status, refused.code) == (401, "key_revoked")
    assert ask(team, turned["key"]).status == 200
    at_once = team.done("POST", f"/keys/{old['id']}/rotate", {"overlap_s": 0})
    until(lambda: ask(team, at_once["key"]).status == 200, SOON_S)
    assert ask(team, turned["key"]).status == 401


def test_a_key_is_used_from_its_addresses_only(team: Team) -> None:
    here = team.new_key(ips=["127.0.0.0/8", "2001:db8::/32"])["key"]
    elsewhere = team.new_key(ips=["203.0.113.0/24"])["key"]
    assert ask(team, here).status == 200
    refused = ask(team, elsewhere)
    assert (refused.status, refused.code) == (403, "address_not_allowed")


def test_a_key_asks_its_models_only(team: Team) -> None:
    key = team.new_key(models=[FAST])["key"]
    assert ask(team, key).status == 200
    refused = ask(team, key, body(CHAT))
    assert (refused.status, refused.code) == (403, "model_not_allowed")


def test_a_key_is_served_by_its_providers_only(place: Product, team: Team) -> None:
    key = team.new_key(providers=["spare"])["key"]
    served = [ask(team, key, body(TWO)) for _ in range(6)]
    assert {answer.status for answer in served} == {200}
    records = {record["id"]: record["provider"] for record in _records(place, served)}
    assert {records[answer.request_id] for answer in served} == {"spare"}
    refused = ask(team, key)  # only `main` has this model
    assert (refused.status, refused.code) == (403, "provider_not_allowed")


def _records(place: Product, served: list[Answer]) -> list[dict[str, Any]]:
    wanted = {answer.request_id for answer in served}

    def there() -> list[dict[str, Any]] | None:
        found = [record for record in place.records() if record["id"] in wanted]
        return found if len(found) == len(wanted) else None

    found: list[dict[str, Any]] = until(there, 10, every_s=0.3)
    return found


def test_requests_a_minute_are_told_with_every_answer(team: Team) -> None:
    key = team.new_key(rpm=3)["key"]
    for left in (2, 1, 0):
        headers = ask(team, key).headers
        told = [headers[f"x-ratelimit-{name}-requests"] for name in ("limit", "remaining")]
        assert told == ["3", str(left)]
        assert headers["x-ratelimit-reset-requests"].endswith("s")
    refused = ask(team, key)
    assert (refused.status, refused.code) == (429, "rate_limit_exceeded")
    assert refused.headers["x-ratelimit-remaining-requests"] == "0"
    assert 0 < int(refused.headers["retry-after"]) <= 61


def test_tokens_a_minute_are_reserved_and_then_settled(team: Team) -> None:
    key = team.new_key(tpm=1_000)["key"]
    headers = ask(team, key).headers
    assert headers["x-ratelimit-limit-tokens"] == "1000"
    # The fixed answer used 20 and 50; the next request's own are reserved in turn.
    for served in range(2, 30):
        answer = ask(team, key)
        if answer.status != 200:
            break
        assert 0 <= int(answer.headers["x-ratelimit-remaining-tokens"]) <= 1_000 - 70 * (served - 1)
    assert (answer.status, answer.code) == (429, "rate_limit_exceeded")
    assert 0 < int(answer.headers["retry-after"]) <= 61
    # What was used, and not what was reserved, is what fills a minute: 14 of 70 at most.
    assert 12 <= served - 1 <= 14
    beyond = ask(team, key, body(max_tokens=2_000))
    assert (beyond.status, beyond.code) == (429, "request_over_limit")


def test_only_so_many_run_at_once(team: Team) -> None:
    key = team.new_key(concurrency=2)["key"]
    slow = body(CHAT, "[[simulate gap_s=0.2]] tell a story of 20 words", stream=True)
    found = tally(flood([team.product.url], key, slow, 10))
    assert found == {"200": 2, "429 rate_limit_exceeded": 8}
    assert ask(team, key).status == 200  # their places are free again


def test_a_key_that_ran_out_is_refused(team: Team) -> None:
    until_ns = time.time_ns() + 2 * 10**9
    key = team.new_key(expires_at_ns=until_ns)["key"]
    assert knows(team.product.url, key)
    time.sleep(2.1)
    refused = ask(team, key)
    assert (refused.status, refused.code) == (401, "key_expired")
