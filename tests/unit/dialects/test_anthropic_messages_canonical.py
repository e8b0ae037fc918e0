"""Messages in the canonical form: nothing that any vendor could use is lost on the way."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from anthropic_wire import PROVIDER
from messages_surface import OPENAI, STRAIGHT, TEAM, TRANSLATED, chat, sent
from opengateway.checks.replay import provider_of
from opengateway.dialects.anthropic_messages import decode
from opengateway.dialects.anthropic_messages.canonical import canonical_request
from opengateway.dialects.anthropic_messages.seals import carried, reasoning_of
from opengateway.domain.canonical import (
    CacheMark,
    CanonicalRequest,
    Document,
    Image,
    Reasoning,
    ReasoningIntent,
    Role,
    ServerItem,
    Text,
    ToolCall,
    ToolChoice,
    ToolResult,
)
from opengateway.domain.errors import InvalidRequest
from opengateway.domain.events import ReasoningSeal
from opengateway.domain.pseudonym import pseudonym

PNG = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "AAAA"}}
MARK = {"type": "ephemeral", "ttl": "1h"}


def read(**members: Any) -> CanonicalRequest:
    return canonical_request(chat(**members), TEAM)


def talk(*messages: tuple[str, Any]) -> list[dict[str, Any]]:
    return [{"role": role, "content": content} for role, content in messages]


def test_blocks_keep_their_order_marks_and_seals() -> None:
    request = read(
        system=[{"type": "text", "text": "Be brief.", "cache_control": MARK}],
        messages=talk(
            ("user", "Hi"),
            (
                "assistant",
                [
                    {"type": "thinking", "thinking": "hm", "signature": "AA=="},
                    {"type": "thinking", "thinking": "", "signature": "BB=="},
                    {"type": "redacted_thinking", "data": "zz"},
                    {"type": "thinking", "thinking": "unsigned", "signature": ""},
                    {"type": "text", "text": "So", "citations": [{"x": 1}]},
                    {"type": "tool_use", "id": "t", "name": "f", "input": {"b": 1, "a": 1.50}},
                ],
            ),
            (
                "user",
                [
                    {"type": "text", "text": "and", "cache_control": {"type": "ephemeral"}},
                    {
                        "type": "tool_result",
                        "tool_use_id": "t",
                        "is_error": True,
                        "content": [{"type": "text", "text": "no"}, PNG],
                        "cache_control": MARK,
                    },
                ],
            ),
        ),
    )
    system, _, answer, results, rest = request.turns
    assert system.items == (Text(text="Be brief.", cache=CacheMark("1h")),)
    assert answer.items[:4] == (
        Reasoning(text="hm", signature="AA==", origin="anthropic"),
        Reasoning(text="", signature="BB==", origin="anthropic"),
        Reasoning(encrypted="zz", origin="anthropic"),
        Reasoning(text="unsigned"),
    )
    call = answer.items[5]
    assert isinstance(call, ToolCall)
    assert call.arguments == '{"b": 1, "a": 1.5}'
    assert (results.role, rest.role) == (Role.TOOL, Role.USER)
    (result,) = results.items
    assert result == ToolResult(
        call_id="t",
        name="f",
        content=(Text(text="no"), Image(data="AAAA", media_type="image/png")),
        is_error=True,
        cache=CacheMark("1h"),
    )
    assert rest.items == (Text(text="and", cache=CacheMark()),)


def test_a_call_keeps_its_very_bytes() -> None:
    raw = b'{"model":"a/b","max_tokens":9,"messages":[{"role":"assistant","content":[{"type":'
    raw += b'"tool_use","id":"t","name":"f","input":{ "z":1.50,"y":"\\u00e9" }}]}]}'
    (turn,) = canonical_request(decode(raw, {}), TEAM).turns
    (call,) = turn.items
    assert isinstance(call, ToolCall)
    assert call.arguments == '{ "z":1.50,"y":"\\u00e9" }'


def test_documents_and_what_only_the_vendor_knows() -> None:
    text = {"type": "text", "media_type": "text/plain", "data": "Grüße"}
    request = read(
        messages=talk(
            (
                "user",
                [
                    {"type": "document", "source": text, "title": "A"},
                    {"type": "document", "source": {"type": "url", "url": "https://x/y.pdf"}},
                    {"type": "document", "source": {"type": "content", "content": "blocks"}},
                    {"type": "search_result", "source": "s", "title": "t", "content": []},
                ],
            ),
        )
    )
    document, web, odd, found = request.turns[0].items
    assert isinstance(document, Document)
    assert base64.b64decode(document.data or "").decode() == "Grüße"
    assert (document.media_type, document.name) == ("text/plain", "A")
    assert isinstance(web, Document)
    assert web.url == "https://x/y.pdf"
    assert isinstance(odd, ServerItem)
    assert isinstance(found, ServerItem)


def test_a_tools_reference_within_a_result_is_told_as_it_is() -> None:
    reference = {"type": "tool_reference", "tool_name": "f"}
    use = {"type": "tool_use", "id": "t", "name": "find", "input": {}}
    result = {"type": "tool_result", "tool_use_id": "t", "content": [reference]}
    request = read(messages=talk(("assistant", [use]), ("user", [result])))
    (item,) = request.turns[1].items
    assert isinstance(item, ToolResult)
    (part,) = item.content
    assert isinstance(part, Text)
    assert "tool_reference" in part.text


@pytest.mark.parametrize(
    ("members", "intent"),
    [
        ({}, ReasoningIntent()),
        (
            {"thinking": {"type": "enabled", "budget_tokens": 2000}},
            ReasoningIntent(budget_tokens=2000, enabled=True),
        ),
        (
            {"thinking": {"type": "adaptive", "display": "omitted"}},
            ReasoningIntent(enabled=True, exclude=True),
        ),
        ({"thinking": {"type": "disabled"}}, ReasoningIntent(enabled=False)),
        ({"thinking": {"type": "between_tools"}}, ReasoningIntent()),
        ({"output_config": {"effort": "low"}}, ReasoningIntent(effort="low")),
    ],
)
def test_thinking_is_an_intent(members: dict[str, Any], intent: ReasoningIntent) -> None:
    assert read(**members).reasoning == intent


def test_the_rest_of_a_request() -> None:
    schema = {"type": "object", "properties": {}}
    request = read(
        temperature=0.5,
        top_p=0.9,
        top_k=4,
        stop_sequences=["END"],
        tools=[
            {"name": "f", "input_schema": schema, "cache_control": MARK, "defer_loading": True},
            {"type": "bash_20250124", "name": "bash"},
        ],
        tool_choice={"type": "tool", "name": "f", "disable_parallel_tool_use": True},
        output_config={"format": {"type": "json_schema", "schema": schema}},
        service_tier="standard_only",
        metadata={"user_id": "u"},
        cache_control={"type": "ephemeral"},
        context_management={"edits": []},
    )
    (tool,) = request.tools
    assert (tool.cache, set(tool.extra)) == (CacheMark("1h"), {"defer_loading"})
    assert len(request.server_tools) == 1
    assert request.tool_choice == ToolChoice("named", ("f",))
    assert request.parallel_tool_calls is False
    assert (request.sampling.top_k, request.sampling.stop) == (4, ("END",))
    assert request.output is not None
    assert (request.output.kind, request.output.name) == ("json_schema", "answer")
    assert (request.service_tier, request.max_output_tokens) == ("default", 1000)
    assert request.user == pseudonym(TEAM, "user", "u")
    assert request.cache.automatic == CacheMark()
    assert set(request.extra) == {"context_management"}


def test_a_coding_clients_note_to_its_vendor_is_no_instruction_of_others() -> None:
    note = {"type": "text", "text": "x-anthropic-billing-header: cc_version=2.1.197.0df;"}
    system = [note, {"type": "text", "text": "You are a Claude agent."}]
    assert read(system=system).turns[0].items == (Text(text="You are a Claude agent."),)
    assert [turn.role for turn in read(system=[note]).turns] == [Role.USER]
    assert sent(STRAIGHT, chat(system=system))["system"] == system


def test_filling_a_cache_is_no_business_of_other_vendors() -> None:
    with pytest.raises(InvalidRequest, match="max_tokens: 0"):
        read(max_tokens=0)


# --- seals of other vendors -------------------------------------------------------------------------
def test_a_seal_of_another_vendor_comes_back_to_it_at_its_call() -> None:
    seal = ReasoningSeal("google", signature="CC==", call_id="c")
    thought = ReasoningSeal("openai", encrypted="enc")
    request = read(
        messages=talk(
            (
                "assistant",
                [
                    {"type": "tool_use", "id": "b", "name": "f", "input": {}},
                    {"type": "tool_use", "id": "c", "name": "f", "input": {}},
                    {"type": "redacted_thinking", "data": carried(seal)},
                    {
                        "type": "thinking",
                        "thinking": "I see",
                        "signature": carried(thought, summary=True),
                    },
                ],
            )
        )
    )
    items = request.turns[0].items
    assert [type(item) for item in items] == [ToolCall, Reasoning, ToolCall, Reasoning]
    assert items[1] == Reasoning(signature="CC==", origin="google", call_id="c")
    assert items[3] == Reasoning(text="I see", summary=True, encrypted="enc", origin="openai")


@pytest.mark.parametrize("mangled", ["og1.", "og1.!!!", "og1.AAAA"])
def test_a_mangled_seal_is_no_seal(mangled: str) -> None:
    assert reasoning_of("text", mangled) == Reasoning(text="text")


# --- what the wires make of it ----------------------------------------------------------------------
def test_an_image_in_a_result_and_its_failure_reach_a_vendor_that_has_no_word_for_either() -> None:
    history = talk(
        ("user", "Look"),
        (
            "assistant",
            [
                {"type": "tool_use", "id": "a", "name": "f", "input": {}},
                {"type": "tool_use", "id": "b", "name": "f", "input": {}},
            ],
        ),
        (
            "user",
            [
                {"type": "tool_result", "tool_use_id": "a", "content": [PNG], "is_error": True},
                {"type": "tool_result", "tool_use_id": "b", "content": "fine"},
                {"type": "text", "text": "Well?"},
            ],
        ),
    )
    body = sent(OPENAI, chat(messages=history), provider_of("openai"))
    roles = [message["role"] for message in body["messages"]]
    assert roles == ["user", "assistant", "tool", "tool", "user", "user"]
    first, second, shown, _ = body["messages"][2:]
    assert first["content"].startswith("Error:")
    assert second["content"] == "fine"
    assert shown["content"][1]["image_url"]["url"] == "data:image/png;base64,AAAA"


def test_the_wire_of_the_same_shape_says_the_same_again() -> None:
    members: dict[str, Any] = {
        "system": [{"type": "text", "text": "Be brief.", "cache_control": MARK}],
        "tools": [{"name": "f", "input_schema": {"type": "object"}, "defer_loading": True}],
        "messages": talk(
            ("user", [{"type": "text", "text": "Hi"}]),
            (
                "assistant",
                [
                    {"type": "thinking", "thinking": "hm", "signature": "AA=="},
                    {"type": "tool_use", "id": "t", "name": "f", "input": {"x": 1}},
                ],
            ),
            (
                "user",
                [
                    {"type": "tool_result", "tool_use_id": "t", "content": "1"},
                    {"type": "text", "text": "on", "cache_control": {"type": "ephemeral"}},
                ],
            ),
        ),
        "context_management": {"edits": []},
    }
    body = sent(TRANSLATED, chat(**members), PROVIDER, "claude-sonnet-4-5")
    assert body == {"model": "claude-sonnet-4-5", "max_tokens": 1000, **members}
