"""How replies of Bedrock's wire go wrong."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from opengateway.kit import json
from opengateway.kit.event_stream import BadFrame, Decoder, Message
from opengateway.simulator.bedrock.rendering import event_frame, exception_frame
from opengateway.simulator.faults import Fault
from opengateway.simulator.personas import Persona
from opengateway.simulator.rendering import Frame

_LIMIT_BYTES = 64 * 1024 * 1024
_NAMES = {429: "throttlingException", 503: "serviceUnavailableException"}


class BedrockFaults:
    """Frames of ConverseStream, with the faults of their content in them."""

    malformed = event_frame("contentBlockDelta", {"contentBlockIndex": 0}).data[:-4] + b"\0\0\0\0"
    """Its checksum does not fit."""

    def in_band_error(
        self, persona: Persona, body: dict[str, Any], reply_id: str
    ) -> Iterator[Frame]:
        message = str(body.get("message", ""))
        is_rate = "Too many" in message
        is_full = "capacity" in message
        status = 429 if is_rate else 503 if is_full else 500
        yield exception_frame(_NAMES.get(status, "internalServerException"), message)

    def alter(self, answer: Any, fault: Fault) -> None:
        content = answer["output"]["message"]["content"]
        if fault.usage_missing:
            answer.pop("usage", None)
        if fault.empty:
            content.clear()
            answer["stopReason"] = "end_turn"
        if fault.huge_event_bytes:
            content.append({"text": "x" * fault.huge_event_bytes})

    def without_usage(self, frame: Frame) -> Frame | None:
        return None if frame.kind == "usage" else frame

    def emptied(self, frame: Frame) -> Frame | None:
        return None if frame.kind == "content" else frame

    def huge(self, frame: Frame, size: int, *, alone: bool) -> Iterator[Frame]:
        told = json.loads(_message(frame).payload)
        index = told.get("contentBlockIndex", 0)
        delta = {"text": "x" * size}
        if "start" in told and not alone:
            yield frame
            delta = {"toolUse": {"input": "x" * size}}  # type: ignore[dict-item]
        huge = {"contentBlockIndex": index, "delta": delta}
        yield event_frame("contentBlockDelta", huge, size)
        if not alone and "start" not in told:
            yield frame

    def repeats_usage(self, frame: Frame) -> Frame | None:
        return frame if frame.kind == "usage" else None


def _message(frame: Frame) -> Message:
    return Decoder(_LIMIT_BYTES).feed(frame.data)[0]


def split(body: bytes) -> list[Frame]:
    """A recorded stream's frames; joined they are the body again."""
    frames: list[Frame] = []
    at = 0
    while at < len(body):
        size = int.from_bytes(body[at : at + 4], "big")
        data = body[at : at + size] if 16 <= size <= len(body) - at else body[at:]
        at += len(data)
        frames.append(_classified(data))
    return frames


def _classified(data: bytes) -> Frame:
    try:
        messages = Decoder(_LIMIT_BYTES).feed(data)
    except BadFrame:
        messages = []
    if not messages:
        return Frame("other", data)
    name = messages[0].text(":event-type")
    kinds = event_frame(name, {}).kind if name else "other"
    return Frame(kinds, data, len(data) // 16 if kinds == "content" else 0)
