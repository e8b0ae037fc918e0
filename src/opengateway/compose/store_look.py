"""Whether a zone's servers are there. For `doctor`: a gateway never loads what this loads."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from opengateway.compose.zone import Zone
from opengateway.domain.errors import OperatorError


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


def _look(
    slot: str, url: str, look: Callable[[str], Awaitable[str]], shown: Callable[[str], str]
) -> str:
    async def ask() -> str:
        return await look(url)

    try:
        return asyncio.run(ask())
    except OperatorError as error:
        raise OperatorError(f"components.{slot}: {shown(url)}: {error.message}") from None
