"""Whole answers: what is mended, and what survives."""

from __future__ import annotations

import json
from typing import Any

import pytest

from openai_chat_wire import MODEL_ID, Json, provider, replied, reply, whole
from opengateway.domain.errors import ErrorClass, UpstreamError
from opengateway.domain.usage import Dimension


def message_of(answer: Json) -> Json:
    message: Json = answer["choices"][0]["message"]
    return message


def test_a_sound_answer_changes_in_its_model_alone() -> None:
    choices = rb'[ {"index":0,"message":{"role":"assistant","content":"caf\u00e9","refusal":null,'
    choices += rb'"new":[ 1.50 ]},"logprobs":null,"finish_reason":"stop"} ]'
    usage = rb'{ "prompt_tokens":5,"completion_tokens":2,"total_tokens":7,"cost":1e-5}'
    body = rb'{"id":"x","object":"chat.completion","created":1,"model":"up","choices":' + choices
    body += rb',"usage":' + usage + rb',"unknown_member": {"a" :1}}'
    assert reply(body).body == body.replace(b'"up"', b'"acme/served"').replace(
        b'"unknown_member": ', b'"unknown_member":'
    )


def test_the_meter_says_what_went_past() -> None:
    meter = reply(whole({"content": "Hello", "reasoning_content": "Hm"})).meter
    assert (meter.characters, meter.has_content) == (7, True)
    assert (meter.finish_reason, meter.native_finish_reason) == ("stop", "stop")
    assert meter.upstream_id == "chatcmpl-1"
    assert meter.usage is not None
    assert meter.usage.quantities == {Dimension.INPUT: 5, Dimension.OUTPUT: 2}


@pytest.mark.parametrize(
    ("native", "wanted"),
    [
        ("eos", "stop"),
        ("end_turn", "stop"),
        ("", "stop"),
        (None, "stop"),
        ("model_length", "length"),
        ("sensitive", "content_filter"),
        ("content_filter", "content_filter"),
        ("never heard of", "stop"),
    ],
)
def test_finish_reasons_are_the_five_of_openai(native: str | None, wanted: str) -> None:
    assert replied(whole(finish_reason=native))["choices"][0]["finish_reason"] == wanted


@pytest.mark.parametrize(
    ("native", "wanted"), [("stop", "tool_calls"), ("length", "length"), ("", "tool_calls")]
)
def test_e2_a_stop_with_calls_is_tool_calls_and_a_cut_stays_a_cut(native: str, wanted: str) -> None:
    calls = [{"id": "a", "type": "function", "function": {"name": "f", "arguments": "{}"}}]
    answer = replied(whole({"content": None, "tool_calls": calls}, finish_reason=native))
    assert answer["choices"][0]["finish_reason"] == wanted


@pytest.mark.parametrize(
    ("arguments", "wanted"),
    [({"a": [1]}, '{"a":[1]}'), (None, "{}"), ("null", "{}"), ("", "{}"), ('{"a": 1}', '{"a": 1}')],
)
def test_e3_arguments_are_always_a_string_of_json(arguments: Any, wanted: str) -> None:
    calls = [{"id": "a", "type": "function", "function": {"name": "f", "arguments": arguments}}]
    message = message_of(replied(whole({"tool_calls": calls})))
    assert message["tool_calls"][0]["function"]["arguments"] == wanted


def test_e3_calls_without_an_id_get_one_that_does_not_change() -> None:
    calls = [{"id": "", "function": {"name": "f", "arguments": "{}"}} for _ in range(2)]
    answers = [message_of(replied(whole({"tool_calls": calls}))) for _ in range(2)]
    ids = [[call["id"] for call in answer["tool_calls"]] for answer in answers]
    assert ids[0] == ids[1]
    assert len(set(ids[0])) == 2
    assert all(ids[0])
    assert answers[0]["tool_calls"][0]["type"] == "function"


def test_two_calls_that_share_an_id_are_told_apart() -> None:
    calls = [{"id": "a", "type": "function", "function": {"name": "f", "arguments": "{}"}}] * 2
    shown = message_of(replied(json.loads(json.dumps(whole({"tool_calls": calls})))))["tool_calls"]
    assert shown[0]["id"] == "a" != shown[1]["id"]


def test_mistrals_parts_become_text_and_reasoning() -> None:
    content = [
        {"type": "thinking", "thinking": [{"type": "text", "text": "two and two"}], "closed": True},
        {"type": "text", "text": "4"},
    ]
    message = message_of(replied(whole({"content": content}), provider("mistral")))
    assert message["content"] == "4"
    assert message["reasoning_content"] == "two and two"


def test_a_part_that_is_no_text_is_kept_beside_the_text() -> None:
    content = [{"type": "text", "text": "see "}, {"type": "reference", "reference_ids": [1]}]
    message = message_of(replied(whole({"content": content}), provider("mistral")))
    assert message["content"] == "see "
    assert message["content_parts"] == content


def test_e21_reasoning_is_shown_where_clients_look_and_kept_where_it_was() -> None:
    message = message_of(replied(whole({"reasoning": "hm"}), provider("vllm")))
    assert message["reasoning"] == message["reasoning_content"] == "hm"


def test_required_members_are_there() -> None:
    answer = whole()
    answer["choices"] = [{"finish_reason": "content_filter"}]
    for name in ("id", "object", "created"):
        del answer[name]
    shown = replied(answer)
    choice = shown["choices"][0]
    assert choice["message"] == {"role": "assistant", "content": None, "refusal": None}
    assert choice["index"] == 0
    assert choice["logprobs"] is None
    assert shown["id"].startswith("chatcmpl-")
    assert (shown["object"], shown["created"]) == ("chat.completion", 0)
    assert shown["model"] == MODEL_ID


def test_a_fractional_creation_time_becomes_whole_seconds() -> None:
    assert replied(whole(created=1_764_000_000.5))["created"] == 1_764_000_000


def test_hollow_calls_and_sounds_are_taken_off() -> None:
    hollow = {
        "function_call": {"name": "", "arguments": ""},
        "audio": {"id": "", "data": "", "expires_at": 0, "transcript": ""},
        "refusal": "",
    }
    message = message_of(replied(whole(hollow)))
    assert message == {"role": "assistant", "content": "Hi", "refusal": None}


def test_every_choice_is_mended() -> None:
    answer = whole()
    answer["choices"] = [
        {"message": {"content": str(at)}, "finish_reason": "eos"} for at in range(3)
    ]
    shown = replied(answer)["choices"]
    assert [(c["index"], c["finish_reason"], c["message"]["role"]) for c in shown] == [
        (at, "stop", "assistant") for at in range(3)
    ]


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        ({"error": {"message": "Rate limit", "code": 429}}, ErrorClass.RATE_LIMITED),
        ({"error": {"message": "x", "code": 502}, "choices": []}, ErrorClass.SERVER_ERROR),
        ({"error": "model is overloaded"}, ErrorClass.OVERLOADED),
        ([{"error": {"code": 429, "message": "quota", "status": "RESOURCE_EXHAUSTED"}}],
         ErrorClass.RATE_LIMITED),
        ({"base_resp": {"status_code": 1008, "status_msg": "insufficient balance"}},
         ErrorClass.QUOTA),
        ({"message": "Service unavailable", "code": 503}, ErrorClass.OVERLOADED),
    ],
)  # fmt: skip
def test_e12_an_error_with_status_200_is_an_error(body: Any, kind: ErrorClass) -> None:
    with pytest.raises(UpstreamError) as caught:
        reply(body)
    assert caught.value.error_class is kind
    assert caught.value.detail


@pytest.mark.parametrize(
    "body",
    [b"null", b"[]", b"{}", b'"text"', b"", b"<html>", b"{", b'{"choices":[]}',
     b'{"choices":null}', b'{"x":"\xff","choices":[{"message":{}}]}', b'{"choices":{}}', b'{"choices":[1]}', b"[" * 100_000],
)  # fmt: skip
def test_e13_an_answer_that_holds_none_is_an_error(body: bytes) -> None:
    with pytest.raises(UpstreamError) as caught:
        reply(body)
    assert caught.value.error_class is ErrorClass.MALFORMED


def test_a_finish_that_tells_of_trouble_is_an_error() -> None:
    answer = whole(finish_reason="error")
    answer["choices"][0]["error"] = {"code": 429, "message": "slow down"}
    with pytest.raises(UpstreamError) as caught:
        reply(answer, provider("openrouter"))
    assert caught.value.error_class is ErrorClass.RATE_LIMITED
    with pytest.raises(UpstreamError) as caught:
        reply(whole(finish_reason="insufficient_system_resource"), provider("deepseek"))
    assert caught.value.error_class is ErrorClass.OVERLOADED


def test_openrouters_own_finish_reason_is_recorded() -> None:
    answer = whole()
    answer["choices"][0]["native_finish_reason"] = "end_turn"
    meter = reply(answer, provider("openrouter")).meter
    assert (meter.finish_reason, meter.native_finish_reason) == ("stop", "end_turn")


def test_a_vendors_cache_count_is_shown_where_clients_look() -> None:
    usage = {"prompt_tokens": 100, "completion_tokens": 1, "total_tokens": 101}
    answer = replied(whole(usage={**usage, "num_cached_tokens": 96}), provider("mistral"))
    assert answer["usage"]["prompt_tokens_details"]["cached_tokens"] == 96
    assert answer["usage"]["num_cached_tokens"] == 96
    assert replied(whole(usage=usage))["usage"] == usage


@pytest.mark.parametrize("usage", [None, {}, [], "x", {"prompt_tokens": "many"}])
def test_missing_usage_is_unknown_and_not_zero(usage: Any) -> None:
    assert reply(whole(usage=usage)).meter.usage is None
