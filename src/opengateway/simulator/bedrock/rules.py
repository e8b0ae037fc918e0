"""What Converse refuses beyond the shape of a request, in its words (recorded, and its documentation)."""

from __future__ import annotations

import re
from typing import Any

from opengateway.kit import json
from opengateway.simulator.bedrock.forms import READER, REQUEST
from opengateway.simulator.personas import Refusal

MAX_POINTS = 4
_NAMES = re.compile(r"[A-Za-z0-9()\[\]-]+(?: [A-Za-z0-9()\[\]-]+)*")
_ONE_OF = ("image", "document", "video")


def plain(message: str) -> Refusal:
    return Refusal("plain", (), message=message)


def read_request(body: Any) -> dict[str, Any]:
    """The request, if its shape is right. Raises `Refusal`."""
    made: dict[str, Any] = READER.read(REQUEST, body)
    return made


def check_request(body: dict[str, Any], *, recorded: bool) -> None:
    """Raises `Refusal`. `body` is what `read_request` gave."""
    messages = body["messages"]
    if not messages:
        raise plain("The messages field is empty. Add a message and try again.")
    if messages[0]["role"] != "user":
        raise plain(
            "A conversation must start with a user message. Try again with a conversation that "
            "starts with a user message."
        )
    for index, message in enumerate(messages):
        if index and message["role"] == messages[index - 1]["role"] and not recorded:
            raise plain(
                "A conversation must alternate between user and assistant roles. Make sure the "
                "conversation alternates between user and assistant roles and try again."
            )
        _check_content(message, index)
    for index, block in enumerate(body.get("system") or ()):
        _check_text(block, f"system.{index}", "SystemContentBlock")
    _check_tools(body)
    _check_order(messages)
    _check_points(body)
    _check_schema(body)


def _check_content(message: dict[str, Any], index: int) -> None:
    content = message["content"]
    if not content:
        raise plain(
            f"The content field in the Message object at messages.{index} is empty. Add a "
            "ContentBlock object to the content field and try again."
        )
    names: set[str] = set()
    for place, block in enumerate(content):
        where = f"messages.{index}.content.{place}"
        if len(block) != 1:
            raise plain(f"The ContentBlock object at {where} must set one of its members.")
        _check_text(block, where, "ContentBlock")
        if message["role"] == "assistant" and any(kind in block for kind in _ONE_OF):
            raise plain(f"The {next(iter(block))} block at {where} may not be an assistant's.")
        if message["role"] == "user" and ("toolUse" in block or "reasoningContent" in block):
            raise plain(f"The {next(iter(block))} block at {where} may not be a user's.")
        _check_document(block, where, names)
        if "toolResult" in block and not block["toolResult"]["content"]:
            raise plain(f"The content field in the ToolResultBlock object at {where} is empty.")
    if names and not any("text" in block for block in content):
        raise plain(f"messages.{index}: a text block must be included when a document is provided.")


def _check_text(block: dict[str, Any], where: str, kind: str) -> None:
    if "text" in block and not block["text"].strip():
        raise plain(
            f"The text field in the {kind} object at {where} is blank. Add text to the text "
            "field, and try again."
        )


def _check_document(block: dict[str, Any], where: str, names: set[str]) -> None:
    document = block.get("document")
    if document is None:
        return
    if not _NAMES.fullmatch(document["name"]):
        raise plain(
            "The document file name can only contain alphanumeric characters, whitespace "
            "characters, hyphens, parentheses, and square brackets. The name can't contain more "
            "than one consecutive whitespace character."
        )
    if document["name"] in names:
        raise plain(f"{where}: the document names of a request must be unique.")
    names.add(document["name"])


def _check_tools(body: dict[str, Any]) -> None:
    config = body.get("toolConfig")
    blocks = [block for message in body["messages"] for block in message["content"]]
    if config is None:
        if any("toolUse" in block or "toolResult" in block for block in blocks):
            raise plain(
                "The toolConfig field must be defined when using toolUse and toolResult content "
                "blocks."
            )
        return
    names: list[str] = []
    for tool in config["tools"]:
        if len(tool) != 1:
            raise plain("Each tool must set one of its members.")
        spec = tool.get("toolSpec")
        if spec is not None:
            names.append(spec["name"])
            if spec["inputSchema"].get("json", {}).get("type") != "object":
                raise plain(
                    "The value at toolConfig.tools.0.toolSpec.inputSchema.json.type must be one "
                    "of the following: object."
                )
    if len(set(names)) < len(names):
        raise plain("The toolConfig contains duplicate tool names.")
    choice = config.get("toolChoice")
    if choice is None:
        return
    if len(choice) != 1:
        raise plain("The toolChoice field must set one of its members.")
    if "tool" in choice and choice["tool"]["name"] not in names:
        raise plain(f"The tool {choice['tool']['name'][:64]} of toolChoice is not in toolConfig.")


def _check_order(messages: list[dict[str, Any]]) -> None:
    """Each call is answered in the next message, and each answer has its call."""
    waiting: list[str] = []
    for index, message in enumerate(messages):
        results = [_result_id(b) for b in message["content"] if _result_id(b)]
        if missing := [call for call in waiting if call not in results]:
            raise plain(
                f"Expected toolResult blocks at messages.{index}.content for the following Ids: "
                f"{', '.join(missing)[:300]}"
            )
        if len(results) > len(waiting):
            raise plain(
                f"The number of toolResult blocks at messages.{index}.content exceeds the number "
                "of toolUse blocks of previous turn."
            )
        waiting = [
            b["toolUse"]["toolUseId"]
            for b in message["content"]
            if "toolUse" in b and b["toolUse"].get("type") != "server_tool_use"
        ]
        if len(set(waiting)) < len(waiting):
            raise plain(f"The toolUse blocks at messages.{index}.content contain duplicate Ids.")
    if waiting:
        raise plain(
            f"Expected toolResult blocks at messages.{len(messages)}.content for the following "
            f"Ids: {', '.join(waiting)[:300]}"
        )


def _result_id(block: dict[str, Any]) -> str:
    """Empty for what is no result, or one of a tool that the service runs."""
    result = block.get("toolResult")
    return result["toolUseId"] if result is not None and "type" not in result else ""


def _check_points(body: dict[str, Any]) -> None:
    lists = [(body.get("toolConfig") or {}).get("tools") or [], body.get("system") or []]
    lists += [message["content"] for message in body["messages"]]
    points = 0
    short_seen = False
    for blocks in lists:
        for place, block in enumerate(blocks):
            if "cachePoint" not in block:
                continue
            points += 1
            before = blocks[place - 1] if place else {}
            if not place or any(kind in before for kind in ("document", "video", "cachePoint")):
                raise plain("A cachePoint block may not stand first, or behind a document block.")
            is_long = block["cachePoint"].get("ttl") == "1h"
            if is_long and short_seen:
                raise plain("A cachePoint of 1h may not come after one of 5m.")
            short_seen = short_seen or not is_long
    if points > MAX_POINTS:
        raise plain(f"A maximum of {MAX_POINTS} cachePoint blocks may be provided. Found {points}.")


def _check_schema(body: dict[str, Any]) -> None:
    schema = schema_of(body)
    if schema is not None and schema.get("additionalProperties") is not False:
        raise plain(
            "output_config.format.schema: For 'object' type, 'additionalProperties' must be "
            "explicitly set to false"
        )


def schema_of(body: dict[str, Any]) -> dict[str, Any] | None:
    """Raises `Refusal` for a text that is no schema."""
    config = body.get("outputConfig") or {}
    text = ((config.get("textFormat") or {}).get("structure") or {}).get("jsonSchema")
    if text is None:
        return None
    try:
        schema = json.loads(text["schema"])
    except (json.DecodeError, RecursionError):
        schema = None
    if not isinstance(schema, dict):
        raise plain("outputConfig.textFormat.structure.jsonSchema.schema is no JSON Schema.")
    return schema
