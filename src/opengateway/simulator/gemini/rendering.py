"""An answer as Gemini's: the whole, or the chunks of a stream."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from opengateway.kit import json
from opengateway.simulator.answers import Answer, Call
from opengateway.simulator.gemini.rules import CALL, TEXT, call_text
from opengateway.simulator.metering import Meter, count_text
from opengateway.simulator.rendering import Frame, FrameKind, pieces_of
from opengateway.simulator.signatures import Signer

_STOPS = {"stop": "STOP", "length": "MAX_TOKENS", "tool_calls": "STOP"}
_GROUP = 4
"""Words in a chunk; this vendor sends larger pieces than others."""


@dataclass(frozen=True, slots=True)
class Shown:
    """How a reply looks: who it is from, and which thoughts and signatures it has."""

    reply_id: str
    model: str
    signer: Signer
    thoughts: bool
    """Shows thoughts as parts of their own; they are counted all the same."""
    signs: bool
    group: int = _GROUP


def whole_reply(answers: tuple[Answer, ...], meter: Meter, shown: Shown) -> dict[str, Any]:
    """The body of a reply that is not streamed."""
    candidates = []
    for index, answer in enumerate(answers):
        parts: list[dict[str, Any]] = []
        if shown.thoughts and answer.reasoning:
            parts.append({"text": answer.reasoning, "thought": True})
        if answer.text:
            signed = _text_signature(shown) if answer.reasoning and not answer.calls else {}
            parts.append({"text": answer.text} | signed)
        parts += _call_parts(answer.calls, shown)
        candidate: dict[str, Any] = {"content": _content(parts)}
        candidates.append(candidate | {"finishReason": _STOPS[answer.finish], "index": index})
    spent = meter.completion - meter.reasoning
    return _body(candidates, usage_of(meter, meter.reasoning, spent), shown)


def usage_of(meter: Meter, thoughts: int, said: int) -> dict[str, Any]:
    """Usage when `thoughts` and `said` tokens are out; the total has both, the second not the first."""
    usage: dict[str, Any] = {"promptTokenCount": meter.prompt}
    if said:
        usage["candidatesTokenCount"] = said
    usage["totalTokenCount"] = meter.prompt + thoughts + said
    if meter.cached:
        usage["cachedContentTokenCount"] = meter.cached
        usage["cacheTokensDetails"] = [{"modality": "TEXT", "tokenCount": meter.cached}]
    usage["promptTokensDetails"] = [{"modality": "TEXT", "tokenCount": meter.prompt}]
    if thoughts:
        usage["thoughtsTokenCount"] = thoughts
    return usage


def frames_of(answers: tuple[Answer, ...], meter: Meter, shown: Shown) -> Iterator[Frame]:
    """The chunks of a stream, with usage on each; nothing marks the end."""
    said = 0
    thoughts = sum(count_text(answer.reasoning) for answer in answers) if not shown.thoughts else 0
    for index, answer in enumerate(answers):
        if shown.thoughts and answer.reasoning:
            thoughts += count_text(answer.reasoning)
            part = {"text": answer.reasoning, "thought": True}
            size = len(answer.reasoning.encode())
            yield _chunk("content", [part], index, usage_of(meter, thoughts, said), shown, size)
        pieces = pieces_of(answer.text)
        groups = [
            "".join(pieces[at : at + shown.group]) for at in range(0, len(pieces), shown.group)
        ]
        for group in groups:
            said += count_text(group)
            usage = usage_of(meter, thoughts, said)
            size = len(group.encode())
            yield _chunk("content", [{"text": group}], index, usage, shown, size)
        for call, part in zip(answer.calls, _call_parts(answer.calls, shown), strict=True):
            size = len((call.name + call.arguments).encode())
            said += count_text(call.name + call.arguments)
            usage = usage_of(meter, thoughts, said)
            yield _chunk("content", [part], index, usage, shown, size)
    for index, answer in enumerate(answers):
        # The finish comes after the calls, in a chunk of its own with an empty text.
        signed = _text_signature(shown) if answer.reasoning and not answer.calls else {}
        usage = usage_of(meter, meter.reasoning, meter.completion - meter.reasoning)
        parts = [{"text": ""} | signed]
        yield _chunk("finish", parts, index, usage, shown, finish=_STOPS[answer.finish])


def array_of(frames: Iterator[Frame]) -> bytes:
    """The same chunks as one JSON array, as the vendor streams where no events are asked for."""
    chunks = [frame.data.removeprefix(b"data: ").rstrip() for frame in frames]
    return b"[" + b",\r\n".join(chunks) + b"]"


def _chunk(
    kind: FrameKind,
    parts: list[dict[str, Any]],
    index: int,
    usage: dict[str, Any],
    shown: Shown,
    size: int = 0,
    finish: str = "",
) -> Frame:
    candidate: dict[str, Any] = {"content": _content(parts)}
    if finish:
        candidate["finishReason"] = finish
    body = _body([candidate | {"index": index}], usage, shown)
    return data_frame(kind, body, size)


def data_frame(kind: FrameKind, body: dict[str, Any], size: int = 0) -> Frame:
    return Frame(kind, b"data: " + json.dumps(body) + b"\n\n", size)


def _content(parts: list[dict[str, Any]]) -> dict[str, Any]:
    return ({"parts": parts} if parts else {}) | {"role": "model"}


def _body(candidates: list[dict[str, Any]], usage: dict[str, Any], shown: Shown) -> dict[str, Any]:
    head: dict[str, Any] = {"candidates": candidates, "usageMetadata": usage}
    return head | {"modelVersion": shown.model, "responseId": shown.reply_id}


def _call_parts(calls: tuple[Call, ...], shown: Shown) -> list[dict[str, Any]]:
    """Only the first of parallel calls is signed."""
    parts: list[dict[str, Any]] = []
    for call in calls:
        try:
            args = json.loads(call.arguments)
        except json.DecodeError:
            args = {}  # the limit of tokens cut the arguments off
        made: dict[str, Any] = {"name": call.name, "args": args, "id": call.id}
        part: dict[str, Any] = {"functionCall": made}
        if shown.signs and not parts:
            part["thoughtSignature"] = shown.signer.sign(CALL, call_text(made))
        parts.append(part)
    return parts


def _text_signature(shown: Shown) -> dict[str, Any]:
    return {"thoughtSignature": shown.signer.sign(TEXT, "")} if shown.signs else {}
