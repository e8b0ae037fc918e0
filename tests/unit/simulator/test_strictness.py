"""The simulator refuses what each vendor refuses, in that vendor's words."""

from __future__ import annotations

from typing import Any

import pytest
from simulated import Running, ask, send

from opengateway.simulator.personas import Refusal, load_personas
from opengateway.simulator.validation import check_request
from recordings import chat_cases, needs_recordings

TOOL = {"type": "function", "function": {"name": "look_up", "parameters": {"type": "object"}}}


def call(call_id: str, **more: Any) -> dict[str, Any]:
    function = {"name": "look_up", "arguments": "{}"}
    return {"id": call_id, "type": "function", "function": function} | more


def turn(call_id: str, **more: Any) -> list[dict[str, Any]]:
    """A user's question, a call, its result."""
    return [
        {"role": "user", "content": "look it up"},
        {"role": "assistant", "content": "", "tool_calls": [call(call_id)]} | more,
        {"role": "tool", "tool_call_id": call_id, "content": "42"},
    ]


def first_detail(body: Any) -> Any:
    return body["detail"][0]


@pytest.mark.parametrize(
    ("persona", "members", "status", "words"),
    [
        ("openai", {"top_k": 4}, 400, "Unknown parameter: 'top_k'."),
        ("groq", {"metadata": {}}, 400, "property 'metadata' is unsupported"),
        ("groq", {"logprobs": True}, 400, "property 'logprobs' is unsupported"),
        ("groq", {"n": 2}, 400, "'n' : number must be <= 1"),
        ("mistral", {"seed": 1}, 422, "extra_forbidden"),
        ("mistral", {"stream": True, "stream_options": {}}, 422, "extra_forbidden"),
        ("mistral", {"temperature": 1.7}, 422, "less_than_equal"),
        ("mistral", {"max_completion_tokens": 5}, 422, "extra_forbidden"),
        ("openai", {"temperature": 2.5}, 400, "<= 2"),
        ("openai", {"temperature": "hot"}, 400, "expected a decimal, but got a string"),
        ("openai", {"n": True}, 400, "expected an integer, but got a boolean"),
        ("openai", {"n": 129}, 400, "<= 128"),
        ("openai", {"stop": list("abcde")}, 400, "array too long"),
        ("openai", {"stream_options": {}}, 400, "only allowed when 'stream' is enabled"),
        ("openai", {"top_logprobs": 2}, 400, "only allowed when 'logprobs' is enabled"),
        ("openai", {"tool_choice": "auto"}, 400, "only allowed when 'tools' are specified"),
        ("openai", {"tools": [TOOL], "tool_choice": "any"}, 400, "Supported values are"),
        ("openai", {"reasoning_effort": "extreme"}, 400, "Supported values are"),
        ("openai", {"response_format": {"type": "json_object"}}, 400, "the word 'json'"),
        (
            "deepseek",
            {"response_format": {"type": "json_schema", "json_schema": {"name": "a"}}},
            400,
            "response_format type is unavailable",
        ),
    ],
)
def test_members_are_refused_in_the_vendors_words(
    simulator: Running, persona: str, members: dict[str, Any], status: int, words: str
) -> None:
    got = ask(simulator, persona=persona, **members)
    assert (got.status, words in got.body.decode()) == (status, True), got.body


@pytest.mark.parametrize("persona", ["deepseek", "openrouter", "together", "vllm", "ollama"])
def test_lenient_vendors_pass_over_what_they_do_not_know(simulator: Running, persona: str) -> None:
    assert ask(simulator, persona=persona, no_such_member=1, store=True).status == 200


@pytest.mark.parametrize(
    ("persona", "status"),
    [
        ("openai", 200),
        ("groq", 200),
        ("openrouter", 200),
        ("deepseek", 422),
        ("mistral", 422),
        ("together", 400),
        ("upstage", 400),
        ("vllm", 400),
    ],
)
def test_the_developer_role_is_known_to_some(simulator: Running, persona: str, status: int) -> None:
    messages = [{"role": "developer", "content": "Be brief."}, {"role": "user", "content": "Hi"}]
    assert ask(simulator, persona=persona, messages=messages).status == status


@pytest.mark.parametrize(
    ("persona", "status", "words"),
    [
        ("openai", 404, "does not exist or you do not have access"),
        ("deepseek", 400, "Model Not Exist"),
        ("mistral", 400, "Invalid model: nope"),
        ("openrouter", 400, "not a valid model ID"),
        ("together", 404, "Unable to access model"),
        ("vllm", 404, "NotFoundError"),
        ("ollama", 404, "not found"),
    ],
)
def test_an_unknown_model(simulator: Running, persona: str, status: int, words: str) -> None:
    got = ask(simulator, persona=persona, model="nope")
    assert (got.status, words in got.body.decode()) == (status, True)


def test_keys_are_wanted_and_bad_ones_refused(simulator: Running) -> None:
    assert ask(simulator, key=None).status == 401
    got = ask(simulator, key="bad-key-0123456789")
    assert (got.status, got.json["error"]["code"]) == (401, "invalid_api_key")
    assert "0123456" not in got.body.decode()
    assert ask(simulator, persona="mistral", key=None).json == {"detail": "Unauthorized"}
    for persona in ("vllm", "ollama"):
        assert ask(simulator, persona=persona, key=None).status == 200


@pytest.mark.parametrize(
    ("persona", "messages", "words"),
    [
        ("openai", [{"role": "tool", "tool_call_id": "x", "content": "1"}], "must be a response"),
        ("openai", turn("call_1")[:2], "must be followed by tool messages"),
        ("openai", [{"content": "hi"}], "Missing required parameter: 'messages[0].role'"),
        ("openai", [{"role": "robot", "content": "hi"}], "Invalid value: 'robot'"),
        ("openai", [{"role": "user", "content": None}], "Invalid type for 'messages[0].content'"),
        ("openai", [{"role": "user", "content": "a", "mood": 1}], "'messages[0].mood'"),
        ("openai", turn("call_1", reasoning_content="x"), "'messages[1].reasoning_content'"),
        ("groq", turn("call_1", reasoning_content="x"), "'reasoning_content' is unsupported"),
        ("mistral", turn("call_abc"), "must be a-z, A-Z, 0-9, with a length of 9"),
        (
            "mistral",
            [*turn("abcdefghi"), {"role": "user", "content": "and?"}],
            "Unexpected role 'user' after role 'tool'",
        ),
        ("mistral", [{"role": "assistant", "content": "hi"}], "Expected last role User or Tool"),
        (
            "openai",
            [{"role": "user", "content": [{"type": "input_audio", "input_audio": {}}]}],
            "Content blocks are expected",
        ),
    ],
)
def test_messages_out_of_shape_or_order_are_refused(
    simulator: Running, persona: str, messages: list[Any], words: str
) -> None:
    got = ask(simulator, persona=persona, messages=messages)
    assert got.status in (400, 422)
    assert words in got.body.decode()


def test_a_thinking_model_wants_its_reasoning_back(simulator: Running) -> None:
    arguments: dict[str, Any] = {"persona": "deepseek", "model": "sim-reasoner"}
    assert ask(simulator, messages=turn("call_1"), **arguments).status == 400
    kept = turn("call_1", reasoning_content="")
    assert ask(simulator, messages=kept, **arguments).status == 200


def test_a_reasoner_of_openai_takes_no_sampling_members(simulator: Running) -> None:
    got = ask(simulator, persona="openai", model="sim-reasoner", max_tokens=9)
    assert got.json["error"]["code"] == "unsupported_parameter"
    assert ask(simulator, persona="openai", model="sim-reasoner", temperature=0.5).status == 400
    assert ask(simulator, model="sim-reasoner", max_tokens=900, temperature=0.5).status == 200


@pytest.mark.parametrize(
    ("image", "status"),
    [
        ({"url": "https://example.com/a.png"}, 200),
        ({"url": "data:image/png;base64,iVBORw0KGgo="}, 200),
        ({"url": "data:image/png;base64,%%%"}, 400),
        ({"url": "data:image/tiff;base64,AAAA"}, 400),
        ({"url": "ftp://example.com/a.png"}, 400),
        ("https://example.com/a.png", 400),
    ],
)
def test_images_are_links_or_whole_data_urls(simulator: Running, image: Any, status: int) -> None:
    part = {"type": "image_url", "image_url": image}
    assert ask(simulator, [part], persona="openai").status == status


def test_ollama_fetches_no_image_and_mistral_takes_a_bare_string(simulator: Running) -> None:
    link = "https://example.com/a.png"
    got = ask(simulator, [{"type": "image_url", "image_url": {"url": link}}], persona="ollama")
    assert (got.status, got.json["error"]["message"]) == (400, "invalid image input")
    assert (
        ask(simulator, [{"type": "image_url", "image_url": link}], persona="mistral").status == 200
    )


@pytest.mark.parametrize(
    ("tool", "words"),
    [
        ({"type": "function"}, "tools[0].function"),
        ({"type": "function", "function": {"name": "a.b"}}, "does not match pattern"),
        ({"type": "retrieval"}, "Supported values are: 'function'"),
        (
            {"type": "function", "function": {"name": "a", "parameters": {"type": "string"}}},
            "schema must be a JSON Schema of",
        ),
        (
            {
                "type": "function",
                "function": {
                    "name": "a",
                    "strict": True,
                    "parameters": {"type": "object", "properties": {"x": {"type": "string"}}},
                },
            },
            "'additionalProperties' is required",
        ),
    ],
)
def test_tools_out_of_shape_are_refused(simulator: Running, tool: Any, words: str) -> None:
    got = ask(simulator, persona="openai", tools=[tool])
    assert (got.status, words in got.json["error"]["message"]) == (400, True), got.body


def test_a_named_tool_must_be_offered(simulator: Running) -> None:
    choice = {"type": "function", "function": {"name": "other"}}
    got = ask(simulator, persona="openai", tools=[TOOL], tool_choice=choice)
    assert "not found in 'tools'" in got.json["error"]["message"]


@pytest.mark.parametrize(
    ("persona", "status", "words"),
    [
        ("openai", 400, "maximum context length is 2048 tokens"),
        ("mistral", 400, "too large for model with 2048 maximum context length"),
        ("together", 422, "must be <= 2048"),
        ("ollama", 200, "finish_reason"),
    ],
)
def test_a_long_prompt(simulator: Running, persona: str, status: int, words: str) -> None:
    got = ask(simulator, "word " * 3000, persona=persona, model="sim-small")
    assert (got.status, words in got.body.decode()) == (status, True)


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        (b"{", "could not parse"),
        (b"[" * 100_000, "could not parse"),
        (b"[]", "expected an object, but got an array"),
        (b'{"model": "sim-chat"}', "'messages'"),
        (b'{"model": 7, "messages": []}', "'model'"),
        (b'{"model": "sim-chat", "messages": []}', "empty array"),
        (b'{"model": "sim-chat", "messages": [7]}', "messages[0]"),
        (b'{"model": "sim-chat", "messages": [{"role": "user", "content": [7]}]}', "type"),
    ],
)
def test_bodies_that_are_no_request(simulator: Running, raw: bytes, words: str) -> None:
    got = ask(simulator, raw=raw)
    assert (got.status, words in got.json["error"]["message"]) == (400, True), got.body


def test_addresses_that_are_not_there(simulator: Running) -> None:
    assert ask(simulator, path="/v1/nothing").status == 404
    assert ask(simulator, path="/chat/completions").status == 404
    assert ask(simulator, path="/as/nobody/v1/chat/completions").status == 404
    assert send(simulator, "GET", "/v1/chat/completions").status == 405
    assert send(simulator, "GET", "/v1/models/nope").status == 404


@needs_recordings
def test_every_request_that_a_vendor_took_is_taken_here() -> None:
    personas = load_personas()
    refused = {}
    for case in chat_cases():
        if case["response"]["status"] >= 400:
            continue
        persona = personas.get(case["provider"], personas["generic"])
        try:
            check_request(case["request"]["body"], persona, None)
        except Refusal as refusal:
            refused[case["case_id"]] = (refusal.kind, refusal.at, refusal.facts)
    assert refused == {}
    assert len(chat_cases()) > 100
