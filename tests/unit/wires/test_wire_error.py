"""What vendors say when they fail, and which class it is (the reference's C.2, E40 and E41)."""

from __future__ import annotations

import json
from typing import Any

import pytest

from openai_chat_wire import WIRE, provider
from opengateway.domain.errors import ErrorClass, UpstreamError
from opengateway.wires.openai_chat.error_body import read_error
from opengateway.wires.openai_chat.retry_after import retry_after_s


def classified(status: int, body: Any, headers: dict[str, str] | None = None) -> UpstreamError:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return WIRE.error(status, headers or {}, raw, provider())


def openai(message: str, code: Any = None, type_: str | None = None, **more: Any) -> dict[str, Any]:
    return {"error": {"message": message, "type": type_, "code": code, **more}}


C = ErrorClass
TABLE = [
    (401, openai("Incorrect API key provided: sk-...", "invalid_api_key"), C.AUTH),
    (401, b"", C.AUTH),
    (403, openai("You do not have permission"), C.AUTH),
    (403, openai("Country not supported", "unsupported_country_region_territory"), C.AUTH),
    (403, openai("Project does not have access to model", "model_not_found"), C.MODEL_GONE),
    (403, {"error": "Content violates usage guidelines. Team: x"}, C.CONTENT_FILTER),
    (403, openai("Your input was flagged by moderation", 403), C.CONTENT_FILTER),
    (404, openai("The model `x` does not exist", "model_not_found"), C.MODEL_GONE),
    (404, openai("The API deployment does not exist", "DeploymentNotFound"), C.MODEL_GONE),
    (404, b"<html>not found</html>", C.MODEL_GONE),
    (429, openai("Rate limit reached for gpt-4o", "rate_limit_exceeded", "tokens"), C.RATE_LIMITED),
    (429, openai("Provider returned error", 429), C.RATE_LIMITED),
    (429, openai("You exceeded your current quota", "insufficient_quota"), C.QUOTA),
    (429, openai("Your account balance is low", "exceeded_current_quota_error"), C.QUOTA),
    (429, openai("balance", "1113"), C.QUOTA),
    (429, openai("busy", None, "engine_overloaded_error"), C.OVERLOADED),
    (429, openai("too many requests in queue", "queue_exceeded"), C.OVERLOADED),
    (402, openai("Insufficient Balance", "invalid_request_error"), C.QUOTA),
    (402, openai("requires more credits, or fewer max_tokens", 402), C.QUOTA),
    (400, openai("hard limit", "billing_hard_limit_reached"), C.QUOTA),
    (400, openai("Access denied, arrearage", "Arrearage"), C.QUOTA),
    (413, openai("Request too large for model on tokens per minute (TPM): Limit 6000",
                 "rate_limit_exceeded", "tokens"), C.RATE_LIMITED),
    (413, openai("Request body is too large"), C.BAD_REQUEST),
    (498, openai("flex tier over capacity", "capacity_exceeded"), C.OVERLOADED),
    (498, b"", C.OVERLOADED),
    (503, openai("Loading model", 503, "unavailable_error"), C.OVERLOADED),
    (529, b"", C.OVERLOADED),
    (500, openai("The server had an error"), C.SERVER_ERROR),
    (500, openai("The model is overloaded, try later"), C.OVERLOADED),
    (502, b"<html>bad gateway</html>", C.SERVER_ERROR),
    (504, b"", C.SERVER_ERROR),
    (408, openai("Request timed out"), C.SERVER_ERROR),
    (409, openai("conflict"), C.SERVER_ERROR),
    (424, {"error": "Request failed during generation", "error_type": "generation"},
     C.SERVER_ERROR),
    (302, b"", C.SERVER_ERROR),
    (400, openai("Failed to call a function", "tool_use_failed", failed_generation="{"),
     C.TOOL_CALL_FAILED),
    (400, openai("Failed to generate JSON", "json_validate_failed"), C.TOOL_CALL_FAILED),
    (400, openai("The response was filtered", "content_filter", innererror={"code": "x"}),
     C.CONTENT_FILTER),
    (400, openai("filtered", innererror={"code": "ResponsibleAIPolicyViolation"}),
     C.CONTENT_FILTER),
    (400, openai("Input data may contain inappropriate content", "data_inspection_failed"),
     C.CONTENT_FILTER),
    (400, openai("unsafe", "1301"), C.CONTENT_FILTER),
    (400, openai("Unsupported value: 'temperature'", "unsupported_value"), C.BAD_REQUEST),
    (422, {"detail": [{"loc": ["body", "seed"], "msg": "Extra inputs", "type": "extra_forbidden"}]},
     C.BAD_REQUEST),
    (418, b"", C.BAD_REQUEST),
]  # fmt: skip


@pytest.mark.parametrize(("status", "body", "kind"), TABLE)
def test_each_signal_has_its_class(status: int, body: Any, kind: ErrorClass) -> None:
    error = classified(status, body)
    assert error.error_class is kind
    assert error.upstream_status == status


@pytest.mark.parametrize(
    "body",
    [
        openai("This model's maximum context length is 8192 tokens. However, you requested 9000"),
        openai("x", "context_length_exceeded"),
        openai("Input tokens exceed the configured limit of 272000 tokens."),
        openai("the request exceeds the available context size", 400, "exceed_context_size_error"),
        openai("prompt is too long: 210000 tokens > 200000 maximum"),
        openai("The input (9 tokens) is longer than the model's context length (8 tokens)."),
        {"object": "error", "message": "Prompt contains 40000 tokens and 0 draft tokens, too large"
         " for model with 32768 maximum context length", "type": "invalid_request_error"},
        openai("`inputs` tokens + `max_new_tokens` must be <= 8193. Given: 9000"),
        openai("Invalid request: Your request exceeded model token limit: 8192"),
        openai("Prompt exceeds max length", "1261"),
        openai("Range of input length should be [1, 30720]"),
        openai("Please reduce the length of the messages or completion.", "x"),
        openai("This model's maximum prompt length is 131072 but the request contains 140000"),
        openai("Provider returned error", 400,
               metadata={"raw": '{"error":{"message":"prompt is too long: 9 tokens"}}'}),
    ],
)  # fmt: skip
def test_e40_a_context_that_is_full_is_recognised(body: Any) -> None:
    assert classified(400, body).error_class is ErrorClass.CONTEXT_EXCEEDED


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (400, openai("Invalid 'user': string too long. Expected a string with maximum length 64, "
                     "but got a string with length 94 instead.", "string_above_max_length"),
         C.BAD_REQUEST),
        (429, openai("Rate limit reached: tokens per minute. Your maximum context length is fine",
                     "rate_limit_exceeded"), C.RATE_LIMITED),
        (413, openai("Please reduce the length of the messages: tokens per minute (TPM) limit"),
         C.RATE_LIMITED),
        (400, openai("max_tokens is too large: 99999. This model supports at most 4096 completion "
                     "tokens", "invalid_value"), C.BAD_REQUEST),
    ],
)  # fmt: skip
def test_e40_what_only_mentions_length_is_not_a_full_context(
    status: int, body: Any, kind: ErrorClass
) -> None:
    assert classified(status, body).error_class is kind


@pytest.mark.parametrize(
    "message",
    [
        "You have reached your specified API usage limits. You will regain access on 2026-02-01",
        "Your credit balance is too low to access the API",
        "This account has used all available credits or reached its monthly spending limit",
    ],
)
@pytest.mark.parametrize("status", [400, 403, 429])
def test_e41_a_used_up_account_is_a_quota_whatever_the_status(status: int, message: str) -> None:
    assert classified(status, openai(message, None, "invalid_request_error")).error_class is C.QUOTA


@pytest.mark.parametrize(
    ("body", "message", "code", "param"),
    [
        (openai("m", 400), "m", "400", None),
        (openai("m", None, "t"), "m", "t", None),
        (openai("m", "c", param="messages"), "m", "c", "messages"),
        ({"error": "m"}, "m", None, None),
        ({"error": "m", "code": "c"}, "m", "c", None),
        ({"error": {"message": {"a": 1}}}, '{"a":1}', None, None),
        ({"object": "error", "message": "m", "type": "t", "code": "3051"}, "m", "3051", None),
        ({"detail": "m"}, "m", None, None),
        ({"message": {"detail": [{"loc": ["body", "x"], "msg": "no", "type": "t"}]}},
         "x: no", "t", "x"),
        ({"detail": [{"loc": ["body", "messages", 1, "name"], "msg": "no"}]},
         "messages.1.name: no", None, "messages.1.name"),
        ([{"error": {"code": 404, "message": "m", "status": "NOT_FOUND"}}], "m", "404", None),
        ({"status": {"code": "40003", "message": "Text too long"}}, "Text too long", "40003", None),
        ({"error": "m", "error_type": "validation"}, "m", "validation", None),
        (openai("property 'logprobs' is unsupported"), "property 'logprobs' is unsupported", None,
         "logprobs"),
        (b"upstream connect error", "upstream connect error", None, None),
        (b"<html>down</html>", "", None, None),
        (b"", "", None, None),
        (b"null", "", None, None),
        (b"[]", "", None, None),
        (b"\xff\xfe", "\ufffd\ufffd", None, None),
    ],
)  # fmt: skip
def test_every_shape_of_error_is_read(
    body: Any, message: str, code: str | None, param: str | None
) -> None:
    error = classified(400, body)
    assert (error.detail, error.upstream_code, error.param) == (message, code, param)


def test_what_a_vendor_says_is_cut_and_its_words_stay_out_of_the_message() -> None:
    error = classified(500, openai("secret " * 10_000))
    assert len(error.detail) <= 2048
    assert "secret" not in error.message
    assert "500" in error.message


def test_a_status_named_in_the_body_is_read() -> None:
    assert read_error(b'{"error":{"status_code":429}}').status == 429
    assert read_error(b'{"error":{"code":"503"}}').status == 503
    assert read_error(b'{"error":{"code":"1302"}}').status == 0


DATE = "Wed, 21 Oct 2026 07:28:00 GMT"


@pytest.mark.parametrize(
    ("headers", "body", "seconds"),
    [
        ({"retry-after": "7"}, "", 7.0),
        ({"retry-after": "0.5"}, "", 0.5),
        ({"retry-after-ms": "250", "retry-after": "7"}, "", 0.25),
        ({"retry-after": "1m20s"}, "", 80.0),
        ({"retry-after": "20ms"}, "", 0.02),
        ({"retry-after": "Wed, 21 Oct 2026 07:28:30 GMT", "date": DATE}, "", 30.0),
        ({"retry-after": "2026-10-21T07:28:05Z", "date": DATE}, "", 5.0),
        ({"retry-after": DATE}, "", None),
        ({"retry-after": "9999"}, "", 120.0),
        ({"retry-after": "-3"}, "", 0.0),
        ({"retry-after": "inf"}, "", None),
        ({"retry-after": "soon"}, "", None),
        ({}, '{"details":[{"retryDelay":"12s"}]}', 12.0),
        ({}, "Please try again in 20s.", 20.0),
        ({}, "Please try again in 1m12.5s. Visit", 72.5),
        ({}, "Please try again in 890ms.", 0.89),
        ({}, "Please retry after 5 seconds.", 5.0),
        ({"x-ratelimit-remaining-tokens": "0", "x-ratelimit-reset-tokens": "6m0s"}, "", 120.0),
        ({"x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "1.5s",
          "x-ratelimit-remaining-tokens": "0", "x-ratelimit-reset-tokens": "3s"}, "", 3.0),
        ({"x-ratelimit-remaining-tokens": "9", "x-ratelimit-reset-tokens": "3s"}, "", None),
        ({}, "", None),
    ],
)  # fmt: skip
def test_when_to_come_again_is_read_in_every_form(
    headers: dict[str, str], body: str, seconds: float | None
) -> None:
    assert retry_after_s(headers, body) == (None if seconds is None else pytest.approx(seconds))


def test_the_wait_comes_with_the_error() -> None:
    error = classified(429, openai("Please try again in 2s"), {"retry-after": "4"})
    assert error.retry_after_s == 4
