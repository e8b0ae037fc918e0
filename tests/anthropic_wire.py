"""What the tests of the Anthropic wire share: canonical requests, and what goes up for them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import cache
from typing import Any, TypeVar

import msgspec

from opengateway.checks.recorded_case import RecordedCase, read_cases
from opengateway.checks.replay_messages import anthropic_endpoint, anthropic_provider
from opengateway.domain.canonical import (
    CanonicalRequest,
    Item,
    ReasoningIntent,
    Role,
    Sampling,
    Text,
    Tool,
    ToolCall,
    ToolResult,
    Turn,
)
from opengateway.domain.catalog import Profile, Provider
from opengateway.domain.chat import UpstreamCall
from opengateway.domain.errors import UpstreamError
from opengateway.domain.events import (
    Event,
    Failure,
    Finish,
    Start,
    TextDelta,
    ToolArguments,
    ToolStart,
    UsageReport,
)
from opengateway.domain.usage import Usage
from opengateway.kit.json import Raw
from opengateway.wires.anthropic import AnthropicWire
from recordings import RECORDINGS

WIRE = AnthropicWire()
PROVIDER = anthropic_provider()
BUDGETED = "claude-sonnet-4-5"
LEVELLED = "claude-opus-4-8"
MAX_OUTPUT = 64_000
Json = dict[str, Any]
E = TypeVar("E", bound=Event)


def raw(value: Any) -> Raw:
    return Raw(json.dumps(value).encode())


def user(*items: Item | str) -> Turn:
    return Turn(Role.USER, tuple(Text(text=i) if isinstance(i, str) else i for i in items))


def assistant(*items: Item | str) -> Turn:
    return Turn(Role.ASSISTANT, user(*items).items)


def system(*items: Item | str) -> Turn:
    return Turn(Role.SYSTEM, user(*items).items)


def result(call_id: str, *parts: Any, **members: Any) -> Turn:
    content = tuple(Text(text=p) if isinstance(p, str) else p for p in parts)
    return Turn(Role.TOOL, (ToolResult(call_id=call_id, name=None, content=content, **members),))


def tool_call(identifier: str, arguments: str = '{"x":1}', name: str = "f") -> ToolCall:
    return ToolCall(id=identifier, name=name, arguments=arguments)


def tool(name: str = "f", **members: Any) -> Tool:
    schema = {"type": "object", "properties": {"x": {"type": "integer"}}}
    return Tool(name, **{"parameters": raw(schema), **members})


def asked(*turns: Turn, **members: Any) -> CanonicalRequest:
    """A request; the members of its sampling and its thinking may stand beside the others."""
    sampling = {n: members.pop(n) for n in Sampling.__struct_fields__ if n in members}
    thinking = {n: members.pop(n) for n in ReasoningIntent.__struct_fields__ if n in members}
    return CanonicalRequest(
        turns=turns or (user("Hello"),),
        stream=members.pop("stream", False),
        sampling=Sampling(**sampling),
        reasoning=ReasoningIntent(**thinking),
        dialect=members.pop("dialect", "openai_chat"),
        **members,
    )


def call(
    request: CanonicalRequest,
    model: str = BUDGETED,
    provider: Provider = PROVIDER,
    max_output: int | None = MAX_OUTPUT,
) -> UpstreamCall:
    return WIRE.request(request, anthropic_endpoint(model, max_output), provider)


def sent(request: CanonicalRequest, model: str = BUDGETED, **options: Any) -> Json:
    body: Json = json.loads(call(request, model, **options).body)
    return body


def with_profile(**members: Any) -> Provider:
    return msgspec.structs.replace(PROVIDER, profile=msgspec.convert(members, Profile))


# --- answers ---------------------------------------------------------------------------------------
def message(*content: Json, stop_reason: str | None = "end_turn", **members: Any) -> Json:
    return {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "claude",
        "content": list(content),
        "stop_reason": stop_reason,
        "stop_sequence": None,
        "usage": {"input_tokens": 10, "output_tokens": 5},
        **members,
    }


def replied(answer: Any) -> list[Event]:
    body = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
    return list(WIRE.reply(body, anthropic_endpoint(BUDGETED), PROVIDER))


def sse(*events: Json | str) -> bytes:
    """Events as the vendor frames them; texts go as they are."""
    lines = [
        event if isinstance(event, str) else f"event: {event['type']}\ndata: {json.dumps(event)}"
        for event in events
    ]
    return "".join(f"{line}\n\n" for line in lines).encode()


def began(**usage: int | Json) -> Json:
    told = {"input_tokens": 10, "output_tokens": 1, **usage}
    return {"type": "message_start", "message": message(stop_reason=None, usage=told)}


def opened(index: int, kind: str = "text", **members: Any) -> Json:
    empty: Json = {"text": {"text": ""}, "thinking": {"thinking": "", "signature": ""}}.get(
        kind, {}
    )
    block = {"type": kind, **empty, **members}
    return {"type": "content_block_start", "index": index, "content_block": block}


def delta(index: int, kind: str, **members: Any) -> Json:
    told = {"type": f"{kind}_delta", **members}
    return {"type": "content_block_delta", "index": index, "delta": told}


def closed(index: int) -> Json:
    return {"type": "content_block_stop", "index": index}


def ended(stop_reason: str | None = "end_turn", usage: Json | None = None, **more: Any) -> Json:
    told = {"output_tokens": 5} if usage is None else usage
    members = {"stop_reason": stop_reason, "stop_sequence": None, **more}
    return {"type": "message_delta", "delta": members, "usage": told}


STOP: Json = {"type": "message_stop"}
PING: Json = {"type": "ping"}


def streamed(*events: Json | str | bytes) -> list[Event]:
    data = b"".join(e if isinstance(e, bytes) else sse(e) for e in events)
    parser = WIRE.parser(anthropic_endpoint(BUDGETED), PROVIDER)
    return [*parser.feed(data), *parser.end()]


# --- what events say -------------------------------------------------------------------------------
def of(events: Sequence[Event], kind: type[E]) -> list[E]:
    return [event for event in events if isinstance(event, kind)]


def text_of(events: Sequence[Event]) -> str:
    return "".join(event.text for event in of(events, TextDelta))


def calls_of(events: Sequence[Event]) -> list[tuple[str, str, str]]:
    """Id, name and arguments of every call."""
    return [
        (
            begun.id,
            begun.name,
            "".join(a.text for a in of(events, ToolArguments) if a.slot == begun.slot),
        )
        for begun in of(events, ToolStart)
    ]


def finish_of(events: Sequence[Event]) -> Finish:
    (finish,) = of(events, Finish)
    return finish


def failure_of(events: Sequence[Event]) -> UpstreamError:
    (failure,) = of(events, Failure)
    assert events[-1] is failure
    return failure.error


def usage_of(events: Sequence[Event]) -> Usage:
    reports = of(events, UsageReport)
    return reports[-1].usage if reports else (of(events, Start)[0].usage or Usage())


# --- recorded --------------------------------------------------------------------------------------
@cache
def recorded_messages() -> dict[str, RecordedCase]:
    """Every recorded Messages exchange, by its id. Empty where there are no recordings."""
    folder = RECORDINGS / "anthropic"
    cases = read_cases(folder) if folder.is_dir() else ()
    return {case.case_id: case for case in cases if case.endpoint == "messages"}
