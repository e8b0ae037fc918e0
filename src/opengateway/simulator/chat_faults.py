"""How replies of the OpenAI wire go wrong."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from opengateway.kit import json
from opengateway.simulator.faults import Fault
from opengateway.simulator.personas import Persona
from opengateway.simulator.rendering import DONE, Frame


class ChatFaults:
    """Chunks of chat completions, with the faults of their content in them."""

    malformed = (
        b'data: {"id":"chatcmpl-broken","object":"chat.completion.chunk","choices":[{"del\n\n'
    )

    def in_band_error(
        self, persona: Persona, body: dict[str, Any], reply_id: str
    ) -> Iterator[Frame]:
        if persona.usage_shape == "openrouter":
            choice = {"index": 0, "delta": {"content": ""}, "finish_reason": "error"}
            body = {"id": reply_id, "object": "chat.completion.chunk"} | body
            body["choices"] = [choice]
        yield Frame("other", b"data: " + json.dumps(body) + b"\n\n")
        if persona.done_after_error:
            yield Frame("done", DONE)

    def alter(self, answer: Any, fault: Fault) -> None:
        choices = answer["choices"]
        if fault.usage_missing:
            answer.pop("usage", None)
        for choice in choices:
            message = choice.get("message") or {}
            if fault.empty:
                message["content"] = None
                message.pop("tool_calls", None)
                choice["finish_reason"] = "stop"
            if fault.huge_event_bytes:
                message["content"] = "x" * fault.huge_event_bytes

    def without_usage(self, frame: Frame) -> Frame | None:
        if frame.kind == "usage":
            return None
        if b'"usage"' not in frame.data:
            return frame
        try:
            chunk = json.loads(frame.data.removeprefix(b"data:").strip())
        except json.DecodeError:
            return frame
        if isinstance(chunk, dict):
            chunk.pop("usage", None)
            if isinstance(extra := chunk.get("x_groq"), dict):
                extra.pop("usage", None)
        return frame._replace(data=b"data: " + json.dumps(chunk) + b"\n\n")

    def emptied(self, frame: Frame) -> Frame | None:
        return None if frame.kind == "content" else frame

    def huge(self, frame: Frame, size: int, *, alone: bool) -> Iterator[Frame]:
        choice = {"index": 0, "delta": {"content": "x" * size}, "finish_reason": None}
        chunk = {"id": "chatcmpl-huge", "object": "chat.completion.chunk", "created": 0}
        chunk |= {"model": "sim-chat", "choices": [choice]}
        yield Frame("content", b"data: " + json.dumps(chunk) + b"\n\n", size)
        if not alone:
            yield frame

    def repeats_usage(self, frame: Frame) -> Frame | None:
        return frame if b'"usage":{' in frame.data.replace(b": ", b":") else None
