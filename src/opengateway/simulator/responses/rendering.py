"""An answer as a response: the whole object, or the events of a stream."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from opengateway.kit import json
from opengateway.simulator.answers import Answer
from opengateway.simulator.metering import Meter
from opengateway.simulator.rendering import Frame, FrameKind, pieces_of
from opengateway.simulator.responses.rules import ENCRYPTED
from opengateway.simulator.signatures import Signer

_ECHOED: Final[dict[str, Any]] = {
    "instructions": None,
    "max_output_tokens": None,
    "metadata": {},
    "parallel_tool_calls": True,
    "temperature": 1.0,
    "tool_choice": "auto",
    "tools": [],
    "top_p": 1.0,
    "truncation": "disabled",
}


@dataclass(frozen=True, slots=True)
class Shown:
    """What of an answer is shown, and under which names."""

    id: str
    created_at: int
    body: dict[str, Any]
    signer: Signer

    @property
    def seals(self) -> bool:
        return ENCRYPTED in (self.body.get("include") or ())

    @property
    def summarises(self) -> bool:
        return (self.body.get("reasoning") or {}).get("summary") is not None


def usage_of(meter: Meter) -> dict[str, Any]:
    return {
        "input_tokens": meter.prompt,
        "input_tokens_details": {"cached_tokens": meter.cached, "cache_write_tokens": 0},
        "output_tokens": meter.completion,
        "output_tokens_details": {"reasoning_tokens": meter.reasoning},
        "total_tokens": meter.prompt + meter.completion,
    }


def items_of(answer: Answer, shown: Shown) -> list[dict[str, Any]]:
    """The output items, whole. `reasoning` stands first, and says no more than was asked for."""
    items: list[dict[str, Any]] = []
    suffix = shown.id.rpartition("_")[2][-24:]
    status = "incomplete" if answer.finish in ("length", "content_filter") else "completed"
    if answer.reasoning:
        text = {"type": "summary_text", "text": answer.reasoning}
        thought: dict[str, Any] = {
            "id": f"rs_{suffix}0",
            "type": "reasoning",
            "summary": [text] if shown.summarises else [],
        }
        if shown.seals:
            thought["encrypted_content"] = shown.signer.seal(answer.reasoning)
        items.append(thought)
    if answer.text or not answer.calls:
        part = {"type": "output_text", "text": answer.text, "annotations": [], "logprobs": []}
        said = {"id": f"msg_{suffix}1", "type": "message", "status": status, "role": "assistant"}
        items.append({**said, "content": [part]})
    for number, call in enumerate(answer.calls, 2):
        custom = call.kind == "custom"
        items.append(
            {
                "id": f"{'ctc' if custom else 'fc'}_{suffix}{number}",
                "type": "custom_tool_call" if custom else "function_call",
                "status": status,
                "call_id": call.id,
                "name": call.name,
                "input" if custom else "arguments": call.arguments,
            }
        )
    return items


def response_of(
    shown: Shown,
    status: str,
    output: list[dict[str, Any]],
    *,
    meter: Meter | None = None,
    why: str | None = None,
) -> dict[str, Any]:
    body = shown.body
    return {
        "id": shown.id,
        "object": "response",
        "created_at": shown.created_at,
        "status": status,
        "background": False,
        "error": None,
        "incomplete_details": None if why is None else {"reason": why},
        "model": body["model"],
        "output": output,
        **{name: body.get(name, default) for name, default in _ECHOED.items()},
        "previous_response_id": None,
        "reasoning": {"effort": None, "summary": None, **(body.get("reasoning") or {})},
        "service_tier": "default",
        "store": body.get("store") is not False,
        "text": {"format": {"type": "text"}, **(body.get("text") or {})},
        "usage": None if meter is None else usage_of(meter),
    }


def whole(answer: Answer, meter: Meter, shown: Shown) -> dict[str, Any]:
    status, why = _ending(answer)
    return response_of(shown, status, items_of(answer, shown), meter=meter, why=why)


def _ending(answer: Answer) -> tuple[str, str | None]:
    match answer.finish:
        case "length":
            return "incomplete", "max_output_tokens"
        case "content_filter":
            return "incomplete", "content_filter"
        case _:
            return "completed", None


class _Numbered:
    """Numbers events as they are made."""

    def __init__(self) -> None:
        self._next = 0

    def __call__(self, kind: FrameKind, event: str, size: int = 0, /, **members: Any) -> Frame:
        told = {"type": event, **members, "sequence_number": self._next}
        self._next += 1
        return Frame(kind, b"event: %b\ndata: %b\n\n" % (event.encode(), json.dumps(told)), size)


def frames_of(answer: Answer, meter: Meter, shown: Shown) -> Iterator[Frame]:
    """The events of a stream: one item after the other, then the whole response."""
    event = _Numbered()
    for name in ("response.created", "response.in_progress"):
        yield event("open", name, response=response_of(shown, "in_progress", []))
    items = items_of(answer, shown)
    for index, item in enumerate(items):
        place = {"item_id": item["id"], "output_index": index}
        opened = {**item, "status": "in_progress"} if "status" in item else dict(item)
        opened.pop("encrypted_content", None)
        match item["type"]:
            case "message":
                opened["content"] = []
                yield event("other", "response.output_item.added", output_index=index, item=opened)
                yield from _text_frames(event, item["content"][0], place)
            case "reasoning":
                opened["summary"] = []
                yield event("other", "response.output_item.added", output_index=index, item=opened)
                for part in item["summary"]:
                    yield from _summary_frames(event, part, place)
            case kind:
                member = "input" if kind == "custom_tool_call" else "arguments"
                opened[member] = ""
                yield event("other", "response.output_item.added", output_index=index, item=opened)
                yield from _call_frames(event, item, member, place)
        yield event("content", "response.output_item.done", output_index=index, item=item)
    status, why = _ending(answer)
    final = response_of(shown, status, items, meter=meter, why=why)
    yield event("finish", f"response.{status}", response=final)


def _text_frames(event: _Numbered, part: dict[str, Any], place: dict[str, Any]) -> Iterator[Frame]:
    place = {**place, "content_index": 0}
    empty = {**part, "text": ""}
    yield event("other", "response.content_part.added", **place, part=empty)
    for piece in pieces_of(part["text"]):
        size = len(piece.encode())
        told = {**place, "delta": piece, "logprobs": []}
        yield event("content", "response.output_text.delta", size, **told)
    told = {**place, "text": part["text"], "logprobs": []}
    yield event("content", "response.output_text.done", **told)
    yield event("content", "response.content_part.done", **place, part=part)


def _summary_frames(
    event: _Numbered, part: dict[str, Any], place: dict[str, Any]
) -> Iterator[Frame]:
    place = {**place, "summary_index": 0}
    empty = {**part, "text": ""}
    yield event("other", "response.reasoning_summary_part.added", **place, part=empty)
    for piece in pieces_of(part["text"]):
        size = len(piece.encode())
        yield event("content", "response.reasoning_summary_text.delta", size, **place, delta=piece)
    text = part["text"]
    yield event("content", "response.reasoning_summary_text.done", **place, text=text)
    yield event("content", "response.reasoning_summary_part.done", **place, part=part)


def _call_frames(
    event: _Numbered, item: dict[str, Any], member: str, place: dict[str, Any]
) -> Iterator[Frame]:
    name = "custom_tool_call_input" if member == "input" else "function_call_arguments"
    for piece in pieces_of(item[member]):
        size = len(piece.encode())
        yield event("content", f"response.{name}.delta", size, **place, delta=piece)
    told = {**place, member: item[member]}
    if member == "arguments":
        told["name"] = item["name"]
    yield event("content", f"response.{name}.done", **told)
