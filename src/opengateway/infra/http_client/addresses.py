"""From a host's name to a connected socket, over addresses that were checked."""

from __future__ import annotations

import asyncio
import socket
from asyncio import FIRST_COMPLETED
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, TypeAlias

from opengateway.infra.outbound import AllowAddress

Address: TypeAlias = tuple[int, Any]
"""A family of `socket`, and what `connect` takes."""

_HEAD_START_S: Final = 0.25
"""RFC 8305, 5: how long an address may take before the next one is tried beside it."""
_TRIED: Final = 8
"""Addresses of one name that are tried, at most."""
_NAMES: Final = 1024


class Resolver:
    """Names to addresses, kept for a few seconds; whoever asks for the same name waits together.

    What was checked is what is connected to: nobody resolves a second time.
    """

    def __init__(
        self, allow: AllowAddress | None, kept_s: float, unix_socket: Path | None = None
    ) -> None:
        self._here = ((socket.AF_UNIX, str(unix_socket)),) if unix_socket is not None else None
        self._allow = allow
        self._kept_s = kept_s
        self._known: dict[tuple[str, int], tuple[float, tuple[Address, ...]]] = {}
        self._asked: dict[tuple[str, int], asyncio.Task[tuple[Address, ...]]] = {}

    async def __call__(self, host: str, port: int) -> tuple[Address, ...]:
        """At least one. Raises `OSError` for an unknown name and for one without allowed address."""
        if self._here is not None:
            return self._here
        key = host, port
        until, addresses = self._known.get(key, (0.0, ()))
        if asyncio.get_running_loop().time() < until:
            return addresses
        task = self._asked.get(key)
        if task is None:
            task = self._asked[key] = asyncio.create_task(self._look_up(host, port))
            task.add_done_callback(lambda done: self._answered(key, done))
        return await asyncio.shield(task)  # one who leaves does not take the answer from the rest

    def _answered(self, key: tuple[str, int], task: asyncio.Task[tuple[Address, ...]]) -> None:
        del self._asked[key]
        if task.cancelled() or task.exception() is not None:
            return
        if len(self._known) >= _NAMES:
            self._known.clear()
        self._known[key] = asyncio.get_running_loop().time() + self._kept_s, task.result()

    async def _look_up(self, host: str, port: int) -> tuple[Address, ...]:
        loop, allow = asyncio.get_running_loop(), self._allow
        try:
            rows = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except UnicodeError as error:  # a label the name system cannot hold
            raise OSError(None, f"{host!r} is not a host's name") from error
        found = [(row[0], row[4]) for row in rows if not allow or allow(host, str(row[4][0]))]
        if not found:
            raise OSError(None, f"no address of {host!r} is allowed by the zone's outbound rules")
        return tuple(found[:_TRIED])

    def close(self) -> None:
        for task in self._asked.values():
            task.cancel()


async def connected(addresses: Sequence[Address]) -> socket.socket:
    """The first address that answers. Raises the last one's `OSError` if none does."""
    if len(addresses) == 1:
        return await _connect(addresses[0])
    waiting = list(reversed(addresses))
    pending: set[asyncio.Task[socket.socket]] = set()
    failure: BaseException | None = None
    try:
        while waiting or pending:
            if waiting:
                pending.add(asyncio.create_task(_connect(waiting.pop())))
            wait_s = _HEAD_START_S if waiting else None
            done, _ = await asyncio.wait(pending, timeout=wait_s, return_when=FIRST_COMPLETED)
            for task in done:
                pending.discard(task)
                failure = task.exception()
                if failure is None:
                    pending.update(done - {task})
                    return task.result()
    finally:
        for task in pending:
            task.cancel()
        for late in await asyncio.gather(*pending, return_exceptions=True):
            if isinstance(late, socket.socket):
                late.close()
    assert failure is not None
    raise failure


async def _connect(address: Address) -> socket.socket:
    family, where = address
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.setblocking(False)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        await asyncio.get_running_loop().sock_connect(sock, where)
    except BaseException:
        sock.close()
        raise
    return sock
