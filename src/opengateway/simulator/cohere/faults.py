"""How replies of Cohere's wire go wrong."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from opengateway.kit import json
from opengateway.simulator.faults import Fault
from opengateway.simulator.personas import Persona
from opengateway.simulator.rendering import Frame


class CohereFaults:
    """Events of a chat, with the faults of their content in them."""

    malformed = b'event: content-delta\ndata: {"type":"content-delta","index":0,"delta":{"mess\n\n'

    def in_band_error(
        self, persona: Persona, body: dict[str, Any], reply_id: str
    ) -> Iterator[Frame]:
        ended = {
            "type": "message-end",
            "delta": {"finish_reason": "ERROR", "error": str(body.get("message") or "failed")},
        }
        yield Frame("other", b"event: message-end\ndata: " + json.dumps(ended) + b"\n\n")

    def alter(self, answer: Any, fault: Fault) -> None:
        message = answer["message"]
        if fault.usage_missing:
            answer.pop("usage", None)
        if fault.empty:
            message.pop("content", None)
            message.pop("tool_calls", None)
        if fault.huge_event_bytes:
            message["content"] = [{"type": "text", "text": "x" * fault.huge_event_bytes}]

    def without_usage(self, frame: Frame) -> Frame | None:
        if frame.kind != "finish":
            return frame
        head, _, data = frame.data.partition(b"data: ")
        told = json.loads(data)
        told["delta"].pop("usage", None)
        return frame._replace(data=head + b"data: " + json.dumps(told) + b"\n\n")

    def emptied(self, frame: Frame) -> Frame | None:
        return None if frame.kind == "content" else frame

    def huge(self, frame: Frame, size: int, *, alone: bool) -> Iterator[Frame]:
        delta = {"message": {"content": {"text": "x" * size}}}
        told = {"type": "content-delta", "index": 0, "delta": delta}
        yield Frame("content", b"event: content-delta\ndata: " + json.dumps(told) + b"\n\n", size)
        if not alone:
            yield frame

    def repeats_usage(self, frame: Frame) -> Frame | None:
        return frame if frame.kind == "finish" else None
