"""How replies of Anthropic's wire go wrong."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from opengateway.kit import json
from opengateway.simulator.anthropic.rendering import event_frame
from opengateway.simulator.faults import Fault
from opengateway.simulator.personas import Persona
from opengateway.simulator.rendering import Frame

_DELTAS = {
    "text": ("text_delta", "text"),
    "thinking": ("thinking_delta", "thinking"),
    "tool_use": ("input_json_delta", "partial_json"),
}


class AnthropicFaults:
    """Events of the Messages wire, with the faults of their content in them."""

    malformed = (
        b"event: content_block_delta\n"
        b'data: {"type":"content_block_delta","index":0,"delta":{"type":"text_del\n\n'
    )

    def in_band_error(
        self, persona: Persona, body: dict[str, Any], reply_id: str
    ) -> Iterator[Frame]:
        yield event_frame("other", body)

    def alter(self, answer: Any, fault: Fault) -> None:
        content = answer["content"]
        if fault.usage_missing:
            answer.pop("usage", None)
        if fault.empty:
            content.clear()
            answer["stop_reason"] = "end_turn"
        if fault.huge_event_bytes:
            content.append({"type": "text", "text": "x" * fault.huge_event_bytes})

    def without_usage(self, frame: Frame) -> Frame | None:
        event = _decoded(frame) if b'"usage"' in frame.data else None
        if event is None:
            return frame
        event.pop("usage", None)
        if isinstance(message := event.get("message"), dict):
            message.pop("usage", None)
        return event_frame(frame.kind, event, frame.content_bytes)

    def emptied(self, frame: Frame) -> Frame | None:
        return None if frame.kind == "content" else frame

    def huge(self, frame: Frame, size: int, *, alone: bool) -> Iterator[Frame]:
        """One delta of that size inside the first block; in a block of its own where it is alone,
        or where the first block takes no deltas that we know.
        """
        start = _decoded(frame) or {}
        block = start.get("content_block") or {}
        if not alone:
            yield frame
        elif block:
            block = {"type": "text", "text": ""}
            yield event_frame("content", start | {"content_block": block})
        kind, member = _DELTAS.get(str(block.get("type")), _DELTAS["text"])
        index = start.get("index", 0)
        delta = {"type": kind, member: "x" * size}
        event = {"type": "content_block_delta", "index": index, "delta": delta}
        yield event_frame("content", event, size)
        if alone:
            yield event_frame("content", {"type": "content_block_stop", "index": index})

    def repeats_usage(self, frame: Frame) -> Frame | None:
        return frame if frame.kind == "finish" and b'"usage"' in frame.data else None


def _decoded(frame: Frame) -> dict[str, Any] | None:
    for line in frame.data.splitlines():
        if line.startswith(b"data:"):
            try:
                event = json.loads(line[5:].strip())
            except json.DecodeError:
                return None
            return event if isinstance(event, dict) else None
    return None
