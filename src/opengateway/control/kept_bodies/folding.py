"""A stream of events as the one answer that it was: for reading, for finding, and for taking out
what must not be kept, which a stream cuts into pieces that no pattern knows."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from opengateway.kit import json

_GROWING: Final = frozenset(
    (
        *("content", "reasoning", "reasoning_content", "refusal", "text", "arguments"),
        *("thinking", "signature", "summary", "transcript", "input"),
    )
)
"""Members whose pieces are put together; of others the last counts."""
_ANTHROPIC: Final = {
    "text_delta": ("text", "text"),
    "thinking_delta": ("thinking", "thinking"),
    "signature_delta": ("signature", "signature"),
    "input_json_delta": ("partial_json", "input"),
}
"""A delta's type to its member, and to that of the block which it makes longer."""


def folded(data: bytes) -> Any | None:
    """The answer, as the same API would have given it whole; None for what is no such stream."""
    events = list(_events(data))
    if not events:
        return None
    kinds = [event.get("type") for event in events]
    if any(isinstance(event.get("choices"), list) for event in events):
        return _completion(events)
    if any(isinstance(kind, str) and kind.startswith("response.") for kind in kinds):
        return _response(events)
    if "message_start" in kinds:
        return _message(events)
    return events[0] if len(events) == 1 else events


def _events(data: bytes) -> Iterator[dict[str, Any]]:
    for line in data.splitlines():
        if not line.startswith(b"data:"):
            continue
        try:
            event = json.loads(line[5:].strip())
        except (ValueError, RecursionError):
            continue  # the end marker, or what the bound cut off
        if isinstance(event, dict):
            yield event


def _completion(events: list[dict[str, Any]]) -> dict[str, Any]:
    whole: dict[str, Any] = {}
    choices: dict[Any, dict[str, Any]] = {}
    for event in events:
        for choice in event.pop("choices", None) or ():
            if not isinstance(choice, dict):
                continue
            known = choices.setdefault(choice.get("index", 0), {})
            if isinstance(delta := choice.pop("delta", None), dict):
                _grow(known.setdefault("message", {}), delta)
            _grow(known, choice)
        whole.update({name: value for name, value in event.items() if value is not None})
    whole["choices"] = list(choices.values())
    return whole


def _grow(known: dict[str, Any], more: dict[str, Any]) -> None:
    for name, value in more.items():
        held = known.get(name)
        if isinstance(held, str) and isinstance(value, str) and name in _GROWING:
            known[name] = held + value
        elif isinstance(held, dict) and isinstance(value, dict):
            _grow(held, value)
        elif isinstance(held, list) and isinstance(value, list):
            _extend(held, value)
        elif value is not None or name not in known:
            known[name] = value


def _extend(held: list[Any], more: list[Any]) -> None:
    """Items that give their place make one longer that is there."""
    for item in more:
        place = item.get("index") if isinstance(item, dict) else None
        same = None
        if place is not None:
            same = next((h for h in held if isinstance(h, dict) and h.get("index") == place), None)
        if same is None:
            held.append(item)
        else:
            _grow(same, item)


def _message(events: list[dict[str, Any]]) -> dict[str, Any]:
    whole: dict[str, Any] = {}
    blocks: dict[Any, dict[str, Any]] = {}
    for event in events:
        match event.get("type"):
            case "message_start" if isinstance(event.get("message"), dict):
                whole.update(event["message"])
            case "content_block_start" if isinstance(event.get("content_block"), dict):
                blocks[event.get("index")] = dict(event["content_block"])
            case "content_block_delta" if isinstance(delta := event.get("delta"), dict):
                _lengthen(blocks.setdefault(event.get("index"), {}), delta)
            case "message_delta":
                for part in (event.get("delta"), {"usage": event.get("usage")}):
                    _grow(whole, part if isinstance(part, dict) else {})
            case "error":
                whole["error"] = event.get("error")
    whole["content"] = list(blocks.values())
    return whole


def _lengthen(block: dict[str, Any], delta: dict[str, Any]) -> None:
    known = _ANTHROPIC.get(str(delta.get("type")))
    if known is None or not isinstance(piece := delta.get(known[0]), str):
        return
    held = block.get(known[1])
    block[known[1]] = held + piece if isinstance(held, str) else piece


def _response(events: list[dict[str, Any]]) -> Any:
    """The last event of a stream that ended holds all; else what came, item by item."""
    whole: Any = None
    pieces: dict[str, str] = {}
    for event in events:
        if isinstance(event.get("response"), dict):
            whole = event["response"]
            if event.get("type") in ("response.completed", "response.incomplete"):
                return whole
        elif isinstance(piece := event.get("delta"), str):
            name = f"{event.get('item_id', '')} {str(event.get('type')).removesuffix('.delta')}"
            pieces[name] = pieces.get(name, "") + piece
    return {"response": whole, "so_far": pieces}
