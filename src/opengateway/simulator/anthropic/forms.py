"""What a Messages request may hold, as data. The vendor's API reference, version 2023-06-01."""

from __future__ import annotations

from opengateway.simulator.forms import (
    Anything,
    Base64,
    Either,
    Form,
    Later,
    Many,
    Number,
    Reader,
    Switch,
    Table,
    Tagged,
    Text,
)

_ID = r"[a-zA-Z0-9_-]+"
_TOOL_NAME = r"[a-zA-Z0-9_-]{1,128}"
_URL = r"https?://.+"
_IMAGES = ("image/jpeg", "image/png", "image/gif", "image/webp")

CACHE = Table(
    {
        "type": Text(("ephemeral",)),
        "ttl": Text(("5m", "1h")),
        "scope": Text(),
    },
    frozenset(("type",)),
)


def _block(required: tuple[str, ...] = (), *, cached: bool = True, **members: Form) -> Table:
    mark: dict[str, Form] = {"cache_control": CACHE} if cached else {}
    return Table({"type": Text(), **members, **mark}, frozenset(("type", *required)))


TEXT = _block(("text",), text=Text(), citations=Anything())
_SOURCES: dict[str, Form] = {
    "url": _block(("url",), cached=False, url=Text(pattern=_URL)),
    "file": _block(("file_id",), cached=False, file_id=Text()),
}
IMAGE = _block(
    ("source",),
    source=Tagged(
        {
            "base64": _block(
                ("media_type", "data"), cached=False, media_type=Text(_IMAGES), data=Base64()
            ),
            **_SOURCES,
        }
    ),
)
DOCUMENT = _block(
    ("source",),
    source=Tagged(
        {
            "base64": _block(
                ("media_type", "data"),
                cached=False,
                media_type=Text(("application/pdf",)),
                data=Base64(),
            ),
            "text": _block(
                ("media_type", "data"), cached=False, media_type=Text(("text/plain",)), data=Text()
            ),
            "content": _block(
                ("content",), cached=False, content=Either(Text(), Many(Later(lambda: INNER)))
            ),
            **_SOURCES,
        }
    ),
    title=Text(),
    context=Text(),
    citations=Anything(mapping=True),
)
SEARCH_RESULT = _block(
    ("source", "title", "content"),
    source=Text(),
    title=Text(),
    content=Many(Tagged({"text": TEXT})),
    citations=Anything(mapping=True),
)
INNER: Form = Tagged(
    {
        "text": TEXT,
        "image": IMAGE,
        "document": DOCUMENT,
        "search_result": SEARCH_RESULT,
        "tool_reference": _block(("tool_name",), tool_name=Text()),
    }
)
_SERVER_BLOCKS = (
    "server_tool_use", "web_search_tool_result", "web_fetch_tool_result",
    "code_execution_tool_result", "bash_code_execution_tool_result",
    "text_editor_code_execution_tool_result", "tool_search_tool_result", "mcp_tool_use",
    "mcp_tool_result", "container_upload", "tool_addition",
)  # fmt: skip
BLOCK = Tagged(
    {
        "text": TEXT,
        "image": IMAGE,
        "document": DOCUMENT,
        "search_result": SEARCH_RESULT,
        "thinking": _block(
            ("thinking", "signature"), cached=False, thinking=Text(), signature=Text()
        ),
        "redacted_thinking": _block(("data",), cached=False, data=Text()),
        "tool_use": _block(
            ("id", "name", "input"),
            id=Text(pattern=_ID),
            name=Text(pattern=_TOOL_NAME),
            input=Anything(mapping=True),
            caller=Anything(mapping=True),
        ),
        "tool_result": _block(
            ("tool_use_id",),
            tool_use_id=Text(pattern=_ID),
            content=Either(Text(), Many(INNER)),
            is_error=Switch(),
        ),
        **{name: Anything(mapping=True) for name in _SERVER_BLOCKS},
    }
)
_MESSAGE = Table(
    {"role": Text(), "content": Either(Text(), Many(BLOCK))}, frozenset(("role", "content"))
)
_TOOL = Tagged(
    {
        "custom": Table(
            {
                "type": Text(),
                "name": Text(pattern=_TOOL_NAME),
                "description": Text(),
                "input_schema": Anything(mapping=True),
                "cache_control": CACHE,
                "strict": Switch(),
                "input_examples": Many(Anything(mapping=True)),
                "defer_loading": Switch(),
                "eager_input_streaming": Switch(),
                "allowed_callers": Many(Text()),
            },
            frozenset(("name", "input_schema")),
        )
    },
    default="custom",
    prefixes=(
        "web_search_", "web_fetch_", "code_execution_", "bash_", "text_editor_", "computer_",
        "memory_", "tool_search_tool_", "mcp_toolset",
    ),
)  # fmt: skip
_SHOWN = Text(("summarized", "omitted"))
_SINGLE = Switch()
_COUNTED: dict[str, Form] = {
    "model": Text(least=1, most=256),
    "messages": Many(_MESSAGE, least=0, most=100_000),
    "system": Either(Text(), Many(Tagged({"text": TEXT}))),
    "tools": Many(_TOOL),
    "tool_choice": Tagged(
        {
            "auto": _block(cached=False, disable_parallel_tool_use=_SINGLE),
            "any": _block(cached=False, disable_parallel_tool_use=_SINGLE),
            "tool": _block(("name",), cached=False, name=Text(), disable_parallel_tool_use=_SINGLE),
            "none": _block(cached=False),
        }
    ),
    "thinking": Tagged(
        {
            "enabled": _block(
                ("budget_tokens",), cached=False, budget_tokens=Number(1024), display=_SHOWN
            ),
            "adaptive": _block(cached=False, display=_SHOWN),
            "disabled": _block(cached=False),
        }
    ),
    "output_config": Table(
        {
            "effort": Text(("low", "medium", "high", "xhigh", "max")),
            "format": Tagged(
                {
                    "json_schema": _block(
                        ("schema",), cached=False, schema=Anything(mapping=True), name=Text()
                    )
                }
            ),
            "task_budget": Anything(mapping=True),
        }
    ),
    "cache_control": CACHE,
}
_REQUEST: dict[str, Form] = {
    **_COUNTED,
    "max_tokens": Number(0),
    "stop_sequences": Many(Text(), most=8191),
    "stream": Switch(),
    "temperature": Number(0, 1, fraction=True),
    "top_p": Number(0, 1, fraction=True),
    "top_k": Number(0),
    "metadata": Table({"user_id": Text(most=512)}),
    "service_tier": Text(("auto", "standard_only")),
    "container": Either(Text(), Anything(mapping=True)),
    "inference_geo": Text(),
}
_BETA: dict[str, Form] = {
    name: Anything()
    for name in (
        "betas", "context_management", "mcp_servers", "output_format", "speed", "diagnostics",
        "fallbacks",
    )
}  # fmt: skip

REQUEST = Table(_REQUEST, frozenset(("model", "messages", "max_tokens")))
BETA_REQUEST = Table(_REQUEST | _BETA, REQUEST.required)
COUNT = Table(_COUNTED, frozenset(("model", "messages")))
BETA_COUNT = Table(_COUNTED | _BETA, COUNT.required)

_WORDS = {
    "text": "a valid string",
    "integer": "a valid integer",
    "number": "a valid number",
    "boolean": "a valid boolean",
    "object": "a valid dictionary",
    "array": "a valid list",
}
READER = Reader(tags_in_paths=True, words=_WORDS)
