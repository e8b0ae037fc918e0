"""Refuse what the provider refuses, of tools, tool choice and response format."""

from __future__ import annotations

import re
from typing import Any

from opengateway.simulator.personas import Persona, Refusal

Path = tuple[str | int, ...]

MAX_TOOLS = 128
_NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}")
_MAX_DEPTH = 64


def check_tools(body: dict[str, Any], persona: Persona) -> None:
    """Raises `Refusal` for the first tool that the vendor would not take."""
    tools = body.get("tools")
    if tools is None:
        for name in ("tool_choice", "parallel_tool_calls"):
            if persona.strict and persona.allowed_tools and body.get(name) is not None:
                raise Refusal(
                    "bad_value",
                    (name,),
                    message=f"'{name}' is only allowed when 'tools' are specified.",
                )
        return
    if not isinstance(tools, list):
        raise Refusal("bad_type", ("tools",), expected="an array of objects", got="other")
    if persona.strict and not tools:
        raise Refusal("bad_value", ("tools",), message="[] is too short - 'tools'")
    if len(tools) > MAX_TOOLS:
        raise Refusal(
            "bad_value",
            ("tools",),
            message=f"Invalid 'tools': array too long. Expected an array with maximum length "
            f"{MAX_TOOLS}, but got an array with length {len(tools)} instead.",
        )
    for index, tool in enumerate(tools):
        _check_tool(tool, ("tools", index), persona)


def _check_tool(tool: Any, path: Path, persona: Persona) -> None:
    if not isinstance(tool, dict):
        raise Refusal("bad_type", path, expected="an object", got="other")
    kind = tool.get("type")
    if kind is None and persona.tool_type_optional:
        kind = "function"
    if kind == "custom" and persona.custom_tools:
        _check_name(tool.get("custom"), (*path, "custom"))
        return
    if isinstance(kind, str) and persona.server_tools and kind.startswith(persona.server_tools):
        return
    if kind != "function":
        raise Refusal(
            "bad_value",
            (*path, "type"),
            message=f"Invalid value: '{str(kind)[:40]}'. Supported values are: 'function'.",
        )
    function = _check_name(tool.get("function"), (*path, "function"))
    parameters = function.get("parameters")
    if parameters is None:
        return
    if not isinstance(parameters, dict):
        raise Refusal(
            "bad_type", (*path, "function", "parameters"), expected="an object", got="other"
        )
    for word in sorted(persona.refused_schema_keys & parameters.keys()):
        raise Refusal(
            "bad_value",
            (*path, "function", "parameters"),
            message=f"function '{function['name']}': the schema's '{word}' is not supported",
        )
    if parameters.get("type", "object") != "object":
        raise Refusal(
            "bad_value",
            (*path, "function", "parameters"),
            message=f"Invalid schema for function '{function['name']}': schema must be a JSON "
            f"Schema of 'type: \"object\"', got 'type: \"{str(parameters['type'])[:40]}\"'.",
        )
    if function.get("strict") and persona.strict_schema:
        owner = f"function '{function['name']}'"
        _check_strict(parameters, (), owner, (*path, "function", "parameters"))


def _check_name(holder: Any, path: Path) -> dict[str, Any]:
    if not isinstance(holder, dict):
        raise Refusal("missing", path)
    name = holder.get("name")
    if name is None:
        raise Refusal("missing", (*path, "name"))
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise Refusal(
            "bad_value",
            (*path, "name"),
            message="Invalid tool name: string does not match pattern. Expected a string that "
            "matches the pattern '^[a-zA-Z0-9_-]+$' and is at most 64 characters long.",
        )
    return holder


def check_tool_choice(body: dict[str, Any], persona: Persona) -> None:
    """Raises `Refusal` for a form of choice, or a named tool, that does not exist."""
    choice = body.get("tool_choice")
    if choice is None or "tool_choice" in persona.ignored:
        return
    path: Path = ("tool_choice",)
    if isinstance(choice, str):
        if choice not in persona.tool_choices:
            known = ", ".join(f"'{each}'" for each in sorted(persona.tool_choices))
            raise Refusal(
                "bad_value",
                path,
                message=f"Invalid value: '{choice[:40]}'. Supported values are: {known}.",
            )
        return
    if not isinstance(choice, dict):
        raise Refusal("bad_type", path, expected="a string or an object", got="other")
    kind = choice.get("type")
    if not persona.named_choice:
        raise Refusal("bad_value", path, message="tool_choice must be a string")
    if kind == "allowed_tools" and persona.allowed_tools:
        _check_allowed(choice.get("allowed_tools"), (*path, "allowed_tools"))
        return
    if kind not in ("function", "custom") or (kind == "custom" and not persona.custom_tools):
        raise Refusal(
            "bad_value",
            (*path, "type"),
            message=f"Invalid value: '{str(kind)[:40]}'. Supported values are: 'function'.",
        )
    name = _check_name(choice.get(kind), (*path, kind))["name"]
    if name not in tool_names(body):
        raise Refusal(
            "bad_value",
            path,
            message=f"Tool choice '{name}' not found in 'tools' parameter.",
        )


def _check_allowed(allowed: Any, path: Path) -> None:
    if not isinstance(allowed, dict) or allowed.get("mode") not in ("auto", "required"):
        raise Refusal("missing", (*path, "mode"))
    if not isinstance(allowed.get("tools"), list) or not allowed["tools"]:
        raise Refusal("missing", (*path, "tools"))


def tool_names(body: dict[str, Any]) -> list[str]:
    """The names of the offered tools that the caller runs, in order."""
    return [holder["name"] for tool in body.get("tools") or () if (holder := tool_holder(tool))]


def tool_holder(tool: Any) -> dict[str, Any] | None:
    """The member of a tool that has its name; None for a tool that the vendor runs itself."""
    if not isinstance(tool, dict):
        return None
    holder = tool.get("custom" if tool.get("type") == "custom" else "function")
    return holder if isinstance(holder, dict) and isinstance(holder.get("name"), str) else None


def check_response_format(body: dict[str, Any], persona: Persona) -> None:
    """Raises `Refusal` for a format this vendor does not know, or a schema it does not take."""
    wanted = body.get("response_format")
    if wanted is None:
        return
    path: Path = ("response_format",)
    if not isinstance(wanted, dict):
        raise Refusal("bad_type", path, expected="an object", got="other")
    kind = wanted.get("type")
    if kind not in persona.response_formats:
        raise Refusal(
            "bad_response_format" if "bad_response_format" in persona.errors else "bad_value",
            (*path, "type"),
            message=f"Invalid value: '{str(kind)[:40]}'. Supported values are: 'text', "
            "'json_object' and 'json_schema'.",
        )
    if persona.schema_as_value and kind == "json_object" and "value" not in wanted:
        raise Refusal("missing", (*path, "value"))
    if kind != "json_schema":
        return
    holder = _check_name(wanted.get("json_schema"), (*path, "json_schema"))
    schema = holder.get("schema")
    if not isinstance(schema, dict):
        raise Refusal("missing", (*path, "json_schema", "schema"))
    if holder.get("strict") and persona.strict_schema:
        _check_strict(schema, (), f"response_format '{holder['name']}'", path)


def _check_strict(schema: Any, where: tuple[str, ...], owner: str, path: Path) -> None:
    """The subset that `strict` asks for: closed objects, every property required."""
    if not isinstance(schema, dict):
        return
    if len(where) > _MAX_DEPTH:
        raise Refusal("bad_value", path, message=f"Invalid schema for {owner}: too deep.")
    properties = schema.get("properties")
    if isinstance(properties, dict):
        context = f"Invalid schema for {owner}: In context={where!r}, "
        if schema.get("additionalProperties") is not False:
            raise Refusal(
                "bad_value",
                path,
                message=f"{context}'additionalProperties' is required to be supplied and to be "
                "false.",
            )
        required = schema.get("required")
        missing = [n for n in properties if not isinstance(required, list) or n not in required]
        if missing:
            raise Refusal(
                "bad_value",
                path,
                message=f"{context}'required' is required to be supplied and to be an array "
                f"including every key in properties. Missing '{missing[0]}'.",
            )
    for group in ("properties", "$defs", "definitions"):
        for name, inner in _items(schema.get(group)):
            _check_strict(inner, (*where, group, name), owner, path)
    _check_strict(schema.get("items"), (*where, "items"), owner, path)
    for index, inner in enumerate(schema.get("anyOf") or ()):
        _check_strict(inner, (*where, "anyOf", str(index)), owner, path)


def _items(value: Any) -> list[tuple[str, Any]]:
    return list(value.items()) if isinstance(value, dict) else []
