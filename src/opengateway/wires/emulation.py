"""Structured output where a model cannot be held to a schema: asked for in words, and told.

What is asked for so is not enforced by anybody. The caller hears of it in a header, and a strict
request is refused instead.
"""

from __future__ import annotations

from typing import Final

import msgspec

from opengateway.domain.canonical import CanonicalRequest, Role, Text, Turn
from opengateway.kit.json import Raw

FORMAT: Final = "response_format"
JSON_ONLY: Final = "Answer with one JSON object and nothing else."


def wants_form(request: CanonicalRequest) -> bool:
    return request.output is not None and request.output.kind != "text"


def in_words(request: CanonicalRequest) -> CanonicalRequest:
    """The request with the form of its answer said in its instructions, and nowhere else."""
    told, output = JSON_ONLY, request.output
    if output is not None and output.schema is not None:
        told = schema_instruction(output.schema, with_tools=bool(request.tools))
    turn = Turn(role=Role.SYSTEM, items=(Text(text=told),))
    return msgspec.structs.replace(request, turns=(turn, *request.turns), output=None)


def schema_instruction(schema: Raw, *, with_tools: bool = False) -> str:
    """What the model is told. The schema's bytes are the caller's own: a cached prefix stays one."""
    when = "When you answer in words and do not call a tool, answer" if with_tools else "Answer"
    return (
        f"{when} with one JSON document that is valid by the JSON Schema below, and with nothing "
        f"else: no text before or after it, no code fence.\n\n{bytes(schema).decode()}"
    )
