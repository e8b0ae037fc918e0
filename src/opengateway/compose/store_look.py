"""Whether a zone's servers are there. For `doctor`: a gateway never loads what this loads."""

from __future__ import annotations

import asyncio
import resource
from collections.abc import Awaitable, Callable, Iterator
from typing import Final

from opengateway.compose.zone import Zone
from opengateway.domain.errors import OperatorError
from opengateway.gateway.services import GatewayLimits


def look_at_stores(zone: Zone) -> dict[str, str]:
    """Ask each server of the zone for its version: slot to what is there, such as `18.6`.

    Raises `OperatorError` about the first that cannot be used.
    """
    found: dict[str, str] = {}
    if url := zone.stores.control_store:
        from opengateway.infra import postgres

        found["control_store"] = _look("control_store", url, postgres.look, postgres.shown)
    if url := zone.stores.shared_state:
        from opengateway.infra.shared_state import server

        found["shared_state"] = _look("shared_state", url, server.look, server.shown)
    return found


def connection_budget(zone: Zone, members: int) -> Iterator[str]:
    """What each member opens, and how many of them its servers and this machine have room for.

    Raises `OperatorError` where `members` are too many.
    """
    if url := zone.stores.control_store:
        from opengateway.infra import postgres

        room = asyncio.run(postgres.room(url))
        yield _told("PostgreSQL", postgres.CONNECTIONS, room, members, "max_connections")
    if url := zone.stores.shared_state:
        from opengateway.infra.shared_state import server
        from opengateway.infra.shared_state.valkey import CONNECTIONS

        room = asyncio.run(server.room(url))
        yield _told("Valkey", CONNECTIONS, room, members, "maxclients")
    files, most = resource.getrlimit(resource.RLIMIT_NOFILE)[1], GatewayLimits().in_flight
    room = max(0, files - _OWN_FILES) // _FILES_A_REQUEST
    said = f"{most:,} requests at once"
    if room < most:
        said = f"{room:,} requests at once, of {most:,} that are admitted: raise `ulimit -n`"
    yield f"files       {files:,} a process: room for {said}"


_OWN_FILES: Final = 200
_FILES_A_REQUEST: Final = 2
"""The caller's connection and the provider's."""


def _told(name: str, each: int, room: int, members: int, setting: str) -> str:
    if each * members > room:
        raise OperatorError(
            f"{members} members open {each * members} connections to {name}, which has room for"
            f" {room}: raise {setting}, or run {room // each} members"
        )
    return f"connections {each} of a member to {name}, which has room for {room}: {room // each} members"


def _look(
    slot: str, url: str, look: Callable[[str], Awaitable[str]], shown: Callable[[str], str]
) -> str:
    async def ask() -> str:
        return await look(url)

    try:
        return asyncio.run(ask())
    except OperatorError as error:
        raise OperatorError(f"components.{slot}: {shown(url)}: {error.message}") from None
