"""What Google's errors mean."""

from __future__ import annotations

import json
from typing import Any

import pytest

from gemini_wire import GOOGLE, WIRE
from opengateway.domain.errors import ErrorClass, UpstreamError

QUOTA = "You exceeded your current quota, please check your plan and billing details."
MINUTE = "GenerateRequestsPerMinutePerProjectPerModel-FreeTier"
DAY = "GenerateRequestsPerDayPerProjectPerModel-FreeTier"


def classified(status: int, body: Any, **headers: str) -> UpstreamError:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    return WIRE.error(status, headers, data, GOOGLE)


def told(status: int, word: str, message: str, *details: Any) -> dict[str, Any]:
    return {"error": {"code": status, "message": message, "status": word, "details": list(details)}}


def reason(word: str) -> dict[str, Any]:
    return {"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": word}


def violated(**violation: Any) -> dict[str, Any]:
    return {"@type": "type.googleapis.com/google.rpc.QuotaFailure", "violations": [violation]}


@pytest.mark.parametrize(
    ("body", "wanted"),
    [
        (told(429, "RESOURCE_EXHAUSTED", QUOTA, violated(quotaId=MINUTE)), "rate_limited"),
        (told(429, "RESOURCE_EXHAUSTED", "Resource has been exhausted"), "rate_limited"),
        (told(429, "RESOURCE_EXHAUSTED", QUOTA, violated(quotaId=DAY)), "quota"),
        (told(429, "RESOURCE_EXHAUSTED", QUOTA, violated(quotaId=MINUTE, quotaValue="0")), "quota"),
        (told(429, "RESOURCE_EXHAUSTED", "metric: generate_requests_per_model_per_day"), "quota"),
        (told(503, "UNAVAILABLE", "The model is overloaded."), "overloaded"),
        (told(500, "INTERNAL", "An internal error has occurred."), "server_error"),
        (
            told(500, "INTERNAL", "Input token count (9) exceeds the maximum number (8)"),
            "context_exceeded",
        ),
        (told(504, "DEADLINE_EXCEEDED", "too slow"), "server_error"),
        (told(499, "CANCELLED", "cancelled"), "server_error"),
        (told(401, "UNAUTHENTICATED", "no credentials"), "auth"),
        (told(403, "PERMISSION_DENIED", "no permission"), "auth"),
        (told(403, "PERMISSION_DENIED", "off", reason("BILLING_DISABLED")), "quota"),
        (
            told(403, "PERMISSION_DENIED", "This API method requires billing to be enabled."),
            "quota",
        ),
        (told(400, "INVALID_ARGUMENT", "API key not valid. Pass one."), "auth"),
        (told(400, "INVALID_ARGUMENT", "bad", reason("API_KEY_INVALID")), "auth"),
        (told(400, "FAILED_PRECONDITION", "User location is not supported"), "auth"),
        (told(400, "FAILED_PRECONDITION", "Please enable billing on your project"), "quota"),
        (told(404, "NOT_FOUND", "models/x is not found for API version v1beta"), "model_gone"),
        (
            told(
                400,
                "INVALID_ARGUMENT",
                "The input token count (1200000) exceeds the maximum number of tokens allowed"
                " (1048576).",
            ),
            "context_exceeded",
        ),
        (told(400, "INVALID_ARGUMENT", "Invalid JSON payload: Unknown name"), "bad_request"),
        (
            told(400, "INVALID_ARGUMENT", "Function call is missing a thought_signature"),
            "bad_request",
        ),
    ],
)
def test_each_error_has_its_class(body: dict[str, Any], wanted: str) -> None:
    error = classified(body["error"]["code"], body)
    assert error.error_class is ErrorClass(wanted)
    assert error.upstream_code == body["error"]["status"]
    assert error.detail == body["error"]["message"]
    assert error.upstream_status == body["error"]["code"]
    assert classified(body["error"]["code"], [body]).error_class is ErrorClass(wanted)


@pytest.mark.parametrize(
    ("status", "wanted"),
    [(502, "server_error"), (503, "overloaded"), (429, "rate_limited"), (403, "auth")],
)
def test_an_answer_that_is_no_json_is_classified_by_its_status(status: int, wanted: str) -> None:
    error = classified(status, b"<html>Bad Gateway</html>")
    assert error.error_class is ErrorClass(wanted)
    assert error.detail == ""


def test_the_wait_is_read_from_the_details_and_the_header() -> None:
    info = {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "12.5s"}
    assert classified(429, told(429, "RESOURCE_EXHAUSTED", "x", info)).retry_after_s == 12.5
    assert classified(503, told(503, "UNAVAILABLE", "x"), **{"retry-after": "7"}).retry_after_s == 7
    assert classified(503, told(503, "UNAVAILABLE", "x")).retry_after_s is None


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"null",
        {"error": {"details": {"a": 1}, "status": 5}},
        {"error": {"details": [None, {"violations": "x"}, {"violations": [3]}], "message": ["x"]}},
    ],
)
def test_an_error_of_any_form_is_read_without_harm(body: Any) -> None:
    assert classified(500, body).error_class is ErrorClass.SERVER_ERROR
