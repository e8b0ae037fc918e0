"""Redeem codes through two gateways: made at the command line, fought over, and proved."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from e2e.operating import SOAK, USD, flood, gateways, new_team, operator, servers, tally, verify
from e2e.product import Product, Simulator, Zone, product, run

pytestmark = pytest.mark.slow

ATTEMPTS = 1_000 if SOAK else 300
GUESSES = 10_000 if SOAK else 600
PATH = "/api/v1/redeem"


@pytest.fixture(scope="module", params=["embedded", "servers"])
def place(
    request: pytest.FixtureRequest, provider: Simulator, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Product, list[str]]]:
    zone = Zone(provider, tmp_path_factory.mktemp("zone"))
    zone.provider("main", "openai")
    zone.model("lab/fast", ("main", "sim-fast"))
    with ExitStack() as stack:
        if request.param == "servers":
            zone.components |= stack.enter_context(servers()).components
        running = stack.enter_context(product(zone))
        yield running, stack.enter_context(gateways(running, 2))


def codes(running: Product, usd: str, count: int, *options: str) -> list[str]:
    at = ("--zone", str(running.zone_file), "--usd", usd, "--count", str(count))
    made = json.loads(run("redeem", "generate", *at, *options, "--json").stdout)["codes"]
    assert len(set(made)) == count
    return list(made)


def test_a_crowd_at_once_makes_one_credit_of_one_code(
    place: tuple[Product, list[str]],
) -> None:
    running, urls = place
    team = new_team(running, "crowd")
    (code,) = codes(running, "12.50", 1)
    body = json.dumps({"code": code, "team_id": team.id}).encode()
    found = tally(flood(urls, team.manager, body, ATTEMPTS, PATH))
    print(f"\n{ATTEMPTS} attempts over {len(urls)} gateways: {found}")
    assert found.pop("201") == 1
    # What control or its store has no room for at once is told so, and is done nothing for.
    busy = {"503 control_unavailable", "503 control_store_unavailable"}
    assert set(found) <= {"400 redeem_code_invalid", "429 too_many_attempts"} | busy
    assert team.balance() == (12_500_000_000, 0)
    assert len(operator(running, "GET", f"/teams/{team.id}/ledger")["data"]) == 1
    verify(running)


def test_guesses_over_http_are_slowed_down_and_a_good_code_waits_with_them(
    place: tuple[Product, list[str]],
) -> None:
    running, urls = place
    team = new_team(running, "guesser")
    body = json.dumps({"code": "OGC-0000-0000-0000-0000-0000", "team_id": team.id}).encode()
    found: dict[str, int] = {}
    for _ in range(GUESSES // 200):
        for told, count in tally(flood(urls, team.manager, body, 200, PATH)).items():
            found[told] = found.get(told, 0) + count
    print(f"\n{GUESSES} guesses: {found}")
    assert found.get("400 redeem_code_invalid", 0) <= 10
    assert found["429 too_many_attempts"] >= GUESSES // 2
    (code,) = codes(running, "1", 1)
    wanted = json.dumps({"code": code, "team_id": team.id}).encode()
    (late,) = flood(urls[:1], team.manager, wanted, 1, PATH)
    assert (late.status, late.code) == (429, "too_many_attempts")
    assert team.balance() == (0, 0)


def test_limits_of_team_and_total_are_exact_for_all_who_come_at_once(
    place: tuple[Product, list[str]],
) -> None:
    running, urls = place
    limits = ("--per-team", "2", "--max-redemptions", "3")
    made = codes(running, "1", 20, *limits)
    teams = [new_team(running, f"racer {number}") for number in range(2)]
    for round_ in range(5):
        for team in teams:
            body = json.dumps({"code": made.pop(), "team_id": team.id}).encode()
            tally(flood(urls, team.manager, body, 2, PATH))
        assert sum(team.balance()[0] for team in teams) <= 3 * USD, round_
    given = sorted(team.balance()[0] for team in teams)
    assert given == [USD, 2 * USD]
    verify(running)


def test_wrong_usage_makes_no_codes(place: tuple[Product, list[str]]) -> None:
    running, _ = place
    at = ("redeem", "generate", "--zone", str(running.zone_file))
    for wrong in (("--usd", "0", "--count", "1"), ("--usd", "1", "--count", "0"), ("--usd", "1")):
        done = run(*at, *wrong, check=False)
        assert (done.returncode, done.stdout) == (2, ""), done.stderr
