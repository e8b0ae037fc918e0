"""What the tests of the translation lane share: this dialect over its own wire, by way of events."""

from __future__ import annotations

import json
from typing import Any

from opengateway.dialects.openai_chat import ChatRendering
from opengateway.domain.chat import Meter
from opengateway.gateway.translation import TranslatedStream, TranslatedWire
from opengateway.wires.openai_chat import OpenAIChatCanonicalWire

RENDERING = ChatRendering(lambda: 1_764_000_000, lambda prefix: f"{prefix}made")
LANE = TranslatedWire(OpenAIChatCanonicalWire(), RENDERING)


def counted(meter: Meter) -> dict[str, Any]:
    usage = meter.usage
    return {
        "usage": usage and dict(usage.quantities),
        "characters": meter.characters,
        "finish_reason": meter.finish_reason,
        "native_finish_reason": meter.native_finish_reason,
        "upstream_id": meter.upstream_id,
        "has_content": meter.has_content,
    }


def fed(stream: TranslatedStream, data: bytes) -> bytes:
    return stream.feed(data) + stream.end()


def deltas(frames: bytes) -> list[dict[str, Any]]:
    """The deltas of every chunk, in order."""
    parts = frames.split(b"\n\n")
    assert parts.pop() == b"", "a frame is not whole"
    chunks = [json.loads(part.removeprefix(b"data: ")) for part in parts]
    return [choice["delta"] for chunk in chunks for choice in chunk["choices"]]
