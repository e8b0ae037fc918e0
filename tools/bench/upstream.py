"""The provider that all are measured against: it answers at once, and costs as little as it can.

    python upstream.py --port N

One process, asyncio protocols over uvloop, HTTP read by httptools. `POST` with `"stream": true` is
answered by 50 content events 2 ms apart and what ends a stream; any other `POST` by a reply of 567
bytes. A path that ends in `/messages` gets the same in Anthropic's shape.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
from typing import Any, Final

import httptools
import uvloop

EVENTS: Final = 50
GAP_S: Final = 0.002
REPLY_BYTES: Final = 567
WORD: Final = "w0rd"
"""In each content event exactly once, and nowhere else: the loader counts it."""
_MODEL: Final = "bench-upstream"
_TEXT: Final = f" {WORD} of an answer, one"
_USAGE: Final = {"prompt_tokens": 40, "completion_tokens": 50, "total_tokens": 90}


def _json(value: Any) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


def _padded(make: Any) -> bytes:
    """A reply of exactly `REPLY_BYTES`; `make` takes its text."""
    return _json(make("a" * (REPLY_BYTES - len(_json(make(""))))))


def _openai_reply(text: str) -> Any:
    message = {"role": "assistant", "content": text, "refusal": None}
    return {
        "id": "chatcmpl-0123456789abcdef0123456789",
        "object": "chat.completion",
        "created": 1_764_000_000,
        "model": _MODEL,
        "choices": [{"index": 0, "message": message, "logprobs": None, "finish_reason": "stop"}],
        "usage": _USAGE,
        "system_fingerprint": "fp_0123456789",
    }


def _anthropic_reply(text: str) -> Any:
    return {
        "id": "msg_0123456789abcdef01234567",
        "type": "message",
        "role": "assistant",
        "model": _MODEL,
        "content": [{"type": "text", "text": text}],
        "stop_reason": "end_turn",
        "stop_sequence": None,
        "usage": {"input_tokens": 40, "output_tokens": 50},
    }


def _openai_events() -> list[bytes]:
    def chunk(choices: Any, **more: Any) -> bytes:
        document = {
            "id": "chatcmpl-0123456789abcdef0123456789",
            "object": "chat.completion.chunk",
            "created": 1_764_000_000,
            "model": _MODEL,
            "choices": choices,
            **more,
        }
        return b"data: %b\n\n" % _json(document)

    def delta(value: Any, finish: str | None = None) -> Any:
        return [{"index": 0, "delta": value, "finish_reason": finish}]

    first = chunk(delta({"role": "assistant", "content": _TEXT}))
    last = chunk(delta({}, "stop")) + chunk([], usage=_USAGE) + b"data: [DONE]\n\n"
    return [first, *[chunk(delta({"content": _TEXT}))] * (EVENTS - 1), last]


def _anthropic_events() -> list[bytes]:
    def event(kind: str, **members: Any) -> bytes:
        return b"event: %b\ndata: %b\n\n" % (kind.encode(), _json({"type": kind, **members}))

    message = _anthropic_reply("") | {"content": [], "stop_reason": None}
    block = {"type": "text", "text": ""}
    text = event("content_block_delta", index=0, delta={"type": "text_delta", "text": _TEXT})
    head = event("message_start", message=message)
    head += event("content_block_start", index=0, content_block=block)
    last = event("content_block_stop", index=0)
    last += event(
        "message_delta",
        delta={"stop_reason": "end_turn", "stop_sequence": None},
        usage={"output_tokens": 50},
    )
    last += event("message_stop")
    return [head + text, *[text] * (EVENTS - 1), last]


def _whole(body: bytes) -> bytes:
    return b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%b" % (
        len(body),
        body,
    )


def _chunked(events: list[bytes]) -> list[bytes]:
    out = [b"%x\r\n%b\r\n" % (len(event), event) for event in events]
    out[0] = (
        b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncache-control: no-cache\r\n"
        b"transfer-encoding: chunked\r\n\r\n" + out[0]
    )
    out[-1] += b"0\r\n\r\n"
    return out


_OPENAI: Final = (_whole(_padded(_openai_reply)), _chunked(_openai_events()))
_ANTHROPIC: Final = (_whole(_padded(_anthropic_reply)), _chunked(_anthropic_events()))
_STREAMS: Final = (b'"stream":true', b'"stream": true')


class Upstream(asyncio.Protocol):
    """One connection. Requests on it are answered one after the other."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._parser = httptools.HttpRequestParser(self)
        self._url = b""
        self._body: list[bytes] = []
        self._timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        self._transport = transport

    def connection_lost(self, exc: Exception | None) -> None:
        if self._timer is not None:
            self._timer.cancel()

    def data_received(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError:
            self._transport.close()

    def on_url(self, url: bytes) -> None:
        self._url = url

    def on_body(self, body: bytes) -> None:
        self._body.append(body)

    def on_message_complete(self) -> None:
        body = b"".join(self._body)
        self._body.clear()
        whole, events = _ANTHROPIC if self._url.endswith(b"/messages") else _OPENAI
        if _STREAMS[0] in body or _STREAMS[1] in body:
            self._send(events, 0, self._loop.time())
        else:
            self._transport.write(whole)

    def _send(self, events: list[bytes], at: int, due: float) -> None:
        """Each event has its time from the beginning on: one that is late delays no other."""
        self._transport.write(events[at])
        at += 1
        self._timer = None
        if at < len(events):
            due += GAP_S
            self._timer = self._loop.call_at(due, self._send, events, at, due)


async def serve(port: int) -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Upstream(loop), "127.0.0.1", port, backlog=1024)
    gc.freeze()
    gc.disable()
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--port", type=int, required=True)
    uvloop.run(serve(arguments.parse_args().port))
