"""What the types of tools and their choice leave open."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from opengateway.dialects.openai_chat.complaints import INVALID_VALUE, missing, wrong
from opengateway.dialects.openai_chat.shapes import Function, Named, Tool, ToolChoice

_is_name: Final = re.compile(r"[a-zA-Z0-9_-]{1,64}").fullmatch


def check_name(name: str, param: str) -> None:
    """Raises `InvalidRequest` for what OpenAI does not take as a name."""
    if _is_name(name) is None:
        raise wrong(
            INVALID_VALUE,
            param,
            f"{param!r} is wrong: send 1 to 64 letters, digits, underscores and dashes",
        )


def check_tools(tools: Sequence[Tool] | None, functions: Sequence[Function] | None) -> None:
    """Raises `InvalidRequest`. A vendor's own type of tool passes as it is."""
    for at, tool in enumerate(tools or ()):
        if tool.function is not None:
            check_name(tool.function.name, f"tools[{at}].function.name")
        elif tool.type == "function":
            raise missing(f"tools[{at}].function", "the function with its name")
        elif tool.custom is not None:
            check_name(tool.custom.name, f"tools[{at}].custom.name")
        elif tool.type == "custom":
            raise missing(f"tools[{at}].custom", "the tool with its name")
        elif tool.type is None:
            raise missing(f"tools[{at}].type", "'function' or 'custom'")
    for at, function in enumerate(functions or ()):
        check_name(function.name, f"functions[{at}].name")


def tool_choice_word(choice: str | ToolChoice | None) -> str | None:
    """`none`, `auto`, `required`, `named`, `allowed`, or None. Raises `InvalidRequest`."""
    if choice is None:
        return None
    if isinstance(choice, str):
        return "required" if choice == "any" else choice
    if choice.type == "allowed_tools":
        if choice.allowed_tools is None:
            raise missing("tool_choice.allowed_tools", "its 'mode' and 'tools'")
        return "allowed"
    if choice.type == "custom":
        if choice.custom is None:
            raise missing("tool_choice.custom", "the tool's name")
    elif choice.function is None:
        raise missing("tool_choice.function", "the function's name")
    return "named"


def function_call_word(choice: str | Named | None) -> str | None:
    """The same for the deprecated `function_call`."""
    return "named" if isinstance(choice, Named) else choice
