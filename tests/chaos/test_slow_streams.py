"""Many slow streams on one gateway: none is lost, each costs little memory, and none of it stays.

`OPENGATEWAY_SOAK=1` is the full size: 2,000 streams for five minutes.
"""

from __future__ import annotations

import asyncio
import json
import os
import time
from collections.abc import Iterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from e2e.product import Product, Zone, free_port, product, simulator, until

SOAK = bool(os.environ.get("OPENGATEWAY_SOAK"))
STREAMS = 2_000 if SOAK else 200
EVENTS = 60 if SOAK else 8
GAP_S = 5.0 if SOAK else 0.5
MAX_KIB = 60
MODEL = "slow/one"


def chunk(content: str | None, finish: str | None = None) -> bytes:
    delta = {} if content is None else {"role": "assistant", "content": content}
    choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
    document: dict[str, Any] = {
        "id": "chatcmpl-slow",
        "object": "chat.completion.chunk",
        "created": 1_764_000_000,
        "model": "slow",
        "choices": [choice],
    }
    if finish is not None:
        document["usage"] = {"prompt_tokens": 5, "completion_tokens": 9, "total_tokens": 14}
    data = b"data: " + json.dumps(document).encode() + b"\n\n"
    return b"%x\r\n%b\r\n" % (len(data), data)


HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
END = b"e\r\ndata: [DONE]\n\n\r\n0\r\n\r\n"


@asynccontextmanager
async def provider_at(port: int) -> Any:
    """Answers each request with `EVENTS` words, `GAP_S` apart."""

    writers: set[asyncio.StreamWriter] = set()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.add(writer)
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = int(head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0])
                await reader.readexactly(length)
                writer.write(HEAD)
                for number in range(EVENTS):
                    writer.write(chunk(f"word{number} "))
                    await asyncio.sleep(GAP_S)
                writer.write(chunk(None, "stop") + END)
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", port, backlog=4096)
    yield
    for writer in writers:
        writer.close()
    server.close()
    await asyncio.sleep(0.1)


async def one(target: Product) -> str:
    """A whole stream. The request's id. Raises if it is not whole."""
    reader, writer = await asyncio.open_connection("127.0.0.1", target.port)
    body = json.dumps(
        {"model": MODEL, "stream": True, "messages": [{"role": "user", "content": "go"}]}
    ).encode()
    writer.write(
        b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n"
        b"authorization: Bearer %s\r\nconnection: close\r\ncontent-length: %d\r\n\r\n%s"
        % (target.key.encode(), len(body), body)
    )
    head = await reader.readuntil(b"\r\n\r\n")
    assert b" 200 " in head.split(b"\r\n")[0], head
    said = await reader.read()
    writer.close()
    assert said.count(b'"content":"word') == EVENTS, "an event is missing"
    assert b"data: [DONE]" in said
    return head.partition(b"x-request-id: ")[2].split(b"\r\n")[0].decode()


def rss_kib(pid: int) -> int:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1])
    raise AssertionError("no VmRSS")


@pytest.fixture(scope="module")
def slow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Product, int]]:
    port = free_port()
    with simulator() as provider:
        zone = Zone(provider, tmp_path_factory.mktemp("slow"))
        zone.provider("slow", "openai", base_url=f"http://127.0.0.1:{port}/v1")
        zone.model(MODEL, ("slow", "slow"))
        with product(zone) as target:
            yield target, port


@pytest.mark.timeout(EVENTS * GAP_S + 180)
def test_slow_streams_are_whole_and_cost_little(slow: tuple[Product, int]) -> None:
    target, port = slow
    pid = target.pid("gateway")

    async def story() -> tuple[list[str], int, list[int]]:
        async with provider_at(port):
            await asyncio.gather(*(one(target) for _ in range(3)))  # what is loaded once is loaded
            before = rss_kib(pid)
            running = []
            for _ in range(STREAMS):
                running.append(asyncio.create_task(one(target)))
                await asyncio.sleep(0.5 / STREAMS)
            whole = asyncio.gather(*running)
            samples = []
            began = time.monotonic()
            while not whole.done():
                await asyncio.sleep(GAP_S / 2)
                if 0.25 < (time.monotonic() - began) / (EVENTS * GAP_S) < 0.9:
                    samples.append(rss_kib(pid))
            return await whole, before, samples

    ids, before, samples = asyncio.run(story())
    each_kib = (max(samples) - before) / STREAMS
    grown_kib = (samples[-1] - samples[0]) / STREAMS
    print(f"\n{STREAMS} streams: {each_kib:.1f} KiB each, {grown_kib:+.2f} KiB each while they ran")
    assert len(set(ids)) == STREAMS, "none is lost"
    assert each_kib <= MAX_KIB
    assert grown_kib <= 1.0, "memory is flat while streams go on"
    if not SOAK:
        until(lambda: set(ids) <= {r["id"] for r in target.records()}, 20, every_s=0.5)
