"""Tools, the choice among them, and the form of the answer.

The vendor knows `REQUIRED` and `NONE` only. A named tool is the only one offered, and demanded; what
it cannot do is refused before it is sent, never weakened (reference: providers, B.6 and E43).
"""

from __future__ import annotations

from typing import Final

from opengateway.domain.canonical import CanonicalRequest, Tool
from opengateway.domain.errors import InvalidRequest
from opengateway.kit.json import JsonObject, Raw

_NO_PARAMETERS: Final = Raw(b'{"type":"object","properties":{}}')


def offer(request: CanonicalRequest, vendor: str, dropped: list[str]) -> JsonObject:
    """The members `tools`, `tool_choice`, `strict_tools` and `response_format` as they go out."""
    made: JsonObject = {}
    tools, choice = _offered(request), request.tool_choice
    if any(tool.kind == "custom" for tool in tools):
        raise refused("tools", vendor, "custom tools; use functions")
    if request.server_tools:
        raise refused("tools", vendor, "the built-in tools of another vendor")
    if tools:
        made["tools"] = [_tool(tool) for tool in tools]
        if any(tool.strict for tool in tools):
            made["strict_tools"] = True
        if choice is not None and choice.mode == "none":
            made["tool_choice"] = "NONE"
        elif choice is not None and (choice.mode in ("required", "named") or choice.required):
            made["tool_choice"] = "REQUIRED"
        if request.parallel_tool_calls is False:
            dropped.append("parallel_tool_calls")
    if (form := _form(request)) is not None:
        made["response_format"] = form
    return made


def _offered(request: CanonicalRequest) -> list[Tool]:
    choice = request.tool_choice
    if choice is None or choice.mode not in ("named", "allowed"):
        return list(request.tools)
    kept = [tool for tool in request.tools if tool.name in choice.names]
    if not kept:
        raise InvalidRequest(
            "tool_choice: it names no tool of 'tools'; add the tool or correct the name",
            param="tool_choice",
        )
    return kept


def _tool(tool: Tool) -> JsonObject:
    function: JsonObject = {"name": tool.name}
    if tool.description:
        function["description"] = tool.description
    function["parameters"] = tool.parameters if tool.parameters is not None else _NO_PARAMETERS
    return {"type": "function", "function": function}


def _form(request: CanonicalRequest) -> JsonObject | None:
    output = request.output
    if output is None or output.kind == "text":
        return None
    if output.kind == "json_object" or output.schema is None:
        return {"type": "json_object"}
    return {"type": "json_object", "json_schema": output.schema}


def refused(param: str, vendor: str, what: str) -> InvalidRequest:
    return InvalidRequest(
        f"{param}: {vendor} does not take {what}; leave it out or choose another model",
        code="unsupported_parameter",
        param=param,
    )
