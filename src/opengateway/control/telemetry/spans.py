"""Traces of requests, made of their records: OTLP as JSON, with the GenAI conventions' names.

Nothing of it is on the way of a request: a record says when each part of it began and ended. Prompts,
answers, keys and teams are in no span.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Any, Final

from opengateway import __version__
from opengateway.domain.records import AttemptRecord, CloseRecord, Ending
from opengateway.domain.usage import INPUT_TOKENS, OUTPUT_TOKENS

_MS: Final = 1_000_000
_INTERNAL, _SERVER, _CLIENT = 1, 2, 3
_ERROR: Final = 2
_OPERATIONS: Final = {
    "chat.completions": "chat",
    "responses": "chat",
    "messages": "chat",
    "completions": "text_completion",
    "embeddings": "embeddings",
}
_FINE: Final = (Ending.COMPLETED, Ending.CLIENT_GONE)


def document(records: Iterable[CloseRecord], zone: str) -> dict[str, Any]:
    """One `ExportTraceServiceRequest`. What has no times (`void`) has no trace."""
    spans = [span for r in records if r.ending is not Ending.VOID for span in spans_of(r)]
    resource = {
        "service.name": "opengateway",
        "service.version": __version__,
        "deployment.environment.name": zone,
    }
    scope = {"name": "opengateway", "version": __version__}
    return {
        "resourceSpans": [
            {
                "resource": {"attributes": _attributes(resource)},
                "scopeSpans": [{"scope": scope, "spans": spans}],
            }
        ]
    }


def spans_of(record: CloseRecord) -> list[dict[str, Any]]:
    """The request, and below it each attempt and the relay of the answer."""
    began, ended = record.started_at_ns, record.started_at_ns + int(record.total_ms * _MS)
    trace = record.id.rpartition("_")[2]
    root = _span(trace, "", 0, f"{_operation(record)} {record.model or 'none'}", _SERVER)
    root |= _times(began, ended) | {"attributes": _attributes(_of_request(record))}
    if record.ending not in _FINE:
        root["status"] = {"code": _ERROR, "message": record.ending.value}
    spans = [root]
    for number, attempt in enumerate(record.attempts, 1):
        spans.append(_attempt(trace, root["spanId"], number, attempt, began))
    if record.first_token_ms is not None:
        relay = _span(trace, root["spanId"], len(spans), "relay", _INTERNAL)
        spans.append(relay | _times(began + int(record.first_token_ms * _MS), ended))
    return spans


def _of_request(record: CloseRecord) -> dict[str, Any]:
    usage = record.usage
    return {
        "gen_ai.operation.name": _operation(record),
        "gen_ai.provider.name": record.provider,
        "gen_ai.request.model": record.requested_model,
        "gen_ai.response.model": record.model,
        "gen_ai.response.id": record.id,
        "gen_ai.response.finish_reasons": [record.finish_reason] if record.finish_reason else None,
        "gen_ai.usage.input_tokens": sum(usage.get(d, 0) for d in INPUT_TOKENS),
        "gen_ai.usage.output_tokens": sum(usage.get(d, 0) for d in OUTPUT_TOKENS),
        "http.response.status_code": record.status,
        "error.type": record.error.code if record.error else None,
        "opengateway.ending": record.ending.value,
        "opengateway.region": record.region,
        "opengateway.stream": record.stream,
        "opengateway.cost_nanodollars": record.cost_nanos,
        "opengateway.overhead_us": record.overhead_us,
        "opengateway.snapshot": record.snapshot,
    }


def _attempt(
    trace: str, parent: str, number: int, attempt: AttemptRecord, began: int
) -> dict[str, Any]:
    span = _span(trace, parent, number, "attempt", _CLIENT)
    span |= _times(began + int(attempt.started_ms * _MS), began + int(attempt.ended_ms * _MS))
    span["attributes"] = _attributes(
        {
            "gen_ai.provider.name": attempt.provider,
            "gen_ai.request.model": attempt.upstream_model,
            "http.response.status_code": attempt.upstream_status or None,
            "error.type": attempt.error_class,
            "opengateway.region": attempt.region,
            "opengateway.why": attempt.why or None,
        }
    )
    if attempt.first_byte_ms is not None:
        at = began + int(attempt.first_byte_ms * _MS)
        span["events"] = [{"timeUnixNano": str(at), "name": "first_byte"}]
    if attempt.error_class is not None:
        span["status"] = {"code": _ERROR, "message": attempt.error_class}
    return span


def _operation(record: CloseRecord) -> str:
    return _OPERATIONS.get(record.operation, record.operation)


def _span(trace: str, parent: str, number: int, name: str, kind: int) -> dict[str, Any]:
    span_id = hashlib.sha256(f"{trace}/{number}".encode()).hexdigest()[:16]
    span: dict[str, Any] = {"traceId": trace, "spanId": span_id, "name": name, "kind": kind}
    return span | ({"parentSpanId": parent} if parent else {})


def _times(began: int, ended: int) -> dict[str, str]:
    return {"startTimeUnixNano": str(began), "endTimeUnixNano": str(max(began, ended))}


def _attributes(values: dict[str, Any]) -> list[dict[str, Any]]:
    return [{"key": key, "value": _value(v)} for key, v in values.items() if v is not None]


def _value(value: Any) -> dict[str, Any]:
    if isinstance(value, bool):
        return {"boolValue": value}
    if isinstance(value, int):
        return {"intValue": str(value)}
    if isinstance(value, list):
        return {"arrayValue": {"values": [_value(each) for each in value]}}
    return {"stringValue": str(value)}
