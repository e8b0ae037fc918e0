"""Parts of an answer that vendors write in their own ways, and OpenAI's clients read in one.

Shared by whole replies (`reply`) and streams (`stream`, `choice`): a message and a delta have the
same members. Every function takes plain decoded JSON and trusts nothing about it.
"""

from __future__ import annotations

import hashlib
from typing import Any, Final

from opengateway.domain.chat import Meter
from opengateway.kit.json import JsonObject, Raw, RawObject, dumps, loads

NULL: Final = Raw(b"null")


_NEVER_NULL: Final = ("function_call", "tool_calls", "annotations")
TIERS: Final = frozenset(
    (b'"auto"', b'"default"', b'"flex"', b'"scale"', b'"priority"', b'"fast"', b"null")
)
"""What OpenAI's document knows as `service_tier` of an answer."""


def mend_members(members: RawObject) -> None:
    """What an answer says beside its choices, where vendors say what OpenAI never does: a
    fingerprint of null, and tiers of their own (Groq's `on_demand`) or of no name."""
    if members.get("system_fingerprint") == NULL:
        del members["system_fingerprint"]
    tier = members.get("service_tier")
    if tier is not None and bytes(tier) not in TIERS:
        del members["service_tier"]


def text_and_thought(parts: list[Any]) -> tuple[str, str, bool]:
    """Mistral's content array: its text, its thinking, and whether there was anything else."""
    text: list[str] = []
    thought: list[str] = []
    other = False
    for part in parts:
        if isinstance(part, str):
            text.append(part)
        elif not isinstance(part, dict):
            other = True
        elif part.get("type") == "thinking":
            thought.append(_plain(part.get("thinking")))
        elif isinstance(part.get("text"), str):
            text.append(part["text"])
        else:
            other = True
    return "".join(text), "".join(thought), other


def _plain(thinking: object) -> str:
    if isinstance(thinking, str):
        return thinking
    if isinstance(thinking, list):
        return text_and_thought(thinking)[0]
    return ""


def arguments_text(arguments: object) -> str:
    """A call's arguments as a string of JSON, or a piece of one (E3)."""
    if isinstance(arguments, str):
        return "" if arguments == "null" else arguments
    if arguments is None:
        return ""
    return dumps(arguments).decode()


def is_custom(call: JsonObject) -> bool:
    """Whether a call, or a piece of one, is of a custom tool. Snowflake sends a hollow `custom`."""
    if call.get("type") == "custom" or not isinstance(call.get("function"), dict):
        return isinstance(call.get("custom"), dict)
    return False


def call_id(upstream_id: str | None, choice: int, position: int, name: str) -> str:
    """An id for a call that came without one: the same whenever the same answer is mapped."""
    seed = f"{upstream_id}\0{choice}\0{position}\0{name}".encode()
    return f"call_{hashlib.sha256(seed).hexdigest()[:24]}"


def answer_id(seed: bytes) -> str:
    """An id for an answer that came without one."""
    return f"chatcmpl-{hashlib.sha256(seed).hexdigest()[:24]}"


def settle_content(message: JsonObject) -> bool:
    """Make `content` a string or null, and `reasoning_content` the visible reasoning.

    What cannot be told in a string stays beside it as `content_parts`. Whether it changed.
    """
    changed = False
    content = message.get("content")
    if isinstance(content, list):
        text, thought, other = text_and_thought(content)
        message["content"] = text
        if other:
            message["content_parts"] = content
        if thought:
            message["reasoning_content"] = thought
        changed = True
    reasoning = message.get("reasoning")
    if isinstance(reasoning, str) and reasoning and not message.get("reasoning_content"):
        message["reasoning_content"] = reasoning
        changed = True
    return changed


def drop_hollow_members(message: JsonObject) -> bool:
    """Take off objects that say nothing and that clients take for a call or a sound.

    Recorded: Snowflake sends `function_call`, `audio` and `refusal` with empty values always; Mistral,
    Crusoe and others send null where OpenAI's document knows an object, a list, or nothing.
    """
    changed = False
    for name in _NEVER_NULL:
        if name in message and message[name] is None:
            del message[name]
            changed = True
    call = message.get("function_call")
    if isinstance(call, dict) and not call.get("name") and not call.get("arguments"):
        del message["function_call"]
        changed = True
    audio = message.get("audio")
    if isinstance(audio, dict) and not any(audio.values()):
        del message["audio"]
        changed = True
    return changed


def count(message: JsonObject, meter: Meter) -> None:
    """Count the characters that a message or delta hands on, and see whether it bears content.

    Tool calls are counted where they are mapped.
    """
    for name in ("content", "reasoning_content", "refusal"):
        value = message.get(name)
        if isinstance(value, str) and value:
            meter.hand_on(value)
    for name in ("audio", "images", "function_call", "reasoning_details"):
        if message.get(name):
            meter.has_content = True


def created_of(chunk: RawObject) -> int | None:
    """When the vendor says that the answer was made, in Unix seconds."""
    try:
        created: Any = loads(chunk["created"]) if "created" in chunk else None
    except ValueError:  # a number that none of ours can hold
        return None
    if isinstance(created, bool) or not isinstance(created, int | float):
        return None
    return int(created) if 0 <= created < 2**53 else None
