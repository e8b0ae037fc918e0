"""The zone's servers: what a zone file says of PostgreSQL and Valkey, and whether they are there.

Read by every process; what talks to a server is only loaded by whoever uses it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

import msgspec

from opengateway.catalog.config import Reference
from opengateway.compose.components import EditionName, Slot
from opengateway.compose.egress import is_inside
from opengateway.compose.faults import Faults
from opengateway.compose.references import BadReference, References, is_reference
from opengateway.compose.zone_file import ZoneFile
from opengateway.domain.errors import OperatorError

if TYPE_CHECKING:
    from opengateway.compose.zone import Components, Zone

_SCHEMES: Final = {
    "postgres": ("postgresql", "postgres"),
    "valkey": ("redis", "rediss", "unix"),
}
_EXAMPLES: Final = {
    "postgres": "postgresql://USER:PASSWORD@HOST:5432/DATABASE",
    "valkey": "redis://USER:PASSWORD@HOST:6379/0",
}


class ServerOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    url: Reference
    """Where the URL is: it holds a password."""


@dataclass(frozen=True, slots=True)
class StoreUrls:
    """Empty where the store is not a server."""

    control_store: str = field(default="", repr=False)
    shared_state: str = field(default="", repr=False)


def check_stores(
    file: ZoneFile, components: Components | None, references: References, faults: Faults
) -> StoreUrls:
    """Note what cannot work, and read the URLs. `components` is None when they have a fault."""
    _check_workers(file.listen.workers, components, faults)
    if components is None:
        return StoreUrls()
    return StoreUrls(
        _url("control_store", components.control_store, file, references, faults),
        _url("shared_state", components.shared_state, file, references, faults),
    )


def _check_workers(workers: int, components: Components | None, faults: Faults) -> None:
    if workers == 1:
        return
    if components is None or components.shared_state.use != "valkey":
        problem = "gateways need components.shared_state: {use: valkey}; set that, or workers: 1"
    else:
        problem = "gateways on one machine are not part of this version; set workers: 1"
    faults.add("listen.workers", f"{workers} {problem}")


def _url(slot: str, chosen: Slot, file: ZoneFile, references: References, faults: Faults) -> str:
    if not isinstance(chosen.options, ServerOptions):
        return ""
    path, text = f"components.{slot}.url", chosen.options.url
    if not is_reference(text):
        faults.add(path, "it holds a password; put it into a variable and write env:NAME")
        return ""
    try:
        url = references.read(text)
        parts = urlsplit(url)
        host = parts.hostname
    except BadReference as error:
        faults.add(path, str(error))
        return ""
    except ValueError:
        parts, host = urlsplit(""), None
    if parts.scheme not in _SCHEMES[chosen.use]:
        faults.add(path, f"what it points at is no {_EXAMPLES[chosen.use]}")
        return ""
    if file.edition is EditionName.AIRGAP and host and not is_inside(host, file.outbound.allow):
        faults.add(
            path,
            f"{host!r} is not a private address; an airgap zone calls only those, and what"
            " outbound.allow lists",
        )
    return url


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
