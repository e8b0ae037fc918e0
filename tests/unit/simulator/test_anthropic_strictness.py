"""Anthropic's wire refuses what the vendor refuses, in its words."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from simulated import ANTHROPIC, Got, Running, claude, send
from test_anthropic_generation import CLOCK, PNG, THINK, WEATHER

USER = {"role": "user", "content": "Hi"}


def text(value: str, **more: Any) -> dict[str, Any]:
    return {"type": "text", "text": value} | more


def marked(ttl: str = "5m") -> dict[str, Any]:
    return text("x", cache_control={"type": "ephemeral", "ttl": ttl})


def use(call: str, name: str = "get_weather") -> dict[str, Any]:
    return {"type": "tool_use", "id": call, "name": name, "input": {}}


def result(call: str) -> dict[str, Any]:
    return {"type": "tool_result", "tool_use_id": call, "content": "ok"}


def assistant(*blocks: Any) -> dict[str, Any]:
    return {"role": "assistant", "content": list(blocks)}


def user(*blocks: Any) -> dict[str, Any]:
    return {"role": "user", "content": list(blocks)}


def image(kind: str, data: str = PNG) -> dict[str, Any]:
    return {"type": "image", "source": {"type": "base64", "media_type": kind, "data": data}}


BAD: list[tuple[dict[str, Any], str]] = [
    ({"max_tokens": None}, "max_tokens: Field required"),
    ({"max_tokens": -1}, "max_tokens: Input should be greater than or equal to 0"),
    ({"max_tokens": "9"}, "max_tokens: Input should be a valid integer"),
    ({"model": None}, "model: Field required"),
    ({"messages": []}, "messages: at least one message is required"),
    ({"messages": "Hi"}, "messages: Input should be a valid list"),
    ({"n": 2}, "n: Extra inputs are not permitted"),
    ({"context_management": {}}, "context_management: Extra inputs are not permitted"),
    ({"temperature": 1.5}, "temperature: Input should be less than or equal to 1"),
    ({"stop_sequences": ["  "]}, "stop_sequences.0: each stop sequence must contain"),
    ({"service_tier": "flex"}, "service_tier: Input should be 'auto' or 'standard_only'"),
    ({"system": [text("")]}, "system: text content blocks must be non-empty"),
    ({"messages": [{"role": "system", "content": "x"}, USER]}, 'Unexpected role "system"'),
    ({"messages": [{"role": "tool", "content": "x"}]}, "messages.0.role: Input should be 'user'"),
    ({"messages": [USER | {"name": "x"}]}, "messages.0.name: Extra inputs are not permitted"),
    ({"messages": [{"role": "user"}]}, "messages.0.content: Field required"),
    ({"messages": [user()]}, "messages.0: all messages must have non-empty content"),
    ({"content": [text("")]}, "messages: text content blocks must be non-empty"),
    ({"content": [text("  ")]}, "text content blocks must contain non-whitespace text"),
    ({"content": [text("a", index=0)]}, "messages.0.content.0.text.index: Extra inputs"),
    (
        {"content": [{"type": "input_text", "text": "a"}]},
        "Input tag 'input_text' found using 'type'",
    ),
    ({"content": [image("image/bmp")]}, "image.source.base64.media_type: Input should be 'image/"),
    ({"content": [image("image/png", "%")]}, "image.source.base64.data: Invalid base64 data"),
    ({"content": [use("a")]}, "`tool_use` blocks can only be used in `assistant` messages"),
    ({"tools": [WEATHER, WEATHER]}, "tools: Tool names must be unique."),
    ({"tools": [WEATHER | {"name": "a.b"}]}, "tools.0.custom.name: String should match pattern"),
    ({"tools": [{"name": "f"}]}, "tools.0.custom.input_schema: Field required"),
    ({"tools": [{"name": "f", "input_schema": {}}]}, "input_schema.type: Field required"),
    ({"tools": [{"type": "function", "function": {}}]}, "Input tag 'function' found using 'type'"),
    ({"tool_choice": {"type": "auto"}}, "tool_choice may only be specified while providing tools"),
    (
        {"tools": [WEATHER], "tool_choice": {"type": "tool", "name": "g"}},
        "Tool 'g' not found in provided tools",
    ),
    (
        {"tools": [WEATHER], "tool_choice": {"type": "required"}},
        "tool_choice: Input tag 'required'",
    ),
    (
        {"thinking": {"type": "enabled", "budget_tokens": 1000}},
        "thinking.enabled.budget_tokens: Input should be greater than or equal to 1024",
    ),
    (
        {"thinking": {"type": "enabled", "budget_tokens": 4096}},
        "`max_tokens` must be greater than `thinking.budget_tokens`",
    ),
    ({"thinking": THINK, "temperature": 0.5}, "`temperature` may only be set to 1"),
    ({"thinking": THINK, "top_k": 5}, "`top_k` must be unset"),
    (
        {"thinking": THINK, "tools": [WEATHER], "tool_choice": {"type": "any"}},
        "Thinking may not be enabled when tool_choice forces tool use",
    ),
    ({"model": "sim-claude-think", "temperature": 1}, "`temperature` is not supported"),
    (
        {"content": [marked()] * 5},
        "A maximum of 4 blocks with cache_control may be provided. Found 5",
    ),
    (
        {"system": [marked("5m")], "content": [marked("1h")]},
        "messages.0.content.0.cache_control.ttl: a ttl='1h' cache_control block must not come",
    ),
    ({"content": [marked("2h")]}, "cache_control.ttl: Input should be '5m' or '1h'"),
    (
        {"messages": [USER, assistant(use("a")), USER]},
        "messages.1: `tool_use` ids were found without `tool_result` blocks immediately after: a.",
    ),
    ({"messages": [USER, assistant(use("a"))]}, "messages.1: `tool_use` ids were found without"),
    (
        {"messages": [USER, assistant(use("a"), use("b")), user(result("a"))]},
        "immediately after: b.",
    ),
    (
        {"messages": [USER, assistant(use("a"), use("b")), user(result("a")), user(result("b"))]},
        "immediately after: b.",
    ),
    (
        {"messages": [USER, assistant(use("a")), user(text("so"), result("a"))]},
        "`tool_use` ids were found without `tool_result` blocks immediately after",
    ),
    (
        {"messages": [USER, assistant(text("x")), user(result("a"))]},
        "messages.2.content.0: unexpected `tool_use_id` found in `tool_result` blocks: a.",
    ),
    ({"messages": [USER, assistant(use("a b"))]}, "tool_use.id: String should match pattern"),
    ({"messages": [USER, assistant(text("so "))]}, "cannot end with trailing whitespace"),
    (
        {"messages": [USER, assistant(text("so"))], "thinking": THINK},
        "does not support assistant message prefill",
    ),
    ({"output_config": {"effort": "minimal"}}, "output_config.effort: Input should be 'low'"),
    ({"model": "sim-small", "content": "word " * 4000}, "prompt is too long: "),
    ({"model": "sim-small"}, "input length and `max_tokens` exceed context limit: "),
]


@pytest.mark.parametrize(("members", "says"), BAD)
def test_what_the_vendor_refuses_is_refused(
    simulator: Running, members: dict[str, Any], says: str
) -> None:
    got = claude(simulator, **members)
    error = got.json["error"]
    assert (got.status, error["type"]) == (400, "invalid_request_error"), got.body
    assert says in error["message"]
    assert got.json["type"] == "error"
    assert got.json["request_id"].startswith("req_")
    assert len(got.json["request_id"]) == 28


GOOD: list[dict[str, Any]] = [
    {"messages": [USER, USER]},
    {"messages": [USER, assistant(text("The answer is"))]},
    {"messages": [USER, assistant(use("a")), user(result("a"), text("and now?"))]},
    {"content": [marked("1h"), marked("5m")], "system": [marked("1h")]},
    {"tools": [{"type": "web_search_20250305", "name": "web_search"}, CLOCK | {"strict": True}]},
    {"headers": ANTHROPIC | {"anthropic-beta": "x"}, "context_management": {"edits": []}},
    {"headers": {"authorization": "Bearer t", "anthropic-version": "2023-06-01"}},
    {"metadata": {"user_id": "u"}, "temperature": 0, "top_k": 4, "system": "Be kind."},
    {"output_config": {"effort": "high"}, "thinking": {"type": "adaptive"}},
]


@pytest.mark.parametrize("members", GOOD)
def test_what_the_vendor_takes_is_taken(simulator: Running, members: dict[str, Any]) -> None:
    got = claude(simulator, **members)
    assert got.status == 200, got.body


@pytest.mark.parametrize(
    ("headers", "status", "says"),
    [
        ({"anthropic-version": "2023-06-01"}, 401, "x-api-key header is required"),
        (ANTHROPIC | {"x-api-key": "bad-key"}, 401, "invalid x-api-key"),
        (ANTHROPIC | {"x-api-key": "", "authorization": "Bearer bad-key"}, 401, "bearer token"),
        ({"x-api-key": "k"}, 400, "anthropic-version: header is required"),
        (ANTHROPIC | {"anthropic-version": "2099"}, 400, "is not a valid version"),
    ],
)
def test_a_key_and_a_version_are_needed(
    simulator: Running, headers: dict[str, str], status: int, says: str
) -> None:
    got = claude(simulator, headers=headers)
    assert (got.status, says in got.json["error"]["message"]) == (status, True)
    assert len(got.json["request_id"]) == 28


def test_addresses_and_models_that_are_not_there_are_not_found(simulator: Running) -> None:
    for path in ("/anthropic/v1/complete", "/anthropic/messages"):
        got = claude(simulator, path=path)
        assert (got.status, got.json["error"]["type"]) == (404, "not_found_error")
    got = claude(simulator, model="claude-none")
    assert (got.status, got.json["error"]["message"]) == (404, "model: claude-none")
    assert send(simulator, "GET", "/anthropic/v1/messages", headers=ANTHROPIC).status == 405
    broken = send(simulator, "POST", "/anthropic/v1/messages", b"{", headers=ANTHROPIC)
    assert (broken.status, broken.json["error"]["type"]) == (400, "invalid_request_error")


def test_counting_takes_no_limit(simulator: Running) -> None:
    got = claude(simulator, path="/anthropic/v1/messages/count_tokens")
    assert got.json["error"]["message"] == "max_tokens: Extra inputs are not permitted"


def test_deep_nesting_is_refused_and_not_a_crash(simulator: Running) -> None:
    raw = b'{"model":"sim-claude","max_tokens":1,"messages":' + b"[" * 5000 + b"]" * 5000 + b"}"
    assert send(simulator, "POST", "/anthropic/v1/messages", raw, headers=ANTHROPIC).status == 400


# --- signatures -------------------------------------------------------------------------------------


def loop(simulator: Running, change: Any, model: str = "sim-claude", thinking: Any = THINK) -> Got:
    """A tool loop with thoughts, its assistant turn changed by `change` before it goes back."""
    asked = {"role": "user", "content": "Call get_weather for Oslo"}
    said = claude(
        simulator, asked["content"], model=model, tools=[WEATHER], thinking=thinking
    ).json["content"]
    assert [block["type"] for block in said][-1] == "tool_use"
    assert len(said) == 2
    answer = user(result(said[-1]["id"]))
    turns = [asked, assistant(*change(said)), answer]
    return claude(simulator, messages=turns, model=model, tools=[WEATHER], thinking=thinking)


@pytest.mark.parametrize("model", ["sim-claude", "sim-redacted"])
def test_thoughts_that_come_back_untouched_are_taken(simulator: Running, model: str) -> None:
    got = loop(simulator, lambda said: said, model)
    assert (got.status, got.json["content"][0]["type"]) == (200, "text")


def forged(signature: str) -> str:
    raw = bytearray(base64.b64decode(signature))
    raw[-1] ^= 1
    return base64.b64encode(raw).decode()


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda said: said[1:], "Expected `thinking` or `redacted_thinking`, but found `tool_use`"),
        (lambda said: said[::-1], "but found `tool_use`"),
        (
            lambda said: [said[0] | {"thinking": said[0]["thinking"] + "!"}, said[1]],
            "messages.1.content.0: Invalid `signature` in `thinking` block",
        ),
        (
            lambda said: [said[0] | {"signature": forged(said[0]["signature"])}, said[1]],
            "Invalid `signature`",
        ),
        (lambda said: [said[0] | {"signature": "?"}, said[1]], "Invalid `signature`"),
        (
            lambda said: [{"type": "thinking", "thinking": said[0]["thinking"]}, said[1]],
            "messages.1.content.0.thinking.signature: Field required",
        ),
    ],
)
def test_thoughts_that_were_touched_are_refused(simulator: Running, change: Any, says: str) -> None:
    got = loop(simulator, change)
    assert got.status == 400
    assert says in got.json["error"]["message"]


def test_sealed_thoughts_that_were_touched_are_refused(simulator: Running) -> None:
    got = loop(
        simulator,
        lambda said: [said[0] | {"data": forged(said[0]["data"])}, said[1]],
        "sim-redacted",
    )
    assert "Invalid `data` in `redacted_thinking`" in got.json["error"]["message"]


def test_without_thinking_or_outside_a_loop_thoughts_may_be_gone(simulator: Running) -> None:
    adaptive = {"type": "adaptive"}
    assert loop(simulator, lambda said: said[1:], thinking=adaptive).status == 200
    turns = [USER, assistant(text("Hello.")), USER]
    assert claude(simulator, messages=turns, thinking=THINK).status == 200


def test_a_foreign_signature_is_refused_everywhere(simulator: Running) -> None:
    thought = {"type": "thinking", "thinking": "hm", "signature": "EpwICpkIAXLI2nxl"}
    got = claude(simulator, messages=[USER, assistant(thought, text("Hello.")), USER])
    assert (got.status, "Invalid `signature`" in json.dumps(got.json)) == (400, True)
