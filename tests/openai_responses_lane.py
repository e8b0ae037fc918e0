"""What the tests of Responses share: requests, streams as a vendor sends them, and both lanes."""

from __future__ import annotations

import json
from functools import cache
from itertools import count
from typing import Any

from opengateway.checks.recorded_case import RecordedCase, read_cases
from opengateway.checks.replay_responses import responses_endpoint
from opengateway.checks.responses_grammar import Grammar, read_stream
from opengateway.dialects.openai_responses import ResponsesRendering, decode
from opengateway.domain.catalog import Profile, Provider, Wire
from opengateway.domain.chat import ChatRequest
from opengateway.domain.model_rules import ModelRule
from opengateway.gateway.echoing import EchoingStream, EchoingWire
from opengateway.ports.translation import CanonicalWire
from opengateway.wires.openai_responses import OpenAIResponsesWire
from recordings import RECORDINGS

Json = dict[str, Any]
WIRE = OpenAIResponsesWire()
SEALED = Profile(
    responses="sealed",
    drop_when_reasoning=("temperature", "top_p"),
    models=(ModelRule(prefix="gpt-4", reasoning="never"), ModelRule("gpt-5", reasoning="always")),
)
ENDPOINT = responses_endpoint("gpt-5")
NOW_S = 1_764_000_000
HELLO = [{"role": "user", "content": "Hello"}]


def provider(profile: Profile = SEALED, wire: Wire = Wire.OPENAI_RESPONSES) -> Provider:
    return Provider("lab", "Lab", wire, "https://lab.example/v1", profile=profile)


def lane(wire: CanonicalWire = WIRE, *, with_turns: bool = False) -> EchoingWire:
    numbers = count(1)
    rendering = ResponsesRendering(
        lambda: NOW_S, lambda prefix: f"{prefix}{next(numbers):032x}", with_turns=with_turns
    )
    return EchoingWire(wire, rendering)


def asked(input: Any = "Hello", **members: Any) -> ChatRequest:
    return decode(body_of(input, **members), {})


def body_of(input: Any = "Hello", **members: Any) -> bytes:
    return json.dumps({"model": "openai/gpt-5", "input": input, **members}).encode()


def sent(chat: ChatRequest, profile: Profile = SEALED, model: str = "gpt-5") -> Json:
    """What goes up for a caller of this shape."""
    call = lane().request(chat, responses_endpoint(model), provider(profile), "team_a")
    body: Json = json.loads(call.body)
    return body


def sse(*events: Json) -> bytes:
    """Events as the vendor sends them, numbered."""
    told = ({**event, "sequence_number": number} for number, event in enumerate(events))
    return b"".join(
        b"event: %b\ndata: %b\n\n" % (e["type"].encode(), json.dumps(e).encode()) for e in told
    )


def response(status: str = "completed", output: Any = (), **members: Any) -> Json:
    usage = {
        "input_tokens": 10,
        "input_tokens_details": {"cached_tokens": 4},
        "output_tokens": 7,
        "output_tokens_details": {"reasoning_tokens": 2},
        "total_tokens": 17,
    }
    made = {"id": "resp_up", "object": "response", "created_at": NOW_S, "status": status}
    return {**made, "output": list(output), "usage": usage, **members}


def began() -> Json:
    return {"type": "response.created", "response": response("in_progress", usage=None)}


def ended(status: str = "completed", output: Any = (), **members: Any) -> Json:
    return {"type": f"response.{status}", "response": response(status, output, **members)}


def item(step: str, index: int, told: Json) -> Json:
    return {"type": f"response.output_item.{step}", "output_index": index, "item": told}


def delta(kind: str, index: int, text: str, **members: Any) -> Json:
    told = {"output_index": index, "content_index": 0, "item_id": f"i{index}", "delta": text}
    return {"type": f"response.{kind}.delta", **told, **members}


def message(text: str = "", **members: Any) -> Json:
    parts = [{"type": "output_text", "text": text, "annotations": []}] if text else []
    return {"type": "message", "id": "msg_up", "role": "assistant", "content": parts, **members}


def thought(secret: str | None = None, *summary: str) -> Json:
    parts = [{"type": "summary_text", "text": text} for text in summary]
    made: Json = {"type": "reasoning", "id": "rs_up", "summary": parts}
    return made if secret is None else {**made, "encrypted_content": secret}


def function_call(arguments: str = "", call_id: str = "call_1", name: str = "f") -> Json:
    return {
        "type": "function_call",
        "id": "fc_up",
        "call_id": call_id,
        "name": name,
        "arguments": arguments,
    }


TEXT = sse(
    began(),
    item("added", 0, message()),
    delta("output_text", 0, "Grüße, "),
    delta("output_text", 0, "안녕 😀"),
    item("done", 0, message("Grüße, 안녕 😀")),
    ended(output=[message("Grüße, 안녕 😀")]),
)
"""A short answer."""
TOOLS = sse(
    began(),
    item("added", 0, thought()),
    delta("reasoning_summary_text", 0, "First.", summary_index=0),
    delta("reasoning_summary_text", 0, "Second.", summary_index=1),
    item("done", 0, thought("gAAA-secret", "First.", "Second.")),
    item("added", 1, function_call()),
    item("added", 2, function_call("", "call_2", "g")),
    delta("function_call_arguments", 1, '{"x":'),
    delta("function_call_arguments", 2, "{}"),
    delta("function_call_arguments", 1, "1}"),
    item("done", 1, function_call('{"x":1}')),
    item("done", 2, function_call("{}", "call_2", "g")),
    ended(),
)
"""A thought in two parts, sealed, and two calls side by side."""


def played(
    data: bytes, chat: ChatRequest | None = None, wire: CanonicalWire = WIRE
) -> tuple[EchoingStream, bytes]:
    """The stream, and all frames that its caller gets, the last one too."""
    stream = lane(wire).stream(chat or asked(), ENDPOINT, provider(), "lab/model")
    frames = stream.feed(data) + stream.end()
    return stream, frames + stream.ending


def read(data: bytes, chat: ChatRequest | None = None) -> Grammar:
    stream, frames = played(data, chat)
    assert stream.error is None, stream.error
    grammar = read_stream(frames)
    assert grammar.faults == []
    assert grammar.ended_well
    return grammar


def output(grammar: Grammar) -> list[Json]:
    assert grammar.final is not None
    made: list[Json] = grammar.final["output"]
    return made


@cache
def recorded_responses() -> dict[str, RecordedCase]:
    if not RECORDINGS.is_dir():
        return {}
    return {c.case_id: c for c in read_cases(RECORDINGS) if c.endpoint == "responses"}
