"""An answer in one vendor's shapes: the whole body, or the frames of a stream."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any, Literal, NamedTuple

from opengateway.kit import json
from opengateway.simulator.answers import Answer, Call
from opengateway.simulator.metering import Meter
from opengateway.simulator.personas import Persona
from opengateway.simulator.usage_shapes import usage_body

FrameKind = Literal["open", "content", "finish", "usage", "done", "comment", "other"]

DONE = b"data: [DONE]\n\n"
MAX_PIECES = 20_000


class Frame(NamedTuple):
    """One event as it goes out, blank line and all. `content_bytes` is what the vendor bills."""

    kind: FrameKind
    data: bytes
    content_bytes: int = 0


@dataclass(frozen=True, slots=True)
class Envelope:
    """What every chunk of one reply repeats."""

    id: str
    created: int
    model: str
    request_id: str


def pieces_of(text: str) -> list[str]:
    """Cut text as a tokenizer might: by words, long runs in pieces; joined they are the text."""
    pieces = re.findall(r"\s*\S{1,12}|\s+$", text)
    if len(pieces) > MAX_PIECES:
        step = -(-len(pieces) // MAX_PIECES)
        pieces = ["".join(pieces[at : at + step]) for at in range(0, len(pieces), step)]
    return pieces


def unary_body(
    persona: Persona,
    envelope: Envelope,
    answers: tuple[Answer, ...],
    meter: Meter | None,
    *,
    logprobs: int | None = None,
    show_reasoning: bool = True,
) -> dict[str, Any]:
    """A whole reply. `meter` None leaves usage away."""
    choices = []
    for index, answer in enumerate(answers):
        choice: dict[str, Any] = {
            "index": index,
            "message": _message(persona, answer, show_reasoning),
        }
        if persona.logprobs_member:
            choice["logprobs"] = _logprobs(pieces_of(answer.text), logprobs)
        choice["finish_reason"] = finish_word(persona, answer.finish, streamed=False)
        _extend_choice(choice, persona, answer)
        choices.append(choice)
    body = _head(persona, envelope, "chat.completion") | {"choices": choices}
    if meter is not None:
        body["usage"] = usage_body(persona, meter)
    if persona.usage_shape == "groq":
        body["x_groq"] = {"id": envelope.request_id}
    return body


def finish_word(persona: Persona, finish: str, *, streamed: bool) -> str:
    """The vendor's own word; Ollama says `stop` after tool calls, but only in streams."""
    if finish == "stop":
        return persona.finish_stop
    return persona.finish_tools if finish == "tool_calls" and streamed else finish


def _head(persona: Persona, envelope: Envelope, kind: str) -> dict[str, Any]:
    head: dict[str, Any] = {
        "id": envelope.id,
        "object": kind,
        "created": envelope.created,
        "model": envelope.model,
    }
    if persona.fingerprint:
        head["system_fingerprint"] = persona.fingerprint
    if persona.service_tier:
        head["service_tier"] = persona.service_tier
    if persona.usage_shape == "openrouter":
        head["provider"] = "Simulator"
    return head


def _message(persona: Persona, answer: Answer, show_reasoning: bool) -> dict[str, Any]:
    message: dict[str, Any] = {"role": "assistant"}
    text: Any = answer.text if answer.text or not answer.calls else None
    shown = answer.reasoning if show_reasoning else ""
    if persona.reasoning == "parts" and shown:
        message["content"] = [
            _thinking_part(shown, closed=True),
            {"type": "text", "text": text or ""},
        ]
    else:
        message["content"] = text
    if persona.usage_shape == "details":
        message["refusal"] = None
        message["annotations"] = []
    if shown and persona.reasoning in ("reasoning", "reasoning_content"):
        message[persona.reasoning] = shown
        if persona.reasoning_details:
            message["reasoning_details"] = [_detail(shown)]
    if answer.calls:
        message["tool_calls"] = [_call_body(call) for call in answer.calls]
    return message


def _call_body(call: Call) -> dict[str, Any]:
    if call.kind == "custom":
        inner = {"name": call.name, "input": call.arguments}
    else:
        inner = {"name": call.name, "arguments": call.arguments}
    return {"id": call.id, "type": call.kind, call.kind: inner}


def _thinking_part(text: str, *, closed: bool = False) -> dict[str, Any]:
    part: dict[str, Any] = {"type": "thinking", "thinking": [{"type": "text", "text": text}]}
    return part | {"closed": True} if closed else part


def _detail(text: str) -> dict[str, Any]:
    return {"type": "reasoning.text", "text": text, "index": 0, "format": None}


def _extend_choice(choice: dict[str, Any], persona: Persona, answer: Answer) -> None:
    if persona.stop_reason:
        choice["stop_reason"] = answer.stopped_by
    if persona.usage_shape == "openrouter":
        choice["native_finish_reason"] = answer.finish


def _logprobs(pieces: list[str], top: int | None) -> dict[str, Any] | None:
    if top is None:
        return None
    content = []
    for index, piece in enumerate(pieces):
        own = {"token": piece, "logprob": -0.01 * (index % 7 + 1), "bytes": list(piece.encode())}
        others = [
            {"token": f"{piece}{rank}", "logprob": -1.0 - rank, "bytes": None}
            for rank in range(1, top)
        ]
        content.append(own | {"top_logprobs": [own, *others][:top]})
    return {"content": content, "refusal": None}


class StreamRenderer:
    """The frames of one stream, in the order and shape of one vendor."""

    def __init__(
        self,
        persona: Persona,
        envelope: Envelope,
        *,
        include_usage: bool,
        logprobs: int | None,
        show_reasoning: bool,
    ) -> None:
        self._persona = persona
        self._head = _head(persona, envelope, "chat.completion.chunk")
        self._request_id = envelope.request_id
        self._include_usage = include_usage
        self._null_usage = persona.null_usage and include_usage
        self._logprobs = logprobs
        self._show = show_reasoning

    def frames(self, answers: tuple[Answer, ...], meter: Meter) -> Iterator[Frame]:
        """Choices interleave piece by piece; usage where this vendor puts it; then the end mark."""
        streams = [self._choice(index, answer) for index, answer in enumerate(answers)]
        last = len(answers) - 1
        for row in zip_longest(*streams):
            yield from (frame for frame in row if frame is not None)
        for index, answer in enumerate(answers):
            yield self._finish(index, answer, meter if index == last else None)
        persona = self._persona
        if persona.usage_stream == "extra" or (
            persona.usage_stream == "option" and self._include_usage
        ):
            yield self._usage(meter)
        yield Frame("done", DONE)

    def _choice(self, index: int, answer: Answer) -> Iterator[Frame]:
        persona = self._persona
        yield self._open(index, answer)
        if self._show and persona.reasoning != "none":
            for piece in pieces_of(answer.reasoning):
                yield self._delta(index, self._reasoning_delta(piece), len(piece.encode()))
        for piece in pieces_of(answer.text):
            yield self._delta(index, {"content": piece}, len(piece.encode()), text=piece)
        for place, call in enumerate(answer.calls):
            position = 0 if persona.tool_index_zero else place
            yield from self._call(index, position, call)

    def _open(self, index: int, answer: Answer) -> Frame:
        empty = None if answer.calls and not answer.text else ""
        delta: dict[str, Any] = {"role": "assistant", "content": empty}
        if self._persona.usage_shape == "details":
            delta["refusal"] = None
        chunk = self._chunk(index, delta, None)
        if self._persona.usage_shape == "groq":
            chunk["x_groq"] = {"id": self._request_id}
        return _frame("open", chunk)

    def _reasoning_delta(self, piece: str) -> dict[str, Any]:
        persona = self._persona
        if persona.reasoning == "parts":
            return {"content": [_thinking_part(piece)]}
        delta: dict[str, Any] = {persona.reasoning: piece}
        if persona.usage_shape in ("deepseek", "openrouter"):
            delta["content"] = None if persona.usage_shape == "deepseek" else ""
        if persona.reasoning_details:
            delta["reasoning_details"] = [_detail(piece)]
        return delta

    def _call(self, index: int, position: int, call: Call) -> Iterator[Frame]:
        member = "input" if call.kind == "custom" else "arguments"
        first = {
            "index": position,
            "id": call.id,
            "type": call.kind,
            call.kind: {"name": call.name, member: ""},
        }
        whole = self._persona.tool_index_zero or self._persona.usage_shape == "mistral"
        if whole:  # these vendors send a call in one piece
            first[call.kind] = {"name": call.name, member: call.arguments}
            yield self._delta(index, {"tool_calls": [first]}, len(call.name + call.arguments))
            return
        yield self._delta(index, {"tool_calls": [first]}, len(call.name))
        for at in range(0, len(call.arguments), 6):
            piece = call.arguments[at : at + 6]
            fragment = {"index": position, call.kind: {member: piece}}
            yield self._delta(index, {"tool_calls": [fragment]}, len(piece.encode()))

    def _delta(self, index: int, delta: dict[str, Any], size: int, text: str = "") -> Frame:
        chunk = self._chunk(index, delta, None)
        if text and self._logprobs is not None:
            chunk["choices"][0]["logprobs"] = _logprobs([text], self._logprobs)
        return _frame("content", chunk, size)

    def _finish(self, index: int, answer: Answer, meter: Meter | None) -> Frame:
        persona = self._persona
        delta: dict[str, Any] = {"content": ""} if persona.usage_stream == "finish" else {}
        chunk = self._chunk(index, delta, finish_word(persona, answer.finish, streamed=True))
        _extend_choice(chunk["choices"][0], persona, answer)
        if meter is not None:
            if persona.usage_stream == "finish":
                chunk["usage"] = usage_body(persona, meter)
            if persona.usage_shape == "moonshot":
                chunk["choices"][0]["usage"] = usage_body(persona, meter)
            if persona.usage_shape == "groq":
                usage = usage_body(persona, meter)
                chunk["x_groq"] = {"id": self._request_id, "usage": usage}
        return _frame("finish", chunk)

    def _usage(self, meter: Meter) -> Frame:
        return _frame(
            "usage", self._head | {"choices": [], "usage": usage_body(self._persona, meter)}
        )

    def _chunk(self, index: int, delta: dict[str, Any], finish: str | None) -> dict[str, Any]:
        choice: dict[str, Any] = {"index": index, "delta": delta}
        if self._persona.logprobs_member:
            choice["logprobs"] = None
        choice["finish_reason"] = finish
        chunk = self._head | {"choices": [choice]}
        if self._null_usage:
            chunk["usage"] = None
        return chunk


def _frame(kind: FrameKind, chunk: dict[str, Any], size: int = 0) -> Frame:
    return Frame(kind, b"data: " + json.dumps(chunk) + b"\n\n", size)
