"""Tool choices in the vendor's words, and schemas without the keywords that it refuses.

A choice is never weakened: what the vendor cannot do is brought about by offering fewer tools, or
the request is refused before it is sent (reference: providers, E43).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from opengateway.domain.catalog import Profile, Provider
from opengateway.domain.chat import ChatRequest
from opengateway.domain.errors import InvalidRequest
from opengateway.kit.json import Raw, RawObject, dumps, loads

_MAPS_OF_SCHEMAS = frozenset(("properties", "patternProperties", "$defs", "definitions"))
"""Keywords whose members are names of the caller's, not keywords."""


def shape_tool_choice(fields: RawObject, chat: ChatRequest, provider: Provider) -> None:
    """Rewrite `tool_choice` and `tools` in place where the vendor needs it.

    Raises `InvalidRequest` where it cannot be made to do what was asked.
    """
    profile = provider.profile
    if "tool_choice" not in fields:  # absent, or said with the deprecated `function_call`
        return
    match chat.facts.tool_choice:
        case "none" if not profile.tool_choice_none:
            for name in ("tools", "tool_choice", "parallel_tool_calls"):
                fields.pop(name, None)
        case "required":  # or `any`, which is another vendor's word for it
            fields["tool_choice"] = _demand(provider)
        case "named" if not profile.tool_choice_named:
            demand = _demand(provider)
            wanted = _names_in([loads(fields["tool_choice"])])
            fields["tools"] = _only(fields.get("tools"), wanted)
            fields["tool_choice"] = demand
        case "allowed" if not profile.tool_choice_allowed:
            _offer_allowed(fields, provider)
        case _:
            pass


def _demand(provider: Provider) -> Raw:
    """The vendor's word for "some tool must be called"."""
    word = provider.profile.tool_choice_required
    if not word:
        raise InvalidRequest(
            f"tool_choice: {provider.id} cannot be made to call a tool; use 'auto' and ask for "
            "the call in the prompt, or choose another model",
            param="tool_choice",
        )
    return Raw(dumps(word))


def _offer_allowed(fields: RawObject, provider: Provider) -> None:
    choice = loads(fields["tool_choice"])
    allowed = choice.get("allowed_tools") if isinstance(choice, dict) else None
    if not isinstance(allowed, dict) or not isinstance(allowed.get("tools"), list):
        raise InvalidRequest("tool_choice.allowed_tools: expected an object", param="tool_choice")
    demanded = allowed.get("mode") == "required"
    choice_raw = _demand(provider) if demanded else Raw(b'"auto"')
    fields["tools"] = _only(fields.get("tools"), _names_in(allowed["tools"]))
    fields["tool_choice"] = choice_raw


def _names_in(choices: list[Any]) -> frozenset[str]:
    names = (_name_of(choice) for choice in choices)
    return frozenset(name for name in names if name)


def _name_of(tool: object) -> str | None:
    """The name in `{type: function, function: {name}}` or `{type: custom, custom: {name}}`."""
    if not isinstance(tool, dict):
        return None
    for kind in ("function", "custom"):
        inner = tool.get(kind)
        if isinstance(inner, dict) and isinstance(inner.get("name"), str):
            return str(inner["name"])
    return None


def _only(tools: Raw | None, wanted: frozenset[str]) -> Raw:
    """The wanted tools, each as it came. Raises `InvalidRequest` if there is none of them."""
    listed = loads(tools) if tools is not None else None
    kept = [tool for tool in listed or () if _name_of(tool) in wanted]
    if not kept:
        raise InvalidRequest(
            "tool_choice: it names no tool of 'tools'; add the tool or correct the name",
            param="tool_choice",
        )
    return Raw(dumps(kept))


def strip_schemas(fields: RawObject, profile: Profile) -> None:
    """Take the keywords that the vendor refuses out of every JSON Schema of the request."""
    refused = frozenset(profile.strip_schema_keys)
    for name, in_place in (("tools", _strip_tools), ("response_format", _strip_format)):
        raw = fields.get(name)
        if raw is None or not any(f'"{word}"'.encode() in bytes(raw) for word in refused):
            continue
        value = loads(raw)
        in_place(value, lambda schema: _without(schema, refused))
        fields[name] = Raw(dumps(value))


def _strip_tools(tools: Any, strip: Callable[[Any], Any]) -> None:
    for tool in tools if isinstance(tools, list) else ():
        function = tool.get("function") if isinstance(tool, dict) else None
        if isinstance(function, dict) and "parameters" in function:
            function["parameters"] = strip(function["parameters"])


def _strip_format(response_format: Any, strip: Callable[[Any], Any]) -> None:
    described = response_format.get("json_schema") if isinstance(response_format, dict) else None
    if isinstance(described, dict) and "schema" in described:
        described["schema"] = strip(described["schema"])


def _without(schema: Any, refused: frozenset[str]) -> Any:
    if isinstance(schema, list):
        return [_without(item, refused) for item in schema]
    if not isinstance(schema, dict):
        return schema
    return {
        key: _members_without(value, refused)
        if key in _MAPS_OF_SCHEMAS
        else _without(value, refused)
        for key, value in schema.items()
        if key not in refused
    }


def _members_without(members: Any, refused: frozenset[str]) -> Any:
    if not isinstance(members, dict):
        return members
    return {name: _without(schema, refused) for name, schema in members.items()}
