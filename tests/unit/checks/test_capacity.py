from __future__ import annotations

import json
from pathlib import Path

import pytest

from opengateway.checks.capacity import MEASURED, Load, plan_for, told

RESULTS = Path(__file__).resolve().parents[3] / "bench" / "results"


def test_the_figures_are_those_that_were_measured() -> None:
    newest = json.loads(max(RESULTS.glob("*.json")).read_text())["medians"]["opengateway"]
    for ours, name in (
        (MEASURED.gateway_us, "cpu_us_per_request_gateway"),
        (MEASURED.control_us, "cpu_us_per_request_control"),
        (MEASURED.gateway_event_us, "cpu_us_per_event_gateway"),
        (MEASURED.member_bytes / 1e6, "rss_tree_loaded_mb"),
    ):
        assert 0.5 < newest[name] / ours < 2, (name, newest[name], ours)


def test_a_small_load_takes_one_member() -> None:
    plan = plan_for(Load(requests_per_s=10))
    assert (plan.members, plan.store_connections, plan.limits) == (1, 16, [])
    assert plan.in_flight == 60


def test_a_million_requests_a_minute_say_where_the_model_breaks() -> None:
    plan = plan_for(Load(requests_per_s=1_000_000 / 60))
    assert plan.members > 100
    assert plan.ledger_gib_per_month == pytest.approx(15_208, rel=0.01)
    assert {
        word
        for word in ("one member", "connections", "charges", "providers'")
        if any(word in limit for limit in plan.limits)
    } == {"one member", "connections", "charges", "providers'"}
    text = "\n".join(told(plan))
    assert "1,000,000 a minute" in text
    assert text.count("breaks ") == len(plan.limits)


def test_members_follow_whichever_part_is_full_first() -> None:
    whole = Load(requests_per_s=1_000, streamed=0, duration_s=0.1)
    assert plan_for(whole).members == 1
    # Nothing to compute, but 60,000 wait at once: a gateway admits 10,000, six tenths used.
    assert plan_for(Load(requests_per_s=1_000, streamed=0, duration_s=60)).members == 10
    half = plan_for(whole).cpu_usd_per_million
    assert plan_for(Load(requests_per_s=500, streamed=0, duration_s=0.1)).cpu_usd_per_million > half
