"""A canonical request as Messages: members, tools, output, thinking, marks (B.0.4, B.2, D)."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest

from anthropic_wire import (
    BUDGETED,
    LEVELLED,
    MAX_OUTPUT,
    PROVIDER,
    asked,
    assistant,
    call,
    raw,
    result,
    sent,
    system,
    tool,
    tool_call,
    user,
    with_profile,
)
from opengateway.domain.canonical import (
    CacheIntent,
    CacheMark,
    OutputFormat,
    Reasoning,
    Text,
    Tool,
    ToolChoice,
)
from opengateway.domain.errors import InvalidRequest

FABLE, HAIKU_3, OPUS_46, SONNET_5 = (
    "claude-fable-5",
    "claude-3-haiku-20240307",
    "claude-opus-4-6",
    "claude-sonnet-5",
)
SCHEMA = {"type": "object", "properties": {"a": {"type": "object", "properties": {}}}}
JSON_SCHEMA = OutputFormat("json_schema", name="x", schema=raw(SCHEMA))
Json = dict[str, Any]


# --- the frame -------------------------------------------------------------------------------------
def test_path_version_and_stream() -> None:
    made = call(asked(stream=True))
    assert made.path == "/v1/messages"
    assert made.headers == {}  # the catalogue's provider brings the version
    bare = msgspec.structs.replace(PROVIDER, headers={})
    assert call(asked(), provider=bare).headers == {"anthropic-version": "2023-06-01"}
    assert PROVIDER.headers == {"anthropic-version": "2023-06-01"}
    assert json.loads(made.body)["stream"] is True
    assert "stream" not in sent(asked())


def test_a_base_url_that_ends_with_the_version_is_not_given_it_twice() -> None:
    bundled = msgspec.structs.replace(PROVIDER, base_url="http://127.0.0.1:1/v1")
    assert call(asked(), provider=bundled).path == "/messages"


@pytest.mark.parametrize(
    ("limit", "most", "given"),
    [(None, 64_000, 64_000), (100, 64_000, 100), (99_999, 64_000, 64_000), (None, None, 8192)],
)
def test_e45_max_tokens_is_always_there_and_never_too_much(
    limit: int | None, most: int | None, given: int
) -> None:
    assert sent(asked(max_output_tokens=limit), max_output=most)["max_tokens"] == given


def test_sampling_is_clamped_and_told() -> None:
    made = call(asked(temperature=1.7, top_k=5, stop=("END", " \n", "")))
    body = json.loads(made.body)
    assert (body["temperature"], body["top_k"], body["stop_sequences"]) == (1.0, 5, ["END"])
    assert made.dropped == ("temperature", "stop")
    assert call(asked(temperature=0.5)).dropped == ()


def test_of_two_that_exclude_each_other_the_first_goes() -> None:
    made = call(asked(temperature=0.2, top_p=0.9))
    assert "top_p" not in json.loads(made.body)
    assert made.dropped == ("top_p",)
    assert sent(asked(temperature=0.2, top_p=0.9), HAIKU_3)["top_p"] == 0.9
    assert sent(asked(top_p=0.9))["top_p"] == 0.9


@pytest.mark.parametrize("model", [LEVELLED, FABLE, SONNET_5, "claude-of-tomorrow"])
def test_newer_models_take_no_sampling(model: str) -> None:
    made = call(asked(temperature=0.2, top_p=0.9, top_k=3), model)
    assert not {"temperature", "top_p", "top_k"} & set(json.loads(made.body))
    assert made.dropped == ("temperature", "top_p", "top_k")


def test_what_has_no_place_is_dropped_by_name() -> None:
    extra = {name: raw(1) for name in ("logit_bias", "verbosity")}
    quiet = {"store": raw(True), "stream_options": raw({"a": 1}), "logit_bias_": raw(None)}
    made = call(
        asked(
            seed=1,
            frequency_penalty=0.5,
            presence_penalty=0.0,
            logprobs=True,
            top_logprobs=2,
            extra={**extra, **quiet},
            cache=CacheIntent(key="k"),
            service_tier="flex",
        )
    )
    assert sorted(made.dropped) == sorted(
        [
            "seed",
            "frequency_penalty",
            "logprobs",
            "top_logprobs",
            "logit_bias",
            "verbosity",
            "prompt_cache_key",
            "service_tier",
        ]
    )
    assert set(json.loads(made.body)) == {"model", "max_tokens", "messages"}


@pytest.mark.parametrize(
    ("members", "param"),
    [
        ({"n": 2}, "n"),
        ({"extra": {"audio": raw({"voice": "a"})}}, "audio"),
        ({"extra": {"web_search_options": raw({"a": 1})}}, "web_search_options"),
        ({"extra": {"modalities": raw(["text", "audio"])}}, "modalities"),
        ({"server_tools": (raw({"type": "web_search"}),)}, "tools"),
        ({"tools": (tool(kind="custom"),)}, "tools"),
        ({"tools": (tool("opengateway_json_answer"),)}, "tools"),
        ({"tools": (tool(parameters=raw({"type": "string"})),)}, "tools"),
        ({"tools": (tool(),), "tool_choice": ToolChoice("named", ("g",))}, "tool_choice"),
        ({"tools": (tool(),), "tool_choice": ToolChoice("allowed", ("g",))}, "tool_choice"),
    ],
)
def test_what_would_be_another_request_is_refused(members: Json, param: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        sent(asked(**members))
    assert caught.value.param == param


def test_user_and_tier() -> None:
    body = sent(asked(user="og-1", service_tier="default"))
    assert body["metadata"] == {"user_id": "og-1"}
    assert body["service_tier"] == "standard_only"
    assert sent(asked(service_tier="priority"))["service_tier"] == "auto"


def test_members_of_the_wires_own_dialect_go_on() -> None:
    own = asked(
        dialect="anthropic_messages",
        extra={"container": raw("c_1"), "max_tokens": raw(1)},
        server_tools=(raw({"type": "web_search_20250305", "name": "web_search"}),),
    )
    body = sent(own)
    assert body["container"] == "c_1"
    assert body["max_tokens"] == MAX_OUTPUT
    assert body["tools"] == [{"type": "web_search_20250305", "name": "web_search"}]


# --- tools -----------------------------------------------------------------------------------------
def test_a_schema_goes_as_it_came_and_is_of_an_object() -> None:
    exact = b'{"type":  "object","properties":{"z":{},"a":{}}}'
    made = call(asked(tools=(Tool("f", parameters=msgspec.Raw(exact), strict=True),)))
    assert exact in made.body
    body = json.loads(made.body)
    assert body["tools"][0]["strict"] is True
    assert "tool_choice" not in body
    tools = (Tool("f"), Tool("g", description="d", parameters=raw({"properties": {}})))
    assert sent(asked(tools=tools))["tools"] == [
        {"name": "f", "input_schema": {"type": "object", "properties": {}}},
        {"name": "g", "description": "d", "input_schema": {"type": "object", "properties": {}}},
    ]


def test_strictness_that_a_model_lacks_is_told() -> None:
    made = call(asked(tools=(tool(strict=True),)), HAIKU_3)
    assert "strict" not in json.loads(made.body)["tools"][0]
    assert made.dropped == ("tools[].function.strict",)


@pytest.mark.parametrize(
    ("choice", "given", "names"),
    [
        (ToolChoice("auto"), {"type": "auto"}, ["f", "g"]),
        (ToolChoice("none"), {"type": "none"}, ["f", "g"]),
        (ToolChoice("required"), {"type": "any"}, ["f", "g"]),
        (ToolChoice("named", ("g",)), {"type": "tool", "name": "g"}, ["f", "g"]),
        (ToolChoice("allowed", ("g",)), {"type": "auto"}, ["g"]),
        (ToolChoice("allowed", ("g",), required=True), {"type": "any"}, ["g"]),
    ],
)
def test_e43_every_choice_has_its_word(choice: ToolChoice, given: Json, names: list[str]) -> None:
    request = asked(tools=(tool("f"), tool("g")), tool_choice=choice)
    body = sent(request)
    assert body["tool_choice"] == given
    assert [t["name"] for t in body["tools"]] == names
    one = msgspec.structs.replace(request, parallel_tool_calls=False)
    is_off = {} if given["type"] == "none" else {"disable_parallel_tool_use": True}
    assert sent(one)["tool_choice"] == {**given, **is_off}


def test_e43_one_call_at_a_time_needs_a_choice_to_say_so() -> None:
    body = sent(asked(tools=(tool(),), parallel_tool_calls=False))
    assert body["tool_choice"] == {"type": "auto", "disable_parallel_tool_use": True}
    assert "tool_choice" not in sent(asked(parallel_tool_calls=False))


@pytest.mark.parametrize("choice", [ToolChoice("required"), ToolChoice("named", ("f",))])
def test_a_demand_is_refused_where_the_model_cannot_be_made_to(choice: ToolChoice) -> None:
    with pytest.raises(InvalidRequest) as caught:
        sent(asked(tools=(tool(),), tool_choice=choice), FABLE)
    assert caught.value.param == "tool_choice"


# --- the answer's form -----------------------------------------------------------------------------
def test_a_schema_holds_the_answer_and_its_objects_are_closed() -> None:
    form = sent(asked(output=JSON_SCHEMA))["output_config"]["format"]
    closed = {"type": "object", "properties": {}, "additionalProperties": False}
    assert form == {
        "type": "json_schema",
        "schema": {"type": "object", "properties": {"a": closed}, "additionalProperties": False},
    }


def test_where_a_model_knows_no_schema_a_tool_stands_for_the_answer() -> None:
    body = sent(asked(output=JSON_SCHEMA), HAIKU_3)
    assert body["tools"][0]["input_schema"] == SCHEMA
    assert body["tool_choice"] == {"type": "tool", "name": body["tools"][0]["name"]}


def test_where_neither_can_be_the_schema_is_said_in_words_and_told() -> None:
    made = call(asked(output=JSON_SCHEMA, tools=(tool(),)), HAIKU_3)
    body = json.loads(made.body)
    assert made.emulated == ("response_format",)
    assert "JSON Schema" in body["system"][-1]["text"]
    assert [one["name"] for one in body["tools"]] == [tool().name]


def test_json_without_a_schema_is_asked_for_behind_everything_cached() -> None:
    marked = system(Text(text="s", cache=CacheMark()))
    body = sent(asked(marked, user("q"), output=OutputFormat("json_object")))
    assert [block.get("cache_control") for block in body["system"]] == [{"type": "ephemeral"}, None]
    assert "JSON" in body["system"][1]["text"]
    assert "system" not in sent(asked(output=OutputFormat("text")))


# --- thinking --------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("model", "intent", "thinking", "effort"),
    [
        (BUDGETED, {}, None, None),
        (BUDGETED, {"effort": "none"}, None, None),
        (BUDGETED, {"effort": "minimal"}, 1024, None),
        (BUDGETED, {"effort": "low"}, 2048, None),
        (BUDGETED, {"effort": "medium"}, 10_000, None),
        (BUDGETED, {"effort": "high"}, 16_384, None),
        (BUDGETED, {"effort": "xhigh"}, 32_768, None),
        (BUDGETED, {"effort": "max"}, 63_999, None),
        (BUDGETED, {"enabled": True}, 10_000, None),
        (BUDGETED, {"budget_tokens": 10}, 1024, None),
        (BUDGETED, {"budget_tokens": 5000}, 5000, None),
        (BUDGETED, {"budget_tokens": 99_999}, 63_999, None),
        (OPUS_46, {"effort": "xhigh"}, "adaptive", "max"),
        (OPUS_46, {"effort": "minimal"}, "adaptive", "low"),
        (OPUS_46, {"budget_tokens": 5000}, 5000, None),
        (LEVELLED, {}, None, None),
        (LEVELLED, {"effort": "none"}, None, None),
        (LEVELLED, {"effort": "xhigh"}, "adaptive", "xhigh"),
        (LEVELLED, {"budget_tokens": 5000}, "adaptive", "medium"),
        (LEVELLED, {"budget_tokens": 99_999}, "adaptive", "max"),
        (LEVELLED, {"enabled": True}, "adaptive", None),
        (SONNET_5, {"effort": "none"}, "disabled", None),
        (SONNET_5, {"enabled": False}, "disabled", None),
        (FABLE, {"effort": "none"}, None, "low"),
        (HAIKU_3, {"effort": "high"}, None, None),
    ],
)
def test_an_effort_in_each_models_own_words(
    model: str, intent: Json, thinking: str | int | None, effort: str | None
) -> None:
    body = sent(asked(**intent), model)
    told = body.get("thinking", {})
    assert (told.get("budget_tokens") or told.get("type")) == thinking
    assert body.get("output_config", {}).get("effort") == effort
    assert body["max_tokens"] == MAX_OUTPUT


@pytest.mark.parametrize(
    ("limit", "intent", "given", "budget"),
    [
        (20_000, {"effort": "medium"}, 20_000, 10_000),  # it has room
        (500, {"effort": "low"}, 2548, 2048),  # it has none: meant for what is seen
        (10_000, {"effort": "medium"}, 20_000, 10_000),
        (60_000, {"budget_tokens": 61_000}, 64_000, 61_000),
    ],
)
def test_a_budget_stays_below_the_limit_which_is_raised_for_it(
    limit: int, intent: Json, given: int, budget: int
) -> None:
    body = sent(asked(max_output_tokens=limit, **intent))
    assert (body["max_tokens"], body["thinking"]["budget_tokens"]) == (given, budget)


def test_without_room_to_think_nothing_is_thought_and_that_is_told() -> None:
    made = call(asked(effort="low"), max_output=1024)
    assert "thinking" not in json.loads(made.body)
    assert made.dropped == ("reasoning_effort",)


def test_thoughts_are_shown_where_a_model_hides_them_and_hidden_on_demand() -> None:
    assert sent(asked(effort="low"), LEVELLED)["thinking"]["display"] == "summarized"
    assert sent(asked(effort="low", exclude=True), LEVELLED)["thinking"]["display"] == "omitted"
    assert sent(asked(effort="low", exclude=True))["thinking"]["display"] == "omitted"
    assert "display" not in sent(asked(effort="low"))["thinking"]


def test_while_it_thinks_sampling_is_left_to_the_model() -> None:
    made = call(asked(effort="low", temperature=0.5, top_p=0.5, top_k=2))
    assert not {"temperature", "top_p", "top_k"} & set(json.loads(made.body))
    assert made.dropped == ("temperature", "top_p", "top_k")
    made = call(asked(effort="low", top_p=0.96))
    assert json.loads(made.body)["top_p"] == 0.96
    assert made.dropped == ()


@pytest.mark.parametrize("model", [BUDGETED, OPUS_46])
def test_a_demanded_call_goes_before_a_budget(model: str) -> None:
    options = {"tools": (tool(),), "tool_choice": ToolChoice("required")}
    made = call(asked(budget_tokens=2048, **options), model)
    assert "thinking" not in json.loads(made.body)
    assert made.dropped == ("reasoning",)
    body = sent(asked(effort="low", **options), LEVELLED)
    assert body["thinking"]["type"] == "adaptive"


def test_e16_a_loop_that_began_without_thoughts_goes_on_without() -> None:
    signed = Reasoning(text="t", signature="s", origin="anthropic")
    bare = (user("q"), assistant(tool_call("a")), result("a", "1"))
    whole = (user("q"), assistant(signed, tool_call("a")), result("a", "1"))
    made = call(asked(*bare, effort="low"))
    assert "thinking" not in json.loads(made.body)
    assert made.dropped == ("reasoning_effort",)
    assert "thinking" in sent(asked(*whole, effort="low"))
    assert "thinking" in sent(asked(*bare, assistant("so"), user("x"), effort="low"))
    assert "thinking" in sent(asked(*bare, effort="low"), LEVELLED)


def test_an_unknown_vendor_of_this_wire_gets_no_thinking_of_ours() -> None:
    made = call(asked(effort="low", temperature=1.5), "some-model", provider=with_profile())
    body = json.loads(made.body)
    assert "thinking" not in body
    assert body["temperature"] == 1.5
    assert made.dropped == ("reasoning_effort",)


# --- marks -----------------------------------------------------------------------------------------
def marks(body: Json) -> list[Json | None]:
    system_blocks, messages = body.get("system", []), body["messages"]
    blocks = [*body.get("tools", []), *system_blocks, *(b for m in messages for b in m["content"])]
    return [block.get("cache_control") for block in blocks]


def test_marks_go_with_their_lifetime_on_tools_system_and_messages() -> None:
    hour, short, other = CacheMark("1h"), CacheMark("5m"), CacheMark("30m")
    body = sent(
        asked(
            system(Text(text="s", cache=hour)),
            user(Text(text="a", cache=other), Text(text="b", cache=short)),
            tools=(tool(cache=hour), tool("g")),
        )
    )
    long, five = ({"type": "ephemeral", "ttl": ttl} for ttl in ("1h", "5m"))
    assert marks(body) == [long, None, long, {"type": "ephemeral"}, five]


def test_e44_of_more_than_four_marks_the_latest_stay() -> None:
    mark = CacheMark()
    items = tuple(Text(text=str(n), cache=mark) for n in range(6))
    made = call(asked(user(*items), tools=(tool(cache=mark),)))
    body = json.loads(made.body)
    assert [bool(m) for m in marks(body)] == [False, False, False, True, True, True, True]
    assert made.dropped == ("cache_control",)


def test_e44_a_mark_for_the_whole_request_counts_as_one() -> None:
    items = tuple(Text(text=str(n), cache=CacheMark()) for n in range(4))
    body = sent(asked(user(*items), cache=CacheIntent(automatic=CacheMark("1h"))))
    assert [bool(m) for m in marks(body)] == [False, True, True, True]
    assert body["cache_control"] == {"type": "ephemeral", "ttl": "5m"}  # after shorter ones
    alone = sent(asked(cache=CacheIntent(automatic=CacheMark("1h"))))
    assert alone["cache_control"] == {"type": "ephemeral", "ttl": "1h"}


def test_e44_no_mark_of_an_hour_stands_behind_a_shorter_one() -> None:
    items = tuple(Text(text=t, cache=CacheMark(t)) for t in ("1h", "5m", "1h"))
    ttls = [m and m["ttl"] for m in marks(sent(asked(user(*items))))]
    assert ttls == ["1h", "5m", "5m"]


def test_e26_a_mark_on_a_result_follows_it_into_the_one_message() -> None:
    mark = CacheMark()
    turns = (user("q"), assistant(tool_call("a"), tool_call("b")), user("first"))
    body = sent(asked(*turns, result("a", "1"), result("b", "2", cache=mark)))
    content = body["messages"][2]["content"]
    assert [b.get("tool_use_id") for b in content if "cache_control" in b] == ["b"]
