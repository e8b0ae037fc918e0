"""Requests as Google gets them: what is set, what is left out and told, what is refused."""

from __future__ import annotations

import json
from typing import Any

import pytest

from gemini_wire import GOOGLE, NEW, OLD, bent, call, model, sent, user
from opengateway.domain.canonical import (
    CacheIntent,
    CacheMark,
    OutputFormat,
    ReasoningIntent,
    Sampling,
    Text,
    Tool,
    ToolChoice,
)
from opengateway.domain.errors import InvalidRequest
from opengateway.kit.json import Raw

PRO = "gemini-2.5-pro"
LITE = "gemini-2.5-flash-lite"
PLAIN = "gemini-2.0-flash"
Json = dict[str, Any]


def schema(**members: Any) -> Raw:
    return Raw(json.dumps(members).encode())


F = Tool("f", "does f", schema(type="object", properties={"x": {"type": "string"}}))
G = Tool("g")


def config(**members: Any) -> Json:
    made: Json = sent(user("Hi"), **members).get("generationConfig", {})
    return made


def dropped(**members: Any) -> tuple[str, ...]:
    return call(user("Hi"), **members).dropped


def thinking(effort: str | None = None, to: str = NEW, **intent: Any) -> Json:
    made: Json = config(to=to, reasoning=ReasoningIntent(effort=effort, **intent)).get(
        "thinkingConfig", {}
    )
    return made


# --- where it goes -------------------------------------------------------------------------------
def test_the_model_and_the_way_of_answering_are_in_the_path() -> None:
    assert call(to=OLD).path == "/v1beta/models/gemini-2.5-flash:generateContent"
    streamed = call(to=OLD, stream=True)
    assert streamed.path == "/v1beta/models/gemini-2.5-flash:streamGenerateContent?alt=sse"
    assert "model" not in json.loads(streamed.body)
    assert "stream" not in json.loads(streamed.body)


def test_another_place_of_the_same_wire_is_data() -> None:
    vertex = bent(operation_path="/publishers/google/models/{model}")
    assert (
        call(vendor=vertex, to=OLD).path
        == "/publishers/google/models/gemini-2.5-flash:generateContent"
    )


def test_a_models_name_cannot_leave_its_place_in_the_path() -> None:
    assert call(to="../x?y#z").path == "/v1beta/models/..%2Fx%3Fy%23z:generateContent"


# --- sampling ------------------------------------------------------------------------------------
def test_sampling_has_googles_names() -> None:
    sampling = Sampling(temperature=0.5, top_p=0.9, top_k=40, seed=7, stop=("a", "b"), n=2)
    made = config(sampling=sampling, max_output_tokens=100, to=PLAIN)
    assert made == {
        "maxOutputTokens": 100,
        "temperature": 0.5,
        "topP": 0.9,
        "topK": 40,
        "seed": 7,
        "stopSequences": ["a", "b"],
        "candidateCount": 2,
    }
    assert "generationConfig" not in sent(user("Hi"), to=PLAIN)


def test_more_than_the_model_can_say_is_as_much_as_it_can() -> None:
    assert config(max_output_tokens=1 << 30)["maxOutputTokens"] == 65536


def test_penalties_go_to_the_models_that_take_them() -> None:
    sampling = Sampling(presence_penalty=0.5, frequency_penalty=-0.5)
    assert config(sampling=sampling, to=PLAIN) == {"presencePenalty": 0.5, "frequencyPenalty": -0.5}
    assert dropped(sampling=sampling, to=NEW) == ("presence_penalty", "frequency_penalty")
    assert dropped(sampling=Sampling(presence_penalty=0.0), to=NEW) == ()


def test_a_temperature_beyond_the_highest_is_the_highest_and_told() -> None:
    assert config(sampling=Sampling(temperature=9.0))["temperature"] == 2.0
    assert dropped(sampling=Sampling(temperature=9.0)) == ("temperature",)


def test_a_seed_that_does_not_fit_is_told() -> None:
    assert "seed" not in config(sampling=Sampling(seed=1 << 40))
    assert dropped(sampling=Sampling(seed=1 << 40)) == ("seed",)


@pytest.mark.parametrize(
    ("members", "param"),
    [
        ({"sampling": Sampling(n=9)}, "n"),
        ({"sampling": Sampling(stop=("a",) * 6)}, "stop"),
        ({"extra": {"audio": Raw(b'{"voice":"x"}')}}, "audio"),
        ({"extra": {"modalities": Raw(b'["text","audio"]')}}, "modalities"),
        ({"server_tools": (Raw(b'{"type":"web_search"}'),)}, "tools"),
        ({"tools": (Tool("c", kind="custom"),)}, "tools"),
        ({"tool_choice": ToolChoice("required")}, "tool_choice"),
        ({"tools": (F,), "tool_choice": ToolChoice("named", ("h",))}, "tool_choice"),
        ({"tools": (F,), "tool_choice": ToolChoice("allowed", ("h",))}, "tool_choice"),
    ],
)
def test_what_cannot_be_done_is_refused(members: Json, param: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        call(user("Hi"), **members)
    assert caught.value.param == param


def test_a_form_beside_tools_is_said_in_words_where_a_model_takes_but_one() -> None:
    form = OutputFormat("json_schema", schema=Raw(b'{"type":"object"}'))
    made = call(user("Hi"), tools=(F,), output=form, to=OLD)
    body = json.loads(made.body)
    assert made.emulated == ("response_format",)
    assert '{"type":"object"}' in body["systemInstruction"]["parts"][0]["text"]
    assert "responseMimeType" not in body.get("generationConfig", {})
    assert call(user("Hi"), output=form, to=OLD).emulated == ()


def test_what_changes_nothing_is_left_out_and_told() -> None:
    members: Json = {
        "tools": (F,),
        "parallel_tool_calls": False,
        "sampling": Sampling(logprobs=True, top_logprobs=3),
        "user": "og-1",
        "cache": CacheIntent(key="k"),
        "service_tier": "scale",
        "extra": {
            "logit_bias": Raw(b'{"1":1}'),
            "store": Raw(b"false"),
            "metadata": Raw(b'{"a":"b"}'),
        },
    }
    assert set(dropped(**members)) == {
        "logit_bias",
        "parallel_tool_calls",
        "logprobs",
        "top_logprobs",
        "user",
        "prompt_cache_key",
        "service_tier",
    }
    marked = Text(text="Hi", cache=CacheMark())
    assert call(user(marked)).dropped == ("cache_control",)
    assert dropped(parallel_tool_calls=False) == ()


def test_googles_own_members_go_on_and_nothing_is_made_up_without_them() -> None:
    safety = [{"category": "HARM_CATEGORY_HARASSMENT", "threshold": "BLOCK_NONE"}]
    made = call(
        user("Hi"),
        extra={
            "cached_content": Raw(b'"cachedContents/x"'),
            "safetySettings": Raw(json.dumps(safety).encode()),
            "modalities": Raw(b'["text","image"]'),
        },
    )
    body = json.loads(made.body)
    assert body["cachedContent"] == "cachedContents/x"
    assert body["safetySettings"] == safety
    assert body["generationConfig"]["responseModalities"] == ["TEXT", "IMAGE"]
    assert made.dropped == ()
    assert set(sent(user("Hi"), to=PLAIN)) == {"contents"}


@pytest.mark.parametrize(
    ("tier", "told"),
    [("flex", "flex"), ("priority", "priority"), ("auto", None), ("default", None)],
)
def test_the_tiers_that_google_has_are_asked_for(tier: str, told: str | None) -> None:
    assert sent(user("Hi"), service_tier=tier).get("serviceTier") == told
    assert dropped(service_tier=tier) == ()
    without = bent(drop=("service_tier",))
    assert "serviceTier" not in sent(user("Hi"), service_tier=tier, vendor=without)
    assert dropped(service_tier=tier, vendor=without) == (("service_tier",) if told else ())


# --- tools and forms -----------------------------------------------------------------------------
def test_tools_are_declared_with_their_schemas_as_they_came() -> None:
    made = call(user("Hi"), tools=(F, G))
    assert json.loads(made.body)["tools"] == [
        {
            "functionDeclarations": [
                {
                    "name": "f",
                    "description": "does f",
                    "parametersJsonSchema": json.loads(bytes(F.parameters or b"")),
                },
                {"name": "g"},
            ]
        }
    ]
    assert bytes(F.parameters or b"") in made.body
    assert "toolConfig" not in json.loads(made.body)


@pytest.mark.parametrize(
    ("choice", "told"),
    [
        (ToolChoice("auto"), {"mode": "AUTO"}),
        (ToolChoice("none"), {"mode": "NONE"}),
        (ToolChoice("required"), {"mode": "ANY"}),
        (ToolChoice("named", ("g",)), {"mode": "ANY", "allowedFunctionNames": ["g"]}),
        (
            ToolChoice("allowed", ("f", "g"), required=True),
            {"mode": "ANY", "allowedFunctionNames": ["f", "g"]},
        ),
        (ToolChoice("allowed", ("g",)), {"mode": "AUTO"}),
    ],
)
def test_e43_a_choice_among_tools_is_never_weakened(choice: ToolChoice, told: Json) -> None:
    body = sent(user("Hi"), tools=(F, G), tool_choice=choice)
    assert body["toolConfig"] == {"functionCallingConfig": told}
    offered = [tool["name"] for tool in body["tools"][0]["functionDeclarations"]]
    assert offered == (["g"] if choice.mode == "allowed" and not choice.required else ["f", "g"])


def test_a_strict_tool_asks_for_arguments_that_fit() -> None:
    strict = Tool("s", parameters=F.parameters, strict=True)
    body = sent(user("Hi"), tools=(strict,))
    assert body["toolConfig"] == {"functionCallingConfig": {"mode": "VALIDATED"}}


def test_structured_output_has_its_schema() -> None:
    form = OutputFormat("json_schema", "n", schema(type="object"), True)
    assert config(output=form, to=PLAIN) == {
        "responseMimeType": "application/json",
        "responseJsonSchema": {"type": "object"},
    }
    assert config(output=OutputFormat("json_object"), to=PLAIN) == {
        "responseMimeType": "application/json"
    }
    assert config(output=OutputFormat("text"), to=PLAIN) == {}
    assert config(output=form, tools=(F,), to=NEW)["responseMimeType"] == "application/json"


def test_e25_keywords_that_google_refuses_are_taken_out_and_said_otherwise() -> None:
    given = schema(
        **{"$schema": "x", "title": "T"},
        type="object",
        properties={
            "title": {"type": "integer", "exclusiveMinimum": 0, "exclusiveMaximum": 9},
            "at": {"type": "string", "format": "date-time", "description": "When."},
            "ratio": {"type": "number", "exclusiveMinimum": 0.5, "examples": [1]},
            "kind": {"enum": ["title", {"format": "x"}]},
            "list": {"anyOf": [{"title": "A"}, {"type": "array", "items": {"format": "uuid"}}]},
        },
        required=["title", "format"],
    )
    declared = sent(user("Hi"), tools=(Tool("f", parameters=given),))["tools"][0]
    assert declared["functionDeclarations"][0]["parametersJsonSchema"] == {
        "type": "object",
        "properties": {
            "title": {"type": "integer", "minimum": 1, "maximum": 8},
            "at": {"type": "string", "description": "When. (format: date-time)"},
            "ratio": {"type": "number", "minimum": 0.5},
            "kind": {"enum": ["title", {"format": "x"}]},
            "list": {"anyOf": [{}, {"type": "array", "items": {"description": "(format: uuid)"}}]},
        },
        "required": ["title", "format"],
    }


# --- thinking ------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("to", "efforts"),
    [
        (
            NEW,
            {
                "none": "low",
                "minimal": "low",
                "low": "low",
                "medium": "medium",
                "high": "high",
                "xhigh": "high",
                "max": "high",
            },
        ),
        (
            "gemini-3.5-flash",
            {"none": "minimal", "minimal": "minimal", "low": "low", "max": "high"},
        ),
        ("gemini-3-pro-preview", {"none": "low", "medium": "high", "xhigh": "high"}),
        ("gemini-3.1-pro-preview", {"minimal": "low", "medium": "medium"}),
        ("gemini-flash-latest", {"minimal": "low"}),
    ],
)
def test_an_effort_is_a_level_of_gemini_3(to: str, efforts: dict[str, str]) -> None:
    assert {effort: thinking(effort, to)["thinkingLevel"] for effort in efforts} == efforts


@pytest.mark.parametrize(
    ("to", "efforts"),
    [
        (
            OLD,
            {"none": 0, "minimal": 1024, "low": 2048, "medium": 8192, "high": 16384, "max": 24576},
        ),
        (PRO, {"none": 128, "minimal": 1024, "xhigh": 32768}),
        (LITE, {"none": 0, "low": 2048}),
    ],
)
def test_an_effort_is_a_budget_of_gemini_2_5(to: str, efforts: dict[str, int]) -> None:
    assert {effort: thinking(effort, to)["thinkingBudget"] for effort in efforts} == efforts


@pytest.mark.parametrize(
    ("to", "budget", "told"),
    [
        (OLD, 5000, {"thinkingBudget": 5000}),
        (OLD, 1 << 20, {"thinkingBudget": 24576}),
        (PRO, 1, {"thinkingBudget": 128}),
        (NEW, 1000, {"thinkingLevel": "low"}),
        (NEW, 9000, {"thinkingLevel": "medium"}),
        (NEW, 99999, {"thinkingLevel": "high"}),
    ],
)
def test_a_number_of_tokens_is_kept_within_what_the_model_takes(
    to: str, budget: int, told: Json
) -> None:
    made = thinking("low", to, budget_tokens=budget)
    assert made == {**told, "includeThoughts": True}


def test_thoughts_are_shown_unless_nobody_wants_them() -> None:
    assert thinking() == {"includeThoughts": True}
    assert thinking("high", exclude=True) == {"thinkingLevel": "high"}
    assert thinking(exclude=True) == {}
    assert thinking("none", OLD) == {"thinkingBudget": 0}
    assert thinking(to=OLD, enabled=False) == {"thinkingBudget": 0}
    assert thinking(to=OLD, budget_tokens=0) == {"thinkingBudget": 0}
    assert thinking(to=LITE) == {}
    assert thinking(to=LITE, enabled=True) == {"thinkingBudget": -1, "includeThoughts": True}
    assert thinking("low", LITE)["includeThoughts"] is True


def test_thinking_that_cannot_be_had_or_turned_off_is_told() -> None:
    none = ReasoningIntent(effort="none")
    high = ReasoningIntent(effort="high")
    assert dropped(reasoning=none, to=NEW) == ("reasoning_effort",)
    assert dropped(reasoning=none, to=PRO) == ("reasoning_effort",)
    assert dropped(reasoning=none, to=OLD) == ()
    assert dropped(reasoning=high, to=PLAIN) == ("reasoning_effort",)
    assert dropped(reasoning=ReasoningIntent(budget_tokens=9), to=PLAIN) == ("reasoning",)
    assert dropped(reasoning=none, to=PLAIN) == ()
    assert thinking("high", PLAIN) == {}


def test_the_same_conversation_begins_with_the_same_bytes() -> None:
    turns = (user("a"), model("b"))
    first = call(*turns, user("c"), tools=(F,), vendor=GOOGLE).body
    second = call(*turns, user("c"), model("d"), user("e"), tools=(F,), vendor=GOOGLE).body
    begun = first[: first.index(b'{"text":"c"}')]
    assert second.startswith(begun)
