"""What goes up to Bedrock: each rule of Converse that a caller's request could break."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from anthropic_wire import asked, assistant, raw, result, system, tool, tool_call, user
from bedrock_wire import (
    CLAUDE,
    LLAMA,
    MISTRAL,
    NEWEST,
    NOVA,
    OSS,
    PROVIDER,
    call,
    sent,
    with_rule,
)
from opengateway.domain.canonical import (
    Audio,
    CacheIntent,
    CacheMark,
    Document,
    Image,
    OutputFormat,
    Reasoning,
    Role,
    Text,
    ToolChoice,
    Turn,
    Video,
)
from opengateway.domain.errors import InvalidRequest

PNG = base64.b64encode(b"\x89PNG").decode()
PDF = base64.b64encode(b"%PDF").decode()
SCHEMA = raw({"type": "object", "properties": {"a": {"type": "string"}}})
MARK = CacheMark("1h")


def dropped(request: Any, model: str = CLAUDE) -> set[str]:
    return set(call(request, model).dropped)


# --- where ------------------------------------------------------------------------------------------
def test_a_model_s_id_is_escaped_whole_and_a_stream_has_a_path_of_its_own() -> None:
    whole, stream = call(asked()), call(asked(stream=True))
    assert whole.path == "/model/us.anthropic.claude-sonnet-4-5-20250929-v1%3A0/converse"
    assert stream.path == whole.path + "-stream"
    assert stream.headers == {"accept": "application/vnd.amazon.eventstream"}
    arn = "arn:aws:bedrock:us-east-1:1:application-inference-profile/a/b"
    assert call(asked(), arn).path.count("/") == 3


# --- turns ------------------------------------------------------------------------------------------
def test_a_conversation_begins_with_the_user_and_alternates() -> None:
    body = sent(asked(assistant("a"), assistant("b"), user("c"), user("d"), user(" ")))
    assert [m["role"] for m in body["messages"]] == ["user", "assistant", "user"]
    assert body["messages"][0]["content"] == [{"text": "."}]
    assert body["messages"][2]["content"] == [{"text": "c"}, {"text": "d"}]


def test_system_messages_stand_in_front_and_later_ones_are_the_user_s() -> None:
    body = sent(asked(system("a"), user("b"), assistant("c"), system("d")))
    assert body["system"] == [{"text": "a"}]
    assert body["messages"][-1]["content"] == [{"text": "<system>\nd\n</system>"}]
    alone = sent(asked(system("a")))
    assert "system" not in alone
    assert alone["messages"] == [{"role": "user", "content": [{"text": "a"}]}]


def test_parallel_results_come_in_one_message_and_in_front_of_its_text() -> None:
    body = sent(
        asked(
            user("q"),
            assistant(tool_call("a"), tool_call("b")),
            result("a", "1"),
            user("and"),
            result("b", "2", is_error=True),
            tools=(tool(),),
        )
    )
    assert body["messages"][2]["content"] == [
        {"toolResult": {"toolUseId": "a", "content": [{"text": "1"}]}},
        {"toolResult": {"toolUseId": "b", "content": [{"text": "2"}], "status": "error"}},
        {"text": "and"},
    ]


def test_a_result_that_says_nothing_says_so_and_one_without_a_call_is_refused() -> None:
    turns = (user("q"), assistant(tool_call("a", arguments="oops")), result("a"))
    body = sent(asked(*turns, tools=(tool(),)))
    assert body["messages"][1]["content"][0]["toolUse"]["input"] == {"arguments": "oops"}
    assert body["messages"][2]["content"][0]["toolResult"]["content"] == [{"text": "(no output)"}]
    for broken in ((user("q"), result("x")), (user("q"), assistant(tool_call("a")), user("r"))):
        with pytest.raises(InvalidRequest) as caught:
            call(asked(*broken, tools=(tool(),)))
        assert caught.value.param == "messages"


def test_without_tools_past_calls_are_told_as_text() -> None:
    turns = (user("q"), assistant(tool_call("a")), result("a", "1"))
    for members in ({}, {"tools": (tool(),), "tool_choice": ToolChoice("none")}):
        body = sent(asked(*turns, **members))
        assert "toolConfig" not in body
        assert body["messages"][1]["content"] == [{"text": '[call of f]\n{"x":1}'}]
        assert body["messages"][2]["content"] == [{"text": "[result of a tool]\n1"}]
        assert "messages[].tool_calls" in dropped(asked(*turns, **members))


def test_llama_gets_results_in_messages_of_their_own() -> None:
    turns = (user("q"), assistant(tool_call("a")), result("a", "1"), user("thanks"))
    messages = sent(asked(*turns, tools=(tool(),)), LLAMA)["messages"]
    assert [m["role"] for m in messages] == ["user", "assistant", "user", "assistant", "user"]
    assert messages[3]["content"] == [{"text": "."}]


def test_mistral_gets_ids_of_nine_letters_and_the_same_every_time() -> None:
    turns = (user("q"), assistant(tool_call("call_1"), tool_call("abcDEF123")), result("call_1"))
    turns = (*turns, result("abcDEF123"))
    bodies = [sent(asked(*turns, tools=(tool(),)), MISTRAL) for _ in range(2)]
    assert bodies[0] == bodies[1]
    first, second = (b["toolUse"]["toolUseId"] for b in bodies[0]["messages"][1]["content"])
    assert len(first) == 9
    assert second == "abcDEF123"
    results = [b["toolResult"]["toolUseId"] for b in bodies[0]["messages"][2]["content"]]
    assert results == [first, second]


def test_an_answer_that_was_begun_goes_on_where_the_model_does_that() -> None:
    turns = (user("q"), assistant("It is "))
    assert sent(asked(*turns))["messages"][1]["content"] == [{"text": "It is"}]
    with pytest.raises(InvalidRequest, match="does not go on"):
        call(asked(*turns), NEWEST)


# --- media ------------------------------------------------------------------------------------------
def test_media_are_bytes_or_lie_in_s3() -> None:
    body = sent(
        asked(
            user(
                Image(data=PNG),
                Image(url="s3://b/k.jpg"),
                Document(data=PDF, name="Q3: report_final"),
                Document(data=PDF, name="Q3: report_final"),
                Video(data=PNG),
            )
        ),
        NOVA,
    )
    content = body["messages"][0]["content"]
    assert content[0] == {"image": {"format": "png", "source": {"bytes": PNG}}}
    assert content[1]["image"]["source"] == {"s3Location": {"uri": "s3://b/k.jpg"}}
    names = [block["document"]["name"] for block in content[2:4]]
    assert names == ["Q3 report final", "Q3 report final 2"]
    assert content[4]["video"]["format"] == "mp4"
    assert content[-1] == {"text": "."}, "a document does not stand alone"


@pytest.mark.parametrize(
    "part",
    [
        Image(url="https://x.example/a.png"),
        Image(data=PNG, media_type="image/bmp"),
        Document(file_id="file-1"),
        Document(data=PDF, media_type="application/zip"),
        Video(data=PNG, media_type="video/ogg"),
    ],
)
def test_what_it_cannot_see_is_refused_before_it_is_sent(part: Any) -> None:
    with pytest.raises(InvalidRequest) as caught:
        call(asked(user(part)))
    assert caught.value.param == "messages"


def test_images_stand_within_results_or_behind_them() -> None:
    turns = (user("q"), assistant(tool_call("a")), result("a", Image(data=PNG)))
    inside = sent(asked(*turns, tools=(tool(),)))["messages"][2]["content"]
    assert "image" in inside[0]["toolResult"]["content"][0]
    behind = sent(asked(*turns, tools=(tool(),)), NOVA)["messages"][2]["content"]
    assert behind[0]["toolResult"]["content"] == [{"text": "See the attached file."}]
    assert "image" in behind[1]


def test_sounds_go_as_they_are() -> None:
    body = sent(asked(user("q", Audio(data=PNG, format="wav"))))
    assert body["messages"][0]["content"][1]["audio"]["format"] == "wav"


# --- tools and the answer's form --------------------------------------------------------------------
@pytest.mark.parametrize(
    ("choice", "model", "expected"),
    [
        (ToolChoice("auto"), CLAUDE, {"auto": {}}),
        (ToolChoice("required"), CLAUDE, {"any": {}}),
        (ToolChoice("named", ("f",)), CLAUDE, {"tool": {"name": "f"}}),
        (ToolChoice("allowed", ("f",), required=True), CLAUDE, {"any": {}}),
        (ToolChoice("allowed", ("f",)), CLAUDE, {"auto": {}}),
        (ToolChoice("named", ("f",)), MISTRAL, {"any": {}}),
        (ToolChoice("auto"), LLAMA, None),
    ],
)
def test_each_choice_of_tools_has_a_form_or_means_the_same_without(
    choice: ToolChoice, model: str, expected: Any
) -> None:
    config = sent(asked(tools=(tool(), tool("g")), tool_choice=choice), model)["toolConfig"]
    assert config.get("toolChoice") == expected
    names = [block["toolSpec"]["name"] for block in config["tools"]]
    fewer = choice.mode == "allowed" or (choice.mode == "named" and model == MISTRAL)
    assert names == (["f"] if fewer else ["f", "g"])


@pytest.mark.parametrize(
    ("members", "model", "param"),
    [
        ({"tool_choice": ToolChoice("required")}, LLAMA, "tool_choice"),
        ({"tool_choice": ToolChoice("named", ("h",))}, CLAUDE, "tool_choice"),
        ({"n": 2}, CLAUDE, "n"),
        ({"extra": {"modalities": raw(["audio"])}}, CLAUDE, "modalities"),
        ({"extra": {"web_search_options": raw({"a": 1})}}, CLAUDE, "web_search_options"),
        ({"server_tools": (raw({"type": "web_search"}),)}, CLAUDE, "tools"),
        ({"tools": (tool(kind="custom"),)}, CLAUDE, "tools"),
        ({"tools": (tool(parameters=raw({"type": "array"})),)}, CLAUDE, "tools"),
    ],
)
def test_what_would_change_the_answer_is_refused_before_it_is_sent(
    members: dict[str, Any], model: str, param: str
) -> None:
    with pytest.raises(InvalidRequest) as caught:
        call(asked(**{"tools": (tool(),), **members}), model)
    assert caught.value.param == param


@pytest.mark.parametrize("model", [OSS, NOVA])
def test_a_schema_beside_tools_is_said_in_words_and_told(model: str) -> None:
    output = OutputFormat("json_schema", schema=SCHEMA)
    made = call(asked(tools=(tool(),), output=output), model)
    assert made.emulated == ("response_format",)
    assert "JSON Schema" in json.loads(made.body)["system"][-1]["text"]


def test_a_schema_is_held_to_or_a_tool_stands_for_the_answer() -> None:
    output = OutputFormat("json_schema", name="n", schema=SCHEMA, description="d")
    held = sent(asked(output=output))["outputConfig"]["textFormat"]
    assert held["type"] == "json_schema"
    made = held["structure"]["jsonSchema"]
    assert (made["name"], made["description"]) == ("n", "d")
    assert '"additionalProperties":false' in made["schema"]
    config = sent(asked(output=output), NOVA)["toolConfig"]
    assert config["toolChoice"] == {"tool": {"name": "opengateway_json_answer"}}
    loose = sent(asked(output=OutputFormat("json_object")))
    assert "JSON" in loose["system"][-1]["text"]


def test_a_strict_tool_is_strict_where_the_model_can_be_held_to_it() -> None:
    request = asked(tools=(tool(strict=True, parameters=None, description="d"),))
    spec = sent(request)["toolConfig"]["tools"][0]["toolSpec"]
    assert spec["strict"] is True
    assert spec["inputSchema"]["json"]["type"] == "object"
    assert "tools[].function.strict" in dropped(request, NOVA)


# --- limits -----------------------------------------------------------------------------------------
def test_limits_are_clamped_and_what_has_no_place_is_told() -> None:
    request = asked(
        temperature=1.5, top_p=0.5, top_k=7, stop=("a", " "), max_output_tokens=999_999,
        frequency_penalty=1.0, presence_penalty=1.0, seed=1, logprobs=True, top_logprobs=2,
        parallel_tool_calls=False, tools=(tool(),), user="u", service_tier="priority",
        cache=CacheIntent(key="k"), extra={"logit_bias": raw({"1": 2}), "store": raw(True)},
    )  # fmt: skip
    body = sent(request)
    assert body["inferenceConfig"] == {
        "maxTokens": 64_000,
        "temperature": 1.0,
        "stopSequences": ["a"],
    }
    assert body["additionalModelRequestFields"] == {"top_k": 7}
    assert "serviceTier" not in body
    assert dropped(request) == {
        "temperature", "top_p", "stop", "frequency_penalty", "presence_penalty", "seed",
        "logprobs", "top_logprobs", "parallel_tool_calls", "user", "service_tier",
        "prompt_cache_key", "logit_bias",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("model", "fields"),
    [
        (CLAUDE, {"top_k": 5}),
        (NOVA, {"inferenceConfig": {"topK": 5}}),
        (OSS, None),
    ],
)
def test_top_k_goes_where_the_model_looks_for_it(model: str, fields: Any) -> None:
    body = sent(asked(top_k=5), model)
    assert body.get("additionalModelRequestFields") == fields
    assert ("top_k" in dropped(asked(top_k=5), model)) is (fields is None)


def test_claudes_features_are_a_member_of_its_own_and_no_other_models() -> None:
    request = asked(betas=("context-1m-2025-08-07", "claude-code-20250219"), top_k=5)
    fields = {"top_k": 5, "anthropic_beta": ["context-1m-2025-08-07"]}
    assert sent(request)["additionalModelRequestFields"] == fields
    assert "anthropic-beta" in dropped(request)
    assert sent(request, NOVA)["additionalModelRequestFields"] == {"inferenceConfig": {"topK": 5}}
    assert "anthropic-beta" in dropped(request, NOVA)


def test_a_tier_and_bedrocks_own_members_go_on() -> None:
    guard = {"guardrailIdentifier": "g", "guardrailVersion": "1"}
    extra = {
        "guardrailConfig": raw(guard),
        "additionalModelRequestFields": raw({"top_k": 9, "anthropic_beta": ["x"]}),
    }
    body = sent(asked(service_tier="flex", extra=extra, top_k=3))
    assert body["serviceTier"] == {"type": "flex"}
    assert body["guardrailConfig"] == guard
    assert body["additionalModelRequestFields"] == {"top_k": 3, "anthropic_beta": ["x"]}
    with pytest.raises(InvalidRequest):
        call(asked(extra={"additionalModelRequestFields": raw([1])}))


# --- thinking ---------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("model", "members", "fields"),
    [
        (CLAUDE, {"effort": "low"}, {"thinking": {"type": "enabled", "budget_tokens": 2048}}),
        (CLAUDE, {"effort": "none"}, None),
        (
            NEWEST,
            {"effort": "high"},
            {
                "thinking": {"type": "adaptive", "display": "summarized"},
                "output_config": {"effort": "high"},
            },
        ),
        (OSS, {"effort": "xhigh"}, {"reasoning_effort": "high"}),
        (OSS, {}, None),
        (
            NOVA,
            {"effort": "medium"},
            {"reasoningConfig": {"type": "enabled", "maxReasoningEffort": "medium"}},
        ),
        (LLAMA, {"effort": "high"}, None),
        ("qwen.qwen3-32b-v1:0", {"effort": "high"}, {"reasoning_config": "high"}),
    ],
)
def test_each_maker_is_asked_for_thinking_in_its_own_way(
    model: str, members: dict[str, Any], fields: Any
) -> None:
    body = sent(asked(max_output_tokens=8000, **members), model)
    assert body.get("additionalModelRequestFields") == fields
    if fields is None and members.get("effort") == "high":
        assert "reasoning_effort" in dropped(asked(**members), model)


def test_novas_highest_effort_takes_no_other_limit() -> None:
    request = asked(effort="high", max_output_tokens=100, temperature=0.5, top_p=0.9)
    assert "inferenceConfig" not in sent(request, NOVA)
    assert {"max_completion_tokens", "temperature", "top_p"} <= dropped(request, NOVA)


def test_claudes_thoughts_come_back_byte_for_byte_and_others_do_not() -> None:
    thought = Reasoning(text="hm ", signature="s/+=", origin="anthropic")
    sealed = Reasoning(encrypted="abc", origin="anthropic")
    foreign = Reasoning(text="x", signature="y", origin="google")
    unsigned = Reasoning(text="x", origin="anthropic")
    turns = (user("q"), assistant(thought, sealed, foreign, unsigned, "a"), user("r"))
    content = sent(asked(*turns))["messages"][1]["content"]
    assert content == [
        {"reasoningContent": {"reasoningText": {"text": "hm ", "signature": "s/+="}}},
        {"reasoningContent": {"redactedContent": base64.b64encode(b"abc").decode()}},
        {"text": "a"},
    ]
    assert sent(asked(*turns), NOVA)["messages"][1]["content"] == [{"text": "a"}]


def test_a_loop_that_began_without_thoughts_goes_on_without_a_budget() -> None:
    turns = (user("q"), assistant(tool_call("a")), result("a", "1"))
    request = asked(*turns, tools=(tool(),), effort="low")
    assert "additionalModelRequestFields" not in sent(request)
    assert "reasoning_effort" in dropped(request)


# --- caching ----------------------------------------------------------------------------------------
def test_marks_become_points_behind_what_they_mark() -> None:
    body = sent(
        asked(
            system(Text(text="s", cache=MARK)),
            user(Text(text="a"), Document(data=PDF, cache=CacheMark())),
            tools=(tool(cache=MARK),),
        )
    )
    assert body["toolConfig"]["tools"][1] == {"cachePoint": {"type": "default", "ttl": "1h"}}
    assert body["system"][1] == {"cachePoint": {"type": "default", "ttl": "1h"}}
    kinds = [next(iter(block)) for block in body["messages"][0]["content"]]
    assert kinds == ["text", "cachePoint", "document"], "a point may not follow a document"


def test_no_more_than_four_points_go_and_an_hour_is_never_behind_five_minutes() -> None:
    items = [Text(text=str(n), cache=CacheMark("1h" if n else None)) for n in range(6)]
    request = asked(Turn(Role.USER, tuple(items)))
    content = sent(request)["messages"][0]["content"]
    assert sum("cachePoint" in block for block in content) == 4
    assert "cache_control" in dropped(request)
    first = Text(text="x", cache=CacheMark())
    pair = sent(asked(system(first), user(Text(text="y", cache=MARK))))
    assert pair["messages"][0]["content"][1] == {"cachePoint": {"type": "default"}}


def test_a_model_that_takes_no_points_gets_none_and_the_caller_is_told() -> None:
    request = asked(
        user(Text(text="a", cache=MARK)), tools=(tool(cache=MARK),),
        cache=CacheIntent(automatic=CacheMark()),
    )  # fmt: skip
    assert b"cachePoint" not in call(request, OSS).body
    assert "cache_control" in dropped(request, OSS)
    nova = sent(request, NOVA)
    assert len(nova["toolConfig"]["tools"]) == 1, "Nova takes none among tools"
    own = {"cachePoint": {"type": "default", "ttl": "1h"}}
    assert nova["messages"][0]["content"][-1] == own, "the caller's own mark stands"


# --- the maker --------------------------------------------------------------------------------------
def test_a_profile_that_hides_the_maker_has_the_rule_that_the_zone_gives_it() -> None:
    arn = "arn:aws:bedrock:us-east-1:1:application-inference-profile/x"
    told = with_rule(family="anthropic", thinking_as="budget", reasoning="asked", min_budget=1024)
    body = sent(asked(effort="low", max_output_tokens=8000), arn, provider=told)
    assert body["additionalModelRequestFields"]["thinking"]["budget_tokens"] == 2048
    assert "additionalModelRequestFields" not in sent(asked(effort="low"), arn, provider=PROVIDER)
