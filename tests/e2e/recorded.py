"""Recorded cases as calls that a client makes, and what a client must see of their answers."""

from __future__ import annotations

import json
from typing import Any

from e2e.product import Zone, slug
from recordings import chat_cases

PROVIDERS = ("openai", "groq", "deepseek", "mistral", "openrouter")


def cases() -> list[dict[str, Any]]:
    """Recorded chats of five providers whose answer is known in full."""
    return [
        case
        for case in chat_cases()
        if case["provider"] in PROVIDERS and case["expect"]["kind"] in ("generation", "error")
    ]


def model_id(case: dict[str, Any]) -> str:
    return f"rec-{case['provider']}/{slug(case['request']['body']['model'])}"


def fill(zone: Zone) -> None:
    """Every recorded provider and model, served by the simulator from the recordings."""
    for name in PROVIDERS:
        zone.provider(name)
    for case in cases():
        upstream = case["request"]["body"]["model"]
        zone.model(model_id(case), (case["provider"], upstream))


def call(case: dict[str, Any]) -> dict[str, Any]:
    """The recorded request as a client of ours sends it."""
    body = {**case["request"]["body"], "model": model_id(case)}
    body.pop("models", None)  # another gateway's fallbacks are not ours
    body.pop("provider", None)
    if body.get("stream"):
        body["stream_options"] = {"include_usage": True}
    return body


def arguments(text: str) -> Any:
    return json.loads(text) if text else {}
