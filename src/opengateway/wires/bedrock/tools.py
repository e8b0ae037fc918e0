"""Tools, the choice among them, and the form of the answer.

A choice is never weakened (E43). There is no `none`: nothing is offered instead. A model that cannot
be held to a JSON Schema is made to call a tool that stands for the answer.
"""

from __future__ import annotations

from typing import Any, Final

from opengateway.domain.canonical import CanonicalRequest, Tool, ToolChoice
from opengateway.domain.errors import InvalidRequest
from opengateway.domain.model_rules import ModelRule
from opengateway.kit.json import JsonObject, Raw, dumps, loads
from opengateway.wires.anthropic.tools import ANSWER_TOOL, closed_schema
from opengateway.wires.bedrock.marks import point_of
from opengateway.wires.emulation import FORMAT, JSON_ONLY, schema_instruction

DIALECT: Final = "bedrock_converse"
_NO_PARAMETERS: Final = Raw(b'{"type":"object","properties":{}}')
_ANSWER: Final = "answer"
"""The name of a schema that has none."""


class Offer:
    """What the model is offered. Raises `InvalidRequest` for what cannot be done."""

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
        self.tools: list[Any] = []
        for tool in self._offered():
            self.tools += self._tool(tool)
        if self.tools or not self._says_none():
            self.tools += request.server_tools
        self.choice: JsonObject | None = self._choice() if self.tools else None
        self.format: JsonObject | None = None
        self.instruction: str | None = None
        self.emulated: tuple[str, ...] = ()
        """Members that this brings about in another way than the vendor's own."""
        self._shape_output()

    @property
    def is_forced(self) -> bool:
        return self.choice is not None and "auto" not in self.choice

    def _says_none(self) -> bool:
        choice = self._request.tool_choice
        return choice is not None and choice.mode == "none"

    # --- tools ---------------------------------------------------------------------------------
    def _offered(self) -> list[Tool]:
        tools, choice = list(self._request.tools), self._request.tool_choice
        custom = next((tool for tool in tools if tool.kind == "custom"), None)
        if custom is not None:
            raise self._refuse("tools", f"the custom tool {custom.name[:64]!r}; use a function")
        if any(tool.name == ANSWER_TOOL for tool in tools):
            raise self._refuse("tools", f"a tool named {ANSWER_TOOL!r}; give it another name")
        if choice is None or choice.mode in ("auto", "required"):
            return tools
        if choice.mode == "none":
            return []
        kept = [tool for tool in tools if tool.name in choice.names]
        if not kept:
            raise InvalidRequest(
                "tool_choice: it names no tool of 'tools'; add the tool or correct the name",
                param="tool_choice",
            )
        return kept if choice.mode == "allowed" or not self._rule.named_calls else tools

    def _tool(self, tool: Tool) -> list[JsonObject]:
        made: JsonObject = {"name": tool.name}
        if tool.description:
            made["description"] = tool.description
        made["inputSchema"] = {"json": _input_schema(tool)}
        if tool.strict:
            if self._rule.schema_output:
                made["strict"] = True
            else:
                self._dropped.append("tools[].function.strict")
        blocks: list[JsonObject] = [{"toolSpec": made}]
        if tool.cache is not None:
            if "tools" in self._rule.cache_marks:
                blocks.append(point_of(tool.cache))
            else:
                self._dropped.append("cache_control")
        return blocks

    # --- the choice ----------------------------------------------------------------------------
    def _choice(self) -> JsonObject | None:
        choice = self._request.tool_choice
        if self._request.parallel_tool_calls is False:
            self._dropped.append("parallel_tool_calls")
        if choice is None:
            return None
        made = self._said(choice)
        if self._rule.forced_calls:
            return made
        if "auto" not in made:
            raise self._refuse(
                "tool_choice", "a demand for a call with this model; use 'auto' and ask for it"
            )
        return None  # it knows no choice at all, and this is what it does

    def _said(self, choice: ToolChoice) -> JsonObject:
        match choice.mode:
            case "required":
                return {"any": {}}
            case "named":
                return (
                    {"tool": {"name": choice.names[0]}} if self._rule.named_calls else {"any": {}}
                )
            case "allowed" if choice.required:
                return {"any": {}}
            case _:
                return {"auto": {}}

    # --- the answer's form ---------------------------------------------------------------------
    def _shape_output(self) -> None:
        output = self._request.output
        if output is None or output.kind == "text":
            return
        if output.kind == "json_object" or output.schema is None:
            self.instruction, self.emulated = JSON_ONLY, (FORMAT,)
        elif self._rule.schema_output:
            schema: JsonObject = {"name": output.name or _ANSWER}
            schema["schema"] = self._schema_text(output.schema)
            if output.description:
                schema["description"] = output.description
            self.format = {"type": "json_schema", "structure": {"jsonSchema": schema}}
        elif self.tools or not self._rule.forced_calls:
            told = schema_instruction(output.schema, with_tools=bool(self.tools))
            self.instruction, self.emulated = told, (FORMAT,)
        else:
            self.emulated = (FORMAT,)
            described = output.description or "The answer. Call it once, with all of it."
            stand_in = Tool(ANSWER_TOOL, description=described, parameters=output.schema)
            self.tools = self._tool(stand_in)
            named = {"tool": {"name": ANSWER_TOOL}}
            self.choice = named if self._rule.named_calls else {"any": {}}

    def _schema_text(self, schema: Raw) -> str:
        """The schema as a string, with its objects closed, which is demanded; the same bytes where
        they were."""
        given = loads(schema)
        shut = closed_schema(given)
        return bytes(schema).decode() if shut == given else dumps(shut).decode()

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
