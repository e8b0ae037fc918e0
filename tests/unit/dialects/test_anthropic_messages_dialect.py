"""Errors of the Messages surface: the vendor's envelope, its types and its statuses."""

from __future__ import annotations

import json

import pytest

from opengateway.dialects.anthropic_messages import DIALECT
from opengateway.dialects.anthropic_messages.dialect import as_shown_here
from opengateway.domain.errors import ShownError


def shown(status: int = 400, **members: object) -> ShownError:
    plain = {"type": "x", "code": "some_code", "message": "it broke", "request_id": "gen_1"}
    return ShownError(status=status, **{**plain, **members})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("status", "should_retry", "kind", "told"),
    [
        (400, False, "invalid_request_error", 400),
        (401, False, "authentication_error", 401),
        (402, False, "billing_error", 402),
        (403, False, "permission_error", 403),
        (404, False, "not_found_error", 404),
        (405, False, "invalid_request_error", 405),
        (413, False, "request_too_large", 413),
        (429, True, "rate_limit_error", 429),
        (500, True, "api_error", 500),
        (501, False, "api_error", 501),
        (502, True, "api_error", 502),
        (503, True, "overloaded_error", 529),
        (504, True, "timeout_error", 504),
    ],
)
def test_each_status_has_the_vendors_type(
    status: int, should_retry: bool, kind: str, told: int
) -> None:
    error = shown(status, should_retry=should_retry, param="messages")
    assert as_shown_here(error).status == told
    envelope = {
        "type": "error",
        "error": {"type": kind, "message": "it broke", "code": "some_code", "param": "messages"},
        "request_id": "gen_1",
    }
    assert json.loads(DIALECT.error_body(error)) == envelope
    name, data = DIALECT.error_event(error).split(b"\n", 1)
    assert name == b"event: error"
    assert json.loads(data.removeprefix(b"data: ")) == envelope
    assert data.endswith(b"\n\n")


def test_a_prompt_that_is_too_long_is_told_in_the_words_that_clients_know() -> None:
    error = shown(code="context_length_exceeded", message="9 tokens are more than 8")
    told = json.loads(DIALECT.error_body(error))["error"]["message"]
    assert told == "prompt is too long: 9 tokens are more than 8"
    known = shown(code="context_length_exceeded", message="Prompt is too long: 9 > 8")
    assert json.loads(DIALECT.error_body(known))["error"]["message"] == known.message


def test_a_vendors_own_answer_is_shown_as_it_is_with_its_own_status() -> None:
    body = b'{"type":"error", "error":{"type":"request_too_large","message":"x"}}'
    error = shown(413, body=body)
    assert DIALECT.error_body(error) == body
    assert as_shown_here(error).status == 413
    assert json.loads(DIALECT.error_event(error).partition(b"data: ")[2])["request_id"] == "gen_1"
