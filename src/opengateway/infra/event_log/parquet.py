"""The log's older rows as Parquet files, read and written with DuckDB.

DuckDB is loaded with the first segment: control starts without it. It works in threads of its own
and lets go of the interpreter; its memory is bounded, and what does not fit lies in a file.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

from opengateway.domain.errors import CapacityError
from opengateway.infra.event_log.columns import COLUMNS, FLAGS, FRACTIONS, WHOLE
from opengateway.infra.event_log.options import ArchiveOptions
from opengateway.kit import json
from opengateway.kit.log import get_logger
from opengateway.ports.event_archive import Segment, Values

if TYPE_CHECKING:
    import duckdb

_T = TypeVar("_T")
_READERS: Final = 2
_ORDER: Final = "team_id, started_at_ns DESC, id DESC"
_HOW: Final = "FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE 20480"
log = get_logger(__name__)


class ParquetArchive:
    """Implements `ports.event_archive.EventArchive`: a file a segment, sorted by team and time."""

    speaks = "duckdb"

    def __init__(self, folder: Path, options: ArchiveOptions | None = None) -> None:
        self._folder = folder
        self._options = options or ArchiveOptions()
        self._pool = ThreadPoolExecutor(_READERS, thread_name_prefix="archive")
        self._database: duckdb.DuckDBPyConnection | None = None
        self._writing = asyncio.Lock()

    async def close(self) -> None:
        await asyncio.to_thread(self._pool.shutdown, wait=True, cancel_futures=True)
        if self._database is not None:
            self._database.close()
            self._database = None

    async def write(self, name: str, batches: AsyncIterator[Sequence[Values]]) -> Segment | None:
        async with self._writing:
            draft = self._folder / "draft.jsonl"
            written = await self._draft(draft, batches)
            try:
                if not written:
                    return None
                source = f"read_json({_quoted(draft)}, format='newline_delimited', columns={_JSON})"
                return await self._apart(lambda: self._copy(name, source))
            finally:
                draft.unlink(missing_ok=True)

    async def merge(self, name: str, segments: Sequence[Segment]) -> Segment:
        async with self._writing:
            return await self._apart(lambda: self._copy(name, self._source(segments)))

    async def ask(
        self, segments: Sequence[Segment], text: str, values: Sequence[Any]
    ) -> Sequence[Values]:
        if not segments:
            return ()
        statement = text.format(source=self._source(segments))

        def work() -> Sequence[Values]:
            return self._connected().execute(statement, list(values)).fetchall()

        return await self._apart(work)

    async def stream(
        self, segments: Sequence[Segment], text: str, values: Sequence[Any], size: int
    ) -> AsyncIterator[Sequence[Values]]:
        if not segments:
            return
        statement = text.format(source=self._source(segments))
        cursor = await self._apart(lambda: self._connected().execute(statement, list(values)))
        try:
            while rows := await self._apart(lambda: cursor.fetchmany(size)):
                yield rows
        finally:
            cursor.close()

    async def remove(self, names: Sequence[str]) -> None:
        for name in names:
            self._path(name).unlink(missing_ok=True)

    async def names(self) -> Sequence[str]:
        return [path.stem for path in self._folder.glob("*.parquet")]

    # --- within ------------------------------------------------------------------------------------

    async def _draft(self, path: Path, batches: AsyncIterator[Sequence[Values]]) -> int:
        """Rows as lines of JSON: what DuckDB reads fastest of what Python writes fast."""
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        count = 0
        with path.open("wb") as file:
            async for rows in batches:
                count += len(rows)
                lines = [json.dumps(dict(zip(COLUMNS, row, strict=True))) for row in rows]
                await asyncio.to_thread(file.write, b"\n".join(lines) + b"\n")
        return count

    def _copy(self, name: str, source: str) -> Segment:
        """Write, sync, and give the name last: a file of that name is whole."""
        path = self._path(name)
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        draft = path.with_suffix(".draft")
        session = self._connected()
        session.execute(
            f"COPY (SELECT * FROM {source} ORDER BY {_ORDER}) TO {_quoted(draft)} ({_HOW})"
        )
        sums = session.execute(
            "SELECT min(started_at_ns), max(started_at_ns), min(id), max(id), count(*) "
            f"FROM read_parquet({_quoted(draft)})"
        ).fetchone()
        assert sums is not None
        _sync(draft)
        draft.rename(path)
        _sync(path.parent)
        begin, end, min_id, max_id, rows = sums
        return Segment(name, begin, end + 1, min_id, max_id, rows, path.stat().st_size)

    def _source(self, segments: Sequence[Segment]) -> str:
        paths = ", ".join(_quoted(self._path(segment.name)) for segment in segments)
        return f"read_parquet([{paths}])"

    def _path(self, name: str) -> Path:
        return self._folder / f"{name}.parquet"

    async def _apart(self, work: Callable[[], _T]) -> _T:
        """Raises `CapacityError` where the files cannot be read or written."""
        import duckdb

        try:
            return await asyncio.get_running_loop().run_in_executor(self._pool, work)
        except (duckdb.Error, OSError) as error:
            log.error("archive failed", error=str(error)[:500])
            raise CapacityError("the archive of the log cannot be used; try again") from error

    def _connected(self) -> duckdb.DuckDBPyConnection:
        import duckdb

        if self._database is None:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._database = duckdb.connect(
                ":memory:",
                config={
                    "threads": self._options.threads,
                    "memory_limit": f"{self._options.memory_mb}MB",
                    "temp_directory": str(self._folder / "spill"),
                    "autoinstall_known_extensions": False,
                    "autoload_known_extensions": False,
                    "preserve_insertion_order": False,
                },
            )
            self._database.execute("SET parquet_metadata_cache = true")
        # A cursor is a connection of its own: two threads may work at once.
        return self._database.cursor()


def _type(column: str) -> str:
    if column in WHOLE:
        return "BIGINT"
    if column in FRACTIONS:
        return "DOUBLE"
    return "BOOLEAN" if column in FLAGS else "VARCHAR"


def _quoted(path: Path) -> str:
    return "'" + str(path).replace("'", "''") + "'"


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


_JSON: Final = "{" + ", ".join(f"{name}: '{_type(name)}'" for name in COLUMNS) + "}"
