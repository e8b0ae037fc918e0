"""Sockets that are bound before the process that serves them starts."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Final

from opengateway.domain.errors import OperatorError

SIMULATOR_URL: Final = "OPENGATEWAY_SIMULATOR_URL"
"""The environment's word for where the parent's bundled simulator listens."""
OWN_URL: Final = "OPENGATEWAY_OWN_URL"
"""The environment's word for where the parent's gateway listens: smoke tests go there."""
GREETING: Final = "OPENGATEWAY_GREETING"
"""`off`: the parent makes no first key and says nothing."""


def bind(host: str, port: int, *, backlog: int = 4096) -> socket.socket:
    """A listening socket that a child may inherit. Raises `OperatorError`."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        raise OperatorError(f"cannot listen on {host}:{port}: {error.strerror or error}") from None
    listener.listen(backlog)
    listener.setblocking(False)
    listener.set_inheritable(True)
    return listener


def bind_unix(path: Path, *, backlog: int = 128) -> socket.socket:
    """A listening Unix socket for this user alone; what lay there before is replaced."""
    path.unlink(missing_ok=True)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listener.bind(str(path))
    path.chmod(0o600)
    listener.listen(backlog)
    listener.setblocking(False)
    return listener
