"""What is asked of the log of requests, and what comes back of it.

A `LogRow` is what a list shows and what sums are made of; the whole of a request is its
`CloseRecord`.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final

import msgspec
from msgspec.structs import astuple

from opengateway.domain.records import CloseRecord
from opengateway.domain.usage import INPUT_TOKENS, OUTPUT_TOKENS, Dimension

LARGEST: Final = 2**53 - 1
"""What every reader of JSON keeps exactly, and what sums of millions of rows can hold. A provider
that claims more tokens must not stop the whole journal."""
_TEXT: Final = 256
"""Characters of a column that others fill; the record has the whole."""
HOUR_NS: Final = 3_600 * 10**9
DAY_NS: Final = 24 * HOUR_NS
_INPUT: Final = frozenset(INPUT_TOKENS)
_OUTPUT: Final = frozenset(OUTPUT_TOKENS)
_WRITTEN: Final = (Dimension.CACHE_WRITE, Dimension.CACHE_WRITE_1H)


class LogRow(msgspec.Struct, frozen=True, gc=False):
    """One request, in the order of the columns of every store. Amounts in nano-dollars."""

    id: str
    team_id: str
    key_id: str
    member_id: str | None
    """Who made the key."""
    user: str | None
    """The tag that the caller gave for their own user."""
    session_id: str | None
    zone: str
    started_at_ns: int
    operation: str
    dialect: str
    stream: bool
    requested_model: str
    model: str | None
    owner: str | None
    """Whose model it is: what stands before the `/` of its id."""
    provider: str | None
    region: str | None
    endpoint_id: str | None
    price_id: str | None
    upstream_id: str | None
    ending: str
    status: int
    error_code: str | None
    finish_reason: str | None
    sticky: str | None
    attempts: int
    input_tokens: int
    cached_tokens: int
    """Those of the input that a cache gave."""
    written_tokens: int
    """Those of the input that went into a cache."""
    output_tokens: int
    reasoning_tokens: int
    """Those of the output that were reasoning."""
    usage_estimated: bool
    cost_nanos: int
    fee_nanos: int
    provider_cost_nanos: int
    saved_nanos: int
    """What the cached tokens would have cost more at the request's own rate of plain input."""
    overhead_us: int
    first_token_ms: float | None
    total_ms: float


class Place(msgspec.Struct, frozen=True):
    """Where a page ends: what follows began before, or then with a smaller id."""

    started_at_ns: int
    id: str


class LogFilter(msgspec.Struct, frozen=True):
    """What is wanted; None is anything. `team_ids` are the teams that may be seen."""

    team_ids: tuple[str, ...] | None = None
    id: str | None = None
    ending: str | None = None
    status: int | None = None
    status_class: int | None = None
    """2 for every 2xx, and so on."""
    code: str | None = None
    provider: str | None = None
    owner: str | None = None
    model: str | None = None
    key_id: str | None = None
    member_id: str | None = None
    user: str | None = None
    session_id: str | None = None
    zone: str | None = None
    operation: str | None = None
    from_ns: int | None = None
    until_ns: int | None = None
    """Not included."""
    min_cost_nanos: int | None = None
    max_cost_nanos: int | None = None
    min_ms: float | None = None
    max_ms: float | None = None


class Group(StrEnum):
    """What usage can be told apart by."""

    MODEL = "model"
    OWNER = "owner"
    PROVIDER = "provider"
    KEY = "key"
    MEMBER = "member"
    USER = "user"
    SESSION = "session"
    ZONE = "zone"
    TEAM = "team"
    HOUR = "hour"
    DAY = "day"


class UsageSums(msgspec.Struct, frozen=True):
    """Sums over some requests, in the order of the columns of the rollups."""

    requests: int = 0
    failed: int = 0
    """Without an answer: refused, broken, our fault or void."""
    retried: int = 0
    """More than one endpoint was tried."""
    rescued: int = 0
    """Retried, and answered whole."""
    input_tokens: int = 0
    cached_tokens: int = 0
    written_tokens: int = 0
    output_tokens: int = 0
    reasoning_tokens: int = 0
    cost_nanos: int = 0
    fee_nanos: int = 0
    provider_cost_nanos: int = 0
    saved_nanos: int = 0
    overhead_us: int = 0
    total_us: int = 0

    def __add__(self, other: UsageSums) -> UsageSums:
        return UsageSums(*map(int.__add__, astuple(self), astuple(other)))


class UsageLine(msgspec.Struct, frozen=True):
    """`by` holds a value for each group that was asked for; times as Unix nanoseconds."""

    by: tuple[str | int | None, ...]
    sums: UsageSums


class Difference(msgspec.Struct, frozen=True):
    """A sum of some hours that `where` (a rollup's table, or `ledger`) says otherwise than the rows."""

    where: str
    what: str
    team_id: str
    from_ns: int
    rows: int
    said: int


class Reconciled(msgspec.Struct, frozen=True):
    """What was compared, and what did not agree, at most `MOST_DIFFERENCES`."""

    requests: int
    cost_nanos: int
    differences: tuple[Difference, ...] = ()


MOST_DIFFERENCES: Final = 1_000


class LatencyLine(msgspec.Struct, frozen=True):
    """Percentiles in milliseconds, exact to 2 %. None where nothing was measured."""

    by: tuple[str | int | None, ...]
    requests: int
    total_ms: tuple[float | None, ...]
    first_token_ms: tuple[float | None, ...]


def row_of(record: CloseRecord) -> LogRow:
    """What a list shows of a request."""
    usage = record.usage
    given = made = 0
    for dimension, quantity in usage.items():
        if dimension in _INPUT:
            given += quantity
        elif dimension in _OUTPUT:
            made += quantity
    read = usage.get(Dimension.CACHE_READ, 0)
    model = record.model
    routing = record.routing
    return LogRow(
        id=record.id,
        team_id=record.team_id,
        key_id=record.key_id,
        member_id=record.user_id,
        user=_text(record.user),
        session_id=_text(record.session_id),
        zone=record.zone,
        started_at_ns=record.started_at_ns,
        operation=record.operation,
        dialect=record.dialect,
        stream=record.stream,
        requested_model=_text(record.requested_model) or "",
        model=model,
        owner=model.partition("/")[0] if model and "/" in model else None,
        provider=record.provider,
        region=record.region,
        endpoint_id=record.endpoint_id,
        price_id=record.price_id,
        upstream_id=_text(record.upstream_id),
        ending=record.ending.value,
        status=record.status,
        error_code=record.error.code if record.error else None,
        finish_reason=_text(record.finish_reason),
        sticky=routing.sticky if routing is not None and routing.sticky else None,
        attempts=len(record.attempts),
        input_tokens=min(given, LARGEST),
        cached_tokens=min(read, LARGEST),
        written_tokens=min(sum(usage.get(d, 0) for d in _WRITTEN), LARGEST),
        output_tokens=min(made, LARGEST),
        reasoning_tokens=min(usage.get(Dimension.REASONING, 0), LARGEST),
        usage_estimated=record.usage_estimated,
        cost_nanos=min(record.cost_nanos, LARGEST),
        fee_nanos=min(record.fee_nanos, LARGEST),
        provider_cost_nanos=min(record.provider_cost_nanos, LARGEST),
        saved_nanos=_saved(record, read),
        overhead_us=record.overhead_us,
        first_token_ms=record.first_token_ms,
        total_ms=record.total_ms,
    )


def _text(value: str | None) -> str | None:
    """A store's text holds no NUL, and an index no long text."""
    return None if value is None else value[:_TEXT].replace("\x00", "")


def _saved(record: CloseRecord, read: int) -> int:
    """By the rate that the plain input of the same request was charged at; 0 where there was none."""
    plain = record.usage.get(Dimension.INPUT, 0)
    if not read or not plain:
        return 0
    parts = record.cost_parts
    at_full_rate = parts.get(Dimension.INPUT, 0) * read // plain
    return max(-LARGEST, min(at_full_rate - parts.get(Dimension.CACHE_READ, 0), LARGEST))
