"""What the simulator says on Anthropic's wire: text, tools, thoughts, documents, and their cost."""

from __future__ import annotations

import json
from typing import Any

import pytest
from simulated import ANTHROPIC, Got, Running, claude, send

from opengateway.checks.messages_grammar import lean

WEATHER = {
    "name": "get_weather",
    "input_schema": {
        "type": "object",
        "properties": {"city": {"type": "string"}},
        "required": ["city"],
    },
}
CLOCK = {"name": "get_time", "input_schema": {"type": "object", "properties": {}}}
THINK = {"type": "enabled", "budget_tokens": 1024}
PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5E"


def rebuilt(got: Got) -> dict[str, Any]:
    """The message that the events of a stream add up to, as the vendor's SDK adds them."""
    message: dict[str, Any] = {}
    partial = ""
    for name, event in got.named:
        assert name == event["type"]
        match name:
            case "message_start":
                message = event["message"]
            case "content_block_start":
                assert event["index"] == len(message["content"])
                message["content"].append(event["content_block"])
                partial = ""
            case "content_block_delta":
                block, delta = message["content"][event["index"]], event["delta"]
                kind = delta.pop("type")
                if kind == "input_json_delta":
                    assert block["type"] == "tool_use"
                    partial += delta["partial_json"]
                else:
                    for member, piece in delta.items():
                        block[member] += piece
            case "content_block_stop":
                block = message["content"][event["index"]]
                if block["type"] == "tool_use":
                    block["input"] = json.loads(partial or "{}")
            case "message_delta":
                message |= event["delta"]
                message["usage"] |= event["usage"]
    return message


def test_a_message_has_the_vendors_shape(simulator: Running) -> None:
    got = claude(simulator, "Hello there")
    message = got.json
    assert got.headers["request-id"].startswith("req_")
    assert (message["type"], message["role"], message["model"]) == (
        "message",
        "assistant",
        "sim-claude",
    )
    assert message["id"].startswith("msg_")
    assert (message["stop_reason"], message["stop_sequence"]) == ("end_turn", None)
    assert "Hello there" in message["content"][0]["text"]
    assert message["usage"]["input_tokens"] > 0


@pytest.mark.parametrize(
    "members",
    [
        {},
        {"tools": [WEATHER, CLOCK], "content": "Call get_weather and get_time for Paris"},
        {"thinking": THINK},
        {"thinking": {"type": "adaptive", "display": "omitted"}},
        {"thinking": THINK, "model": "sim-redacted"},
        {"model": "sim-fast"},
    ],
)
def test_a_stream_adds_up_to_the_whole_reply(simulator: Running, members: Any) -> None:
    got = claude(simulator, stream=True, **members)
    names = [name for name, _ in got.named]
    assert (names[0], names[-2:]) == ("message_start", ["message_delta", "message_stop"])
    assert "ping" in names
    streamed, whole = rebuilt(got), claude(simulator, **members).json
    if "fast" not in whole["model"]:
        assert lean(streamed) | {"id": ""} == lean(whole) | {"id": ""}
    assert got.named[0][1]["message"]["usage"]["input_tokens"] == whole["usage"]["input_tokens"]


def test_the_fixed_reply_streams_fifty_events(simulator: Running) -> None:
    got = claude(simulator, model="sim-fast", stream=True)
    assert sum(name == "content_block_delta" for name, _ in got.named) == 50
    assert 500 <= len(claude(simulator, model="sim-fast").body) <= 700


def test_tools_are_called_in_parallel_unless_that_is_off(simulator: Running) -> None:
    asked = "Call get_weather and get_time for Paris"
    message = claude(simulator, asked, tools=[WEATHER, CLOCK]).json
    assert message["stop_reason"] == "tool_use"
    calls = {block["name"]: block for block in message["content"]}
    assert (calls["get_weather"]["input"], calls["get_time"]["input"]) == ({"city": "Paris"}, {})
    assert all(block["id"].startswith("toolu_01") for block in message["content"])
    one = {"type": "auto", "disable_parallel_tool_use": True}
    assert (
        len(claude(simulator, asked, tools=[WEATHER, CLOCK], tool_choice=one).json["content"]) == 1
    )


@pytest.mark.parametrize(
    ("choice", "called"),
    [
        ({"type": "tool", "name": "get_time"}, ["get_time"]),
        ({"type": "none"}, []),
        ({"type": "auto"}, []),
    ],
)
def test_the_choice_of_tools_decides(simulator: Running, choice: Any, called: list[str]) -> None:
    content = claude(simulator, "Hi", tools=[WEATHER, CLOCK], tool_choice=choice).json["content"]
    assert [block["name"] for block in content if block["type"] == "tool_use"] == called


def test_a_tools_answer_is_used(simulator: Running) -> None:
    asked = {"role": "user", "content": "Call get_weather for Oslo"}
    said = claude(simulator, asked["content"], tools=[WEATHER]).json["content"]
    result = {
        "type": "tool_result",
        "tool_use_id": said[0]["id"],
        "content": [{"type": "text", "text": "4 degrees"}],
    }
    turns = [asked, {"role": "assistant", "content": said}, {"role": "user", "content": [result]}]
    message = claude(simulator, messages=turns, tools=[WEATHER]).json
    assert message["stop_reason"] == "end_turn"
    assert "4 degrees" in message["content"][0]["text"]


def test_a_schema_that_is_said_in_words_is_followed(simulator: Running) -> None:
    schema = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
    told = f"Answer by the JSON Schema below.\n\n{json.dumps(schema)}"
    said = claude(simulator, "Where is Oslo?", system=told).json["content"][0]["text"]
    assert isinstance(json.loads(said)["city"], str)
    said = claude(simulator, "Where is Oslo?", system="No JSON Schema.").json["content"][0]["text"]
    assert not said.startswith("{")


def test_thoughts_come_first_and_are_counted(simulator: Running) -> None:
    message = claude(simulator, thinking=THINK).json
    thought, text = message["content"]
    assert (thought["type"], text["type"]) == ("thinking", "text")
    assert thought["thinking"]
    assert thought["signature"]
    usage = message["usage"]
    assert 0 < usage["output_tokens_details"]["thinking_tokens"] < usage["output_tokens"]
    assert claude(simulator).json["content"][0]["type"] == "text"


def test_a_model_of_the_newest_family_thinks_unless_told_not_to(simulator: Running) -> None:
    def first(**members: Any) -> str:
        message = claude(simulator, model="sim-claude-think", **members).json
        return str(message["content"][0]["type"])

    assert (first(), first(thinking={"type": "disabled"})) == ("thinking", "text")


def test_omitted_thoughts_are_signed_and_billed(simulator: Running) -> None:
    message = claude(simulator, thinking={"type": "adaptive", "display": "omitted"}).json
    assert message["content"][0]["thinking"] == ""
    assert message["content"][0]["signature"]
    assert message["usage"]["output_tokens_details"]["thinking_tokens"] > 0


def test_images_and_documents_are_seen(simulator: Running) -> None:
    image = {"type": "base64", "media_type": "image/png", "data": PNG}
    pdf = {"type": "base64", "media_type": "application/pdf", "data": "JVBERi0xLjQ="}
    content = [
        {"type": "image", "source": image},
        {"type": "image", "source": {"type": "url", "url": "https://example.com/a.png"}},
        {"type": "document", "source": pdf, "title": "A"},
        {"type": "text", "text": "What is this?"},
    ]
    text = claude(simulator, content).json["content"][0]["text"]
    assert "2 image(s): png, link" in text
    assert "Files received: 1" in text


def test_a_schema_gives_a_document_that_fits(simulator: Running) -> None:
    schema = {"type": "object", "properties": {"age": {"type": "integer"}}, "required": ["age"]}
    shape = {"format": {"type": "json_schema", "schema": schema}}
    text = claude(simulator, "How old?", output_config=shape).json["content"][0]["text"]
    assert isinstance(json.loads(text)["age"], int)


def test_stop_reasons_say_why(simulator: Running) -> None:
    cut = claude(simulator, max_tokens=5).json
    assert (cut["stop_reason"], cut["usage"]["output_tokens"]) == ("max_tokens", 5)
    stopped = claude(simulator, "Say Paris", stop_sequences=["Paris"]).json
    assert (stopped["stop_reason"], stopped["stop_sequence"]) == ("stop_sequence", "Paris")
    warmed = claude(simulator, max_tokens=0).json
    assert (warmed["content"], warmed["stop_reason"]) == ([], "max_tokens")


def cost(simulator: Running, key: str, body: dict[str, Any]) -> tuple[int, int, int, int]:
    """Plain, read, written for 5 minutes, written for an hour; and the ledger says the same."""
    usage = claude(simulator, headers=ANTHROPIC | {"x-api-key": key}, **body).json["usage"]
    written = usage["cache_creation"]
    counted = (
        usage["input_tokens"],
        usage["cache_read_input_tokens"],
        written["ephemeral_5m_input_tokens"],
        written["ephemeral_1h_input_tokens"],
    )
    assert usage["cache_creation_input_tokens"] == counted[2] + counted[3]
    billed = simulator.last()
    assert billed["billed_prompt"] == sum(counted)
    names = ("billed_cached", "billed_written_5m", "billed_written_1h")
    assert tuple(billed[name] for name in names) == counted[1:]
    return counted


def marked(text: str, ttl: str | None = None) -> dict[str, Any]:
    mark = {"type": "ephemeral"} | ({"ttl": ttl} if ttl else {})
    return {"type": "text", "text": text, "cache_control": mark}


def test_a_marked_prefix_is_written_once_and_then_read(simulator: Running) -> None:
    body = {
        "system": [marked("rules " * 1000, "1h")],
        "messages": [{"role": "user", "content": [marked("facts " * 1000), {"type": "text", "text": "q"}]}],
    }  # fmt: skip
    plain, read, short, long = cost(simulator, "cache-1", body)
    assert (read, short, long) == (0, 1504, 1500)
    assert cost(simulator, "cache-1", body) == (plain, 3004, 0, 0)
    assert cost(simulator, "cache-2", body)[1] == 0


def test_a_grown_conversation_reads_what_it_had_and_writes_the_rest(simulator: Running) -> None:
    turns = [{"role": "user", "content": "long " * 2000}]
    auto = {"type": "ephemeral"}
    first = cost(simulator, "cache-3", {"messages": turns, "cache_control": auto})
    turns += [{"role": "assistant", "content": "yes"}, {"role": "user", "content": "more " * 100}]
    second = cost(simulator, "cache-3", {"messages": turns, "cache_control": auto})
    assert second[1] == first[2] > 2000
    assert 0 < second[2] < 200


def test_a_short_prefix_is_not_cached(simulator: Running) -> None:
    body = {"system": [marked("short")]}
    assert cost(simulator, "cache-4", body)[1:] == (0, 0, 0)
    assert cost(simulator, "cache-4", body)[1:] == (0, 0, 0)


def test_counting_says_what_the_message_would_cost(simulator: Running) -> None:
    body = {"system": "Be kind.", "tools": [WEATHER], "content": "What is the weather?"}
    path = "/anthropic/v1/messages/count_tokens"
    got = claude(simulator, path=path, max_tokens=None, **body)
    assert got.json == {"input_tokens": claude(simulator, **body).json["usage"]["input_tokens"]}


def test_models_are_listed_and_shown(simulator: Running) -> None:
    listed = send(simulator, "GET", "/anthropic/v1/models", headers=ANTHROPIC).json
    names = [model["id"] for model in listed["data"]]
    assert {"sim-claude", "sim-claude-think", "sim-redacted", "sim-fast", "gpt-4o"} <= set(names)
    assert (listed["first_id"], listed["has_more"]) == (names[0], False)
    shown = send(simulator, "GET", "/anthropic/v1/models/sim-claude", headers=ANTHROPIC).json
    assert (shown["type"], shown["id"]) == ("model", "sim-claude")
