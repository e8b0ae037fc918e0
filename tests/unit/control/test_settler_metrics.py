from __future__ import annotations

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from control_plane import closed
from opengateway.control.settler.metrics import MAX_MODELS, MAX_SETS, SettlerMetrics, Tally
from opengateway.domain.records import AttemptRecord, CloseRecord, Ending

NOW_NS = 1_764_000_000_000_000_000 + 2_000_000_000


def samples(*records: CloseRecord) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    registry = CollectorRegistry()
    tally = Tally()
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
    assert value("attempts_total", provider="acme", error_class="overloaded") == 2
    assert value("attempts_total", provider="acme", error_class="succeeded") == 2
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
