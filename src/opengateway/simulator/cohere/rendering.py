"""An answer in Cohere's shape: the whole body, or the frames of a stream."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from opengateway.kit import json
from opengateway.simulator.answers import Answer
from opengateway.simulator.metering import Meter
from opengateway.simulator.rendering import DONE, Frame, FrameKind, pieces_of

_FINISHES: Final = {"stop": "COMPLETE", "length": "MAX_TOKENS", "tool_calls": "TOOL_CALL"}
_PLAN: Final = "I will use the tools that were offered."
_PREAMBLE_TOKENS: Final = 60
"""The vendor's own words before the conversation: read, and billed to nobody."""


def usage_of(meter: Meter) -> dict[str, Any]:
    billed = {"input_tokens": meter.prompt, "output_tokens": meter.completion}
    tokens = {
        "input_tokens": meter.prompt + _PREAMBLE_TOKENS,
        "output_tokens": meter.completion,
    }
    return {"billed_units": billed, "tokens": tokens, "cached_tokens": meter.cached}


def whole_reply(answer: Answer, meter: Meter, reply_id: str) -> dict[str, Any]:
    message: dict[str, Any] = {"role": "assistant"}
    parts: list[dict[str, Any]] = []
    if answer.reasoning and not answer.calls:
        parts.append({"type": "thinking", "thinking": answer.reasoning})
    if answer.text:
        parts.append({"type": "text", "text": answer.text})
    if parts:
        message["content"] = parts
    if answer.calls:
        message["tool_plan"] = answer.reasoning or _PLAN
        message["tool_calls"] = [
            {
                "id": call.id,
                "type": "function",
                "function": {"name": call.name, "arguments": call.arguments},
            }
            for call in answer.calls
        ]
    return {
        "id": reply_id,
        "finish_reason": _finish(answer),
        "message": message,
        "usage": usage_of(meter),
    }


def frames_of(answer: Answer, meter: Meter, reply_id: str) -> Iterator[Frame]:
    begun = {"role": "assistant", "content": [], "tool_plan": "", "tool_calls": [], "citations": []}
    yield _frame("open", "message-start", {"message": begun}, id=reply_id)
    index = 0
    if answer.calls:
        for piece in pieces_of(answer.reasoning or _PLAN):
            yield _delta("tool-plan-delta", {"tool_plan": piece}, piece)
    for kind, text in (("thinking", answer.reasoning), ("text", answer.text)):
        if not text or (answer.calls and kind == "thinking"):
            continue
        opened = {"content": {"type": kind, kind: ""}}
        yield _frame("other", "content-start", {"message": opened}, index=index)
        for piece in pieces_of(text):
            yield _delta("content-delta", {"content": {kind: piece}}, piece, index=index)
        yield _frame("other", "content-end", None, index=index)
        index += 1
    for at, call in enumerate(answer.calls):
        begins = {
            "id": call.id,
            "type": "function",
            "function": {"name": call.name, "arguments": ""},
        }
        yield _frame("other", "tool-call-start", {"message": {"tool_calls": begins}}, index=at)
        for piece in pieces_of(call.arguments):
            told = {"tool_calls": {"function": {"arguments": piece}}}
            yield _delta("tool-call-delta", told, piece, index=at)
        yield _frame("other", "tool-call-end", None, index=at)
    ended = {"finish_reason": _finish(answer), "usage": usage_of(meter)}
    yield _frame("finish", "message-end", ended)
    yield Frame("done", DONE)


def _finish(answer: Answer) -> str:
    return "STOP_SEQUENCE" if answer.stopped_by else _FINISHES.get(answer.finish, "COMPLETE")


def _delta(name: str, message: dict[str, Any], piece: str, index: int | None = None) -> Frame:
    made = _frame("content", name, {"message": message}, index=index)
    return made._replace(content_bytes=len(piece.encode()))


def _frame(
    kind: FrameKind,
    name: str,
    delta: dict[str, Any] | None,
    *,
    id: str | None = None,
    index: int | None = None,
) -> Frame:
    told: dict[str, Any] = {"id": id} if id is not None else {}
    told["type"] = name
    if index is not None:
        told["index"] = index
    if delta is not None:
        told["delta"] = delta
    return Frame(kind, b"event: %b\ndata: %b\n\n" % (name.encode(), json.dumps(told)))
