"""What is remembered of a request: the journal's records (decisions 6-8).

These structs are a stored format: fields may be added with a default, never renamed or removed, and
a default never changes: what has it is left out.
"""

from __future__ import annotations

from enum import StrEnum

import msgspec

from opengateway.domain.usage import Dimension


class Ending(StrEnum):
    """How a request ended. Settlement switches on it, exhaustively."""

    COMPLETED = "completed"
    CLIENT_GONE = "client_gone"
    UPSTREAM_BROKE = "upstream_broke"  # after the first content: told in-band
    REFUSED = "refused"  # answered with an error before any content
    FAILED = "failed"  # our bug
    VOID = "void"  # opened, and the gateway died before it closed


class AttemptRecord(msgspec.Struct, omit_defaults=True, gc=False):
    """One try of one endpoint. Times in milliseconds since the request was accepted."""

    endpoint_id: str
    provider: str
    region: str
    upstream_model: str
    credential: str
    started_ms: float
    ended_ms: float = 0.0
    first_byte_ms: float | None = None
    status: str = "failed"  # succeeded | failed
    upstream_status: int = 0
    error_class: str | None = None
    error_code: str | None = None
    error_message: str | None = None
    upstream_id: str | None = None
    why: str = ""
    """Why this one: a `domain.routing.Choice`; empty in records of before there were reasons."""


class RoutingRecord(msgspec.Struct, omit_defaults=True, gc=False):
    """How the endpoints were chosen. Absent where one endpoint was all there was."""

    strategy: str
    order: list[str]
    """Places, `provider/region` with `#credential`, as they would have been tried."""
    scores: list[float] = []
    """The share of successes that was expected of each, in the same order; empty where all were
    well."""
    excluded: list[str] = []
    """`place code`, or `place code:detail`."""
    sticky: str = ""
    """How the conversation's own endpoint fared: hit, miss, moved; empty for none."""


class RequestError(msgspec.Struct, omit_defaults=True, gc=False):
    status: int
    code: str
    message: str
    param: str | None = None


class OpenRecord(msgspec.Struct, tag="open", omit_defaults=True, gc=False):
    """Written with the dispatch, before the first byte goes upstream."""

    id: str
    team_id: str
    key_id: str
    started_at_ns: int
    model: str
    endpoint_id: str
    price_id: str
    hold_nanos: int
    gateway: str
    lease_id: str = ""
    """Which lease the hold draws on; empty: none (billing off, or an allowance)."""
    user_id: str | None = None


class CloseRecord(msgspec.Struct, tag="close", omit_defaults=True, gc=False):
    """The whole record of a request, written before its last byte leaves to the caller."""

    id: str
    team_id: str
    key_id: str
    zone: str
    gateway: str
    snapshot: str
    started_at_ns: int
    operation: str
    dialect: str
    stream: bool
    requested_model: str
    ending: Ending
    status: int
    opened: bool
    """Whether an `OpenRecord` of the same id stands before it."""
    model: str | None = None
    endpoint_id: str | None = None
    provider: str | None = None
    region: str | None = None
    error: RequestError | None = None
    finish_reason: str | None = None
    native_finish_reason: str | None = None
    usage: dict[Dimension, int] = {}
    usage_estimated: bool = False
    cost_nanos: int = 0
    cost_parts: dict[Dimension, int] = {}
    price_id: str | None = None
    attempts: list[AttemptRecord] = []
    overhead_us: int = 0
    """Time in the gateway: total without waiting for the provider or for the caller to read."""
    first_token_ms: float | None = None
    total_ms: float = 0.0
    input_bytes: int = 0
    delivered_characters: int = 0
    dropped_params: list[str] = []
    client_request_id: str | None = None
    upstream_id: str | None = None
    session_id: str | None = None
    user: str | None = None
    lease_id: str = ""
    user_id: str | None = None
    """Who made the key."""
    provider_cost_nanos: int = 0
    """What the winner's provider charges us, by its cost row; `cost_nanos` is what the team pays."""
    provider_cost_known: bool = True
    fee_nanos: int = 0
    """The part of `cost_nanos` that is our fee."""
    routing: RoutingRecord | None = None


JournalRecord = OpenRecord | CloseRecord
