"""Tool choices: never weakened, whatever the vendor lacks (E43)."""

from __future__ import annotations

from typing import Any

import pytest

from openai_chat_wire import call, chat, provider, sent
from opengateway.domain.errors import InvalidRequest

TOOLS = [
    {"type": "function", "function": {"name": name, "parameters": {"type": "object"}}}
    for name in ("alpha", "beta", "gamma")
]
NAMED = {"type": "function", "function": {"name": "beta"}}


def allowed(mode: str, *names: str) -> dict[str, Any]:
    tools = [{"type": "function", "function": {"name": name}} for name in names]
    return {"type": "allowed_tools", "allowed_tools": {"mode": mode, "tools": tools}}


def names(body: dict[str, Any]) -> list[str]:
    return [tool["function"]["name"] for tool in body.get("tools", ())]


@pytest.mark.parametrize(
    "choice",
    ["none", "auto", "required", NAMED, allowed("auto", "alpha"), allowed("required", "beta")],
)
def test_e43_openai_gets_every_form_as_it_came(choice: Any) -> None:
    body = sent(provider("openai"), tools=TOOLS, tool_choice=choice, parallel_tool_calls=False)
    assert body["tool_choice"] == choice
    assert body["parallel_tool_calls"] is False
    assert names(body) == ["alpha", "beta", "gamma"]


def test_mistral_is_told_to_call_some_tool_in_its_own_word() -> None:
    assert sent(provider("mistral"), tools=TOOLS, tool_choice="required")["tool_choice"] == "any"


def test_mistrals_word_is_understood_everywhere() -> None:
    assert sent(provider("openai"), tools=TOOLS, tool_choice="any")["tool_choice"] == "required"


def test_a_named_tool_is_the_only_one_offered_where_it_cannot_be_named() -> None:
    body = sent(provider("mistral"), tools=TOOLS, tool_choice=NAMED)
    assert names(body) == ["beta"]
    assert body["tool_choice"] == "any"


@pytest.mark.parametrize(("mode", "word"), [("auto", "auto"), ("required", "any")])
def test_e43_only_the_allowed_tools_are_offered_where_they_cannot_be_listed(
    mode: str, word: str
) -> None:
    body = sent(provider("mistral"), tools=TOOLS, tool_choice=allowed(mode, "gamma", "alpha"))
    assert names(body) == ["alpha", "gamma"]
    assert body["tool_choice"] == word


@pytest.mark.parametrize("choice", ["required", NAMED, allowed("required", "alpha")])
def test_a_vendor_that_cannot_be_made_to_call_a_tool_is_not_asked_to(choice: Any) -> None:
    with pytest.raises(InvalidRequest) as caught:
        call(chat(tools=TOOLS, tool_choice=choice), provider("ollama"))
    assert caught.value.param == "tool_choice"


def test_no_tools_are_offered_where_none_is_not_honoured() -> None:
    body = sent(provider("ollama"), tools=TOOLS, tool_choice="none")
    assert "tools" not in body
    assert "tool_choice" not in body


def test_a_choice_of_no_tool_of_the_list_is_refused() -> None:
    with pytest.raises(InvalidRequest) as caught:
        call(chat(tools=TOOLS, tool_choice=allowed("auto", "delta")), provider("mistral"))
    assert caught.value.param == "tool_choice"


def test_the_deprecated_function_call_stays_where_it_is_known() -> None:
    members = {"functions": [{"name": "f"}], "function_call": {"name": "f"}}
    body = sent(provider("openai"), **members)
    assert {name: body[name] for name in members} == members
