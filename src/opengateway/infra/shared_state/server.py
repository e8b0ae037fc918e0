"""Whether the Valkey server of a zone can be used, in words for its operator."""

from __future__ import annotations

import asyncio
from typing import Any, Final
from urllib.parse import urlsplit

from redis.exceptions import (
    AuthenticationError,
    NoPermissionError,
    RedisError,
    ResponseError,
)
from redis.exceptions import TimeoutError as RedisTimeout

from opengateway.domain.errors import OperatorError
from opengateway.infra.shared_state.valkey import CONNECT_S, close_now, connections_to, exchange

OLDEST: Final = (7, 2)
"""The first release of Valkey; the scripts of `infra/limits` need nothing newer."""
_LOOK_S: Final = 5.0
_TROUBLE: Final = (RedisError, OSError, TimeoutError, ValueError)


def shown(url: str) -> str:
    """Where a URL leads, for people: without user, password and options."""
    try:
        parts = urlsplit(url)
        return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"
    except ValueError:
        return "redis://?"


async def look(url: str) -> str:
    """The server's version, such as `9.1.2`. Raises `OperatorError` in one line, no password."""
    try:
        async with asyncio.timeout(_LOOK_S):
            version = await _version(url)
    except _TROUBLE as error:
        raise OperatorError(_told(error)) from None
    if tuple(int(part) for part in version.split(".")[:2]) < OLDEST:
        raise OperatorError(f"version {version}; {'.'.join(map(str, OLDEST))} or newer is needed")
    return version


async def room(url: str) -> int:
    """How many clients the server takes. Raises `OperatorError`."""
    try:
        async with asyncio.timeout(_LOOK_S):
            return int((await _told_of(url, "clients")).get("maxclients", 10_000))
    except _TROUBLE as error:
        raise OperatorError(_told(error)) from None


async def _version(url: str) -> str:
    told = await _told_of(url, "server")
    return told.get("valkey_version") or told["redis_version"]


async def _told_of(url: str, section: str) -> dict[str, str]:
    connection: Any = connections_to(url).make_connection()
    try:
        await connection.connect()
        (info,) = await exchange(connection, [("INFO", section)])
    finally:
        close_now(connection)
    if isinstance(info, ResponseError):
        raise info
    return dict(line.partition(":")[::2] for line in bytes(info).decode().splitlines())


def _told(error: BaseException) -> str:
    if isinstance(error.__cause__, RedisError):
        error = error.__cause__  # redis-py wraps what the handshake met
    match error:
        case AuthenticationError() | NoPermissionError():
            return "it refuses the user or the password; check both"
        case TimeoutError() | RedisTimeout():
            return f"it does not answer within {CONNECT_S:g} s"
        case ResponseError():
            return str(error)[:200]
        case RedisError() | OSError():
            return "nothing listens there"
        case _:
            return "the URL is not understood; write redis://USER:PASSWORD@HOST:PORT/0"
