"""One choice of a stream: its role, its tool calls, its finish. The slow path of `stream`.

What this guarantees of the deltas that leave (reference: providers, A.4): the role once; tool calls
numbered from 0, id and name once each, arguments as strings; no empty deltas; one finish, last.
"""

from __future__ import annotations

from typing import Any

from opengateway.domain.catalog import Profile
from opengateway.domain.chat import Meter
from opengateway.domain.errors import ErrorClass
from opengateway.kit.json import JsonObject, loads
from opengateway.wires.openai_chat.inline_thoughts import InlineThoughts, part_thoughts
from opengateway.wires.openai_chat.parts import (
    arguments_text,
    call_id,
    count,
    drop_hollow_members,
    is_custom,
    settle_content,
)
from opengateway.wires.openai_chat.signals import finish_of

MAX_CALLS = 1024
"""Tool calls of one choice; a vendor that opens more is broken."""
_MAX_KEPT = 1 << 20
"""Characters of one call's arguments that are kept to see whether they are whole."""
_SAYS_NOTHING: tuple[Any, ...] = (None, "", [], {})
_ALWAYS = frozenset(("index", "delta", "finish_reason", "logprobs"))
_CALL_MEMBERS = frozenset(("index", "id", "type", "function", "custom"))


class TooManyCalls(ValueError):
    """A choice opened more than `MAX_CALLS` tool calls."""


class _Call:
    """One tool call as its fragments come."""

    __slots__ = (
        "_kept",
        "_pieces",
        "is_custom",
        "name",
        "position",
        "upstream_id",
        "upstream_index",
    )

    def __init__(self, position: int, index: int | None, identifier: str, name: str) -> None:
        self.position = position
        self.is_custom = False
        self.upstream_index = index
        self.upstream_id = identifier
        self.name = name
        self._pieces: list[str] = []
        self._kept = 0

    def add(self, arguments: str) -> None:
        if arguments and self._kept <= _MAX_KEPT:
            self._pieces.append(arguments)
            self._kept += len(arguments)

    @property
    def is_empty(self) -> bool:
        return not self._kept

    @property
    def is_whole(self) -> bool:
        """Whether its arguments are a whole JSON value by now."""
        if self.is_custom or not 0 < self._kept <= _MAX_KEPT:
            return False
        try:
            loads("".join(self._pieces))
        except (ValueError, RecursionError):
            return False
        return True


class Choice:
    """The state of one choice, and the mapping of its deltas."""

    __slots__ = (
        "_calls",
        "_meter",
        "_profile",
        "_thoughts",
        "begun",
        "index",
        "native",
        "native_said",
    )

    def __init__(self, index: int, profile: Profile, meter: Meter) -> None:
        self.index = index
        self.begun = False
        """A delta has left: the role with it."""
        self.native: str | None = None
        """The vendor's finish reason, once there is one."""
        self.native_said: str | None = None
        """A finish reason of the vendor's own upstream (OpenRouter)."""
        self._profile = profile
        self._meter = meter
        self._calls: list[_Call] = []
        self._thoughts = InlineThoughts() if profile.inline_thoughts else None

    @property
    def is_plain(self) -> bool:
        """Whether a piece of its text is no more than that."""
        return self._thoughts is None or self._thoughts.is_settled

    @property
    def finish(self) -> str | ErrorClass:
        """What its finish reason means, by all that was seen of it."""
        return finish_of(self.native, bool(self._calls), self._profile)

    def map(self, choice: JsonObject) -> tuple[JsonObject | None, JsonObject | None]:
        """The choice of a chunk, split into what leaves now and what ends it.

        The second is held until the stream is known to be whole. Raises `TooManyCalls`.
        """
        delta = choice.get("delta")
        if not isinstance(delta, dict):
            message = choice.get("message")  # MiniMax ends with a whole object
            delta = {} if not isinstance(message, dict) or self.begun else message
        native = choice.get("finish_reason")
        delta = self._map_delta(delta, is_last=isinstance(native, str) and bool(native))
        ending = None
        if isinstance(native, str) and native:
            ending = self._ending(choice, native)
            choice = {name: choice[name] for name in choice if name in _ALWAYS}
        if not delta and not (ending is None and _says_more(choice)):
            return None, ending
        choice.pop("message", None)
        self.begun = True
        return {**choice, "index": self.index, "delta": delta, "finish_reason": None}, ending

    def _ending(self, choice: JsonObject, native: str) -> JsonObject:
        # A second finish that only says "stop" does not undo what the first one said.
        if self.native is None or native != "stop":
            self.native = native
        said = choice.get("native_finish_reason")
        self.native_said = said if isinstance(said, str) else self.native_said
        ending = {**choice, "index": self.index, "delta": {}}
        ending.pop("message", None)
        if ending.get("logprobs"):
            ending["logprobs"] = None  # they belong to the text
        return ending

    def _map_delta(self, delta: JsonObject, *, is_last: bool) -> JsonObject:
        """The delta in OpenAI's form, in place; empty when it says nothing."""
        settle_content(delta)
        if self._thoughts is not None:
            part_thoughts(delta, self._thoughts, is_last=is_last)
        drop_hollow_members(delta)
        calls = delta.get("tool_calls")
        if isinstance(calls, list) and calls:
            delta["tool_calls"] = [self._map_fragment(c) for c in calls if isinstance(c, dict)]
        count(delta, self._meter)
        delta.pop("role", None)
        if not self.begun:
            first: JsonObject = {"role": "assistant"}
            if not delta.get("tool_calls") and "content" not in delta:
                first["content"] = ""
            return {**first, **delta}
        if all(value in _SAYS_NOTHING for value in delta.values()):
            return {}
        if not delta.get("content") and (delta.get("tool_calls") or delta.get("reasoning_content")):
            delta.pop("content", None)
        return delta

    def _map_fragment(self, fragment: JsonObject) -> JsonObject:
        custom = is_custom(fragment)
        said = fragment.get("custom" if custom else "function")
        said = said if isinstance(said, dict) else {}
        name = said.get("name")
        name = name if isinstance(name, str) else ""
        identifier = fragment.get("id")
        identifier = identifier if isinstance(identifier, str) else ""
        index = fragment.get("index")
        index = index if isinstance(index, int) and not isinstance(index, bool) else None
        text = arguments_text(said.get("input" if custom else "arguments"))
        call = self._call_of(index, identifier, name)
        is_new = call is None
        if call is None:
            call = self._open(index, identifier, name)
            call.is_custom = custom
        call.add(text)
        self._meter.hand_on(text)
        kept = {k: v for k, v in fragment.items() if k not in _CALL_MEMBERS}
        shown: JsonObject = {"input" if call.is_custom else "arguments": text}
        shown |= {k: v for k, v in said.items() if k not in ("name", "arguments", "input")}
        member = "custom" if call.is_custom else "function"
        if is_new:
            kind = fragment.get("type")
            return {
                "index": call.position,
                "id": self._id_for(call),
                "type": kind if isinstance(kind, str) and kind else member,
                member: {"name": name, **shown},
                **kept,
            }
        return {"index": call.position, member: shown, **kept}

    def _call_of(self, index: int | None, identifier: str, name: str) -> _Call | None:
        """The call that a fragment goes on with; None when it opens one (E1, E2, E3)."""
        occupant = self._at(index)
        if identifier:
            for call in reversed(self._calls):
                if call.upstream_id == identifier and (index is None or call is occupant):
                    return None if name and call.is_whole else call
            # A new id with a name at a taken index is a new call; without one, the vendor merely
            # makes up an id for each fragment.
            return None if name else occupant
        if not name:
            return occupant
        if occupant is not None and occupant.name == name and not occupant.is_whole:
            return occupant
        return None

    def _at(self, index: int | None) -> _Call | None:
        """The newest call at the vendor's index, or the newest of all where it gives none."""
        for call in reversed(self._calls):
            if index is None or call.upstream_index in (index, None):
                return call
        return None

    def _open(self, index: int | None, identifier: str, name: str) -> _Call:
        if len(self._calls) >= MAX_CALLS:
            raise TooManyCalls(f"more than {MAX_CALLS} tool calls in one choice")
        call = _Call(len(self._calls), index, identifier, name)
        self._calls.append(call)
        return call

    def _id_for(self, call: _Call) -> str:
        taken = any(c.upstream_id == call.upstream_id for c in self._calls if c is not call)
        if call.upstream_id and not taken:
            return call.upstream_id
        return call_id(self._meter.upstream_id, self.index, call.position, call.name)

    def goes_on(self, index: int, arguments: str) -> bool:
        """Whether a fragment without id and name may leave as it came; it is then added."""
        call = self._at(index)
        if call is None or call.position != index or arguments == "null":
            return False
        call.add(arguments)
        return True

    def closing_fragments(self) -> list[JsonObject]:
        """What makes every call's arguments JSON: `{}` for those that had none (A.4 rule 7)."""
        return [
            {"index": call.position, "function": {"arguments": "{}"}}
            for call in self._calls
            if call.is_empty and not call.is_custom
        ]

    @property
    def call_count(self) -> int:
        return len(self._calls)


def _says_more(choice: JsonObject) -> bool:
    """Whether it carries something beside an empty delta: log probabilities, a filter's result."""
    return any(
        value not in _SAYS_NOTHING
        for name, value in choice.items()
        if name not in ("index", "delta", "finish_reason", "message", "usage")
    )


def usable_choices(decoded: Any) -> list[JsonObject] | None:
    """The choices of a chunk, or None for what is not a list of objects."""
    if decoded is None:
        return []
    if isinstance(decoded, list) and all(isinstance(choice, dict) for choice in decoded):
        return decoded
    return None
