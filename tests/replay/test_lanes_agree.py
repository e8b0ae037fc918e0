"""Both lanes over the same wire: what is counted, what the caller sees, what the vendor gets.

The straight lane hands members on; the translation lane makes events of them and members again. Of
every recorded exchange and every stream written for the tests the two must give the same. Where
they differ on purpose, it is listed here, with the reason.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from canonical_lane import LANE, counted
from openai_chat_streams import STREAMS
from openai_chat_wire import MODEL_ID, TEAM, WIRE, chat, endpoint
from opengateway.checks.caller_view import Seen, see_reply, see_stream
from opengateway.checks.replay import endpoint_for, provider_of
from opengateway.dialects.openai_chat import decode
from opengateway.domain.chat import ChatRequest
from opengateway.domain.errors import InvalidRequest, UpstreamError
from opengateway.ports.provider import ChatWire
from recordings import chat_cases, needs_recordings

FIXTURES = Path(__file__).parent / "fixtures"
CASES = {case["case_id"]: case for case in chat_cases()}
ANSWERED = sorted(case_id for case_id, case in CASES.items() if case["response"]["status"] < 300)

SHOWN_MORE = {"reasoning", "characters"}
DIFFERENCES: dict[str, set[str]] = {
    # The reasoning stands in `reasoning_details` alone: here plain clients see it as well.
    "snowflake-003-chat-completions-test-snowflake-thinking": SHOWN_MORE,
    "snowflake-005-chat-completions-stream-test-snowflake-thinking-streaming": SHOWN_MORE,
    # The vendor's total holds tokens that none of its parts does: here totals are sums.
    "google-001-chat-completions-test-compatible-api-with-tool-calls-without-id": {"total_tokens"},
    "google-002-chat-completions-test-compatible-api-with-tool-calls-without-id": {"total_tokens"},
    # More reasoning than output: here it is shown as it is billed.
    "openrouter-011-chat-completions-stream-test-openrouter-stream-error": {"reasoning_tokens"},
}


def _view(seen: Seen) -> dict[str, Any]:
    assert seen.faults == []
    usage = seen.usage or {}
    prompt = usage.get("prompt_tokens_details") or {}
    completion = usage.get("completion_tokens_details") or {}
    return {
        "text": {i: c.text for i, c in seen.choices.items()},
        "reasoning": {i: c.reasoning for i, c in seen.choices.items()},
        "calls": {i: c.calls for i, c in seen.choices.items()},
        "finish": {i: c.finish for i, c in seen.choices.items()},
        **{n: usage.get(n) for n in ("prompt_tokens", "completion_tokens", "total_tokens")},
        "cached_tokens": prompt.get("cached_tokens") or 0,
        "cache_write_tokens": prompt.get("cache_write_tokens") or 0,
        "reasoning_tokens": completion.get("reasoning_tokens") or 0,
    }


def _streamed(wire: ChatWire, data: bytes, vendor: str) -> dict[str, Any]:
    asked = chat(stream=True, stream_options={"include_usage": True})
    stream = wire.stream(asked, endpoint(), provider_of(vendor), MODEL_ID)
    frames = stream.feed(data) + stream.end()
    error = stream.error
    return {
        **_view(see_stream(frames, MODEL_ID, include_usage=True)),
        **counted(stream.meter),
        "done": stream.done,
        "error": error and (error.error_class, error.detail),
    }


def _replied(wire: ChatWire, body: bytes, vendor: str) -> dict[str, Any]:
    try:
        reply = wire.reply(body, chat(), endpoint(), provider_of(vendor), MODEL_ID)
    except UpstreamError as error:
        return {"error": (error.error_class, error.detail, error.upstream_code)}
    return {**_view(see_reply(reply.body, MODEL_ID)), **counted(reply.meter)}


def _differing(straight: dict[str, Any], translated: dict[str, Any]) -> set[str]:
    names = straight.keys() | translated.keys()
    return {name for name in names if straight.get(name) != translated.get(name)}


@pytest.mark.parametrize("name", sorted(STREAMS))
def test_both_lanes_tell_and_count_a_written_stream_alike(name: str) -> None:
    vendor, data = STREAMS[name]
    assert _streamed(LANE, data, vendor) == _streamed(WIRE, data, vendor)


@pytest.mark.parametrize(
    "path", sorted(FIXTURES.glob("*/*/*.upstream.*")), ids=lambda p: "/".join(p.parts[-3:])
)
def test_both_lanes_tell_and_count_a_written_exchange_alike(path: Path) -> None:
    vendor, body = path.parts[-3], path.read_bytes()
    if path.name == "stream.upstream.sse":
        assert _streamed(LANE, body, vendor) == _streamed(WIRE, body, vendor)
    elif path.name == "reply.upstream.json":
        assert _replied(LANE, body, vendor) == _replied(WIRE, body, vendor)
    else:
        request = decode((path.parent / "request.in.json").read_bytes(), {})
        assert _request(LANE, request, vendor) == _request(WIRE, request, vendor)


@needs_recordings
@pytest.mark.parametrize("case_id", ANSWERED or ["none"])
def test_both_lanes_tell_and_count_a_recorded_answer_alike(case_id: str) -> None:
    case = CASES[case_id]
    body, vendor = case["response"]["body"], case["provider"]
    raw = (body if isinstance(body, str) else json.dumps(body)).encode()
    play = _streamed if case["stream"] else _replied
    differing = _differing(play(WIRE, raw, vendor), play(LANE, raw, vendor))
    assert differing == DIFFERENCES.get(case_id, set())


# --- requests ---------------------------------------------------------------------------------------
def _request(wire: ChatWire, request: ChatRequest, vendor: str) -> Any:
    """The body that the vendor gets, without what means the same as its absence; what was dropped."""
    provider = provider_of(vendor)
    try:
        call = wire.request(request, endpoint_for(provider, "upstream"), provider, TEAM)
    except InvalidRequest as error:
        return error.message
    return _meaning(json.loads(call.body)), sorted(call.dropped)


def _meaning(body: dict[str, Any]) -> dict[str, Any]:
    """One spelling for each of the things that have two.

    `null` and absence; the numbers of blocks of reasoning, which stand in their order anyway;
    reasoning as a text beside its blocks; `n` of 1; no stream; an empty list of tools; a limit by its old name; a tool
    or a choice whose type is left out; an image's bare address; content that is one plain text, or none beside calls.
    """
    body = _without_nulls(body)
    if body.get("n") == 1:
        del body["n"]
    if body.get("stream") is False:
        del body["stream"]
    if body.get("tools") == []:
        del body["tools"]
    if "max_completion_tokens" in body:
        body["max_tokens"] = body.pop("max_completion_tokens")
    choice = body.get("tool_choice")
    for tool in [*body.get("tools", ()), *([choice] if isinstance(choice, dict) else ())]:
        if "function" in tool:
            tool.setdefault("type", "function")
    for message in body["messages"]:
        _spell(message)
    return body


def _spell(message: dict[str, Any]) -> None:
    content = message.get("content")
    for part in content if isinstance(content, list) else ():
        if isinstance(part.get("image_url"), str):
            part["image_url"] = {"url": part["image_url"]}
    if isinstance(content, list) and [set(part) for part in content] == [{"type", "text"}]:
        message["content"] = content[0]["text"]
    for block in message.get("reasoning_details", ()):
        block.pop("index", None)
        for name in ("reasoning", "reasoning_content"):  # the same once more
            message.pop(name, None)
    if message.get("tool_calls") == []:
        del message["tool_calls"]
    if message.get("tool_calls") and content in ("", []):
        del message["content"]


def _without_nulls(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: _without_nulls(v) for k, v in value.items() if v is not None}
    if isinstance(value, list):
        return [_without_nulls(v) for v in value]
    return value


@needs_recordings
@pytest.mark.parametrize("case_id", sorted(CASES) or ["none"])
def test_a_recorded_request_means_the_same_after_the_canonical_form(case_id: str) -> None:
    case = CASES[case_id]
    try:
        request = decode(json.dumps(case["request"]["body"]).encode(), {})
    except InvalidRequest:
        assert case["response"]["status"] == 400  # refused there as well, and by both lanes
        return
    vendor = case["provider"]
    assert _request(LANE, request, vendor) == _request(WIRE, request, vendor)
