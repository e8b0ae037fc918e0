"""What the simulator makes up: repeatable, conforming, and in each vendor's shapes."""

from __future__ import annotations

import json
from typing import Any

import pytest
from simulated import Running, ask, send

from opengateway.kit.chance import seeded
from opengateway.simulator.rendering import pieces_of
from opengateway.simulator.samples import Sampler
from opengateway.simulator.settings import SimulatorSettings

WEATHER = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "parameters": {
            "type": "object",
            "properties": {
                "city": {"type": "string"},
                "days": {"type": "integer", "minimum": 1, "maximum": 7},
                "unit": {"enum": ["celsius", "fahrenheit"]},
            },
            "required": ["city", "days", "unit"],
        },
    },
}
CLOCK = {"type": "function", "function": {"name": "get_time"}}


def test_the_same_request_gets_the_same_words(simulator: Running) -> None:
    first, second = (ask(simulator, "Tell me a story", temperature=1) for _ in range(2))
    assert first.text == second.text
    assert first.json["id"] != second.json["id"]
    assert ask(simulator, "Tell me a story", stream=True).text == first.text
    assert ask(simulator, "Tell me another").text != first.text


@pytest.mark.parametrize(
    ("question", "word"),
    [
        ("What is the capital of France?", "simulator"),
        ("프랑스의 수도는 어디입니까?", "시뮬레이터"),
        ("フランスの首都はどこですか", "シミュレーター"),
        ("法国的首都是哪里", "模拟"),
        ("¿Cuál es la capital de Francia?", "simulad"),
    ],
)
def test_the_answer_is_in_the_language_of_the_question(
    simulator: Running, question: str, word: str
) -> None:
    text = ask(simulator, question).text
    assert question in text
    assert word in text


def test_the_limit_of_tokens_cuts(simulator: Running) -> None:
    got = ask(simulator, "Tell me a story", max_tokens=5).json
    assert got["choices"][0]["finish_reason"] == "length"
    assert got["usage"]["completion_tokens"] == 5
    assert len(got["choices"][0]["message"]["content"]) == 20
    long = ask(simulator, "Write 300 words", max_completion_tokens=4000)
    assert len(long.text.split()) >= 300


def test_the_answer_ends_before_a_stop_sequence(simulator: Running) -> None:
    whole = ask(simulator, "Hello there").text
    cut = ask(simulator, "Hello there", stop=["simulat", "there"])
    assert cut.text == whole[: min(whole.find(s) for s in ("simulat", "there") if s in whole)]
    assert cut.json["choices"][0]["finish_reason"] == "stop"


def test_choices_are_several_and_interleaved(simulator: Running) -> None:
    got = ask(simulator, n=2, stream=True, stream_options={"include_usage": True})
    order = [chunk["choices"][0]["index"] for chunk in got.chunks if chunk["choices"]]
    assert order[:4] == [0, 1, 0, 1]
    assert [bool(chunk.get("usage")) for chunk in got.chunks].count(True) == 1
    assert got.chunks[-1]["choices"] == []
    assert len({chunk["id"] for chunk in got.chunks}) == 1


def calls(got: Any) -> list[tuple[str, Any]]:
    made = got.json["choices"][0]["message"].get("tool_calls") or []
    return [(call["function"]["name"], json.loads(call["function"]["arguments"])) for call in made]


def test_a_tool_is_called_when_the_message_names_it(simulator: Running) -> None:
    got = ask(simulator, "Use get_weather for Seoul, 3 days", tools=[WEATHER, CLOCK])
    ((name, arguments),) = calls(got)
    assert (name, arguments["city"], arguments["days"]) == ("get_weather", "Seoul", 3)
    assert arguments["unit"] in ("celsius", "fahrenheit")
    assert got.json["choices"][0]["finish_reason"] == "tool_calls"
    assert got.json["choices"][0]["message"]["content"] is None
    assert calls(ask(simulator, "How are you?", tools=[WEATHER])) == []


@pytest.mark.parametrize(
    ("members", "names"),
    [
        ({"tool_choice": "required"}, 1),
        ({"tool_choice": {"type": "function", "function": {"name": "get_time"}}}, 1),
        ({"tool_choice": "none"}, 0),
        ({"model": "sim-tools"}, 1),
    ],
)
def test_tool_choice_decides(simulator: Running, members: dict[str, Any], names: int) -> None:
    got = calls(ask(simulator, "How are you?", tools=[WEATHER, CLOCK], **members))
    assert len(got) == names
    if isinstance(members.get("tool_choice"), dict):
        assert got == [("get_time", {})]


def test_allowed_tools_narrow_the_choice(simulator: Running) -> None:
    allowed = {"mode": "required", "tools": [{"type": "function", "name": "get_time"}]}
    choice = {"type": "allowed_tools", "allowed_tools": allowed}
    got = ask(simulator, "call get_weather", tools=[WEATHER, CLOCK], tool_choice=choice)
    assert calls(got) == [("get_time", {})]


def test_two_named_tools_are_called_in_parallel_unless_forbidden(simulator: Running) -> None:
    question, tools = "Call get_time and get_weather", [WEATHER, CLOCK]
    assert [name for name, _ in calls(ask(simulator, question, tools=tools))] == [
        "get_time",
        "get_weather",
    ]
    assert len(calls(ask(simulator, question, tools=tools, parallel_tool_calls=False))) == 1


def test_streamed_arguments_come_in_fragments(simulator: Running) -> None:
    question = "Call get_time and get_weather for Busan"
    got = ask(simulator, question, tools=[WEATHER, CLOCK], stream=True)
    pieces: dict[int, list[dict[str, Any]]] = {}
    for chunk in got.chunks:
        for call in chunk["choices"][0]["delta"].get("tool_calls") or ():
            pieces.setdefault(call["index"], []).append(call)
    assert sorted(pieces) == [0, 1]
    assert all("id" in found[0] and "id" not in found[-1] for found in pieces.values())
    joined = "".join(piece["function"]["arguments"] for piece in pieces[1])
    assert json.loads(joined)["city"] == "Busan"
    assert len(pieces[1]) > 4
    assert got.chunks[-1]["choices"][0]["finish_reason"] == "tool_calls"


def test_a_tools_result_is_used(simulator: Running) -> None:
    call = {"id": "c1", "type": "function", "function": {"name": "get_time", "arguments": "{}"}}
    messages = [
        {"role": "user", "content": "call get_time"},
        {"role": "assistant", "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "c1", "content": "It is 09:41."},
    ]
    got = ask(simulator, messages=messages, tools=[CLOCK])
    assert "It is 09:41." in got.text


SCHEMA = {
    "type": "object",
    "properties": {
        "name": {"type": "string", "minLength": 3, "maxLength": 9},
        "age": {"type": "integer", "minimum": 18, "exclusiveMaximum": 21},
        "tags": {"type": "array", "items": {"enum": ["a", "b"]}, "minItems": 3},
        "child": {"anyOf": [{"$ref": "#/$defs/node"}, {"type": "null"}]},
        "when": {"type": "string", "format": "date"},
        "code": {"type": "string", "pattern": "^[A-Z]{3}-\\d{3}$"},
    },
    "required": ["name", "age", "tags", "child", "when", "code"],
    "additionalProperties": False,
    "$defs": {
        "node": {
            "type": "object",
            "properties": {"next": {"anyOf": [{"$ref": "#/$defs/node"}, {"type": "null"}]}},
            "required": ["next"],
            "additionalProperties": False,
        }
    },
}


def test_a_document_conforms_to_the_schema(simulator: Running) -> None:
    wanted = {"type": "json_schema", "json_schema": {"name": "x", "schema": SCHEMA, "strict": True}}
    document = json.loads(ask(simulator, "About Kim, 19", response_format=wanted).text)
    assert list(document) == list(SCHEMA["required"])
    assert 3 <= len(document["name"]) <= 9
    assert document["age"] in (18, 19, 20)
    assert len(document["tags"]) >= 3
    assert set(document["tags"]) <= {"a", "b"}
    assert (document["when"], document["code"]) == ("2026-01-15", "ABC-123")
    assert "next" in document["child"]
    loose = ask(simulator, "Some json please", response_format={"type": "json_object"})
    assert isinstance(json.loads(loose.text), dict)


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "object", "properties": {"x": {"type": "integer", "minimum": "a"}}},
        {"type": "array", "items": {}, "minItems": "many"},
    ],
)
def test_a_schema_that_is_none_is_refused(simulator: Running, schema: dict[str, Any]) -> None:
    wanted = {"type": "json_schema", "json_schema": {"name": "x", "schema": schema}}
    assert ask(simulator, response_format=wanted).status == 400


def test_a_schema_that_explodes_is_refused() -> None:
    names = [f"p{number}" for number in range(50)]
    node = {"properties": {n: {"$ref": "#/$defs/n"} for n in names}, "required": names}
    with pytest.raises(ValueError, match="more than"):
        Sampler({"$ref": "#/$defs/n", "$defs": {"n": node}}, "", seeded(1)).sample()


def test_images_are_counted_and_named(simulator: Running) -> None:
    png = {"url": "data:image/jpeg;base64,iVBORw0KGgo="}  # mislabelled: the bytes decide
    link = {"url": "https://example.com/a"}
    parts = [{"type": "image_url", "image_url": each} for each in (png, link)]
    text = ask(simulator, [{"type": "text", "text": "What is this?"}, *parts]).text
    assert "2 image(s): png, link" in text


def test_logprobs_have_one_entry_for_each_token(simulator: Running) -> None:
    choice = ask(simulator, logprobs=True, top_logprobs=3).json["choices"][0]
    entries = choice["logprobs"]["content"]
    assert "".join(entry["token"] for entry in entries) == choice["message"]["content"]
    assert all(len(entry["top_logprobs"]) == 3 for entry in entries)
    got = ask(simulator, logprobs=True, stream=True)
    assert got.chunks[1]["choices"][0]["logprobs"]["content"][0]["token"]


@pytest.mark.parametrize(
    ("persona", "member", "effort"),
    [
        ("deepseek", "reasoning_content", None),
        ("groq", "reasoning", None),
        ("openrouter", "reasoning_details", None),
        ("vllm", "reasoning", None),
        ("ollama", "reasoning", None),
        ("upstage", "reasoning", "high"),
    ],
)
def test_reasoning_is_where_the_vendor_puts_it(
    simulator: Running, persona: str, member: str, effort: str | None
) -> None:
    more = {"reasoning_effort": effort} if effort else {}
    arguments: dict[str, Any] = {"model": "sim-reasoner", "persona": persona} | more
    assert ask(simulator, **arguments).json["choices"][0]["message"][member]
    deltas = [
        chunk["choices"][0]["delta"]
        for chunk in ask(simulator, stream=True, **arguments).chunks
        if chunk["choices"]
    ]
    assert any(delta.get(member) for delta in deltas)


def test_reasoning_is_hidden_by_openai_and_in_parts_at_mistral(simulator: Running) -> None:
    hidden = ask(simulator, model="sim-reasoner", persona="openai").json
    assert set(hidden["choices"][0]["message"]) == {"role", "content", "refusal", "annotations"}
    assert hidden["usage"]["completion_tokens_details"]["reasoning_tokens"] > 0
    content = ask(simulator, model="sim-reasoner", persona="mistral").json["choices"][0]["message"]
    assert [part["type"] for part in content["content"]] == ["thinking", "text"]
    quiet = ask(simulator, model="sim-reasoner", persona="upstage").json
    assert "reasoning" not in quiet["choices"][0]["message"]
    named = ask(simulator, model="r1").json["choices"][0]["message"]
    assert named["reasoning_content"]


def test_usage_is_where_the_vendor_puts_it(simulator: Running) -> None:
    def chunks(persona: str, **more: Any) -> list[Any]:
        return ask(simulator, persona=persona, stream=True, **more).chunks

    assert not any(chunk.get("usage") for chunk in chunks("openai"))
    asked = chunks("openai", stream_options={"include_usage": True})
    assert asked[-1]["choices"] == []
    assert asked[0]["usage"] is None
    for persona in ("deepseek", "mistral", "together"):
        assert chunks(persona)[-1]["usage"]["total_tokens"]
    assert chunks("deepseek")[-1]["usage"]["prompt_cache_miss_tokens"] > 0
    assert chunks("groq")[-1]["x_groq"]["usage"]["total_tokens"]
    assert chunks("openrouter")[-1]["usage"]["cost"] > 0


def test_finish_and_tool_calls_are_the_vendors_own(simulator: Running) -> None:
    assert ask(simulator, persona="together").json["choices"][0]["finish_reason"] == "eos"
    question, tools = "Call get_time and get_weather", [WEATHER, CLOCK]
    got = ask(simulator, question, tools=tools, persona="ollama", stream=True)
    indexes = [
        call["index"]
        for chunk in got.chunks
        for call in chunk["choices"][0]["delta"].get("tool_calls") or ()
    ]
    assert indexes == [0, 0]
    assert got.chunks[-1]["choices"][0]["finish_reason"] == "stop"
    ids = [
        call["id"]
        for call in ask(simulator, question, tools=tools, persona="mistral").json["choices"][0][
            "message"
        ]["tool_calls"]
    ]
    assert all(len(each) == 9 and each.isalnum() for each in ids)


def test_a_repeated_long_prefix_is_cached_for_the_same_key_only(simulator: Running) -> None:
    long = {"role": "system", "content": "Rules: " + "be kind. " * 700}

    def cached(question: str, key: str) -> int:
        messages = [long, {"role": "user", "content": question}]
        usage = ask(simulator, messages=messages, key=key).json["usage"]
        found = usage["prompt_tokens_details"]["cached_tokens"]
        assert found < usage["prompt_tokens"]
        return int(found)

    assert cached("one", "cache-a") == 0
    again = cached("two", "cache-a")
    assert again >= 1024
    assert again % 128 == 0
    assert cached("three", "cache-b") == 0


def test_fast_replies_are_fixed_in_size(simulator: Running) -> None:
    first, second = (ask(simulator, text, model="sim-fast") for text in ("a", "much longer"))
    assert len(first.body) == len(second.body) == 600
    assert first.json["id"] != second.json["id"]
    got = ask(simulator, model="sim-fast-1ms", stream=True)
    assert sum(bool(chunk["choices"][0]["delta"].get("content")) for chunk in got.chunks) == 50
    assert ask(simulator, model="sim-faster").status == 404


def test_models_are_listed(simulator: Running) -> None:
    names = [model["id"] for model in send(simulator, "GET", "/v1/models").json["data"]]
    assert {"sim-chat", "sim-fast", "gpt-4o", "r1"} <= set(names)
    assert "llama-*" not in names
    assert SimulatorSettings(models=("llama-*",)).traits("llama-3") is not None
    assert send(simulator, "GET", "/v1/models/llama-3").json["id"] == "llama-3"
    assert send(simulator, "GET", "/healthz", key=None).json == {"status": "ok"}


@pytest.mark.parametrize("text", ["", " ", "a  b\n", "한국어 문장입니다 ", "x" * 100])
def test_pieces_join_to_the_text(text: str) -> None:
    assert "".join(pieces_of(text)) == text
