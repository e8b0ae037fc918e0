"""Why an answer ended, in this dialect's words."""

from __future__ import annotations

from typing import Final

from opengateway.domain.chat import ChatRequest
from opengateway.domain.events import Finish
from opengateway.kit.json import JsonObject, loads

_NATIVE: Final = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "pause_turn": "stop",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "tool_use": "tool_calls",
    "refusal": "content_filter",
}
"""The vendor's own words, each with the reason that it stands for."""
_SAID: Final = {
    "stop": "end_turn",
    "length": "max_tokens",
    "tool_calls": "tool_use",
    "function_call": "tool_use",
    "content_filter": "refusal",
}


def ending_of(finish: Finish, chat: ChatRequest, refusal: str) -> JsonObject:
    """`stop_reason`, `stop_sequence`, and `stop_details` of a refusal."""
    word = finish.native if _NATIVE.get(finish.native) == finish.reason else _SAID[finish.reason]
    if refusal:
        word = "refusal"
    ending: JsonObject = {"stop_reason": word, "stop_sequence": None}
    if word == "stop_sequence":  # which one is not told: with one alone it is that
        raw = chat.fields.get("stop_sequences")
        given = loads(raw) if raw is not None else None
        if given and len(given) == 1:
            ending["stop_sequence"] = given[0]
    elif word == "refusal":
        ending["stop_details"] = {
            "type": "refusal",
            "category": finish.category,
            "explanation": refusal or finish.message,
        }
    return ending
