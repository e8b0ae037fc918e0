"""The official SDK, unchanged, against the simulator alone."""

from __future__ import annotations

import json
from collections.abc import Iterator

import openai
import pytest
from simulated import Running

QUESTION = {"role": "user", "content": "What is the capital of France?"}
TOOLS = [
    {
        "type": "function",
        "function": {
            "name": name,
            "parameters": {
                "type": "object",
                "properties": {"city": {"type": "string"}},
                "required": ["city"],
            },
        },
    }
    for name in ("get_weather", "get_news")
]


@pytest.fixture
def client(simulator: Running) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(
        base_url=simulator.url + "/v1", api_key="sk-test", max_retries=0, timeout=5
    ) as made:
        yield made


def test_a_chat(client: openai.OpenAI) -> None:
    made = client.chat.completions.create(model="sim-chat", messages=[QUESTION])
    assert "capital of France" in (made.choices[0].message.content or "")
    assert made.usage is not None
    assert made.usage.total_tokens == made.usage.prompt_tokens + made.usage.completion_tokens


def test_a_stream(client: openai.OpenAI) -> None:
    with client.chat.completions.stream(
        model="sim-chat", messages=[QUESTION], stream_options={"include_usage": True}
    ) as stream:
        deltas = [event.delta for event in stream if event.type == "content.delta"]
        final = stream.get_final_completion()
    assert "".join(deltas) == final.choices[0].message.content
    assert final.usage is not None
    assert len(deltas) > 5


def test_parallel_tools_and_their_results(client: openai.OpenAI) -> None:
    messages = [{"role": "user", "content": "Call get_weather and get_news for Seoul"}]
    with client.chat.completions.stream(model="sim-chat", messages=messages, tools=TOOLS) as stream:
        message = stream.get_final_completion().choices[0].message
    calls = message.tool_calls or []
    assert [call.function.name for call in calls] == ["get_weather", "get_news"]
    assert json.loads(calls[0].function.arguments) == {"city": "Seoul"}
    messages.append(message.to_dict(exclude_unset=True))
    for call in calls:
        result = f"{call.function.name} says fine"
        messages.append({"role": "tool", "tool_call_id": call.id, "content": result})
        for entry in messages[1]["tool_calls"]:
            entry.pop("index", None)
            entry["function"].pop("parsed_arguments", None)
    messages[1].pop("parsed", None)
    answer = client.chat.completions.create(model="sim-chat", messages=messages, tools=TOOLS)
    text = answer.choices[0].message.content or ""
    assert "get_weather says fine" in text
    assert "get_news says fine" in text


def test_structured_output(client: openai.OpenAI) -> None:
    from pydantic import BaseModel

    class Step(BaseModel):
        title: str
        minutes: int

    class Recipe(BaseModel):
        name: str
        steps: list[Step]
        spicy: bool | None

    made = client.chat.completions.parse(
        model="sim-chat", messages=[QUESTION], response_format=Recipe
    )
    parsed = made.choices[0].message.parsed
    assert parsed is not None
    assert parsed.steps


@pytest.mark.parametrize(
    ("model", "text", "kind", "code"),
    [
        ("nope", "hi", openai.NotFoundError, "model_not_found"),
        ("sim-chat", "[[simulate status=429]]", openai.RateLimitError, "rate_limit_exceeded"),
        ("sim-chat", "[[simulate status=500]]", openai.InternalServerError, None),
        ("sim-small", "word " * 3000, openai.BadRequestError, "context_length_exceeded"),
    ],
)
def test_errors_are_the_sdks_own(
    client: openai.OpenAI, model: str, text: str, kind: type[openai.APIStatusError], code: str
) -> None:
    with pytest.raises(kind) as caught:
        client.chat.completions.create(model=model, messages=[{"role": "user", "content": text}])
    assert caught.value.code == code


def test_a_wrong_key(client: openai.OpenAI) -> None:
    with pytest.raises(openai.AuthenticationError):
        client.with_options(api_key="bad-key-1").models.list()


def test_an_error_inside_a_stream_is_raised(client: openai.OpenAI) -> None:
    text = "[[simulate error_after_events=2]]"
    stream = client.chat.completions.create(
        model="sim-chat", messages=[{"role": "user", "content": text}], stream=True
    )
    with pytest.raises(openai.APIError):
        list(stream)
