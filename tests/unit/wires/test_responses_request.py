from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest

from anthropic_wire import assistant, raw, result, system, tool, tool_call, user
from openai_responses_lane import (
    SEALED,
    WIRE,
    Json,
    asked,
    function_call,
    message,
    provider,
    sent,
    thought,
)
from opengateway.checks.replay_responses import responses_endpoint
from opengateway.domain.canonical import (
    Audio,
    CanonicalRequest,
    Document,
    Image,
    Item,
    OutputFormat,
    Reasoning,
    ReasoningIntent,
    Sampling,
    ServerItem,
    ToolChoice,
    Turn,
)
from opengateway.domain.catalog import Profile
from opengateway.domain.chat import UpstreamCall
from opengateway.domain.errors import InvalidRequest
from opengateway.wires.openai_responses.seals import Seal, carried, seal_in

OPEN = Profile(responses="open")


def call(
    *turns: Turn, profile: Profile = SEALED, model: str = "gpt-5", **more: Any
) -> UpstreamCall:
    """What goes up for a caller of another shape."""
    request = CanonicalRequest(
        turns=turns or (user("Hello"),), stream=False, dialect="openai_chat", **more
    )
    return WIRE.request(request, responses_endpoint(model), provider(profile))


def body(*turns: Turn, **more: Any) -> Json:
    made: Json = json.loads(call(*turns, **more).body)
    return made


# --- a caller of another shape -------------------------------------------------------------------
def test_a_conversation_with_tools_becomes_items() -> None:
    made = body(
        system("Be brief."),
        user("What is it?"),
        assistant("Let me look.", tool_call("call_1")),
        result("call_1", "42"),
    )
    assert made["input"] == [
        {"type": "message", "role": "system", "content": "Be brief."},
        {"type": "message", "role": "user", "content": "What is it?"},
        {"type": "message", "role": "assistant", "content": "Let me look."},
        {"type": "function_call", "call_id": "call_1", "name": "f", "arguments": '{"x":1}'},
        {"type": "function_call_output", "call_id": "call_1", "output": "42"},
    ]


def test_nothing_is_kept_upstream_and_thoughts_come_back_encrypted() -> None:
    made = body()
    assert made["store"] is False
    assert made["include"] == ["reasoning.encrypted_content"]


def test_a_model_that_never_reasons_is_not_asked_for_its_thoughts() -> None:
    assert "include" not in body(model="gpt-4o")
    assert "include" not in body(profile=OPEN)


def test_its_own_secrets_go_back_and_those_of_others_do_not() -> None:
    turn = assistant(
        Reasoning(text="Hm.", summary=True, encrypted="gAAA", origin="openai"),
        Reasoning(text="Claude's", signature="sig", origin="anthropic"),
        Reasoning(text="plain"),
        tool_call("call_1"),
    )
    made = body(user("Hi"), turn, result("call_1", "1"))
    assert [i for i in made["input"] if i["type"] == "reasoning"] == [
        {
            "type": "reasoning",
            "summary": [{"type": "summary_text", "text": "Hm."}],
            "encrypted_content": "gAAA",
        }
    ]


def test_a_vendor_that_thinks_aloud_gets_its_texts_back() -> None:
    made = body(user("Hi"), assistant(Reasoning(text="aloud"), "Yes."), profile=OPEN)
    content = [{"type": "reasoning_text", "text": "aloud"}]
    assert made["input"][1] == {"type": "reasoning", "summary": [], "content": content}


def test_images_and_files_go_along() -> None:
    made = body(
        user(
            "What?",
            Image(data="QUJD", media_type="image/png"),
            Image(url="https://x.example/a.png", detail="low"),
            Document(data="QUJD", name="a.pdf"),
            Document(url="https://x.example/b.pdf"),
        )
    )
    assert made["input"][0]["content"] == [
        {"type": "input_text", "text": "What?"},
        {"type": "input_image", "image_url": "data:image/png;base64,QUJD", "detail": "auto"},
        {"type": "input_image", "image_url": "https://x.example/a.png", "detail": "low"},
        {
            "type": "input_file",
            "filename": "a.pdf",
            "file_data": "data:application/pdf;base64,QUJD",
        },
        {"type": "input_file", "file_url": "https://x.example/b.pdf"},
    ]


def test_a_result_with_an_image_is_sent_in_parts() -> None:
    turn = result("call_1", "See:", Image(url="https://x.example/a.png"))
    made = body(user("Hi"), assistant(tool_call("call_1")), turn)
    assert [part["type"] for part in made["input"][-1]["output"]] == ["input_text", "input_image"]


def test_tools_are_flat_and_strictness_is_said() -> None:
    made = body(
        tools=(tool(), tool("g", strict=True), tool("h", kind="custom", parameters=None)),
        tool_choice=ToolChoice("allowed", ("f", "h"), required=True),
        parallel_tool_calls=False,
    )
    assert [(t["type"], t["name"], t.get("strict")) for t in made["tools"]] == [
        ("function", "f", False),
        ("function", "g", True),
        ("custom", "h", None),
    ]
    assert made["tool_choice"] == {
        "type": "allowed_tools",
        "mode": "required",
        "tools": [{"type": "function", "name": "f"}, {"type": "custom", "name": "h"}],
    }
    assert made["parallel_tool_calls"] is False


def test_a_grammar_loses_its_inner_object() -> None:
    grammar = {"definition": "start: /a/", "syntax": "lark"}
    custom = raw({"format": {"type": "grammar", "grammar": grammar}})
    made = body(tools=(tool(kind="custom", parameters=None, extra={"custom": custom}),))
    assert made["tools"][0]["format"] == {"type": "grammar", **grammar}


def test_form_effort_and_verbosity_have_places_of_their_own() -> None:
    made = body(
        output=OutputFormat("json_schema", name="n", schema=raw({"type": "object"}), strict=True),
        reasoning=ReasoningIntent(budget_tokens=5000),
        extra={"verbosity": raw("low")},
    )
    assert made["text"] == {
        "format": {
            "type": "json_schema",
            "name": "n",
            "schema": {"type": "object"},
            "strict": True,
        },
        "verbosity": "low",
    }
    assert made["reasoning"] == {"effort": "medium"}


def test_what_a_thinking_model_refuses_is_left_out_and_told() -> None:
    made = call(sampling=Sampling(temperature=0.5, seed=7), extra={"logit_bias": raw({"1": 2})})
    assert "temperature" not in json.loads(made.body)
    assert set(made.dropped) == {"temperature", "seed", "logit_bias"}
    assert body(sampling=Sampling(temperature=0.5), model="gpt-4o")["temperature"] == 0.5


def test_a_limit_below_the_least_is_raised_and_told() -> None:
    made = call(max_output_tokens=5)
    assert json.loads(made.body)["max_output_tokens"] == 16
    assert made.dropped == ("max_tokens",)


def test_a_tier_without_a_price_is_left_out_and_told() -> None:
    made = call(service_tier="priority")
    assert "service_tier" not in json.loads(made.body)
    assert made.dropped == ("service_tier",)


@pytest.mark.parametrize(
    ("param", "more"),
    [
        ("n", {"sampling": Sampling(n=2)}),
        ("stop", {"sampling": Sampling(stop=("x",))}),
        ("tools", {"server_tools": (raw({"type": "web_search"}),)}),
        ("modalities", {"extra": {"modalities": raw(["text", "audio"])}}),
        ("web_search_options", {"extra": {"web_search_options": raw({"x": 1})}}),
        ("messages", {"turns": (user(Audio(data="QUJD", format="mp3")),)}),
    ],
)
def test_what_would_change_the_answer_is_refused(param: str, more: dict[str, Any]) -> None:
    turns = more.pop("turns", ())
    with pytest.raises(InvalidRequest) as caught:
        call(*turns, **more)
    assert caught.value.param == param


def test_a_block_of_a_vendors_own_tool_is_never_smuggled_up() -> None:
    reference: Item = ServerItem(
        raw=raw({"type": "item_reference", "id": "rs_of_others"}), origin="openai_responses"
    )
    made = call(user("Hi"), assistant(reference, "Yes."))
    assert b"rs_of_others" not in made.body
    assert made.dropped == ("messages[].server_items",)


def test_an_id_that_is_too_long_is_the_same_digest_at_both_ends() -> None:
    long = "x" * 100
    made = body(user("Hi"), assistant(tool_call(long)), result(long, "1"))
    called, told = made["input"][1:]
    assert called["call_id"] == told["call_id"]
    assert len(called["call_id"]) <= 64


# --- a caller of this shape ----------------------------------------------------------------------
def test_items_go_up_as_they_came_but_for_their_ids() -> None:
    items = [
        {"role": "user", "content": [{"type": "input_text", "text": "Hi"}]},
        thought("gAAA", "Hm."),
        message("Yes.", phase="commentary"),
        function_call("{}"),
        {"type": "function_call_output", "id": "fco_1", "call_id": "call_1", "output": "1"},
    ]
    made = sent(asked(items))
    assert made["input"] == [{n: v for n, v in i.items() if n != "id"} for i in items]


def test_an_id_that_is_spelt_another_way_is_an_id_all_the_same() -> None:
    chat = asked(json.loads('[{"role":"user","content":"Hi"}]'))
    told = msgspec.Raw(b'[{"role":"user","\\u0069d":"rs_of_others","content":"Hi"}]')
    chat.fields["messages"] = told
    assert "id" not in sent(chat)["input"][0]


def test_a_secret_of_another_vendor_stays_here() -> None:
    carrier = carried(Seal("anthropic", signature="sig"))
    made = sent(asked([{"role": "user", "content": "Hi"}, thought(carrier, "Hm.")]))
    assert [i.get("type") for i in made["input"]] == [None]
    made = sent(asked([{"role": "user", "content": "Hi"}, thought(carrier, "Hm.")]), OPEN)
    assert made["input"][1] == {
        "type": "reasoning",
        "summary": [{"type": "summary_text", "text": "Hm."}],
    }


def test_names_are_pseudonyms_and_our_own_members_stay_here() -> None:
    made = sent(
        asked(
            user="ada",
            safety_identifier="ada",
            prompt_cache_key="k",
            metadata={"a": "b"},
            store=True,
            provider={"only": ["lab"]},
            session_id="s",
        )
    )
    for name in ("user", "safety_identifier", "prompt_cache_key"):
        assert made[name].startswith("og-")
    assert made["store"] is False
    assert {"metadata", "provider", "session_id", "messages", "verbosity"}.isdisjoint(made)


def test_what_was_included_and_unknown_goes_along() -> None:
    made = sent(asked(include=["message.output_text.logprobs"], top_logprobs=2, new_member=[1]))
    assert made["include"] == ["message.output_text.logprobs", "reasoning.encrypted_content"]
    assert made["new_member"] == [1]


def test_words_of_openrouter_become_an_effort() -> None:
    made = sent(asked(reasoning={"max_tokens": 2000, "summary": "auto"}))
    assert made["reasoning"] == {"effort": "low", "summary": "auto"}


def test_instructions_stay_instructions() -> None:
    made = sent(asked(instructions="Be brief."))
    assert made["instructions"] == "Be brief."
    assert made["input"] == [{"role": "user", "content": "Hello"}]


# --- seals ----------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "seal",
    [
        Seal("openai", encrypted="gAAA"),
        Seal("anthropic", signature="A+/="),
        Seal("anthropic", encrypted="redacted"),
        Seal("google", signature="s", call_id="call_1"),
    ],
)
def test_a_seal_comes_back_as_it_was(seal: Seal) -> None:
    content = carried(seal)
    assert content is not None
    assert seal_in(content) == seal


def test_openais_own_content_is_not_wrapped_and_a_damaged_carrier_is_nobodys() -> None:
    assert carried(Seal("openai", encrypted="gAAA")) == "gAAA"
    assert carried(Seal("openai")) is None
    content = carried(Seal("anthropic", signature="sig"))
    assert content is not None
    assert seal_in(content[:-4] + "!!!!").origin == ""
