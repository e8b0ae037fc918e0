"""A few plain requests over a Unix socket or loopback, for the parent: it stays small."""

from __future__ import annotations

import asyncio
import http.client
import socket
import ssl
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
    path: Path, method: str, target: str, body: bytes | None = None, *, timeout_s: float = 5.0
) -> tuple[int, bytes]:
    """Status and body; `body` is JSON. Raises `OSError` when nobody answers properly."""
    headers = {} if body is None else {"content-type": "application/json"}
    connection = _UnixConnection(path, timeout_s)
    return await asyncio.to_thread(_ask, connection, method, target, headers, body)


async def ask_own_port(
    host: str, port: int, target: str, headers: dict[str, str], *, tls: bool
) -> tuple[int, bytes]:
    """Status and body of our own public port. Raises `OSError` when nobody answers properly.

    The certificate is not checked: it is for the public name, and this is our own socket.
    """
    if tls:
        context = ssl.create_default_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        connection: http.client.HTTPConnection = http.client.HTTPSConnection(
            host, port, timeout=5.0, context=context
        )
    else:
        connection = http.client.HTTPConnection(host, port, timeout=5.0)
    return await asyncio.to_thread(_ask, connection, "GET", target, headers)


def _ask(
    connection: http.client.HTTPConnection,
    method: str,
    target: str,
    headers: dict[str, str],
    body: bytes | None = None,
) -> tuple[int, bytes]:
    try:
        connection.request(method, target, body=body, headers=headers)
        answer = connection.getresponse()
        return answer.status, answer.read()
    except http.client.HTTPException as error:
        raise OSError(f"not an HTTP answer: {error!r}") from None
    finally:
        connection.close()
