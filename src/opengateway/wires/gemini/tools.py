"""Tools and the choice among them, in Google's words."""

from __future__ import annotations

from typing import Any

from opengateway.domain.canonical import CanonicalRequest, Tool, ToolChoice
from opengateway.domain.catalog import Provider
from opengateway.domain.errors import InvalidRequest
from opengateway.kit.json import JsonObject
from opengateway.wires.gemini.schema import stripped


def put_tools(body: JsonObject, request: CanonicalRequest, provider: Provider) -> None:
    """Set `tools` and `toolConfig`. Raises `InvalidRequest` for what cannot be brought about."""
    choice = request.tool_choice
    offered = request.tools
    if choice is not None and choice.mode == "allowed" and not choice.required:
        # Names may be given only where a call is demanded: the others are not offered.
        _refuse_unknown(choice, offered)
        offered = tuple(tool for tool in offered if tool.name in choice.names)
    listed: list[Any] = list(request.server_tools)
    if offered:
        listed.append({"functionDeclarations": [_declared(tool, provider) for tool in offered]})
    if listed:
        body["tools"] = listed
    config = _calling(choice, offered)
    if config is not None:
        body["toolConfig"] = {"functionCallingConfig": config}


def _declared(tool: Tool, provider: Provider) -> JsonObject:
    if tool.kind != "function":
        raise InvalidRequest(
            f"tools: {provider.id} calls functions with JSON arguments only; declare {tool.name!r} "
            "as a function",
            param="tools",
        )
    declared: JsonObject = {"name": tool.name}
    if tool.description:
        declared["description"] = tool.description
    if tool.parameters is not None:
        declared["parametersJsonSchema"] = stripped(tool.parameters, provider.profile)
    return declared


def _calling(choice: ToolChoice | None, offered: tuple[Tool, ...]) -> JsonObject | None:
    """The functionCallingConfig. A strict tool asks for a choice whose arguments fit the schema."""
    if choice is None or (choice.mode in ("auto", "allowed") and not choice.required):
        if any(tool.strict for tool in offered):
            return {"mode": "VALIDATED"}
        return {"mode": "AUTO"} if choice is not None and offered else None
    if choice.mode == "none":
        return {"mode": "NONE"} if offered else None
    if not offered:
        raise InvalidRequest(
            "tool_choice: a call is demanded and there are no tools; add 'tools'",
            param="tool_choice",
        )
    config: JsonObject = {"mode": "ANY"}
    if choice.mode in ("named", "allowed"):
        _refuse_unknown(choice, offered)
        config["allowedFunctionNames"] = list(choice.names)
    return config


def _refuse_unknown(choice: ToolChoice, offered: tuple[Tool, ...]) -> None:
    known = {tool.name for tool in offered}
    missing = next((name for name in choice.names if name not in known), None)
    if missing is not None or not choice.names:
        raise InvalidRequest(
            f"tool_choice: {missing or 'the choice'!r} names no tool of 'tools'; add the tool or "
            "correct the name",
            param="tool_choice",
        )
