"""The log's older rows in ClickHouse: `event_log: {use: clickhouse}`.

One table; a segment is what its column `segment` says. Rows of a segment that nobody lists are seen by
nobody, so an insert that was cut off is made again and nothing is there twice.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Any, Final

from opengateway.infra.event_log.columns import COLUMNS, FLAGS, FRACTIONS, WHOLE
from opengateway.kit import json
from opengateway.ports.event_archive import Segment, Values

RunSql = Callable[[str, bytes], Awaitable[bytes]]
"""A statement and, for an insert, its data; the answer as it comes. Raises `CapacityError`."""

_INSERT_BYTES: Final = 8 * 1024 * 1024
_NEVER_NULL: Final = frozenset(
    (
        *("id", "team_id", "key_id", "zone", "started_at_ns", "operation", "dialect", "stream"),
        *("requested_model", "ending", "status", "attempts", "usage_estimated", "total_ms"),
        *("overhead_us", "record"),
    )
)
_FEW: Final = frozenset(
    (
        *("team_id", "key_id", "member_id", "zone", "operation", "dialect", "requested_model"),
        *("model", "owner", "provider", "region", "endpoint_id", "price_id", "ending"),
        *("error_code", "finish_reason", "sticky"),
    )
)
"""Of few values: kept as numbers."""
_FORMAT: Final = (
    " FORMAT JSONCompactEachRow SETTINGS output_format_json_quote_64bit_integers = 0,"
    " output_format_json_quote_denormals = 0"
)
_SUMS: Final = (
    "SELECT min(started_at_ns), max(started_at_ns), min(id), max(id), count(*), sum(byteSize(*)) "
    "FROM {table} WHERE segment = {name}"
)


class ClickHouseArchive:
    """Implements `ports.event_archive.EventArchive`."""

    speaks = "clickhouse"

    def __init__(
        self,
        run: RunSql,
        kept_days: int,
        table: str = "opengateway_requests",
        close: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        """`kept_days`: the engine itself removes what is older by a week than that."""
        self._run = run
        self._kept_days = kept_days
        self._table = table
        self._close = close
        self._is_made = False

    async def close(self) -> None:
        if self._close is not None:
            await self._close()

    async def write(self, name: str, batches: AsyncIterator[Sequence[Values]]) -> Segment | None:
        await self._make()
        lines: list[bytes] = []
        size = 0
        async for rows in batches:
            for row in rows:
                shown = dict(zip(COLUMNS, row, strict=True), segment=name)
                lines.append(json.dumps(shown))
                size += len(lines[-1])
            if size >= _INSERT_BYTES:
                await self._insert(lines)
                lines, size = [], 0
        if lines:
            await self._insert(lines)
        return await self._segment(name)

    async def merge(self, name: str, segments: Sequence[Segment]) -> Segment:
        await self._make()
        columns = ", ".join(COLUMNS)
        await self._run(
            f"INSERT INTO {self._table} (segment, {columns}) SELECT {literal(name)}, {columns} "
            f"FROM {self._source(segments)}",
            b"",
        )
        merged = await self._segment(name)
        assert merged is not None, "segments are never empty"
        return merged

    async def ask(
        self, segments: Sequence[Segment], text: str, values: Sequence[Any]
    ) -> Sequence[Values]:
        if not segments:
            return ()
        return await self._rows(filled(text.format(source=self._source(segments)), values))

    async def stream(
        self, segments: Sequence[Segment], text: str, values: Sequence[Any], size: int
    ) -> AsyncIterator[Sequence[Values]]:
        rows = await self.ask(segments, text, values)
        for at in range(0, len(rows), size):
            yield rows[at : at + size]

    async def remove(self, names: Sequence[str]) -> None:
        if names:
            await self._make()
            await self._run(
                f"ALTER TABLE {self._table} DELETE WHERE segment IN ({_list(names)})", b""
            )

    async def names(self) -> Sequence[str]:
        await self._make()
        return [row[0] for row in await self._rows(f"SELECT DISTINCT segment FROM {self._table}")]

    # --- within ------------------------------------------------------------------------------------

    async def _insert(self, lines: Sequence[bytes]) -> None:
        await self._run(f"INSERT INTO {self._table} FORMAT JSONEachRow", b"\n".join(lines))

    async def _segment(self, name: str) -> Segment | None:
        text = _SUMS.format(table=self._table, name=literal(name))
        begin, end, min_id, max_id, rows, size = (await self._rows(text))[0]
        return Segment(name, begin, end + 1, min_id, max_id, rows, size) if rows else None

    async def _rows(self, text: str) -> list[Values]:
        answer = await self._run(text + _FORMAT, b"")
        return [json.loads(line) for line in answer.splitlines() if line]

    def _source(self, segments: Sequence[Segment]) -> str:
        names = _list([segment.name for segment in segments])
        return f"(SELECT * FROM {self._table} WHERE segment IN ({names}))"

    async def _make(self) -> None:
        if self._is_made:
            return
        columns = ", ".join(f"{name} {_type(name)}" for name in COLUMNS)
        await self._run(
            f"CREATE TABLE IF NOT EXISTS {self._table} "
            f"(segment LowCardinality(String), {columns}) "
            "ENGINE = MergeTree ORDER BY (team_id, started_at_ns, id) "
            "PARTITION BY toYYYYMM(fromUnixTimestamp64Nano(started_at_ns)) "
            "TTL toDateTime(fromUnixTimestamp64Nano(started_at_ns)) "
            f"+ INTERVAL {self._kept_days + 7:d} DAY",
            b"",
        )
        self._is_made = True


def filled(text: str, values: Sequence[Any]) -> str:
    """The statement with its values in the place of its marks, as literals."""
    first, *rest = text.split("?")
    assert len(rest) == len(values), "a value for each mark"
    return first + "".join(literal(value) + part for value, part in zip(values, rest, strict=True))


def literal(value: Any) -> str:
    """Raises `TypeError` for what no filter holds."""
    if isinstance(value, str):
        return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"
    if isinstance(value, int | float):
        return repr(value)
    raise TypeError(f"no literal for {type(value).__name__}")


def _list(names: Sequence[str]) -> str:
    return ", ".join(map(literal, names))


def _type(column: str) -> str:
    if column in WHOLE:
        kind = "Int64"
    elif column in FRACTIONS:
        kind = "Float64"
    else:
        kind = "Bool" if column in FLAGS else "String"
    if column not in _NEVER_NULL and column not in WHOLE:
        kind = f"Nullable({kind})"
    if column == "record":
        return f"{kind} CODEC(ZSTD(3))"
    return f"LowCardinality({kind})" if column in _FEW else kind
