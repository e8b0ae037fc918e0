"""Everything that is not the data plane's goes on to control, byte for byte, over its socket."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import TYPE_CHECKING

from opengateway.http.asgi import Receive, Scope, Send
from opengateway.kit.client_address import Networks, client_address
from opengateway.kit.json import dumps

if TYPE_CHECKING:  # loaded with the first request that needs it: it takes 0.1 s and 8 MB
    import aiohttp
    from multidict import CIMultiDict

_HOP_BY_HOP = frozenset(
    (
        b"connection",
        b"keep-alive",
        b"proxy-authenticate",
        b"proxy-authorization",
        b"te",
        b"trailer",
        b"transfer-encoding",
        b"upgrade",
        # Only we may say where a request came from.
        b"x-forwarded-for",
        b"x-forwarded-proto",
        b"forwarded",
    )
)
"""Headers of one connection (RFC 9110, 7.6.1), and those that a caller must not forge."""

_BODY_BYTES = 32_000_000
_HEAD_TIMEOUT_S = 60.0


class _BodyTooLarge(Exception):
    pass


class ControlForward:
    """An ASGI app that is control, somewhere else."""

    def __init__(self, socket: Path, trusted: Networks = ()) -> None:
        """`trusted` are the proxies before us whose word on the caller's address is believed."""
        self._socket = socket
        self._trusted = trusted
        self._session: aiohttp.ClientSession | None = None
        self._stopping = asyncio.Event()

    def end_streams(self) -> None:
        """The process stops: what would go on for minutes (a tail of the log) ends now. Clients come
        again with the last event's id."""
        self._stopping.set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        import aiohttp

        begun = False
        try:
            async with self._open().request(
                scope["method"],
                "http://control" + _target(scope),
                headers=_headers(scope, self._trusted),
                data=_body(receive) if _has_body(scope) else None,
                allow_redirects=False,
                skip_auto_headers=("user-agent", "accept", "accept-encoding", "content-type"),
            ) as answer:
                begun = True
                await send(
                    {
                        "type": "http.response.start",
                        "status": answer.status,
                        "headers": [
                            (name.lower(), value)
                            for name, value in answer.raw_headers
                            # Our own server says the date.
                            if name.lower() not in _HOP_BY_HOP and name.lower() != b"date"
                        ],
                    }
                )
                if answer.content_type == "text/event-stream":
                    await self._relay_events(answer, receive, send)
                else:
                    async for chunk in answer.content.iter_any():
                        await send({"type": "http.response.body", "body": chunk, "more_body": True})
                await send({"type": "http.response.body", "body": b"", "more_body": False})
        except _BodyTooLarge:
            await _refuse(
                send, 413, "request_too_large", "the body is larger than 32,000,000 bytes"
            )
        except (aiohttp.ClientError, TimeoutError, OSError):
            if not begun:
                await _refuse(
                    send, 503, "control_unavailable", "this part of the product is restarting"
                )

    async def _relay_events(
        self, answer: aiohttp.ClientResponse, receive: Receive, send: Send
    ) -> None:
        """Until control ends it, the caller leaves, or this process stops."""
        ends = [
            asyncio.ensure_future(_left(receive)),
            asyncio.ensure_future(self._stopping.wait()),
        ]
        try:
            while True:
                chunk = asyncio.ensure_future(answer.content.readany())
                done, _ = await asyncio.wait({chunk, *ends}, return_when=asyncio.FIRST_COMPLETED)
                if chunk not in done:
                    chunk.cancel()
                    answer.close()
                    return
                if not (data := chunk.result()):
                    return
                await send({"type": "http.response.body", "body": data, "more_body": True})
        finally:
            for end in ends:
                end.cancel()

    def _open(self) -> aiohttp.ClientSession:
        import aiohttp

        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.UnixConnector(path=str(self._socket), limit=256),
                cookie_jar=aiohttp.DummyCookieJar(),
                auto_decompress=False,
                timeout=aiohttp.ClientTimeout(total=None, connect=5, sock_read=_HEAD_TIMEOUT_S),
            )
        return self._session

    async def aclose(self) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None


async def _left(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def _target(scope: Scope) -> str:
    raw: bytes = scope.get("raw_path") or scope["path"].encode()
    query: bytes = scope.get("query_string", b"")
    return (raw + (b"?" + query if query else b"")).decode("latin-1")


def _headers(scope: Scope, trusted: Networks) -> CIMultiDict[str]:
    from multidict import CIMultiDict

    headers: CIMultiDict[str] = CIMultiDict()
    for name, value in scope["headers"]:
        if name not in _HOP_BY_HOP:
            headers.add(name.decode("latin-1"), value.decode("latin-1"))
    client = scope.get("client")
    if client:
        said = [v.decode("latin-1") for n, v in scope["headers"] if n == b"x-forwarded-for"]
        headers["x-forwarded-for"] = client_address(client[0], said, trusted)
    headers["x-forwarded-proto"] = scope["scheme"]
    return headers


def _has_body(scope: Scope) -> bool:
    return any(name in (b"content-length", b"transfer-encoding") for name, _ in scope["headers"])


async def _body(receive: Receive) -> AsyncIterator[bytes]:
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ConnectionAbortedError("the caller left")
        part = message.get("body", b"")
        size += len(part)
        if size > _BODY_BYTES:
            raise _BodyTooLarge
        if part:
            yield part
        if not message.get("more_body", False):
            return


async def _refuse(send: Send, status: int, code: str, message: str) -> None:
    body = dumps(
        {"error": {"message": message, "type": "server_error", "param": None, "code": code}}
    )
    await send(
        {
            "type": "http.response.start",
            "status": status,
            "headers": [
                (b"content-type", b"application/json"),
                (b"content-length", b"%d" % len(body)),
                (b"retry-after", b"1"),
            ],
        }
    )
    await send({"type": "http.response.body", "body": body, "more_body": False})
