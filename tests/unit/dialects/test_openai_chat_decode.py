"""What is read of a request, and that nothing of it is lost."""

from __future__ import annotations

import json
from typing import Any

import pytest

from opengateway.dialects.openai_chat import decode
from opengateway.dialects.openai_chat.shapes import Params
from opengateway.domain.chat import ChatFacts, ProviderPreferences, SortBy
from opengateway.domain.routing_rules import MaxPrice
from opengateway.kit.json import dumps
from recordings import chat_cases, needs_recordings

USER = {"role": "user", "content": "hi"}


def with_(**members: Any) -> bytes:
    return json.dumps({"model": "acme/m", "messages": [USER], **members}).encode()


def facts(**members: Any) -> ChatFacts:
    return decode(with_(**members), {}).facts


def facts_of(*messages: Any) -> ChatFacts:
    return facts(messages=list(messages))


# --- lossless --------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "member",
    [
        b'"odd": {"b": 1,   "a": [1.0, 1e5, -0, 12345678901234567890123]}',
        b'"top_k" : 40',
        b'"reasoning":{"effort":"low","max_tokens":10}',
        b'"cache_control": {"type": "ephemeral"}',
        b'"text": "\\u00e9 \\ud83d\\ude00 \\/"',
        '"한국어": "그대로"'.encode(),
        b'"odd": null',
        b'"odd": 1e999',
        b'"functions": [{"name": "f", "odd": 1 }]',
        b'"function_call": {"name": "f" }',
        b'"tools": [{"type": "openrouter:web_search", "odd": {"a": [ ]}}]',
        b'"response_format": {"type": "json_object", "value": {"a" : 1}}',
    ],
)
def test_a_member_leaves_with_the_bytes_it_came_with(member: bytes) -> None:
    name, _, value = member.partition(b":")
    body = b'{"model":"m", "messages": [ {"role":"user", "content":"x", "odd":1.50} ],' + member
    chat = decode(body + b"}", {})
    sent = dumps(chat.fields)
    assert value.strip() in sent
    assert b'[ {"role":"user", "content":"x", "odd":1.50} ]' in sent
    assert json.loads(name) in chat.fields


def test_the_callers_order_is_kept_and_our_extras_are_taken_out() -> None:
    chat = decode(
        json.dumps(
            {
                "z": 1,
                "session_id": "s",
                "messages": [USER],
                "extra": {},
                "user": "u",
                "provider": {},
                "model": "m",
                "debug": {},
                "models": [],
                "a": 2,
            }
        ).encode(),
        {},
    )
    assert list(chat.fields) == ["z", "messages", "user", "model", "a"]


def test_of_a_repeated_member_the_last_is_checked_and_sent() -> None:
    body = b'{"model":"bad model","model":"m","messages":[{"role":"user","content":"x"}],"n":999,"n":2}'
    chat = decode(body, {})
    assert (chat.model, chat.facts.n) == ("m", 2)
    assert json.loads(dumps(chat.fields)) == json.loads(body)


def test_an_escaped_name_is_the_same_name() -> None:
    body = with_().replace(b'"model"', b'"mod\\u0065l"')
    assert decode(body, {}).model == "acme/m"


def test_a_large_body_is_read_as_a_small_one_is() -> None:
    image = {"type": "image_url", "image_url": {"url": "data:image/png;base64," + "A" * 1_500_000}}
    text = {"type": "text", "text": "한국어 [{\\"}
    chat = decode(with_(messages=[{"role": "user", "content": [text, image], "odd": 1}]), {})
    assert chat.facts.modalities == {"text", "image"}
    assert chat.facts.message_members == {"odd"}
    assert chat.input_bytes > 1_500_000


@needs_recordings
@pytest.mark.shared
def test_every_recorded_request_decodes_and_keeps_every_member() -> None:
    ours = {"models", "extra", "provider", "session_id", "debug"}
    cases = [case for case in chat_cases() if isinstance(case["request"].get("body"), dict)]
    assert len(cases) > 100
    for case in cases:
        body = case["request"]["body"]
        chat = decode(json.dumps(body).encode(), {})
        kept = json.loads(dumps(chat.fields))
        assert kept == {k: v for k, v in body.items() if k not in ours}, case["case_id"]


# --- facts -----------------------------------------------------------------------------------------
def test_a_plain_request_has_plain_facts() -> None:
    chat = decode(with_(), {})
    assert chat.facts == ChatFacts()
    assert (chat.model, chat.stream, chat.include_usage) == ("acme/m", False, False)
    assert (chat.fallbacks, chat.preferences) == ((), ProviderPreferences())
    assert (chat.session_id, chat.user, chat.debug_routing) == (None, None, False)
    assert (chat.first_token_timeout_s, chat.deadline_s) == (None, None)
    assert chat.input_bytes == len(with_())


def test_null_means_absent() -> None:
    nothing = dict.fromkeys(set(Params.__struct_fields__) - {"model", "messages"})
    chat = decode(with_(**nothing), {})
    assert chat.facts == ChatFacts()
    assert chat.stream is False


@pytest.mark.parametrize(
    ("members", "expected"),
    [
        ({"n": 3}, {"n": 3}),
        ({"max_tokens": 7}, {"max_output_tokens": 7}),
        ({"max_completion_tokens": 8}, {"max_output_tokens": 8}),
        ({"max_tokens": 8, "max_completion_tokens": 8}, {"max_output_tokens": 8}),
        ({"temperature": 0}, {"temperature": 0.0}),
        ({"stop": "x"}, {"stop_count": 1}),
        ({"stop": ["a", "b"]}, {"stop_count": 2}),
        ({"stop": []}, {"stop_count": 0}),
        ({"reasoning_effort": "xhigh"}, {"reasoning_effort": "xhigh"}),
        ({"response_format": {"type": "text"}}, {"response_format": "text"}),
        ({"response_format": {"type": "json_object"}}, {"response_format": "json_object"}),
        (
            {"response_format": {"type": "json_schema", "json_schema": {"name": "a"}}},
            {"response_format": "json_schema"},
        ),
        ({"tools": []}, {"has_tools": False}),
        ({"tools": [{"type": "function", "function": {"name": "f"}}]}, {"has_tools": True}),
        ({"tools": [{"function": {"name": "f"}}] * 129}, {"has_tools": True}),
        ({"functions": [{"name": "f"}]}, {"has_tools": True}),
        ({"tool_choice": "none"}, {"tool_choice": "none"}),
        ({"tool_choice": "auto"}, {"tool_choice": "auto"}),
        ({"tool_choice": "required"}, {"tool_choice": "required"}),
        ({"tool_choice": "any"}, {"tool_choice": "required"}),
        (
            {"tool_choice": {"type": "function", "function": {"name": "f"}}},
            {"tool_choice": "named"},
        ),
        ({"tool_choice": {"type": "custom", "custom": {"name": "f"}}}, {"tool_choice": "named"}),
        ({"tool_choice": {"function": {"name": "f"}}}, {"tool_choice": "named"}),
        (
            {
                "tool_choice": {
                    "type": "allowed_tools",
                    "allowed_tools": {"mode": "auto", "tools": [{"type": "function"}]},
                }
            },
            {"tool_choice": "allowed"},
        ),
        ({"function_call": {"name": "f"}}, {"tool_choice": "named"}),
        ({"function_call": "auto"}, {"tool_choice": "auto"}),
    ],
)
def test_a_member_is_read(members: dict[str, Any], expected: dict[str, Any]) -> None:
    assert facts(**members) == ChatFacts(**expected)


def test_the_inputs_modalities_are_those_of_all_parts() -> None:
    parts = [
        {"type": "text", "text": "x"},
        {"type": "image_url", "image_url": {"url": "https://a/b.png", "detail": "low"}},
        {"type": "image_url", "image_url": "https://a/c.png"},
        {"type": "input_audio", "input_audio": {"data": "", "format": "wav"}},
    ]
    more = [{"type": "file", "file": {"file_data": "QQ=="}}, {"type": "video_url", "video_url": {}}]
    seen = facts_of({"role": "user", "content": parts}, {"role": "user", "content": more})
    assert seen.modalities == {"text", "image", "audio", "file", "video"}


def test_a_part_of_an_unknown_type_passes() -> None:
    seen = facts_of({"role": "user", "content": [{"type": "hologram", "hologram": [1]}]})
    assert seen.modalities == {"text"}


def test_roles_and_members_of_messages_are_seen() -> None:
    call = {"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    seen = facts_of(
        {"role": "developer", "content": "be brief"},
        {"role": "user", "content": "x", "name": "ann"},
        {"role": "assistant", "content": None, "tool_calls": [call], "reasoning_content": ""},
        {"role": "tool", "tool_call_id": "c", "content": [{"type": "text", "text": "r"}]},
        {"role": "function", "name": "f", "content": None},
    )
    assert seen.has_developer_role
    assert seen.has_reasoning
    assert not seen.has_tool_call_index
    assert seen.message_members == {"name", "tool_calls", "reasoning_content", "tool_call_id"}


@pytest.mark.parametrize("index", [0, None])
def test_an_index_on_a_replayed_call_is_seen(index: int | None) -> None:
    call = {"id": "c", "function": {"name": "f", "arguments": ""}, "index": index}
    assert facts_of({"role": "assistant", "tool_calls": [call]}).has_tool_call_index


@pytest.mark.parametrize(
    "says",
    [
        {"refusal": "no"},
        {"audio": {"data": "QQ=="}},
        {"reasoning": "hm"},
        {"function_call": {"name": "f", "arguments": ""}},
        {"content": []},
        {"content": ""},
    ],
)
def test_an_assistant_without_text_may_say_something_else(says: dict[str, Any]) -> None:
    facts_of({"role": "assistant", **says})


# --- ours ------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("members", "expected"),
    [
        ({"models": ["b", "c"]}, ("b", "c")),
        ({"extra": {"fallbacks": ["b"]}}, ("b",)),
        ({"models": ["b"], "extra": {"fallbacks": ["b"]}}, ("b",)),
        ({"models": ["acme/m", "b", "c", "b"]}, ("b", "c")),
        ({"models": []}, ()),
    ],
)
def test_fallbacks_are_read_each_once(members: dict[str, Any], expected: tuple[str, ...]) -> None:
    assert decode(with_(**members), {}).fallbacks == expected


def test_the_providers_wishes_are_read() -> None:
    wishes = {
        "order": ["azure/eastus", "openai"],
        "only": ["azure"],
        "ignore": ["x-y.z_1"],
        "allow_fallbacks": False,
    }
    assert decode(with_(provider=wishes), {}).preferences == ProviderPreferences(
        order=("azure/eastus", "openai"),
        only=("azure",),
        ignore=("x-y.z_1",),
        allow_fallbacks=False,
    )


def test_every_wish_of_the_provider_object_is_read() -> None:
    wishes = {
        "require_parameters": True,
        "data_collection": "deny",
        "zdr": True,
        "quantizations": ["fp8", "bf16", "fp8"],
        "sort": {"by": "latency", "partition": "none"},
        "preferred_max_latency": {"p90": 3, "p50": 0.5},
        "preferred_min_throughput": 40,
        "max_price": {"prompt": 0.1, "completion": "15.000000001", "request": 1},
    }
    assert decode(with_(provider=wishes), {}).preferences == ProviderPreferences(
        require_parameters=True,
        deny_data_collection=True,
        zdr=True,
        quantizations=("fp8", "bf16"),
        sort=SortBy.LATENCY,
        sort_across_models=True,
        preferred_max_latency=((50, 0.5), (90, 3.0)),
        preferred_min_throughput=((50, 40.0),),
        max_price=MaxPrice(prompt=100_000_000, completion=15_000_000_001, request=1_000_000_000),
    )


def test_stream_and_debug_are_read() -> None:
    chat = decode(
        with_(
            stream=True,
            stream_options={"include_usage": True, "odd": 1},
            debug={"routing": True, "params": True},
        ),
        {},
    )
    assert (chat.stream, chat.include_usage, chat.debug_routing) == (True, True, True)


def test_clocks_are_read_and_the_header_wins() -> None:
    body = with_(extra={"deadline_ms": 60_000, "first_token_timeout_ms": 8000})
    chat = decode(body, {})
    assert (chat.first_token_timeout_s, chat.deadline_s) == (8.0, 60.0)
    assert decode(body, {"x-opengateway-timeout": "1500"}).first_token_timeout_s == 1.5


@pytest.mark.parametrize("name", ["x-session-id", "x-opengateway-session-id"])
def test_a_session_header_wins_over_the_member(name: str) -> None:
    assert decode(with_(session_id="body"), {}).session_id == "body"
    assert decode(with_(session_id="body"), {name: "head"}).session_id == "body"
    assert decode(with_(), {name: "head"}).session_id == "head"
    assert decode(with_(session_id="body"), {name: ""}).session_id == "body"


def test_the_user_goes_upstream_and_a_header_names_another_for_us() -> None:
    chat = decode(with_(user="사용자"), {"x-opengateway-user-id": "u_184"})
    assert chat.user == "u_184"
    assert json.loads(bytes(chat.fields["user"])) == "사용자"
    assert decode(with_(user="사용자"), {}).user == "사용자"
