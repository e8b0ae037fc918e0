"""A simulator on a real port, and a client that sees every byte."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import msgspec

from opengateway.simulator.app import Simulator, build_app
from opengateway.simulator.serve import make_server, open_socket
from opengateway.simulator.settings import SimulatorSettings


@dataclass
class Running:
    port: int
    app: Simulator

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def stats(self, limit: int = 1000) -> dict[str, Any]:
        return json.loads(msgspec.json.encode(self.app.ledger.report(limit)))

    def last(self) -> dict[str, Any]:
        """The newest record; a caller may see a reply's end a moment before it is written down."""
        for _ in range(200):
            record: dict[str, Any] = self.stats(1)["records"][0]
            if record["ending"] != "running":
                return record
            time.sleep(0.01)
        raise AssertionError("the request never ended")


@contextmanager
def running(settings: SimulatorSettings) -> Iterator[Running]:
    app = build_app(settings)
    listener = open_socket("127.0.0.1", 0)
    port = listener.getsockname()[1]
    server = make_server(app)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    try:
        yield Running(port, app)
    finally:
        server.should_exit = True
        thread.join(10)


@dataclass
class Got:
    """What came back. `clean` says that the response ended as HTTP says it must."""

    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    clean: bool = False
    reset: bool = False
    closed: bool = False
    reads: int = 0

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def events(self) -> list[str]:
        blocks = self.body.decode().replace("\r\n", "\n").replace("\r", "\n").split("\n\n")
        return [block.removeprefix("data: ") for block in blocks if block.startswith("data:")]

    @property
    def named(self) -> list[tuple[str, Any]]:
        """Events that have a name, with their data."""
        found = []
        for block in self.body.decode().split("\n\n"):
            if block.startswith("event: "):
                name, _, data = block.removeprefix("event: ").partition("\ndata: ")
                found.append((name, json.loads(data)))
        return found

    @property
    def chunks(self) -> list[Any]:
        return [json.loads(event) for event in self.events if event != "[DONE]"]

    @property
    def text(self) -> str:
        """The first choice's text, of a stream or of a whole reply."""
        if not self.body.lstrip().startswith(b"data:"):
            return str(self.json["choices"][0]["message"]["content"])
        found = [c["choices"][0]["delta"].get("content") for c in self.chunks if c["choices"]]
        return "".join(piece for piece in found if isinstance(piece, str))


def ask(
    simulator: Running,
    content: Any = "Hello",
    *,
    model: str = "sim-chat",
    path: str = "/v1/chat/completions",
    persona: str | None = None,
    key: str | None = "sk-test",
    raw: bytes | None = None,
    timeout_s: float = 5.0,
    **members: Any,
) -> Got:
    """One request on a connection of its own, read to the end of the response."""
    if persona is not None:
        path = f"/as/{persona}/v1/chat/completions"
    if raw is None:
        messages = members.pop("messages", None) or [{"role": "user", "content": content}]
        raw = json.dumps({"model": model, "messages": messages} | members).encode()
    return send(simulator, "POST", path, raw, key=key, timeout_s=timeout_s)


ANTHROPIC = {"x-api-key": "sk-ant-test", "anthropic-version": "2023-06-01"}
GEMINI = {"x-goog-api-key": "AIza-test"}


def claude(
    simulator: Running,
    content: Any = "Hello",
    *,
    path: str = "/anthropic/v1/messages",
    headers: dict[str, str] = ANTHROPIC,
    timeout_s: float = 5.0,
    **members: Any,
) -> Got:
    """One request on Anthropic's wire; a member that is None is left out."""
    body = {"model": "sim-claude", "max_tokens": 4096} | members
    body.setdefault("messages", [{"role": "user", "content": content}])
    kept = {name: value for name, value in body.items() if value is not None}
    raw = json.dumps(kept).encode()
    return send(simulator, "POST", path, raw, headers=headers, timeout_s=timeout_s)


def gemini(
    simulator: Running,
    content: Any = "Hello",
    *,
    model: str = "sim-gemini",
    stream: bool = False,
    path: str | None = None,
    headers: dict[str, str] = GEMINI,
    timeout_s: float = 5.0,
    **members: Any,
) -> Got:
    """One request on Gemini's wire."""
    method = "streamGenerateContent?alt=sse" if stream else "generateContent"
    path = path or f"/gemini/v1beta/models/{model}:{method}"
    contents = [{"role": "user", "parts": [{"text": content}]}]
    raw = json.dumps({"contents": contents} | members).encode()
    return send(simulator, "POST", path, raw, headers=headers, timeout_s=timeout_s)


def send(
    simulator: Running,
    method: str,
    path: str,
    body: bytes = b"",
    *,
    key: str | None = "sk-test",
    headers: dict[str, str] | None = None,
    timeout_s: float = 5.0,
) -> Got:
    """`headers` come instead of a bearer key."""
    head = f"{method} {path} HTTP/1.1\r\nhost: x\r\ncontent-length: {len(body)}\r\n"
    if headers is not None:
        head += "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    elif key is not None:
        head += f"authorization: Bearer {key}\r\n"
    return asyncio.run(_exchange(simulator.port, head.encode() + b"\r\n" + body, timeout_s))


async def _exchange(port: int, request: bytes, timeout_s: float) -> Got:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    got = Got()
    try:
        writer.write(request)
        async with asyncio.timeout(timeout_s):
            await read_response(reader, got)
    except ConnectionResetError:
        got.reset = True
    except (asyncio.IncompleteReadError, TimeoutError) as error:
        if isinstance(error, asyncio.IncompleteReadError):
            got.closed = True
            got.body += error.partial
    finally:
        writer.close()
        try:
            await writer.wait_closed()
        except ConnectionResetError:
            got.reset = True
    return got


async def read_response(reader: asyncio.StreamReader, got: Got) -> None:
    """Fills `got` as it reads, so that what came before a cut is kept."""
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    got.status = int(head[0].split(" ")[1])
    got.headers = {k.lower(): v for k, _, v in (line.partition(": ") for line in head[1:] if line)}
    if "content-length" in got.headers:
        got.body = await reader.readexactly(int(got.headers["content-length"]))
    else:
        while size := int((await reader.readuntil(b"\r\n")).strip(), 16):
            got.body += (await reader.readexactly(size + 2))[:-2]
            got.reads += 1
        await reader.readuntil(b"\r\n")
    got.clean = True
