"""Who is calling: what the key table says of a key."""

from __future__ import annotations

from enum import StrEnum

import msgspec


class KeyKind(StrEnum):
    INFERENCE = "inference"
    MANAGEMENT = "management"


class Principal(msgspec.Struct, frozen=True):
    """One key's row of the replicated key table. `digest` is hexadecimal, under `pepper_version`.

    Times are Unix nanoseconds. `models` empty means every model.
    """

    key_id: str
    team_id: str
    name: str
    kind: KeyKind
    digest: str
    pepper_version: int
    hint: str
    created_at_ns: int
    expires_at_ns: int | None = None
    revoked_at_ns: int | None = None
    disabled: bool = False
    models: tuple[str, ...] = ()
