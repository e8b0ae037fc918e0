"""Anthropic's SDK, unchanged but for base URL and key, over three providers that speak three shapes.

The simulator verifies what it signed: a thought, or a call's signature, that came back changed is
refused by it, and so fails these tests.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import anthropic
import pytest

from e2e.product import Product, Simulator, Zone, http, product, simulator
from opengateway.checks.messages_grammar import SeenMessage, see_message, see_messages

CLAUDE, THINKING, OPENAI, REASONING, GEMINI = (
    "wire/claude",
    "wire/claude-think",
    "wire/openai",
    "wire/openai-think",
    "wire/gemini",
)
MODELS = (CLAUDE, THINKING, OPENAI, REASONING, GEMINI)
THINKERS = (THINKING, REASONING, GEMINI)
PIXEL = (
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJg"
    "gg=="
)
IMAGE = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PIXEL}}
BUDGET = {"type": "enabled", "budget_tokens": 2048}


def tool(name: str) -> dict[str, Any]:
    schema = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
    return {"name": name, "description": f"{name} of a city", "input_schema": schema}


TOOLS = [tool("weather"), tool("population")]


@pytest.fixture(scope="module")
def provider() -> Iterator[Simulator]:
    with simulator() as running:
        yield running


@pytest.fixture(scope="module")
def gateway(provider: Simulator, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    zone = Zone(provider, tmp_path_factory.mktemp("zone"))
    zone.provider_at("anthropic", "/anthropic")
    zone.provider_at("google", "/gemini")
    zone.provider("main", "openai")
    zone.provider("deepseek")
    zone.model(CLAUDE, ("anthropic", "sim-claude"))
    zone.model(THINKING, ("anthropic", "sim-claude-think"), reasoning=True)
    zone.model(OPENAI, ("main", "sim-chat"))
    zone.model(REASONING, ("deepseek", "sim-reasoner"), reasoning=True)
    zone.model(GEMINI, ("google", "sim-gemini-3"), reasoning=True)
    with product(zone) as running:
        yield running


@pytest.fixture(scope="module")
def client(gateway: Product) -> anthropic.Anthropic:
    return anthropic.Anthropic(base_url=gateway.url, api_key=gateway.key, max_retries=0)


def user(content: Any) -> list[dict[str, Any]]:
    return [{"role": "user", "content": content}]


def asked(model: str, content: Any, **members: Any) -> dict[str, Any]:
    asked: dict[str, Any] = {"model": model, "max_tokens": 4096, "messages": user(content)}
    return asked | members


def streamed(client: anthropic.Anthropic, ask: dict[str, Any]) -> Any:
    with client.messages.stream(**ask) as running:
        return running.get_final_message()


def posted(gateway: Product, ask: dict[str, Any], **headers: str) -> tuple[int, bytes]:
    status, body, _ = http(
        gateway.url + "/v1/messages",
        method="POST",
        body=json.dumps(ask).encode(),
        headers={"x-api-key": gateway.key, "content-type": "application/json", **headers},
    )
    return status, body


@pytest.mark.parametrize("model", MODELS)
def test_a_message_whole_and_streamed_says_the_same(
    client: anthropic.Anthropic, model: str
) -> None:
    ask = asked(model, "Say hello to Seoul.", system="Be brief.")
    whole = client.messages.create(**ask)
    assert whole.model == model
    assert whole.id.startswith("msg_")
    assert whole.stop_reason == "end_turn"
    assert whole.usage.input_tokens > 0
    last = streamed(client, ask)
    assert [b.text for b in last.content if b.type == "text"] == [
        b.text for b in whole.content if b.type == "text"
    ]
    assert last.stop_reason == "end_turn"
    assert last.usage.output_tokens == whole.usage.output_tokens
    assert last.usage.input_tokens == whole.usage.input_tokens


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("how", ["plain", "tools"])
def test_the_stream_on_the_line_follows_the_grammar(gateway: Product, model: str, how: str) -> None:
    words = "Please call weather and population for Busan." if how == "tools" else "Say hello."
    ask = asked(model, words, stream=True, thinking=BUDGET if model in THINKERS else None)
    if how == "tools":
        ask["tools"] = TOOLS
    status, frames = posted(gateway, ask)
    seen = see_messages(frames, model)
    assert (status, seen.faults, seen.is_whole) == (200, [], True)
    whole = see_message(posted(gateway, {**ask, "stream": False})[1], model)
    assert whole.faults == []
    assert _said(seen) == _said(whole)


def _said(seen: SeenMessage) -> Any:
    kinds = [block["type"] for block in seen.message["content"]]
    calls = [(block["name"], block["input"]) for block in seen.blocks("tool_use")]
    return kinds, seen.text(), seen.thinking(), calls, seen.message["stop_reason"]


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("stream", [False, True])
def test_parallel_tools_go_out_and_their_results_come_back(
    client: anthropic.Anthropic, model: str, stream: bool
) -> None:
    """With thoughts where there are any: the provider verifies its signatures."""
    ask = asked(model, "Please call weather and population for Busan.", tools=TOOLS)
    if model in THINKERS:
        ask["thinking"] = BUDGET
    answer = streamed(client, ask) if stream else client.messages.create(**ask)
    assert answer.stop_reason == "tool_use"
    calls = [block for block in answer.content if block.type == "tool_use"]
    assert [call.name for call in calls] == ["weather", "population"]
    assert len({call.id for call in calls}) == 2
    assert all("city" in call.input for call in calls)
    if model in THINKERS:
        assert {b.type for b in answer.content} & {"thinking", "redacted_thinking"}
    results = [
        {"type": "tool_result", "tool_use_id": call.id, "content": "42 and sunny"} for call in calls
    ]
    history = [
        *ask["messages"],
        {"role": "assistant", "content": [b.model_dump(exclude_none=True) for b in answer.content]},
        {"role": "user", "content": results},
    ]
    after = client.messages.create(**{**ask, "messages": history})
    assert after.stop_reason == "end_turn"
    assert "42 and sunny" in "".join(b.text for b in after.content if b.type == "text")


@pytest.mark.parametrize("model", MODELS)
def test_a_long_loop_of_tools_goes_on(client: anthropic.Anthropic, model: str) -> None:
    ask = asked(model, "Please call weather for Busan.", tools=[tool("weather")])
    if model in THINKERS:
        ask["thinking"] = BUDGET
    for turn in range(6):
        answer = client.messages.create(**ask)
        call = next(block for block in answer.content if block.type == "tool_use")
        ask["messages"] = [
            *ask["messages"],
            {
                "role": "assistant",
                "content": [b.model_dump(exclude_none=True) for b in answer.content],
            },
            {
                "role": "user",
                "content": [
                    {"type": "tool_result", "tool_use_id": call.id, "content": f"{turn} degrees"},
                    {"type": "text", "text": "Please call weather for Seoul."},
                ],
            },
        ]
    assert len(ask["messages"]) == 13


@pytest.mark.parametrize("model", [m for m in MODELS if m != REASONING])
def test_images_are_taken_from_the_user_and_from_a_tool(
    client: anthropic.Anthropic, model: str
) -> None:
    parts = [{"type": "text", "text": "What is this?"}, IMAGE]
    answer = client.messages.create(**asked(model, parts))
    assert "image" in "".join(b.text for b in answer.content if b.type == "text").lower()
    history = [
        *user("Look at it."),
        {
            "role": "assistant",
            "content": [
                {"type": "tool_use", "id": "toolu_1", "name": "weather", "input": {"city": "x"}}
            ],
        },
        *user(
            [
                {
                    "type": "tool_result",
                    "tool_use_id": "toolu_1",
                    "is_error": True,
                    "content": [{"type": "text", "text": "no signal"}, IMAGE],
                }
            ]
        ),
    ]
    after = client.messages.create(**{**asked(model, ""), "messages": history, "tools": TOOLS})
    assert after.stop_reason == "end_turn"


@pytest.mark.parametrize("model", [CLAUDE, OPENAI, GEMINI])
def test_structured_output_conforms(client: anthropic.Anthropic, model: str) -> None:
    schema = {
        "type": "object",
        "properties": {"name": {"type": "string"}, "people": {"type": "integer"}},
        "required": ["name", "people"],
        "additionalProperties": False,
    }
    config = {"format": {"type": "json_schema", "schema": schema}}
    answer = client.messages.create(**asked(model, "Tell me of Busan.", output_config=config))
    told = json.loads("".join(b.text for b in answer.content if b.type == "text"))
    assert set(told) == {"name", "people"}


def test_a_cache_mark_is_written_once_and_read_afterwards(
    client: anthropic.Anthropic, gateway: Product
) -> None:
    mark = {"type": "ephemeral", "ttl": "5m"}
    system = [{"type": "text", "text": "law " * 3000, "cache_control": mark}]
    ask = asked(CLAUDE, "Sum it up.", system=system)
    first = client.messages.with_raw_response.create(**ask)
    second = client.messages.with_raw_response.create(**ask)
    written, read = first.parse().usage, second.parse().usage
    assert written.cache_creation_input_tokens == read.cache_read_input_tokens
    assert (read.cache_read_input_tokens or 0) > 1000
    assert read.input_tokens < 100
    for answer, kind in ((first, "cache_write_tokens"), (second, "cache_read_tokens")):
        record = gateway.record(answer.headers["request-id"])
        assert record["usage"][kind] == read.cache_read_input_tokens
        assert record["dialect"] == "anthropic_messages"


def test_beta_headers_reach_the_vendor(client: anthropic.Anthropic) -> None:
    """The simulator takes `context_management` with a beta header alone, as its vendor does."""
    edits = {"edits": [{"type": "clear_tool_uses_20250919"}]}
    ask = asked(CLAUDE, "Hello.", extra_body={"context_management": edits})
    with pytest.raises(anthropic.BadRequestError):
        client.messages.create(**ask)
    answer = client.beta.messages.create(**ask, betas=["context-management-2025-06-27"])
    assert answer.stop_reason == "end_turn"


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    ("status", "kind", "shown"),
    [
        (429, anthropic.APIStatusError, 529),
        (500, anthropic.InternalServerError, 502),
        (503, anthropic.APIStatusError, 529),
    ],
)
def test_trouble_is_told_in_the_vendors_types(
    client: anthropic.Anthropic,
    model: str,
    stream: bool,
    status: int,
    kind: type[anthropic.APIStatusError],
    shown: int,
) -> None:
    with pytest.raises(kind) as failed:
        client.messages.create(**asked(model, f"[[simulate status={status}]] hi"), stream=stream)
    assert failed.value.status_code == shown
    body: Any = failed.value.body
    assert body["type"] == "error"
    assert body["error"]["type"] == ("overloaded_error" if shown == 529 else "api_error")
    assert failed.value.request_id == body["request_id"]


def test_the_vendors_own_refusal_comes_unmodified(
    client: anthropic.Anthropic, provider: Simulator
) -> None:
    ask = asked(CLAUDE, "hi", thinking={**BUDGET, "budget_tokens": 9000}, stream=True)
    with pytest.raises(anthropic.BadRequestError) as failed:
        client.messages.create(**ask)
    upstream = json.loads(
        http(
            provider.url + "/anthropic/v1/messages",
            method="POST",
            body=json.dumps({**ask, "model": "sim-claude"}).encode(),
            headers={"x-api-key": "k", "anthropic-version": "2023-06-01"},
        )[1]
    )
    body: Any = failed.value.body
    assert body["error"] == upstream["error"]


@pytest.mark.parametrize("model", MODELS)
def test_a_cut_stream_raises_in_the_client(client: anthropic.Anthropic, model: str) -> None:
    ask = asked(model, "[[simulate cut_after_events=8]] tell a long story of 300 words")
    with pytest.raises(anthropic.APIStatusError) as failed:
        read_unfinished(client, ask)
    assert failed.value.body["error"]["type"] == "api_error"  # type: ignore[index]


def read_unfinished(client: anthropic.Anthropic, ask: dict[str, Any]) -> None:
    with client.messages.stream(**ask) as running:
        for event in running:
            assert event.type not in ("message_delta", "message_stop"), "shown as finished"


def test_who_may_call_is_told_in_the_vendors_types(gateway: Product) -> None:
    status, body = posted(gateway, asked(CLAUDE, "hi"), **{"x-api-key": "og_live_wrong"})
    assert (status, json.loads(body)["error"]["type"]) == (401, "authentication_error")
    bearer = {"x-api-key": "", "authorization": f"Bearer {gateway.key}"}
    assert posted(gateway, asked(CLAUDE, "hi"), **bearer)[0] == 200
    status, body = posted(gateway, asked("wire/nobody", "hi"))
    assert (status, json.loads(body)["error"]["type"]) == (404, "not_found_error")
    status, body = posted(gateway, {"model": CLAUDE, "messages": user("hi")})
    assert (status, json.loads(body)["error"]["type"]) == (400, "invalid_request_error")


@pytest.mark.parametrize(
    ("model", "means"), [(CLAUDE, "provider"), (OPENAI, "estimated"), (GEMINI, "estimated")]
)
def test_tokens_are_counted_and_not_charged(
    client: anthropic.Anthropic, gateway: Product, model: str, means: str
) -> None:
    raw = client.messages.with_raw_response.count_tokens(
        model=model, messages=user("How many tokens are these words?"), tools=TOOLS
    )
    assert raw.headers["x-opengateway-token-count"] == means
    assert 10 < raw.parse().input_tokens < 1000
    # What came before may still be on its way to the log: its own would be there after this one.
    last = client.messages.with_raw_response.create(**asked(model, "hi"))
    gateway.record(last.headers["x-request-id"])
    assert raw.headers["x-request-id"] not in {r["id"] for r in gateway.records()}


def test_a_document_is_taken(client: anthropic.Anthropic) -> None:
    text = {"type": "text", "media_type": "text/plain", "data": "The sky is green."}
    parts = [{"type": "document", "source": text}, {"type": "text", "text": "What is it?"}]
    for model in (CLAUDE, GEMINI):
        assert client.messages.create(**asked(model, parts)).stop_reason == "end_turn"
