from __future__ import annotations

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from control_plane import closed
from opengateway.control.settler.metrics import MAX_MODELS, MAX_SETS, SettlerMetrics
from opengateway.control.settler.tally import Tally
from opengateway.domain.records import (
    AttemptRecord,
    CloseRecord,
    Ending,
    RequestError,
    RoutingRecord,
)

NOW_NS = 1_764_000_000_000_000_000 + 2_000_000_000


def samples(
    *records: CloseRecord, operators: frozenset[str] = frozenset()
) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    registry = CollectorRegistry()
    tally = Tally(operators)
    tally.add(records)
    SettlerMetrics(registry).acked(100, tally, NOW_NS)
    text = generate_latest(registry).decode()
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_a_record_is_told_by_ending_model_provider_and_dimension() -> None:
    found = samples(closed(0), closed(0, stream=False))

    def value(name: str, **labels: str) -> float:
        return found[(f"opengateway_{name}", frozenset(labels.items()))]

    labels = {
        "ending": "completed",
        "operation": "chat.completions",
        "model": "acme/large",
        "provider": "acme",
        "status_class": "2xx",
    }
    assert value("requests_total", **labels) == 2
    assert value("attempts_total", provider="acme", region="global", error_class="overloaded") == 2
    assert value("attempts_total", provider="acme", region="global", error_class="succeeded") == 2
    assert value("tokens_total", dimension="cache_read_tokens", model="acme/large") == 10
    assert value("cost_nanodollars_total", model="acme/large", provider="acme") == 2_600
    assert value("request_seconds_sum", operation="chat.completions", stream="true") == 0.08
    assert value("first_token_seconds_count", provider="acme") == 2
    assert value("overhead_seconds_sum", operation="chat.completions") == 0.00048
    assert value("journal_acked_bytes_total") == 100
    assert value("journal_lag_seconds") == 1.92  # began 2 s ago, took 80 ms


def test_a_void_request_has_no_times() -> None:
    found = samples(closed(0, ending=Ending.VOID, status=0, total_ms=0.0))
    assert found[("opengateway_void_total", frozenset())] == 1
    assert not any(name == "opengateway_request_seconds_count" for name, _ in found)


def test_models_beyond_a_bound_are_counted_together() -> None:
    records = [closed(n, model=f"m/{n}") for n in range(MAX_MODELS + 50)]
    found = samples(*records, closed(0, model=None))
    models = [dict(labels)["model"] for name, labels in found if name == "opengateway_tokens_total"]
    assert set(models) == {f"m/{n}" for n in range(MAX_MODELS)} | {"other", "none"}
    other = frozenset({("dimension", "output_tokens"), ("model", "other")})
    assert found[("opengateway_tokens_total", other)] == 150


def test_label_sets_are_bounded_in_all_and_nothing_goes_uncounted() -> None:
    records = [
        closed(
            n,
            model=f"m/{n % 151}",
            provider=f"p{n % 59}",
            status=200 + 100 * (n % 4),
            attempts=[
                AttemptRecord("e", f"p{n % 59}", "g", "u", "c", 0.0, error_class=f"e{n % 50}")
            ],
        )
        for n in range(6_000)
    ]
    found = samples(*records)
    assert (
        len({(name, labels) for name, labels in found if name.endswith("_total")}) <= MAX_SETS + 20
    )
    for name in ("requests_total", "attempts_total"):
        assert sum(v for (n, _), v in found.items() if n == f"opengateway_{name}") == 6_000


def test_what_a_provider_charges_is_counted_where_it_is_known_and_else_the_request() -> None:
    found = samples(
        closed(0, provider_cost_nanos=700),
        closed(1, provider_cost_nanos=9, provider_cost_known=False),
        closed(2, usage_estimated=True, provider_cost_nanos=50),
    )
    acme = frozenset({("provider", "acme")})
    assert found[("opengateway_provider_cost_nanodollars_total", acme)] == 750
    assert found[("opengateway_provider_cost_unknown_total", acme)] == 1
    assert found[("opengateway_usage_missing_total", acme)] == 1


def test_a_failover_is_a_step_to_another_endpoint_and_a_retry_in_place_is_none() -> None:
    def tried(endpoint: str, provider: str, error: str | None = None) -> AttemptRecord:
        status = "failed" if error else "succeeded"
        return AttemptRecord(
            endpoint, provider, "g", "u", "c", 0.0, status=status, error_class=error
        )

    steps = [tried("e1", "a", "timeout"), tried("e1", "a", "overloaded"), tried("e2", "b")]
    found = samples(closed(0, attempts=steps))
    failovers = {
        labels: value for (name, labels), value in found.items() if name.endswith("failovers_total")
    }
    step = {("from_provider", "a"), ("to_provider", "b"), ("reason", "overloaded")}
    assert failovers == {frozenset(step): 1}


def test_stickiness_and_error_codes_are_told() -> None:
    found = samples(
        closed(0, routing=RoutingRecord("price", ["a/g"], sticky="hit")),
        closed(1, routing=RoutingRecord("price", ["a/g"])),
        closed(2, ending=Ending.REFUSED, status=402, error=RequestError(402, "no_credit", "m")),
    )
    assert found[("opengateway_sticky_total", frozenset({("result", "hit")}))] == 1
    assert found[("opengateway_errors_total", frozenset({("code", "no_credit")}))] == 1


def test_the_operators_own_requests_are_apart_from_customers() -> None:
    mine = closed(0, team_id="team_ops", provider_cost_nanos=40)
    found = samples(mine, closed(1), operators=frozenset({"team_ops"}))
    assert sum(v for (n, _), v in found.items() if n == "opengateway_requests_total") == 1
    assert (
        found[
            (
                "opengateway_request_seconds_count",
                frozenset({("operation", "chat.completions"), ("stream", "true")}),
            )
        ]
        == 1
    )
    completed = frozenset({("ending", "completed")})
    assert found[("opengateway_operator_requests_total", completed)] == 1
    assert found[("opengateway_operator_cost_nanodollars_total", frozenset())] == 40
