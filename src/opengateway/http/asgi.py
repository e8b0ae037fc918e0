"""The ASGI types, and the caller's side of an exchange over ASGI."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from opengateway.ports.caller import Headers

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

CONNECTION = "opengateway.connection"
"""The scope's member under which our server protocol puts a `Connection`."""


class Connection:
    """What the server tells of a caller's connection beyond ASGI (see http/server.py).

    `receive()` tells of a lost connection too, but only to a task that waits for it; a hook costs
    nothing while nothing happens.
    """

    __slots__ = ("_close", "on_lost")

    def __init__(self, close: Callable[[], None]) -> None:
        self._close = close
        self.on_lost: Callable[[], None] | None = None

    def abort(self) -> None:
        self._close()


class AsgiCaller:
    """A `ports.caller.Caller` over ASGI."""

    __slots__ = ("_connection", "_send")

    def __init__(self, send: Send, connection: Connection) -> None:
        self._send = send
        self._connection = connection

    async def start(self, status: int, headers: Headers) -> None:
        await self._send(
            {"type": "http.response.start", "status": status, "headers": list(headers)}
        )

    async def write(self, body: bytes, *, last: bool) -> None:
        await self._send({"type": "http.response.body", "body": body, "more_body": not last})

    def on_gone(self, callback: Callable[[], None] | None) -> None:
        self._connection.on_lost = callback

    def abort(self) -> None:
        self._connection.abort()
