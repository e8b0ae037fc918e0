"""Turns to `system` and `messages` (reference: providers, B.2; E16, E18, E26, E27).

What came in one turn stays in order. Neighbours of one role become one message, and all results of
a turn of calls open the user's message that follows it: split over messages, they are a 400.
"""

from __future__ import annotations

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
from opengateway.domain.errors import InvalidRequest
from opengateway.domain.model_rules import ModelRule
from opengateway.domain.origins import ANTHROPIC
from opengateway.kit.json import JsonObject, Raw, loads
from opengateway.wires.anthropic.blocks import part_block, refused, result_block, text_block
from opengateway.wires.anthropic.marks import MEMBER, can_carry, control_of

DIALECT: Final = "anthropic_messages"
_ID: Final = re.compile(r"[A-Za-z0-9_-]{1,128}")


class Conversation:
    """The turns on their way. `dropped` names what is left out."""

    __slots__ = (
        "_dropped",
        "_ids",
        "_is_own",
        "_last",
        "_pending",
        "_rule",
        "_taken",
        "_vendor",
        "messages",
        "system",
    )

    def __init__(
        self, request: CanonicalRequest, rule: ModelRule, vendor: str, dropped: list[str]
    ) -> None:
        self.system: list[JsonObject] = []
        self.messages: list[JsonObject] = []
        self._rule = rule
        self._vendor = vendor
        self._dropped = dropped
        self._is_own = request.dialect == DIALECT
        self._ids: dict[str, str] = {}
        """The ids of calls, as they came, to those that go out."""
        self._taken: set[str] = set()
        self._pending: dict[str, str] = {}
        """Calls that wait for their result: as they go out, to as they came."""
        self._last: JsonObject | None = None
        """The last block that can carry a mark."""
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
                    self._mark(item.cache, self._assistant_block(item), content)
                self._close()
            case Role.USER | Role.TOOL:
                content = self._message("user")
                for item in turn.items:
                    self._mark(item.cache, self._user_block(item), content)
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
        """System blocks stay apart, so that marks between them hold.

        Within the conversation they stand where they stand, or are said by the user: moved to the
        front they would change every cached prefix.
        """
        if not self.messages:
            for item in turn.items:
                self._mark(item.cache, self._system_block(item), self.system)
            return
        is_said = not self._rule.system_anywhere or bool(self._pending)
        content = self._message("user" if is_said else "system")
        for item in turn.items:
            block = self._system_block(item)
            if is_said and block is not None and block.get("type") == "text":
                block = {**block, "text": f"<system>\n{block['text']}\n</system>"}
            self._mark(item.cache, block, content)
        self._close()

    def _mark(self, mark: CacheMark | None, block: JsonObject | None, content: list[Any]) -> None:
        """Add a block. A mark that it cannot carry moves to what came before it."""
        if block is not None:
            if block.get("type") == "tool_result":
                at = sum(b.get("type") == "tool_result" for b in content)
                content.insert(at, block)
            else:
                content.append(block)
            if can_carry(block):
                self._last = block
        if mark is not None and self._last is not None:
            self._last[MEMBER] = control_of(mark)

    def _finish(self) -> None:
        if not self.messages and self.system:  # a prompt all in system messages is the question
            self.messages.append({"role": "user", "content": self.system})
            self.system = []
        if not self.messages:
            raise InvalidRequest(
                "messages: there is nothing in them; send one with a text", param="messages"
            )
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
        if block.get("type") == "text":  # space at its end is refused
            block["text"] = block["text"].rstrip()

    # --- items ---------------------------------------------------------------------------------
    def _system_block(self, item: Item) -> JsonObject | None:
        match item:
            case Text():
                return self._text(item)
            case ServerItem() if item.origin == ANTHROPIC:
                return _unread(item)
            case _:
                raise refused(self._vendor, "anything but text as a system message")

    def _user_block(self, item: Item) -> JsonObject | None:
        match item:
            case Text():
                return self._text(item)
            case ToolResult():
                return self._result(item)
            case ServerItem():
                if item.origin == ANTHROPIC:
                    return _unread(item)
                raise refused(self._vendor, "a part of another vendor's own")
            case Reasoning() | Refusal() | ToolCall():
                raise refused(self._vendor, "an answer's parts in a user's message")
            case _:
                return part_block(item, self._vendor)

    def _assistant_block(self, item: Item) -> JsonObject | None:
        match item:
            case Text():
                return self._text(item)
            case Refusal():
                return text_block(item.text)
            case Reasoning():
                return _thought(item)
            case ToolCall():
                return self._call(item)
            case ServerItem() if item.origin == ANTHROPIC:
                return _unread(item)
            case ServerItem():
                self._dropped.append("messages[].server_items")
            case _:
                self._dropped.append("messages[].content")
        return None

    def _text(self, item: Text) -> JsonObject | None:
        block = text_block(item.text)
        if block is not None and self._is_own:
            block |= {name: raw for name, raw in item.opaque.items() if name != MEMBER}
        return block

    def _call(self, call: ToolCall) -> JsonObject:
        identifier = self._id_for(call.id)
        self._pending[identifier] = call.id
        return {
            "type": "tool_use",
            "id": identifier,
            "name": call.name,
            "input": _input(call),
        }

    def _result(self, result: ToolResult) -> JsonObject:
        identifier = self._ids.get(result.call_id, "")
        if self._pending.pop(identifier, None) is None:
            raise InvalidRequest(
                f"messages: the result {result.call_id[:100]!r} follows no call of that id; send "
                "the assistant's message with the call before it",
                param="messages",
            )
        return result_block(result, identifier, self._vendor)

    def _check_results(self) -> None:
        for missing in self._pending.values():
            raise InvalidRequest(
                f"messages: the call {missing[:100]!r} has no result; send one with "
                "'tool_call_id' right after it",
                param="messages",
            )

    def _id_for(self, identifier: str) -> str:
        """One that the vendor takes, and no two alike; the same for the same conversation."""
        made, seen = identifier, 0
        while made in self._taken or not _ID.fullmatch(made):
            digest = hashlib.sha256(f"{identifier}\0{seen}".encode()).hexdigest()
            made, seen = f"call_{digest[:24]}", seen + 1
        self._taken.add(made)
        self._ids[identifier] = made
        return made


def _thought(item: Reasoning) -> JsonObject | None:
    """Byte for byte, empty ones too; None for what is not this vendor's, or was never signed."""
    if item.origin != ANTHROPIC or item.call_id is not None:
        return None
    if item.encrypted is not None:
        return {"type": "redacted_thinking", "data": item.encrypted}
    if item.signature is None:
        return None
    return {"type": "thinking", "thinking": item.text, "signature": item.signature}


def _unread(item: ServerItem) -> JsonObject:
    block = loads(item.raw)
    return block if isinstance(block, dict) else {"type": "text", "text": str(block)}


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
    """Whether the model may go on thinking where the conversation stands.

    Within a loop of calls, an answer that began without its thoughts cannot be gone on with by a
    model that is told to think (E16).
    """
    for message in reversed(messages):
        content = message["content"]
        if message["role"] == "assistant":
            called = any(block.get("type") == "tool_use" for block in content)
            return not called or content[0].get("type") in ("thinking", "redacted_thinking")
        if not any(block.get("type") == "tool_result" for block in content):
            return True
    return True
