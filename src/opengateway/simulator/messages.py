"""Refuse what the provider refuses, of a request's messages: roles, parts, order, call ids."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator
from typing import Any

from opengateway.simulator.personas import Persona, Refusal

Path = tuple[str | int, ...]

MAX_MESSAGES = 10_000
_BASE = frozenset(("role", "content"))
_BY_ROLE: dict[str, frozenset[str]] = {
    "assistant": frozenset(("tool_calls",)),
    "tool": frozenset(("tool_call_id",)),
    "function": frozenset(("name",)),
}
_CALL = frozenset(("id", "type", "function", "custom"))
_MISTRAL_ID = re.compile(r"[a-zA-Z0-9]{9}")
_DATA_URL = re.compile(r"data:(?P<kind>[\w.+-]+/[\w.+-]+)(?:;[\w=.-]+)*;base64,", re.ASCII)
_IMAGE_KINDS = frozenset(("image/png", "image/jpeg", "image/jpg", "image/gif", "image/webp"))


def content_texts(message: Any) -> Iterator[str]:
    """Every text of a message's content, whatever its shape."""
    content = message.get("content") if isinstance(message, dict) else None
    if isinstance(content, str):
        yield content
    elif isinstance(content, list):
        for part in content:
            if isinstance(part, dict) and isinstance(part.get("text"), str):
                yield part["text"]


def check_messages(messages: list[Any], persona: Persona) -> None:
    """Raises `Refusal` for the first message that the vendor would not take."""
    if len(messages) > MAX_MESSAGES:
        raise Refusal("bad_value", ("messages",), message=f"more than {MAX_MESSAGES} messages")
    for index, message in enumerate(messages):
        path: Path = ("messages", index)
        if not isinstance(message, dict):
            raise Refusal("bad_type", path, expected="an object", got="something else")
        role = message.get("role")
        if role is None:
            raise Refusal("missing", (*path, "role"))
        if role not in persona.roles:
            raise Refusal("bad_role", (*path, "role"), value=role)
        if persona.strict:
            _check_members(message, role, path, persona)
        _check_content(message, role, path, persona)
        if message.get("tool_calls") is not None:
            _check_calls(message["tool_calls"], (*path, "tool_calls"), persona)
        if role == "tool":
            _check_tool_message(message, path, persona)
    if persona.tool_order:
        _check_order(messages, persona)
    if persona.last_role:
        _check_last(messages[-1])


def _check_members(message: dict[str, Any], role: str, path: Path, persona: Persona) -> None:
    allowed = _BASE | _BY_ROLE.get(role, frozenset()) | persona.message_members
    if role == "tool":
        allowed |= persona.tool_members
    for name in message:
        if name not in allowed:
            raise Refusal("unknown_message_member", (*path, name), value=name, role=role)


def _check_content(message: dict[str, Any], role: str, path: Path, persona: Persona) -> None:
    content = message.get("content")
    path = (*path, "content")
    if content is None:
        if role == "assistant" and (message.get("tool_calls") or "content" not in message):
            return
        if role == "assistant" and (message.get("refusal") or message.get("function_call")):
            return
        if role in ("assistant", "function") and not persona.strict:
            return
        raise Refusal(
            "bad_type", path, expected="a string or an array of content parts", got="null"
        )
    if isinstance(content, str):
        return
    if not isinstance(content, list):
        raise Refusal(
            "bad_type", path, expected="a string or an array of content parts", got="other"
        )
    for index, part in enumerate(content):
        _check_part(part, role, (*path, index), persona)


def _check_part(part: Any, role: str, path: Path, persona: Persona) -> None:
    if not isinstance(part, dict) or not isinstance(part.get("type"), str):
        raise Refusal("missing", (*path, "type"))
    kind = part["type"]
    if kind not in persona.parts or (role == "tool" and kind != "text" and persona.strict):
        raise Refusal(
            "bad_value",
            path[:2],
            message=f"Invalid '{path[0]}[{path[1]}]'. Content blocks are expected to be either "
            f"text or image_url type, not {kind[:40]!r}.",
        )
    if kind == "text" and not isinstance(part.get("text"), str):
        raise Refusal("missing", (*path, "text"))
    if kind == "image_url":
        _check_image(part.get("image_url"), (*path, "image_url"), persona)


def _check_image(image: Any, path: Path, persona: Persona) -> None:
    url = image.get("url") if isinstance(image, dict) else None
    if persona.image_strings and isinstance(image, str):
        url = image
    if not isinstance(url, str):
        raise Refusal("bad_type", path, expected="an object with a url", got="other")
    if url.startswith(("http://", "https://")) and persona.remote_images:
        return
    found = _DATA_URL.match(url)
    wrong = "" if found else "the URL is neither http(s) nor a base64 data URL"
    if found is not None:
        if found["kind"] not in _IMAGE_KINDS:
            wrong = f"unsupported image type {found['kind']!r}"
        else:
            try:
                base64.b64decode(url[found.end() :], validate=True)
            except binascii.Error:
                wrong = "the data is not valid base64"
    if wrong:
        raise Refusal(
            "bad_image" if "bad_image" in persona.errors else "bad_value",
            (*path, "url"),
            message=f"Invalid image: {wrong}.",
        )


def _check_calls(calls: Any, path: Path, persona: Persona) -> None:
    if not isinstance(calls, list):
        raise Refusal("bad_type", path, expected="an array of objects", got="other")
    if not calls and persona.strict and not persona.empty_calls:
        raise Refusal("bad_value", path, message="Invalid 'tool_calls': empty array.")
    for index, call in enumerate(calls):
        here: Path = (*path, index)
        if not isinstance(call, dict):
            raise Refusal("bad_type", here, expected="an object", got="other")
        if persona.strict:
            for name in call:
                if name not in _CALL and name not in persona.call_members:
                    raise Refusal(
                        "unknown_message_member", (*here, name), value=name, role="assistant"
                    )
        _check_call_id(call.get("id"), (*here, "id"), persona)
        kind = call.get("type", "function")
        inner = call.get(kind) if kind in ("function", "custom") else None
        if not isinstance(inner, dict) or not isinstance(inner.get("name"), str):
            raise Refusal("missing", (*here, "function", "name"))
        argument = "arguments" if kind == "function" else "input"
        if not isinstance(inner.get(argument), str):
            raise Refusal("bad_type", (*here, kind, argument), expected="a string", got="other")


def _check_call_id(value: Any, path: Path, persona: Persona) -> None:
    if not isinstance(value, str) or not value:
        raise Refusal("missing", path)
    if persona.strict_tool_ids:
        if not _MISTRAL_ID.fullmatch(value):
            raise Refusal("bad_tool_id", path, value=value)
    elif len(value) > 64 and persona.strict:
        raise Refusal("bad_tool_id", path, value=value)


def _check_tool_message(message: dict[str, Any], path: Path, persona: Persona) -> None:
    if "tool_call_id" not in message:
        raise Refusal("missing", (*path, "tool_call_id"))
    _check_call_id(message["tool_call_id"], (*path, "tool_call_id"), persona)


def _check_order(messages: list[dict[str, Any]], persona: Persona) -> None:
    """Every call is answered before the talk goes on; every answer has its call."""
    waiting: set[str] = set()
    previous = ""
    for index, message in enumerate(messages):
        role = message["role"]
        if role == "tool":
            if message["tool_call_id"] not in waiting:
                raise Refusal(
                    "tool_order",
                    ("messages", index, "role"),
                    message="Invalid parameter: messages with role 'tool' must be a response to a "
                    "preceeding message with 'tool_calls'.",
                )
            waiting.discard(message["tool_call_id"])
        elif waiting:
            _unanswered(waiting)
        if role == "user" and previous == "tool" and not persona.user_after_tool:
            raise Refusal(
                "tool_order",
                ("messages", index, "role"),
                message="Unexpected role 'user' after role 'tool'",
            )
        if role == "assistant":
            waiting = {call["id"] for call in message.get("tool_calls") or ()}
        previous = role
    if waiting:
        _unanswered(waiting)


def _unanswered(waiting: set[str]) -> None:
    raise Refusal(
        "tool_order",
        ("messages",),
        message="An assistant message with 'tool_calls' must be followed by tool messages "
        "responding to each 'tool_call_id'. The following tool_call_ids did not have response "
        f"messages: {', '.join(sorted(waiting))[:200]}",
    )


def _check_last(message: dict[str, Any]) -> None:
    role = message["role"]
    if role in ("user", "tool") or (role == "assistant" and message.get("prefix")):
        return
    raise Refusal(
        "tool_order",
        ("messages",),
        message="Expected last role User or Tool (or Assistant with prefix True) for serving but "
        f"got {role}",
    )
