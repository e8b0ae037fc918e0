"""An answer as a message of Anthropic's: the whole, or the events of a stream."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from opengateway.kit import json
from opengateway.simulator.answers import Answer, Call
from opengateway.simulator.anthropic.rules import SIGNED
from opengateway.simulator.metering import Meter
from opengateway.simulator.rendering import Frame, FrameKind, pieces_of
from opengateway.simulator.signatures import Signer

_PIECE = 6
_STOPS = {"stop": "end_turn", "length": "max_tokens", "tool_calls": "tool_use"}


@dataclass(frozen=True, slots=True)
class Shown:
    """How thoughts are shown: in full, `omitted` (signed, but empty), or `sealed`."""

    signer: Signer
    omitted: bool = False
    sealed: bool = False


def whole_message(
    reply_id: str, model: str, answer: Answer, meter: Meter, shown: Shown
) -> dict[str, Any]:
    """The body of a reply that is not streamed."""
    content: list[dict[str, Any]] = []
    if answer.reasoning:
        content.append(_thought(answer, shown))
    if answer.text:
        content.append({"type": "text", "text": answer.text, "citations": None})
    content += [_tool_use(call) for call in answer.calls]
    reason, stop = _stop(answer)
    usage = usage_of(meter) | {"server_tool_use": None}
    ended = {"stop_reason": reason, "stop_sequence": stop, "stop_details": None, "usage": usage}
    return _message(reply_id, model, content) | ended | {"container": None}


def usage_of(meter: Meter) -> dict[str, Any]:
    """Usage with its four classes of input, of which none holds another."""
    written = meter.written_5m + meter.written_1h
    return {
        "input_tokens": meter.prompt - meter.cached - written,
        "cache_creation_input_tokens": written,
        "cache_read_input_tokens": meter.cached,
        "cache_creation": {
            "ephemeral_5m_input_tokens": meter.written_5m,
            "ephemeral_1h_input_tokens": meter.written_1h,
        },
        "output_tokens": meter.completion,
        "output_tokens_details": {"thinking_tokens": meter.reasoning},
        "service_tier": "standard",
        "inference_geo": "not_available",
    }


def frames_of(
    reply_id: str, model: str, answer: Answer, meter: Meter, shown: Shown
) -> Iterator[Frame]:
    """The events of a stream: one block after the other, then the stop reason, then the end."""
    usage = usage_of(meter)
    opening = {name: usage[name] for name in usage if name != "output_tokens_details"}
    message = _message(reply_id, model, [])
    message |= {"stop_reason": None, "stop_sequence": None, "usage": opening | {"output_tokens": 1}}
    yield _event("open", "message_start", message=message)
    first = True
    for index, block in enumerate(_blocks(answer, shown)):
        for frame in _block_frames(index, *block):
            yield frame
            if first:
                yield event_frame("other", {"type": "ping"})
                first = False
    reason, stop = _stop(answer)
    closing = {
        name: usage[name]
        for name in usage
        if name not in ("cache_creation", "service_tier", "inference_geo")
    }
    delta = {"stop_reason": reason, "stop_sequence": stop}
    yield _event("finish", "message_delta", delta=delta, usage=closing)
    yield _event("done", "message_stop")


def event_frame(kind: FrameKind, value: dict[str, Any], size: int = 0) -> Frame:
    """An event whose name is its type, as the vendor's SDK needs it."""
    data = b"event: " + value["type"].encode() + b"\ndata: " + json.dumps(value) + b"\n\n"
    return Frame(kind, data, size)


_Delta = tuple[dict[str, Any], int]
_Block = tuple[dict[str, Any], list[_Delta]]


def _blocks(answer: Answer, shown: Shown) -> Iterator[_Block]:
    """Each block as it starts, and its deltas with the bytes that are billed for them."""
    if answer.reasoning:
        yield _streamed_thought(answer, shown)
    if answer.text:
        yield (
            {"type": "text", "text": ""},
            [
                ({"type": "text_delta", "text": piece}, len(piece.encode()))
                for piece in pieces_of(answer.text)
            ],
        )
    for call in answer.calls:
        start = {"type": "tool_use", "id": call.id, "name": call.name, "input": {}}
        text = call.arguments
        pieces = [text[at : at + _PIECE] for at in range(0, len(text), _PIECE)]
        deltas = [({"type": "input_json_delta", "partial_json": ""}, len(call.name.encode()))]
        deltas += [
            ({"type": "input_json_delta", "partial_json": piece}, len(piece.encode()))
            for piece in pieces
        ]
        yield start, deltas


def _streamed_thought(answer: Answer, shown: Shown) -> _Block:
    thought = _thought(answer, shown)
    billed = len(answer.reasoning.encode())
    if thought["type"] == "redacted_thinking":
        return thought, []
    pieces = pieces_of(thought["thinking"])
    deltas: list[_Delta] = [
        ({"type": "thinking_delta", "thinking": piece}, len(piece.encode())) for piece in pieces
    ]
    signature = {"type": "signature_delta", "signature": thought["signature"]}
    deltas.append((signature, 0 if pieces else billed))
    return {"type": "thinking", "thinking": "", "signature": ""}, deltas


def _block_frames(index: int, start: dict[str, Any], deltas: list[_Delta]) -> Iterator[Frame]:
    yield _event("content", "content_block_start", index=index, content_block=start)
    for delta, size in deltas:
        yield _event("content", "content_block_delta", size, index=index, delta=delta)
    yield _event("content", "content_block_stop", index=index)


def _event(kind: FrameKind, name: str, size: int = 0, **members: Any) -> Frame:
    return event_frame(kind, {"type": name, **members}, size)


def _message(reply_id: str, model: str, content: list[dict[str, Any]]) -> dict[str, Any]:
    head = {"id": reply_id, "type": "message", "role": "assistant", "model": model}
    return head | {"content": content}


def _thought(answer: Answer, shown: Shown) -> dict[str, Any]:
    if shown.sealed:
        return {"type": "redacted_thinking", "data": shown.signer.seal(answer.reasoning)}
    text = "" if shown.omitted else answer.reasoning
    return {"type": "thinking", "thinking": text, "signature": shown.signer.sign(SIGNED, text)}


def _tool_use(call: Call) -> dict[str, Any]:
    try:
        given = json.loads(call.arguments)
    except json.DecodeError:
        given = {}  # the limit of tokens cut the arguments off
    direct = {"type": "direct"}  # called by the model itself, and by no tool of the vendor's
    return {"type": "tool_use", "id": call.id, "name": call.name, "input": given, "caller": direct}


def _stop(answer: Answer) -> tuple[str, str | None]:
    if answer.stopped_by is not None:
        return "stop_sequence", answer.stopped_by
    return _STOPS[answer.finish], None
