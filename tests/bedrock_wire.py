"""What the tests of the Bedrock wire share: what goes up for a request, and answers in frames."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

import msgspec

from opengateway.checks.recorded_case import RecordedCase, read_cases
from opengateway.checks.replay_converse import bedrock_endpoint, bedrock_provider
from opengateway.domain.canonical import CanonicalRequest
from opengateway.domain.catalog import Provider
from opengateway.domain.chat import UpstreamCall
from opengateway.domain.events import Event
from opengateway.domain.model_rules import ModelRule
from opengateway.kit.event_stream import encode
from opengateway.wires.bedrock import BedrockWire
from recordings import RECORDINGS

WIRE = BedrockWire()
PROVIDER = bedrock_provider()
CLAUDE = "us.anthropic.claude-sonnet-4-5-20250929-v1:0"
NEWEST = "global.anthropic.claude-opus-4-8"
NOVA = "us.amazon.nova-2-lite-v1:0"
OSS = "openai.gpt-oss-120b-1:0"
LLAMA = "us.meta.llama4-maverick-17b-instruct-v1:0"
MISTRAL = "mistral.mistral-large-2407-v1:0"
Json = dict[str, Any]


def call(
    request: CanonicalRequest,
    model: str = CLAUDE,
    provider: Provider = PROVIDER,
    max_output: int | None = 64_000,
) -> UpstreamCall:
    return WIRE.request(request, bedrock_endpoint(model, max_output), provider)


def sent(request: CanonicalRequest, model: str = CLAUDE, **options: Any) -> Json:
    body: Json = json.loads(call(request, model, **options).body)
    return body


def with_rule(**members: Any) -> Provider:
    profile = msgspec.structs.replace(PROVIDER.profile, models=(ModelRule("", **members),))
    return msgspec.structs.replace(PROVIDER, profile=profile)


# --- answers ---------------------------------------------------------------------------------------
def event(name: str, **payload: Any) -> bytes:
    headers = {":event-type": name, ":content-type": "application/json", ":message-type": "event"}
    return encode(headers, json.dumps(payload | {"p": "abc"}).encode())


def exception(name: str, message: str, **payload: Any) -> bytes:
    headers = {":exception-type": name, ":message-type": "exception"}
    return encode(headers, json.dumps({"message": message, **payload}).encode())


def delta(index: int = 0, **members: Any) -> bytes:
    return event("contentBlockDelta", contentBlockIndex=index, delta=members)


def started(index: int, **use: Any) -> bytes:
    return event("contentBlockStart", contentBlockIndex=index, start={"toolUse": use})


def stopped(index: int = 0) -> bytes:
    return event("contentBlockStop", contentBlockIndex=index)


BEGAN = event("messageStart", role="assistant")
USED = {"inputTokens": 10, "outputTokens": 5, "totalTokens": 15}


def ended(reason: str = "end_turn", **usage: Any) -> bytes:
    return event("messageStop", stopReason=reason) + event(
        "metadata", usage={**USED, **usage}, metrics={"latencyMs": 1}
    )


def streamed(*frames: bytes, model: str = CLAUDE) -> list[Event]:
    parser = WIRE.parser(bedrock_endpoint(model), PROVIDER)
    return [*parser.feed(b"".join(frames)), *parser.end()]


def replied(*content: Json, reason: str = "end_turn", model: str = CLAUDE) -> list[Event]:
    answer = {
        "output": {"message": {"role": "assistant", "content": list(content)}},
        "stopReason": reason,
        "usage": USED,
    }
    return list(WIRE.reply(json.dumps(answer).encode(), bedrock_endpoint(model), PROVIDER))


@cache
def recorded(endpoint: str) -> dict[str, RecordedCase]:
    """Every recorded exchange of one operation, by its id. Empty where there are no recordings."""
    folder = RECORDINGS / "bedrock"
    cases = read_cases(folder) if folder.is_dir() else ()
    return {case.case_id: case for case in cases if case.endpoint == endpoint}
