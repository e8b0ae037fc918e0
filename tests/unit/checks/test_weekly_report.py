from __future__ import annotations

from typing import Any

import msgspec

from control_plane import closed
from opengateway.checks.report.figures import MAX_NAMES, MAX_TIMES, Figures, Times
from opengateway.checks.report.weekly import WeeklySources, document, page
from opengateway.domain.records import AttemptRecord, Ending, RequestError


def row(number: int = 1, **changes: Any) -> dict[str, Any]:
    built: dict[str, Any] = msgspec.to_builtins(closed(number, **changes))
    return built


def sources(week: Figures, before: Figures | None = None, **changes: Any) -> WeeklySources:
    said: dict[str, Any] = {
        "zone": "kr",
        "from_ns": 1_764_000_000_000_000_000,
        "until_ns": 1_764_600_000_000_000_000,
        "week": week,
        "before": before or Figures(),
        "smoke_runs": (),
        "proposals": (),
        "prices": (),
        "flagged": (),
        "ledger": {},
        **changes,
    }
    return WeeklySources(**said)


def test_a_week_adds_up_what_was_charged_what_it_cost_and_who_answered() -> None:
    week = Figures()
    week.add(row(1, cost_nanos=2_000, provider_cost_nanos=500))
    week.add(row(2, cost_nanos=1_000, provider_cost_nanos=900, provider_cost_known=False))
    refused = RequestError(503, "provider_overloaded", "m")
    week.add(row(3, ending=Ending.REFUSED, cost_nanos=0, status=503, error=refused, provider=None))
    told = document(sources(week))
    traffic = told["traffic"]
    assert (traffic["requests"], traffic["answered"], traffic["cost_unknown"]) == (3, 2, 1)
    assert (traffic["charged"], traffic["cost"], traffic["margin"]) == (3_000, 500, 2_500)
    assert traffic["by_provider"]["acme"]["requests"] == 2
    assert told["reliability"]["errors"] == {"provider_overloaded": 1}
    assert told["reliability"]["answered_share"] == 2 / 3


def test_the_operators_own_requests_are_apart() -> None:
    week = Figures(frozenset({"team_ops"}))
    week.add(row(1, team_id="team_ops", provider_cost_nanos=70))
    told = document(sources(week))
    assert told["traffic"]["requests"] == 0
    assert told["smoke"]["cost"] == 70


def test_a_step_to_another_endpoint_is_a_failover_and_a_retry_is_none() -> None:
    def tried(endpoint: str) -> AttemptRecord:
        return AttemptRecord(endpoint, "a", "g", "u", "c", 0.0, error_class="overloaded")

    week = Figures()
    week.add(row(1, attempts=[tried("e1"), tried("e1"), tried("e2")]))
    assert document(sources(week))["reliability"]["failovers"] == {"overloaded": 1}


def test_models_that_came_and_went_are_seen_beside_the_week_before() -> None:
    week, before = Figures(), Figures()
    week.add(row(1, model="a/new"))
    before.add(row(1, model="a/old"))
    models = document(sources(week, before))["models"]
    assert models == {"first_used": ["a/new"], "no_longer_used": ["a/old"]}


def test_names_and_times_are_bounded() -> None:
    week = Figures()
    for number in range(MAX_NAMES + 10):
        week.add(row(1, model=f"m/{number}"))
    assert len(week.models) <= MAX_NAMES + 1
    assert sum(s.requests for s in week.models.values()) == MAX_NAMES + 10
    times = Times()
    for value in range(MAX_TIMES * 2):
        times.add(value)
    found = times.percentile(50)
    assert found is not None
    assert 0.9 * MAX_TIMES < found < 1.1 * MAX_TIMES


def test_the_page_has_every_part_and_says_where_there_is_nothing() -> None:
    week = Figures()
    week.add(row(1, ending=Ending.VOID, total_ms=0.0))
    run = {
        "started_at_ns": 1_764_100_000_000_000_000,
        "level": "daily",
        "passed": 9,
        "planned": 10,
        "failed": 1,
        "unavailable": 0,
        "skipped": 0,
    }
    proposal = {"state": "open", "change": "take 'tools' out", "detail": "not called"}
    told = page(sources(week, smoke_runs=[run], proposals=[proposal], ledger={"I2": 0, "I3": 2}))
    for part in ("Models", "Providers", "Reliability", "Prices added", "Smoke tests", "Judgement"):
        assert f"## {part}" in told
    assert "9 of 10 passed" in told
    assert "open: take 'tools' out (not called)" in told
    assert "1 requests ended with their gateway" in told
    assert "2 rows break I3 of the ledger" in told
    assert "I2" not in told
