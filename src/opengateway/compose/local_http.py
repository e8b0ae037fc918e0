"""A few plain requests over a Unix socket or loopback, for the parent: it stays small."""

from __future__ import annotations

import asyncio
import http.client
import socket
from pathlib import Path


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: Path, timeout_s: float) -> None:
        super().__init__("local", timeout=timeout_s)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(str(self._path))


async def ask_unix(
    path: Path, method: str, target: str, *, timeout_s: float = 5.0
) -> tuple[int, bytes]:
    """Status and body. Raises `OSError` when nobody answers properly."""
    return await asyncio.to_thread(_ask, _UnixConnection(path, timeout_s), method, target, {})


async def ask_tcp(
    host: str, port: int, method: str, target: str, headers: dict[str, str] | None = None
) -> tuple[int, bytes]:
    """Status and body. Raises `OSError` when nobody answers properly."""
    connection = http.client.HTTPConnection(host, port, timeout=5.0)
    return await asyncio.to_thread(_ask, connection, method, target, headers or {})


def _ask(
    connection: http.client.HTTPConnection, method: str, target: str, headers: dict[str, str]
) -> tuple[int, bytes]:
    try:
        connection.request(method, target, headers=headers)
        answer = connection.getresponse()
        return answer.status, answer.read()
    except http.client.HTTPException as error:
        raise OSError(f"not an HTTP answer: {error!r}") from None
    finally:
        connection.close()
