"""What the tests of the OpenAI wire share: requests as callers send them, streams as vendors do."""

from __future__ import annotations

import json
from typing import Any

import msgspec

from opengateway.checks.replay import endpoint_for, provider_of
from opengateway.dialects.openai_chat import decode
from opengateway.domain.catalog import Endpoint, Profile, Provider, Wire
from opengateway.domain.chat import ChatReply, ChatRequest, UpstreamCall
from opengateway.domain.errors import UpstreamError
from opengateway.wires.openai_chat import OpenAIChatWire
from opengateway.wires.openai_chat.stream import OpenAIChatStream

WIRE = OpenAIChatWire()
MODEL_ID = "acme/served"
TEAM = "team_a"
HELLO = [{"role": "user", "content": "Hello"}]
Json = dict[str, Any]


def provider(name: str = "vendor", **profile: Any) -> Provider:
    """The catalogue's provider of that name, or a made-up one with the given profile."""
    if not profile and name != "vendor":
        return provider_of(name)
    made = msgspec.convert(profile, Profile)
    return Provider(id=name, name=name, wire=Wire.OPENAI, base_url="", profile=made)


def endpoint(model: str = "upstream-model", *, reasoning: bool = False) -> Endpoint:
    return msgspec.structs.replace(endpoint_for(provider(), model), reasoning=reasoning)


def chat(**members: Any) -> ChatRequest:
    body = {"model": MODEL_ID, "messages": HELLO, **members}
    return decode(json.dumps(body).encode(), {})


def call(
    request: ChatRequest, vendor: Provider, model: str = "upstream-model", team: str = TEAM
) -> UpstreamCall:
    return WIRE.request(request, endpoint(model), vendor, team)


def sent(vendor: Provider, model: str = "upstream-model", **members: Any) -> Json:
    """The body that the vendor gets for a caller's members."""
    body: Json = json.loads(call(chat(**members), vendor, model).body)
    return body


def reply(answer: Any, vendor: Provider | None = None) -> ChatReply:
    body = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
    return WIRE.reply(body, chat(), endpoint(), vendor or provider(), MODEL_ID)


def replied(answer: Any, vendor: Provider | None = None) -> Json:
    body: Json = json.loads(reply(answer, vendor).body)
    return body


def whole(message: Json | None = None, **members: Any) -> Json:
    """A whole answer with one choice; `finish_reason` and `usage` may be given."""
    choice = {
        "index": 0,
        "message": {"role": "assistant", "content": "Hi", "refusal": None, **(message or {})},
        "logprobs": None,
        "finish_reason": members.pop("finish_reason", "stop"),
    }
    usage = {"prompt_tokens": 5, "completion_tokens": 2, "total_tokens": 7}
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1_764_000_000,
        "model": "upstream-model",
        "choices": [choice],
        "usage": usage,
        **members,
    }


def chunk(delta: Json | None = None, finish: str | None = None, **members: Any) -> Json:
    """A chunk with one choice."""
    choice = {"index": 0, "delta": delta or {}, "logprobs": None, "finish_reason": finish}
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion.chunk",
        "created": 1_764_000_000,
        "model": "upstream-model",
        "choices": [choice],
        **members,
    }


def first(delta: Json | None = None) -> Json:
    return chunk({"role": "assistant", "content": "", **(delta or {})})


def sse(*events: Any, done: bool = True) -> bytes:
    """Events as a vendor sends them: JSON, or text as it is."""
    lines = [e if isinstance(e, str) else f"data: {json.dumps(e)}" for e in events]
    return "".join(f"{line}\n\n" for line in [*lines, *(["data: [DONE]"] if done else [])]).encode()


def new_stream(vendor: Provider | None = None, *, include_usage: bool = False) -> OpenAIChatStream:
    options = {"stream_options": {"include_usage": True}} if include_usage else {}
    request = chat(stream=True, **options)
    return WIRE.stream(request, endpoint(), vendor or provider(), MODEL_ID)


def played(
    data: bytes, vendor: Provider | None = None, *, include_usage: bool = False
) -> tuple[list[Json], OpenAIChatStream]:
    """The chunks that the caller gets of a stream that ended, and the stream."""
    stream = new_stream(vendor, include_usage=include_usage)
    frames = stream.feed(data) + stream.end()
    return chunks_of(frames), stream


def chunks_of(frames: bytes) -> list[Json]:
    parts = frames.split(b"\n\n")
    assert parts.pop() == b"", "a frame is not whole"
    assert all(part.startswith(b"data: ") for part in parts)
    return [json.loads(part[6:]) for part in parts]


def text_of(chunks: list[Json], member: str = "content") -> str:
    deltas = (c["delta"] for one in chunks for c in one["choices"])
    return "".join(delta.get(member) or "" for delta in deltas)


def calls_of(chunks: list[Json]) -> list[Json]:
    """The tool calls put together as the official clients do."""
    calls: dict[int, Json] = {}
    for one in chunks:
        for choice in one["choices"]:
            for part in choice["delta"].get("tool_calls") or ():
                held = calls.setdefault(part["index"], {"id": "", "name": "", "arguments": ""})
                held["id"] += part.get("id", "")
                held["name"] += part["function"].get("name", "")
                held["arguments"] += part["function"]["arguments"]
    return [calls[index] for index in sorted(calls)]


def finishes(chunks: list[Json]) -> list[str]:
    return [
        c["finish_reason"]
        for one in chunks
        for c in one["choices"]
        if c["finish_reason"] is not None
    ]


def error_of(stream: OpenAIChatStream) -> UpstreamError:
    assert stream.error is not None, "no error was seen"
    assert not stream.done
    return stream.error
