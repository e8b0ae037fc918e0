"""How replies of this wire go wrong."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from opengateway.kit import json
from opengateway.simulator.faults import Fault
from opengateway.simulator.personas import Persona
from opengateway.simulator.rendering import Frame


class ResponsesFaults:
    """Events of a response, with the faults of their content in them."""

    malformed = (
        b"event: response.output_text.delta\n"
        b'data: {"type":"response.output_text.delta","output_index":0,"del\n\n'
    )

    def in_band_error(
        self, persona: Persona, body: dict[str, Any], reply_id: str
    ) -> Iterator[Frame]:
        said = body.get("error") or {}
        told = {"type": "error", "code": said.get("code") or said.get("type")}
        told |= {"message": said.get("message"), "param": None, "sequence_number": 1_000_000}
        yield Frame("other", b"event: error\ndata: %b\n\n" % json.dumps(told))

    def alter(self, answer: Any, fault: Fault) -> None:
        output = answer["output"]
        if fault.usage_missing:
            answer.pop("usage", None)
        if fault.empty:
            output.clear()
        if fault.huge_event_bytes:
            part = {"type": "output_text", "text": "x" * fault.huge_event_bytes, "annotations": []}
            message = {"type": "message", "id": "msg_huge", "role": "assistant"}
            output.append({**message, "status": "completed", "content": [part]})

    def without_usage(self, frame: Frame) -> Frame | None:
        told = _decoded(frame) if frame.kind == "finish" else None
        if told is None:
            return frame
        told["response"].pop("usage", None)
        return _framed(frame, told)

    def emptied(self, frame: Frame) -> Frame | None:
        if frame.kind == "finish" and (told := _decoded(frame)) is not None:
            told["response"]["output"] = []
            return _framed(frame, told)
        return frame if frame.kind == "open" else None

    def huge(self, frame: Frame, size: int, *, alone: bool) -> Iterator[Frame]:
        """One delta of that size, in an item of its own."""
        told = {"type": "response.output_text.delta", "item_id": "msg_huge", "output_index": 9999}
        told |= {"content_index": 0, "delta": "x" * size, "logprobs": []}
        head = b"event: response.output_text.delta\ndata: "
        yield Frame("content", head + json.dumps(told) + b"\n\n", size)
        if not alone:
            yield frame

    def repeats_usage(self, frame: Frame) -> Frame | None:
        return frame if frame.kind == "finish" else None


def _decoded(frame: Frame) -> dict[str, Any] | None:
    data = frame.data.partition(b"\ndata:")[2].strip()
    try:
        told = json.loads(data)
    except json.DecodeError:
        return None
    return told if isinstance(told, dict) and isinstance(told.get("response"), dict) else None


def _framed(frame: Frame, told: dict[str, Any]) -> Frame:
    data = b"event: %b\ndata: %b\n\n" % (str(told["type"]).encode(), json.dumps(told))
    return frame._replace(data=data)
