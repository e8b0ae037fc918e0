"""Bytes that no vendor ever sent, for half a minute: no crash, no hang, no growth.

Every reader of an upstream's bytes, and every reader of a caller's, gets written and recorded traffic that
was damaged, cut and mixed, and documents of any shape. Whatever comes, a reader raises nothing but its own
typed error, ends in a finish or a failure, and takes no longer than the bytes are worth.
`OPENGATEWAY_SOAK=1` runs for ten minutes; seed and counts are printed.
"""

from __future__ import annotations

import gc
import json
import os
import random
import resource
import time
from typing import Any

import pytest

from opengateway.catalog.loader import load_catalogue
from opengateway.checks.recorded_case import read_cases
from opengateway.checks.replay import endpoint_for
from opengateway.dialects.anthropic_messages import decode as decode_messages
from opengateway.dialects.openai_chat import decode as decode_chat
from opengateway.dialects.openai_responses import decode as decode_responses
from opengateway.domain.catalog import Provider, Wire
from opengateway.domain.errors import CallerError, UpstreamError
from opengateway.domain.events import End, Failure
from opengateway.kit.event_stream import encode
from opengateway.providers.registry import CANONICAL, CHAT_TRANSLATED, STRAIGHT_CHAT
from recordings import RECORDINGS

LONG = os.environ.get("OPENGATEWAY_SOAK") == "1"
SECONDS = 600.0 if LONG else 30.0
SLOWEST_S = 3.0
"""Of one input, on a machine that has other work to do."""
GROWTH_KB = 64 * 1024
READERS = {
    Wire.OPENAI: ("openai", "gpt-4o"),
    Wire.ANTHROPIC: ("anthropic", "claude-opus-5"),
    Wire.GEMINI: ("google", "gemini-3.5-flash"),
    Wire.OPENAI_RESPONSES: ("openai", "gpt-5"),
    Wire.BEDROCK: ("bedrock", "anthropic.claude-opus-4-8"),
    Wire.ANTHROPIC_BEDROCK: ("bedrock", "anthropic.claude-opus-4-8"),
    Wire.ANTHROPIC_VERTEX: ("google-vertex-anthropic", "claude-opus-5"),
    Wire.COHERE: ("cohere", "command-a-03-2025"),
}
WORDS = (
    b"data: ", b"event: error\n", b"\n\n", b"\r", b"\r\n\r\n", b": ping\n", b"[DONE]", b"{", b"}", b"[",
    b"]", b'"', b"\\u0000", b"\\ud800", b"\xff\xfe", b"\x00\x00\x00\x10", b"\xef\xbb\xbf", b"null",
    b"1e999", b"-1", b"9" * 400, b"[" * 600, b'{"a":' * 300, b"id: 1\n", b"retry: 0\n", b"\xe2\x80\xa8",
)  # fmt: skip
VALUES: tuple[Any, ...] = (
    None, True, 0, -1, 10**30, 1e308, 0.5, "", "x" * 4000, "\u2028", [], {}, [None], [[]], {"": {}},
    [{"type": "text"}], {"error": {"message": "m", "code": 5}}, "error", "tool_use",
)  # fmt: skip


def provider_for(wire: Wire) -> Provider:
    name = READERS[wire][0]
    known = load_catalogue().providers[name]
    return Provider(id=name, name=name, wire=wire, base_url="", profile=known.profile)


def sse(*documents: dict[str, Any], named: bool = False, done: bool = False) -> bytes:
    lines = [
        (f"event: {d['type']}\n" if named else "") + f"data: {json.dumps(d)}\n\n" for d in documents
    ]
    return "".join([*lines, "data: [DONE]\n\n" if done else ""]).encode()


def frames(*events: tuple[str, dict[str, Any]]) -> bytes:
    return b"".join(
        encode(
            {":message-type": "event", ":event-type": kind, ":content-type": "application/json"},
            json.dumps(body).encode(),
        )
        for kind, body in events
    )


WRITTEN: dict[Wire, tuple[bytes, ...]] = {
    Wire.OPENAI: (
        sse(
            {"id": "c", "choices": [{"index": 0, "delta": {"role": "assistant", "content": "Hi"}}]},
            {"id": "c", "choices": [{"index": 0, "delta": {"tool_calls": [
                {"index": 0, "id": "t", "function": {"name": "f", "arguments": "{}"}}]}}]},
            {"id": "c", "choices": [{"index": 0, "delta": {}, "finish_reason": "tool_calls"}]},
            {"id": "c", "choices": [], "usage": {"prompt_tokens": 5, "completion_tokens": 2}},
            done=True,
        ),
        b'{"id":"c","choices":[{"index":0,"message":{"content":"Hi"},"finish_reason":"stop"}]}',
    ),
    Wire.ANTHROPIC: (
        sse(
            {"type": "message_start", "message": {"id": "m", "usage": {"input_tokens": 5}}},
            {"type": "content_block_start", "index": 0, "content_block": {"type": "thinking"}},
            {"type": "content_block_delta", "index": 0,
             "delta": {"type": "signature_delta", "signature": "s"}},
            {"type": "content_block_stop", "index": 0},
            {"type": "content_block_start", "index": 1,
             "content_block": {"type": "tool_use", "id": "t", "name": "f", "input": {}}},
            {"type": "content_block_delta", "index": 1,
             "delta": {"type": "input_json_delta", "partial_json": "{}"}},
            {"type": "message_delta", "delta": {"stop_reason": "tool_use"},
             "usage": {"output_tokens": 3}},
            {"type": "message_stop"},
            named=True,
        ),
    ),
    Wire.GEMINI: (
        sse(
            {"candidates": [{"content": {"parts": [
                {"functionCall": {"name": "f", "args": {"x": 1}}, "thoughtSignature": "s"}]}}]},
            {"candidates": [{"content": {"parts": [{"text": "a"}]}, "finishReason": "STOP"}],
             "usageMetadata": {"promptTokenCount": 5, "candidatesTokenCount": 2}},
        ),
    ),
    Wire.OPENAI_RESPONSES: (
        sse(
            {"type": "response.created", "sequence_number": 0, "response": {"id": "r", "output": []}},
            {"type": "response.output_item.added", "output_index": 0, "item": {
                "type": "function_call", "id": "f", "call_id": "c", "name": "f", "arguments": ""}},
            {"type": "response.function_call_arguments.delta", "output_index": 0, "item_id": "f",
             "delta": "{}"},
            {"type": "response.completed", "response": {"id": "r", "status": "completed", "output": [
                {"type": "message", "id": "m", "content": [{"type": "output_text", "text": "a"}]}],
                "usage": {"input_tokens": 5, "output_tokens": 2}}},
            named=True,
        ),
    ),
    Wire.COHERE: (
        sse(
            {"type": "message-start", "id": "m", "delta": {"message": {"role": "assistant"}}},
            {"type": "content-delta", "index": 0, "delta": {"message": {"content": {"text": "a"}}}},
            {"type": "message-end", "delta": {"finish_reason": "COMPLETE", "usage": {
                "billed_units": {"input_tokens": 5, "output_tokens": 2}}}},
            named=True,
        ),
    ),
    Wire.BEDROCK: (
        frames(
            ("messageStart", {"role": "assistant"}),
            ("contentBlockDelta", {"contentBlockIndex": 0, "delta": {"text": "a"}}),
            ("contentBlockStart", {"contentBlockIndex": 1,
                                   "start": {"toolUse": {"toolUseId": "t", "name": "f"}}}),
            ("messageStop", {"stopReason": "tool_use"}),
            ("metadata", {"usage": {"inputTokens": 5, "outputTokens": 2}}),
        ),
    ),
}  # fmt: skip
ENDPOINTS = {
    "chat.completions": Wire.OPENAI,
    "messages": Wire.ANTHROPIC,
    "generateContent": Wire.GEMINI,
    "streamGenerateContent": Wire.GEMINI,
    "responses": Wire.OPENAI_RESPONSES,
    "converse": Wire.BEDROCK,
    "converse-stream": Wire.BEDROCK,
    "cohere.v2.chat": Wire.COHERE,
}


def corpora() -> tuple[dict[Wire, list[bytes]], list[bytes]]:
    """Answers by wire, and callers' bodies."""
    answers = {wire: list(written) for wire, written in WRITTEN.items()}
    asked = [b'{"model":"m","messages":[{"role":"user","content":"a"}],"max_tokens":5}']
    if RECORDINGS.is_dir():
        for case in read_cases(RECORDINGS):
            if (wire := ENDPOINTS.get(case.endpoint)) and len(case.response) < 40_000:
                answers[wire].append(case.response)
                asked.append(case.request)
    for envelope, inner in (
        (Wire.ANTHROPIC_BEDROCK, Wire.BEDROCK),
        (Wire.ANTHROPIC_VERTEX, Wire.ANTHROPIC),
    ):
        answers[envelope] = [*answers[inner], *answers[Wire.ANTHROPIC]]
    return answers, asked


class Damage:
    """Makes worse input of good. All chance comes from one seed."""

    def __init__(self, seed: int) -> None:
        self.dice = random.Random(seed)

    def of(self, corpus: list[bytes]) -> bytes:
        dice = self.dice
        data = bytearray(dice.choice(corpus))
        if dice.random() < 0.4:
            data = bytearray(self._reshaped(bytes(data)))
        for _ in range(dice.choice((0, 1, 1, 2, 4, 12))):
            at = dice.randrange(len(data) + 1)
            match dice.randrange(6):
                case 0 if at < len(data):
                    data[at] ^= 1 << dice.randrange(8)
                case 1:
                    del data[at : at + dice.choice((1, 4, 60, 4000))]
                case 2:
                    data[at:at] = dice.choice(WORDS)
                case 3:
                    data[at:at] = data[: dice.randrange(200)]
                case 4:
                    other = dice.choice(corpus)
                    data[at:] = other[dice.randrange(len(other) + 1) :]
                case _:
                    del data[at:]
        return bytes(data)

    def _reshaped(self, data: bytes) -> bytes:
        """The same lines with one value of one document changed for another."""
        lines = data.split(b"\n")
        places = [n for n, line in enumerate(lines) if b"{" in line]
        if not places:
            return data
        place = self.dice.choice(places)
        head, brace, body = lines[place].partition(b"{")
        try:
            document = json.loads(brace + body)
        except (ValueError, RecursionError):
            return data
        self._change(document)
        lines[place] = head + json.dumps(document, ensure_ascii=self.dice.random() < 0.5).encode(
            "utf-8", "replace"
        )
        return b"\n".join(lines)

    def _change(self, node: Any) -> None:
        for _ in range(12):
            keys = list(node) if isinstance(node, dict) else list(range(len(node)))
            if not keys:
                return
            key = self.dice.choice(keys)
            inner = node[key]
            if isinstance(inner, dict | list) and inner and self.dice.random() < 0.8:
                node = inner
                continue
            if isinstance(node, dict) and self.dice.random() < 0.2:
                del node[key]
            else:
                node[key] = self.dice.choice(VALUES)
            return

    def cut(self, data: bytes) -> list[bytes]:
        if self.dice.random() < 0.5 or not data:
            return [data]
        edges = sorted(self.dice.randrange(len(data)) for _ in range(self.dice.randint(1, 30)))
        return [data[a:b] for a, b in zip([0, *edges], [*edges, len(data)], strict=True)]


def read_straight(pieces: list[bytes]) -> None:
    provider = provider_for(Wire.OPENAI)
    place = endpoint_for(provider, READERS[Wire.OPENAI][1])
    chat = decode_chat(
        b'{"model":"m","stream":true,"messages":[{"role":"user","content":"a"}]}', {}
    )
    wire = STRAIGHT_CHAT[Wire.OPENAI]
    stream = wire.stream(chat, place, provider, "a/b")
    out = b"".join(stream.feed(piece) for piece in pieces) + stream.end()
    assert stream.done != (stream.error is not None)
    assert out == b"" or out.endswith(b"\n\n"), "a frame is not whole"
    try:
        wire.reply(b"".join(pieces), chat, place, provider, "a/b")
    except UpstreamError:
        pass
    assert isinstance(wire.error(500, {}, b"".join(pieces), provider), UpstreamError)


def read_canonical(wire_name: Wire, pieces: list[bytes]) -> None:
    provider = provider_for(wire_name)
    place = endpoint_for(provider, READERS[wire_name][1])
    wire = CHAT_TRANSLATED if wire_name is Wire.OPENAI else CANONICAL[wire_name]
    parser = wire.parser(place, provider)
    events = [event for piece in pieces for event in parser.feed(piece)] + list(parser.end())
    assert sum(isinstance(event, End | Failure) for event in events) == 1
    try:
        list(wire.reply(b"".join(pieces), place, provider))
    except UpstreamError:
        pass
    assert isinstance(wire.error(400, {}, b"".join(pieces), provider), UpstreamError)


def read_caller(body: bytes) -> None:
    for decode in (decode_chat, decode_messages, decode_responses):
        try:
            decode(body, {})
        except CallerError:
            pass


def peak_kb() -> int:
    gc.collect()
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


@pytest.mark.slow
@pytest.mark.timeout(SECONDS * 2 + 120)
def test_no_bytes_crash_hang_or_grow_a_reader(capsys: pytest.CaptureFixture[str]) -> None:
    seed = random.SystemRandom().randrange(2**32) if LONG else 20_261_122
    damage, (answers, asked) = Damage(seed), corpora()
    count, slowest, warm = 0, 0.0, 0
    ends = time.monotonic() + SECONDS
    while time.monotonic() < ends:
        wire = damage.dice.choice(tuple(READERS))
        data = damage.of(asked if count % 4 == 0 else answers[wire])
        pieces = damage.cut(data)
        started = time.monotonic()
        try:
            if count % 4 == 0:
                read_caller(data)
            elif wire is Wire.OPENAI and count % 2:
                read_straight(pieces)
            else:
                read_canonical(wire, pieces)
        except Exception as error:
            raise AssertionError(f"seed {seed}, {wire}: {data[:3000]!r}") from error
        took = time.monotonic() - started
        assert took < SLOWEST_S, f"seed {seed}, {wire}: {took:.1f} s for {data[:3000]!r}"
        slowest = max(slowest, took)
        count += 1
        if count == 2000:
            warm = peak_kb()
    grown = peak_kb() - warm
    with capsys.disabled():
        print(f"\nfuzz: seed {seed}, {count} inputs, slowest {slowest:.3f} s, grown {grown} KiB")
    assert count > 2000
    assert grown < GROWTH_KB
