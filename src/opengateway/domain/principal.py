"""Who is calling: what the key table says of a key."""

from __future__ import annotations

from enum import StrEnum

import msgspec


class KeyKind(StrEnum):
    INFERENCE = "inference"
    MANAGEMENT = "management"


class Principal(msgspec.Struct, frozen=True):
    """One key's row of the replicated key table. `digest` is hexadecimal, under `pepper_version`.

    Times are Unix nanoseconds. `models` and `providers` empty mean every one; `ips` are addresses
    and networks in CIDR form, empty means any. `rpm` are requests, `tpm` tokens a minute, None
    means no limit.
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
    providers: tuple[str, ...] = ()
    ips: tuple[str, ...] = ()
    rpm: int | None = None
    tpm: int | None = None
    concurrency: int | None = None
    user_id: str | None = None
    """Who made the key: a member's budget counts what it spends."""
    metadata: dict[str, str] = {}
    body_logging: bool | None = None
    strict_parameters: bool = False
    """Whether what would be left out of a request is refused instead."""
    old_digest: str | None = None
    """Of the secret before the last rotation, taken until `old_until_ns`."""
    old_until_ns: int | None = None


class RateLimits(msgspec.Struct, frozen=True):
    """Requests and tokens in any 60 seconds, and requests at once; None means no limit."""

    rpm: int | None = None
    tpm: int | None = None
    concurrency: int | None = None


class TeamState(msgspec.Struct, frozen=True):
    """What gateways must know of a team: replicated with the keys. Amounts in nano-dollars.

    `outage_allowance_nanos` is what a gateway may spend for the team while the ledger is out of
    reach; None means the default (decision 12).
    """

    team_id: str
    frozen: bool = False
    outage_allowance_nanos: int | None = None
    rpm: int | None = None
    tpm: int | None = None
    concurrency: int | None = None
    keep_responses: bool = False
    """Whether answers of `/v1/responses` are kept for 24 hours, sealed, for `previous_response_id`."""
    body_logging: bool = False
    """Whether prompts and answers are kept, where the key says nothing of it."""
    members: dict[str, RateLimits] = {}
    """A user's id to the limits on all the keys that this member made; members without are absent."""
    moved_to: str = ""
    """The zone where the team is now: nothing is done for it here."""
