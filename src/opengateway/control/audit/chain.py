"""The arithmetic of the audit log: what is hashed, and how an entry hangs on the one before it."""

from __future__ import annotations

from hashlib import sha256
from typing import Any, Final

import msgspec

GENESIS: Final = "0" * 64
"""What the first entry of a zone hangs on."""

_encode = msgspec.json.Encoder(order="sorted").encode


class Deed(msgspec.Struct, frozen=True):
    """What an entry says, without its place. `actor`, `before` and `after` are canonical JSON."""

    at_ns: int
    team_id: str | None
    actor: str
    action: str
    object_id: str | None
    before: str | None
    after: str | None
    reason: str | None


def canonical(value: Any) -> str:
    """JSON with sorted names and no space: one text for one value. No float is ever in it."""
    return _encode(value).decode()


def entry_hash(prev_hash: str, zone: str, seq: int, deed: Deed) -> str:
    """SHA-256 over the hash before and the canonical JSON of the whole entry, in hexadecimal."""
    told = [
        zone,
        seq,
        deed.at_ns,
        deed.team_id,
        deed.actor,
        deed.action,
        deed.object_id,
        deed.before,
        deed.after,
        deed.reason,
    ]
    return sha256(prev_hash.encode() + _encode(told)).hexdigest()
