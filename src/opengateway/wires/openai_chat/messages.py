"""Replayed messages in the form that the vendor accepts.

They are decoded only when the profile demands a change and the facts say that there is one. Even
then each member stays the bytes it was, unless it is the one that changes.
"""

from __future__ import annotations

import hashlib
import re
from typing import Final

import msgspec

from opengateway.domain.catalog import Profile
from opengateway.domain.chat import ChatFacts
from opengateway.domain.errors import InvalidRequest
from opengateway.kit.json import Raw, RawObject, ValidationError, dumps
from opengateway.wires.openai_chat.turns import by_turns

REASONING_MEMBERS: Final = (
    "reasoning_content",
    "reasoning",
    "reasoning_details",
    "thinking_blocks",
)
_ALWAYS: Final = frozenset(("role", "content"))
_CALL_MEMBERS: Final = frozenset(("id", "type", "function"))
_OURS: Final = frozenset((*REASONING_MEMBERS, "refusal", "annotations", "audio", "function_call"))
"""What answers carry and histories need not: left out without a word."""
_EMPTY: Final = frozenset((b"null", b'""', b"[]", b"{}"))
_EMPTY_STRING: Final = Raw(b'""')
_BASE62: Final = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

_BARE_IMAGE: Final = re.compile(rb'"image_url"\s*:\s*"')
"""Cannot stand within a string, where quotes are escaped."""

_decode = msgspec.json.Decoder(list[dict[str, msgspec.Raw]]).decode
_decode_text = msgspec.json.Decoder(str).decode


def edit_messages(
    raw: Raw | None,
    facts: ChatFacts,
    profile: Profile,
    reasoning_in: str,
    dropped: list[str],
) -> Raw | None:
    """The messages re-encoded, or None where they may leave as they came."""
    if raw is None:
        return None
    bare_images = (
        not profile.image_url_string
        and "image" in facts.modalities
        and _BARE_IMAGE.search(raw) is not None
    )
    if not bare_images and not _must_change(facts, profile, reasoning_in):
        return None
    try:
        messages = _decode(raw)
        for message in messages:
            _edit(message, profile, reasoning_in, dropped)
            if bare_images:
                _wrap_images(message)
        if profile.one_turn_each:
            messages = by_turns(messages)
    except ValidationError as error:
        raise InvalidRequest(f"messages: {error}", param="messages") from error
    return Raw(dumps(messages))


def _must_change(facts: ChatFacts, profile: Profile, reasoning_in: str) -> bool:
    members = facts.message_members
    return bool(
        profile.one_turn_each
        or (facts.has_developer_role and not profile.developer_role)
        or (facts.has_reasoning and reasoning_in != "keep")
        or (facts.has_tool_call_index and not profile.tool_call_index)
        or (profile.tool_call_id_length is not None and "tool_call_id" in members)
        or (profile.reasoning_backfill and "tool_calls" in members)
        or not members.isdisjoint(profile.strip_message_fields)
        or (profile.message_fields and not members <= frozenset(profile.message_fields))
    )


def _edit(message: RawObject, profile: Profile, reasoning_in: str, dropped: list[str]) -> None:
    role = message.get("role")
    if role is not None and bytes(role) == b'"developer"' and not profile.developer_role:
        message["role"] = Raw(b'"system"')
    if reasoning_in != "keep":
        _place_reasoning(message, profile, reasoning_in)
    _edit_calls(message, profile)
    names = _reasoning_names(reasoning_in)
    allowed = frozenset((*profile.message_fields, *names)) if profile.message_fields else None
    for name in [*message]:
        refused = name in profile.strip_message_fields or (
            allowed is not None and name not in allowed and name not in _ALWAYS
        )
        if refused:
            value = message.pop(name)
            if name not in _OURS and bytes(value) not in _EMPTY:
                dropped.append(f"messages[].{name}")


def _place_reasoning(message: RawObject, profile: Profile, reasoning_in: str) -> None:
    """Reasoning under the one name that the vendor reads, or nowhere (E20, E21)."""
    found = [message.pop(name, None) for name in REASONING_MEMBERS]
    names = _reasoning_names(reasoning_in)
    said = next((raw for raw in found[:2] if raw is not None and bytes(raw) != b"null"), None)
    if said is None and profile.reasoning_backfill and message.get("tool_calls") is not None:
        said = _EMPTY_STRING
    if said is None:
        return
    if reasoning_in == "think_tags":
        _say_in_tags(message, said)
    for name in names:
        message[name] = said


def _say_in_tags(message: RawObject, said: Raw) -> None:
    """For vendors that read thoughts within the text: before it, in the tags that they write."""
    content = message.get("content", Raw(b"null"))
    thought = _decode_text(said) if bytes(said).startswith(b'"') else ""
    if not thought or bytes(content)[:1] not in (b'"', b"n"):
        return
    text = _decode_text(content) if bytes(content).startswith(b'"') else ""
    message["content"] = Raw(dumps(f"<think>\n{thought}\n</think>\n{text}"))


def _wrap_images(message: RawObject) -> None:
    """Mistral's shorthand for an image, written out for the others."""
    content = message.get("content")
    if content is None or not bytes(content).startswith(b"["):
        return
    parts = _decode(content)
    for part in parts:
        image = part.get("image_url")
        if image is not None and bytes(image).startswith(b'"'):
            part["image_url"] = Raw(b'{"url":%b}' % bytes(image))
    message["content"] = Raw(dumps(parts))


def _reasoning_names(reasoning_in: str) -> tuple[str, ...]:
    if reasoning_in in ("strip", "keep", "think_tags"):
        return ()
    return REASONING_MEMBERS[:2] if reasoning_in == "both" else (reasoning_in,)


def _edit_calls(message: RawObject, profile: Profile) -> None:
    length = profile.tool_call_id_length
    answered = message.get("tool_call_id")
    if length is not None and answered is not None:
        message["tool_call_id"] = _fitted(answered, length)
    raw = message.get("tool_calls")
    if raw is None or (profile.tool_call_index and length is None and not profile.message_fields):
        return
    if bytes(raw) == b"null":
        return
    calls = _decode(raw)
    for call in calls:
        if not profile.tool_call_index:
            call.pop("index", None)
        if profile.message_fields:  # a strict vendor: nothing that it does not know (E28)
            for name in [name for name in call if name not in _CALL_MEMBERS and name != "index"]:
                del call[name]
        if length is not None and "id" in call:
            call["id"] = _fitted(call["id"], length)
    message["tool_calls"] = Raw(dumps(calls))


def _fitted(raw: Raw, length: int) -> Raw:
    """A call id of exactly `length` letters and digits: as it is if it is one, else a digest.

    The same id always gives the same one, so that calls and their results still meet.
    """
    identifier = _decode_text(raw)
    if len(identifier) == length and identifier.isascii() and identifier.isalnum():
        return raw
    value = int.from_bytes(hashlib.sha256(identifier.encode()).digest(), "big")
    digits = []
    for _ in range(length):
        value, digit = divmod(value, len(_BASE62))
        digits.append(_BASE62[digit])
    return Raw(dumps("".join(digits)))
