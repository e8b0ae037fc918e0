"""Three providers that fail on command, for `make bench-faults`.

    python faulty.py --control PORT --ports A,B,C

A line of JSON on the control port sets one provider's fault (`{"port": A, "fault": "500"}`), or asks for the
times at which it was called (`{"port": A, "calls": true}`); the answer is a line of JSON. Times are of
the system's monotonic clock, so that the loader's can be set beside them.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import socket
import time
from contextlib import suppress
from typing import Any, Final

FIRST_S: Final = 0.03
GAP_S: Final = 0.005
WORDS: Final = 4
SLOW_S: Final = 30.0
FLAPPING: Final = 0.3
FAULTS: Final = (
    *("dead", "refusing", "limited", "limited_told", "500", "529"),
    *("slow", "stall", "cut", "malformed", "revoked", "flapping"),
)
_STATUS: Final = {
    "limited": (429, "rate_limit_error", ""),
    "limited_told": (429, "rate_limit_error", "retry-after: 5\r\n"),
    "500": (500, "server_error", ""),
    "529": (529, "overloaded_error", ""),
    "revoked": (401, "invalid_request_error", ""),
}
_HEAD: Final = (
    b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
)


def _chunk(delta: Any, finish: str | None = None, **more: Any) -> bytes:
    body = {
        "id": "chatcmpl-1",
        "object": "chat.completion.chunk",
        "created": 1_764_000_000,
        "model": "bench-upstream",
        "choices": [{"index": 0, "delta": delta, "finish_reason": finish}],
        **more,
    }
    event = b"data: %b\n\n" % json.dumps(body).encode()
    return b"%x\r\n%b\r\n" % (len(event), event)


_ROLE: Final = _chunk({"role": "assistant", "content": ""})
_WORD: Final = _chunk({"content": "word "})
_USAGE: Final = {"prompt_tokens": 12, "completion_tokens": WORDS, "total_tokens": 12 + WORDS}
_LAST: Final = (
    _chunk({}, "stop") + _chunk({}, None, usage=_USAGE) + b"e\r\ndata: [DONE]\n\n\r\n0\r\n\r\n"
)


class Provider:
    """One port. `fault` is empty while it is well."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.fault = ""
        self.calls: list[float] = []
        self._set_up = 0
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        self._busy: set[asyncio.StreamWriter] = set()
        """In the middle of an answer: that one is ended as it was begun."""
        self._silent: list[socket.socket] = []

    async def set(self, fault: str) -> None:
        self.fault = fault
        self._set_up += 1
        for held in self._silent:
            held.close()
        self._silent.clear()
        await self._close()
        if fault == "dead":
            self._fall_silent()
        elif fault != "refusing":
            self._server = await asyncio.start_server(
                self._serve, "127.0.0.1", self.port, backlog=1024
            )

    async def _close(self) -> None:
        """The listener, and the connections that a pool would go on with."""
        if self._server is not None:
            self._server.close()
            self._server = None
        for writer in self._writers - self._busy:
            writer.transport.abort()
        await asyncio.sleep(0.01)

    def _fall_silent(self) -> None:
        """A host that answers nothing: a backlog that is full drops whoever knocks."""
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", self.port))
        listener.listen(0)
        self._silent.append(listener)
        for _ in range(4):
            knock = socket.socket()
            knock.setblocking(False)
            with suppress(BlockingIOError):
                knock.connect(("127.0.0.1", self.port))
            self._silent.append(knock)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        with suppress(OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
                length = int(head.partition("content-length:")[2].split("\r\n")[0])
                await reader.readexactly(length)
                self.calls.append(time.monotonic())
                set_up = self._set_up
                self._busy.add(writer)
                going = await self._answer(writer)
                self._busy.discard(writer)
                if not going or set_up != self._set_up:
                    break
        self._writers.discard(writer)
        self._busy.discard(writer)
        writer.transport.abort()

    async def _answer(self, writer: asyncio.StreamWriter) -> bool:
        """False where the connection ends with it."""
        fault = self.fault
        if fault == "flapping":
            fault = "500" if random.random() < FLAPPING else ""
        if fault in _STATUS:
            status, kind, header = _STATUS[fault]
            body = json.dumps({"error": {"message": fault, "type": kind, "code": None}})
            writer.write(
                f"HTTP/1.1 {status} Fault\r\ncontent-type: application/json\r\n{header}"
                f"content-length: {len(body)}\r\n\r\n{body}".encode()
            )
            return True
        await asyncio.sleep(SLOW_S if fault == "slow" else FIRST_S)
        if fault == "malformed":
            event = b"data: <html>not what was asked for\n\n"
            writer.write(_HEAD + b"%x\r\n%b\r\n0\r\n\r\n" % (len(event), event))
            return True
        writer.write(_HEAD + _ROLE)
        if fault == "cut":
            return False
        if fault == "stall":
            await asyncio.sleep(600)
            return False
        for _ in range(WORDS):
            writer.write(_WORD)
            await asyncio.sleep(GAP_S)
        writer.write(_LAST)
        await writer.drain()
        return True


async def serve(control: int, ports: list[int]) -> None:
    providers = {port: Provider(port) for port in ports}
    for provider in providers.values():
        await provider.set("")

    async def orders(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while line := await reader.readline():
            order = json.loads(line)
            provider = providers[order["port"]]
            if "fault" in order:
                await provider.set(order["fault"])
            answer = provider.calls if order.get("calls") else []
            writer.write(json.dumps(answer).encode() + b"\n")
            await writer.drain()

    limit = 1 << 24
    async with await asyncio.start_server(orders, "127.0.0.1", control, limit=limit) as server:
        await server.serve_forever()


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--control", type=int, required=True)
    parser.add_argument("--ports", required=True)
    given = parser.parse_args()
    asyncio.run(serve(given.control, [int(port) for port in given.ports.split(",")]))
