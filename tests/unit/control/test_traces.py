"""Traces are made of records, after the commit, and sent to the collector alone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from prometheus_client import CollectorRegistry

from control_plane import closed
from opengateway.control.settler.metrics import SettlerMetrics
from opengateway.control.settler.tally import Tally
from opengateway.control.telemetry.exporter import MAX_WAITING, TOGETHER, TraceExporter
from opengateway.control.telemetry.spans import document, spans_of
from opengateway.domain.errors import ErrorClass, UpstreamError
from opengateway.domain.records import AttemptRecord, CloseRecord, Ending
from opengateway.kit import json
from opengateway.ports.transport import UpstreamRequest


def value_of(span: dict[str, Any], key: str) -> Any:
    found = [a["value"] for a in span["attributes"] if a["key"] == key]
    return next(iter(found[0].values())) if found else None


def record(**changes: Any) -> CloseRecord:
    attempts = [
        AttemptRecord("e1", "a", "kr", "u", "main", 1.0, 10.0, error_class="overloaded"),
        AttemptRecord("e2", "b", "us", "u2", "main", 11.0, 80.0, 20.0, "succeeded", 200),
    ]
    return closed(7, attempts=attempts, session_id="s-secret", user="u-secret", **changes)


def test_a_request_has_a_span_each_attempt_one_below_it_and_the_relay() -> None:
    root, first, second, relay = spans_of(record())
    assert root["traceId"] == f"{7:032x}"
    assert root["name"] == "chat acme/large"
    assert "parentSpanId" not in root
    assert {s["parentSpanId"] for s in (first, second, relay)} == {root["spanId"]}
    assert len({s["spanId"] for s in (root, first, second, relay)}) == 4
    assert int(root["endTimeUnixNano"]) - int(root["startTimeUnixNano"]) == 80_000_000
    assert int(relay["startTimeUnixNano"]) - int(root["startTimeUnixNano"]) == 12_500_000
    assert (value_of(root, "gen_ai.usage.input_tokens"), value_of(root, "gen_ai.response.id")) == (
        "15",
        f"gen_{7:032x}",
    )
    assert value_of(first, "error.type") == "overloaded"
    assert first["status"]["code"] == 2
    assert second["events"][0]["name"] == "first_byte"


def test_no_span_says_who_asked_or_what_was_said() -> None:
    told = json.dumps(document([record()], "kr")).decode()
    for secret in ("s-secret", "u-secret", "team_a", "key_a"):
        assert secret not in told


def test_what_has_no_times_has_no_trace() -> None:
    made = document([record(ending=Ending.VOID)], "kr")
    assert made["resourceSpans"][0]["scopeSpans"][0]["spans"] == []


class Collector:
    def __init__(self, answer: Callable[[], int]) -> None:
        self._answer = answer
        self.got: list[UpstreamRequest] = []
        self.status = 0

    async def send(self, request: UpstreamRequest) -> Any:
        self.got.append(request)
        self.status = self._answer()
        return self

    def abort(self) -> None:
        return None

    async def aclose(self) -> None:
        return None


async def test_batches_go_to_the_collector_and_what_it_refuses_is_dropped_and_counted() -> None:
    exporter = TraceExporter("http://c/v1/traces", "kr")
    exporter.offer([record()] * (TOGETHER + 1))
    taking: Any = Collector(lambda: 200)
    await exporter.send_some(taking)
    assert (exporter.sent, exporter.dropped, taking.got[0].url) == (200, 0, "http://c/v1/traces")
    await exporter.send_some(Collector(lambda: 503))  # type: ignore[arg-type]
    assert (exporter.sent, exporter.dropped) == (200, 1)

    def gone() -> int:
        raise UpstreamError(ErrorClass.CONNECT, "nobody there")

    exporter.offer([record()])
    await exporter.send_some(Collector(gone))  # type: ignore[arg-type]
    assert exporter.dropped == 2


def test_what_waits_is_bounded() -> None:
    exporter = TraceExporter("http://c", "kr")
    exporter.offer([record()] * (MAX_WAITING + 5))
    assert exporter.dropped == 5


def test_records_are_kept_for_traces_only_where_somebody_wants_them() -> None:
    offered: list[CloseRecord] = []
    for trace, expected in ((None, 0), (offered.extend, 1)):
        metrics = SettlerMetrics(CollectorRegistry(), (), trace)
        tally = Tally((), keeps=metrics.trace is not None)
        tally.add([record()])
        metrics.acked(1, tally, 0)
        assert len(tally.kept) == expected
    assert len(offered) == 1
