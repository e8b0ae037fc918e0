"""Calls an ASGI app in this event loop, without a server."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

Message = dict[str, Any]


@dataclass(frozen=True)
class Reply:
    status: int
    headers: dict[str, str]
    body: bytes
    cookies: tuple[str, ...] = ()
    """The values of all `Set-Cookie` headers; `headers` keeps only the last of a name."""

    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def text(self) -> str:
        return self.body.decode()


async def call(
    app: Any,
    method: str,
    target: str,
    *,
    body: bytes | None = None,
    payload: object = None,
    headers: dict[str, str] | None = None,
) -> Reply:
    """One request. `payload` is sent as JSON. What the app raises is raised here."""
    path, _, query = target.partition("?")
    sent = {k.lower(): v for k, v in (headers or {}).items()}
    if payload is not None:
        body = json.dumps(payload).encode()
        sent.setdefault("content-type", "application/json")
    scope = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.4"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": unquote(path),
        "raw_path": path.encode(),
        "query_string": query.encode(),
        "root_path": "",
        "headers": [(k.encode(), v.encode()) for k, v in {"host": "test", **sent}.items()],
        "client": ("127.0.0.1", 1),
        "server": ("test", 80),
    }
    incoming: list[Message] = [{"type": "http.request", "body": body or b"", "more_body": False}]
    outgoing: list[Message] = []

    async def receive() -> Message:
        return incoming.pop(0) if incoming else {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        outgoing.append(message)

    await app(scope, receive, send)
    start = outgoing[0]
    return Reply(
        start["status"],
        {k.decode().lower(): v.decode() for k, v in start["headers"]},
        b"".join(m.get("body", b"") for m in outgoing[1:]),
        tuple(v.decode() for k, v in start["headers"] if k.lower() == b"set-cookie"),
    )
