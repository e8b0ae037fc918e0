"""What Anthropic says when it fails, and which class it is (the reference's C.2, E40 and E41)."""

from __future__ import annotations

import json
from typing import Any

import pytest

from anthropic_wire import PROVIDER, WIRE
from opengateway.domain.errors import ErrorClass, UpstreamError

C = ErrorClass
DATE = "Tue, 24 Nov 2026 12:00:00 GMT"


def classified(
    status: int, kind: str = "", text: str = "", headers: dict[str, str] | None = None
) -> UpstreamError:
    body = {"type": "error", "error": {"type": kind, "message": text}, "request_id": "req_9"}
    return WIRE.error(status, headers or {}, json.dumps(body).encode(), PROVIDER)


INVALID = "invalid_request_error"
TABLE = [
    (400, INVALID, "messages.0.content: Field required", C.BAD_REQUEST),
    (400, INVALID, ("You have reached your specified API usage limits. You will regain access on "
     "2026-12-01 at 00:00 UTC."), C.QUOTA),
    (400, INVALID, ("Your credit balance is too low to access the API. Please go to Plans & "
     "Billing"), C.QUOTA),
    (400, INVALID, "prompt is too long: 210000 tokens > 200000 maximum", C.CONTEXT_EXCEEDED),
    (400, INVALID, ("input length and `max_tokens` exceed context limit: 190000 + 64000 > 200000, "
     "decrease input length or `max_tokens` and try again"), C.CONTEXT_EXCEEDED),
    (400, INVALID, "Output blocked by content filtering policy", C.CONTENT_FILTER),
    (401, "authentication_error", "invalid x-api-key", C.AUTH),
    (402, "billing_error", "no money", C.QUOTA),
    (403, "permission_error", "not for you", C.AUTH),
    (404, "not_found_error", "model: claude-x", C.MODEL_GONE),
    (413, "request_too_large", "Request exceeds the maximum size", C.CONTEXT_EXCEEDED),
    (429, "rate_limit_error", ("This request would exceed the rate limit of 40,000 input tokens per "
     "minute"), C.RATE_LIMITED),
    (500, "api_error", "Internal server error", C.SERVER_ERROR),
    (504, "timeout_error", "Request timed out", C.SERVER_ERROR),
    (529, "overloaded_error", "Overloaded", C.OVERLOADED),
]  # fmt: skip


@pytest.mark.parametrize(("status", "kind", "text", "error_class"), TABLE)
def test_e40_e41_each_trouble_has_its_class(
    status: int, kind: str, text: str, error_class: ErrorClass
) -> None:
    error = classified(status, kind, text)
    assert error.error_class is error_class
    assert (error.upstream_status, error.upstream_code) == (status, kind)
    assert error.detail == f"{text} (request_id: req_9)"
    assert "anthropic" in error.message
    assert text not in error.message


@pytest.mark.parametrize(
    ("status", "body", "error_class"),
    [
        (529, b"", C.OVERLOADED),
        (413, b"<html>", C.CONTEXT_EXCEEDED),
        (502, b"<html>bad gateway</html>", C.SERVER_ERROR),
        (403, b'{"error": {"code": 403, "message": "no", "status": "PERMISSION_DENIED"}}', C.AUTH),
        (400, b"[" * 100_000, C.BAD_REQUEST),
        (400, b'{"request_id": 7, "error": null}', C.BAD_REQUEST),
    ],
)
def test_a_body_of_another_shape_is_told_by_its_status(
    status: int, body: bytes, error_class: ErrorClass
) -> None:
    assert WIRE.error(status, {}, body, PROVIDER).error_class is error_class


def limits(**remaining: Any) -> dict[str, str]:
    headers = {"date": DATE}
    for kind, (left, reset) in remaining.items():
        name = f"anthropic-ratelimit-{kind.replace('_', '-')}"
        headers |= {f"{name}-remaining": left, f"{name}-reset": reset}
    return headers


@pytest.mark.parametrize(
    ("headers", "wait"),
    [
        ({}, None),
        ({"retry-after": "7"}, 7.0),
        ({"retry-after": "7", **limits(requests=("0", "2026-11-24T12:00:30Z"))}, 7.0),
        (limits(requests=("0", "2026-11-24T12:00:30Z")), 30.0),
        (limits(requests=("1", "2026-11-24T12:00:30Z")), None),
        (
            limits(
                requests=("0", "2026-11-24T12:00:05Z"),
                input_tokens=("0", "2026-11-24T12:00:45Z"),
                output_tokens=("9", "2026-11-24T12:01:00Z"),
            ),
            45.0,
        ),
        (limits(tokens=("0", "2026-11-25T12:00:00Z")), 120.0),
        (limits(tokens=("0", "soon")), None),
    ],
)
def test_e41_when_to_come_again_is_read_from_what_is_used_up(
    headers: dict[str, str], wait: float | None
) -> None:
    assert classified(429, "rate_limit_error", "slow", headers).retry_after_s == wait
