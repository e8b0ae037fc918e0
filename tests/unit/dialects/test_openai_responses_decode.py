from __future__ import annotations

from typing import Any

import pytest

from openai_responses_lane import asked, body_of, function_call, thought
from opengateway.dialects.openai_responses import DIALECT, KEEPING, decode
from opengateway.domain.chat import SortBy
from opengateway.domain.errors import CallerError, InvalidRequest, NotFound, NotImplementedYet
from opengateway.kit.json import loads

TOOL = {"type": "function", "name": "f", "parameters": {"type": "object"}}
OUTPUT = {"type": "function_call_output", "call_id": "c", "output": "1"}


def refused(input: Any = "Hello", **members: Any) -> CallerError:
    with pytest.raises(CallerError) as caught:
        decode(body_of(input, **members), {})
    return caught.value


def user(*parts: Any) -> list[Any]:
    return [{"role": "user", "content": list(parts)}]


def test_a_string_is_the_users_message() -> None:
    chat = asked("Hi")
    assert loads(chat.fields["messages"]) == [{"role": "user", "content": "Hi"}]
    assert chat.model == "openai/gpt-5"
    assert not chat.stream


def test_every_item_of_a_tool_loop_passes_as_it_came() -> None:
    items = [
        {"type": "message", "role": "user", "content": "Hi"},
        thought("gAAA", "Hm."),
        {"role": "assistant", "content": [{"type": "output_text", "text": "Yes."}]},
        {"role": "assistant", "content": [{"type": "refusal", "refusal": "No."}]},
        function_call('{"x":1}'),
        {**OUTPUT, "output": [{"type": "input_text", "text": "1"}]},
        {"type": "custom_tool_call", "call_id": "c2", "name": "g", "input": "text"},
        {"type": "custom_tool_call_output", "call_id": "c2", "output": "2"},
        {"type": "compaction", "encrypted_content": "gAAA"},
    ]
    chat = asked(items, instructions="Be brief.")
    listed = loads(chat.fields["messages"])
    assert listed[0] == {"role": "system", "content": "Be brief."}
    assert listed[1:] == items
    assert chat.facts.has_reasoning


def test_facts_are_what_routing_and_holds_need() -> None:
    image = "data:image/png;base64," + "A" * 100
    chat = asked(
        user(
            {"type": "input_text", "text": "x", "prompt_cache_breakpoint": {"ttl": "1h"}},
            {"type": "input_image", "image_url": image},
            {"type": "input_file", "file_url": "https://x.example/a.pdf"},
        ),
        tools=[TOOL],
        tool_choice={"type": "function", "name": "f"},
        text={"format": {"type": "json_schema", "name": "n", "schema": {}}, "verbosity": "low"},
        reasoning={"effort": "low"},
        max_output_tokens=50,
        temperature=0.5,
    )
    facts = chat.facts
    assert facts.modalities == {"text", "image", "file"}
    assert (facts.images, facts.image_bytes, facts.has_open_media) == (1, len(image), True)
    assert facts.cache_lifetimes == {"1h"}
    assert (facts.has_tools, facts.tool_choice) == (True, "named")
    assert (facts.response_format, facts.reasoning_effort) == ("json_schema", "low")
    assert (facts.max_output_tokens, facts.temperature) == (50, 0.5)
    assert loads(chat.fields["verbosity"]) == "low"


def test_our_extras_are_taken_out_and_heard() -> None:
    chat = asked(
        models=["b/c"],
        provider={"only": ["lab"], "sort": "price"},
        session_id="s",
        user="ada",
        extra={"deadline_ms": 5000},
    )
    assert chat.fallbacks == ("b/c",)
    assert chat.preferences.sort is SortBy.PRICE
    assert (chat.session_id, chat.user, chat.deadline_s) == ("s", "ada", 5.0)
    assert {"models", "provider", "session_id", "extra"}.isdisjoint(chat.fields)


@pytest.mark.parametrize(
    ("param", "code", "input", "members"),
    [
        ("input", "missing_required_parameter", None, {}),
        ("input", "invalid_value", [], {}),
        ("input", "invalid_type", 7, {}),
        ("input[0]", "invalid_type", ["Hi"], {}),
        ("input[0].type", "invalid_value", [{"type": "mesage", "role": "user"}], {}),
        ("input[0].type", "unsupported_parameter", [{"type": "web_search_call"}], {}),
        ("input[0].role", "invalid_value", [{"role": "tool", "content": "x"}], {}),
        ("input[0].content", "missing_required_parameter", [{"role": "user"}], {}),
        ("input[0].content[0].text", "missing_required_parameter", user({"type": "input_text"}), {}),
        ("input[0].content[1].type", "invalid_value", user({"type": "input_text", "text": "x"}, {"type": "input_audio"}), {}),
        ("input[0].content[0].image_url", "missing_required_parameter", user({"type": "input_image"}), {}),
        ("input[0].content[0].file_data", "missing_required_parameter", user({"type": "input_file"}), {}),
        ("input[0].call_id", "missing_required_parameter", [{"type": "function_call", "name": "f"}], {}),
        ("input[0].arguments", "invalid_type", [{**function_call(), "arguments": {}}], {}),
        ("input[0].output", "missing_required_parameter", [{"type": "function_call_output", "call_id": "c"}], {}),
        ("input[0].summary[0].text", "missing_required_parameter", [{"type": "reasoning", "summary": [{"type": "summary_text"}]}], {}),
        ("temperature", "invalid_value", "Hi", {"temperature": 3}),
        ("max_output_tokens", "invalid_value", "Hi", {"max_output_tokens": 0}),
        ("reasoning.effort", "invalid_value", "Hi", {"reasoning": {"effort": "huge"}}),
        ("text.verbosity", "invalid_value", "Hi", {"text": {"verbosity": "huge"}}),
        ("text.format.type", "invalid_value", "Hi", {"text": {"format": {"type": "xml"}}}),
        ("text.format.name", "missing_required_parameter", "Hi", {"text": {"format": {"type": "json_schema", "schema": {}}}}),
        ("text.format.schema", "missing_required_parameter", "Hi", {"text": {"format": {"type": "json_schema", "name": "n"}}}),
        ("tools[0].type", "unsupported_parameter", "Hi", {"tools": [{"type": "web_search"}]}),
        ("tools[0].name", "missing_required_parameter", "Hi", {"tools": [{"type": "function"}]}),
        ("tools[0].name", "invalid_value", "Hi", {"tools": [{"type": "function", "name": "a b"}]}),
        ("tool_choice", "invalid_value", "Hi", {"tool_choice": "maybe"}),
        ("tool_choice.name", "missing_required_parameter", "Hi", {"tool_choice": {"type": "function"}}),
        ("tool_choice.mode", "missing_required_parameter", "Hi", {"tool_choice": {"type": "allowed_tools", "tools": []}}),
        ("stream_options", "invalid_value", "Hi", {"stream_options": {}}),
        ("provider.sort", "invalid_value", "Hi", {"provider": {"sort": "luck"}}),
        ("metadata", "invalid_value", "Hi", {"metadata": {str(n): "x" for n in range(17)}}),
    ],
)  # fmt: skip
def test_what_is_wrong_names_its_member(
    param: str, code: str, input: Any, members: dict[str, Any]
) -> None:
    error = refused(input, **members)
    assert isinstance(error, InvalidRequest)
    assert (error.param, error.code) == (param, code)
    assert error.message[0] == "'"


@pytest.mark.parametrize(
    ("param", "input", "members"),
    [
        ("previous_response_id", "Hi", {"previous_response_id": "resp_of_others"}),
        ("conversation", "Hi", {"conversation": "conv_1"}),
        ("prompt", "Hi", {"prompt": {"id": "pmpt_1"}}),
        ("input[0].id", [{"type": "item_reference", "id": "rs_1"}], {}),
        ("input[0].id", [{"id": "rs_1"}], {}),
        ("input[0].content[0].file_id", user({"type": "input_file", "file_id": "file_1"}), {}),
        ("input[0].content[0].file_id", user({"type": "input_image", "file_id": "file_1"}), {}),
        (
            "input[0].output[0].file_id",
            [{**OUTPUT, "output": [{"type": "input_file", "file_id": "file_1"}]}],
            {},
        ),
    ],
)
def test_an_id_that_names_nothing_here_is_not_found(
    param: str, input: Any, members: dict[str, Any]
) -> None:
    error = refused(input, **members)
    assert isinstance(error, NotFound)
    assert error.param == param


def test_background_is_for_later() -> None:
    error = refused(background=True)
    assert isinstance(error, NotImplementedYet)
    assert (error.status, error.param) == (501, "background")
    assert asked(background=False).model


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", "invalid_json"),
        (b"{", "invalid_json"),
        (b'{"model":"m","input":"\xff"}', "invalid_json"),
        (b"[]", "invalid_type"),
        (b'{"model":"m","input":' + b"[" * 200 + b"]" * 200 + b"}", "too_deep"),
    ],
)
def test_a_body_that_is_none_is_told(body: bytes, code: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        decode(body, {})
    assert caught.value.code == code


def test_only_a_team_that_keeps_responses_is_told_so() -> None:
    body = body_of(store=True)
    assert loads(DIALECT.decode(body, {}).fields["store"]) is False
    assert loads(KEEPING.decode(body, {}).fields["store"]) is True
    assert loads(KEEPING.decode(body_of(), {}).fields["store"]) is True
    assert loads(KEEPING.decode(body_of(store=False), {}).fields["store"]) is False
    previous = body_of(previous_response_id="resp_1")
    assert KEEPING.decode(previous, {}).fields["previous_response_id"]
