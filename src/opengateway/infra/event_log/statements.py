"""The questions to the log as SQL, for every store alike: what differs is a `Speech`.

Values are never in the text: marks are `?`, in their order.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from opengateway.domain.request_log import (
    DAY_NS,
    HOUR_NS,
    Group,
    LatencyLine,
    LogFilter,
    Place,
    UsageLine,
    UsageSums,
)
from opengateway.infra.event_log.columns import ANSWERED, ROLLUPS, ROW, SUMS

Asked = tuple[str, list[Any]]
STEP: Final = 1.02
"""A bucket of the latency count is 2 % wide. Counts of buckets add up over stores and segments,
percentiles do not."""
_COLUMN: Final = {
    Group.MODEL: "model",
    Group.OWNER: "owner",
    Group.PROVIDER: "provider",
    Group.KEY: "key_id",
    Group.MEMBER: "member_id",
    Group.USER: "user_tag",
    Group.SESSION: "session_id",
    Group.ZONE: "zone",
    Group.TEAM: "team_id",
}
_EQUAL: Final = (
    *(("id", "id"), ("ending", "ending"), ("status", "status"), ("code", "error_code")),
    *(("provider", "provider"), ("owner", "owner"), ("model", "model"), ("key_id", "key_id")),
    *(("member_id", "member_id"), ("user", "user_tag"), ("session_id", "session_id")),
    *(("zone", "zone"), ("operation", "operation")),
)
_BOUNDS: Final = (
    *(("from_ns", "started_at_ns", ">="), ("until_ns", "started_at_ns", "<")),
    *(("min_cost_nanos", "cost_nanos", ">="), ("max_cost_nanos", "cost_nanos", "<=")),
    *(("min_ms", "total_ms", ">="), ("max_ms", "total_ms", "<=")),
)
_TIMES: Final = frozenset(("from_ns", "until_ns"))
_ANSWERED: Final = ", ".join(f"'{ending}'" for ending in ANSWERED)


@dataclass(frozen=True, slots=True)
class Speech:
    """What one database says otherwise than the others."""

    divided: str = "({} / {})"
    """Whole numbers."""
    whole: str = "CAST({} AS BIGINT)"
    """What is before the decimal point of a positive number."""
    sum: str = "sum({})"


SQLITE: Final = Speech(whole="CAST({} AS INTEGER)")
POSTGRES: Final = Speech(whole="CAST(trunc({}) AS BIGINT)", sum="CAST(sum({}) AS BIGINT)")
SPEECHES: Final = {
    "duckdb": Speech("({} // {})", "CAST(trunc({}) AS BIGINT)", sum="CAST(sum({}) AS BIGINT)"),
    "clickhouse": Speech("intDiv({}, {})", "toInt64(trunc({}))", sum="toInt64(sum({}))"),
}
"""Of archives."""


def where(wanted: LogFilter, extra: Iterable[str] = ()) -> Asked:
    """`WHERE ...` and its values; empty where everything is wanted."""
    said, values = list(extra), list[Any]()
    if wanted.team_ids is not None:
        if len(wanted.team_ids) == 1:
            said.append("team_id = ?")
        elif wanted.team_ids:
            said.append(f"team_id IN ({', '.join('?' * len(wanted.team_ids))})")
        else:
            said.append("1 = 0")
        values += wanted.team_ids
    for name, column in _EQUAL:
        value = getattr(wanted, name)
        if value is not None:
            said.append(f"{column} = ?")
            values.append(value)
    if wanted.status_class is not None:
        said.append("status >= ? AND status < ?")
        values += (wanted.status_class * 100, wanted.status_class * 100 + 100)
    for name, column, compared in _BOUNDS:
        value = getattr(wanted, name)
        if value is not None:
            said.append(f"{column} {compared} ?")
            values.append(value)
    return (f" WHERE {' AND '.join(said)}" if said else ""), values


def every(source: str, wanted: LogFilter) -> Asked:
    """Newest first, without an end."""
    text, values = where(wanted)
    return (
        f"SELECT {', '.join(ROW)} FROM {source}{text} ORDER BY started_at_ns DESC, id DESC",
        values,
    )


def page(source: str, wanted: LogFilter, limit: int, after: Place | None) -> Asked:
    """Newest first."""
    text, values = where(wanted)
    if after is not None:
        text += f"{' AND' if text else ' WHERE'} (started_at_ns, id) < (?, ?)"
        values += (after.started_at_ns, after.id)
    return (
        f"SELECT {', '.join(ROW)} FROM {source}{text} ORDER BY started_at_ns DESC, id DESC LIMIT ?",
        [*values, limit],
    )


def finding(source: str, name: str, team_ids: Sequence[str] | None) -> list[Asked]:
    """A record by our id; then by the provider's, of several the newest."""
    wanted = LogFilter(team_ids=None if team_ids is None else tuple(team_ids))
    asked = []
    for column in ("id", "upstream_id"):
        text, values = where(wanted, (f"{column} = ?",))
        text += " ORDER BY started_at_ns DESC LIMIT 1" if column == "upstream_id" else ""
        asked.append((f"SELECT record FROM {source}{text}", [name, *values]))
    return asked


def rollup_of(wanted: LogFilter, by: Sequence[Group]) -> str | None:
    """The table of sums that knows enough; None where the rows must be asked."""
    columns = dict(_EQUAL) | {"team_ids": "team_id"}
    asked = {n for n in LogFilter.__struct_fields__ if getattr(wanted, n) is not None} - _TIMES
    needed = {columns.get(name, name) for name in asked} | {
        _COLUMN[group] for group in by if group in _COLUMN
    }
    return next((table for table, kept in ROLLUPS.items() if needed <= set(kept)), None)


def usage_of_rollups(
    speech: Speech, table: str, wanted: LogFilter, by: Sequence[Group], offset_ns: int
) -> Asked:
    grouped = [_grouped(speech, group, "hour_ns", offset_ns) for group in by]
    sums = [speech.sum.format(name) for name in SUMS]
    text, values = where(wanted)
    return _sums(table, grouped, sums, text.replace("started_at_ns", "hour_ns"), values)


def usage_of_rows(
    speech: Speech, source: str, wanted: LogFilter, by: Sequence[Group], offset_ns: int
) -> Asked:
    grouped = [_grouped(speech, group, "started_at_ns", offset_ns) for group in by]
    counted = {
        "failed": f"CASE WHEN ending IN ({_ANSWERED}) THEN 0 ELSE 1 END",
        "retried": "CASE WHEN attempts > 1 THEN 1 ELSE 0 END",
        "rescued": "CASE WHEN attempts > 1 AND ending = 'completed' THEN 1 ELSE 0 END",
        "total_us": speech.whole.format("total_ms * 1000"),
    }
    sums = ["count(*)", *(speech.sum.format(counted.get(name, name)) for name in SUMS[1:])]
    return _sums(source, grouped, sums, *where(wanted))


def _sums(source: str, by: list[str], sums: list[str], text: str, values: list[Any]) -> Asked:
    order = f" GROUP BY {', '.join(map(str, range(1, len(by) + 1)))}" if by else ""
    return f"SELECT {', '.join([*by, *sums])} FROM {source}{text}{order}", values


def _grouped(speech: Speech, group: Group, time: str, offset_ns: int) -> str:
    if group is Group.HOUR:
        return f"{speech.divided.format(time, HOUR_NS)} * {HOUR_NS}"
    if group is Group.DAY:
        days = speech.divided.format(f"({time} + {offset_ns:d})", DAY_NS)
        return f"{days} * {DAY_NS} - {offset_ns:d}"
    return f"coalesce({_COLUMN[group]}, '')"


def latencies(
    speech: Speech, source: str, wanted: LogFilter, by: Sequence[Group], offset_ns: int
) -> list[Asked]:
    """Counts of buckets: of the whole time, then of the time to the first token."""
    grouped = [_grouped(speech, group, "started_at_ns", offset_ns) for group in by]
    asked = []
    for column in ("total_ms", "first_token_ms"):
        text, values = where(wanted, ("ending = 'completed'", f"{column} > 0"))
        bucket = speech.whole.format(f"ln({column} * 1000) / {math.log(STEP)!r} + 1000") + " - 1000"
        asked.append(_sums(source, grouped, [bucket, "count(*)"], text, values))
    ends = f", {len(grouped) + 1}" if grouped else " GROUP BY 1"
    return [(text + ends, values) for text, values in asked]


# --- what comes back ------------------------------------------------------------------------------


class Lines:
    """Adds up what several sources say of the same groups."""

    def __init__(self, by: Sequence[Group]) -> None:
        self._by = by
        self._sums: dict[tuple[Any, ...], UsageSums] = {}

    def add(self, rows: Iterable[Sequence[Any]]) -> None:
        width = len(self._by)
        for row in rows:
            if row[width]:
                key = _key(row, width)
                sums = UsageSums(*(int(n or 0) for n in row[width:]))
                known = self._sums.get(key)
                self._sums[key] = sums if known is None else known + sums

    def lines(self, limit: int) -> list[UsageLine]:
        lines = [UsageLine(key, sums) for key, sums in self._sums.items()]
        return sorted(lines, key=_order(self._by))[:limit]


class Buckets:
    """Adds up counts of latencies, and finds percentiles."""

    def __init__(self, by: Sequence[Group]) -> None:
        self._by = by
        self._counts: tuple[_Counts, _Counts] = ({}, {})

    def add(self, which: int, rows: Iterable[Sequence[Any]]) -> None:
        width, counts = len(self._by), self._counts[which]
        for row in rows:
            of = counts.setdefault(_key(row, width), {})
            bucket = int(row[width])
            of[bucket] = of.get(bucket, 0) + int(row[width + 1])

    def lines(self, percents: Sequence[float], limit: int) -> list[LatencyLine]:
        whole, first = self._counts
        lines = [
            LatencyLine(
                key,
                sum(whole.get(key, {}).values()),
                _percentiles(whole.get(key, {}), percents),
                _percentiles(first.get(key, {}), percents),
            )
            for key in whole.keys() | first.keys()
        ]
        timed = Group.HOUR in self._by or Group.DAY in self._by
        at = [n for n, group in enumerate(self._by) if group in (Group.HOUR, Group.DAY)]
        return sorted(
            lines,
            key=lambda line: (
                *((int(line.by[n] or 0) for n in at) if timed else ()),
                -line.requests,
                tuple(map(str, line.by)),
            ),
        )[:limit]


_Counts = dict[tuple[Any, ...], dict[int, int]]


def _percentiles(counts: dict[int, int], percents: Sequence[float]) -> tuple[float | None, ...]:
    total = sum(counts.values())
    if not total:
        return (None,) * len(percents)
    found = []
    buckets = sorted(counts)
    for percent in percents:
        rank, below = math.ceil(total * percent / 100), 0
        for bucket in buckets:
            below += counts[bucket]
            if below >= rank:
                break
        # The middle of the bucket, in milliseconds.
        found.append(round(STEP ** (bucket + 0.5) / 1000, 3))
    return tuple(found)


def newest_arrivals(wanted: LogFilter, after: int, limit: int) -> Asked:
    text, values = where(wanted, ("arrival > ?",))
    return (
        f"SELECT arrival, {', '.join(ROW)} FROM requests{text} ORDER BY arrival LIMIT ?",
        [after, *values, limit],
    )


def _key(row: Sequence[Any], width: int) -> tuple[Any, ...]:
    return tuple(value if value != "" else None for value in row[:width])


def _order(by: Sequence[Group]) -> Callable[[UsageLine], tuple[Any, ...]]:
    at = [n for n, group in enumerate(by) if group in (Group.HOUR, Group.DAY)]

    def order(line: UsageLine) -> tuple[Any, ...]:
        times = tuple(int(line.by[n] or 0) for n in at)
        return (*times, -line.sums.cost_nanos, -line.sums.requests, tuple(map(str, line.by)))

    return order
