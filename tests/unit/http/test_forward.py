"""What control is told of a request that is passed on to it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from opengateway.http.forward import ControlForward, _headers
from opengateway.kit.client_address import networks

TRUSTED = networks(["10.0.0.0/8"])


def scope(client: str, *headers: tuple[bytes, bytes]) -> dict[str, Any]:
    return {"client": (client, 1234), "scheme": "https", "headers": list(headers)}


@pytest.mark.parametrize(
    ("client", "told", "found"),
    [
        ("203.0.113.1", b"198.51.100.1", "203.0.113.1"),  # anybody may write that header
        ("10.0.0.1", b"192.0.2.66, 198.51.100.1", "198.51.100.1"),
        ("10.0.0.1", b"10.0.0.7", "10.0.0.7"),
    ],
)
def test_the_address_is_the_one_that_a_trusted_proxy_saw(
    client: str, told: bytes, found: str
) -> None:
    headers = _headers(scope(client, (b"x-forwarded-for", told)), TRUSTED)
    assert headers.getall("x-forwarded-for") == [found]
    assert headers["x-forwarded-proto"] == "https"


def test_what_belongs_to_one_connection_is_not_passed_on() -> None:
    sent = scope("203.0.113.1", (b"connection", b"close"), (b"cookie", b"a=b"), (b"te", b"x"))
    headers = _headers(sent, ())
    assert "connection" not in headers
    assert "te" not in headers
    assert headers["cookie"] == "a=b"


@pytest.fixture
async def endless(tmp_path: Path) -> AsyncIterator[tuple[Path, asyncio.Event]]:
    """Control's socket, where one stream of events goes on for ever; and word that it was left."""
    left = asyncio.Event()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(
            b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n"
            b"transfer-encoding: chunked\r\n\r\n3\r\n:\n\n\r\n"
        )
        await reader.read()
        left.set()
        writer.close()

    server = await asyncio.start_unix_server(answer, tmp_path / "control.sock")
    yield tmp_path / "control.sock", left
    server.close()


@pytest.mark.parametrize("who", ["the caller", "the process"])
async def test_a_stream_of_events_ends_when_the_caller_leaves_or_the_process_stops(
    endless: tuple[Path, asyncio.Event], who: str
) -> None:
    path, left = endless
    forward, gone, sent = ControlForward(path), asyncio.Event(), []
    begun = asyncio.Event()

    async def receive() -> dict[str, Any]:
        await gone.wait()
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        sent.append(message)
        if message.get("body"):
            begun.set()

    asked = {
        **scope("203.0.113.1"),
        "method": "GET",
        "path": "/api/v1/logs/tail",
    }
    running = asyncio.create_task(forward(asked, receive, send))
    async with asyncio.timeout(10):
        await begun.wait()
        if who == "the caller":
            gone.set()
        else:
            forward.end_streams()
        await running
        await left.wait()
    assert sent[-1] == {"type": "http.response.body", "body": b"", "more_body": False}
    await forward.aclose()
