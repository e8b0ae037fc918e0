"""Requests on the straight lane: what changes, and that nothing else does."""

from __future__ import annotations

import json
from typing import Any

import pytest

from openai_chat_wire import HELLO, TEAM, WIRE, call, chat, endpoint, provider, sent
from opengateway.dialects.openai_chat import decode
from opengateway.domain.errors import InvalidRequest
from opengateway.wires.openai_chat.request import pseudonym

NINE = (
    "openai",
    "groq",
    "deepseek",
    "mistral",
    "openrouter",
    "together",
    "upstage",
    "vllm",
    "ollama",
)


@pytest.mark.parametrize("name", NINE)
def test_untouched_members_leave_byte_for_byte_and_in_order(name: str) -> None:
    messages = rb'[ {"content":"caf\u00e9 \ud83d\ude00 1e2", "role" : "user"} ]'
    future = rb'{ "a" : 1.0e+2, "b":[ 1,2 ] , "c":"\u2028"}'
    body = (
        rb'{"future_member": ' + future + rb', "model":"x/y","top_p": 0.50,"messages":' + messages
    ) + rb"}"
    upstream = WIRE.request(decode(body, {}), endpoint("up"), provider(name), TEAM).body
    assert (
        upstream
        == (rb'{"future_member":' + future + rb',"model":"up","top_p":0.50,"messages":' + messages)
        + rb"}"
    )


def test_a_call_goes_to_the_operation_of_the_wire() -> None:
    assert call(chat(), provider("openai")).path == "/chat/completions"


@pytest.mark.parametrize(
    ("name", "given", "wanted"),
    [
        ("openai", {"max_tokens": 5}, {"max_completion_tokens": 5}),
        ("openai", {"max_completion_tokens": 5}, {"max_completion_tokens": 5}),
        ("deepseek", {"max_completion_tokens": 5}, {"max_tokens": 5}),
        ("mistral", {"max_completion_tokens": 5}, {"max_tokens": 5}),
        ("mistral", {"max_tokens": 5, "max_completion_tokens": 5}, {"max_tokens": 5}),
        ("mistral", {"max_completion_tokens": 5, "max_tokens": None}, {"max_tokens": 5}),
        ("vllm", {"max_tokens": 5}, {"max_tokens": 5}),
        ("groq", {"max_completion_tokens": 5}, {"max_completion_tokens": 5}),
    ],
)
def test_e45_the_token_limit_goes_out_under_the_name_the_vendor_reads(
    name: str, given: dict[str, Any], wanted: dict[str, Any]
) -> None:
    body = sent(provider(name), **given)
    assert {k: v for k, v in body.items() if k.startswith("max_")} == wanted


def test_a_seed_is_called_otherwise_by_mistral() -> None:
    body = sent(provider("mistral"), seed=7)
    assert body["random_seed"] == 7
    assert "seed" not in body


def test_what_a_vendor_refuses_is_left_out_and_told() -> None:
    made = call(chat(logit_bias={"1": 2}, logprobs=True, top_logprobs=2), provider("groq"))
    assert set(json.loads(made.body)) == {"model", "messages"}
    assert made.dropped == ("logprobs", "top_logprobs", "logit_bias")


def test_leaving_out_what_says_nothing_is_not_worth_telling() -> None:
    made = call(chat(logit_bias=None, logprobs=False), provider("groq"))
    assert made.dropped == ()
    assert b"logprobs" not in made.body


@pytest.mark.parametrize("name", NINE)
def test_usage_is_asked_for_on_every_stream(name: str) -> None:
    body = sent(provider(name), stream=True)
    assert body["stream"] is True
    wanted = None if name == "mistral" else {"include_usage": True}  # Mistral gives it unasked
    assert body.get("stream_options") == wanted


def test_the_callers_own_stream_options_stay_where_they_are_understood() -> None:
    asked = {"stream": True, "stream_options": {"include_obfuscation": False}}
    assert sent(provider("openai"), **asked)["stream_options"] == {
        "include_obfuscation": False,
        "include_usage": True,
    }
    assert sent(provider("vllm"), **asked)["stream_options"] == {"include_usage": True}


def test_nothing_is_stored_upstream() -> None:
    made = call(chat(store=True, metadata={"tag": "x"}), provider("openai"))
    body = json.loads(made.body)
    assert body["store"] is False
    assert "metadata" not in body
    assert made.dropped == ("store",)


@pytest.mark.parametrize("member", ["user", "prompt_cache_key", "safety_identifier"])
def test_what_names_someone_is_a_different_word_for_each_team(member: str) -> None:
    openai = provider("openai")
    request = chat(**{member: "kim@example.com"})
    words = [json.loads(call(request, openai, team=team).body)[member] for team in ("a", "b", "a")]
    assert words[0] == words[2] != words[1]
    assert "kim" not in words[0]
    assert len(words[0]) <= 64


def test_the_same_value_in_two_members_is_two_words() -> None:
    assert pseudonym("t", "user", "x") != pseudonym("t", "safety_identifier", "x")


@pytest.mark.parametrize(
    ("model", "effort", "reasons"),
    [
        ("gpt-4o-mini", None, False),
        ("gpt-5-mini", None, True),
        ("gpt-5-chat-latest", None, False),
        ("gpt-5.1", None, False),
        ("gpt-5.1", "low", True),
        ("gpt-5.4", "none", False),
        ("gpt-5.6-sol", None, True),
        ("gpt-5.6-sol", "none", False),
        ("o3", None, True),
    ],
)
def test_sampling_is_left_out_while_an_openai_model_reasons(
    model: str, effort: str | None, reasons: bool
) -> None:
    asked = {"temperature": 0.5, **({"reasoning_effort": effort} if effort else {})}
    made = call(chat(**asked), provider("openai"), model)
    assert ("temperature" in made.dropped) is reasons
    assert (b"temperature" in made.body) is not reasons


def test_a_model_without_a_rule_reasons_if_its_endpoint_says_so() -> None:
    vendor = provider(drop_when_reasoning=["temperature"])
    request = chat(temperature=0.5)
    thinking = WIRE.request(request, endpoint(reasoning=True), vendor, TEAM)
    plain = WIRE.request(request, endpoint(), vendor, TEAM)
    assert (thinking.dropped, plain.dropped) == (("temperature",), ())


@pytest.mark.parametrize(
    ("name", "members", "param"),
    [
        ("groq", {"n": 2}, "n"),
        ("openrouter", {"n": 3}, "n"),
        ("mistral", {"functions": [{"name": "f"}]}, "functions"),
        ("vllm", {"audio": {"voice": "a", "format": "mp3"}}, "audio"),
    ],
)
def test_what_would_change_the_meaning_is_refused_before_sending(
    name: str, members: dict[str, Any], param: str
) -> None:
    request = chat(**members)
    with pytest.raises(InvalidRequest) as caught:
        call(request, provider(name))
    assert caught.value.param == param
    assert name in caught.value.message


SCHEMA = '{"type":"object","properties":{"year":{"type":"integer"}}}'


@pytest.mark.parametrize(
    ("messages", "instructed"),
    [
        ([{"role": "user", "content": "q"}], None),
        ([{"role": "system", "content": "be brief"}, {"role": "user", "content": "q"}], "be brief"),
        ([{"role": "system", "content": [{"type": "text", "text": "s"}]}], None),
    ],
)
def test_a_schema_that_a_vendor_does_not_know_is_said_in_words_and_told(
    messages: list[Any], instructed: str | None
) -> None:
    form = {"type": "json_schema", "json_schema": {"name": "x", "schema": json.loads(SCHEMA)}}
    made = call(chat(messages=messages, response_format=form), provider("deepseek"))
    assert made.emulated == ("response_format",)
    body = json.loads(made.body)
    assert body["response_format"] == {"type": "json_object"}
    first = body["messages"][0]
    assert first["role"] == "system"
    assert "JSON Schema" in first["content"]
    assert "year" in first["content"]
    assert len(body["messages"]) == len(messages) + (instructed is None)
    assert first["content"].startswith(instructed or "Answer")


def test_more_stop_sequences_than_the_vendor_takes_are_refused() -> None:
    vendor = provider(max_stop=1)
    assert sent(vendor, stop="a")["stop"] == "a"
    with pytest.raises(InvalidRequest) as caught:
        call(chat(stop=["a", "b"]), vendor)
    assert caught.value.param == "stop"


def test_a_schema_goes_where_schemas_are_known() -> None:
    schema = {"type": "json_schema", "json_schema": {"name": "x", "schema": {"type": "object"}}}
    for name in ("openai", "groq", "mistral", "vllm", "ollama"):
        assert sent(provider(name), response_format=schema)["response_format"] == schema


def test_a_temperature_out_of_the_vendors_range_is_clamped_and_told() -> None:
    made = call(chat(temperature=1.8), provider("mistral"))
    assert json.loads(made.body)["temperature"] == 1.5
    assert made.dropped == ("temperature",)
    assert call(chat(temperature=1.2), provider("mistral")).dropped == ()


def test_refused_schema_keywords_go_and_properties_of_that_name_stay() -> None:
    parameters = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "properties": {"$schema": {"type": "string", "$schema": "x"}, "a": {"anyOf": [{}]}},
    }
    tools = [{"type": "function", "function": {"name": "f", "parameters": parameters}}]
    schema = {"type": "json_schema", "json_schema": {"name": "x", "schema": {"$schema": "y"}}}
    body = sent(provider(strip_schema_keys=["$schema"]), tools=tools, response_format=schema)
    assert body["tools"][0]["function"]["parameters"] == {
        "type": "object",
        "properties": {"$schema": {"type": "string"}, "a": {"anyOf": [{}]}},
    }
    assert body["response_format"]["json_schema"]["schema"] == {}


def test_the_callers_request_is_not_changed_by_mapping_it() -> None:
    request = chat(store=True, max_tokens=3, user="u", messages=HELLO)
    before = {name: bytes(raw) for name, raw in request.fields.items()}
    for name in NINE:
        call(request, provider(name))
    assert {name: bytes(raw) for name, raw in request.fields.items()} == before
