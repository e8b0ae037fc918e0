"""Streams of the OpenAI wire in small: what vendors do to it, each with the vendor that does it."""

from __future__ import annotations

from typing import Any

from openai_chat_wire import chunk, first, sse

USAGE = {"prompt_tokens": 9, "completion_tokens": 4, "total_tokens": 13}


def _call(index: int, arguments: str, **members: Any) -> dict[str, Any]:
    function = {"arguments": arguments, **members.pop("function", {})}
    return {"tool_calls": [{"index": index, "function": function, **members}]}


def _choice(index: int, delta: dict[str, Any], finish: str | None = None) -> dict[str, Any]:
    made = chunk(delta, finish)
    made["choices"][0]["index"] = index
    return made


STREAMS: dict[str, tuple[str, bytes]] = {
    "text": (
        "openai",
        sse(
            first(),
            chunk({"content": "Grüße, 안녕 😀"}, usage=None),
            chunk({"content": 'say "data: [DONE]"\n\n'}),
            chunk(finish="stop"),
            chunk(choices=[], usage=USAGE),
        ),
    ),
    "tools": (
        "ollama",
        sse(
            first({"content": None}),
            chunk(_call(0, "", id="a", function={"name": "f"})),
            chunk(_call(0, '{"x":')),
            chunk(_call(0, "1}")),
            chunk(_call(0, "", id="b", function={"name": "g"})),
            chunk(finish="stop", usage=USAGE),
        ),
    ),
    "thought": (
        "mistral",
        sse(
            first(),
            chunk({"content": [{"type": "thinking", "thinking": [{"type": "text", "text": "h"}]}]}),
            chunk({"content": "4", "role": "assistant"}),
            chunk({"content": ""}, "stop", usage=USAGE, p="abc"),
        ),
    ),
    "nameless": (
        "azure",
        sse(
            chunk(id="", created=0, choices=[], object="", prompt_filter_results=[1]),
            ": keep-alive",
            first(),
            chunk({"content": "x", "reasoning": "y"}),
            "event: ping\ndata: ",
            chunk(finish="length"),
        ),
    ),
    "choices": (
        "openai",
        sse(
            _choice(0, {"role": "assistant", "content": "a"}),
            _choice(1, {"role": "assistant", "content": "b"}),
            _choice(1, {}, "stop"),
            _choice(0, {"content": "c"}, "content_filter"),
        ),
    ),
    "broken": (
        "groq",
        sse(
            first(),
            chunk({"content": "x"}),
            'event: error\ndata: {"error":{"message":"no","code":"tool_use_failed"}}',
            done=False,
        ),
    ),
}
