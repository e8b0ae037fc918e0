"""Turns to `system` and `messages` (reference: providers, B.5; E18, E26, E27).

Users and assistants alternate, a user begins, and no text is empty. All results of a turn of calls
open the user's message that follows it. Where no tools are offered, calls and results of the past
are told as text: blocks of tools without tools are refused, and tools that are offered may be called.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from typing import Any, Final

from opengateway.domain.canonical import (
    CacheMark,
    CanonicalRequest,
    Item,
    Reasoning,
    Refusal,
    Role,
    ServerItem,
    Text,
    ToolCall,
    ToolResult,
    Turn,
)
from opengateway.domain.catalog import Provider
from opengateway.domain.errors import InvalidRequest
from opengateway.domain.model_rules import ModelRule
from opengateway.domain.origins import AMAZON, ANTHROPIC
from opengateway.kit.json import JsonObject, Raw, loads
from opengateway.wires.bedrock.blocks import part_block, refused, result_block, text_block
from opengateway.wires.bedrock.marks import point_of

_ID: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")
_SHORT_ID: Final = re.compile(r"[A-Za-z0-9]+")
_PLACEHOLDER: Final = "."
"""Says nothing, where something has to stand."""


class Conversation:
    """The turns on their way. `dropped` names what is left out."""

    __slots__ = (
        "_dropped",
        "_ids",
        "_names",
        "_pending",
        "_rule",
        "_taken",
        "_tools",
        "_vendor",
        "messages",
        "system",
    )

    def __init__(
        self,
        request: CanonicalRequest,
        rule: ModelRule,
        provider: Provider,
        dropped: list[str],
        *,
        tools: bool,
    ) -> None:
        """`tools`: whether any are offered."""
        self.system: list[JsonObject] = []
        self.messages: list[JsonObject] = []
        self._rule = rule
        self._vendor = provider.id
        self._dropped = dropped
        self._tools = tools
        self._ids: dict[str, str] = {}
        """The ids of calls, as they came, to those that go out."""
        self._taken: set[str] = set()
        self._pending: dict[str, str] = {}
        """Calls that wait for their result: as they go out, to as they came."""
        self._names: dict[str, int] = {}
        """Of documents, and how many have each: two of one name are refused."""
        for turn in request.turns:
            self._turn(turn)
        self._check_results()
        self._finish()

    def _turn(self, turn: Turn) -> None:
        if turn.name is not None:
            self._dropped.append("messages[].name")
        match turn.role:
            case Role.SYSTEM | Role.DEVELOPER:
                self._say_as_system(turn)
            case Role.ASSISTANT:
                self._check_results()
                content = self._message("assistant")
                for item in turn.items:
                    self._add(item, self._assistant_block(item), content, "messages")
                self._close()
            case Role.USER | Role.TOOL:
                content = self._message("user")
                for item in turn.items:
                    content = self._user_item(item, content)
                self._close()

    # --- messages ------------------------------------------------------------------------------
    def _message(self, role: str) -> list[Any]:
        """The content of the message that goes on, or of a new one."""
        if not self.messages or self.messages[-1]["role"] != role:
            self.messages.append({"role": role, "content": []})
        content: list[Any] = self.messages[-1]["content"]
        return content

    def _close(self) -> None:
        """A message without content is none."""
        if not self.messages[-1]["content"]:
            self.messages.pop()

    def _say_as_system(self, turn: Turn) -> None:
        """Moved to the front, what was said later would change every cached prefix: within the
        conversation it is the user's."""
        if not self.messages:
            for item in turn.items:
                self._add(item, self._system_block(item), self.system, "system")
            return
        content = self._message("user")
        for item in turn.items:
            block = self._system_block(item)
            if block is not None:
                block = {"text": f"<system>\n{block['text']}\n</system>"}
            self._add(item, block, content, "messages")
        self._close()

    def _user_item(self, item: Item, content: list[Any]) -> list[Any]:
        """Add it; returns the content that goes on."""
        if isinstance(item, ToolResult) and self._tools:
            block, after = self._result(item)
            at = sum("toolResult" in b for b in content)
            content.insert(at, block)
            self._mark(item.cache, content, "messages")
            if after:
                content = self._apart(content)
                content += after
            return content
        block_or_none = self._user_block(item)
        if block_or_none is not None:
            content = self._apart(content)
        self._add(item, block_or_none, content, "messages")
        return content

    def _apart(self, content: list[Any]) -> list[Any]:
        """The content for what is no result; a new message where results want to be alone."""
        if not self._rule.results_alone or not any("toolResult" in block for block in content):
            return content
        self._message("assistant").append({"text": _PLACEHOLDER})
        return self._message("user")

    def _add(self, item: Item, block: JsonObject | None, content: list[Any], place: str) -> None:
        if block is not None:
            content.append(block)
        self._mark(item.cache, content, place)

    def _mark(self, mark: CacheMark | None, content: list[Any], place: str) -> None:
        """A cache point behind what was said; before documents and films, which it may not follow."""
        if mark is None:
            return
        if place not in self._rule.cache_marks:
            self._dropped.append("cache_control")
            return
        at = len(content)
        while at and ("document" in content[at - 1] or "video" in content[at - 1]):
            at -= 1
        if at and "cachePoint" not in content[at - 1]:
            content.insert(at, point_of(mark))

    def _finish(self) -> None:
        if not self.messages and self.system:  # a prompt all in system messages is the question
            self.messages.append({"role": "user", "content": self.system})
            self.system = []
        if not self.messages:
            raise InvalidRequest(
                "messages: there is nothing in them; send one with a text", param="messages"
            )
        if self.messages[0]["role"] == "assistant":
            self.messages.insert(0, {"role": "user", "content": [{"text": _PLACEHOLDER}]})
        for message in self.messages:
            content = message["content"]
            if any("document" in b for b in content) and not any("text" in b for b in content):
                content.append({"text": _PLACEHOLDER})  # a document does not stand alone
        last = self.messages[-1]
        if last["role"] != "assistant":
            return
        if not self._rule.prefill:
            raise InvalidRequest(
                f"messages: with {self._vendor}, this model does not go on with an answer that was "
                "begun; end with a message of role 'user'",
                param="messages",
            )
        block = last["content"][-1]
        if "text" in block:  # space at its end is refused
            block["text"] = block["text"].rstrip()

    # --- items ---------------------------------------------------------------------------------
    def _system_block(self, item: Item) -> JsonObject | None:
        if isinstance(item, Text):
            return text_block(item.text)
        raise refused(self._vendor, "anything but text as a system message")

    def _user_block(self, item: Item) -> JsonObject | None:
        match item:
            case ToolResult():
                self._resolve(item)
                said = "\n".join(p.text for p in item.content if isinstance(p, Text))
                return text_block(f"[result of {item.name or 'a tool'}]\n{said}")
            case ServerItem():
                raise refused(self._vendor, "a part of another vendor's own")
            case Reasoning() | Refusal() | ToolCall():
                raise refused(self._vendor, "an answer's parts in a user's message")
            case _:
                block = part_block(item, self._vendor)
                if block is not None and "document" in block:
                    self._name_apart(block["document"])
                return block

    def _name_apart(self, document: JsonObject) -> None:
        name = document["name"]
        count = self._names[name] = self._names.get(name, 0) + 1
        if count > 1:
            document["name"] = f"{name} {count}"

    def _assistant_block(self, item: Item) -> JsonObject | None:
        match item:
            case Text():
                return text_block(item.text)
            case Refusal():
                return text_block(item.text)
            case Reasoning():
                return self._thought(item)
            case ToolCall():
                return self._call(item)
            case ServerItem() if item.origin == AMAZON:
                block = loads(item.raw)
                return block if isinstance(block, dict) else None
            case ServerItem():
                self._dropped.append("messages[].server_items")
            case _:
                self._dropped.append("messages[].content")
        return None

    def _thought(self, item: Reasoning) -> JsonObject | None:
        """Byte for byte; None for what is not this maker's, or was never signed.

        A block that names no text of its own is the vendor's bytes, base64 twice over where the
        model's own API has them once.
        """
        if self._rule.family != ANTHROPIC or item.origin != ANTHROPIC or item.call_id is not None:
            return None
        if item.encrypted is not None:
            sealed = base64.b64encode(item.encrypted.encode()).decode()
            return {"reasoningContent": {"redactedContent": sealed}}
        if item.signature is None:
            return None
        told = {"text": item.text, "signature": item.signature}
        return {"reasoningContent": {"reasoningText": told}}

    def _call(self, call: ToolCall) -> JsonObject | None:
        identifier = self._id_for(call.id)
        self._pending[identifier] = call.id
        if not self._tools:
            return text_block(f"[call of {call.name}]\n{call.arguments}")
        use = {"toolUseId": identifier, "name": call.name, "input": _input(call)}
        return {"toolUse": use}

    def _result(self, result: ToolResult) -> tuple[JsonObject, list[JsonObject]]:
        return result_block(result, self._resolve(result), self._rule, self._vendor)

    def _resolve(self, result: ToolResult) -> str:
        """The id of the call that it answers, as that went out."""
        identifier = self._ids.get(result.call_id, "")
        if self._pending.pop(identifier, None) is None:
            raise InvalidRequest(
                f"messages: the result {result.call_id[:100]!r} follows no call of that id; send "
                "the assistant's message with the call before it",
                param="messages",
            )
        return identifier

    def _check_results(self) -> None:
        for missing in self._pending.values():
            raise InvalidRequest(
                f"messages: the call {missing[:100]!r} has no result; send one with "
                "'tool_call_id' right after it",
                param="messages",
            )

    def _id_for(self, identifier: str) -> str:
        """One that the model takes, and no two alike; the same for the same conversation."""
        length = self._rule.call_id_length
        made, seen = identifier, 0
        while made in self._taken or not _fits(made, length):
            digest = hashlib.sha256(f"{identifier}\0{seen}".encode()).hexdigest()
            made, seen = digest[:length] if length else f"call_{digest[:24]}", seen + 1
        self._taken.add(made)
        self._ids[identifier] = made
        return made


def _fits(identifier: str, length: int | None) -> bool:
    if length is None:
        return _ID.fullmatch(identifier) is not None
    return len(identifier) == length and _SHORT_ID.fullmatch(identifier) is not None


def unsealed(content: str) -> str | None:
    """What a `redactedContent` is on the maker's own API; None for what cannot be told there."""
    try:
        return base64.b64decode(content, validate=True).decode("ascii")
    except (binascii.Error, ValueError):
        return None


def _input(call: ToolCall) -> Raw | JsonObject:
    """An object, as it came. What is none - a call that broke off, a custom tool's text - is put in
    one, so that the conversation can go on."""
    if call.kind == "custom":
        return {"input": call.arguments}
    text = call.arguments.strip()
    if not text:
        return {}
    try:
        given = loads(text)
    except (ValueError, RecursionError):
        return {"arguments": call.arguments}
    return Raw(text.encode()) if isinstance(given, dict) else {"arguments": given}


def is_signed(messages: list[JsonObject]) -> bool:
    """Whether the model may go on thinking where the conversation stands (E16)."""
    for message in reversed(messages):
        content = message["content"]
        if message["role"] == "assistant":
            called = any("toolUse" in block for block in content)
            return not called or "reasoningContent" in content[0]
        if not any("toolResult" in block for block in content):
            return True
    return True
