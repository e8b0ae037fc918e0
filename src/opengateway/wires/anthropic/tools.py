"""Tools, the choice among them, and the form of the answer.

A choice is never weakened: what the vendor cannot do is brought about by offering fewer tools, or
the request is refused before it is sent (reference: providers, E43). Where a model cannot be held to
a JSON Schema, a tool that must be called stands for the answer, and its arguments are the text.
"""

from __future__ import annotations

from typing import Any, Final

from opengateway.domain.canonical import CanonicalRequest, Tool, ToolChoice
from opengateway.domain.errors import InvalidRequest
from opengateway.domain.model_rules import ModelRule
from opengateway.kit.json import JsonObject, Raw, loads
from opengateway.wires.anthropic.marks import MEMBER, control_of
from opengateway.wires.emulation import FORMAT, JSON_ONLY, schema_instruction

ANSWER_TOOL: Final = "opengateway_json_answer"
"""Nobody's tool: a call of it is the answer itself."""
_NO_PARAMETERS: Final = Raw(b'{"type":"object","properties":{}}')
_LISTS: Final = ("anyOf", "oneOf", "allOf", "prefixItems")
_MAPS: Final = ("properties", "$defs", "definitions", "patternProperties")


class Offer:
    """What the vendor is offered. Raises `InvalidRequest` for what cannot be done."""

    __slots__ = (
        "_dropped",
        "_request",
        "_rule",
        "_vendor",
        "choice",
        "emulated",
        "format",
        "instruction",
        "tools",
    )

    def __init__(
        self, request: CanonicalRequest, rule: ModelRule, vendor: str, dropped: list[str]
    ) -> None:
        self._request = request
        self._rule = rule
        self._vendor = vendor
        self._dropped = dropped
        self.tools: list[Any] = [self._tool(tool) for tool in self._offered()]
        self.tools += request.server_tools
        self.choice: JsonObject | None = self._choice()
        self.format: JsonObject | None = None
        self.instruction: str | None = None
        self.emulated: tuple[str, ...] = ()
        """Members that this brings about in another way than the vendor's own."""
        self._shape_output()

    @property
    def is_forced(self) -> bool:
        return self.choice is not None and self.choice["type"] in ("any", "tool")

    # --- tools ---------------------------------------------------------------------------------
    def _offered(self) -> list[Tool]:
        tools, choice = list(self._request.tools), self._request.tool_choice
        custom = next((tool for tool in tools if tool.kind == "custom"), None)
        if custom is not None:
            raise self._refuse("tools", f"the custom tool {custom.name[:64]!r}; use a function")
        if any(tool.name == ANSWER_TOOL for tool in tools):
            raise self._refuse("tools", f"a tool named {ANSWER_TOOL!r}; give it another name")
        if choice is None or choice.mode not in ("named", "allowed"):
            return tools
        kept = [tool for tool in tools if tool.name in choice.names]
        if not kept:
            raise InvalidRequest(
                "tool_choice: it names no tool of 'tools'; add the tool or correct the name",
                param="tool_choice",
            )
        return kept if choice.mode == "allowed" else tools

    def _tool(self, tool: Tool) -> JsonObject:
        made: JsonObject = {"name": tool.name}
        if tool.description:
            made["description"] = tool.description
        made["input_schema"] = _input_schema(tool)
        if tool.strict:
            if self._rule.schema_output:
                made["strict"] = True
            else:
                self._dropped.append("tools[].function.strict")
        if tool.cache is not None:
            made[MEMBER] = control_of(tool.cache)
        if self._request.dialect == "anthropic_messages":
            made |= {name: raw for name, raw in tool.extra.items() if name not in made}
        return made

    # --- the choice ----------------------------------------------------------------------------
    def _choice(self) -> JsonObject | None:
        if not self.tools:
            return None
        choice = self._request.tool_choice
        made = {"type": "auto"} if choice is None else self._said(choice)
        if made["type"] in ("any", "tool") and not self._rule.forced_calls:
            raise self._refuse(
                "tool_choice", "a demand for a call with this model; use 'auto' and ask for it"
            )
        if self._request.parallel_tool_calls is False and made["type"] != "none":
            return {**made, "disable_parallel_tool_use": True}
        return None if choice is None else made

    def _said(self, choice: ToolChoice) -> JsonObject:
        match choice.mode:
            case "required":
                return {"type": "any"}
            case "named":
                return {"type": "tool", "name": choice.names[0]}
            case "allowed":
                return {"type": "any" if choice.required else "auto"}
            case _:
                return {"type": choice.mode}

    # --- the answer's form ---------------------------------------------------------------------
    def _shape_output(self) -> None:
        output = self._request.output
        if output is None or output.kind == "text":
            return
        if output.kind == "json_object" or output.schema is None:
            self.instruction, self.emulated = JSON_ONLY, (FORMAT,)
        elif self._rule.schema_output:
            self.format = {"type": "json_schema", "schema": closed_schema(loads(output.schema))}
        elif self.tools or not self._rule.forced_calls:
            told = schema_instruction(output.schema, with_tools=bool(self.tools))
            self.instruction, self.emulated = told, (FORMAT,)
        else:
            self.emulated = (FORMAT,)
            described = output.description or "The answer. Call it once, with all of it."
            stand_in = Tool(ANSWER_TOOL, description=described, parameters=output.schema)
            self.tools = [self._tool(stand_in)]
            self.choice = {"type": "tool", "name": ANSWER_TOOL}

    def _refuse(self, param: str, what: str) -> InvalidRequest:
        return InvalidRequest(
            f"{param}: {self._vendor} does not take {what}, or choose another model",
            code="unsupported_parameter",
            param=param,
        )


def _input_schema(tool: Tool) -> Raw | JsonObject:
    """The schema as it came, where it says that it is of an object; it must."""
    if tool.parameters is None:
        return _NO_PARAMETERS
    schema = loads(tool.parameters)
    if not isinstance(schema, dict) or schema.get("type", "object") != "object":
        raise InvalidRequest(
            f"tools: the parameters of {tool.name[:64]!r} are not an object; describe an object",
            param="tools",
        )
    if not schema:
        return _NO_PARAMETERS
    return tool.parameters if "type" in schema else {"type": "object", **schema}


def closed_schema(schema: Any) -> Any:
    """The schema with its objects closed, which the vendor demands.

    What a closed schema allows, the open one allows as well: nothing is weakened.
    """
    if not isinstance(schema, dict):
        return schema
    made = dict(schema)
    for name, value in schema.items():
        if name in _MAPS and isinstance(value, dict):
            made[name] = {key: closed_schema(inner) for key, inner in value.items()}
        elif name in _LISTS and isinstance(value, list):
            made[name] = [closed_schema(inner) for inner in value]
        elif name == "items":
            made[name] = closed_schema(value)
    kind = schema.get("type")
    if kind == "object" or (isinstance(kind, list) and "object" in kind):
        made.setdefault("additionalProperties", False)
    return made
