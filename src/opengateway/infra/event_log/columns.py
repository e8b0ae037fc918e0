"""The columns of a request, alike in every store, and how rows go in and come out."""

from __future__ import annotations

from collections.abc import Sequence
from operator import attrgetter
from typing import Any, Final

from msgspec.structs import astuple

from opengateway.domain.records import CloseRecord
from opengateway.domain.request_log import HOUR_NS, LogRow, UsageSums, row_of
from opengateway.kit import json

_FIELDS: Final = LogRow.__struct_fields__
ROW: Final = tuple("user_tag" if name == "user" else name for name in _FIELDS)
"""Of a `LogRow`; `user` is a word of SQL."""
COLUMNS: Final = (*ROW, "record")
WHOLE: Final = frozenset(
    name
    for name in ROW
    if name.endswith(("_nanos", "_tokens", "_ns", "_us")) or name in ("status", "attempts")
)
FRACTIONS: Final = frozenset(("first_token_ms", "total_ms"))
FLAGS: Final = frozenset(("stream", "usage_estimated"))
SUMS: Final = UsageSums.__struct_fields__
ROLLUPS: Final = {
    "usage_hours": ("hour_ns", "team_id", "zone", "model", "owner", "provider"),
    "usage_key_hours": ("hour_ns", "team_id", "zone", "key_id", "member_id", "model", "owner"),
}
"""What the sums of each table are of. Two small ones, because one of everything would have nearly as
many rows as there are requests. A text that is not known is empty: a key of a table has no NULL."""
ANSWERED: Final = ("completed", "client_gone")
_ANSWERED: Final = frozenset(ANSWERED)


def postgres_type(column: str) -> str:
    if column in WHOLE:
        return "bigint"
    if column in FRACTIONS:
        return "double precision"
    return "boolean" if column in FLAGS else "text"


def values_of(record: CloseRecord) -> tuple[LogRow, tuple[Any, ...]]:
    """A record's row, and its values in the order of `COLUMNS`."""
    row = row_of(record)
    return row, (*astuple(row), json.dumps(record).decode())


def log_row(values: Sequence[Any]) -> LogRow:
    """Of values in the order of `ROW`, as any store gives them."""
    row = list(values)
    for at in _FLAGS_AT:
        row[at] = bool(row[at])
    return LogRow(*row)


_FLAGS_AT: Final = tuple(ROW.index(name) for name in sorted(FLAGS))


def rollup(rows: Sequence[LogRow], kept_by: Sequence[str]) -> list[tuple[Any, ...]]:
    """What the rows add up to, in the order of `kept_by` and `SUMS`, by key: who writes several
    rows of one table takes them in one order."""
    sums: dict[tuple[Any, ...], list[int]] = {}
    of = attrgetter(*kept_by[1:])
    for row in rows:
        hour = row.started_at_ns // HOUR_NS * HOUR_NS
        key = (hour, *(text or "" for text in of(row)))
        counted = _counted(row)
        known = sums.get(key)
        if known is None:
            sums[key] = counted
        else:
            for at, quantity in enumerate(counted):
                known[at] += quantity
    return [(*key, *sums[key]) for key in sorted(sums)]


def _counted(row: LogRow) -> list[int]:
    retried = row.attempts > 1
    return [
        1,
        row.ending not in _ANSWERED,
        retried,
        retried and row.ending == "completed",
        row.input_tokens,
        row.cached_tokens,
        row.written_tokens,
        row.output_tokens,
        row.reasoning_tokens,
        row.cost_nanos,
        row.fee_nanos,
        row.provider_cost_nanos,
        row.saved_nanos,
        row.overhead_us,
        int(row.total_ms * 1000),
    ]
