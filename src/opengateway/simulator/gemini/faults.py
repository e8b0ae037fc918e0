"""How replies of Gemini's wire go wrong."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from opengateway.kit import json
from opengateway.simulator.faults import Fault
from opengateway.simulator.gemini.rendering import data_frame
from opengateway.simulator.personas import Persona
from opengateway.simulator.rendering import Frame


class GeminiFaults:
    """Chunks of generateContent, with the faults of their content in them."""

    malformed = b'data: {"candidates":[{"content":{"parts":[{"te\n\n'

    def in_band_error(
        self, persona: Persona, body: dict[str, Any], reply_id: str
    ) -> Iterator[Frame]:
        yield data_frame("other", body)

    def alter(self, answer: Any, fault: Fault) -> None:
        candidates = answer["candidates"]
        if fault.usage_missing:
            answer.pop("usageMetadata", None)
        for candidate in candidates:
            if fault.empty:
                candidate["content"] = {"role": "model"}
                candidate["finishReason"] = "STOP"
            if fault.huge_event_bytes:
                parts = candidate["content"].setdefault("parts", [])
                parts.append({"text": "x" * fault.huge_event_bytes})

    def without_usage(self, frame: Frame) -> Frame | None:
        chunk = _decoded(frame)
        if chunk is None or "usageMetadata" not in chunk:
            return frame
        del chunk["usageMetadata"]
        return data_frame(frame.kind, chunk, frame.content_bytes)

    def emptied(self, frame: Frame) -> Frame | None:
        if frame.kind == "content":
            return None
        chunk = _decoded(frame)
        if chunk is None:
            return frame
        for candidate in chunk.get("candidates") or ():
            candidate["content"] = {"role": "model"}
        return data_frame(frame.kind, chunk)

    def huge(self, frame: Frame, size: int, *, alone: bool) -> Iterator[Frame]:
        content = {"parts": [{"text": "x" * size}], "role": "model"}
        yield data_frame("content", {"candidates": [{"content": content, "index": 0}]}, size)
        if not alone:
            yield frame

    def repeats_usage(self, frame: Frame) -> Frame | None:
        """A chunk of usage and nothing else, after the last."""
        chunk = _decoded(frame) if frame.kind == "finish" else None
        if chunk is None or "usageMetadata" not in chunk:
            return None
        return data_frame("usage", {"usageMetadata": chunk["usageMetadata"]})


def _decoded(frame: Frame) -> dict[str, Any] | None:
    try:
        chunk = json.loads(frame.data.removeprefix(b"data:").strip())
    except json.DecodeError:
        return None
    return chunk if isinstance(chunk, dict) else None
