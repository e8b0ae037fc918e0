"""What `POST /v2/chat` takes (reference: providers, B.6). Another member is refused."""

from __future__ import annotations

from typing import Final

from opengateway.simulator.forms import Anything, Either, Many, Number, Switch, Table, Tagged, Text

_TEXT: Final = Table({"type": Text(), "text": Text()}, frozenset(("text",)))
_THOUGHT: Final = Table({"type": Text(), "thinking": Text()}, frozenset(("thinking",)))
_IMAGE: Final = Table(
    {
        "type": Text(),
        "image_url": Table({"url": Text(least=1), "detail": Text()}, frozenset(("url",))),
    },
    frozenset(("image_url",)),
)
_CALL: Final = Table(
    {
        "id": Text(least=1),
        "type": Text(choices=("function",)),
        "function": Table(
            {"name": Text(least=1), "arguments": Text()}, frozenset(("name", "arguments"))
        ),
    },
    frozenset(("id", "function")),
)
_MESSAGE: Final = Tagged(
    {
        "system": Table(
            {"role": Text(), "content": Either(Text(), Many(Tagged({"text": _TEXT})))},
            frozenset(("content",)),
        ),
        "user": Table(
            {
                "role": Text(),
                "content": Either(Text(), Many(Tagged({"text": _TEXT, "image_url": _IMAGE}))),
            },
            frozenset(("content",)),
        ),
        "assistant": Table(
            {
                "role": Text(),
                "content": Either(Text(), Many(Tagged({"text": _TEXT, "thinking": _THOUGHT}))),
                "tool_calls": Many(_CALL),
                "tool_plan": Text(),
                "citations": Anything(),
            }
        ),
        "tool": Table(
            {
                "role": Text(),
                "tool_call_id": Text(least=1),
                "content": Either(Text(), Many(Anything(mapping=True))),
            },
            frozenset(("tool_call_id", "content")),
        ),
    },
    by="role",
)
_TOOL: Final = Table(
    {
        "type": Text(choices=("function",)),
        "function": Table(
            {
                "name": Text(pattern=r"[A-Za-z_][A-Za-z0-9_-]{0,63}"),
                "description": Text(),
                "parameters": Anything(mapping=True),
            },
            frozenset(("name", "parameters")),
        ),
    },
    frozenset(("function",)),
)
CHAT: Final = Table(
    {
        "model": Text(least=1),
        "messages": Many(_MESSAGE, least=1),
        "stream": Switch(),
        "tools": Many(_TOOL),
        "strict_tools": Switch(),
        "tool_choice": Text(choices=("REQUIRED", "NONE")),
        "documents": Many(Anything()),
        "citation_options": Anything(mapping=True),
        "response_format": Table(
            {
                "type": Text(choices=("text", "json_object")),
                "json_schema": Anything(mapping=True),
            },
            frozenset(("type",)),
        ),
        "safety_mode": Text(choices=("CONTEXTUAL", "STRICT", "OFF")),
        "max_tokens": Number(low=0),
        "stop_sequences": Many(Text(), most=5),
        "temperature": Number(low=0, high=1, fraction=True),
        "seed": Number(low=0),
        "frequency_penalty": Number(low=0, high=1, fraction=True),
        "presence_penalty": Number(low=0, high=1, fraction=True),
        "k": Number(low=0, high=500, fraction=True),
        "p": Number(low=0.01, high=0.99, fraction=True),
        "logprobs": Switch(),
        "thinking": Table(
            {"type": Text(choices=("enabled", "disabled")), "token_budget": Number(low=1)},
            frozenset(("type",)),
        ),
        "priority": Number(low=0, high=999),
    },
    frozenset(("model", "messages")),
)
