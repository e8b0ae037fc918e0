"""The makers' own Python packages: openai by chat completions and by Responses, anthropic by Messages."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

HELLO, ASK, CITY = "Say hello.", "Please call weather for Busan.", "Name a city."
SCHEMA = {
    "type": "object",
    "properties": {"city": {"type": "string"}},
    "required": ["city"],
    "additionalProperties": False,
}
Features = dict[str, Callable[[], Any]]


def openai_python(told: Mapping[str, Any]) -> Features:
    from openai import OpenAI

    client = OpenAI(base_url=f"{told['url']}/v1", api_key=told["apiKey"], max_retries=0)
    if told.get("way") == "responses":
        return _responses(client, told["model"])
    return _chat_completions(client, told["model"])


def _chat_completions(client: Any, model: str) -> Features:
    from pydantic import BaseModel

    class City(BaseModel):
        city: str

    function = {"name": "weather", "parameters": SCHEMA, "strict": True}
    tools_offered = [{"type": "function", "function": function}]

    def said(content: str) -> list[Any]:
        return [{"role": "user", "content": content}]

    def chat() -> Any:
        answer = client.chat.completions.create(model=model, messages=said(HELLO))
        text = answer.choices[0].message.content
        return {"text": text, "tokens": answer.usage.completion_tokens}

    def stream() -> Any:
        pieces = 0
        options = {"include_usage": True}
        with client.chat.completions.stream(
            model=model, messages=said(HELLO), stream_options=options
        ) as events:
            for event in events:
                pieces += event.type == "content.delta"
            answer = events.get_final_completion()
        text = answer.choices[0].message.content
        return {"text": text, "pieces": pieces, "tokens": answer.usage.completion_tokens}

    def tools() -> Any:
        messages = said(ASK)
        first = client.chat.completions.create(model=model, messages=messages, tools=tools_offered)
        call = first.choices[0].message.tool_calls[0]
        messages.append(first.choices[0].message)
        messages.append({"role": "tool", "tool_call_id": call.id, "content": "42 and sunny"})
        last = client.chat.completions.create(model=model, messages=messages, tools=tools_offered)
        given = json.loads(call.function.arguments)
        text = last.choices[0].message.content
        return {"tool": call.function.name, "input": given, "text": text}

    def structured() -> Any:
        answer = client.chat.completions.parse(
            model=model, messages=said(CITY), response_format=City
        )
        return {"object": answer.choices[0].message.parsed.model_dump()}

    return {"chat": chat, "stream": stream, "tools": tools, "structured": structured}


def _responses(client: Any, model: str) -> Features:
    from pydantic import BaseModel

    class City(BaseModel):
        city: str

    tools_offered = [{"type": "function", "name": "weather", "parameters": SCHEMA, "strict": True}]

    def chat() -> Any:
        answer = client.responses.create(model=model, input=HELLO)
        return {"text": answer.output_text, "tokens": answer.usage.output_tokens}

    def stream() -> Any:
        pieces = 0
        with client.responses.stream(model=model, input=HELLO) as events:
            for event in events:
                pieces += event.type == "response.output_text.delta"
            answer = events.get_final_response()
        text, tokens = answer.output_text, answer.usage.output_tokens
        return {"text": text, "pieces": pieces, "tokens": tokens}

    def tools() -> Any:
        said: list[Any] = [{"role": "user", "content": ASK}]
        first = client.responses.create(model=model, input=said, tools=tools_offered)
        call = next(item for item in first.output if item.type == "function_call")
        said += first.output
        result = {"type": "function_call_output", "call_id": call.call_id}
        said.append({**result, "output": "42 and sunny"})
        last = client.responses.create(model=model, input=said, tools=tools_offered)
        given = json.loads(call.arguments)
        return {"tool": call.name, "input": given, "text": last.output_text}

    def structured() -> Any:
        answer = client.responses.parse(model=model, input=CITY, text_format=City)
        return {"object": answer.output_parsed.model_dump()}

    return {"chat": chat, "stream": stream, "tools": tools, "structured": structured}


def anthropic_python(told: Mapping[str, Any]) -> Features:
    from anthropic import Anthropic

    client = Anthropic(base_url=told["url"], api_key=told["apiKey"], max_retries=0)
    base: dict[str, Any] = {"model": told["model"], "max_tokens": 1000}
    offered = [{"name": "weather", "description": "weather of a city", "input_schema": SCHEMA}]

    def said(content: str) -> list[Any]:
        return [{"role": "user", "content": content}]

    def text_of(answer: Any) -> str:
        return "".join(block.text for block in answer.content if block.type == "text")

    def chat() -> Any:
        answer = client.messages.create(messages=said(HELLO), **base)
        return {"text": text_of(answer), "tokens": answer.usage.output_tokens}

    def stream() -> Any:
        with client.messages.stream(messages=said(HELLO), **base) as events:
            pieces = list(events.text_stream)
            answer = events.get_final_message()
        tokens = answer.usage.output_tokens
        return {"text": text_of(answer), "pieces": len(pieces), "tokens": tokens}

    def tools() -> Any:
        messages = said(ASK)
        first = client.messages.create(messages=messages, tools=offered, **base)
        use = next(block for block in first.content if block.type == "tool_use")
        messages.append({"role": "assistant", "content": first.content})
        result = {"type": "tool_result", "tool_use_id": use.id, "content": "42 and sunny"}
        messages.append({"role": "user", "content": [result]})
        last = client.messages.create(messages=messages, tools=offered, **base)
        return {"tool": use.name, "input": use.input, "text": text_of(last)}

    def structured() -> Any:
        form = {"type": "json_schema", "schema": SCHEMA}
        answer = client.messages.create(messages=said(CITY), output_config={"format": form}, **base)
        return {"object": json.loads(text_of(answer))}

    return {"chat": chat, "stream": stream, "tools": tools, "structured": structured}
