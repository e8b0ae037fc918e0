"""Replayed messages, in the form that each vendor accepts."""

from __future__ import annotations

import json
from typing import Any

import pytest

from openai_chat_wire import WIRE, call, chat, endpoint, provider, sent
from opengateway.dialects.openai_chat import decode

CALL = {"id": "call_abcdefghijkl", "type": "function", "function": {"name": "f", "arguments": "{}"}}


def history(*, index: bool = False, **assistant: Any) -> list[dict[str, Any]]:
    """A turn with a tool call, as a client replays it."""
    replayed = {**CALL, "index": 0} if index else CALL
    return [
        {"role": "user", "content": "go"},
        {"role": "assistant", "content": None, "tool_calls": [replayed], **assistant},
        {"role": "tool", "tool_call_id": CALL["id"], "content": "done"},
    ]


def test_a_developer_speaks_as_the_system_where_there_is_no_such_role() -> None:
    messages = [{"role": "developer", "content": "be brief"}, {"role": "user", "content": "x"}]
    assert sent(provider("openai"), messages=messages)["messages"][0]["role"] == "developer"
    for name in ("groq", "deepseek", "mistral", "vllm"):
        assert sent(provider(name), messages=messages)["messages"][0] == {
            "role": "system",
            "content": "be brief",
        }


@pytest.mark.parametrize("member", ["reasoning_content", "reasoning", "reasoning_details"])
def test_e20_groq_gets_no_reasoning_of_another_vendor(member: str) -> None:
    value: Any = [{"type": "reasoning.text", "text": "t"}] if "details" in member else "thought"
    messages = history(**{member: value}, refusal=None, annotations=[])
    assistant = sent(provider("groq"), "llama-3.3-70b", messages=messages)["messages"][1]
    assert set(assistant) == {"role", "content", "tool_calls"}


def test_groqs_own_reasoning_models_get_it_under_their_name() -> None:
    messages = history(reasoning_content="thought")
    assistant = sent(provider("groq"), "openai/gpt-oss-120b", messages=messages)["messages"][1]
    assert assistant["reasoning"] == "thought"
    assert "reasoning_content" not in assistant


def test_e21_vllm_gets_reasoning_under_both_of_its_names() -> None:
    for member in ("reasoning", "reasoning_content"):
        assistant = sent(provider("vllm"), messages=history(**{member: "t"}))["messages"][1]
        assert assistant["reasoning"] == assistant["reasoning_content"] == "t"


def test_e19_deepseek_gets_reasoning_with_every_tool_turn_even_if_empty() -> None:
    deepseek = provider("deepseek")
    kept = sent(deepseek, messages=history(reasoning_content="t"))["messages"]
    filled = sent(deepseek, messages=history())["messages"]
    assert kept[1]["reasoning_content"] == "t"
    assert filled[1]["reasoning_content"] == ""
    assert "reasoning_content" not in filled[0] | filled[2]


def test_openrouter_gets_reasoning_back_byte_for_byte() -> None:
    raw = b'[{"role":"user","content":"x"},{"role":"assistant","content":"y",'
    raw += b'"reasoning_details":[ {"signature":"A==" , "type":"reasoning.encrypted"} ]},'
    raw += b'{"role":"user","content":"z"}]'
    request = decode(b'{"model":"a/b","messages":' + raw + b"}", {})
    assert raw in WIRE.request(request, endpoint(), provider("openrouter"), "t").body


def test_e28_mistral_gets_a_history_rebuilt_from_what_it_knows() -> None:
    messages = history(index=True, refusal=None, annotations=[], reasoning_content="t")
    body = sent(provider("mistral"), messages=messages)
    assistant = body["messages"][1]
    assert set(assistant) == {"role", "content", "tool_calls"}
    assert set(assistant["tool_calls"][0]) == {"id", "type", "function"}


def test_call_ids_of_another_vendor_become_ids_that_mistral_takes() -> None:
    messages = sent(provider("mistral"), messages=history())["messages"]
    identifier = messages[1]["tool_calls"][0]["id"]
    assert len(identifier) == 9
    assert identifier.isalnum()
    assert messages[2]["tool_call_id"] == identifier


def test_mistrals_own_call_ids_stay() -> None:
    messages = json.loads(json.dumps(history()).replace(CALL["id"], "Abc123xyZ"))
    assert (
        sent(provider("mistral"), messages=messages)["messages"][2]["tool_call_id"] == "Abc123xyZ"
    )


def test_a_strict_vendor_gets_no_unknown_members_and_the_caller_is_told() -> None:
    messages = [{"role": "user", "content": "x", "name": "Kim", "mood": "good"}]
    made = call(chat(messages=messages), provider("groq"))
    assert json.loads(made.body)["messages"] == [{"role": "user", "content": "x"}]
    assert set(made.dropped) == {"messages[].name", "messages[].mood"}


def test_mistrals_short_form_of_an_image_is_written_out_for_the_others() -> None:
    part = {"type": "image_url", "image_url": "https://example.com/a.png"}
    messages = [{"role": "user", "content": [{"type": "text", "text": '"image_url": "'}, part]}]
    openai = sent(provider("openai"), messages=messages)["messages"][0]["content"]
    assert openai[1]["image_url"] == {"url": "https://example.com/a.png"}
    assert sent(provider("mistral"), messages=messages)["messages"] == messages


def test_messages_that_need_no_change_are_not_even_decoded() -> None:
    raw = b'[{"role":"user", "content":[{"type":"image_url","image_url":{"url":"data:x"}}]}]'
    request = decode(b'{"model":"a/b","messages":' + raw + b"}", {})
    for name in ("openai", "groq", "mistral", "deepseek", "vllm", "ollama"):
        assert raw in WIRE.request(request, endpoint(), provider(name), "t").body
