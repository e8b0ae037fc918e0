"""An answer as Converse gives it: the whole, or the frames of a stream."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Iterator
from typing import Any

from opengateway.kit import json
from opengateway.kit.event_stream import encode
from opengateway.simulator.answers import Answer, Call
from opengateway.simulator.anthropic.rendering import Shown
from opengateway.simulator.anthropic.rules import SIGNED
from opengateway.simulator.metering import Meter
from opengateway.simulator.rendering import Frame, FrameKind, pieces_of

STREAM_TYPE = "application/vnd.amazon.eventstream"
_PIECE = 6
_STOPS = {"stop": "end_turn", "length": "max_tokens", "tool_calls": "tool_use"}
_PADDING = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
_KINDS: dict[str, FrameKind] = {
    "messageStart": "open",
    "messageStop": "done",
    "metadata": "usage",
    "contentBlockStart": "content",
    "contentBlockDelta": "content",
    "contentBlockStop": "content",
}


def whole_reply(answer: Answer, meter: Meter, shown: Shown) -> dict[str, Any]:
    content: list[dict[str, Any]] = []
    if answer.reasoning:
        content.append({"reasoningContent": _thought(answer, shown)})
    if answer.text:
        content.append({"text": answer.text})
    content += [{"toolUse": _use(call) | {"input": _input(call)}} for call in answer.calls]
    return {
        "metrics": {"latencyMs": 1},
        "output": {"message": {"content": content, "role": "assistant"}},
        "stopReason": _stop(answer),
        "usage": usage_of(meter),
    }


def usage_of(meter: Meter) -> dict[str, Any]:
    written = meter.written_5m + meter.written_1h
    usage: dict[str, Any] = {
        "inputTokens": meter.prompt - meter.cached - written,
        "outputTokens": meter.completion,
        "totalTokens": meter.prompt + meter.completion,
        "cacheReadInputTokens": meter.cached,
        "cacheWriteInputTokens": written,
    }
    details = [("5m", meter.written_5m), ("1h", meter.written_1h)]
    if written:
        usage["cacheDetails"] = [{"ttl": t, "inputTokens": n} for t, n in details if n]
    return usage


def frames_of(answer: Answer, meter: Meter, shown: Shown) -> Iterator[Frame]:
    yield event_frame("messageStart", {"role": "assistant"})
    for index, (start, deltas) in enumerate(_blocks(answer, shown)):
        where = {"contentBlockIndex": index}
        if start is not None:
            yield event_frame("contentBlockStart", where | {"start": start})
        for delta, size in deltas:
            yield event_frame("contentBlockDelta", where | {"delta": delta}, size)
        yield event_frame("contentBlockStop", where)
    yield event_frame("messageStop", {"stopReason": _stop(answer)})
    metrics = {"latencyMs": 1}
    yield event_frame("metadata", {"metrics": metrics, "usage": usage_of(meter)})


def event_frame(name: str, payload: dict[str, Any], size: int = 0) -> Frame:
    """One event; `p` pads it, so that its length says nothing of what it holds."""
    padded = payload | {"p": _PADDING[: len(json.dumps(payload)) % len(_PADDING)]}
    headers = {
        ":event-type": name,
        ":content-type": "application/json",
        ":message-type": "event",
    }
    return Frame(_KINDS.get(name, "other"), encode(headers, json.dumps(padded)), size)


def exception_frame(name: str, message: str) -> Frame:
    headers = {
        ":exception-type": name,
        ":content-type": "application/json",
        ":message-type": "exception",
    }
    return Frame("other", encode(headers, json.dumps({"message": message})))


def enveloped(frames: Iterable[Frame]) -> Iterator[Frame]:
    """Events of Messages, each in a frame of InvokeModel's."""
    for frame in frames:
        data = frame.data.partition(b"data: ")[2].strip()
        payload = {"bytes": base64.b64encode(data).decode()}
        made = event_frame("chunk", payload, frame.content_bytes)
        yield Frame(frame.kind, made.data, frame.content_bytes)


_Delta = tuple[dict[str, Any], int]


def _blocks(answer: Answer, shown: Shown) -> Iterator[tuple[dict[str, Any] | None, list[_Delta]]]:
    """Each block's start, where it has one, and its deltas with the bytes billed for them."""
    if answer.reasoning:
        yield None, _thought_deltas(answer, shown)
    if answer.text:
        pieces = pieces_of(answer.text)
        yield None, [({"text": piece}, len(piece.encode())) for piece in pieces]
    for call in answer.calls:
        text = call.arguments if call.arguments != "{}" else ""
        pieces = [text[at : at + _PIECE] for at in range(0, len(text), _PIECE)]
        yield (
            {"toolUse": _use(call)},
            [({"toolUse": {"input": piece}}, len(piece.encode())) for piece in pieces],
        )


def _thought_deltas(answer: Answer, shown: Shown) -> list[_Delta]:
    thought = _thought(answer, shown)
    billed = len(answer.reasoning.encode())
    if "redactedContent" in thought:
        return [({"reasoningContent": thought}, billed)]
    told = thought["reasoningText"]
    deltas: list[_Delta] = [
        ({"reasoningContent": {"text": piece}}, len(piece.encode()))
        for piece in pieces_of(told["text"])
    ]
    return [*deltas, ({"reasoningContent": {"signature": told["signature"]}}, 0)]


def _thought(answer: Answer, shown: Shown) -> dict[str, Any]:
    if shown.sealed:
        sealed = shown.signer.seal(answer.reasoning)
        return {"redactedContent": base64.b64encode(sealed.encode()).decode()}
    text = answer.reasoning
    return {"reasoningText": {"text": text, "signature": shown.signer.sign(SIGNED, text)}}


def _use(call: Call) -> dict[str, Any]:
    return {"name": call.name, "toolUseId": call.id}


def _input(call: Call) -> Any:
    try:
        return json.loads(call.arguments)
    except json.DecodeError:
        return {}  # the limit of tokens cut the arguments off


def _stop(answer: Answer) -> str:
    return "stop_sequence" if answer.stopped_by is not None else _STOPS[answer.finish]
