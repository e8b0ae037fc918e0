"""The members of a Responses request, their types and ranges.

Source: OpenAI's OpenAPI document, `CreateResponse` and what it refers to.
"""

from __future__ import annotations

from typing import Final

from opengateway.simulator.forms import (
    Anything,
    Either,
    Form,
    Many,
    Mapping,
    Number,
    Reader,
    Switch,
    Table,
    Tagged,
    Text,
)

READER: Final = Reader(
    words={
        "text": "a string",
        "integer": "an integer",
        "number": "a decimal",
        "boolean": "a boolean",
        "object": "an object",
        "array": "an array",
    }
)
_ANY: Final = Anything()
_TYPE: Final = Text()
_NAME: Final = Text(pattern="[a-zA-Z0-9_-]{1,128}")
_CALL_ID: Final = Text(least=1, most=64)
_STATUS: Final = Text(("in_progress", "completed", "incomplete"))
_BREAKPOINT: Final = Table({"mode": Text(), "ttl": Text()})


def _table(required: tuple[str, ...], **members: Form) -> Table:
    return Table({"type": _TYPE, **members}, frozenset(required))


_INPUT_PARTS: Final[dict[str, Form]] = {
    "input_text": _table(("text",), text=Text(), prompt_cache_breakpoint=_BREAKPOINT),
    "input_image": _table(
        (),
        image_url=Text(),
        file_id=Text(),
        detail=Text(("low", "high", "auto", "original")),
        prompt_cache_breakpoint=_BREAKPOINT,
    ),
    "input_file": _table(
        (),
        file_id=Text(),
        filename=Text(),
        file_data=Text(),
        file_url=Text(),
        detail=Text(),
        prompt_cache_breakpoint=_BREAKPOINT,
    ),
}
_OUTPUT_PARTS: Final[dict[str, Form]] = {
    "output_text": _table(("text",), text=Text(), annotations=Many(_ANY), logprobs=Many(_ANY)),
    "refusal": _table(("refusal",), refusal=Text()),
}
_OUTPUT: Final = Either(Text(most=10_485_760), Many(Tagged(_INPUT_PARTS)))
_SUMMARY: Final = _table(("type", "text"), text=Text())

ITEMS: Final[dict[str, Form]] = {
    "message": _table(
        ("role", "content"),
        id=Text(),
        role=Text(("user", "assistant", "system", "developer")),
        content=Either(Text(), Many(Tagged(_INPUT_PARTS | _OUTPUT_PARTS))),
        phase=Text(("commentary", "final_answer")),
        status=_STATUS,
    ),
    "function_call": _table(
        ("call_id", "name", "arguments"),
        id=Text(),
        call_id=_CALL_ID,
        name=_NAME,
        arguments=Text(),
        namespace=Text(),
        status=_STATUS,
    ),
    "function_call_output": _table(
        ("call_id", "output"), id=Text(), call_id=_CALL_ID, output=_OUTPUT, status=_STATUS
    ),
    "custom_tool_call": _table(
        ("call_id", "name", "input"),
        id=Text(),
        call_id=_CALL_ID,
        name=_NAME,
        input=Text(),
        status=_STATUS,
    ),
    "custom_tool_call_output": _table(
        ("call_id", "output"), id=Text(), call_id=_CALL_ID, output=_OUTPUT, status=_STATUS
    ),
    "reasoning": _table(
        ("summary",),
        id=Text(),
        summary=Many(_SUMMARY),
        content=Many(_SUMMARY),
        encrypted_content=Text(),
        status=_STATUS,
    ),
    "item_reference": _table(("id",), id=Text()),
    "compaction": _table(("encrypted_content",), id=Text(), encrypted_content=Text()),
}
_OWN_TOOLS: Final[dict[str, Form]] = {
    "function": _table(
        ("name",),
        name=_NAME,
        description=Text(),
        parameters=Anything(mapping=True),
        strict=Switch(),
        defer_loading=Switch(),
    ),
    "custom": _table(("name",), name=_NAME, description=Text(), format=Anything(mapping=True)),
}
_TOOLS: Final[dict[str, Form]] = {
    **_OWN_TOOLS,
    "namespace": _table(
        ("name", "tools"), name=_NAME, description=Text(), tools=Many(Tagged(_OWN_TOOLS))
    ),
}
_CHOSEN: Final[dict[str, Form]] = {
    "function": _table(("name",), name=Text()),
    "custom": _table(("name",), name=Text()),
    "allowed_tools": _table(
        ("mode", "tools"),
        mode=Text(("auto", "required")),
        tools=Many(_table(("type",), name=Text()), least=1),
    ),
}
_FORMATS: Final[dict[str, Form]] = {
    "text": _table(()),
    "json_object": _table(()),
    "json_schema": _table(
        ("name", "schema"),
        name=Text(pattern="[a-zA-Z0-9_-]{1,64}"),
        description=Text(),
        schema=Anything(mapping=True),
        strict=Switch(),
    ),
}
_EFFORTS: Final = ("none", "minimal", "low", "medium", "high", "xhigh", "max")
_INCLUDED: Final = (
    "file_search_call.results",
    "web_search_call.results",
    "web_search_call.action.sources",
    "message.input_image.image_url",
    "computer_call_output.output.image_url",
    "code_interpreter_call.outputs",
    "reasoning.encrypted_content",
    "message.output_text.logprobs",
)
REQUEST: Final = Table(
    {
        "model": Text(),
        "input": Either(Text(), Many(Tagged(ITEMS, default="message"), least=1)),
        "instructions": Text(),
        "previous_response_id": Text(),
        "conversation": _ANY,
        "background": Switch(),
        "store": Switch(),
        "stream": Switch(),
        "stream_options": Table({"include_obfuscation": Switch()}),
        "include": Many(Text(_INCLUDED)),
        "max_output_tokens": Number(16, 10_000_000),
        "max_tool_calls": Number(1, 10_000_000),
        "tools": Many(Tagged(_TOOLS), most=128),
        "tool_choice": Either(Text(("none", "auto", "required")), Tagged(_CHOSEN)),
        "parallel_tool_calls": Switch(),
        "text": Table({"format": Tagged(_FORMATS), "verbosity": Text(("low", "medium", "high"))}),
        "reasoning": Table(
            {
                "effort": Text(_EFFORTS),
                "summary": Text(("auto", "concise", "detailed")),
                "generate_summary": Text(("auto", "concise", "detailed")),
                "mode": Text(("standard", "pro")),
                "context": Text(("auto", "current_turn", "all_turns")),
            }
        ),
        "temperature": Number(0, 2, fraction=True),
        "top_p": Number(0, 1, fraction=True),
        "top_logprobs": Number(0, 20),
        "truncation": Text(("auto", "disabled")),
        "context_management": Many(_ANY),
        "metadata": Mapping(Text(most=512)),
        "user": Text(),
        "safety_identifier": Text(most=64),
        "prompt_cache_key": Text(),
        "prompt_cache_options": Anything(mapping=True),
        "prompt_cache_retention": Text(),
        "service_tier": Text(),
        "moderation": Anything(mapping=True),
    },
    frozenset(("model", "input")),
)
