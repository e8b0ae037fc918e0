"""Python clients, unchanged but for base URL and key. Standard input: url, apiKey, model, feature, way.

Run by `test_clients.py` in an environment of its own: these packages are none of the product's.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from typing import Any

from official import anthropic_python, openai_python

TOLD = json.load(sys.stdin)
MODEL, URL, KEY = TOLD["model"], TOLD["url"], TOLD["apiKey"]
BASE = f"{URL}/v1"
HELLO, ASK, CITY = "Say hello.", "Please call weather for Busan.", "Name a city."
SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}


def langchain() -> dict[str, Callable[[], Any]]:
    from langchain_core.messages import HumanMessage, ToolMessage
    from langchain_core.tools import tool
    from langchain_openai import ChatOpenAI

    llm = ChatOpenAI(model=MODEL, base_url=BASE, api_key=KEY, max_retries=0, stream_usage=True)

    @tool
    def weather(city: str) -> str:
        """Weather of a city."""
        return "42 and sunny"

    def chat() -> Any:
        answer = llm.invoke(HELLO)
        return {"text": answer.text, "tokens": answer.usage_metadata["output_tokens"]}

    def stream() -> Any:
        pieces = list(llm.stream(HELLO))
        whole = pieces[0]
        for piece in pieces[1:]:
            whole = whole + piece
        tokens = whole.usage_metadata["output_tokens"]
        return {"text": whole.text, "pieces": len(pieces), "tokens": tokens}

    def tools() -> Any:
        bound = llm.bind_tools([weather])
        messages: list[Any] = [HumanMessage(ASK)]
        messages.append(bound.invoke(messages))
        call = messages[-1].tool_calls[0]
        messages.append(ToolMessage(weather.invoke(call["args"]), tool_call_id=call["id"]))
        return {"tool": call["name"], "input": call["args"], "text": bound.invoke(messages).text}

    def structured() -> Any:
        held = llm.with_structured_output({"title": "city", **SCHEMA}, method="json_schema")
        return {"object": held.invoke(CITY)}

    return {"chat": chat, "stream": stream, "tools": tools, "structured": structured}


def pydantic_ai() -> dict[str, Callable[[], Any]]:
    from pydantic import BaseModel
    from pydantic_ai import Agent, NativeOutput
    from pydantic_ai.models.openai import OpenAIChatModel, OpenAIResponsesModel
    from pydantic_ai.providers.openai import OpenAIProvider

    kind = OpenAIResponsesModel if TOLD.get("way") == "responses" else OpenAIChatModel
    model = kind(MODEL, provider=OpenAIProvider(base_url=BASE, api_key=KEY))

    class City(BaseModel):
        city: str

    def chat() -> Any:
        run = Agent(model).run_sync(HELLO)
        return {"text": run.output, "tokens": run.usage.output_tokens}

    def stream() -> Any:
        run = Agent(model).run_stream_sync(HELLO)
        pieces = list(run.stream_text(delta=True, debounce_by=None))
        return {"text": "".join(pieces), "pieces": len(pieces)}

    def tools() -> Any:
        seen: dict[str, Any] = {}
        agent = Agent(model)

        @agent.tool_plain
        def weather(city: str) -> str:
            """Weather of a city."""
            seen["input"] = {"city": city}
            return "42 and sunny"

        return {"tool": "weather", "text": agent.run_sync(ASK).output, **seen}

    def structured() -> Any:
        run = Agent(model, output_type=NativeOutput(City)).run_sync(CITY)
        return {"object": run.output.model_dump()}

    return {"chat": chat, "stream": stream, "tools": tools, "structured": structured}


def litellm() -> dict[str, Callable[[], Any]]:
    import litellm as client

    client.telemetry = False
    ways = {
        "openai": {"model": f"openai/{MODEL}", "api_base": BASE},
        "anthropic": {"model": f"anthropic/{MODEL}", "api_base": URL, "max_tokens": 500},
    }
    base: dict[str, Any] = {"api_key": KEY, "num_retries": 0, **ways[TOLD.get("way") or "openai"]}
    function = {"name": "weather", "description": "Weather of a city.", "parameters": SCHEMA}

    def said(content: str) -> list[Any]:
        return [{"role": "user", "content": content}]

    def chat() -> Any:
        answer = client.completion(messages=said(HELLO), **base)
        text = answer.choices[0].message.content
        return {"text": text, "tokens": answer.usage.completion_tokens}

    def stream() -> Any:
        options = {"include_usage": True}
        running = client.completion(
            messages=said(HELLO), stream=True, stream_options=options, **base
        )
        chunks = list(running)
        pieces = [c.choices[0].delta.content or "" for c in chunks if c.choices]
        tokens = next(c.usage.completion_tokens for c in chunks if getattr(c, "usage", None))
        return {"text": "".join(pieces), "pieces": len(pieces), "tokens": tokens}

    def tools() -> Any:
        offered = [{"type": "function", "function": function}]
        messages = said(ASK)
        first = client.completion(messages=messages, tools=offered, **base).choices[0].message
        call = first.tool_calls[0]
        result = {"role": "tool", "tool_call_id": call.id, "content": "42 and sunny"}
        messages += [first.model_dump(exclude_none=True), result]
        last = client.completion(messages=messages, tools=offered, **base).choices[0].message
        given = json.loads(call.function.arguments)
        return {"tool": call.function.name, "input": given, "text": last.content}

    def structured() -> Any:
        schema = {**SCHEMA, "additionalProperties": False}
        form = {"type": "json_schema", "json_schema": {"name": "city", "schema": schema}}
        answer = client.completion(messages=said(CITY), response_format=form, **base)
        return {"object": json.loads(answer.choices[0].message.content)}

    return {"chat": chat, "stream": stream, "tools": tools, "structured": structured}


CLIENTS = {
    "langchain": langchain,
    "pydantic_ai": pydantic_ai,
    "litellm": litellm,
    "openai_python": lambda: openai_python(TOLD),
    "anthropic_python": lambda: anthropic_python(TOLD),
}

if __name__ == "__main__":
    os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")  # asks nobody for prices
    print(json.dumps(CLIENTS[sys.argv[1]]()[TOLD["feature"]]()))
