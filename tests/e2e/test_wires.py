"""The official SDK against providers that do not speak OpenAI's shape: nothing must show."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import openai
import pytest
from pydantic import BaseModel

from e2e.product import Product, Simulator, Zone, product, simulator

MODELS = ("wire/claude", "wire/claude-think", "wire/gemini")
THINKING = ("wire/claude-think", "wire/gemini")
PIXEL = (
    "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9Q"
    "DwADhgGAWjR9awAAAABJRU5ErkJggg=="
)


def tool(name: str) -> dict[str, Any]:
    return {
        "type": "function",
        "function": {
            "name": name,
            "description": f"{name} of a city",
            "parameters": {
                "type": "object",
                "properties": {"city": {"type": "string"}},
                "required": ["city"],
            },
        },
    }


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
    zone.model("wire/claude", ("anthropic", "sim-claude"))
    zone.model("wire/claude-think", ("anthropic", "sim-claude-think"), reasoning=True)
    zone.model("wire/gemini", ("google", "sim-gemini-3"), reasoning=True)
    with product(zone) as running:
        yield running


@pytest.fixture(scope="module")
def client(gateway: Product) -> openai.OpenAI:
    return openai.OpenAI(base_url=gateway.url + "/v1", api_key=gateway.key, max_retries=0)


def user(text: Any) -> list[dict[str, Any]]:
    return [{"role": "user", "content": text}]


@pytest.mark.parametrize("model", MODELS)
def test_a_chat_whole_and_streamed_says_the_same(client: openai.OpenAI, model: str) -> None:
    messages = [{"role": "system", "content": "Be brief."}, *user("Say hello to Seoul.")]
    whole = client.chat.completions.create(model=model, messages=messages)
    assert whole.model == model
    assert whole.choices[0].finish_reason == "stop"
    assert whole.choices[0].message.content
    assert whole.usage is not None
    assert whole.usage.total_tokens == whole.usage.prompt_tokens + whole.usage.completion_tokens
    chunks = list(
        client.chat.completions.create(
            model=model, messages=messages, stream=True, stream_options={"include_usage": True}
        )
    )
    text = "".join(c.choices[0].delta.content or "" for c in chunks if c.choices)
    assert text == whole.choices[0].message.content
    assert len({(c.id, c.created, c.model) for c in chunks}) == 1
    assert [c.choices[0].finish_reason for c in chunks if c.choices][-1] == "stop"
    assert chunks[-1].usage is not None
    assert chunks[-1].usage.completion_tokens == whole.usage.completion_tokens


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("stream", [False, True])
def test_parallel_tools_go_out_and_their_results_come_back(
    client: openai.OpenAI, model: str, stream: bool
) -> None:
    messages = user("Please call weather and population for Busan.")
    ask: dict[str, Any] = {"model": model, "tools": TOOLS, "reasoning_effort": "high"}
    if stream:
        with client.chat.completions.stream(messages=messages, **ask) as running:
            answer = running.get_final_completion()
    else:
        answer = client.chat.completions.create(messages=messages, **ask)
    message = answer.choices[0].message
    assert answer.choices[0].finish_reason == "tool_calls"
    calls = message.tool_calls or []
    assert [c.function.name for c in calls] == ["weather", "population"]
    assert len({c.id for c in calls}) == 2
    assert all("city" in json.loads(c.function.arguments) for c in calls)
    # What the SDK gave goes back as it is: the provider verifies the signatures of its reasoning.
    replayed = message.model_dump(exclude_none=True)
    replayed.pop("parsed", None)
    for call in replayed["tool_calls"]:
        call["function"].pop("parsed_arguments", None)
    results = [{"role": "tool", "tool_call_id": c.id, "content": "42 and sunny"} for c in calls]
    after = client.chat.completions.create(messages=[*messages, replayed, *results], **ask)
    assert after.choices[0].finish_reason == "stop"
    assert "42 and sunny" in (after.choices[0].message.content or "")


@pytest.mark.parametrize("model", THINKING)
@pytest.mark.parametrize("stream", [False, True])
def test_a_plain_client_s_loop_keeps_the_thoughts_that_it_drops(
    client: openai.OpenAI, model: str, stream: bool
) -> None:
    """E16, E17: the client sends back no more than OpenAI's own members."""
    messages = user("Please call weather for Busan.")
    ask: dict[str, Any] = {"model": model, "tools": TOOLS[:1], "reasoning_effort": "high"}
    if stream:
        with client.chat.completions.stream(messages=messages, **ask) as running:
            message = running.get_final_completion().choices[0].message
    else:
        message = client.chat.completions.create(messages=messages, **ask).choices[0].message
    (call,) = message.tool_calls or []
    function = {"name": call.function.name, "arguments": call.function.arguments}
    plain = {"id": call.id, "type": "function", "function": function}
    loop = [
        {"role": "assistant", "content": None, "tool_calls": [plain]},
        {"role": "tool", "tool_call_id": call.id, "content": "42 and sunny"},
    ]
    after = client.chat.completions.create(messages=[*messages, *loop], **ask)
    assert "42 and sunny" in (after.choices[0].message.content or "")
    # It thinks again: a model whose thoughts were lost would not be told to.
    assert (after.choices[0].message.model_extra or {}).get("reasoning_content")


@pytest.mark.parametrize("model", THINKING)
def test_reasoning_is_shown_counted_and_sealed(client: openai.OpenAI, model: str) -> None:
    answer = client.chat.completions.create(
        model=model, messages=user("What is 17 times 19?"), reasoning_effort="high"
    )
    extra = answer.choices[0].message.model_extra or {}
    assert extra["reasoning_content"]
    assert extra["reasoning_details"]
    assert answer.usage is not None
    assert answer.usage.completion_tokens_details is not None
    assert (answer.usage.completion_tokens_details.reasoning_tokens or 0) > 0


class City(BaseModel):
    name: str
    people: int


@pytest.mark.parametrize("model", MODELS)
def test_structured_output_conforms(client: openai.OpenAI, model: str) -> None:
    answer = client.chat.completions.parse(
        model=model, messages=user("Tell me of Busan."), response_format=City
    )
    assert isinstance(answer.choices[0].message.parsed, City)


@pytest.mark.parametrize("model", MODELS)
def test_an_image_is_taken(client: openai.OpenAI, model: str) -> None:
    parts = [
        {"type": "text", "text": "What is this?"},
        {"type": "image_url", "image_url": {"url": PIXEL}},
    ]
    answer = client.chat.completions.create(model=model, messages=user(parts))
    assert "image" in (answer.choices[0].message.content or "").lower()


def test_a_cache_mark_is_written_once_and_read_afterwards(
    client: openai.OpenAI, gateway: Product
) -> None:
    prefix = [{"type": "text", "text": "law " * 3000, "cache_control": {"type": "ephemeral"}}]
    messages = [{"role": "system", "content": prefix}, *user("Sum it up.")]

    def ask() -> tuple[str, Any]:
        raw = client.chat.completions.with_raw_response.create(
            model="wire/claude", messages=messages
        )
        return raw.headers["x-request-id"], raw.parse().usage

    first, second = ask(), ask()
    assert (first[1].prompt_tokens_details.cached_tokens or 0) == 0
    assert second[1].prompt_tokens_details.cached_tokens > 1000
    written, read = gateway.record(first[0]), gateway.record(second[0])
    assert written["usage"]["cache_write_tokens"] == read["usage"]["cache_read_tokens"]


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(("status", "shown"), [(429, 503), (500, 502), (503, 503)])
def test_trouble_is_told_as_ever(
    client: openai.OpenAI, model: str, stream: bool, status: int, shown: int
) -> None:
    with pytest.raises(openai.APIStatusError) as failed:
        client.chat.completions.create(
            model=model, messages=user(f"[[simulate status={status}]] hi"), stream=stream
        )
    assert failed.value.status_code == shown


@pytest.mark.parametrize("model", MODELS)
def test_a_cut_stream_raises_in_the_client(client: openai.OpenAI, model: str) -> None:
    stream = client.chat.completions.create(
        model=model,
        messages=user("[[simulate cut_after_events=5]] tell a long story of 300 words"),
        stream=True,
    )
    with pytest.raises(openai.APIError):
        read_unfinished(stream)


def read_unfinished(stream: Any) -> None:
    for chunk in stream:
        assert not any(c.finish_reason for c in chunk.choices), "never shown as finished"
