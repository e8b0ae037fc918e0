"""Every wrong body is told what is wrong with it, where, and what to do."""

from __future__ import annotations

import json
from typing import Any

import pytest

from opengateway.dialects.openai_chat import decode
from opengateway.domain.errors import InvalidRequest

USER = {"role": "user", "content": "hi"}
CALL = {"id": "call_1", "type": "function", "function": {"name": "f", "arguments": "{}"}}


def refusal(body: bytes, headers: dict[str, str] | None = None) -> InvalidRequest:
    with pytest.raises(InvalidRequest) as caught:
        decode(body, headers or {})
    return caught.value


def with_(**members: Any) -> bytes:
    return json.dumps({"model": "acme/m", "messages": [USER], **members}).encode()


def saying(*messages: Any) -> bytes:
    return with_(messages=list(messages))


def function(**members: Any) -> bytes:
    return with_(tools=[{"type": "function", "function": {"name": "f", **members}}])


NOT_JSON = {
    "empty": b"",
    "blank": b"  \n",
    "text": b"hello",
    "cut": b'{"model": "m", "messages": [{"role": "us',
    "trailing": b'{"model":"m","messages":[]} {}',
    "a comma too many": b'{"model":"m",}',
    "NaN": b'{"model":"m","messages":[{"role":"user","content":"x"}],"temperature":NaN}',
    "Infinity": b'{"model":"m","messages":[{"role":"user","content":"x"}],"odd":Infinity}',
    "a byte-order mark": b"\xef\xbb\xbf{}",
    "UTF-16": '{"model":"m"}'.encode("utf-16"),
    "a broken text": b'{"model":"m","messages":[{"role":"user","content":"\xff\xfe"}]}',
    "a broken name": b'{"model":"m","messages":[{"role":"user","content":"x"}],"\xff":1}',
    "a broken unknown": b'{"model":"m","messages":[{"role":"user","content":"x"}],"odd":"\xc3("}',
    "a broken unknown, deep": b'{"odd":' + b"[" * 20 + b'"\xff"' + b"]" * 20 + b"}",
    "half a surrogate pair": b'{"model":"m","messages":[{"role":"user","content":"\\ud800 x"}]}',
    "a bare control character": b'{"model":"m\x00","messages":[]}',
    "an unknown escape": b'{"model":"\\q","messages":[]}',
}


@pytest.mark.parametrize("body", NOT_JSON.values(), ids=NOT_JSON)
def test_what_is_not_json_is_invalid_json(body: bytes) -> None:
    error = refusal(body)
    assert (error.code, error.param, error.status) == ("invalid_json", None, 400)
    assert "JSON" in error.message


@pytest.mark.parametrize(
    "body", [b"[]", b"null", b'"x"', b"1", b"true", b"[" * 200_000], ids=range(6)
)
def test_json_that_is_not_an_object_is_refused(body: bytes) -> None:
    error = refusal(body)
    assert (error.code, error.param) == ("invalid_type", None)


ROWS: list[tuple[bytes, str, str]] = [
    # model and messages
    (b"{}", "missing_required_parameter", "model"),
    (b'{"model":"m"}', "missing_required_parameter", "messages"),
    (with_(model=None), "invalid_type", "model"),
    (with_(model=5), "invalid_type", "model"),
    (with_(model=""), "invalid_value", "model"),
    (with_(model="a b"), "invalid_value", "model"),
    (with_(model="m\r\nx-evil: 1"), "invalid_value", "model"),
    (with_(model="m\x7f"), "invalid_value", "model"),
    (with_(model="모델"), "invalid_value", "model"),
    (with_(model="m" * 257), "invalid_value", "model"),
    (with_(messages=None), "invalid_type", "messages"),
    (with_(messages="hi"), "invalid_type", "messages"),
    (with_(messages={}), "invalid_type", "messages"),
    (with_(messages=[]), "invalid_value", "messages"),
    (saying("hi"), "invalid_type", "messages[0]"),
    (saying(USER, None), "invalid_type", "messages[1]"),
    (saying({"content": "hi"}), "missing_required_parameter", "messages[0].role"),
    (saying({"role": "robot", "content": "hi"}), "invalid_value", "messages[0].role"),
    (saying({"role": "x - at `$.n`", "content": ""}), "invalid_value", "messages[0].role"),
    (saying({"role": 1, "content": "hi"}), "invalid_type", "messages[0].role"),
    (saying({"role": "user"}), "missing_required_parameter", "messages[0].content"),
    (saying({"role": "user", "content": None}), "invalid_type", "messages[0].content"),
    (saying(USER, {"role": "user", "content": 3}), "invalid_type", "messages[1].content"),
    (saying({"role": "system", "content": {}}), "invalid_type", "messages[0].content"),
    (saying({"role": "user", "content": "x", "name": 1}), "invalid_type", "messages[0].name"),
    # parts
    (saying({"role": "user", "content": ["x"]}), "invalid_type", "messages[0].content[0]"),
    (
        saying({"role": "user", "content": [{"text": "x"}]}),
        "missing_required_parameter",
        "messages[0].content[0].type",
    ),
    (
        saying({"role": "user", "content": [{"type": "text", "text": "x"}, {"type": "text"}]}),
        "missing_required_parameter",
        "messages[0].content[1].text",
    ),
    (
        saying({"role": "user", "content": [{"type": "text", "text": 5}]}),
        "invalid_type",
        "messages[0].content[0].text",
    ),
    (
        saying({"role": "user", "content": [{"type": "image_url"}]}),
        "missing_required_parameter",
        "messages[0].content[0].image_url",
    ),
    (
        saying({"role": "user", "content": [{"type": "image_url", "image_url": {}}]}),
        "missing_required_parameter",
        "messages[0].content[0].image_url.url",
    ),
    (
        saying({"role": "user", "content": [{"type": "input_audio", "input_audio": {"data": ""}}]}),
        "missing_required_parameter",
        "messages[0].content[0].input_audio.format",
    ),
    (
        saying({"role": "user", "content": [{"type": "file", "file": "x"}]}),
        "invalid_type",
        "messages[0].content[0].file",
    ),
    # the assistant's calls and their results
    (saying(USER, {"role": "assistant"}), "missing_required_parameter", "messages[1].content"),
    (
        saying({"role": "assistant", "content": None, "tool_calls": []}),
        "missing_required_parameter",
        "messages[0].content",
    ),
    (
        saying({"role": "assistant", "tool_calls": [{**CALL, "id": None}]}),
        "invalid_type",
        "messages[0].tool_calls[0].id",
    ),
    (
        saying({"role": "assistant", "tool_calls": [CALL, {"id": "c", "type": "function"}]}),
        "missing_required_parameter",
        "messages[0].tool_calls[1].function",
    ),
    (
        saying({"role": "assistant", "tool_calls": [{"id": "c", "type": "custom"}]}),
        "missing_required_parameter",
        "messages[0].tool_calls[0].custom",
    ),
    (
        saying(
            {
                "role": "assistant",
                "tool_calls": [{**CALL, "function": {"name": "f", "arguments": {}}}],
            }
        ),
        "invalid_type",
        "messages[0].tool_calls[0].function.arguments",
    ),
    (
        saying(USER, {"role": "tool", "content": "x"}),
        "missing_required_parameter",
        "messages[1].tool_call_id",
    ),
    (
        saying({"role": "tool", "tool_call_id": "c", "content": None}),
        "invalid_type",
        "messages[0].content",
    ),
    (
        saying({"role": "function", "content": "x"}),
        "missing_required_parameter",
        "messages[0].name",
    ),
    # numbers
    (with_(temperature=2.1), "invalid_value", "temperature"),
    (with_(temperature=-0.1), "invalid_value", "temperature"),
    (with_(temperature="1"), "invalid_type", "temperature"),
    (with_(temperature=True), "invalid_type", "temperature"),
    (with_(top_p=1.01), "invalid_value", "top_p"),
    (with_(frequency_penalty=-3), "invalid_value", "frequency_penalty"),
    (with_(presence_penalty=2.5), "invalid_value", "presence_penalty"),
    (with_(max_tokens=0), "invalid_value", "max_tokens"),
    (with_(max_tokens=1.5), "invalid_type", "max_tokens"),
    (with_(max_tokens=10**30), "invalid_value", "max_tokens"),
    (with_(max_completion_tokens=-1), "invalid_value", "max_completion_tokens"),
    (with_(max_tokens=5, max_completion_tokens=6), "invalid_value", "max_tokens"),
    (with_(n=0), "invalid_value", "n"),
    (with_(n=129), "invalid_value", "n"),
    (with_(n="2"), "invalid_type", "n"),
    (with_(seed=2**63), "invalid_value", "seed"),
    (with_(logprobs=1), "invalid_type", "logprobs"),
    (with_(logprobs=True, top_logprobs=21), "invalid_value", "top_logprobs"),
    (with_(top_logprobs=2), "invalid_value", "top_logprobs"),
    (with_(logit_bias={"50256": 101}), "invalid_value", "logit_bias"),
    (with_(logit_bias=[1]), "invalid_type", "logit_bias"),
    (with_(temperature=0).replace(b": 0}", b": 1e999}"), "invalid_value", "temperature"),
    # stream
    (with_(stream="true"), "invalid_type", "stream"),
    (with_(stream_options={"include_usage": True}), "invalid_value", "stream_options"),
    (with_(stream=False, stream_options={}), "invalid_value", "stream_options"),
    (with_(stream=True, stream_options=[]), "invalid_type", "stream_options"),
    (
        with_(stream=True, stream_options={"include_usage": 1}),
        "invalid_type",
        "stream_options.include_usage",
    ),
    # stop and formats
    (with_(stop=1), "invalid_type", "stop"),
    (with_(stop=["a", 1]), "invalid_type", "stop[1]"),
    (with_(stop=["a"] * 5), "invalid_value", "stop"),
    (with_(response_format="json"), "invalid_type", "response_format"),
    (with_(response_format={}), "missing_required_parameter", "response_format.type"),
    (with_(response_format={"type": "yaml"}), "invalid_value", "response_format.type"),
    (
        with_(response_format={"type": "json_schema"}),
        "missing_required_parameter",
        "response_format.json_schema",
    ),
    (
        with_(response_format={"type": "json_schema", "json_schema": {"name": "a b"}}),
        "invalid_value",
        "response_format.json_schema.name",
    ),
    (
        with_(response_format={"type": "json_schema", "json_schema": {"name": "a", "schema": []}}),
        "invalid_type",
        "response_format.json_schema.schema",
    ),
    (with_(reasoning_effort="extreme"), "invalid_value", "reasoning_effort"),
    (with_(verbosity="loud"), "invalid_value", "verbosity"),
    (with_(service_tier=1), "invalid_type", "service_tier"),
    (with_(modalities="text"), "invalid_type", "modalities"),
    (with_(audio={"voice": "alloy"}), "missing_required_parameter", "audio.format"),
    (with_(prediction={"type": "x", "content": ""}), "invalid_value", "prediction.type"),
    (with_(metadata={"a": 1}), "invalid_type", "metadata"),
    (with_(metadata={str(i): "" for i in range(17)}), "invalid_value", "metadata"),
    (with_(metadata={"k" * 65: ""}), "invalid_value", "metadata"),
    (with_(store="yes"), "invalid_type", "store"),
    (with_(safety_identifier="x" * 65), "invalid_value", "safety_identifier"),
    # tools
    (with_(tools={}), "invalid_type", "tools"),
    (with_(tools=[1]), "invalid_type", "tools[0]"),
    (with_(tools=[{}]), "missing_required_parameter", "tools[0].type"),
    (with_(tools=[{"type": "function"}]), "missing_required_parameter", "tools[0].function"),
    (with_(tools=[{"type": "custom"}]), "missing_required_parameter", "tools[0].custom"),
    (with_(tools=[{"function": {}}]), "missing_required_parameter", "tools[0].function.name"),
    (function(name="get weather"), "invalid_value", "tools[0].function.name"),
    (function(name="f" * 65), "invalid_value", "tools[0].function.name"),
    (function(name="f\n"), "invalid_value", "tools[0].function.name"),
    (function(parameters="{}"), "invalid_type", "tools[0].function.parameters"),
    (function(strict=1), "invalid_type", "tools[0].function.strict"),
    (with_(tool_choice="maybe"), "invalid_value", "tool_choice"),
    (with_(tool_choice=1), "invalid_type", "tool_choice"),
    (with_(tool_choice={"type": "magic"}), "invalid_value", "tool_choice.type"),
    (
        with_(tool_choice={"type": "function"}),
        "missing_required_parameter",
        "tool_choice.function",
    ),
    (with_(tool_choice={"type": "custom"}), "missing_required_parameter", "tool_choice.custom"),
    (
        with_(tool_choice={"type": "allowed_tools"}),
        "missing_required_parameter",
        "tool_choice.allowed_tools",
    ),
    (
        with_(tool_choice={"type": "function", "function": {}}),
        "missing_required_parameter",
        "tool_choice.function.name",
    ),
    (with_(parallel_tool_calls=0), "invalid_type", "parallel_tool_calls"),
    (with_(functions=[]), "invalid_value", "functions"),
    (with_(functions=[{"name": "a.b"}]), "invalid_value", "functions[0].name"),
    (with_(function_call="required"), "invalid_value", "function_call"),
    # ours
    (with_(models="m"), "invalid_type", "models"),
    (with_(models=["a\nb"]), "invalid_value", "models[0]"),
    (with_(models=["a", "b", "c"]), "invalid_value", "models"),
    (with_(models=["a"], extra={"fallbacks": ["b"]}), "invalid_value", "models"),
    (with_(extra={"fallbacks": ["a", "b", "c"]}), "invalid_value", "extra.fallbacks"),
    (with_(extra={"fallbacks": ["ok", ""]}), "invalid_value", "extra.fallbacks[1]"),
    (with_(extra={"deadline_ms": 0}), "invalid_value", "extra.deadline_ms"),
    (with_(extra={"deadline_ms": 600_001}), "invalid_value", "extra.deadline_ms"),
    (with_(extra={"first_token_timeout_ms": 1.5}), "invalid_type", "extra.first_token_timeout_ms"),
    (with_(extra={"on_stream_failure": "retry"}), "invalid_value", "extra.on_stream_failure"),
    (with_(extra={"fallback": []}), "unsupported_parameter", "extra.fallback"),
    (with_(extra=[]), "invalid_type", "extra"),
    (with_(provider="azure"), "invalid_type", "provider"),
    (with_(provider={"order": "azure"}), "invalid_type", "provider.order"),
    (with_(provider={"order": ["azure", "AZ URE"]}), "invalid_value", "provider.order[1]"),
    (with_(provider={"only": ["a/b/c"]}), "invalid_value", "provider.only[0]"),
    (with_(provider={"allow_fallbacks": "no"}), "invalid_type", "provider.allow_fallbacks"),
    (with_(provider={"zdr": "yes"}), "invalid_type", "provider.zdr"),
    (with_(provider={"sort": "speed"}), "invalid_value", "provider.sort"),
    (
        with_(provider={"sort": {"partition": "none"}}),
        "missing_required_parameter",
        "provider.sort.by",
    ),
    (with_(provider={"sort": "price", "order": ["a"]}), "invalid_value", "provider.sort"),
    (with_(provider={"quantizations": ["fp3"]}), "invalid_value", "provider.quantizations[0]"),
    (with_(provider={"max_price": {"prompt": -1}}), "invalid_value", "provider.max_price.prompt"),
    (
        with_(provider={"max_price": {"prompt": "1e9"}}),
        "invalid_value",
        "provider.max_price.prompt",
    ),
    (
        with_(provider={"max_price": {"promt": 1}}),
        "unsupported_parameter",
        "provider.max_price.promt",
    ),
    (
        with_(provider={"preferred_max_latency": {"p42": 1}}),
        "unsupported_parameter",
        "provider.preferred_max_latency.p42",
    ),
    (with_(provider={"oder": ["a"]}), "unsupported_parameter", "provider.oder"),
    (with_(debug=True), "invalid_type", "debug"),
    (with_(debug={"routing": 1}), "invalid_type", "debug.routing"),
    (
        with_(debug={"echo_upstream_body": True}),
        "unsupported_parameter",
        "debug.echo_upstream_body",
    ),
    (with_(session_id=5), "invalid_type", "session_id"),
    (with_(session_id="a\r\nb"), "invalid_value", "session_id"),
    (with_(session_id="x" * 257), "invalid_value", "session_id"),
    (with_(user="a\x00b"), "invalid_value", "user"),
    (with_(user="u" * 257), "invalid_value", "user"),
    (with_(user=["u"]), "invalid_type", "user"),
]


@pytest.mark.parametrize(("body", "code", "param"), ROWS, ids=lambda value: str(value)[-60:])
def test_a_wrong_member_is_named(body: bytes, code: str, param: str) -> None:
    error = refusal(body)
    assert (error.code, error.param) == (code, param)
    assert param in error.message
    assert error.message[0] != error.message[0].upper() or error.message.startswith("'")


def test_what_is_documented_and_not_served_says_so() -> None:
    unserved = with_(provider={"enforce_distillable_text": True})
    assert "not served yet" in refusal(unserved).message
    assert "not known" in refusal(with_(provider={"max_prize": {}})).message


@pytest.mark.parametrize(
    ("headers", "code", "param"),
    [
        ({"x-opengateway-timeout": "0"}, "invalid_value", "x-opengateway-timeout"),
        ({"x-opengateway-timeout": "600001"}, "invalid_value", "x-opengateway-timeout"),
        ({"x-opengateway-timeout": "1s"}, "invalid_type", "x-opengateway-timeout"),
        ({"x-opengateway-timeout": "-5"}, "invalid_type", "x-opengateway-timeout"),
        ({"x-opengateway-timeout": "9" * 5000}, "invalid_type", "x-opengateway-timeout"),
        ({"x-opengateway-timeout": "٣"}, "invalid_type", "x-opengateway-timeout"),
        ({"x-session-id": "a\tb"}, "invalid_value", "x-session-id"),
        ({"x-opengateway-session-id": "s" * 257}, "invalid_value", "x-opengateway-session-id"),
        ({"x-opengateway-user-id": "a\x1bb"}, "invalid_value", "x-opengateway-user-id"),
    ],
)
def test_a_wrong_header_is_named(headers: dict[str, str], code: str, param: str) -> None:
    error = refusal(with_(), headers)
    assert (error.code, error.param) == (code, param)


def nested(levels: int, opening: bytes = b"[", closing: bytes = b"]") -> bytes:
    deep = opening * levels + closing * levels
    return with_().removesuffix(b"}") + b',"odd":' + deep + b"}"


def test_nesting_up_to_the_bound_passes_and_one_more_is_refused() -> None:
    decode(nested(127), {})
    error = refusal(nested(128))
    assert (error.code, error.param) == ("too_deep", None)


@pytest.mark.parametrize(
    "body",
    [
        nested(300),
        nested(100_000),
        b'{"a":' * 100_000,
        nested(200, b'{"a":[', b"]}").replace(b"[]", b"[1]"),
        # brackets in strings, and escaped quotes, hide nothing
        nested(200, b'["]]]","\\"]",', b"]").replace(b",]", b"]"),
        with_(tools=[{"type": "x", "deep": json.loads("[" * 200 + "]" * 200)}]),
        saying({**USER, "deep": json.loads("[" * 200 + "]" * 200)}),
    ],
    ids=range(7),
)
def test_a_depth_bomb_is_refused_wherever_it_lies(body: bytes) -> None:
    assert refusal(body).code == "too_deep"


def test_brackets_within_texts_are_not_depth() -> None:
    decode(saying({"role": "user", "content": "[" * 5000 + '"' + "{" * 5000}), {})


def test_a_large_body_of_very_many_values_is_refused_before_it_is_decoded() -> None:
    error = refusal(with_().removesuffix(b"}") + b',"odd":[' + b"{}," * 2_100_000 + b"1]}")
    assert error.code == "invalid_value"
    assert "too many values" in error.message


def test_a_message_repeats_little_of_what_it_was_given() -> None:
    assert len(refusal(saying({"role": "r" * 100_000, "content": ""})).message) < 400
