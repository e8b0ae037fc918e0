"""What is one process's alone: a home, its sockets, and a store that belongs to one zone."""

from __future__ import annotations

import fcntl
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from sqlalchemy import text

from opengateway.compose.paths import Paths
from opengateway.domain.errors import OperatorError
from opengateway.infra.database import Database

_BACKLOG: Final = 256


@contextmanager
def alone(paths: Paths) -> Iterator[None]:
    """Hold the home's control lock; the kernel releases it however this process ends."""
    paths.control_db.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    handle = os.open(paths.control_db.with_name("lock"), os.O_RDWR | os.O_CREAT, 0o600)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise OperatorError(
                f"another control process runs in {str(paths.home)!r}; stop it first"
            ) from None
        yield
    finally:
        os.close(handle)


@contextmanager
def listen_privately(path: Path) -> Iterator[socket.socket]:
    """A listening Unix socket that only this user can connect to."""
    path.unlink(missing_ok=True)  # of a process that was killed; ours is the only one (`alone`)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        before = os.umask(0o177)  # so that it is closed to others from its first moment
        try:
            listener.bind(str(path))
        except OSError as error:
            raise OperatorError(f"cannot listen on {path}: {error.strerror or error}") from None
        finally:
            os.umask(before)
        listener.listen(_BACKLOG)
        listener.setblocking(False)
        yield listener
    finally:
        listener.close()
        with suppress(OSError):
            path.unlink(missing_ok=True)


async def require_own_store(database: Database, zone: str) -> None:
    """Zones share no store: whose teams are there, that zone's it is. Raises `OperatorError`."""
    async with database.read() as session:
        foreign = await session.execute(
            text("SELECT id, zone FROM teams WHERE zone <> :zone LIMIT 1"), {"zone": zone}
        )
        found = foreign.first()
    if found is not None:
        raise OperatorError(
            f"the control store holds team {found[0]!r} of zone {found[1]!r}, and this is zone"
            f" {zone!r}: give each zone a store of its own, and let a zone keep its name"
        )
