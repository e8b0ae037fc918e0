"""What the simulator says on Gemini's wire: text, calls, thoughts, media, and their cost."""

from __future__ import annotations

import json
from typing import Any

import pytest
from simulated import GEMINI, Got, Running, gemini, send

WEATHER = {
    "name": "get_weather",
    "parameters": {
        "type": "OBJECT",
        "properties": {"city": {"type": "STRING"}},
        "required": ["city"],
    },
}
CLOCK = {"name": "get_time", "parametersJsonSchema": {"type": "object", "properties": {}}}
TOOLS = [{"functionDeclarations": [WEATHER, CLOCK]}]
THOUGHTS = {"thinkingConfig": {"includeThoughts": True}}
PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5E"


def parts(got: Got, index: int = 0) -> list[dict[str, Any]]:
    """The parts of a candidate, of a whole reply or of all chunks."""
    chunks = got.chunks if got.body.startswith(b"data:") else [got.json]
    candidates = [c for chunk in chunks for c in chunk["candidates"] if c["index"] == index]
    return [part for c in candidates for part in c["content"].get("parts", [])]


def said(got: Got, *, thought: bool = False) -> str:
    return "".join(p.get("text", "") for p in parts(got) if p.get("thought", False) is thought)


def test_a_reply_has_the_vendors_shape(simulator: Running) -> None:
    reply = gemini(simulator, "Hello there").json
    candidate = reply["candidates"][0]
    assert (candidate["finishReason"], candidate["content"]["role"]) == ("STOP", "model")
    assert reply["modelVersion"] == "sim-gemini"
    assert reply["responseId"]
    usage = reply["usageMetadata"]
    known = usage["promptTokenCount"] + usage["candidatesTokenCount"] + usage["thoughtsTokenCount"]
    assert usage["totalTokenCount"] == known


@pytest.mark.parametrize(
    "members",
    [
        {},
        {"generationConfig": THOUGHTS},
        {"content": "Call get_weather and get_time for Paris", "tools": TOOLS},
        {"content": "Call get_weather for Rome", "tools": TOOLS, "model": "sim-gemini-3"},
    ],
)
def test_a_stream_says_what_the_whole_reply_says(simulator: Running, members: Any) -> None:
    got, whole = gemini(simulator, stream=True, **members), gemini(simulator, **members)
    assert got.clean
    assert (said(got), said(got, thought=True)) == (said(whole), said(whole, thought=True))
    calls = [[p for p in parts(each) if "functionCall" in p] for each in (got, whole)]
    assert calls[0] == calls[1]
    *before, last = got.chunks
    assert last["candidates"][0]["finishReason"] == "STOP"
    assert all("finishReason" not in chunk["candidates"][0] for chunk in before)
    assert all("usageMetadata" in chunk for chunk in got.chunks)
    assert last["usageMetadata"] == whole.json["usageMetadata"]
    assert not got.body.rstrip().endswith(b"[DONE]")


def test_without_sse_a_stream_is_one_array(simulator: Running) -> None:
    path = "/gemini/v1beta/models/sim-gemini:streamGenerateContent"
    got = gemini(simulator, path=path)
    assert got.headers["content-type"] == "application/json"
    assert got.json[-1]["candidates"][0]["finishReason"] == "STOP"


def test_the_fixed_reply_streams_fifty_events(simulator: Running) -> None:
    got = gemini(simulator, model="sim-fast", stream=True)
    assert sum(bool(chunk["candidates"][0]["content"]["parts"][0]["text"]) for chunk in got.chunks) == 50  # fmt: skip
    assert 500 <= len(gemini(simulator, model="sim-fast").body) <= 700


def test_only_the_first_of_parallel_calls_is_signed(simulator: Running) -> None:
    got = gemini(simulator, "Call get_weather and get_time for Paris", tools=TOOLS)
    first, second = parts(got)
    assert (first["functionCall"]["name"], first["functionCall"]["args"]) == (
        "get_weather",
        {"city": "Paris"},
    )
    assert second["functionCall"]["args"] == {}
    assert first["functionCall"]["id"] != second["functionCall"]["id"]
    assert ("thoughtSignature" in first, "thoughtSignature" in second) == (True, False)


@pytest.mark.parametrize(
    ("calling", "called"),
    [
        ({"mode": "ANY", "allowedFunctionNames": ["get_time"]}, ["get_time"]),
        ({"mode": "NONE"}, []),
        ({"mode": "AUTO"}, []),
    ],
)
def test_the_mode_of_calling_decides(simulator: Running, calling: Any, called: list[str]) -> None:
    got = gemini(simulator, "Hi", tools=TOOLS, toolConfig={"functionCallingConfig": calling})
    names = [part["functionCall"]["name"] for part in parts(got) if "functionCall" in part]
    assert names == called


def test_a_functions_answer_is_used(simulator: Running) -> None:
    asked = {"role": "user", "parts": [{"text": "Call get_weather for Oslo"}]}
    call = parts(gemini(simulator, asked["parts"][0]["text"], tools=TOOLS))[0]
    answer = {"name": "get_weather", "response": {"result": "4 degrees"}}
    turns = [
        asked,
        {"role": "model", "parts": [call]},
        {"role": "user", "parts": [{"functionResponse": answer}]},
    ]
    assert "4 degrees" in said(gemini(simulator, contents=turns, tools=TOOLS))


def test_thoughts_are_shown_on_request_and_counted_always(simulator: Running) -> None:
    shown, hidden = gemini(simulator, generationConfig=THOUGHTS), gemini(simulator)
    off = gemini(simulator, generationConfig={"thinkingConfig": {"thinkingBudget": 0}})
    assert said(shown, thought=True)
    assert not said(hidden, thought=True)
    counts = [got.json["usageMetadata"].get("thoughtsTokenCount") for got in (shown, hidden, off)]
    assert counts[0] == counts[1] > 0
    assert counts[2] is None


def test_media_are_seen(simulator: Running) -> None:
    contents = [
        {
            "role": "user",
            "parts": [
                {"inlineData": {"mimeType": "image/png", "data": PNG}},
                {"inline_data": {"mime_type": "application/pdf", "data": "JVBERi0xLjQ"}},
                {"fileData": {"mimeType": "image/webp", "fileUri": "https://example.com/a"}},
                {"text": "What is this?"},
            ],
        }
    ]
    text = said(gemini(simulator, contents=contents))
    assert "2 image(s): png, link" in text
    assert "Files received: 1" in text


@pytest.mark.parametrize(
    "shape",
    [
        {"responseJsonSchema": {"type": "object", "properties": {"age": {"type": "integer"}}, "required": ["age"]}},
        {"responseSchema": {"type": "OBJECT", "properties": {"age": {"type": "INTEGER"}}, "required": ["age"]}},
    ],
)  # fmt: skip
def test_a_schema_gives_a_document_that_fits(simulator: Running, shape: dict[str, Any]) -> None:
    config = shape | {"responseMimeType": "application/json"}
    assert isinstance(json.loads(said(gemini(simulator, generationConfig=config)))["age"], int)


def test_a_limit_holds_for_thoughts_too(simulator: Running) -> None:
    reply = gemini(simulator, generationConfig={"maxOutputTokens": 5}).json
    assert (reply["candidates"][0]["finishReason"], "parts" in reply["candidates"][0]["content"]) == ("MAX_TOKENS", False)  # fmt: skip
    assert reply["usageMetadata"]["thoughtsTokenCount"] == 5


def test_several_candidates_have_their_index(simulator: Running) -> None:
    config = {"candidateCount": 2, "stopSequences": ["Hello"]}
    got = gemini(simulator, stream=True, generationConfig=config)
    assert [chunk["candidates"][0]["index"] for chunk in got.chunks][-2:] == [0, 1]
    assert "Hello" not in said(got)


def test_a_long_prefix_is_cached_without_asking(simulator: Running) -> None:
    turns = [{"role": "user", "parts": [{"text": "long " * 2000}]}]
    first = gemini(simulator, contents=turns).json["usageMetadata"]
    usage = gemini(simulator, contents=turns).json["usageMetadata"]
    assert "cachedContentTokenCount" not in first
    assert 0 < usage["cachedContentTokenCount"] <= usage["promptTokenCount"]
    billed = simulator.last()
    assert billed["billed_cached"] == usage["cachedContentTokenCount"]
    said_and_thought = usage["candidatesTokenCount"] + usage["thoughtsTokenCount"]
    assert billed["billed_completion"] == said_and_thought


@pytest.mark.parametrize("wrapped", [True, False])
def test_counting_says_what_the_prompt_would_cost(simulator: Running, wrapped: bool) -> None:
    body = {"contents": [{"role": "user", "parts": [{"text": "How much?"}]}]}
    raw = json.dumps({"generateContentRequest": body} if wrapped else body).encode()
    path = "/gemini/v1beta/models/sim-gemini:countTokens"
    counted = send(simulator, "POST", path, raw, headers=GEMINI).json
    cost = gemini(simulator, "How much?").json["usageMetadata"]["promptTokenCount"]
    assert counted["totalTokens"] == cost


def test_keys_come_in_three_places_and_vertex_addresses_work(simulator: Running) -> None:
    path = "/gemini/v1beta/models/sim-gemini:generateContent"
    vertex = "/gemini/v1/projects/p/locations/global/publishers/google/models/sim-gemini"
    assert gemini(simulator, path=f"{path}?key=k", headers={}).status == 200
    bearer = {"authorization": "Bearer t"}
    got = gemini(simulator, path=f"{vertex}:generateContent", headers=bearer, labels={"a": "b"})
    assert got.status == 200


def test_models_are_listed_and_shown(simulator: Running) -> None:
    listed = send(simulator, "GET", "/gemini/v1beta/models", headers=GEMINI).json["models"]
    assert {"models/sim-gemini", "models/sim-gemini-3"} <= {model["name"] for model in listed}
    shown = send(simulator, "GET", "/gemini/v1beta/models/sim-gemini", headers=GEMINI)
    assert shown.json["thinking"] is True
