"""What makes two Responses requests the same, and what an event of a recording is."""

from __future__ import annotations

import re
from typing import Any

from opengateway.simulator.case_keys import CaseKeys
from opengateway.simulator.rendering import FrameKind

_TYPE = re.compile(rb'"type"\s*:\s*"(response\.[a-z_.]+)"')
_FINAL = ("response.completed", "response.incomplete", "response.failed")


def classify_responses(data: bytes) -> FrameKind:
    """The kind of an event with this data."""
    # The event's own type stands first or, with some vendors, last.
    names = [name.decode() for name in _TYPE.findall(data)]
    for name in names:
        if name in _FINAL:
            return "finish"
        if name in ("response.created", "response.in_progress"):
            return "open"
    return "content"


def items_of(body: dict[str, Any]) -> list[Any]:
    """Items without ids, nulls and defaults; reasoning does not count."""
    given = body.get("input")
    if isinstance(given, str):
        given = [{"role": "user", "content": given}]
    if not isinstance(given, list):
        return []
    return [_item(one) for one in given if not _is_thought(one)]


def _is_thought(item: Any) -> bool:
    return isinstance(item, dict) and item.get("type") == "reasoning"


def _item(item: Any) -> Any:
    if not isinstance(item, dict):
        return item
    kept = {k: v for k, v in item.items() if v is not None and k not in ("id", "status")}
    kept.setdefault("type", "message")
    content = kept.get("content")
    if isinstance(content, list) and len(content) == 1 and isinstance(content[0], dict):
        text = content[0].get("text")
        kept["content"] = text if isinstance(text, str) else content
    return kept


RESPONSES = CaseKeys(
    member="input",
    messages=items_of,
    others=lambda body: [body.get("tools") or None, body.get("instructions")],
    rest=("text", "tool_choice", "temperature", "reasoning"),
)
