"""The zone's servers: what a zone file says of PostgreSQL, Valkey and ClickHouse. Read by every process."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Final
from urllib.parse import urlsplit

import msgspec

from opengateway.catalog.config import Reference
from opengateway.compose.components import EditionName, Slot, SlotName
from opengateway.compose.egress import is_inside
from opengateway.compose.faults import Faults
from opengateway.compose.references import BadReference, References, is_reference
from opengateway.compose.zone_file import ZoneFile

_SCHEMES: Final = {
    "postgres": ("postgresql", "postgres"),
    "valkey": ("redis", "rediss", "unix"),
    "clickhouse": ("http", "https"),
}
_EXAMPLES: Final = {
    "postgres": "postgresql://USER:PASSWORD@HOST:5432/DATABASE",
    "valkey": "redis://USER:PASSWORD@HOST:6379/0",
    "clickhouse": "https://USER:PASSWORD@HOST:8443/DATABASE",
}


class ServerOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    url: Reference
    """Where the URL is: it holds a password."""


class ValkeyOptions(ServerOptions, frozen=True):
    deadline_ms: Annotated[
        int, msgspec.Meta(ge=20, le=1000, description="milliseconds from 20 to 1000")
    ] = 50
    """How long a request waits for it, at most; then each gateway decides by its share."""


@dataclass(frozen=True, slots=True)
class StoreUrls:
    """Empty where the store is not a server."""

    control_store: str = field(default="", repr=False)
    shared_state: str = field(default="", repr=False)
    event_log: str = field(default="", repr=False)


def deadline_s_of(slot: Slot) -> float:
    """What the zone says of Valkey. `slot`: the shared state's, which is Valkey."""
    assert isinstance(slot.options, ValkeyOptions), "asked for only where Valkey was chosen"
    return slot.options.deadline_ms / 1000


def check_stores(
    file: ZoneFile, slots: Mapping[SlotName, Slot] | None, references: References, faults: Faults
) -> StoreUrls:
    """Note what cannot work, and read the URLs. `slots` is None when one of them has a fault."""
    _check_workers(file.listen.workers, slots, faults)
    if slots is None:
        return StoreUrls()
    return StoreUrls(
        _url(SlotName.CONTROL_STORE, slots[SlotName.CONTROL_STORE], file, references, faults),
        _url(SlotName.SHARED_STATE, slots[SlotName.SHARED_STATE], file, references, faults),
        _url(SlotName.EVENT_LOG, slots[SlotName.EVENT_LOG], file, references, faults),
    )


def _check_workers(workers: int, slots: Mapping[SlotName, Slot] | None, faults: Faults) -> None:
    if workers == 1:
        return
    if slots is None or slots[SlotName.SHARED_STATE].use != "valkey":
        problem = "gateways need components.shared_state: {use: valkey}; set that, or workers: 1"
    else:
        problem = "gateways on one machine are not part of this version; set workers: 1"
    faults.add("listen.workers", f"{workers} {problem}")


def _url(
    slot: SlotName, chosen: Slot, file: ZoneFile, references: References, faults: Faults
) -> str:
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
