"""What each vendor's documentation says of its errors, in its class (reference: providers, C.2).

Three dialects show each class from one policy file; `test_presentation` and the dialects' own tests say how.
"""

from __future__ import annotations

import json
from typing import Any

import pytest

from opengateway.catalog.loader import load_catalogue
from opengateway.domain.catalog import Provider, Wire
from opengateway.domain.errors import ErrorClass as E
from opengateway.providers.registry import CANONICAL, STRAIGHT_CHAT

OPENAI = Wire.OPENAI


def error(message: str, **more: Any) -> Any:
    return {"error": {"message": message, **more}}


def google(code: int, status: str, message: str) -> Any:
    return {"error": {"code": code, "status": status, "message": message}}


def claude(kind: str, message: str) -> Any:
    return {"type": "error", "error": {"type": kind, "message": message}}


ROWS: list[tuple[Wire, int, Any, E]] = [
    # OpenAI and Azure
    (OPENAI, 429, error("slow down", code="rate_limit_exceeded"), E.RATE_LIMITED),
    (OPENAI, 429, error("no money", code="insufficient_quota"), E.QUOTA),
    (OPENAI, 400, error("long", code="context_length_exceeded"), E.CONTEXT_EXCEEDED),
    (OPENAI, 400, error("too long: maximum context length is 8 tokens"), E.CONTEXT_EXCEEDED),
    (OPENAI, 400, error("no", code="content_policy_violation"), E.CONTENT_FILTER),
    (OPENAI, 400, error("no", code="invalid_prompt"), E.CONTENT_FILTER),
    (OPENAI, 400, error("no", code="content_filter"), E.CONTENT_FILTER),
    (OPENAI, 400, error("Input tokens exceed the configured limit"), E.CONTEXT_EXCEEDED),
    (OPENAI, 401, error("bad key", code="invalid_api_key"), E.AUTH),
    (OPENAI, 404, error("gone", code="model_not_found"), E.MODEL_GONE),
    (OPENAI, 404, error("gone", code="DeploymentNotFound"), E.MODEL_GONE),
    (OPENAI, 400, error("wrong", type="invalid_request_error"), E.BAD_REQUEST),
    (OPENAI, 503, error("busy"), E.OVERLOADED),
    (OPENAI, 500, error("oops"), E.SERVER_ERROR),
    (OPENAI, 400, error("longer than 256", code="string_above_max_length"), E.BAD_REQUEST),
    # Mistral
    (
        OPENAI,
        400,
        {"object": "error", "message": "too large for model with 100 maximum context length"},
        E.CONTEXT_EXCEEDED,
    ),
    # Groq
    (OPENAI, 413, error("Request too large: tokens per minute (TPM)"), E.RATE_LIMITED),
    (OPENAI, 498, error("flex capacity"), E.OVERLOADED),
    (OPENAI, 400, error("Please reduce the length of the messages"), E.CONTEXT_EXCEEDED),
    (OPENAI, 400, error("bad call", code="tool_use_failed"), E.TOOL_CALL_FAILED),
    # DeepSeek, Together, Fireworks, xAI, Perplexity
    (OPENAI, 402, error("Insufficient Balance"), E.QUOTA),
    (OPENAI, 422, error("inputs tokens + max_new_tokens must be <= 4"), E.CONTEXT_EXCEEDED),
    (OPENAI, 400, {"error": "prompt is too long"}, E.CONTEXT_EXCEEDED),
    (OPENAI, 400, error("maximum prompt length is 5"), E.CONTEXT_EXCEEDED),
    (OPENAI, 403, error("Content violates usage guidelines"), E.CONTENT_FILTER),
    (OPENAI, 400, error("total length of all messages is too long"), E.CONTEXT_EXCEEDED),
    # Cerebras, Qwen, Moonshot, GLM
    (OPENAI, 429, {"message": "q", "code": "queue_exceeded"}, E.OVERLOADED),
    (OPENAI, 400, error("x", code="Arrearage"), E.QUOTA),
    (OPENAI, 400, error("Range of input length should be [1, 5]"), E.CONTEXT_EXCEEDED),
    (OPENAI, 400, error("x", code="data_inspection_failed"), E.CONTENT_FILTER),
    (OPENAI, 429, error("x", type="engine_overloaded_error"), E.OVERLOADED),
    (OPENAI, 429, error("x", type="exceeded_current_quota_error"), E.QUOTA),
    (OPENAI, 400, error("exceeded model token limit: 5"), E.CONTEXT_EXCEEDED),
    (OPENAI, 429, error("x", code="1302"), E.RATE_LIMITED),
    (OPENAI, 429, error("x", code="1113"), E.QUOTA),
    (OPENAI, 400, error("x", code="1261"), E.CONTEXT_EXCEEDED),
    (OPENAI, 400, error("x", code="1301"), E.CONTENT_FILTER),
    # Self-hosted
    (OPENAI, 400, error("x is longer than the model's context length"), E.CONTEXT_EXCEEDED),
    (OPENAI, 400, error("x", type="exceed_context_size_error", code=400), E.CONTEXT_EXCEEDED),
    (OPENAI, 503, {"error": "server busy"}, E.OVERLOADED),
    # Anthropic
    (Wire.ANTHROPIC, 429, claude("rate_limit_error", "slow"), E.RATE_LIMITED),
    (Wire.ANTHROPIC, 529, claude("overloaded_error", "busy"), E.OVERLOADED),
    (Wire.ANTHROPIC, 402, claude("billing_error", "pay"), E.QUOTA),
    (
        Wire.ANTHROPIC,
        400,
        claude("invalid_request_error", "You have reached your specified API usage limits."),
        E.QUOTA,
    ),
    (
        Wire.ANTHROPIC,
        400,
        claude("invalid_request_error", "Your credit balance is too low"),
        E.QUOTA,
    ),
    (
        Wire.ANTHROPIC,
        400,
        claude("invalid_request_error", "prompt is too long: 9 tokens > 8 maximum"),
        E.CONTEXT_EXCEEDED,
    ),
    (
        Wire.ANTHROPIC,
        400,
        claude(
            "invalid_request_error",
            "input length and `max_tokens` exceed context limit: 5 + 5 > 8",
        ),
        E.CONTEXT_EXCEEDED,
    ),
    (Wire.ANTHROPIC, 401, claude("authentication_error", "bad key"), E.AUTH),
    (Wire.ANTHROPIC, 403, claude("permission_error", "no"), E.AUTH),
    (Wire.ANTHROPIC, 404, claude("not_found_error", "model: x"), E.MODEL_GONE),
    (Wire.ANTHROPIC, 500, claude("api_error", "oops"), E.SERVER_ERROR),
    (Wire.ANTHROPIC, 400, claude("invalid_request_error", "tools.0: wrong"), E.BAD_REQUEST),
    # Google
    (Wire.GEMINI, 429, google(429, "RESOURCE_EXHAUSTED", "quota of requests"), E.RATE_LIMITED),
    (Wire.GEMINI, 503, google(503, "UNAVAILABLE", "The model is overloaded."), E.OVERLOADED),
    (
        Wire.GEMINI,
        400,
        google(
            400,
            "INVALID_ARGUMENT",
            "The input token count (9) exceeds the maximum number of tokens allowed (8).",
        ),
        E.CONTEXT_EXCEEDED,
    ),
    (Wire.GEMINI, 400, google(400, "INVALID_ARGUMENT", "API key not valid."), E.AUTH),
    (Wire.GEMINI, 404, google(404, "NOT_FOUND", "models/x is not found"), E.MODEL_GONE),
    (Wire.GEMINI, 400, google(400, "INVALID_ARGUMENT", "bad"), E.BAD_REQUEST),
    # Bedrock
    (Wire.BEDROCK, 429, {"message": "Too many tokens, please wait"}, E.RATE_LIMITED),
    (Wire.BEDROCK, 503, {"message": "unavailable"}, E.OVERLOADED),
    (Wire.BEDROCK, 400, {"message": "Input is too long for requested model."}, E.CONTEXT_EXCEEDED),
    (Wire.BEDROCK, 424, {"message": "model error"}, E.SERVER_ERROR),
    (Wire.BEDROCK, 403, {"message": "not authorized"}, E.AUTH),
    # Cohere
    (Wire.COHERE, 429, {"message": "trial key limit"}, E.RATE_LIMITED),
    (Wire.COHERE, 400, {"message": "too many tokens: 9 exceeds 8"}, E.CONTEXT_EXCEEDED),
    (Wire.COHERE, 402, {"message": "pay"}, E.QUOTA),
    (Wire.COHERE, 401, {"message": "invalid api token"}, E.AUTH),
]


def provider_on(wire: Wire) -> Provider:
    known = next(p for p in load_catalogue().providers.values() if p.wire is wire)
    return Provider("x", "X", wire, "http://x", known.profile)


@pytest.mark.parametrize(("wire", "status", "body", "wanted"), ROWS)
def test_a_documented_error_is_of_its_class(wire: Wire, status: int, body: Any, wanted: E) -> None:
    speaks = STRAIGHT_CHAT.get(wire) or CANONICAL[wire]
    found = speaks.error(status, {}, json.dumps(body).encode(), provider_on(wire))
    assert found.error_class is wanted
    assert found.upstream_status == status
