"""Requests to the Messages surface: what is taken, what is refused and where it says so."""

from __future__ import annotations

import json
from typing import Any

import pytest

from messages_surface import body, chat
from opengateway.dialects.anthropic_messages import decode, decode_count
from opengateway.dialects.anthropic_messages.names import named_in
from opengateway.domain.errors import CallerError, InvalidRequest, NotFound

PNG = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "AAAA"}}
USE = {"type": "tool_use", "id": "t", "name": "f", "input": {}}
TOOL = {"name": "f", "input_schema": {"type": "object"}}


def said(*blocks: Any, role: str = "user") -> list[dict[str, Any]]:
    return [{"role": role, "content": list(blocks)}]


def refused(raw: bytes | None = None, **members: Any) -> CallerError:
    with pytest.raises(CallerError) as error:
        decode(raw if raw is not None else json.dumps(body(**members)).encode(), {})
    return error.value


def test_a_request_of_a_coding_client_is_taken_whole() -> None:
    mark = {"type": "ephemeral", "ttl": "1h", "scope": "global"}
    request = chat(
        {
            "anthropic-version": "2023-06-01",
            "anthropic-beta": "claude-code-20250219, interleaved-thinking-2025-05-14,"
            "context-management-2025-06-27,prompt-caching-scope-2026-01-05,oauth-2025-04-20",
            "x-claude-code-session-id": "8f1c",
        },
        stream=True,
        system=[{"type": "text", "text": "Be brief.", "cache_control": mark}],
        messages=[
            *said({"type": "text", "text": "Look.", "cache_control": {"type": "ephemeral"}}, PNG),
            *said(
                {"type": "thinking", "thinking": "", "signature": "AA=="},
                {"type": "redacted_thinking", "data": "x"},
                USE,
                role="assistant",
            ),
            *said({"type": "tool_result", "tool_use_id": "t", "is_error": True, "content": [PNG]}),
        ],
        tools=[{**TOOL, "cache_control": mark, "eager_input_streaming": True}],
        tool_choice={"type": "any", "disable_parallel_tool_use": True},
        thinking={"type": "adaptive", "display": "omitted"},
        output_config={"effort": "xhigh"},
        context_management={"edits": []},
        metadata={"user_id": "user_1_account_2_session_11111111-aaaa"},
        service_tier="auto",
    )
    facts = request.facts
    assert (request.stream, request.session_id, request.user) == (True, "8f1c", "user_1_account_2")
    assert request.headers == {
        "anthropic-version": "2023-06-01",
        "anthropic-beta": "claude-code-20250219,interleaved-thinking-2025-05-14,"
        "context-management-2025-06-27,prompt-caching-scope-2026-01-05",
    }
    assert (facts.images, facts.image_bytes) == (2, 8)
    assert facts.modalities == {"text", "image"}
    assert facts.cache_lifetimes == {"1h", "default"}
    assert (facts.tool_choice, facts.has_tools, facts.has_reasoning) == ("required", True, True)
    assert (facts.reasoning_effort, facts.max_output_tokens) == ("xhigh", 1000)
    assert (facts.has_vendor_tools, facts.billed_apart) == (False, None)
    assert "context_management" in request.fields


@pytest.mark.parametrize(
    ("members", "param"),
    [
        ({"max_tokens": None}, "max_tokens"),
        ({"max_tokens": -1}, "max_tokens"),
        ({"max_tokens": "9"}, "max_tokens"),
        ({"messages": []}, "messages"),
        ({"messages": said({"type": "text"})}, "messages.0.content.0.text"),
        ({"messages": said({"text": "x"})}, "messages.0.content.0.type"),
        ({"messages": [{"role": "tool", "content": ""}]}, "messages.0.role"),
        ({"messages": said(USE)}, "messages.0.content.0.type"),
        ({"messages": said({**USE, "input": "x"}, role="assistant")}, "messages.0.content.0.input"),
        (
            {"messages": said({"type": "tool_result", "tool_use_id": "t", "content": [{}]})},
            "messages.0.content.0.content.0.type",
        ),
        (
            {"messages": said({"type": "image", "source": {"type": "base64"}})},
            "messages.0.content.0.source.data",
        ),
        (
            {"messages": said({**PNG, "cache_control": {"type": "ephemeral", "ttl": "9h"}})},
            "messages.0.content.0.cache_control.ttl",
        ),
        ({"temperature": 1.5}, "temperature"),
        ({"stop_sequences": "x"}, "stop_sequences"),
        ({"thinking": {"type": "enabled"}}, "thinking.budget_tokens"),
        ({"thinking": {"type": "enabled", "budget_tokens": 10}}, "thinking.budget_tokens"),
        ({"thinking": {"type": "often"}}, "thinking.type"),
        ({"tool_choice": {"type": "tool"}}, "tool_choice.name"),
        ({"tool_choice": "auto"}, "tool_choice"),
        ({"tools": [{"name": "f"}]}, "tools.0.input_schema"),
        ({"tools": [{"name": "f", "input_schema": "x"}]}, "tools.0.input_schema"),
        ({"tools": [{**TOOL, "name": "a b"}]}, "tools.0.name"),
        ({"service_tier": "priority"}, "service_tier"),
        ({"output_config": {"effort": "most"}}, "output_config.effort"),
        ({"system": 1}, "system"),
        ({"models": ["a/b"], "fallbacks": [{"model": "a/b"}]}, "fallbacks"),
        ({"fallbacks": [{"model": "a/b", "max_tokens": 1}]}, "fallbacks.0.max_tokens"),
    ],
)
def test_what_is_wrong_is_named_by_its_place(members: dict[str, Any], param: str) -> None:
    error = refused(**members)
    assert isinstance(error, InvalidRequest)
    assert error.param == param
    assert param in error.message


@pytest.mark.parametrize(
    "raw", [b"", b"{", b"[]", b"\xff\xfe", b'{"model":' + b"[" * 2000 + b"]" * 2000 + b"}"]
)
def test_what_is_no_request_at_all_is_refused_as_such(raw: bytes) -> None:
    assert refused(raw).status == 400


def test_a_body_is_bounded_in_depth() -> None:
    schema: dict[str, Any] = {"type": "object"}
    for _ in range(200):
        schema = {"type": "object", "properties": {"x": schema}}
    assert refused(tools=[{"name": "f", "input_schema": schema}]).code == "too_deep"
    result: dict[str, Any] = {"type": "tool_result", "tool_use_id": "t"}
    for _ in range(20):
        result = {"type": "tool_result", "tool_use_id": "t", "content": [result]}
    assert "nested too deep" in refused(messages=said(result)).message


@pytest.mark.parametrize(
    ("members", "param"),
    [
        ({"container": "container_1"}, "container"),
        ({"container": {"skills": []}}, "container"),
        ({"thread": {"id": "thread_1"}}, "thread"),
        ({"user_profile_id": "p"}, "user_profile_id"),
        ({"workspace_id": "w"}, "workspace_id"),
        (
            {
                "messages": said(
                    {"type": "document", "source": {"type": "file", "file_id": "file_1"}}
                )
            },
            "messages.0.content.0.source.file_id",
        ),
        (
            {"messages": said({"type": "container_upload", "file_id": "file_1"})},
            "messages.0.content.0.file_id",
        ),
        (
            {
                "messages": said(
                    {
                        "type": "tool_result",
                        "tool_use_id": "t",
                        "content": [{"type": "image", "source": {"type": "file", "file_id": "f"}}],
                    }
                )
            },
            "messages.0.content.0.content.0.source.file_id",
        ),
    ],
)
def test_no_id_of_what_a_vendor_keeps_resolves(members: dict[str, Any], param: str) -> None:
    error = refused(**members)
    assert isinstance(error, NotFound)
    assert (error.status, error.param) == (404, param)


@pytest.mark.parametrize(
    ("members", "word"),
    [
        ({"tools": [{"type": "web_search_20250305", "name": "web_search"}]}, "web_search"),
        ({"tools": [{"type": "code_execution_20260120", "name": "c"}]}, "code_execution"),
        ({"speed": "fast"}, "fast"),
        ({"inference_geo": "us"}, "us"),
        ({"billing_policy": {"type": "x"}}, "billing"),
    ],
)
def test_what_is_billed_beside_tokens_is_told(members: dict[str, Any], word: str) -> None:
    told = chat(**members).facts.billed_apart
    assert told is not None
    assert word in told


def test_tools_that_cost_tokens_alone_pass() -> None:
    listed = ("bash_20250124", "text_editor_20250728", "tool_search_tool_bm25_20251119")
    facts = chat(tools=[{"type": kind, "name": "x"} for kind in listed]).facts
    assert (facts.has_vendor_tools, facts.has_tools, facts.billed_apart) == (True, False, None)


@pytest.mark.parametrize(
    ("members", "effort"),
    [
        ({}, None),
        ({"thinking": {"type": "disabled"}, "output_config": {"effort": "high"}}, "none"),
        ({"thinking": {"type": "adaptive"}}, "high"),
        ({"thinking": {"type": "between_tools"}}, "high"),
        ({"thinking": {"type": "enabled", "budget_tokens": 1024}}, "minimal"),
        ({"thinking": {"type": "enabled", "budget_tokens": 12_000}}, "medium"),
        ({"output_config": {"effort": "max"}}, "max"),
    ],
)
def test_how_much_is_to_be_thought_is_told_to_the_router(
    members: dict[str, Any], effort: str | None
) -> None:
    assert chat(**members).facts.reasoning_effort == effort


def test_only_spoken_versions_and_features_by_the_list_are_handed_on() -> None:
    passed = chat({"anthropic-version": "2026-10-21", "anthropic-beta": "files-api-2025-04-14"})
    assert passed.headers == {"anthropic-version": "2026-10-21"}
    kept = "message-threads-2026-08-12,new-thing-2027-01-01,task-budgets-2026-03-13"
    assert chat({"anthropic-beta": kept}).headers == {"anthropic-beta": "task-budgets-2026-03-13"}
    for headers in (
        {"anthropic-version": "2023-01-01"},
        {"anthropic-beta": "a\nb"},
        {"anthropic-beta": ",".join(f"b{n}" for n in range(65))},
    ):
        with pytest.raises(InvalidRequest) as error:
            chat(headers)
        assert error.value.param in headers


@pytest.mark.parametrize(
    ("told", "user", "session"),
    [
        ("u_1", "u_1", None),
        ("user_1_account__session_11111111-2222", "user_1_account_", "11111111-2222"),
        (
            json.dumps({"device_id": "d", "account_uuid": "a", "session_id": "11111111-2222"}),
            "a_d",
            "11111111-2222",
        ),
        ("{broken", "{broken", None),
        ('{"session_id": 5}', '{"session_id": 5}', None),
    ],
)
def test_user_and_session_are_told_apart(told: str, user: str, session: str | None) -> None:
    assert named_in(told) == (user, session)
    request = chat(metadata={"user_id": told})
    assert (request.user, request.session_id) == (user, session)


def test_our_own_members_are_taken_out_and_go_before_headers() -> None:
    request = chat(
        {"x-opengateway-session-id": "s-1", "x-claude-code-session-id": "s-2"},
        fallbacks=[{"model": "a/b"}],
        provider={"only": ["azure"]},
        extra={"deadline_ms": 5000},
        debug={"routing": True},
        session_id="s-3",
    )
    assert request.fallbacks == ("a/b",)
    assert (request.session_id, request.deadline_s) == ("s-3", 5.0)
    assert set(request.fields) == {"model", "max_tokens", "messages"}


def test_counting_asks_for_no_answer() -> None:
    raw = json.dumps(body(stream=True)).encode()
    request = decode_count(raw, {})
    assert not request.stream
    assert set(request.fields) == {"model", "messages"}
    assert request.facts.max_output_tokens == 1000  # as it was told; nothing is held for it
